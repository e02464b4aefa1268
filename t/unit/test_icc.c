/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is let through of ICC profiles: sound ones whole, as a copy without anything else,
 * and nothing that is damaged, too large or of a kind that is not used.
 */
#include "tap.h"

#include "profiles.h"

#include "image/codec/codec.h"
#include "image/colour/icc.h"
#include "image/colour/icc_make.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MB           (1024 * 1024)

static bool is_read(const profile *profile, tc_model model)
{
    uint8_t *exact = malloc(profile->length ? profile->length : 1); /* for ASan: its own end */
    tc_icc icc;
    bool read;

    memcpy(exact, profile->data, profile->length);
    read = tc_icc_read(&icc, exact, profile->length, model);
    free(exact);
    return read;
}

/* The copy has the tags' bytes, is sound itself, and is its own copy. */
static bool is_copied(const profile *from, tc_model model)
{
    tc_icc icc, again;
    uint8_t *copy, *second;
    size_t length;
    bool good;

    if (!tc_icc_read(&icc, from->data, from->length, model))
        return false;
    length = tc_icc_length(&icc);
    copy = malloc(length);
    second = malloc(length);
    tc_icc_write(&icc, copy);
    good = tc_icc_read(&again, copy, length, model) && again.count == icc.count &&
           tc_icc_length(&again) == length;
    for (unsigned n = 0; good && n < icc.count; n++)
        good =
            again.tag[n].name == icc.tag[n].name && again.tag[n].length == icc.tag[n].length &&
            memcmp(copy + again.tag[n].from, from->data + icc.tag[n].from, icc.tag[n].length) ==
                0;
    if (good) {
        tc_icc_write(&again, second);
        good = memcmp(copy, second, length) == 0 && length <= TC_ICC_MAX;
    }
    free(copy);
    free(second);
    return good;
}

static void accepts(profile profile, tc_model model, const char *what)
{
    ok(is_copied(&profile, model), "%s is used", what);
    free(profile.data);
}

static void refuses(profile profile, tc_model model, const char *what)
{
    ok(!is_read(&profile, model), "%s is not used", what);
    free(profile.data);
}

/* ---- tables ------------------------------------------------------------------------- */

#define NO_TABLE                   \
    {                              \
        NULL, 0, 0, 0, 0, 0, false \
    }

static const struct {
    const char *what, *space;
    bool used;
    table a2b, b2a; /* the latter where it has a type */
} tried[] = {
    {"a CMYK printing condition (17^4)",
     "CMYK",
     true,
     {"mft2", 4, 3, 17, 511, 0, false},
     {"mft2", 3, 4, 33, 514, 0, false}},
    {"CMYK of 8 bits",
     "CMYK",
     true,
     {"mft1", 4, 3, 9, 0, 0, false},
     {"mft1", 3, 4, 33, 0, 0, false}},
    {"the finest CMYK of ArgyllCMS (23^4)",
     "CMYK",
     true,
     {"mft2", 4, 3, 23, 256, 0, false},
     NO_TABLE},
    {"CMYK of version 4",
     "CMYK",
     true,
     {"mAB ", 4, 3, 9, 0, 2, false},
     {"mBA ", 3, 4, 17, 0, 2, false}},
    {"a scanner's table (33^3)", "RGB ", true, {"mAB ", 3, 3, 33, 0, 2, false}, NO_TABLE},
    {"RGB of 65^3", "RGB ", true, {"mft2", 3, 3, 65, 4096, 0, false}, NO_TABLE},
    {"values of one byte", "RGB ", true, {"mAB ", 3, 3, 17, 1024, 1, false}, NO_TABLE},
    {"curves alone", "RGB ", true, {"mAB ", 3, 3, 0, 256, 0, true}, NO_TABLE},
    {"a grey table", "GRAY", true, {"mft2", 1, 3, 255, 256, 0, false}, NO_TABLE},
    {"CMYK of 25^4: over the bound of values",
     "CMYK",
     false,
     {"mft2", 4, 3, 25, 2, 0, false},
     NO_TABLE},
    {"RGB of 71^3: over the bound of values",
     "RGB ",
     false,
     {"mft1", 3, 3, 71, 0, 0, false},
     NO_TABLE},
    {"a table of one point", "RGB ", false, {"mft2", 3, 3, 1, 256, 0, false}, NO_TABLE},
    {"a table of no points", "RGB ", false, {"mft2", 3, 3, 0, 256, 0, false}, NO_TABLE},
    {"curves of one value", "RGB ", false, {"mft2", 3, 3, 9, 1, 0, false}, NO_TABLE},
    {"curves of 32768 values", "RGB ", false, {"mft2", 3, 3, 9, 32768, 0, false}, NO_TABLE},
    {"curves of 40000 values in version 4",
     "RGB ",
     false,
     {"mAB ", 3, 3, 9, 40000, 2, false},
     NO_TABLE},
    {"a table of one point in version 4",
     "RGB ",
     false,
     {"mAB ", 3, 3, 1, 256, 2, false},
     NO_TABLE},
    {"values of three bytes", "RGB ", false, {"mAB ", 3, 3, 9, 256, 3, false}, NO_TABLE},
    {"CMYK by curves alone", "CMYK", false, {"mAB ", 4, 3, 0, 256, 0, true}, NO_TABLE},
    {"a table of 5 inks", "CMYK", false, {"mft2", 5, 3, 5, 256, 0, false}, NO_TABLE},
    {"a table of 15 dimensions", "RGB ", false, {"mft1", 15, 3, 2, 0, 0, false}, NO_TABLE},
    {"a table to four channels", "RGB ", false, {"mft2", 3, 4, 9, 256, 0, false}, NO_TABLE},
    {"the wrong direction", "RGB ", false, {"mBA ", 3, 3, 9, 256, 2, false}, NO_TABLE},
    {"an unsound table for the black point",
     "CMYK",
     false,
     {"mft2", 4, 3, 9, 256, 0, false},
     {"mft2", 3, 4, 80, 256, 0, false}},
    {"a black point of fifteen inks",
     "CMYK",
     false,
     {"mft2", 4, 3, 9, 256, 0, false},
     {"mft1", 3, 15, 17, 0, 0, false}},
};

