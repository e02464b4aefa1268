/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/text.h"

/* Of each pixel of a result, and in addition for profiles and EXIF. */
#define PIXEL_BYTES  8
#define HEADER_BYTES (UINT64_C(16) << 20)

/* Without a default: of an error that is added the compiler asks what it is. */
bool tc_check_error(uint32_t error)
{
    if (error >= TC_E_COUNT)
        return false;
    switch ((tc_error)error) {
    case TC_E_PARAM:
    case TC_E_NOT_IMAGE:
    case TC_E_UNSUPPORTED:
    case TC_E_NOT_BUILT:
    case TC_E_DAMAGED:
    case TC_E_SOURCE_TOO_LARGE:
    case TC_E_PIXELS_TOO_MANY:
    case TC_E_OUTPUT_TOO_LARGE:
    case TC_E_TOO_COSTLY:
    case TC_E_NO_MEMORY:
    case TC_E_READ:
    case TC_E_WRITE:
    case TC_E_ICON:
    case TC_E_SIZE:
    case TC_E_TIMEOUT:
    case TC_E_INTERNAL:
        return true;
    case TC_E_OK:
    case TC_E_OVERLOAD:
    case TC_E_NO_SPACE:
    case TC_E_CHANGED:
    case TC_E_NO_FILES:
    case TC_E_UPSTREAM:
    case TC_E_FETCH_TIMEOUT:
    case TC_E_CLIENT_SHARE:
    case TC_E_CLIENT_GONE:
    case TC_E_PATTERN_ONLY:
    case TC_E_SIGNATURE:
    case TC_E_SPELLING:
    case TC_E_CONVERTER:
    case TC_E_NO_CONVERTER:
    case TC_E_COUNT:
        return false;
    }
    return false;
}

static const tc_codec *codec(uint32_t format)
{
    return format < TC_FORMATS ? tc_codec_find((tc_format)format) : NULL;
}

static bool is_target(uint32_t format, const tc_params *params)
{
    const tc_codec *target = codec(format);

    return target && target->encode_open &&
           (params->format == TC_FORMAT_NONE || format == (uint32_t)params->format);
}

/* 0 means no limit, as in tc_limits. */
static bool is_within(uint64_t value, uint64_t limit)
{
    return !limit || value <= limit;
}

static bool is_output(const tc_facts *facts, const tc_limits *limits)
{
    return facts->output_w && facts->output_h &&
           is_within(facts->output_w, limits->max_output_w) &&
           is_within(facts->output_h, limits->max_output_h) &&
           is_within((uint64_t)facts->output_w * facts->output_h, limits->max_output_pixels);
}

bool tc_check_facts(const tc_facts *facts, const tc_params *params, const tc_limits *limits)
{
    if (!codec(facts->source) || !facts->width || !facts->height ||
        !is_within((uint64_t)facts->width * facts->height, limits->max_pixels) ||
        facts->pass > 1 || facts->damaged > 1)
        return false;
    if (facts->pass)
        return params->pass != TC_PASS_NONE;
    return is_target(facts->target, params) && is_output(facts, limits) &&
           is_within(facts->plan_bytes, limits->max_memory);
}

uint64_t tc_check_most(const tc_facts *facts)
{
    return (uint64_t)facts->output_w * facts->output_h * PIXEL_BYTES + HEADER_BYTES;
}

bool tc_check_length(const tc_report *report, size_t length, uint64_t before)
{
    return report->length == length && length <= TC_MESSAGE_DATA &&
           report->total == before + length;
}

bool tc_check_format(const tc_facts *facts, const unsigned char *data, size_t length)
{
    return tc_format_sniff(data, length) == (tc_format)facts->target;
}

void tc_check_bound(tc_report *report, uint64_t most_ns)
{
    uint64_t *times[] = {&report->stats.decode_ns, &report->stats.resample_ns,
                         &report->stats.encode_ns, &report->read_ns, &report->open_read_ns};

    for (size_t at = 0; at < sizeof times / sizeof times[0]; at++) {
        if (*times[at] > most_ns)
            *times[at] = most_ns;
    }
    if (report->open_read_ns > report->read_ns)
        report->open_read_ns = report->read_ns;
    tc_text_bound(report->text, sizeof report->text);
}
