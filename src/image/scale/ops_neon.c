/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inner loops for 64-bit Arm, where NEON is always there. Sums are of the same
 * whole numbers as the scalar ones, in another order, so that the bytes are the same.
 *
 * Everything stands on one instruction, smlal: four 16-bit samples times a weight,
 * or four, added to 32-bit sums. So horizontally, where a pixel has several channels, they
 * lie in the sums as they lie in the row, and nothing is to be brought in order.
 *
 * Tested in an emulator, for the bytes; the speed was not measured on hardware.
 */
#include "ops.h"

#include <stddef.h>

#if defined __aarch64__ && defined __ARM_NEON

#include <arm_neon.h>

#define FIXED_SHIFT  TC_WEIGHT_BITS
#define WIDEN_SHIFT  (TC_WEIGHT_BITS - TC_FIXED_BITS)
#define NARROW_SHIFT (TC_WEIGHT_BITS + TC_FIXED_BITS)

#define INLINE static inline __attribute__((always_inline))

/* ---- horizontal ----------------------------------------------------------------- */

/*
 * Weights are taken four at a time, of one channel eight; weights in other numbers, which
 * only the narrowest pictures have, are left to the scalar code.
 */

/* One output by the scalar code. */
static void horizontal_one(int16_t *to, const uint8_t *from, const tc_weights *weights,
                           uint32_t at, unsigned channels)
{
    const tc_weights one = {1, weights->per_sample, weights->first + at,
                            weights->weight + (uint64_t)at * weights->per_sample};

    tc_scale_ops_scalar.horizontal_bytes(to, from, &one, channels);
}

/* Sums in fixed point: rounded, and clipped to 16 bits. */
#define TO_FIXED(sum, shift) vqrshrn_n_s32((sum), (shift))

/* Two times two pixels of four channels, with four weights: two sums of each channel. */
INLINE void add_four(int32x4_t sum[2], int16x8_t first, int16x8_t second, const int16_t *weight)
{
    int16x4_t w = vld1_s16(weight);

    sum[0] = vmlal_lane_s16(sum[0], vget_low_s16(first), w, 0);
    sum[1] = vmlal_high_lane_s16(sum[1], first, w, 1);
    sum[0] = vmlal_lane_s16(sum[0], vget_low_s16(second), w, 2);
    sum[1] = vmlal_high_lane_s16(sum[1], second, w, 3);
}

/* The same from bytes, which are 16. */
INLINE void add_four_bytes(int32x4_t sum[2], uint8x16_t pixels, const int16_t *weight)
{
    add_four(sum, vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(pixels))),
             vreinterpretq_s16_u16(vmovl_high_u8(pixels)), weight);
}

/*
 * Four pixels are 12 bytes, of which a fourth channel of zeros makes 16. An output whose
 * last load of 16 would reach past the row is the scalar code's: every output's weights
 * lie within the row, so those of the last one tell how far it may be read. The last one
 * is such always. Of the four samples that are stored the next output overwrites the last.
 */
static void horizontal_bytes_3(int16_t *to, const uint8_t *from, const tc_weights *weights)
{
    static const uint8_t places[16] = {0, 1, 2, 255, 3, 4,  5,  255,
                                       6, 7, 8, 255, 9, 10, 11, 255};
    const uint8x16_t spread = vld1q_u8(places);
    const uint64_t end =
        ((uint64_t)weights->first[weights->count - 1] + weights->per_sample) * 3;
    const uint64_t needs = (uint64_t)weights->per_sample * 3 + 4;
    const int16_t *weight = weights->weight;

    for (uint32_t at = 0; at < weights->count; at++, weight += weights->per_sample, to += 3) {
        const uint64_t start = (uint64_t)weights->first[at] * 3;
        const uint8_t *in = from + start;
        int32x4_t sum[2] = {vdupq_n_s32(0), vdupq_n_s32(0)};

        if (start + needs > end) {
            horizontal_one(to, from, weights, at, 3);
            continue;
        }
        for (uint32_t k = 0; k < weights->per_sample; k += 4, in += 12)
            add_four_bytes(sum, vqtbl1q_u8(vld1q_u8(in), spread), weight + k);
        vst1_s16(to, TO_FIXED(vaddq_s32(sum[0], sum[1]), WIDEN_SHIFT));
    }
}

