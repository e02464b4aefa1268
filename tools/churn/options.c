/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: one row an option, from which parsing, checks and --help come. */
#include "options.h"

#include "host/host.h"

#include <ctype.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct option_row option_row;

struct option_row {
    char letter; /* 0: only the long name */
    const char *name;
    const char *argument; /* NULL: takes none */
    void (*take)(churn_options *options, const option_row *row, const char *value);
    size_t offset;    /* of what is set */
    double low, high; /* a number's or a duration's range; `high` a flag's value too */
    const char *help; /* NULL: a group's title stands in `name` */
};

_Noreturn static void usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

_Noreturn static void usage(const char *format, ...)
{
    va_list arguments;

    fputs("churn: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputs("\nchurn --help shows all options.\n", stderr);
    exit(CHURN_EXIT_USAGE);
}

static void *field(churn_options *options, const option_row *row)
{
    return (char *)options + row->offset;
}

/* ---- values ----------------------------------------------------------------------- */

static uint64_t whole(const option_row *row, const char *text)
{
    uint64_t value = 0;
    bool good = *text != '\0' && strlen(text) <= 15;

    for (const char *at = text; good && *at; at++) {
        good = isdigit((unsigned char)*at);
        value = value * 10 + (uint64_t)(*at - '0');
    }
    if (!good || (double)value < row->low || (double)value > row->high)
        usage("--%s: '%s' is not a whole number from %.0f to %.0f", row->name, text, row->low,
              row->high);
    return value;
}

/* "10ms", "1.5s", "5m"; without a unit seconds. False when it is none. */
static bool parse_duration(const char *text, double *seconds)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"", 1},   {"us", 1e-6}, {"ms", 1e-3},  {"s", 1},
                 {"m", 60}, {"h", 3600},  {"d", 86400.0}};
    size_t length = strspn(text, "0123456789.");
    char *end;

    if (length == 0 || length > 15 || !isdigit((unsigned char)text[0]))
        return false;
    *seconds = strtod(text, &end);
    for (size_t i = 0; end == text + length && i < CHURN_COUNT(units); i++) {
        if (strcmp(end, units[i].unit) == 0) {
            *seconds *= units[i].seconds;
            return true;
        }
    }
    return false;
}

static double duration(const option_row *row, const char *text)
{
    double seconds;

    if (!parse_duration(text, &seconds) || seconds < row->low || seconds > row->high)
        usage("--%s: '%s' is not a duration from %gs to %gs, as 10ms, 30s, 5m, 2h", row->name,
              text, row->low, row->high);
    return seconds;
}

static void take_whole(churn_options *options, const option_row *row, const char *value)
{
    *(uint64_t *)field(options, row) = whole(row, value);
}

static void take_sysctl(churn_options *options, const option_row *row, const char *value)
{
    *(int64_t *)field(options, row) = (int64_t)whole(row, value);
}

static void take_duration(churn_options *options, const option_row *row, const char *value)
{
    *(double *)field(options, row) = duration(row, value);
}

static void take_flag(churn_options *options, const option_row *row, const char *value)
{
    (void)value;
    *(bool *)field(options, row) = true;
}

static void take_text(churn_options *options, const option_row *row, const char *value)
{
    if (!*value)
        usage("--%s: empty", row->name);
    *(const char **)field(options, row) = value;
}

static void take_timed(churn_options *options, const option_row *row, const char *value)
{
    const char *at = strchr(value, '@');
    churn_timed *timed = field(options, row);
    char number[24];
    size_t length = at ? (size_t)(at - value) : strlen(value);

    if (length >= sizeof(number))
        usage("--%s: '%s' is too long", row->name, value);
    memcpy(number, value, length);
    number[length] = '\0';
    timed->value = whole(row, number);
    timed->at = -1;
    if (at && (!parse_duration(at + 1, &timed->at) || timed->at > 86400))
        usage("--%s: '%s' after the @ is not a time from 0s to 86400s", row->name, at + 1);
}

static void take_memcg(churn_options *options, const option_row *row, const char *value)
{
    take_whole(options, row, value);
    if (options->memcg_mb > 0 && options->memcg_mb < 16)
        usage("--memcg: %s: a worker does not run in less than 16 MB", value);
    options->memcg_given = true;
}

static void take_dir(churn_options *options, const option_row *row, const char *value)
{
    if (!*value)
        usage("--%s: empty", row->name);
    if (options->dirs == CHURN_MAX_DIRS)
        usage("--%s: more than %d of them", row->name, CHURN_MAX_DIRS);
    options->dir[options->dirs++] = value;
}