static void tables(void)
{
    for (size_t at = 0; at < COUNT(tried); at++) {
        const char *space = tried[at].space;
        tc_model model = space[0] == 'C' ? TC_CMYK : space[0] == 'G' ? TC_GREY : TC_RGB;
        profile made = make_tables(space[0] == 'C' ? "prtr" : "mntr", space, &tried[at].a2b,
                                   tried[at].b2a.type ? &tried[at].b2a : NULL);

        if (tried[at].used)
            accepts(made, model, tried[at].what);
        else
            refuses(made, model, tried[at].what);
    }
}

/* ---- curves and colorants ----------------------------------------------------------- */

static void curves(void)
{
    profile made;

    accepts(make_matrix("XYZ ", 0, 0), TC_RGB, "a display's functions");
    accepts(make_matrix("XYZ ", 4096, 2.2), TC_RGB_ALPHA, "a display's curves");
    accepts(make_matrix("Lab ", 32767, 1.8), TC_RGB, "curves of 32767 values");
    accepts(make_grey_curve(1024, 2.2), TC_GREY_ALPHA, "a grey curve");
    accepts(make_grey_curve(0, 0), TC_GREY, "a grey function");
    refuses(make_matrix("XYZ ", 32768, 2.2), TC_RGB, "a curve of 32768 values");
    refuses(make_matrix("Luv ", 0, 0), TC_RGB, "another connection space");
    refuses(make_matrix("XYZ ", 0, 0), TC_CMYK, "RGB for CMYK");
    refuses(make_matrix("XYZ ", 0, 0), TC_GREY, "RGB for grey");
    refuses(make_grey_curve(256, 2.2), TC_RGB, "grey for RGB");

    made = make_grey_curve(0, 0);
    made.data[144 + 9] = 5;
    refuses(made, TC_GREY, "a function that does not exist");
    made = make_grey_curve(256, 2.2);
    set_number(&made, 144 + 8, 0xffffffff);
    refuses(made, TC_GREY, "a curve that claims four thousand million values");
    made = make_grey_curve(256, 2.2);
    set_number(&made, 144 + 8, 300);
    refuses(made, TC_GREY, "a curve that ends before its values");
}

/* ---- headers and tag tables ---------------------------------------------------------- */

