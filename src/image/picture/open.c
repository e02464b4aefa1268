/* SPDX-License-Identifier: Apache-2.0 */
#include "open.h"

tc_error tc_picture_open(const tc_codec **codec, tc_decoder **decoder, const tc_input *input,
                         const tc_limits *limits, tc_image_info *info, tc_fail *fail)
{
    tc_format format;
    tc_error error;

    if (limits->max_source && input->size > limits->max_source)
        return tc_fail_set(
            fail, TC_E_SOURCE_TOO_LARGE, "the file has %llu bytes, over the limit of %llu",
            (unsigned long long)input->size, (unsigned long long)limits->max_source);
    error = tc_format_read(input, &format);
    if (error)
        return tc_fail_set(fail, error, "reading failed");
    error = tc_cancel_check(input->cancel, fail);
    if (error)
        return error;
    if (format == TC_FORMAT_NONE)
        return tc_fail_set(fail, TC_E_NOT_IMAGE, "%s", tc_error_text(TC_E_NOT_IMAGE));
    *codec = tc_codec_find(format);
    if (!*codec)
        return tc_fail_set(fail, TC_E_NOT_BUILT,
                           "the picture is %s, and reading %s is not built into this server",
                           tc_format_title(format), tc_format_title(format));
    error = (*codec)->decode_open(decoder, input, info, fail);
    /* A library's own walk through a header asks nobody. */
    return error ? error : tc_cancel_check(input->cancel, fail);
}
