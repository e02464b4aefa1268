/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Draws measurements as a chart over time, as the server's status page does:
 *
 *   svgchart [options] < table.csv > chart.svg
 *
 * The table's first line has the columns' names; its first column is the time in
 * seconds since 1970, with or without a fraction; an empty cell is a gap. --help
 * lists the options.
 */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "status/chart.h"

static const char help[] =
    "usage: svgchart [options] < table.csv > chart.svg\n"
    "\n"
    "The table: names in the first line; the time in seconds since 1970 in the first\n"
    "column; numbers in the others, empty where there is none.\n"
    "\n"
    "  --title TITLE          above the chart\n"
    "  --columns NAME,...     which to draw, in this order; else all but the first\n"
    "  --area NAME,...        as areas, stacked on each other\n"
    "  --left NAME            the left axis' name\n"
    "  --left-unit UNIT       none, bytes, seconds, per-second or ratio\n"
    "  --on-right NAME,...    against the right axis\n"
    "  --right NAME           the right axis' name\n"
    "  --right-unit UNIT\n"
    "  --from, --to SECONDS   draw this span, in the table's time\n"
    "  --relative             label the time as minutes and seconds since the first row\n"
    "  --width, --height N    720 and 280 unless told\n"
    "  --help\n";

typedef struct svg_options {
    const char *columns, *area, *on_right;
    const char *from, *to;
    tc_chart chart;
} svg_options;

typedef struct svg_table {
    size_t columns, rows, room; /* without the time's column */
    char **name;
    double *time;
    double **value; /* a column each */
} svg_table;

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
    va_list args;

    fputs("svgchart: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(2);
}

static void *grown(void *memory, size_t count, size_t size)
{
    memory = reallocarray(memory, count, size);
    if (!memory)
        die("out of memory");
    return memory;
}

/* ---- the table --------------------------------------------------------------- */

/*
 * The cell at `*at`, unquoted in place; `*at` goes to the next one, or to NULL
 * after the last.
 */
static char *next_cell(char **at, size_t line)
{
    char *cell = *at, *from = cell, *to = cell;

    if (*from != '"') {
        from += strcspn(from, ",");
        to = from;
    } else {
        for (from++; *from && (*from != '"' || from[1] == '"'); *to++ = *from++)
            from += *from == '"';
        if (*from++ != '"')
            die("line %zu: a quote without its end", line);
        if (*from && *from != ',')
            die("line %zu: text after a quoted cell", line);
    }
    *at = *from ? from + 1 : NULL;
    *to = '\0';
    return cell;
}

static void read_names(svg_table *table, char *line)
{
    next_cell(&line, 1);
    while (line) {
        table->name = grown(table->name, table->columns + 1, sizeof *table->name);
        table->name[table->columns] = strdup(next_cell(&line, 1));
        if (!table->name[table->columns++])
            die("out of memory");
    }
    table->value = grown(NULL, table->columns + 1, sizeof *table->value);
    memset(table->value, 0, (table->columns + 1) * sizeof *table->value);
}

/* A number, NAN for an empty cell. */
static double number(const char *text, const char *what, size_t line)
{
    char *end;
    double value;

    text += strspn(text, " \t");
    if (!*text)
        return NAN;
    value = strtod(text, &end);
    end += strspn(end, " \t");
    if (*end && line)
        die("line %zu, %s: not a number: %s", line, what, text);
    if (*end)
        die("%s: not a number: %s", what, text);
    return value;
}

static void read_row(svg_table *table, char *text, size_t line)
{
    double time = number(next_cell(&text, line), "the time", line);

    if (!isfinite(time) || fabs(time) > 1e15)
        die("line %zu: no time in the first column", line);
    if (table->rows == table->room) {
        table->room = table->room ? table->room * 2 : 1024;
        table->time = grown(table->time, table->room, sizeof *table->time);
        for (size_t at = 0; at < table->columns; at++)
            table->value[at] = grown(table->value[at], table->room, sizeof **table->value);
    }
    table->time[table->rows] = time;
    for (size_t at = 0; at < table->columns; at++)
        table->value[at][table->rows] =
            text ? number(next_cell(&text, line), table->name[at], line) : NAN;
    if (text)
        die("line %zu: more cells than columns", line);
    table->rows++;
}

