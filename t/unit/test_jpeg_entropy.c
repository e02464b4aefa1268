/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder of Huffman codes gives the coefficients that libjpeg was given to write: blocks
 * of every fill, with values of every size and runs of zeros of every length, with tables of
 * the standard and of the file, in pieces of any length.
 */
#include "pieces.h"
#include "tap.h"
#include "image/codec/jpeg_samples.h"
#include "image/entropy/entropy.h"

#include <stdlib.h>
#include <string.h>

#define ACROSS 40 /* blocks of luma; chroma has half of it */
#define DOWN   24

static uint32_t seed = 1;

static uint32_t below(uint32_t bound)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(seed >> 8) * bound >> 24);
}

/* ---- what is written ---------------------------------------------------------------- */

typedef enum fill { EMPTY, FEW, FULL, RUNS, LARGE, MIXED, FILLS } fill;

static const char *const names[FILLS] = {"DC alone",   "few coefficients", "full blocks",
                                         "long zeros", "large values",     "all of these"};

typedef struct manner {
    fill fill;
    bool optimised, subsampled;
    unsigned interval, piece;
    bool exchanged; /* two symbols of each standard table for AC, but not the first */
} manner;

static int16_t value(unsigned bits)
{
    int16_t size = (int16_t)(1 << (bits - 1) | below(1u << (bits - 1)));

    return below(2) ? size : (int16_t)-size;
}

/* Standard tables have codes for differences of up to 11 bits, and for values of up to 10. */
static void fill_block(JCOEF *block, fill fill)
{
    unsigned at = 1;

    if (fill == MIXED)
        fill = (enum fill)below(MIXED);
    memset(block, 0, sizeof(JBLOCK));
    block[0] = (JCOEF)((int)below(2047) - 1023);
    while (fill != EMPTY && at < DCTSIZE2) {
        unsigned bits = fill == LARGE ? 1 + below(10) : 1 + below(1 + below(4));

        if (fill == RUNS)
            at += below(below(4) ? 40 : 4);
        if (fill == FEW && (at > 20 || below(4) == 0))
            break;
        if (at < DCTSIZE2 && (fill == FULL || fill == RUNS || below(3)))
            block[tc_jpeg_places[at]] = value(bits);
        at++;
    }
}

typedef struct written {
    unsigned char *data;
    unsigned long length;
    JCOEF block[3][DOWN][ACROSS][DCTSIZE2];
} written;

static void set_up(j_compress_ptr cinfo, const manner *manner)
{
    cinfo->image_width = ACROSS * DCTSIZE;
    cinfo->image_height = DOWN * DCTSIZE;
    cinfo->input_components = 3;
    cinfo->in_color_space = JCS_YCbCr;
    jpeg_set_defaults(cinfo);
    for (int at = 0; at < 3; at++)
        cinfo->comp_info[at].h_samp_factor = cinfo->comp_info[at].v_samp_factor =
            at == 0 && manner->subsampled ? 2 : 1;
    cinfo->optimize_coding = manner->optimised;
    cinfo->restart_interval = manner->interval;
    for (int at = 0; manner->exchanged && at < 2; at++) {
        UINT8 *symbols = cinfo->ac_huff_tbl_ptrs[at]->huffval, first = symbols[1];

        symbols[1] = symbols[2];
        symbols[2] = first;
    }
}

static void write_file(written *to, const manner *manner)
{
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;
    jvirt_barray_ptr arrays[3];

    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_compress(&cinfo);
    to->data = NULL;
    to->length = 0;
    jpeg_mem_dest(&cinfo, &to->data, &to->length);
    set_up(&cinfo, manner);
    for (int at = 0; at < 3; at++)
        arrays[at] = cinfo.mem->request_virt_barray((j_common_ptr)&cinfo, JPOOL_IMAGE, TRUE,
                                                    ACROSS, DOWN, 2);
    jpeg_write_coefficients(&cinfo, arrays);
    for (int at = 0; at < 3; at++) {
        unsigned part = at > 0 && manner->subsampled ? 2 : 1;

        for (JDIMENSION y = 0; y < DOWN / part; y++) {
            JBLOCKARRAY row =
                cinfo.mem->access_virt_barray((j_common_ptr)&cinfo, arrays[at], y, 1, TRUE);
            for (JDIMENSION x = 0; x < ACROSS / part; x++) {
                fill_block(to->block[at][y][x], manner->fill);
                memcpy(row[0][x], to->block[at][y][x], sizeof(JBLOCK));
            }
        }
    }
    jpeg_finish_compress(&cinfo);
    jpeg_destroy_compress(&cinfo);
}

/* ---- what is read ------------------------------------------------------------------- */

static const tc_huffman *copy_table(tc_huffman *to, const JHUFF_TBL *from)
{
    memcpy(to->counts, from->bits, sizeof to->counts);
    memcpy(to->symbols, from->huffval, sizeof to->symbols);
    return to;
}

