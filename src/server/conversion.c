/* SPDX-License-Identifier: Apache-2.0 */
#include "conversion.h"

#include "base/clock.h"
#include "converter/remote.h"

#include <apr_strings.h>

#include <unistd.h>

struct tc_conversion {
    apr_pool_t *pool;
    const tc_conversion_want *want;
    tc_fail *fail;
    tc_summary summary;
    /* One of these: */
    tc_pipeline *pipeline;
    tc_remote *remote;
};

typedef struct spool_sink {
    tc_spool *spool;
    tc_fail *fail;
} spool_sink;

tc_error tc_conversion_spool_error(apr_status_t status)
{
    if (APR_STATUS_IS_ENOSPC(status))
        return TC_E_NO_SPACE;
    if (status == TC_SPOOL_CLIENT_FULL)
        return TC_E_CLIENT_SHARE;
    if (APR_STATUS_IS_ENOMEM(status))
        return TC_E_NO_MEMORY;
    return APR_STATUS_IS_EMFILE(status) || APR_STATUS_IS_ENFILE(status) ? TC_E_NO_FILES
                                                                        : TC_E_WRITE;
}

static tc_error write_spool(void *context, const void *data, size_t length)
{
    spool_sink *sink = context;
    apr_status_t status = tc_spool_write(sink->spool, data, length);

    if (status == APR_SUCCESS)
        return TC_E_OK;
    return tc_fail_set(sink->fail, tc_conversion_spool_error(status), "%s",
                       tc_spool_reason(sink->spool));
}

/* ---- a spool as an original -------------------------------------------------------------- */

static tc_error read_spool(void *context, uint64_t offset, void *buffer, size_t length,
                           size_t *got)
{
    tc_spooled *spooled = context;
    uint64_t began = tc_clock_ns();
    apr_status_t status = tc_spool_read(spooled->spool, (apr_off_t)offset, buffer, length, got);

    spooled->read_ns += tc_clock_ns() - began;
    return status == APR_SUCCESS ? TC_E_OK : TC_E_READ;
}

static apr_status_t spool_descriptor(void *context, int *fd, bool *own)
{
    const tc_spooled *spooled = context;

    *own = true;
    return tc_spool_descriptor(spooled->spool, fd);
}

tc_original tc_conversion_spooled(tc_spooled *spooled)
{
    uint64_t length = (uint64_t)tc_spool_length(spooled->spool);

    return (tc_original){
        {read_spool, spooled, length, NULL}, &spooled->read_ns, spool_descriptor};
}

/* ---- in this process --------------------------------------------------------------------- */

static tc_error open_pipeline(tc_conversion *conversion)
{
    const tc_conversion_want *want = conversion->want;
    const tc_outline *outline;
    tc_error error = tc_pipeline_open(&conversion->pipeline, &want->source->input, want->params,
                                      want->limits, conversion->fail);

    if (error)
        return error;
    outline = tc_pipeline_outline(conversion->pipeline);
    if (want->icon && !outline->plan.pass)
        error = tc_pipeline_icon(conversion->pipeline, &want->icon->input);
    conversion->summary = (tc_summary){.format = outline->info.format,
                                       .width = outline->info.width,
                                       .height = outline->info.height,
                                       .target = outline->target,
                                       .pass = outline->plan.pass,
                                       .plan_bytes = outline->plan.bytes};
    return error;
}

/* ---- in a converter ---------------------------------------------------------------------- */

static tc_error open_file(const tc_original *original, int *fd, bool *own, tc_fail *fail)
{
    apr_status_t status = original->descriptor(original->input.context, fd, own);
    char words[120];

    if (status == APR_SUCCESS)
        return TC_E_OK;
    *own = false;
    return tc_fail_set(fail, tc_conversion_spool_error(status), "%s",
                       apr_strerror(status, words, sizeof words));
}