static void horizontal_bytes_4(int16_t *to, const uint8_t *from, const tc_weights *weights)
{
    const int16_t *weight = weights->weight;

    for (uint32_t at = 0; at < weights->count; at++, weight += weights->per_sample, to += 4) {
        const uint8_t *in = from + (uint64_t)weights->first[at] * 4;
        int32x4_t sum[2] = {vdupq_n_s32(0), vdupq_n_s32(0)};

        for (uint32_t k = 0; k < weights->per_sample; k += 4, in += 16)
            add_four_bytes(sum, vld1q_u8(in), weight + k);
        vst1_s16(to, TO_FIXED(vaddq_s32(sum[0], sum[1]), WIDEN_SHIFT));
    }
}

static void horizontal_fixed_4(int16_t *to, const int16_t *from, const tc_weights *weights)
{
    const int16_t *weight = weights->weight;

    for (uint32_t at = 0; at < weights->count; at++, weight += weights->per_sample, to += 4) {
        const int16_t *in = from + (uint64_t)weights->first[at] * 4;
        int32x4_t sum[2] = {vdupq_n_s32(0), vdupq_n_s32(0)};

        for (uint32_t k = 0; k < weights->per_sample; k += 4, in += 16)
            add_four(sum, vld1q_s16(in), vld1q_s16(in + 8), weight + k);
        vst1_s16(to, TO_FIXED(vaddq_s32(sum[0], sum[1]), FIXED_SHIFT));
    }
}

/* Four pixels of two channels, with four weights, each twice: two sums of each channel. */
INLINE int32x4_t add_four_twos(int32x4_t sum, int16x8_t pixels, const int16_t *weight)
{
    int16x4_t w = vld1_s16(weight);

    sum = vmlal_s16(sum, vget_low_s16(pixels), vzip1_s16(w, w));
    return vmlal_s16(sum, vget_high_s16(pixels), vzip2_s16(w, w));
}

/* Grey and alpha, twice. */
INLINE int32x4_t add_halves(int32x4_t sum)
{
    return vaddq_s32(sum, vextq_s32(sum, sum, 2));
}

INLINE void store_two(int16_t *to, int16x4_t fixed)
{
    vst1_lane_s16(to, fixed, 0);
    vst1_lane_s16(to + 1, fixed, 1);
}

static void horizontal_bytes_2(int16_t *to, const uint8_t *from, const tc_weights *weights)
{
    const int16_t *weight = weights->weight;

    for (uint32_t at = 0; at < weights->count; at++, weight += weights->per_sample, to += 2) {
        const uint8_t *in = from + (uint64_t)weights->first[at] * 2;
        int32x4_t sum = vdupq_n_s32(0);

        for (uint32_t k = 0; k < weights->per_sample; k += 4, in += 8)
            sum = add_four_twos(sum, vreinterpretq_s16_u16(vmovl_u8(vld1_u8(in))), weight + k);
        store_two(to, TO_FIXED(add_halves(sum), WIDEN_SHIFT));
    }
}

static void horizontal_fixed_2(int16_t *to, const int16_t *from, const tc_weights *weights)
{
    const int16_t *weight = weights->weight;

    for (uint32_t at = 0; at < weights->count; at++, weight += weights->per_sample, to += 2) {
        const int16_t *in = from + (uint64_t)weights->first[at] * 2;
        int32x4_t sum = vdupq_n_s32(0);

        for (uint32_t k = 0; k < weights->per_sample; k += 4, in += 8)
            sum = add_four_twos(sum, vld1q_s16(in), weight + k);
        store_two(to, TO_FIXED(add_halves(sum), FIXED_SHIFT));
    }
}

/* One output of one channel, its sum in four pieces. */
INLINE int32x4_t dot(const uint8_t *in, const int16_t *weight, uint32_t count)
{
    int32x4_t low = vdupq_n_s32(0), high = low;

    for (uint32_t k = 0; k < count; k += 8) {
        int16x8_t samples = vreinterpretq_s16_u16(vmovl_u8(vld1_u8(in + k)));
        int16x8_t w = vld1q_s16(weight + k);

        low = vmlal_s16(low, vget_low_s16(samples), vget_low_s16(w));
        high = vmlal_high_s16(high, samples, w);
    }
    return vaddq_s32(low, high);
}

