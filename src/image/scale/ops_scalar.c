/* SPDX-License-Identifier: Apache-2.0 */
#include "ops.h"

#include <string.h>

/* Fixed point in and out: the weights' bits go. Bytes in: as many of the weights' bits stay as
   fixed point has. */
#define FIXED_SHIFT  TC_WEIGHT_BITS
#define WIDEN_SHIFT  (TC_WEIGHT_BITS - TC_FIXED_BITS)
#define NARROW_SHIFT (TC_WEIGHT_BITS + TC_FIXED_BITS)

/* Samples that are summed vertically together, so that the sums stay in registers or L1. */
#define BLOCK 64

static inline int16_t to_fixed(int32_t value)
{
    return (int16_t)(value < INT16_MIN ? INT16_MIN : value > INT16_MAX ? INT16_MAX : value);
}

static inline uint8_t to_byte(int32_t value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/*
 * One loop for both sample types and all channel counts; with `channels` a
 * constant at each call the compiler unrolls it.
 */
#define HORIZONTAL(name, type, shift)                                                      \
    static inline __attribute__((always_inline)) void name(                                \
        int16_t *to, const type *from, const tc_weights *weights, const unsigned channels) \
    {                                                                                      \
        const int16_t *weight = weights->weight;                                           \
        for (uint32_t at = 0; at < weights->count; at++, weight += weights->per_sample) {  \
            const type *in = from + (uint64_t)weights->first[at] * channels;               \
            int32_t sum[4] = {0, 0, 0, 0};                                                 \
            for (uint32_t k = 0; k < weights->per_sample; k++, in += channels) {           \
                for (unsigned c = 0; c < channels; c++)                                    \
                    sum[c] += weight[k] * in[c];                                           \
            }                                                                              \
            for (unsigned c = 0; c < channels; c++)                                        \
                *to++ = to_fixed((sum[c] + (1 << ((shift)-1))) >> (shift));                \
        }                                                                                  \
    }

HORIZONTAL(horizontal_bytes_n, uint8_t, WIDEN_SHIFT)
HORIZONTAL(horizontal_fixed_n, int16_t, FIXED_SHIFT)

#define BY_CHANNELS(name, type)                                                \
    static void name(int16_t *to, const type *from, const tc_weights *weights, \
                     unsigned channels)                                        \
    {                                                                          \
        switch (channels) {                                                    \
        case 1:                                                                \
            name##_n(to, from, weights, 1);                                    \
            break;                                                             \
        case 2:                                                                \
            name##_n(to, from, weights, 2);                                    \
            break;                                                             \
        case 3:                                                                \
            name##_n(to, from, weights, 3);                                    \
            break;                                                             \
        default:                                                               \
            name##_n(to, from, weights, 4);                                    \
        }                                                                      \
    }

BY_CHANNELS(horizontal_bytes, uint8_t)
BY_CHANNELS(horizontal_fixed, int16_t)

static inline __attribute__((always_inline)) void
sum_block(int32_t sum[BLOCK], const int16_t *const *rows, const int16_t *weight, unsigned count,
          uint32_t start, uint32_t length)
{
    for (uint32_t i = 0; i < BLOCK; i++)
        sum[i] = 0;
    for (unsigned k = 0; k < count; k++) {
        const int16_t *in = rows[k] + start;
        const int32_t w = weight[k];
        for (uint32_t i = 0; i < length; i++)
            sum[i] += w * in[i];
    }
}

#define VERTICAL(name, type, shift, narrow)                                       \
    static void name(type *to, const int16_t *const *rows, const int16_t *weight, \
                     unsigned count, uint32_t length)                             \
    {                                                                             \
        int32_t sum[BLOCK];                                                       \
        for (uint32_t start = 0; start < length; start += BLOCK) {                \
            uint32_t block = length - start < BLOCK ? length - start : BLOCK;     \
            if (block == BLOCK)                                                   \
                sum_block(sum, rows, weight, count, start, BLOCK);                \
            else                                                                  \
                sum_block(sum, rows, weight, count, start, block);                \
            for (uint32_t i = 0; i < block; i++)                                  \
                to[start + i] = narrow((sum[i] + (1 << ((shift)-1))) >> (shift)); \
        }                                                                         \
    }

VERTICAL(vertical_bytes, uint8_t, NARROW_SHIFT, to_byte)
VERTICAL(vertical_fixed, int16_t, FIXED_SHIFT, to_fixed)

static bool opaque(const uint8_t *from, uint32_t pixels, unsigned channels)
{
    unsigned least = 255;

    for (uint32_t i = 0; i < pixels; i++, from += channels)
        least &= from[channels - 1];
    return least == 255;
}

static void premultiply(int16_t *to, const uint8_t *from, uint32_t pixels, unsigned channels)
{
    unsigned colours = channels - 1;

    for (uint32_t i = 0; i < pixels; i++, to += channels, from += channels) {
        uint32_t alpha = from[colours];
        for (unsigned c = 0; c < colours; c++)
            to[c] = (int16_t)(((from[c] * alpha << TC_FIXED_BITS) + 127) / 255);
        to[colours] = (int16_t)(alpha << TC_FIXED_BITS);
    }
}

static void unpremultiply(uint8_t *to, const int16_t *from, uint32_t pixels, unsigned channels)
{
    unsigned colours = channels - 1;
    const int32_t half = 1 << (TC_FIXED_BITS - 1), most = 255 << TC_FIXED_BITS;

    for (uint32_t i = 0; i < pixels; i++, to += channels, from += channels) {
        int32_t alpha = from[colours] > most ? most : from[colours];
        if (alpha < half) {
            memset(to, 0, channels);
            continue;
        }
        for (unsigned c = 0; c < colours; c++) {
            int32_t value = from[c] < 0 ? 0 : from[c];
            to[c] = to_byte((value * 255 + alpha / 2) / alpha);
        }
        to[colours] = (uint8_t)((alpha + half) >> TC_FIXED_BITS);
    }
}

static void halve(uint8_t *to, const uint8_t *upper, const uint8_t *lower, uint32_t length)
{
    uint32_t half = length / 2;

    for (uint32_t i = 0; i < half; i++)
        to[i] =
            (uint8_t)((upper[2 * i] + upper[2 * i + 1] + lower[2 * i] + lower[2 * i + 1] + 2) >>
                      2);
    if (length % 2 != 0)
        to[half] = (uint8_t)((upper[2 * half] + lower[2 * half] + 1) >> 1);
}

const tc_scale_ops tc_scale_ops_scalar = {"scalar",       horizontal_bytes, horizontal_fixed,
                                          vertical_bytes, vertical_fixed,   opaque,
                                          premultiply,    unpremultiply,    halve};