static void read_table(svg_table *table, FILE *in)
{
    char *text = NULL;
    size_t size = 0, line = 0;
    ssize_t length;

    while ((length = getline(&text, &size, in)) > 0) {
        while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r'))
            text[--length] = '\0';
        if (strlen(text) != (size_t)length)
            die("line %zu: a zero byte", line + 1);
        if (++line == 1)
            read_names(table, text);
        else if (length > 0)
            read_row(table, text, line);
    }
    if (ferror(in))
        die("cannot read: %s", strerror(errno));
    free(text);
    if (line == 0)
        die("no line with the columns' names");
    if (table->columns == 0)
        die("no column but the time");
}

static void free_table(svg_table *table)
{
    for (size_t at = 0; at < table->columns; at++) {
        free(table->name[at]);
        free(table->value[at]);
    }
    free(table->name);
    free(table->value);
    free(table->time);
}

/* ---- what to draw ------------------------------------------------------------- */

/* Whether `list`, names with commas between, has `name`. */
static bool lists(const char *list, const char *name)
{
    size_t length = strlen(name), part;

    for (; list; list = list[part] ? list + part + 1 : NULL) {
        part = strcspn(list, ",");
        if (part == length && strncmp(list, name, length) == 0)
            return true;
    }
    return false;
}

static size_t column_named(const svg_table *table, const char *name, size_t length)
{
    for (size_t at = 0; at < table->columns; at++) {
        if (strlen(table->name[at]) == length && strncmp(table->name[at], name, length) == 0)
            return at;
    }
    die("no column is named %.*s", (int)length, name);
}

static void add_series(svg_options *options, tc_chart_series *of, const svg_table *table,
                       size_t at)
{
    const char *name = table->name[at];

    if (options->chart.series == TC_CHART_SERIES)
        die("more than %d columns: choose with --columns", TC_CHART_SERIES);
    of[options->chart.series++] = (tc_chart_series){.name = name,
                                                    .value = table->value[at],
                                                    .area = lists(options->area, name),
                                                    .right = lists(options->on_right, name)};
}

/* Each name of an option has to be one of the series. */
static void check_drawn(const svg_options *options, const char *option, const char *list)
{
    size_t part;

    for (; list; list = list[part] ? list + part + 1 : NULL) {
        bool drawn = false;
        part = strcspn(list, ",");
        for (unsigned at = 0; at < options->chart.series; at++) {
            const char *name = options->chart.of[at].name;
            drawn |= strlen(name) == part && strncmp(name, list, part) == 0;
        }
        if (!drawn)
            die("%s: no drawn column is named %.*s", option, (int)part, list);
    }
}

static void choose_series(svg_options *options, tc_chart_series *of, const svg_table *table)
{
    const char *list = options->columns;
    size_t part;

    options->chart.of = of;
    for (; list; list = list[part] ? list + part + 1 : NULL) {
        part = strcspn(list, ",");
        add_series(options, of, table, column_named(table, list, part));
    }
    for (size_t at = 0; !options->columns && at < table->columns; at++)
        add_series(options, of, table, at);
    check_drawn(options, "--area", options->area);
    check_drawn(options, "--on-right", options->on_right);
    for (unsigned at = 0; at < options->chart.series; at++) {
        if (of[at].area && of[at].right)
            die("%s: an area is drawn against the left axis", of[at].name);
    }
    if (options->on_right && !options->chart.right)
        options->chart.right = "";
}

static double limit(const char *text, const char *option, double otherwise)
{
    double value = text ? number(text, option, 0) : NAN;

    if (text && (!isfinite(value) || fabs(value) > 1e15))
        die("%s: not a time: %s", option, text);
    return text ? value : otherwise;
}

/* The table's times as the chart wants them; from the first row's on when --relative. */
static void set_times(svg_options *options, const svg_table *table, int64_t *whole,
                      double *fraction)
{
    tc_chart *chart = &options->chart;
    double zero = chart->elapsed && table->rows ? table->time[0] : 0;
    double from = INFINITY, to = -INFINITY;

    for (size_t at = 0; at < table->rows; at++) {
        double time = table->time[at] - zero;
        whole[at] = (int64_t)floor(time);
        fraction[at] = time - floor(time);
        from = fmin(from, time);
        to = fmax(to, time);
    }
    from = limit(options->from, "--from", from + zero) - zero;
    to = limit(options->to, "--to", to + zero) - zero;
    if ((options->from || options->to) && isfinite(from) && isfinite(to) && !(from < to))
        die("no time between --from, or the first row, and --to, or the last");
    if (isfinite(from) && isfinite(to)) {
        chart->from = (int64_t)floor(from);
        chart->to = (int64_t)ceil(to);
    }
    chart->points = table->rows;
    chart->time = whole;
    chart->fraction = fraction;
}