static void take_facts(tc_conversion *conversion)
{
    const tc_facts *facts = tc_remote_facts(conversion->remote);

    conversion->summary = (tc_summary){.format = (tc_format)facts->source,
                                       .width = facts->width,
                                       .height = facts->height,
                                       .target = tc_codec_find((tc_format)facts->target),
                                       .pass = facts->pass,
                                       .plan_bytes = facts->plan_bytes};
    *conversion->want->source->read_ns += tc_remote_open_read_ns(conversion->remote);
}

static tc_error open_remote(tc_conversion *conversion)
{
    const tc_conversion_want *want = conversion->want;
    tc_remote_job job = {.source = -1,
                         .source_bytes = want->source->input.size,
                         .icon = -1,
                         .icon_bytes = want->icon ? want->icon->input.size : 0,
                         .params = want->params,
                         .limits = want->limits,
                         .go_bytes = want->go_bytes,
                         .ends_ns = want->ends_ns,
                         .seconds = want->seconds};
    bool own_source, own_icon = false;
    tc_error error = open_file(want->source, &job.source, &own_source, conversion->fail);

    if (!error && want->icon)
        error = open_file(want->icon, &job.icon, &own_icon, conversion->fail);
    if (!error)
        error = tc_remote_open(&conversion->remote, want->converters, &job, want->cancel,
                               conversion->fail);
    if (!error)
        take_facts(conversion);
    if (own_source)
        close(job.source);
    if (own_icon)
        close(job.icon);
    return error;
}

static tc_error run_remote(tc_conversion *conversion, const tc_output *output, tc_stats *stats)
{
    tc_error error = tc_remote_run(conversion->remote, output, stats);

    *conversion->want->source->read_ns +=
        tc_remote_read_ns(conversion->remote) - tc_remote_open_read_ns(conversion->remote);
    return error;
}

/* ---- both -------------------------------------------------------------------------------- */

static apr_status_t cleanup(void *data)
{
    tc_conversion *conversion = data;

    tc_pipeline_free(conversion->pipeline);
    tc_remote_close(conversion->remote);
    return APR_SUCCESS;
}

tc_error tc_conversion_open(apr_pool_t *pool, tc_conversion **conversion,
                            const tc_conversion_want *want, tc_fail *fail)
{
    tc_conversion *made = apr_pcalloc(pool, sizeof *made);
    tc_error error;

    made->pool = pool;
    made->want = want;
    made->fail = fail;
    apr_pool_cleanup_register(pool, made, cleanup, apr_pool_cleanup_null);
    error = want->converters ? open_remote(made) : open_pipeline(made);
    /* Descriptors on their way count for all processes of the user: with many generations of
       converters alive they can be too many. Here none is sent. */
    if (want->or_here && (error == TC_E_NO_CONVERTER || error == TC_E_NO_FILES)) {
        *fail = (tc_fail){0};
        error = open_pipeline(made);
    }
    if (error)
        tc_conversion_close(made);
    *conversion = error ? NULL : made;
    return error;
}

const tc_summary *tc_conversion_summary(const tc_conversion *conversion)
{
    return &conversion->summary;
}

tc_error tc_conversion_run(tc_conversion *conversion, const tc_temp_config *temp_config,
                           apr_size_t threshold, tc_spool **result, tc_stats *stats)
{
    spool_sink sink = {tc_spool_create(conversion->pool, temp_config, threshold),
                       conversion->fail};
    tc_output output = {write_spool, &sink};
    tc_error error = conversion->remote ? run_remote(conversion, &output, stats)
                                        : tc_pipeline_run(conversion->pipeline, &output,
                                                          conversion->want->cancel, stats);

    if (error)
        tc_spool_close(sink.spool);
    *result = sink.spool;
    return error;
}

const tc_fail *tc_conversion_damage(const tc_conversion *conversion)
{
    return conversion->remote ? tc_remote_damage(conversion->remote)
                              : tc_pipeline_damage(conversion->pipeline);
}

void tc_conversion_close(tc_conversion *conversion)
{
    apr_pool_cleanup_run(conversion->pool, conversion, cleanup);
}