static void headers(void)
{
    static const struct {
        const char *what;
        size_t at;
        uint32_t value;
    } wrong[] = {{"no signature", 36, 0},
                 {"a device link", 12, 0x6c696e6b},
                 {"an abstract profile", 12, 0x61627374},
                 {"named colours", 12, 0x6e6d636c},
                 {"a class of its own", 12, 0x78787878},
                 {"version 5.1", 8, 0x05100000},
                 {"version 255", 8, 0xff000000},
                 {"a billion tags", 128, 1000000000},
                 {"101 tags", 128, 101},
                 {"no tags", 128, 0},
                 {"a size of nothing", 0, 0},
                 {"a size that leaves out the curves", 0, 220},
                 {"a tag at 4 GiB", 136, 0xfffffff0},
                 {"a tag of 4 GiB", 140, 0xfffffff0},
                 {"a colorant past the end", 136, 1 << 20},
                 {"a colorant that is a curve", 136, 132 + 72 + 60}};
    profile made = make_matrix("XYZ ", 16, 2.2);

    for (size_t at = 0; at < COUNT(wrong); at++) {
        profile copy = {0};

        put_bytes(&copy, made.data, made.length);
        set_number(&copy, wrong[at].at, wrong[at].value);
        refuses(copy, TC_RGB, wrong[at].what);
    }
    set_number(&made, 0, 0x7fffffff);
    ok(is_copied(&made, TC_RGB), "a size over the file's counts as the file's");
    /* gXYZ becomes a second rXYZ */
    memcpy(made.data + 132 + 12, "rXYZ", 4);
    refuses(made, TC_RGB, "a tag that comes twice");
}

static void truncated(void)
{
    static const table a2b = {"mAB ", 3, 3, 3, 16, 2, false};
    profile whole = make_tables("mntr", "RGB ", &a2b, NULL);
    size_t used = 0;

    for (size_t length = 0; length < whole.length; length++) {
        profile part = {whole.data, length};

        used += is_read(&part, TC_RGB);
    }
    ok(used == 0, "no shorter part of a profile is used");
    free(whole.data);
}

/* ---- what else profiles hold ---------------------------------------------------------- */

/* A D2B0 as it stands in a picture that cost half a minute: 15 dimensions, two points each. */
static profile processing_elements(void)
{
    profile made = {0};

    put_text(&made, "mpet");
    put_number(&made, 0, 4);
    put_number(&made, 3 << 16 | 3, 4);
    put_number(&made, 1, 4);
    put_number(&made, 24, 4);
    put_number(&made, 28, 4);
    put_text(&made, "clut");
    put_number(&made, 0, 4);
    put_number(&made, 15 << 16 | 3, 4);
    for (int n = 0; n < 16; n++)
        put_number(&made, n < 15 ? 2 : 0, 1);
    put_bytes(&made, NULL, 4 * 3 << 15);
    return made;
}

static void other_tags(void)
{
    static const table a2b = {"mAB ", 3, 3, 9, 16, 2, false};
    kind kind = {"mntr", "RGB ", "Lab ", 0x04300000};
    tag tags[64] = {{"D2B0", processing_elements()},
                    {"D2B1", {0}},
                    {"A2B1", make_table(&a2b)},
                    {"A2B0", {0}},
                    {"B2D0", {0}},
                    {"psid", processing_elements()}};
    profile made, copied;
    tc_icc icc;

    tags[1].bytes = tags[4].bytes = tags[0].bytes;
    tags[3].bytes = tags[2].bytes;
    refuses(make_profile(&kind, tags, 2), TC_RGB, "a profile of processing elements alone");
    made = make_profile(&kind, tags, 6);
    copied = (profile){malloc(TC_ICC_MAX), 0};
    if (ok(is_copied(&made, TC_RGB) && tc_icc_read(&icc, made.data, made.length, TC_RGB),
           "one that has tables as well is used")) {
        copied.length = tc_icc_length(&icc);
        tc_icc_write(&icc, copied.data);
    }
    ok(copied.length > 0 && copied.length < tags[2].bytes.length + 200,
       "and its copy has the tables alone: %zu of %zu bytes", copied.length, made.length);
    free(copied.data);
    free(made.data);
    for (size_t n = 6; n < COUNT(tags); n++)
        tags[n] = (tag){"zzzz", tags[0].bytes};
    made = make_profile(&kind, tags, COUNT(tags));
    ok(is_copied(&made, TC_RGB), "tags that are not used may come in any number up to 100");
    free(made.data);
    free(tags[0].bytes.data);
    free(tags[2].bytes.data);
    free(tags[5].bytes.data);
}

