/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Codecs: one small interface, one const table, one library a file.
 *
 * A decoder or encoder is one heap struct that owns its library's state; all
 * setjmp for a library is in its codec file, and longjmp never crosses a frame
 * outside it. Every function returns a tc_error and leaves the reason in the
 * tc_fail given at open. After an error only the free function may be called.
 * The free functions accept NULL.
 */
#ifndef TC_CODEC_H
#define TC_CODEC_H

#include "base/error.h"
#include "image/core/image.h"
#include "base/cancel.h"

/*
 * Where encoded bytes come from. `read` puts up to `length` bytes from `offset`
 * into `buffer` and their number into `*got`; fewer than asked means the end of
 * the data. `size` is the number of bytes there should be. `cancel` may be NULL; what
 * reads a header asks it wherever that can take long.
 */
typedef struct tc_input {
    tc_error (*read)(void *context, uint64_t offset, void *buffer, size_t length, size_t *got);
    void *context;
    uint64_t size;
    const tc_cancel *cancel;
} tc_input;

/* Where encoded bytes go. An error from `write` ends the encoding with that error. */
typedef struct tc_output {
    tc_error (*write)(void *context, const void *data, size_t length);
    void *context;
} tc_output;

/* What a decoder is asked for. */
typedef struct tc_decode_want {
    unsigned reduce;         /* 1, 2, 4 or 8, not over the info's max_reduce */
    bool planes;             /* TC_YCC planes; only where the info has them */
    bool cmyk;               /* TC_CMYK rows; only where the info has them */
    bool library;            /* by the format's library alone; the samples are the same */
    tc_rect source;          /* the pixels of the full picture that are used; others may miss */
    const tc_cancel *cancel; /* borrowed until decode_free; may be NULL */
    /*
     * NULL: a damaged picture is refused. Else, where at least half of its rows were good,
     * what else can be had comes as rows too, and why the rest cannot is told here.
     */
    tc_fail *damage;
} tc_decode_want;

typedef struct tc_decoder tc_decoder;
typedef struct tc_encoder tc_encoder;

/*
 * What an encoder is given. Lengths in pixels; `icc` and `exif` are borrowed until
 * encode_open returns.
 */
typedef struct tc_encode_spec {
    tc_model model;
    uint32_t width, height;
    unsigned quality; /* 1..100; ignored by lossless formats */
    bool lossless;    /* where the format has both kinds; `quality` does not count then */
    bool progressive; /* for JPEG only */
    bool palette;     /* the source had one: worth trying for, where the format can */
    bool flat;        /* drawn, not photographed: long repeats, little noise */
    const uint8_t *icc;
    size_t icc_length;
    const uint8_t *exif; /* TIFF-structured, TC_EXIF_MAX bytes at most */
    size_t exif_length;
    const tc_cancel *cancel; /* borrowed until encode_free; may be NULL */
} tc_encode_spec;

typedef struct tc_codec {
    tc_format format;
    const char *name;
    const char *mime;
    bool stores_alpha;
    bool accepts_planes; /* the encoder takes TC_YCC: 4:2:0, chroma between the luma samples */
    bool has_lossless;   /* besides a lossy kind; it takes no TC_YCC */

    /* Name and version of the library at work, for validators and the status page. */
    void (*library)(char *text, size_t size);

    /*
     * Read the header. Allocates no memory in proportion to what the header
     * claims. `input`, its `cancel` and `fail`, are borrowed until decode_free.
     */
    tc_error (*decode_open)(tc_decoder **decoder, const tc_input *input, tc_image_info *info,
                            tc_fail *fail);
    /* Begin decoding as `want` asks; `layout` gets the shape of what will come. */
    tc_error (*decode_start)(tc_decoder *decoder, const tc_decode_want *want,
                             tc_layout *layout);
    /* The next rows, at least one; never called past the last row. */
    tc_error (*decode_rows)(tc_decoder *decoder, tc_strip *strip);
    void (*decode_free)(tc_decoder *decoder);

    /* NULL where the format is only read. */
    tc_error (*encode_open)(tc_encoder **encoder, const tc_output *output,
                            const tc_encode_spec *spec, tc_fail *fail);
    /*
     * The next rows. Of TC_YCC, one luma row and, with every other one from the first
     * on, one row of each of the others, which have half as many samples, rounded up.
     */
    tc_error (*encode_rows)(tc_encoder *encoder, const tc_strip *strip);
    /* All rows are in: write what remains. */
    tc_error (*encode_finish)(tc_encoder *encoder);
    void (*encode_free)(tc_encoder *encoder);
    /* Bytes that the encoder holds at its most, an upper bound as measured; NULL for one that
     * writes as rows come. Only the spec's sizes, model and kind count. */
    uint64_t (*encode_held)(const tc_encode_spec *spec);
} tc_codec;

#define TC_SNIFF_BYTES 32

/* Encoded bytes are read and written in pieces of this size. */
#define TC_IO_BYTES 65536

/* Brands that a file in ISO boxes may name as those it can be read as. */
#define TC_BRANDS_MAX 1024

/*
 * The format of a file, by its first TC_SNIFF_BYTES, or of a file in ISO boxes by all of its
 * first box. TC_FORMAT_NONE as below; the error is the input's.
 */
tc_error tc_format_read(const tc_input *input, tc_format *format);

/*
 * The format whose magic bytes `head` (the first bytes of a file, maybe fewer than
 * TC_SNIFF_BYTES, maybe more) shows, built in or not; TC_FORMAT_NONE for none that is known.
 */
tc_format tc_format_sniff(const uint8_t *head, size_t length);

/* The built-in codec of `format`, or NULL when it is not built in. */
const tc_codec *tc_codec_find(tc_format format);

/* A URL's word for a format, built in or not: "jpeg"; static. */
const char *tc_format_name(tc_format format);

/* A format's name for people: "WebP"; static. */
const char *tc_format_title(tc_format format);

/* Room for all libraries' names and versions, with the terminator. */
#define TC_VERSIONS_MAX 640

/* The libraries of the built-in codecs and of colour management, for validators. */
void tc_codec_versions(char *text, size_t size);

/* One for each row of core/formats.h; those that are not built in are not defined. */
#define TC_CODEC_EXTERN(id, name, ...) extern const tc_codec tc_codec_##name;
TC_FORMAT_LIST(TC_CODEC_EXTERN)
#undef TC_CODEC_EXTERN

#endif
