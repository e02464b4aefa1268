/* SPDX-License-Identifier: Apache-2.0 */
/* The slab caches: of recorded kernels, of files that no kernel writes, and here. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tap.h"
#include "roots.h"
#include "host/dentry.h"
#include "host/slab.h"

#define HEAD                    \
    "slabinfo - version: 2.1\n" \
    "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : "
#define TAIL " : tunables    0    0    0 : slabdata "
/* Two caches of a page a slab. */
#define DENTRY "dentry   40   42  192   21    1" TAIL "     2      2      0\n"
#define INODE  "inode_cache   5   13  600   13    2" TAIL "     1      1      0\n"
#define MANY   3000

static uint64_t page_size(void)
{
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

static tc_slab read_text(const char *root, const char *text)
{
    tc_slab slab;

    put(root, "/proc/slabinfo", text);
    tc_slab_read(&slab, root);
    return slab;
}

/* ---- recorded kernels ----------------------------------------------------------- */

static bool is_ordered(const tc_slab *slab)
{
    for (unsigned i = 1; i < slab->others; i++)
        if (slab->other[i].bytes > slab->other[i - 1].bytes)
            return false;
    return true;
}

static void check_totals(const tc_slab_totals *is, const tc_slab_totals *expected)
{
    ok(is->active == expected->active && is->objects == expected->objects,
       "%llu of %llu objects", (unsigned long long)is->active, (unsigned long long)is->objects);
    ok(is->active_slabs == expected->active_slabs && is->slabs == expected->slabs,
       "%llu of %llu slabs", (unsigned long long)is->active_slabs,
       (unsigned long long)is->slabs);
    ok(is->active_caches == expected->active_caches && is->caches == expected->caches,
       "%llu of %llu caches", (unsigned long long)is->active_caches,
       (unsigned long long)is->caches);
    ok(is->active_bytes == expected->active_bytes && is->bytes == expected->bytes * page_size(),
       "%llu bytes of %llu", (unsigned long long)is->active_bytes,
       (unsigned long long)is->bytes);
    ok(is->least_object == expected->least_object && is->most_object == expected->most_object,
       "objects of %u to %u bytes", is->least_object, is->most_object);
}

static void test_kernels(void)
{
    static const struct {
        const char *root;
        uint64_t active, objects, active_slabs, slabs;
        uint32_t per_slab;
        const char *first, *last;
        tc_slab_totals totals; /* its bytes in pages */
    } kernels[] = {
        {FIXTURE("2.6.32"),
         108273,
         108540,
         5426,
         5427,
         20,
         "ext4_inode_cache",
         "size-192",
         {226564, 241257, 22356, 22357, 17, 20, 92191024, 25477, 40, 32896}},
        {FIXTURE("3.10"),
         811862,
         812112,
         38672,
         38672,
         21,
         "xfs_inode",
         "buffer_head",
         {908975, 911198, 47676, 47676, 17, 19, 221045688, 55689, 104, 8192}},
        {FIXTURE("4.18"),
         1204466,
         1205568,
         57408,
         57408,
         21,
         "ext4_inode_cache",
         "TCPv6",
         {1562523, 1566588, 69868, 69868, 18, 19, 505840136, 125736, 56, 8192}},
        {FIXTURE("5.15"),
         352841,
         353178,
         16818,
         16818,
         21,
         "ext4_inode_cache",
         "kmalloc-rcl-96",
         {701953, 703736, 27825, 27825, 20, 20, 229174144, 57374, 96, 8192}},
        {FIXTURE("6.18"),
         62200,
         69363,
         3303,
         3303,
         21,
         "ext4_inode_cache",
         "vm_area_struct",
         {258201, 279353, 10264, 10264, 17, 19, 81647872, 21155, 32, 8192}},
    };

    for (size_t i = 0; i < sizeof(kernels) / sizeof(*kernels); i++) {
        tc_slab slab;

        tc_slab_read(&slab, kernels[i].root);
        ok(slab.error == 0 && slab.others_error == 0, "%s", kernels[i].root);
        ok(strcmp(slab.dentry.name, "dentry") == 0 && slab.dentry.active == kernels[i].active &&
               slab.dentry.objects == kernels[i].objects,
           "dentries: %llu of %llu", (unsigned long long)slab.dentry.active,
           (unsigned long long)slab.dentry.objects);
        ok(slab.dentry.active_slabs == kernels[i].active_slabs &&
               slab.dentry.slabs == kernels[i].slabs &&
               slab.dentry.bytes == kernels[i].slabs * page_size(),
           "in %llu bytes", (unsigned long long)slab.dentry.bytes);
        ok(slab.dentry.object_bytes == 192 &&
               slab.dentry.objects_per_slab == kernels[i].per_slab &&
               slab.dentry.slab_bytes == page_size(),
           "%u a slab", slab.dentry.objects_per_slab);
        ok(slab.others == TC_SLAB_TOP && is_ordered(&slab) &&
               strcmp(slab.other[0].name, kernels[i].first) == 0 &&
               strcmp(slab.other[TC_SLAB_TOP - 1].name, kernels[i].last) == 0,
           "then %s to %s", slab.other[0].name, slab.other[TC_SLAB_TOP - 1].name);
        check_totals(&slab.totals, &kernels[i].totals);
    }
}

/* ---- other forms of the file ------------------------------------------------------ */

static void test_forms(void)
{
    static const struct {
        const char *what, *text;
    } cases[] = {
        {"version 2.0", "slabinfo - version: 2.0\n# name\n" INODE DENTRY},
        {"with statistics",
         "slabinfo - version: 2.1 (statistics)\n# name\n"
         "dentry   40   42  192   21    1 : tunables  120   60    8 : slabdata      2      2"
         "      0 : globalstat     221    188    11    0 0 0 0 0 0 : cpustat    151     21    "
         "122"
         "      0\n" INODE},
        {"the name of old kernels",
         HEAD "\n" INODE "dentry_cache 40 42 192 21 1" TAIL "2 2 0\n"},
        {"no newline at the end", HEAD "\n" INODE "dentry  40  42  192  21  1 : tunables 0 0 0"
                                       " : slabdata      2      2      0"},
        {"a blank in another name",
         HEAD "\n" DENTRY "inode cache   5   13  600   13    2" TAIL " 1 1 0\n"},
        {"a colon in another name",
         HEAD "\n" DENTRY "inode : cache   5   13  600   13    2" TAIL " 1 1 0\n"},
        {"a dentry in other names",
         HEAD "\n" DENTRY "xdentry   5   13  600   13    2" TAIL " 1 1 0\n"},
    };
    char root[PATH_MAX];

    make_root(root);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        tc_slab slab = read_text(root, cases[i].text);

        ok(slab.error == 0 && slab.dentry.active == 40 && slab.dentry.objects == 42 &&
               slab.dentry.slabs == 2 && slab.dentry.bytes == 2 * page_size(),
           "%s: the dentries", cases[i].what);
        ok(slab.others_error == 0 && slab.others == 1 && slab.other[0].active == 5 &&
               slab.other[0].bytes == 2 * page_size() && slab.totals.caches == 2 &&
               slab.totals.active == 45,
           "%s: and %s", cases[i].what, slab.other[0].name);
    }
    remove_root(root);
}