static void take_method(churn_options *options, const option_row *row, const char *value)
{
    const churn_method *method = churn_method_named(value);

    if (!method) {
        fprintf(stderr, "churn: --%s: there is no '%s'; there are", row->name, value);
        for (size_t i = 0; i < churn_method_count; i++)
            fprintf(stderr, " %s", churn_methods[i].name);
        fputc('\n', stderr);
        exit(CHURN_EXIT_USAGE);
    }
    if (options->methods == CHURN_MAX_DIRS)
        usage("--%s: more than %d of them", row->name, CHURN_MAX_DIRS);
    options->method[options->methods++] = method;
}

/* The place of `value` among `words`; ends the program when it is none of them. */
static unsigned one_of(const option_row *row, const char *value, const char *const *words,
                       unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(value, words[i]) == 0)
            return i;
    }
    usage("--%s: '%s' is not %s", row->name, value, row->argument);
}

static void take_expect(churn_options *options, const option_row *row, const char *value)
{
    static const char *const words[] = {"leak", "clean"};

    options->expect = one_of(row, value, words, 2) == 0 ? CHURN_LEAK : CHURN_CLEAN;
}

static void take_gauge(churn_options *options, const option_row *row, const char *value)
{
    static const char *const words[] = {"auto", "negative", "dentries"};

    options->gauge = (churn_gauge_kind)one_of(row, value, words, 3);
}

static void take_format(churn_options *options, const option_row *row, const char *value)
{
    static const char *const words[] = {"dstat", "csv", "json"};

    options->format = words[one_of(row, value, words, 3)];
}

/* ---- the table -------------------------------------------------------------------------- */

#define AT(name) offsetof(churn_options, name)
#define GROUP(text)                        \
    {                                      \
        0, text, NULL, NULL, 0, 0, 0, NULL \
    }

static const option_row rows[] = {
    GROUP("What is done"),
    {'w', "workers", "N", take_whole, AT(workers), 1, CHURN_MAX_WORKERS,
     "processes (50; with --compare 1)"},
    {'p', "pause", "DURATION", take_duration, AT(pause), 0, 3600,
     "of a worker after each file (10ms; with --compare 0; 0 is without a pause)"},
    {0, "jitter", "DURATION", take_duration, AT(jitter), 0, 3600,
     "a worker starts after a random part of this (1s; with --compare 0)"},
    {'s', "size", "BYTES", take_whole, AT(size), 0, 16777216, "of each file (128)"},
    {0, "name-len", "N", take_whole, AT(name_length), 6, 250,
     "characters of each name (10); from 40 on a name takes a second kernel object"},
    {'m', "method", "METHOD", take_method, 0, 0, 0,
     "how (close-unlink; with --compare all, or each that is named)"},
    {'d', "dir", "DIRECTORY", take_dir, 0, 0, 0,
     "where ($TMPDIR, else /tmp; with --compare each that is named)"},
    {0, "in-place", NULL, take_flag, AT(in_place), 0, 0,
     "in the directory itself, not in a private one within: what is retained stays"},
    {0, "keep", NULL, take_flag, AT(keep), 0, 0,
     "do not remove the private directory: what is retained stays"},

    GROUP("When it ends"),
    {'t', "duration", "DURATION", take_duration, AT(duration), 0.1, 604800,
     "at the latest after this (300s)"},
    {'n', "files", "N", take_whole, AT(files), 1, 1e10,
     "files of all workers (2000000; with --compare 20000 a method)"},
    {0, "max-retained-mb", "MB", take_whole, AT(max_retained_mb), 1, 1048576,
     "guard: kernel memory retained (512, or a tenth of what is available if less)"},
    {0, "min-available-mb", "MB", take_whole, AT(min_available_mb), 1, 1048576,
     "guard: memory that stays available (512, or 15 % of all if more)"},
    {0, "min-free", "PERCENT", take_whole, AT(min_free_percent), 0, 99,
     "guard: blocks and inodes that stay free where the files are (5)"},

    GROUP("What is shown"),
    {'i', "interval", "DURATION", take_duration, AT(interval), 0.1, 86400,
     "between lines (30s)"},
    {'o', "once", NULL, take_flag, AT(once), 0, 0,
     "only a table of the slab caches as slabtop has it, dentry first; then end"},
    {'f', "format", "dstat|csv|json", take_format, 0, 0, 0,
     "of the lines on standard output (dstat); text then goes to standard error"},
    {0, "csv", "FILE", take_text, AT(csv), 0, 0, "the lines there too; - is -f csv"},
    {0, "json", "FILE", take_text, AT(json), 0, 0, "lines and result there too; - is -f json"},
    {0, "svg", "FILE", take_text, AT(svg), 0, 0,
     "two charts there: dentry slab with negative dentries, and memory"},

    GROUP("Verdict"),
    {0, "compare", NULL, take_flag, AT(compare), 0, 0,
     "every method in every directory: a table with a verdict each"},
    {0, "expect", "leak|clean", take_expect, 0, 0, 0,
     "exit with 0 when found so, 1 when contradicted, 4 when inconclusive"},
    {0, "gauge", "auto|negative|dentries", take_gauge, 0, 0, 0,
     "what is read around a removal (auto: negative from Linux 5.0 on, else dentries)"},

    GROUP("Under memory pressure"),
    {0, "memcg", "MB", take_memcg, AT(memcg_mb), 0, 1048576,
     "workers and --hog in a fresh memory cgroup of this limit (with --hog 512; 0: none)"},
    {0, "hog", "MB[@TIME]", take_timed, AT(hog), 1, 1048576,
     "a process takes that much memory at that time (at the end): how long it stalls"},

    GROUP("The whole system (as root; settings are put back at the end)"),
    {0, "allow-system", NULL, take_flag, AT(allow_system), 0, 0, "allow the options below"},
    {0, "drop-caches", "1|2|3[@TIME]", take_timed, AT(drop), 1, 3,
     "write vm.drop_caches at that time (at the end)"},
    {0, "vfs-cache-pressure", "N", take_sysctl, AT(cache_pressure), 0, 1000000,
     "set vm.vfs_cache_pressure for the run"},
    {0, "dentry-negative", "0|1", take_sysctl, AT(dentry_negative), 0, 1,
     "set fs.dentry-negative for the run (Linux 6.13)"},

    GROUP("Other"),
    {'h', "help", NULL, take_flag, AT(help), 0, 0, "this"},
    {'V', "version", NULL, take_flag, AT(version), 0, 0, "the version"},
};

