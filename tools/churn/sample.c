/* SPDX-License-Identifier: Apache-2.0 */
/* The machine at one moment, and the line of readings between two of them. */
#include "sample.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

static bool read_cpu(uint64_t cpu[CHURN_CPU_FIELDS])
{
    char text[512];
    const char *at;

    if (tc_reading_file(NULL, "/proc/stat", text, sizeof(text)))
        return false;
    at = tc_reading_behind(text, "cpu");
    for (int i = 0; at && i < CHURN_CPU_FIELDS; i++) {
        tc_reading reading = tc_reading_parse(at, &at);

        if (reading.error)
            return false;
        cpu[i] = reading.value;
    }
    return at != NULL;
}

void churn_sample_take(churn_sample *sample, const churn_context *context)
{
    const churn_shared *shared = context->shared;

    sample->at = churn_now();
    sample->files = 0;
    for (uint64_t i = 0; i < context->options->workers; i++) {
        for (int part = 0; part < CHURN_PARTS; part++)
            sample->files += shared->slot[i].files[part];
    }
    sample->has_cpu = read_cpu(sample->cpu);
    tc_host_read(&sample->host, NULL);
    if (context->memcg.version)
        sample->cgroup_slab = churn_memcg_slab(&context->memcg);
    else if (sample->host.cgroup.version == 2)
        sample->cgroup_slab = sample->host.cgroup.slab_reclaimable;
    else
        sample->cgroup_slab = sample->host.cgroup.kernel;
}

/* ---- rows -------------------------------------------------------------------------------- */

static double number(tc_reading reading)
{
    return reading.error ? NAN : (double)reading.value;
}

static void set_cpu(churn_row *row, const churn_sample *from, const churn_sample *to)
{
    double share[CHURN_CPU_FIELDS], all = 0;

    for (int i = 0; i < CHURN_CPU_FIELDS; i++) {
        share[i] = from->has_cpu && to->has_cpu && to->cpu[i] >= from->cpu[i]
                       ? (double)(to->cpu[i] - from->cpu[i])
                       : 0;
        all += share[i];
    }
    for (int i = 0; i < CHURN_CPU_FIELDS; i++)
        share[i] = all > 0 ? share[i] / all * 100 : NAN;
    row->usr = share[0] + share[1];
    row->sys = share[2];
    row->idl = share[3];
    row->wai = share[4];
    row->hiq = share[5];
    row->siq = share[6];
}

static void set_memory(churn_row *row, const tc_memory *memory)
{
    row->used = number(tc_memory_used(memory, true));
    row->used_without_slab = number(tc_memory_used(memory, false));
    row->buff = number(memory->buffers);
    row->cach = number(memory->cached);
    row->free = number(memory->free);
    row->swap_free = number(memory->swap_free);
    row->swap_used = number(memory->swap_total) - row->swap_free;
    row->slab_reclaimable = number(memory->slab_reclaimable);
}

churn_row churn_row_between(const churn_sample *first, const churn_sample *from,
                            const churn_sample *to)
{
    double seconds = to->at - from->at, files = (double)(to->files - from->files);
    bool estimated;
    churn_row row;

    row.epoch = (double)to->host.taken;
    row.seconds = to->at - first->at;
    set_cpu(&row, from, to);
    set_memory(&row, &to->host.memory);
    row.files = (double)to->files;
    row.files_per_second = seconds > 0 ? files / seconds : NAN;
    row.nr_dentry = number(to->host.dentry.dentries);
    row.nr_negative = number(to->host.dentry.negative);
    row.negative_change = row.nr_negative - number(from->host.dentry.negative);
    row.negative_per_file = files > 0 ? row.negative_change / files : NAN;
    row.dentry_slab = number(tc_host_dentry_bytes(&to->host, &estimated));
    row.dentry_slab_estimated = estimated;
    row.cgroup_slab = number(to->cgroup_slab);
    return row;
}

/* ---- the line beside dstat's
 * ------------------------------------------------------------------ */

static void size_text(char *text, size_t size, double bytes)
{
    static const char units[] = "BkMGT";
    size_t unit = 0;

    if (isnan(bytes)) {
        snprintf(text, size, "-");
        return;
    }
    while (fabs(bytes) >= 9999.5 && unit < sizeof(units) - 2) {
        bytes /= 1024;
        unit++;
    }
    if (bytes == 0)
        snprintf(text, size, "0");
    else if (unit > 0 && fabs(bytes) < 99.95)
        snprintf(text, size, "%.1f%c", bytes, units[unit]);
    else
        snprintf(text, size, "%.0f%c", bytes, units[unit]);
}

static void put_size(FILE *to, int width, double bytes, bool about)
{
    char text[24];

    text[0] = '~';
    size_text(text + about, sizeof(text) - 1, bytes);
    fprintf(to, "%*s", width, text);
}

static void put_number(FILE *to, int width, double value, int decimals, bool sign)
{
    if (isnan(value))
        fprintf(to, "%*s", width, "-");
    else
        fprintf(to, sign ? "%+*.*f" : "%*.*f", width, decimals, value);
}

/* The first groups have dstat's widths (dstat -T --cpu --mem --swap). */
void churn_line_head(FILE *to)
{
    fputs("--epoch--- ----total-cpu-usage---- ------memory-usage----- ----swap--- "
          "-------files-- --------------dentries-------------- -----------slab----------\n"
          "  epoch   |usr sys idl wai hiq siq| used  buff  cach  free| used  free|"
          "  files    f/s|   total negative  change neg/file|dentry recl. cgroup no-slab\n",
          to);
}

void churn_line(FILE *to, const churn_row *row)
{
    fprintf(to, "%10.0f|", row->epoch);
    put_number(to, 3, row->usr, 0, false);
    put_number(to, 4, row->sys, 0, false);
    put_number(to, 4, row->idl, 0, false);
    put_number(to, 4, row->wai, 0, false);
    put_number(to, 4, row->hiq, 0, false);
    put_number(to, 4, row->siq, 0, false);
    fputc('|', to);
    put_size(to, 5, row->used, false);
    put_size(to, 6, row->buff, false);
    put_size(to, 6, row->cach, false);
    put_size(to, 6, row->free, false);
    fputc('|', to);
    put_size(to, 5, row->swap_used, false);
    put_size(to, 6, row->swap_free, false);
    fputc('|', to);
    put_number(to, 7, row->files, 0, false);
    put_number(to, 7, row->files_per_second, 0, false);
    fputc('|', to);
    put_number(to, 8, row->nr_dentry, 0, false);
    put_number(to, 9, row->nr_negative, 0, false);
    put_number(to, 8, row->negative_change, 0, true);
    put_number(to, 9, row->negative_per_file, 4, false);
    fputc('|', to);
    put_size(to, 6, row->dentry_slab, row->dentry_slab_estimated != 0);
    put_size(to, 6, row->slab_reclaimable, false);
    put_size(to, 7, row->cgroup_slab, false);
    put_size(to, 8, row->used_without_slab, false);
    fputc('\n', to);
}
