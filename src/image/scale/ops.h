/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resampler's inner loops. Two number formats: 8-bit samples, and fixed
 * point, signed 16-bit samples with TC_FIXED_BITS fractional bits, which keep Lanczos'
 * overshoot and half-levels between the two passes. Weights are signed 16-bit
 * with TC_WEIGHT_BITS fractional bits and sum to exactly one.
 *
 * Every implementation has these signatures and gives the same bytes; which one
 * is used is chosen once a picture, never a row.
 */
#ifndef TC_SCALE_OPS_H
#define TC_SCALE_OPS_H

#include <stdbool.h>
#include <stdint.h>

#define TC_FIXED_BITS  6
#define TC_WEIGHT_BITS 14

/* The weights of each output sample of one axis: `per_sample` of them from `first[i]` on. */
typedef struct tc_weights {
    uint32_t count;      /* output samples */
    uint32_t per_sample; /* weights a sample, padded with zeros within the input */
    uint32_t *first;
    int16_t *weight;
} tc_weights;

typedef struct tc_scale_ops {
    const char *name;
    /* One row: `count` pixels of `channels` samples, from 8 bits or from fixed point. */
    void (*horizontal_bytes)(int16_t *to, const uint8_t *from, const tc_weights *weights,
                             unsigned channels);
    void (*horizontal_fixed)(int16_t *to, const int16_t *from, const tc_weights *weights,
                             unsigned channels);
    /* One row: `length` samples, each from `count` rows. */
    void (*vertical_bytes)(uint8_t *to, const int16_t *const *rows, const int16_t *weight,
                           unsigned count, uint32_t length);
    void (*vertical_fixed)(int16_t *to, const int16_t *const *rows, const int16_t *weight,
                           unsigned count, uint32_t length);
    /*
     * With alpha, the last channel: whether every pixel is opaque, which in fixed
     * point are the same premultiplied.
     */
    bool (*opaque)(const uint8_t *from, uint32_t pixels, unsigned channels);
    /* Straight bytes to premultiplied fixed point: colour * alpha / 255, to the nearest. */
    void (*premultiply)(int16_t *to, const uint8_t *from, uint32_t pixels, unsigned channels);
    /* Premultiplied fixed point to straight bytes; under half a level of alpha there is no
     * colour. */
    void (*unpremultiply)(uint8_t *to, const int16_t *from, uint32_t pixels, unsigned channels);
    /*
     * Of two rows of `length` samples the means of two by two, rounded; an odd last
     * one stands for two.
     */
    void (*halve)(uint8_t *to, const uint8_t *upper, const uint8_t *lower, uint32_t length);
} tc_scale_ops;

extern const tc_scale_ops tc_scale_ops_scalar;

/* For an instruction set each, or NULL where it cannot run. */
const tc_scale_ops *tc_scale_ops_avx2(void);
const tc_scale_ops *tc_scale_ops_neon(void);

/* The fastest that runs here. */
const tc_scale_ops *tc_scale_ops_best(void);

#endif