#define ROWS CHURN_COUNT(rows)

#define HELP_LEFT  30
#define HELP_RIGHT 80

/* `text` from column HELP_LEFT on, in lines that end before HELP_RIGHT. */
static void put_wrapped(FILE *to, const char *text)
{
    int column = HELP_LEFT;

    while (*text) {
        int word = (int)strcspn(text, " ");

        if (column > HELP_LEFT && column + 1 + word > HELP_RIGHT) {
            fprintf(to, "\n%*s", HELP_LEFT, "");
            column = HELP_LEFT;
        } else if (column > HELP_LEFT) {
            fputc(' ', to);
            column++;
        }
        fprintf(to, "%.*s", word, text);
        column += word;
        text += word;
        text += strspn(text, " ");
    }
    fputc('\n', to);
}

static void put_option(FILE *to, const option_row *row)
{
    int length = row->letter ? fprintf(to, "  -%c, ", row->letter) : fprintf(to, "      ");

    length += fprintf(to, "--%s%s%s", row->name, row->argument ? " " : "",
                      row->argument ? row->argument : "");
    if (length >= HELP_LEFT)
        fprintf(to, "\n%*s", HELP_LEFT, "");
    else
        fprintf(to, "%*s", HELP_LEFT - length, "");
    put_wrapped(to, row->help);
}

void churn_options_help(FILE *to)
{
    fputs("churn makes and removes temporary files and shows what stays in kernel memory."
          "\n\nusage: churn [OPTION...]\n",
          to);
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].help)
            put_option(to, &rows[i]);
        else
            fprintf(to, "\n%s:\n", rows[i].name);
    }
    fputs("\nMethods:\n", to);
    for (size_t i = 0; i < churn_method_count; i++)
        fprintf(to, "  %-14s %s\n", churn_methods[i].name, churn_methods[i].words);
    fputs("\nExit: 0 done, or as expected; 1 contradicted; 2 wrong usage, or it could not\n"
          "start; 3 stopped by a guard or a failed worker; 4 inconclusive; 128 and the\n"
          "signal's number when a signal ended it.\n",
          to);
}

/* ---- parsing --------------------------------------------------------------------------------
 */

static void defaults(churn_options *options)
{
    *options = (churn_options){
        .size = 128,
        .name_length = 10,
        .pause = -1,
        .jitter = -1,
        .duration = 300,
        .interval = 30,
        .min_free_percent = 5,
        .format = "dstat",
        .cache_pressure = -1,
        .dentry_negative = -1,
    };
}