static tc_entropy *open_file(const written *from, const manner *manner, bool dc_only,
                             bool turns, pieces *pieces)
{
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    tc_huffman dc[2], ac[2];
    tc_entropy_scan scan = {
        .components = 3, .turns = turns, .read = read_piece, .context = pieces};
    tc_entropy *entropy;

    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&cinfo);
    jpeg_mem_src(&cinfo, from->data, from->length);
    jpeg_read_header(&cinfo, TRUE);
    for (unsigned at = 0; at < 2; at++) {
        scan.dc[at] = copy_table(&dc[at], cinfo.dc_huff_tbl_ptrs[at]);
        scan.ac[at] = copy_table(&ac[at], cinfo.ac_huff_tbl_ptrs[at]);
    }
    for (unsigned at = 0; at < 3; at++) {
        scan.component[at].blocks = at == 0 && manner->subsampled ? 4 : 1;
        scan.component[at].dc = scan.component[at].ac = at > 0;
        scan.component[at].dc_only = dc_only;
    }
    scan.interval = cinfo.restart_interval;
    *pieces = (struct pieces){cinfo.src->next_input_byte, cinfo.src->bytes_in_buffer,
                              manner->piece ? manner->piece : SIZE_MAX};
    entropy = tc_entropy_open(&scan);
    jpeg_destroy_decompress(&cinfo);
    return entropy;
}

static bool same(const tc_entropy_block *block, const JCOEF *expected, bool dc_only)
{
    unsigned last = 0;

    if (block->coefficient[0] != expected[0])
        return false;
    for (unsigned at = 1; !dc_only && at < DCTSIZE2; at++) {
        if (block->coefficient[at] != expected[tc_jpeg_places[at]])
            return false;
        last = block->coefficient[at] ? at : last;
    }
    return block->last == last;
}

/* Blocks of `count` MCUs from MCU `mcu` on that are not as written. */
static unsigned wrong_blocks(const tc_entropy_block *block, const written *from,
                             const manner *manner, unsigned mcu, unsigned count, bool dc_only)
{
    unsigned side = manner->subsampled ? 2 : 1, wrong = 0;

    for (unsigned end = mcu + count; mcu < end; mcu++) {
        unsigned x = mcu % (ACROSS / side), y = mcu / (ACROSS / side);

        for (unsigned n = 0; n < side * side; n++)
            wrong += !same(block++, from->block[0][y * side + n / side][x * side + n % side],
                           dc_only);
        for (unsigned at = 1; at < 3; at++)
            wrong += !same(block++, from->block[at][y][x], dc_only);
    }
    return wrong;
}

static unsigned mcus_of(const manner *manner)
{
    return ACROSS * DOWN / (manner->subsampled ? 4 : 1);
}

static unsigned compare(const written *from, const manner *manner, bool dc_only)
{
    unsigned mcus = mcus_of(manner), wrong = 0;
    pieces pieces;
    tc_entropy *entropy = open_file(from, manner, dc_only, false, &pieces);

    for (unsigned mcu = 0; entropy && mcu < mcus;) {
        unsigned count = 1 + below(TC_ENTROPY_MCUS);
        const tc_entropy_block *block;

        count = count < mcus - mcu ? count : mcus - mcu;
        block = tc_entropy_mcus(entropy, count);
        if (!block) {
            wrong++;
            break;
        }
        wrong += wrong_blocks(block, from, manner, mcu, count, dc_only);
        mcu += count;
    }
    wrong += entropy == NULL;
    tc_entropy_free(entropy);
    return wrong;
}

/* All MCUs of the two intervals that begin at `mcu`. */
static unsigned compare_both(tc_entropy *entropy, const written *from, const manner *manner,
                             unsigned mcu, bool dc_only)
{
    unsigned first[2] = {mcu, mcu + manner->interval};
    unsigned end[2] = {first[1], first[1] + manner->interval}, wrong = 0;

    if (end[1] > mcus_of(manner))
        end[1] = mcus_of(manner);
    while (first[0] < end[0]) {
        unsigned count[2], most = 1 + below(TC_ENTROPY_BOTH);
        const tc_entropy_block *blocks[2];

        for (unsigned at = 0; at < 2; at++)
            count[at] = end[at] - first[at] < most ? end[at] - first[at] : most;
        if (!tc_entropy_both(entropy, count, blocks))
            return wrong + 1;
        for (unsigned at = 0; at < 2; at++) {
            wrong += wrong_blocks(blocks[at], from, manner, first[at], count[at], dc_only);
            first[at] += count[at];
        }
    }
    return wrong;
}