/* Four outputs at a time; `n`, their weights, a constant where it is the commonest. */
INLINE uint32_t fours(int16_t *to, const uint8_t *from, const tc_weights *weights,
                      const uint32_t n)
{
    const uint32_t *first = weights->first;
    const int16_t *weight = weights->weight;
    uint32_t at = 0;

    for (; at + 4 <= weights->count; at += 4, weight += 4 * (size_t)n) {
        int32x4_t ab = vpaddq_s32(dot(from + first[at], weight, n),
                                  dot(from + first[at + 1], weight + n, n));
        int32x4_t cd = vpaddq_s32(dot(from + first[at + 2], weight + 2 * (size_t)n, n),
                                  dot(from + first[at + 3], weight + 3 * (size_t)n, n));

        vst1_s16(to + at, TO_FIXED(vpaddq_s32(ab, cd), WIDEN_SHIFT));
    }
    return at;
}

static void horizontal_bytes_1(int16_t *to, const uint8_t *from, const tc_weights *weights)
{
    uint32_t at = weights->per_sample == 8    ? fours(to, from, weights, 8)
                  : weights->per_sample == 16 ? fours(to, from, weights, 16)
                                              : fours(to, from, weights, weights->per_sample);

    for (; at < weights->count; at++)
        horizontal_one(to + at, from, weights, at, 1);
}

static void horizontal_bytes(int16_t *to, const uint8_t *from, const tc_weights *weights,
                             unsigned channels)
{
    if (channels == 1 && weights->per_sample % 8 == 0)
        horizontal_bytes_1(to, from, weights);
    else if (channels == 2 && weights->per_sample % 4 == 0)
        horizontal_bytes_2(to, from, weights);
    else if (channels == 3 && weights->per_sample % 4 == 0)
        horizontal_bytes_3(to, from, weights);
    else if (channels == 4 && weights->per_sample % 4 == 0)
        horizontal_bytes_4(to, from, weights);
    else
        tc_scale_ops_scalar.horizontal_bytes(to, from, weights, channels);
}

/* Fixed point comes of alpha, so of two and four channels only. */
static void horizontal_fixed(int16_t *to, const int16_t *from, const tc_weights *weights,
                             unsigned channels)
{
    if (channels == 2 && weights->per_sample % 4 == 0)
        horizontal_fixed_2(to, from, weights);
    else if (channels == 4 && weights->per_sample % 4 == 0)
        horizontal_fixed_4(to, from, weights);
    else
        tc_scale_ops_scalar.horizontal_fixed(to, from, weights, channels);
}

/* ---- vertical ------------------------------------------------------------------- */

/* `vectors` (1 or 4) times eight samples of all rows, the sums of each in two. */
INLINE void vertical_sums(int32x4_t (*sum)[2], const unsigned vectors,
                          const int16_t *const *rows, const int16_t *weight, unsigned count,
                          uint32_t start)
{
    for (unsigned v = 0; v < vectors; v++)
        sum[v][0] = sum[v][1] = vdupq_n_s32(0);
    for (unsigned k = 0; k < count; k++) {
        const int16_t *in = rows[k] + start;
        const int16x8_t w = vdupq_n_s16(weight[k]);

        for (unsigned v = 0; v < vectors; v++) {
            int16x8_t samples = vld1q_s16(in + 8 * v);
            sum[v][0] = vmlal_s16(sum[v][0], vget_low_s16(samples), vget_low_s16(w));
            sum[v][1] = vmlal_high_s16(sum[v][1], samples, w);
        }
    }
}

INLINE void vertical_bytes_n(uint8_t *to, const unsigned vectors, const int16_t *const *rows,
                             const int16_t *weight, unsigned count, uint32_t at)
{
    int32x4_t sum[4][2];

    vertical_sums(sum, vectors, rows, weight, count, at);
    for (unsigned v = 0; v < vectors; v++) {
        int16x4_t low = vqmovn_s32(vrshrq_n_s32(sum[v][0], NARROW_SHIFT));
        int16x4_t high = vqmovn_s32(vrshrq_n_s32(sum[v][1], NARROW_SHIFT));
        vst1_u8(to + at + 8 * v, vqmovun_s16(vcombine_s16(low, high)));
    }
}

