/* SPDX-License-Identifier: Apache-2.0 */
#include "gather.h"

#include <stdlib.h>
#include <string.h>

#define ABREAST 16 /* output samples */
#define QUAD    4  /* weights of a dot product */
#define VECTOR  64 /* bytes */

/*
 * A weight is 128 times its upper byte and its lower one, both signed: what 8 bits of either
 * sum up to is exact in 32.
 */
#define UPPER_UNIT 128

/* Where sixteen output samples take their bytes from. */
typedef struct group {
    uint8_t index[VECTOR]; /* of the first four of each, from `from` on */
    size_t from;           /* in the row */
    uint64_t there[2];     /* a bit for each byte that is theirs, of two vectors at most */
} __attribute__((aligned(VECTOR))) group;

/* Four weights of each of sixteen output samples. */
typedef struct quads {
    int8_t upper[VECTOR], lower[VECTOR];
} quads;

/* How a group's part of the row is read. */
typedef enum reach {
    ONE_VECTOR,  /* all of it, at once */
    TWO_VECTORS, /* the same */
    MOVING       /* two vectors for each four weights, further on by their bytes */
} reach;

struct tc_gather {
    uint32_t samples, groups, quads; /* quads: of each group */
    unsigned step;                   /* bytes from four of a sample's weights to the next */
    reach reach;                     /* what the group needs that needs most */
    size_t end;                      /* of what is read of a row */
    quads *weights;                  /* behind the groups */
    group group[];
};

uint64_t tc_gather_bytes(uint64_t samples, uint64_t per_sample)
{
    uint64_t groups = (samples + ABREAST - 1) / ABREAST;

    return sizeof(tc_gather) + VECTOR +
           groups * (sizeof(group) + (per_sample + QUAD - 1) / QUAD * sizeof(quads));
}

void tc_gather_free(tc_gather *gather)
{
    free(gather);
}

#ifdef __x86_64__

#include <immintrin.h>

#define AVX512        __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,avx512vnni")))
#define AVX512_ALWAYS AVX512 static inline __attribute__((always_inline))

static bool runs_here(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni");
}

/* The byte of the row that output sample `at` begins with. */
static size_t first_byte(const tc_weights *weights, unsigned channels, uint32_t at)
{
    return (size_t)weights->first[at / channels] * channels + at % channels;
}

static uint64_t first_bits(size_t count)
{
    return count < 64 ? (1ull << count) - 1 : UINT64_MAX;
}

static void need(tc_gather *gather, reach reach)
{
    gather->reach = reach > gather->reach ? reach : gather->reach;
}

/* What is past the last sample has its place, and no weight. */
static bool make_group(tc_gather *gather, const tc_weights *weights, unsigned channels,
                       uint32_t number)
{
    group *group = &gather->group[number];
    uint32_t at = number * ABREAST, last = gather->samples - 1;
    size_t bytes = (size_t)(weights->per_sample - 1) * channels + 1, farthest = 0, span;

    group->from = SIZE_MAX;
    for (uint32_t n = 0; n < ABREAST; n++) {
        size_t first = first_byte(weights, channels, at + n < last ? at + n : last);

        group->from = first < group->from ? first : group->from;
        farthest = first > farthest ? first : farthest;
    }
    span = farthest - group->from;
    if (span + (QUAD - 1) * channels + 1 > 2 * VECTOR)
        return false;
    gather->end = farthest + bytes > gather->end ? farthest + bytes : gather->end;
    span += bytes;
    need(gather, span <= VECTOR ? ONE_VECTOR : span <= 2 * VECTOR ? TWO_VECTORS : MOVING);
    group->there[0] = first_bits(span);
    group->there[1] = span > VECTOR ? first_bits(span - VECTOR) : 0;
    for (uint32_t n = 0; n < ABREAST; n++) {
        size_t first = first_byte(weights, channels, at + n < last ? at + n : last);

        for (unsigned k = 0; k < QUAD; k++)
            group->index[n * QUAD + k] = (uint8_t)(first - group->from + (size_t)k * channels);
    }
    return true;
}

/* False where a weight's upper byte is too large. */
static bool split_weights(tc_gather *gather, const tc_weights *weights, unsigned channels)
{
    for (uint32_t at = 0; at < gather->samples; at++) {
        const int16_t *weight = weights->weight + (size_t)(at / channels) * weights->per_sample;
        quads *to = gather->weights + (size_t)(at / ABREAST) * gather->quads;

        for (uint32_t k = 0; k < weights->per_sample; k++) {
            int32_t upper = (weight[k] + UPPER_UNIT / 2) >> 7;
            uint32_t place = at % ABREAST * QUAD + k % QUAD;

            if (upper > INT8_MAX || upper < INT8_MIN)
                return false;
            to[k / QUAD].upper[place] = (int8_t)upper;
            to[k / QUAD].lower[place] = (int8_t)(weight[k] - upper * UPPER_UNIT);
        }
    }
    return true;
}

static bool lay_out(tc_gather *gather, const tc_weights *weights, unsigned channels)
{
    for (uint32_t number = 0; number < gather->groups; number++) {
        if (!make_group(gather, weights, channels, number))
            return false;
    }
    return split_weights(gather, weights, channels);
}

