/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzz targets share. A target is fuzz_NAME.c with LLVMFuzzerTestOneInput:
 * libFuzzer drives it (make fuzz), and replay.c runs the kept corpus through it in
 * every test run. What must hold of any input is said with `must`.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "image/codec/codec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a target may spend on one input: pictures over these are left alone. */
#define FUZZ_PIXELS (1024 * 1024)
#define FUZZ_SIDE   1024
#define FUZZ_RADIUS 8
#define FUZZ_HELD   (64 * 1024 * 1024)

/* End the program, with the place, unless `good`. */
void fuzz_must(bool good, const char *what, const char *file, int line);

#define must(good) fuzz_must((good), #good, __FILE__, __LINE__)

/* The input's bytes, taken from the front; past their end come zeros. */
typedef struct fuzz_bytes {
    const uint8_t *at;
    size_t left;
} fuzz_bytes;

uint8_t fuzz_u8(fuzz_bytes *bytes);
uint32_t fuzz_u32(fuzz_bytes *bytes);

/* Up to `length` bytes; how many there are is left in *length. */
const uint8_t *fuzz_take(fuzz_bytes *bytes, size_t *length);

/* A file in memory; reading it fails from `fail_at` on, unless that is 0. */
typedef struct fuzz_file {
    const uint8_t *data;
    size_t size;
    uint64_t fail_at;
} fuzz_file;

tc_input fuzz_input(fuzz_file *file);

/* What was written, in memory; writing fails from `fail_at` bytes on, unless that is 0. */
typedef struct fuzz_sink {
    uint8_t *data;
    size_t size, room;
    uint64_t fail_at;
} fuzz_sink;

tc_output fuzz_output(fuzz_sink *sink);
void fuzz_sink_free(fuzz_sink *sink);

/* Read every sample of the strip, so that the sanitizers see memory that is not there or
   not set; the sum of them. */
uint64_t fuzz_read_strip(const tc_strip *strip, const tc_layout *layout);

/* At the end of an execution. Where buffers are guarded: none that a library was given is
   left over. Where heap.c is linked, its next execution begins. */
void fuzz_must_have_freed(void);
__attribute__((weak)) void fuzz_heap_next(void);

/* A failure must say so, in one line of printable ASCII. */
void fuzz_must_be_told(tc_error error, const tc_fail *fail);

#endif