INLINE void vertical_fixed_n(int16_t *to, const unsigned vectors, const int16_t *const *rows,
                             const int16_t *weight, unsigned count, uint32_t at)
{
    int32x4_t sum[4][2];

    vertical_sums(sum, vectors, rows, weight, count, at);
    for (unsigned v = 0; v < vectors; v++)
        vst1q_s16(to + at + 8 * v, vcombine_s16(TO_FIXED(sum[v][0], FIXED_SHIFT),
                                                TO_FIXED(sum[v][1], FIXED_SHIFT)));
}

/*
 * What does not fill a vector at the end is done with its forerunners once more; rows
 * shorter than a vector are the scalar code's.
 */
#define VERTICAL(name, type)                                                      \
    static void name(type *to, const int16_t *const *rows, const int16_t *weight, \
                     unsigned count, uint32_t length)                             \
    {                                                                             \
        uint32_t at = 0;                                                          \
        if (length < 8) {                                                         \
            tc_scale_ops_scalar.name(to, rows, weight, count, length);            \
            return;                                                               \
        }                                                                         \
        for (; at + 32 <= length; at += 32)                                       \
            name##_n(to, 4, rows, weight, count, at);                             \
        for (; at + 8 <= length; at += 8)                                         \
            name##_n(to, 1, rows, weight, count, at);                             \
        if (at < length)                                                          \
            name##_n(to, 1, rows, weight, count, length - 8);                     \
    }

VERTICAL(vertical_bytes, uint8_t)
VERTICAL(vertical_fixed, int16_t)

/* ---- alpha ----------------------------------------------------------------------- */

/* Alpha is the last of two or four channels, which loads and stores take apart and put back. */

static bool opaque(const uint8_t *from, uint32_t pixels, unsigned channels)
{
    uint32_t at = 0;

    if (channels == 4) {
        for (; at + 16 <= pixels; at += 16)
            if (vminvq_u8(vld4q_u8(from + (size_t)at * 4).val[3]) != 255)
                return false;
    } else if (channels == 2) {
        for (; at + 16 <= pixels; at += 16)
            if (vminvq_u8(vld2q_u8(from + (size_t)at * 2).val[1]) != 255)
                return false;
    }
    return tc_scale_ops_scalar.opaque(from + (size_t)at * channels, pixels - at, channels);
}

/*
 * With x = colour * alpha, (64 x + 127) / 255 is a quarter of x + (x + 508) / 255, all
 * rounded down, which stays in 16 bits; for y under 65535, y / 255 is the upper byte
 * of y + 1 + y / 256.
 */
INLINE int16x8_t multiply(uint8x8_t colour, uint8x8_t alpha)
{
    uint16x8_t x = vmull_u8(colour, alpha);
    uint16x8_t y = vaddq_u16(x, vdupq_n_u16(253)), next = vaddq_u16(x, vdupq_n_u16(1));
    uint16x8_t part = vsraq_n_u16(vaddq_u16(y, vdupq_n_u16(1)), y, 8);

    return vreinterpretq_s16_u16(vshrq_n_u16(vsraq_n_u16(next, part, 8), 2));
}

INLINE int16x8_t level_fixed(uint8x8_t alpha)
{
    return vreinterpretq_s16_u16(vshll_n_u8(alpha, TC_FIXED_BITS));
}

static void premultiply(int16_t *to, const uint8_t *from, uint32_t pixels, unsigned channels)
{
    const size_t n = channels;
    uint32_t at = 0;

    if (channels == 4) {
        for (; at + 8 <= pixels; at += 8) {
            uint8x8x4_t in = vld4_u8(from + at * n);
            int16x8x4_t out = {{multiply(in.val[0], in.val[3]), multiply(in.val[1], in.val[3]),
                                multiply(in.val[2], in.val[3]), level_fixed(in.val[3])}};
            vst4q_s16(to + at * n, out);
        }
    } else if (channels == 2) {
        for (; at + 8 <= pixels; at += 8) {
            uint8x8x2_t in = vld2_u8(from + at * n);
            int16x8x2_t out = {{multiply(in.val[0], in.val[1]), level_fixed(in.val[1])}};
            vst2q_s16(to + at * n, out);
        }
    }
    tc_scale_ops_scalar.premultiply(to + at * n, from + at * n, pixels - at, channels);
}

