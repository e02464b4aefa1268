/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resampler's inner loops. Two number formats: 8-bit samples, and "lanes",
 * signed 16-bit samples with TC_LANE_BITS fractional bits, which keep Lanczos'
 * overshoot and half-levels between the two passes. Weights are signed 16-bit
 * with TC_WEIGHT_BITS fractional bits and sum to exactly one.
 *
 * Every implementation has these signatures and gives the same bytes; which one
 * is used is chosen once a picture, never a row.
 */
#ifndef TC_KERNEL_H
#define TC_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#define TC_LANE_BITS   6
#define TC_WEIGHT_BITS 14

/* The taps of each output sample of one axis: `taps` weights from `first[i]` on. */
typedef struct tc_taps {
    uint32_t count; /* output samples */
    uint32_t taps;  /* weights a sample, padded with zeros within the input */
    uint32_t *first;
    int16_t *weight;
} tc_taps;

typedef struct tc_kernel {
    const char *name;
    /* One row across: `count` pixels of `channels` samples, from 8 bits or from lanes. */
    void (*across_bytes)(int16_t *to, const uint8_t *from, const tc_taps *taps,
                         unsigned channels);
    void (*across_lanes)(int16_t *to, const int16_t *from, const tc_taps *taps,
                         unsigned channels);
    /* One row down: `length` samples, each from `taps` rows. */
    void (*down_bytes)(uint8_t *to, const int16_t *const *rows, const int16_t *weight,
                       unsigned taps, uint32_t length);
    void (*down_lanes)(int16_t *to, const int16_t *const *rows, const int16_t *weight,
                       unsigned taps, uint32_t length);
    /*
     * With alpha, the last channel: whether every pixel is opaque, for which lanes
     * from bytes are the same as premultiplied ones.
     */
    bool (*opaque)(const uint8_t *from, uint32_t pixels, unsigned channels);
    /* Straight bytes to premultiplied lanes: colour * alpha / 255, to the nearest. */
    void (*premultiply)(int16_t *to, const uint8_t *from, uint32_t pixels, unsigned channels);
    /* Premultiplied lanes to straight bytes; under half a level of alpha there is no colour. */
    void (*unpremultiply)(uint8_t *to, const int16_t *from, uint32_t pixels, unsigned channels);
    /*
     * Of two rows of `length` samples the means of two by two, rounded; an odd last
     * one stands for two.
     */
    void (*halve)(uint8_t *to, const uint8_t *upper, const uint8_t *lower, uint32_t length);
} tc_kernel;

extern const tc_kernel tc_kernel_scalar;

/* The kernels for an instruction set each, or NULL where it cannot run. */
const tc_kernel *tc_kernel_avx2(void);
const tc_kernel *tc_kernel_neon(void);

/* The fastest that runs here. */
const tc_kernel *tc_kernel_best(void);

#endif