/* Two intervals at a time where that is possible, which is counted, else one. */
static unsigned compare_turns(const written *from, const manner *manner, bool dc_only,
                              unsigned *both)
{
    unsigned mcus = mcus_of(manner), interval = manner->interval, wrong = 0;
    pieces pieces;
    tc_entropy *entropy = open_file(from, manner, dc_only, true, &pieces);

    for (unsigned mcu = 0; entropy && wrong == 0 && mcu < mcus;) {
        if (interval > 0 && mcu % interval == 0 && mcus - mcu > interval &&
            tc_entropy_has_both(entropy)) {
            wrong += compare_both(entropy, from, manner, mcu, dc_only);
            mcu += 2 * interval;
            ++*both;
        } else {
            const tc_entropy_block *block = tc_entropy_mcus(entropy, 1);

            wrong += block ? wrong_blocks(block, from, manner, mcu++, 1, dc_only) : 1;
        }
    }
    wrong += entropy == NULL;
    tc_entropy_free(entropy);
    return wrong;
}

static void turns(fill fill)
{
    static const unsigned intervals[] = {1, 8, 15, 80}, sizes[] = {0, 1, 1000, 33};
    static written written;
    unsigned wrong = 0, both = 0, wanted = 0;

    for (unsigned n = 0; n < 32; n++) {
        manner manner = {fill, n & 1, n >> 1 & 1, intervals[n >> 2 & 3], sizes[n >> 3], false};

        write_file(&written, &manner);
        wrong += compare_turns(&written, &manner, false, &both);
        wrong += compare_turns(&written, &manner, true, &both);
        wanted += 2 * (mcus_of(&manner) / (2 * manner.interval));
        free(written.data);
    }
    ok(wrong == 0, "%s: the same of two intervals in turns", names[fill]);
    ok(both == wanted, "... %u times", both);
}

/*
 * Two pairs that have room in memory, two intervals that have none together and two that have,
 * and one that has none alone.
 */
static void long_intervals(void)
{
    static const unsigned intervals[] = {240, 440, 900};
    static written written;

    for (unsigned n = 0; n < 3; n++) {
        manner manner = {LARGE, false, false, intervals[n], n == 1 ? 5000 : 0, false};
        unsigned both = 0, wrong;

        write_file(&written, &manner);
        wrong = compare_turns(&written, &manner, false, &both);
        ok(wrong == 0 && both == 2 - n, "intervals of %lu KiB: %u times in turns",
           written.length * manner.interval / mcus_of(&manner) / 1024, both);
        free(written.data);
    }
}

/* What is not sound ends both ways at the same place, and further calls find nothing. */
static void no_marker(void)
{
    static written written;
    manner manner = {FEW, false, false, 20, 0, false};

    for (unsigned nth = 0; nth < 4; nth++) {
        unsigned char *at;
        const tc_entropy_block *blocks[2] = {NULL, NULL};
        unsigned count[2] = {10, 10}, good = 0;
        tc_entropy *entropy;
        pieces pieces;

        write_file(&written, &manner);
        at = written.data + 2;
        for (unsigned found = 0; at < written.data + written.length - 1; at++) {
            if (at[0] == 0xff && at[1] >= 0xd0 && at[1] <= 0xd7 && found++ == nth)
                break;
        }
        at[1] = (unsigned char)(0xd0 | ((at[1] + 1) & 7));
        entropy = open_file(&written, &manner, false, true, &pieces);
        while (tc_entropy_has_both(entropy) && tc_entropy_both(entropy, count, blocks) &&
               tc_entropy_both(entropy, count, blocks))
            good += 2;
        for (unsigned mcu = 0; mcu < 20 && tc_entropy_mcus(entropy, 1); mcu++)
            good += mcu == 19;
        ok(good == nth + 1 && !tc_entropy_has_both(entropy) && !tc_entropy_mcus(entropy, 1) &&
               !tc_entropy_mcus(entropy, 1),
           "wrong marker %u: %u intervals", nth, good);
        tc_entropy_free(entropy);
        free(written.data);
    }
}

static void files(fill fill)
{
    static const unsigned intervals[] = {0, 1, 7, 0}, sizes[] = {0, 1, 1000, 33};
    static written written;
    unsigned wrong = 0, wrong_dc = 0;

    for (unsigned n = 0; n < 32; n++) {
        manner manner = {fill, n & 1, n >> 1 & 1, intervals[n >> 2 & 3], sizes[n >> 3], false};

        write_file(&written, &manner);
        wrong += compare(&written, &manner, false);
        wrong_dc += compare(&written, &manner, true);
        free(written.data);
    }
    ok(wrong == 0, "%s: all coefficients as they were written", names[fill]);
    ok(wrong_dc == 0, "... and DC where nothing else is wanted");
}

/* Codes as long as the standard's, of other symbols. */
static void almost_standard(void)
{
    static const manner manner = {.fill = MIXED, .exchanged = true};
    static written written;

    write_file(&written, &manner);
    ok(compare(&written, &manner, false) == 0, "tables that are nearly the standard's");
    ok(compare(&written, &manner, true) == 0, "... for DC too");
    free(written.data);
}

int main(void)
{
    for (unsigned fill = 0; fill < FILLS; fill++)
        files((enum fill)fill);
    for (unsigned fill = 0; fill < FILLS; fill++)
        turns((enum fill)fill);
    almost_standard();
    long_intervals();
    no_marker();
    return done_testing();
}