tc_error tc_gather_make(tc_gather **made, const tc_weights *weights, unsigned channels)
{
    uint64_t samples = (uint64_t)weights->count * channels;
    size_t bytes = (size_t)tc_gather_bytes(samples, weights->per_sample);
    tc_gather *gather;

    *made = NULL;
    if (!runs_here() || weights->per_sample % QUAD != 0 || samples > UINT32_MAX - ABREAST)
        return TC_E_OK;
    bytes = (bytes + VECTOR - 1) / VECTOR * VECTOR;
    gather = aligned_alloc(VECTOR, bytes);
    if (!gather)
        return TC_E_NO_MEMORY;
    memset(gather, 0, bytes);
    gather->samples = (uint32_t)samples;
    gather->groups = (uint32_t)((samples + ABREAST - 1) / ABREAST);
    gather->quads = weights->per_sample / QUAD;
    gather->step = QUAD * channels;
    gather->weights = (quads *)(void *)(gather->group + gather->groups);
    if (lay_out(gather, weights, channels))
        *made = gather;
    else
        tc_gather_free(gather);
    return TC_E_OK;
}

/* Two vectors of the row from `at` on, as far as it goes. */
AVX512_ALWAYS void load_two(const tc_gather *gather, const uint8_t *row, size_t at,
                            __m512i *low, __m512i *high)
{
    size_t left = gather->end - at;

    if (left >= 2 * VECTOR) {
        *low = _mm512_loadu_si512(row + at);
        *high = _mm512_loadu_si512(row + at + VECTOR);
    } else {
        *low = _mm512_maskz_loadu_epi8(first_bits(left), row + at);
        left = left > VECTOR ? left - VECTOR : 0;
        *high = _mm512_maskz_loadu_epi8(first_bits(left), row + at + VECTOR);
    }
}

/* Sixteen output samples in fixed point. */
AVX512_ALWAYS __m256i gather_group(const tc_gather *gather, const group *group,
                                   const quads *weights, const uint8_t *from, const reach reach)
{
    const __m512i step = _mm512_set1_epi8((char)gather->step);
    const int shift = TC_WEIGHT_BITS - TC_FIXED_BITS;
    __m512i low = _mm512_setzero_si512();
    __m512i high = _mm512_setzero_si512(), index = _mm512_load_si512(group->index);
    __m512i upper = _mm512_setzero_si512(), lower = _mm512_set1_epi32(1 << (shift - 1));

    if (reach != MOVING)
        low = _mm512_maskz_loadu_epi8(group->there[0], from + group->from);
    if (reach == TWO_VECTORS)
        high = _mm512_maskz_loadu_epi8(group->there[1], from + group->from + VECTOR);
    for (uint32_t quad = 0; quad < gather->quads; quad++) {
        __m512i samples;

        if (reach == MOVING)
            load_two(gather, from, group->from + (size_t)quad * gather->step, &low, &high);
        samples = reach == ONE_VECTOR ? _mm512_permutexvar_epi8(index, low)
                                      : _mm512_permutex2var_epi8(low, index, high);

        upper = _mm512_dpbusd_epi32(upper, samples, _mm512_load_si512(weights[quad].upper));
        lower = _mm512_dpbusd_epi32(lower, samples, _mm512_load_si512(weights[quad].lower));
        if (reach != MOVING)
            index = _mm512_add_epi8(index, step);
    }
    lower = _mm512_add_epi32(lower, _mm512_slli_epi32(upper, 7));
    return _mm512_cvtsepi32_epi16(_mm512_srai_epi32(lower, shift));
}

AVX512_ALWAYS void gather_groups(const tc_gather *gather, int16_t *to, const uint8_t *from,
                                 const reach reach)
{
    const quads *weights = gather->weights;
    uint32_t left = gather->samples;

    for (const group *group = gather->group; left > 0; group++, to += ABREAST) {
        uint32_t here = left < ABREAST ? left : ABREAST;
        __m256i samples = gather_group(gather, group, weights, from, reach);

        if (here == ABREAST)
            _mm256_storeu_si256((__m256i *)(void *)to, samples);
        else
            _mm256_mask_storeu_epi16(to, (__mmask16)((1u << here) - 1), samples);
        weights += gather->quads;
        left -= here;
    }
}

AVX512 void tc_gather_row(const tc_gather *gather, int16_t *to, const uint8_t *from)
{
    if (gather->reach == ONE_VECTOR)
        gather_groups(gather, to, from, ONE_VECTOR);
    else if (gather->reach == TWO_VECTORS)
        gather_groups(gather, to, from, TWO_VECTORS);
    else
        gather_groups(gather, to, from, MOVING);
}

#else

tc_error tc_gather_make(tc_gather **made, const tc_weights *weights, unsigned channels)
{
    (void)weights;
    (void)channels;
    *made = NULL;
    return TC_E_OK;
}

void tc_gather_row(const tc_gather *gather, int16_t *to, const uint8_t *from)
{
    (void)gather;
    (void)to;
    (void)from;
}

#endif