static void test_names(void)
{
    char root[PATH_MAX], text[2000], name[101];
    tc_slab slab;

    make_root(root);
    memset(name, 'n', 100);
    name[100] = '\0';
    snprintf(text, sizeof(text), HEAD "\n" DENTRY "%s 1 21 192 21 1" TAIL "1 1 0\n", name);
    slab = read_text(root, text);
    ok(slab.others == 1 && strlen(slab.other[0].name) == TC_SLAB_NAME - 1 &&
           slab.other[0].name[TC_SLAB_NAME - 2] == '~',
       "a name of 100 characters: %s", slab.other[0].name);
    name[TC_SLAB_NAME - 1] = '\0';
    snprintf(text, sizeof(text), HEAD "\n" DENTRY "%s 1 21 192 21 1" TAIL "1 1 0\n", name);
    slab = read_text(root, text);
    ok(strcmp(slab.other[0].name, name) == 0, "the longest that fits: %s", slab.other[0].name);
    memcpy(name, "dentry", 6);
    snprintf(text, sizeof(text), HEAD "\n%s 9 21 192 21 1" TAIL "1 1 0\n" DENTRY, name);
    slab = read_text(root, text);
    ok(slab.dentry.active == 40, "one that only begins with dentry is another");
    remove_root(root);
}

/* A quarter of a megabyte of caches, the dentries last. */
static void test_many(void)
{
    char root[PATH_MAX], *text = malloc(MANY * 128 + 1024);
    size_t length = (size_t)sprintf(text, HEAD "\n");
    tc_slab slab;

    make_root(root);
    for (int i = 0; i < MANY; i++)
        length += (size_t)sprintf(text + length,
                                  "cache_%04d %6d %6d %6d %4d %4d" TAIL "%6d %6d %6d\n", i, 1,
                                  21, 192, 21, 1, i, i, 0);
    strcpy(text + length, DENTRY);
    slab = read_text(root, text);
    ok(slab.error == 0 && slab.dentry.active == 40, "the dentries behind %zu bytes", length);
    ok(slab.totals.caches == MANY + 1 && slab.totals.active == MANY + 40 &&
           slab.totals.slabs == (uint64_t)MANY * (MANY - 1) / 2 + 2,
       "all are counted");
    ok(slab.others == TC_SLAB_TOP && is_ordered(&slab) &&
           strcmp(slab.other[0].name, "cache_2999") == 0 &&
           strcmp(slab.other[TC_SLAB_TOP - 1].name, "cache_2988") == 0,
       "the largest are %s to %s", slab.other[0].name, slab.other[TC_SLAB_TOP - 1].name);
    free(text);
    remove_root(root);
}