static void resolve(churn_options *options)
{
    const char *tmpdir = getenv("TMPDIR");

    if (options->dirs == 0)
        options->dir[options->dirs++] = tmpdir && *tmpdir ? tmpdir : "/tmp";
    if (options->workers == 0)
        options->workers = options->compare ? 1 : 50;
    if (options->pause < 0)
        options->pause = options->compare ? 0 : 0.010;
    if (options->jitter < 0)
        options->jitter = options->compare ? 0 : 1;
    if (options->files == 0)
        options->files = options->compare ? 20000 : 2000000;
    if (options->hog.value && !options->memcg_given)
        options->memcg_mb = 512;
    if (options->methods == 0) {
        for (size_t i = 0; i < (options->compare ? churn_method_count : 1); i++)
            options->method[options->methods++] = &churn_methods[i];
    }
    if (options->csv && strcmp(options->csv, "-") == 0) {
        options->csv = NULL;
        options->format = "csv";
    }
    if (options->json && strcmp(options->json, "-") == 0) {
        if (strcmp(options->format, "csv") == 0)
            usage("--csv and --json cannot both go to standard output");
        options->json = NULL;
        options->format = "json";
    }
}

static void check_together(const churn_options *options)
{
    if (options->compare) {
        if (options->in_place || options->keep)
            usage("--compare measures by removing its directories: not with --in-place or "
                  "--keep");
        if (options->hog.value || options->drop.value)
            usage("--compare does not go with --hog or --drop-caches");
        if (options->svg)
            usage("--compare draws no charts: not with --svg");
    } else if (options->dirs > 1 || options->methods > 1) {
        usage("--%s: more than one only with --compare", options->dirs > 1 ? "dir" : "method");
    }
    if (options->in_place && options->keep)
        usage("--in-place has no private directory to --keep");
    if (options->drop.value || options->cache_pressure >= 0 || options->dentry_negative >= 0) {
        if (!options->allow_system)
            usage("--drop-caches, --vfs-cache-pressure and --dentry-negative act on the whole "
                  "system: add --allow-system");
        if (geteuid() != 0)
            usage("--drop-caches, --vfs-cache-pressure and --dentry-negative need root");
    }
    if (options->hog.at >= options->duration || options->drop.at >= options->duration)
        usage("the time after an @ lies behind the end, --duration %gs", options->duration);
    if (options->hog.value && options->memcg_mb && options->hog.value >= options->memcg_mb)
        usage("--hog: %llu MB do not fit into --memcg %llu",
              (unsigned long long)options->hog.value, (unsigned long long)options->memcg_mb);
    if (options->name_length >= 40)
        churn_say("--name-len %llu: each name takes %.0f bytes more, the kernel keeps names "
                  "from 40 characters on in an object of their own",
                  (unsigned long long)options->name_length,
                  churn_bytes_each(options->name_length) - TC_DENTRY_BYTES);
}

static size_t getopt_tables(char *letters, struct option *longs)
{
    size_t count = 0;

    *letters++ = ':';
    for (size_t i = 0; i < ROWS; i++) {
        if (!rows[i].help)
            continue;
        /* Beyond all characters, so that a long option's value is its row. */
        longs[count++] =
            (struct option){rows[i].name, rows[i].argument ? required_argument : no_argument,
                            NULL, 256 + (int)i};
        if (rows[i].letter) {
            *letters++ = rows[i].letter;
            if (rows[i].argument)
                *letters++ = ':';
        }
    }
    *letters = '\0';
    longs[count] = (struct option){0};
    return count;
}

static const option_row *row_of(int found)
{
    if (found >= 256)
        return &rows[found - 256];
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].help && rows[i].letter == found)
            return &rows[i];
    }
    return NULL;
}

void churn_options_parse(churn_options *options, int argc, char **argv)
{
    char letters[2 * ROWS + 2];
    struct option longs[ROWS + 1];
    int found;

    defaults(options);
    getopt_tables(letters, longs);
    opterr = 0;
    while ((found = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
        const option_row *row;

        if (found == ':')
            usage("%s: an argument is missing", argv[optind - 1]);
        row = found == '?' ? NULL : row_of(found);
        if (!row)
            usage("%s: there is no such option, or it takes no argument", argv[optind - 1]);
        row->take(options, row, optarg);
    }
    if (options->help || options->version)
        return;
    if (optind < argc)
        usage("'%s' is not an option", argv[optind]);
    resolve(options);
    check_together(options);
}