/*
 * Four quotients. The dividends stay under 2^23, so that one just under a multiple k
 * of alpha is less than k by more than the distance of k to the next smaller float:
 * division, which is correctly rounded, cannot reach k, and cutting off is exact.
 */
INLINE uint16x4_t divide_colours(uint16x4_t colour, uint16x4_t alpha)
{
    uint32x4_t dividend = vmull_n_u16(colour, 255);

    dividend = vaddw_u16(dividend, vshr_n_u16(alpha, 1));
    return vqmovn_u32(
        vcvtq_u32_f32(vdivq_f32(vcvtq_f32_u32(dividend), vcvtq_f32_u32(vmovl_u16(alpha)))));
}

/* The alpha of eight pixels in fixed point, within what dividing takes, and where there is any.
 */
typedef struct divisor {
    uint16x8_t alpha;
    uint8x8_t seen; /* all ones from half a level on, else zeros */
} divisor;

INLINE divisor divisor_of(int16x8_t fixed)
{
    const int16x8_t half = vdupq_n_s16(1 << (TC_FIXED_BITS - 1));
    int16x8_t alpha = vminq_s16(fixed, vdupq_n_s16(255 << TC_FIXED_BITS));

    return (divisor){vreinterpretq_u16_s16(vmaxq_s16(alpha, half)),
                     vmovn_u16(vcgeq_s16(alpha, half))};
}

INLINE uint8x8_t straighten(int16x8_t fixed, divisor by)
{
    uint16x8_t colour = vreinterpretq_u16_s16(vmaxq_s16(fixed, vdupq_n_s16(0)));
    uint16x4_t low = divide_colours(vget_low_u16(colour), vget_low_u16(by.alpha));
    uint16x4_t high = divide_colours(vget_high_u16(colour), vget_high_u16(by.alpha));

    return vand_u8(vqmovn_u16(vcombine_u16(low, high)), by.seen);
}

INLINE uint8x8_t level_bytes(divisor by)
{
    return vand_u8(vrshrn_n_u16(by.alpha, TC_FIXED_BITS), by.seen);
}

static void unpremultiply(uint8_t *to, const int16_t *from, uint32_t pixels, unsigned channels)
{
    const size_t n = channels;
    uint32_t at = 0;

    if (channels == 4) {
        for (; at + 8 <= pixels; at += 8) {
            int16x8x4_t in = vld4q_s16(from + at * n);
            divisor by = divisor_of(in.val[3]);
            uint8x8x4_t out = {{straighten(in.val[0], by), straighten(in.val[1], by),
                                straighten(in.val[2], by), level_bytes(by)}};
            vst4_u8(to + at * n, out);
        }
    } else if (channels == 2) {
        for (; at + 8 <= pixels; at += 8) {
            int16x8x2_t in = vld2q_s16(from + at * n);
            divisor by = divisor_of(in.val[1]);
            uint8x8x2_t out = {{straighten(in.val[0], by), level_bytes(by)}};
            vst2_u8(to + at * n, out);
        }
    }
    tc_scale_ops_scalar.unpremultiply(to + at * n, from + at * n, pixels - at, channels);
}

/* ---- halving --------------------------------------------------------------------- */

static void halve(uint8_t *to, const uint8_t *upper, const uint8_t *lower, uint32_t length)
{
    uint32_t at = 0;

    for (; at + 16 <= length; at += 16) {
        uint16x8_t sum = vpadalq_u8(vpaddlq_u8(vld1q_u8(upper + at)), vld1q_u8(lower + at));
        vst1_u8(to + at / 2, vrshrn_n_u16(sum, 2));
    }
    tc_scale_ops_scalar.halve(to + at / 2, upper + at, lower + at, length - at);
}

static const tc_scale_ops neon = {"neon",         horizontal_bytes, horizontal_fixed,
                                  vertical_bytes, vertical_fixed,   opaque,
                                  premultiply,    unpremultiply,    halve};

const tc_scale_ops *tc_scale_ops_neon(void)
{
    return &neon;
}

#else

const tc_scale_ops *tc_scale_ops_neon(void)
{
    return NULL;
}

#endif
