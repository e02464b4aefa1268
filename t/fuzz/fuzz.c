/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include "base/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fuzz_must(bool good, const char *what, const char *file, int line)
{
    if (good)
        return;
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

uint8_t fuzz_u8(fuzz_bytes *bytes)
{
    if (bytes->left == 0)
        return 0;
    bytes->left--;
    return *bytes->at++;
}

uint32_t fuzz_u32(fuzz_bytes *bytes)
{
    uint32_t value = 0;

    for (int byte = 0; byte < 4; byte++)
        value = value << 8 | fuzz_u8(bytes);
    return value;
}

const uint8_t *fuzz_take(fuzz_bytes *bytes, size_t *length)
{
    const uint8_t *from = bytes->at;

    if (*length > bytes->left)
        *length = bytes->left;
    bytes->at += *length;
    bytes->left -= *length;
    return from;
}

static tc_error read_file(void *context, uint64_t offset, void *buffer, size_t length,
                          size_t *got)
{
    const fuzz_file *file = context;

    *got = 0;
    if (file->fail_at && offset + length > file->fail_at)
        return TC_E_READ;
    if (offset >= file->size)
        return TC_E_OK;
    *got = length < file->size - offset ? length : (size_t)(file->size - offset);
    memcpy(buffer, file->data + offset, *got);
    return TC_E_OK;
}

tc_input fuzz_input(fuzz_file *file)
{
    return (tc_input){.read = read_file, .context = file, .size = file->size};
}

static tc_error write_sink(void *context, const void *data, size_t length)
{
    fuzz_sink *sink = context;

    if (sink->fail_at && sink->size + length > sink->fail_at)
        return TC_E_NO_SPACE;
    if (sink->size + length > sink->room) {
        sink->room = 2 * (sink->size + length);
        sink->data = realloc(sink->data, sink->room);
        must(sink->data != NULL);
    }
    if (length > 0)
        memcpy(sink->data + sink->size, data, length);
    sink->size += length;
    return TC_E_OK;
}

tc_output fuzz_output(fuzz_sink *sink)
{
    return (tc_output){.write = write_sink, .context = sink};
}

void fuzz_sink_free(fuzz_sink *sink)
{
    free(sink->data);
    *sink = (fuzz_sink){0};
}

uint64_t fuzz_read_strip(const tc_strip *strip, const tc_layout *layout)
{
    uint64_t sum = 0;

    for (unsigned p = 0; p < layout->planes; p++) {
        size_t bytes = (size_t)layout->plane[p].w * layout->plane[p].channels;

        for (uint32_t y = 0; y < strip->plane[p].rows; y++) {
            const uint8_t *row = strip->plane[p].data + strip->plane[p].stride * y;
            for (size_t at = 0; at < bytes; at++)
                sum += row[at];
        }
    }
    return sum;
}

void fuzz_must_be_told(tc_error error, const tc_fail *fail)
{
    must(error > TC_E_OK && error < TC_E_COUNT);
    must(error != TC_E_INTERNAL);
    must(fail->error == error);
    must(memchr(fail->text, '\0', sizeof fail->text) != NULL && fail->text[0] != '\0');
    for (const char *at = fail->text; *at; at++)
        must(*at >= ' ' && *at <= '~');
}

void fuzz_must_have_freed(void)
{
#ifdef TC_GUARDED
    must(tc_buffer_live() == 0);
#endif
    if (fuzz_heap_next)
        fuzz_heap_next();
}
