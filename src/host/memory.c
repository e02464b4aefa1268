/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#include "lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MEMINFO "/proc/meminfo"
#define VMSTAT  "/proc/vmstat"

static const struct field {
    const char *key;
    size_t offset;
} fields[] = {
#define X(field, key, title) {key, offsetof(tc_memory, field)},
    TC_MEMORY_FIELDS(X)
#undef X
};
#define FIELDS (sizeof(fields) / sizeof(*fields))

static tc_reading *reading_at(tc_memory *memory, size_t i)
{
    return (tc_reading *)((char *)memory + fields[i].offset);
}

/* "   12 kB"; a line that ends before its unit has been cut. */
static tc_reading kilobytes(const char *text)
{
    tc_reading reading = tc_reading_parse(text, &text);

    text += strspn(text, " \t");
    if (!reading.error && strcmp(text, "kB") != 0)
        return tc_reading_missing(EPROTO);
    return tc_reading_times(reading, 1024);
}

static void parse_line(tc_memory *memory, const char *line)
{
    for (size_t i = 0; i < FIELDS; i++) {
        const char *behind = tc_reading_behind(line, fields[i].key);

        if (behind) {
            *reading_at(memory, i) = kilobytes(behind);
            return;
        }
    }
}

static void read_meminfo(tc_memory *memory, const char *root)
{
    tc_lines lines;
    const char *line;
    int error = tc_lines_open(&lines, root, MEMINFO);

    for (size_t i = 0; i < FIELDS; i++)
        *reading_at(memory, i) = tc_reading_missing(error ? error : ENODATA);
    if (error)
        return;
    while ((line = tc_lines_next(&lines)))
        parse_line(memory, line);
    error = tc_lines_close(&lines);
    for (size_t i = 0; error && i < FIELDS; i++)
        if (reading_at(memory, i)->error)
            *reading_at(memory, i) = tc_reading_missing(error);
}

static void read_vmstat(tc_memory *memory, const char *root)
{
    tc_reading *in = &memory->swapped_in, *out = &memory->swapped_out;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    tc_lines lines;
    const char *line, *behind;
    int error = tc_lines_open(&lines, root, VMSTAT);

    *in = *out = tc_reading_missing(error ? error : ENODATA);
    if (error)
        return;
    /* The two stand together in the first half: the rest is not made for us. */
    while ((in->error == ENODATA || out->error == ENODATA) && (line = tc_lines_next(&lines))) {
        if ((behind = tc_reading_behind(line, "pswpin")))
            *in = tc_reading_times(tc_reading_parse(behind, NULL), page);
        else if ((behind = tc_reading_behind(line, "pswpout")))
            *out = tc_reading_times(tc_reading_parse(behind, NULL), page);
    }
    error = tc_lines_close(&lines);
    if (error && in->error)
        *in = tc_reading_missing(error);
    if (error && out->error)
        *out = tc_reading_missing(error);
}

void tc_memory_read(tc_memory *memory, const char *root)
{
    read_meminfo(memory, root);
    read_vmstat(memory, root);
}

tc_reading tc_memory_used(const tc_memory *memory, bool with_slab)
{
    const tc_reading *const caches[] = {&memory->buffers, &memory->cached,
                                        &memory->slab_reclaimable};
    uint64_t used, taken;

    if (memory->total.error || memory->free.error)
        return tc_reading_missing(memory->total.error ? memory->total.error
                                                      : memory->free.error);
    if (__builtin_sub_overflow(memory->total.value, memory->free.value, &taken))
        return tc_reading_missing(EPROTO);
    used = taken;
    for (int i = 0; i < (with_slab ? 2 : 3); i++) {
        if (caches[i]->error)
            return tc_reading_missing(caches[i]->error);
        /* A container's meminfo mixes its own numbers with the host's; free(1) then
           forgets the caches, too. */
        if (__builtin_sub_overflow(used, caches[i]->value, &used))
            return tc_reading_of(taken);
    }
    return tc_reading_of(used);
}
