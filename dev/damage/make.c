/* SPDX-License-Identifier: Apache-2.0 */
#include "make.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#define PIECES_MAX 64
#define FOLDER_MAX 1000

/* ---- chance, the same on every machine ------------------------------------------------- */

/* splitmix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators"). */
typedef struct chance {
    uint64_t state;
} chance;

static uint64_t next(chance *chance)
{
    uint64_t z = chance->state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* A whole number under `limit`, which is over 0. */
static size_t under(chance *chance, size_t limit)
{
    return (size_t)(next(chance) % limit);
}

/* ---- files --------------------------------------------------------------------------------
 */

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool read_file(damage_file *file, const char *folder, const char *name)
{
    char path[4096];
    FILE *in;
    long size = -1;

    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return false;
    in = fopen(path, "rb");
    if (in && fseek(in, 0, SEEK_END) == 0 && (size = ftell(in)) > 0 &&
        fseek(in, 0, SEEK_SET) == 0) {
        file->name = strdup(name);
        file->data = malloc((size_t)size);
        file->size = file->data ? fread(file->data, 1, (size_t)size, in) : 0;
    }
    if (in)
        fclose(in);
    return size > 0 && file->name && file->size == (size_t)size;
}

damage_file *damage_read(const char *folder, size_t *count)
{
    struct dirent **entries;
    int found = scandir(folder, &entries, NULL, by_name);
    damage_file *files =
        found > 0 && found <= FOLDER_MAX ? calloc((size_t)found, sizeof *files) : NULL;

    *count = 0;
    for (int at = 0; at < found; at++) {
        if (files && entries[at]->d_name[0] != '.' &&
            read_file(&files[*count], folder, entries[at]->d_name))
            ++*count;
        free(entries[at]);
    }
    if (found >= 0)
        free(entries);
    return files;
}

void damage_free(damage_file *files, size_t count)
{
    for (size_t at = 0; files && at < count; at++) {
        free((char *)files[at].name);
        free(files[at].data);
    }
    free(files);
}

/* ---- the pieces a file is made of
 * ------------------------------------------------------------- */

typedef struct piece {
    size_t start, length;
} piece;

static uint32_t be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t le32(const uint8_t *at)
{
    return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

static bool is_png(const damage_file *file)
{
    return file->size > 8 && memcmp(file->data, "\x89PNG\r\n\x1a\n", 8) == 0;
}

/* The length of the piece at `at`: a JPEG's segment, or what lies up to the next marker. */
static size_t jpeg_piece(const damage_file *file, size_t at)
{
    const uint8_t *data = file->data;
    size_t end = at + 2;

    if (at + 4 < file->size && data[at] == 0xff && data[at + 1] >= 0xc0 &&
        (data[at + 1] & 0xf8) != 0xd0 && data[at + 1] != 0xd8 && data[at + 1] != 0xd9)
        return 2 + ((size_t)data[at + 2] << 8 | data[at + 3]);
    while (end + 1 < file->size && !(data[end] == 0xff && data[end + 1] >= 0xc0))
        end++;
    return end - at;
}

static size_t piece_length(const damage_file *file, size_t at)
{
    const uint8_t *data = file->data;

    if (is_png(file))
        return at + 12 > file->size ? file->size : (size_t)be32(data + at) + 12;
    if (memcmp(data, "RIFF", 4) == 0)
        return at + 8 > file->size ? file->size
                                   : ((size_t)le32(data + at + 4) + 9) & ~(size_t)1;
    if (file->size > 12 && memcmp(data + 4, "ftyp", 4) == 0)
        return at + 8 > file->size || be32(data + at) < 8 ? file->size : be32(data + at);
    if (data[0] == 0xff)
        return jpeg_piece(file, at);
    return 13 + file->size / 16; /* a GIF's blocks have no length of their own */
}

static size_t find_pieces(const damage_file *file, piece *pieces)
{
    size_t at, count = 0;

    if (file->size < 16)
        return 0;
    at = is_png(file) ? 8 : memcmp(file->data, "RIFF", 4) == 0 ? 12 : 0;
    while (at < file->size && count < PIECES_MAX) {
        size_t length = piece_length(file, at);

        if (length > file->size - at)
            length = file->size - at;
        pieces[count++] = (piece){at, length};
        at += length;
    }
    return count;
}

/* ---- damage
 * ---------------------------------------------------------------------------------------- */

/* Put `length` bytes of `from` at `at`, in the place of `lost` bytes. */
static void replace(damage_file *file, size_t at, size_t lost, const uint8_t *from,
                    size_t length)
{
    size_t size = file->size - lost + length;
    uint8_t *made = malloc(size ? size : 1);

    if (made) {
        memcpy(made, file->data, at);
        if (length > 0)
            memcpy(made + at, from, length);
        memcpy(made + at + length, file->data + at + lost, file->size - at - lost);
    }
    free(file->data);
    file->data = made;
    file->size = made ? size : 0;
}

static void turn_bits(damage_file *file, chance *chance)
{
    for (size_t left = 1 + under(chance, 12); left > 0; left--)
        file->data[under(chance, file->size)] ^= (uint8_t)(1u << under(chance, 8));
}

/* Bytes that lengths and sizes are made of, most often near the front where they are. */
static void set_bytes(damage_file *file, chance *chance)
{
    static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff};
    size_t reach = under(chance, 3) ? (file->size < 300 ? file->size : 300) : file->size;
    size_t at = under(chance, reach), length = 1 + under(chance, 4);

    for (; length > 0 && at < file->size; length--, at++)
        file->data[at] = values[under(chance, sizeof values)];
}

static void cut_end(damage_file *file, chance *chance)
{
    file->size = under(chance, file->size + 1);
}

static void cut_out(damage_file *file, chance *chance)
{
    size_t at = under(chance, file->size), length = 1 + under(chance, file->size - at);

    replace(file, at, length, NULL, 0);
}

/* A run of zeros, as a hole in a file system leaves it. */
static void blank(damage_file *file, chance *chance)
{
    size_t at = under(chance, file->size), length = 1 + under(chance, file->size - at);

    memset(file->data + at, 0, length < 512 ? length : 512);
}

static void lose_piece(damage_file *file, const piece *piece)
{
    replace(file, piece->start, piece->length, NULL, 0);
}

/* Another file's piece, or one of its own, before one of this file. */
static void take_piece(damage_file *file, const piece *to, const damage_file *other,
                       chance *chance)
{
    piece pieces[PIECES_MAX];
    size_t count = find_pieces(other, pieces);
    const piece *from = count ? &pieces[under(chance, count)] : NULL;
    uint8_t *copy = from ? malloc(from->length + 1) : NULL;

    if (copy) {
        memcpy(copy, other->data + from->start, from->length);
        replace(file, to->start, under(chance, 3) ? 0 : to->length, copy, from->length);
    }
    free(copy);
}

/* The checksums of a PNG, without which nothing behind the first damage would be read. */
static void mend_checksums(damage_file *file)
{
    piece pieces[PIECES_MAX];
    size_t count = is_png(file) ? find_pieces(file, pieces) : 0;

    for (size_t at = 0; at < count; at++) {
        uint8_t *chunk = file->data + pieces[at].start;
        uint32_t sum;

        if (pieces[at].length < 12 || be32(chunk) != pieces[at].length - 12)
            continue;
        sum = (uint32_t)crc32(0, chunk + 4, (uInt)(pieces[at].length - 8));
        for (int byte = 0; byte < 4; byte++)
            chunk[pieces[at].length - 4 + byte] = (uint8_t)(sum >> (24 - 8 * byte));
    }
}

static void damage_once(damage_file *file, const damage_file *files, size_t count,
                        chance *chance)
{
    static void (*const plain[])(damage_file *, struct chance *) = {
        turn_bits, turn_bits, set_bytes, set_bytes, cut_end, cut_out, blank};
    piece pieces[PIECES_MAX];
    size_t found = find_pieces(file, pieces), kind = under(chance, 11);
    const piece *piece = found ? &pieces[under(chance, found)] : NULL;

    if (kind < sizeof plain / sizeof plain[0] || !piece)
        plain[kind % (sizeof plain / sizeof plain[0])](file, chance);
    else if (kind == 7)
        lose_piece(file, piece);
    else if (kind == 8)
        take_piece(file, piece, file, chance);
    else
        take_piece(file, piece, &files[under(chance, count)], chance);
}

void damage_make(damage_file *made, const damage_file *files, size_t count, uint32_t seed,
                 uint32_t number)
{
    chance chance = {(uint64_t)seed << 32 | number};
    const damage_file *of = &files[under(&chance, count)];
    size_t times = 1 + under(&chance, 3);

    *made = (damage_file){of->name, malloc(of->size + 1), of->size};
    if (!made->data)
        return;
    memcpy(made->data, of->data, of->size);
    for (; times > 0 && made->size > 0; times--)
        damage_once(made, files, count, &chance);
    if (made->data && made->size > 0 && under(&chance, 4))
        mend_checksums(made);
}