/* Two tables in the same bytes are stored once; two in part of the same are two. */
static void shared(void)
{
    static const table a2b = {"mft2", 4, 3, 9, 256, 0, false},
                       b2a = {"mft2", 3, 4, 9, 256, 0, false};
    kind kind = {"prtr", "CMYK", "Lab ", 0x02400000};
    tag tags[3] = {{"A2B0", make_table(&a2b)}, {"A2B1", {0}}, {"B2A0", make_table(&b2a)}};
    profile once, twice;
    size_t length = 0;
    tc_icc icc;

    tags[1].bytes = tags[0].bytes;
    once = make_profile(&kind, tags, 3);
    if (ok(is_copied(&once, TC_CMYK) && tc_icc_read(&icc, once.data, once.length, TC_CMYK),
           "two names of one table"))
        length = tc_icc_length(&icc);
    ok(icc.count == 3 && length <= once.length, "and its bytes are copied once");
    free(once.data);
    tags[1].bytes = make_table(&a2b);
    twice = make_profile(&kind, tags, 3);
    ok(is_copied(&twice, TC_CMYK), "two tables of their own");
    free(twice.data);
    for (int n = 0; n < 3; n++)
        free(tags[n].bytes.data);
}

/* Each tag claims all bytes up to its B curves, which stand two megabytes behind it. */
static void stretched(void)
{
    static const table a2b = {"mAB ", 4, 3, 3, 16, 2, false},
                       b2a = {"mBA ", 3, 4, 3, 16, 2, false};
    kind kind = {"prtr", "CMYK", "Lab ", 0x04300000};
    tag tags[3] = {
        {"A2B0", make_table(&a2b)}, {"A2B1", make_table(&a2b)}, {"B2A0", make_table(&b2a)}};
    profile made = make_profile(&kind, tags, 3);

    put_bytes(&made, NULL, 2 * MB);
    for (size_t n = 0; n < 3; n++) {
        const uint8_t *entry = made.data + 136 + 12 * n;
        uint32_t from = (uint32_t)entry[2] << 8 | entry[3];

        set_number(&made, from + 12, (uint32_t)made.length - from);
        put_curves(&made, 3, 2, 1);
        free(tags[n].bytes.data);
    }
    set_number(&made, 0, (uint32_t)made.length);
    ok(made.length < TC_ICC_MAX, "a profile of %zu bytes", made.length);
    refuses(made, TC_CMYK, "and its tags that overlap to more than 3 MiB");
}

/* Profiles made of primaries, and primaries that no space has. */
static void made(void)
{
    static const tc_primaries none[] = {
        {{0, 0}, {0, 0}, {0, 0}, {0, 0}},
        {{0.64, 0.33}, {0.64, 0.33}, {0.15, 0.06}, {0.3127, 0.3290}},
        {{0.1, 0.1}, {0.2, 0.2}, {0.3, 0.3}, {0.3127, 0.3290}},
        {{0.64, 0.33}, {0.30, 0.60}, {0.15, 0}, {0.3127, 0.3290}},
        {{0.64, 0.33}, {0.30, 0.60}, {0.15, 0.06}, {0.3127, 0}},
        {{0.64, 0.33}, {0.30, 0.60}, {0.15, 0.06}, {-5, 0.1}},
        {{NAN, 0.33}, {0.30, 0.60}, {0.15, 0.06}, {0.3127, 0.3290}},
        {{1e30, 0.33}, {0.30, 1e-30}, {0.15, 0.06}, {0.3127, 0.3290}},
    };
    uint8_t data[TC_ICC_MADE_MAX];
    profile profile = {data, tc_icc_make(data, &tc_primaries_srgb, 2.2, false)};
    unsigned wrong = 0;

    ok(is_copied(&profile, TC_RGB), "a profile made of primaries and a power is sound");
    profile.length = tc_icc_make(data, &none[0], 1.8, true);
    ok(is_copied(&profile, TC_GREY), "so is one of grey, where they do not count");
    for (size_t at = 0; at < COUNT(none); at++)
        wrong += tc_icc_make(data, &none[at], 2.2, false) != 0;
    wrong += tc_icc_make(data, &tc_primaries_srgb, 0, false) != 0;
    wrong += tc_icc_make(data, &tc_primaries_srgb, NAN, true) != 0;
    wrong += tc_icc_make(data, &tc_primaries_srgb, 1e9, true) != 0;
    ok(wrong == 0, "of primaries that make no space, and of no power, there is none");
}

int main(void)
{
    tables();
    curves();
    headers();
    truncated();
    other_tags();
    shared();
    stretched();
    made();
    return done_testing();
}