/* ---- options ------------------------------------------------------------------- */

static tc_unit unit_named(const char *name, const char *option)
{
    static const char *const names[] = {
        [TC_UNIT_NONE] = "none",       [TC_UNIT_BYTES] = "bytes",
        [TC_UNIT_SECONDS] = "seconds", [TC_UNIT_PER_SECOND] = "per-second",
        [TC_UNIT_RATIO] = "ratio",
    };

    for (size_t at = 0; at < sizeof names / sizeof *names; at++) {
        if (strcmp(names[at], name) == 0)
            return (tc_unit)at;
    }
    die("%s: none, bytes, seconds, per-second or ratio, not %s", option, name);
}

static unsigned length(const char *text, const char *option, unsigned least)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (!isdigit((unsigned char)*text) || *end || value < least || value > 4000)
        die("%s: %u to 4000, not %s", option, least, text);
    return (unsigned)value;
}

enum { LEFT_UNIT = 256, RIGHT, RIGHT_UNIT, FROM, TO };

static const struct option names[] = {
    {"title", required_argument, NULL, 't'},
    {"columns", required_argument, NULL, 'c'},
    {"area", required_argument, NULL, 'a'},
    {"left", required_argument, NULL, 'l'},
    {"left-unit", required_argument, NULL, LEFT_UNIT},
    {"on-right", required_argument, NULL, 'o'},
    {"right", required_argument, NULL, RIGHT},
    {"right-unit", required_argument, NULL, RIGHT_UNIT},
    {"from", required_argument, NULL, FROM},
    {"to", required_argument, NULL, TO},
    {"relative", no_argument, NULL, 'r'},
    {"width", required_argument, NULL, 'w'},
    {"height", required_argument, NULL, 'H'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static void set_option(svg_options *options, int option)
{
    tc_chart *chart = &options->chart;

    switch (option) {
    case 't':
        chart->title = optarg;
        break;
    case 'c':
        options->columns = optarg;
        break;
    case 'a':
        options->area = optarg;
        break;
    case 'l':
        chart->left = optarg;
        break;
    case LEFT_UNIT:
        chart->left_unit = unit_named(optarg, "--left-unit");
        break;
    case 'o':
        options->on_right = optarg;
        break;
    case RIGHT:
        chart->right = optarg;
        break;
    case RIGHT_UNIT:
        chart->right_unit = unit_named(optarg, "--right-unit");
        break;
    case FROM:
        options->from = optarg;
        break;
    case TO:
        options->to = optarg;
        break;
    case 'r':
        chart->elapsed = true;
        break;
    case 'w':
        chart->width = length(optarg, "--width", 320);
        break;
    case 'H':
        chart->height = length(optarg, "--height", 160);
        break;
    case 'h':
        fputs(help, stdout);
        exit(0);
    default: /* getopt_long has said what is wrong */
        exit(2);
    }
}

int main(int argc, char **argv)
{
    svg_options options = {.chart.standalone = true};
    tc_chart_series of[TC_CHART_SERIES];
    tc_writer to = tc_writer_file(stdout);
    svg_table table = {0};
    int64_t *whole;
    double *fraction;
    int option;

    while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
        set_option(&options, option);
    if (optind < argc)
        die("unexpected: %s; the table is read from the standard input", argv[optind]);
    read_table(&table, stdin);
    choose_series(&options, of, &table);
    whole = grown(NULL, table.rows + 1, sizeof *whole);
    fraction = grown(NULL, table.rows + 1, sizeof *fraction);
    set_times(&options, &table, whole, fraction);
    tc_chart_svg(&to, &options.chart);
    free(whole);
    free(fraction);
    free_table(&table);
    if (fflush(stdout) != 0 || ferror(stdout))
        die("cannot write: %s", strerror(errno));
    return 0;
}