/* ---- what is wrong with it ---------------------------------------------------------- */

static void test_malformed(void)
{
    static const struct {
        const char *what, *text;
        int error, others_error;
    } cases[] = {
        {"empty", "", EPROTO, EPROTO},
        {"garbage",
         "\x7f"
         "ELF\x02\x01\x01\n\xff\xfe\n",
         EPROTO, EPROTO},
        {"an unknown version", "slabinfo - version: 3.0\n" DENTRY, EPROTO, EPROTO},
        {"version 1.1", "slabinfo - version: 1.1\ndentry_cache 40 42 192 2 2 1\n", EPROTO,
         EPROTO},
        {"the head alone", HEAD "\n", ENODATA, 0},
        {"no dentries", HEAD "\n" INODE, ENODATA, 0},
        {"dentries cut in the numbers", HEAD "\n" INODE "dentry   40   42  19", EPROTO, EPROTO},
        {"cut in the tunables", HEAD "\n" INODE "dentry 40 42 192 21 1 : tunables  0", EPROTO,
         EPROTO},
        {"cut in the last slabs", HEAD "\n" INODE "dentry 40 42 192 21 1" TAIL " 2 2", EPROTO,
         EPROTO},
        {"another one cut", HEAD "\n" DENTRY "inode_cache   5   13  600   13", 0, EPROTO},
        {"another one garbage", HEAD "\nnonsense\n" DENTRY INODE, 0, EPROTO},
        {"an empty line", HEAD "\n\n" DENTRY INODE, 0, EPROTO},
        {"a number missing", HEAD "\ndentry 42 192 21 1" TAIL "2 2 0\n", EPROTO, EPROTO},
        {"no name", HEAD "\n40 42 192 21 1" TAIL "2 2 0\n", EPROTO, EPROTO},
        {"a number below zero", HEAD "\ndentry -1 42 192 21 1" TAIL "2 2 0\n", EPROTO, EPROTO},
        {"a count of 70 bits",
         HEAD "\ndentry 1180591620717411303424 42 192 21 1" TAIL "2 2 0\n", EPROTO, EPROTO},
        {"an object of 33 bits", HEAD "\ndentry 40 42 8589934592 21 1" TAIL "2 2 0\n", EPROTO,
         EPROTO},
        {"a slab of 33 bits", HEAD "\ndentry 40 42 192 21 2097152000" TAIL "2 2 0\n", EPROTO,
         EPROTO},
        {"pages of 64 bits", HEAD "\ndentry 40 42 192 21 18446744073709551615" TAIL "2 2 0\n",
         EPROTO, EPROTO},
        {"bytes of more than 64 bits",
         HEAD "\ndentry 40 42 192 21 1" TAIL "2 18446744073709551615 0\n", EPROTO, EPROTO},
        {"a sum of more than 64 bits",
         HEAD "\n" DENTRY "a 1 18446744073709551615 1 1 1" TAIL "1 1 0\n", 0, EPROTO},
        {"active bytes of more than 64 bits",
         HEAD "\n" DENTRY "a 18446744073709551615 1 8 1 1" TAIL "1 1 0\n", 0, EPROTO},
    };
    char root[PATH_MAX];

    make_root(root);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        tc_slab slab = read_text(root, cases[i].text);

        ok(slab.error == cases[i].error, "%s: %s", cases[i].what,
           slab.error ? strerror(slab.error) : "the dentries hold");
        ok(slab.error ? slab.dentry.slabs == 0 : slab.dentry.slabs == 2,
           "%s: %llu slabs of them", cases[i].what, (unsigned long long)slab.dentry.slabs);
        ok(slab.others_error == cases[i].others_error &&
               (!slab.others_error || (slab.others == 0 && slab.totals.caches == 0)),
           "%s: of the rest %s", cases[i].what,
           slab.others_error ? strerror(slab.others_error) : "all is known");
    }
    remove_root(root);
}

/* ---- sysfs -------------------------------------------------------------------------- */

#define IN_SYSFS(file) "/sys/kernel/slab/dentry/" file

