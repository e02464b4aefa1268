/* SPDX-License-Identifier: Apache-2.0 */
/* Readings over the run, for the two charts. */
#include "history.h"

#include "status/chart.h"

#define WIDTH  720
#define HEIGHT 280

static void thin_out(churn_history *history)
{
    size_t kept = 0;

    for (size_t i = 0; i < history->count; i += 2, kept++) {
        history->time[kept] = history->time[i];
        history->dentry_slab[kept] = history->dentry_slab[i];
        history->negative[kept] = history->negative[i];
        history->used[kept] = history->used[i];
        history->slab[kept] = history->slab[i];
        history->buff[kept] = history->buff[i];
        history->cach[kept] = history->cach[i];
    }
    history->count = kept;
    history->step = history->step ? history->step * 2 : 2;
}

void churn_history_add(churn_history *history, const churn_row *row)
{
    size_t at = history->count;
    int64_t time = (int64_t)row->epoch;

    if (at > 0 && history->time[at - 1] >= time)
        return;
    if (history->skip > 0) {
        history->skip--;
        return;
    }
    if (at == CHURN_POINTS) {
        thin_out(history);
        at = history->count;
    }
    history->skip = history->step ? history->step - 1 : 0;
    history->time[at] = time;
    history->dentry_slab[at] = row->dentry_slab;
    history->negative[at] = row->nr_negative;
    history->used[at] = row->used_without_slab;
    history->slab[at] = row->slab_reclaimable;
    history->buff[at] = row->buff;
    history->cach[at] = row->cach;
    history->count = at + 1;
}

static tc_chart chart_of(const churn_history *history)
{
    int64_t from = history->count ? history->time[0] : 0;
    int64_t to = history->count ? history->time[history->count - 1] : 0;

    return (tc_chart){.points = history->count,
                      .time = history->time,
                      .from = from,
                      .to = to > from ? to : from + 1,
                      .width = WIDTH,
                      .height = HEIGHT};
}

/* The chart as a drawing of its own within, `row` charts down. */
static void put_chart(const tc_writer *to, int row, tc_chart chart, const char *title,
                      const tc_chart_series *series, unsigned count)
{
    chart.title = title;
    chart.of = series;
    chart.series = count;
    tc_putf(to, "<svg y=\"%d\" width=\"%d\" height=\"%d\">\n", row * HEIGHT, WIDTH, HEIGHT);
    tc_chart_svg(to, &chart);
    tc_put(to, "\n</svg>\n");
}

void churn_history_svg(const churn_history *history, FILE *to)
{
    const tc_chart_series slab[] = {
        {.name = "dentry slab", .value = history->dentry_slab, .area = true},
        {.name = "negative dentries", .value = history->negative, .right = true},
    };
    const tc_chart_series memory[] = {
        {.name = "used, without slab", .value = history->used, .area = true},
        {.name = "slab, reclaimable", .value = history->slab, .area = true},
        {.name = "buffers", .value = history->buff, .area = true},
        {.name = "cached", .value = history->cach, .area = true},
    };
    tc_writer writer = tc_writer_file(to);
    tc_chart chart = chart_of(history);

    tc_putf(&writer,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
            "height=\"%d\" color=\"#222\">\n<rect width=\"100%%\" height=\"100%%\" "
            "fill=\"#fff\"/>\n",
            WIDTH, 2 * HEIGHT, WIDTH, 2 * HEIGHT);
    chart.left = "bytes";
    chart.left_unit = TC_UNIT_BYTES;
    put_chart(&writer, 1, chart, "Memory", memory, CHURN_COUNT(memory));
    chart.left = "dentry slab";
    chart.right = "negative dentries";
    put_chart(&writer, 0, chart, "Dentry slab and negative dentries", slab, CHURN_COUNT(slab));
    tc_put(&writer, "</svg>\n");
}