static void test_sysfs(void)
{
    char root[PATH_MAX];
    tc_slab slab;

    make_root(root);
    tc_slab_read(&slab, root);
    ok(slab.error == ENOENT && slab.others_error == ENOENT, "neither file: ENOENT");
    put(root, IN_SYSFS("objects"), "61876 N0=61000 N1=876\n");
    put(root, IN_SYSFS("total_objects"), "69372 N0=69372\n");
    put(root, IN_SYSFS("slabs"), "1652 N0=1652\n");
    put(root, IN_SYSFS("slab_size"), "192\n");
    put(root, IN_SYSFS("order"), "1\n");
    tc_slab_read(&slab, root);
    ok(slab.error == ENOENT && slab.dentry.active == 0, "one file short: ENOENT");
    put(root, IN_SYSFS("objs_per_slab"), "42\n");
    tc_slab_read(&slab, root);
    ok(slab.error == 0 && strcmp(slab.dentry.name, "dentry") == 0 &&
           slab.dentry.active == 61876 && slab.dentry.objects == 69372,
       "from sysfs: %llu of %llu", (unsigned long long)slab.dentry.active,
       (unsigned long long)slab.dentry.objects);
    ok(slab.dentry.slabs == 1652 && slab.dentry.active_slabs == 1652 &&
           slab.dentry.slab_bytes == 2 * page_size() &&
           slab.dentry.bytes == 3304 * page_size() && slab.dentry.object_bytes == 192 &&
           slab.dentry.objects_per_slab == 42,
       "in slabs of two pages");
    ok(slab.others_error == ENOENT && slab.others == 0, "and nothing of the others");
    put(root, IN_SYSFS("order"), "64\n");
    tc_slab_read(&slab, root);
    ok(slab.error == EPROTO && slab.dentry.bytes == 0, "an order that cannot be");
    put(root, IN_SYSFS("order"), "");
    tc_slab_read(&slab, root);
    ok(slab.error == EPROTO, "an empty one");
    slab = read_text(root, HEAD "\n" INODE);
    ok(slab.error == ENODATA, "slabinfo, where it is, has the last word");
    remove_root(root);
}

/* ---- who may ------------------------------------------------------------------------ */

static int slab_error(const void *root)
{
    tc_slab slab;

    tc_slab_read(&slab, root);
    return slab.error == slab.others_error ? slab.error : 200;
}

static void test_unreadable(void)
{
    char root[PATH_MAX];
    int error;

    make_root(root);
    put(root, "/proc/slabinfo", HEAD "\n" DENTRY);
    lock(root, "/proc/slabinfo");
    error = as_ordinary_user(slab_error, root);
    ok(error == EACCES, "a locked slabinfo: %s", strerror(error));
    remove_root(root);
    make_root(root);
    put(root, "/proc/slabinfo/folder", "");
    ok(slab_error(root) == EISDIR, "one that opens and cannot be read");
    remove_root(root);
}

static void test_here(void)
{
    struct stat st;
    tc_dentry_state state;
    tc_slab slab;
    int error;

    if (stat("/proc/slabinfo", &st)) {
        skip("the slab here", "no /proc/slabinfo");
        return;
    }
    if (st.st_mode & S_IROTH) {
        skip("the slab is root's", "here everyone may read /proc/slabinfo");
    } else {
        error = as_ordinary_user(slab_error, NULL);
        ok(error == EACCES, "an ordinary user gets: %s", strerror(error));
    }
    if (access("/proc/slabinfo", R_OK)) {
        skip("the slab here", "only root may read it");
        return;
    }
    tc_slab_read(&slab, NULL);
    tc_dentry_read(&state, NULL);
    ok(slab.error == 0 && slab.others_error == 0, "root reads it");
    ok(slab.dentry.objects >= slab.dentry.active && slab.dentry.slabs > 0,
       "%llu dentries of %u", (unsigned long long)slab.dentry.active, slab.dentry.object_bytes);
    ok(slab.dentry.bytes >= slab.dentry.objects * slab.dentry.object_bytes, "in %llu bytes",
       (unsigned long long)slab.dentry.bytes);
    ok(slab.dentry.objects >= state.dentries.value * 9 / 10, "dentry-state agrees: %llu",
       (unsigned long long)state.dentries.value);
    ok(slab.totals.caches > TC_SLAB_TOP && slab.others == TC_SLAB_TOP && is_ordered(&slab),
       "%llu caches", (unsigned long long)slab.totals.caches);
    ok(slab.totals.bytes >= slab.totals.active_bytes &&
           slab.totals.bytes > slab.dentry.bytes + slab.other[0].bytes,
       "%llu bytes", (unsigned long long)slab.totals.bytes);
}

int main(void)
{
    int fds = entries("/proc/self/fd");

    need_fixtures();
    test_kernels();
    test_forms();
    test_names();
    test_many();
    test_malformed();
    test_sysfs();
    test_unreadable();
    test_here();
    ok(entries("/proc/self/fd") == fds, "no descriptor left");
    return done_testing();
}
