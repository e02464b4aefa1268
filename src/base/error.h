/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one list of failures. Inner rooms return a tc_error and leave the
 * circumstances in a tc_fail; they never log and never know HTTP. Which status
 * a failure becomes is decided in server/respond.c alone.
 */
#ifndef TC_ERROR_H
#define TC_ERROR_H

/* X(id, name, text): the name is for counters and metrics. */
#define TC_ERROR_LIST(X)                                                        \
    X(OK, "ok", "no error")                                                     \
    X(PARAM, "param", "malformed parameter")                                    \
    X(NOT_IMAGE, "not_image", "not an image of a known format")                 \
    X(UNSUPPORTED, "unsupported", "a kind of image that is not supported")      \
    X(NOT_BUILT, "not_built", "format not built into this server")              \
    X(DAMAGED, "damaged", "damaged image")                                      \
    X(SOURCE_TOO_LARGE, "source_too_large", "source file too large")            \
    X(PIXELS_TOO_MANY, "pixels_too_many", "source picture has too many pixels") \
    X(OUTPUT_TOO_LARGE, "output_too_large", "requested picture too large")      \
    X(TOO_COSTLY, "too_costly", "too much memory or processor time")            \
    X(NO_MEMORY, "no_memory", "out of memory")                                  \
    X(OVERLOAD, "overload", "too many conversions at once")                     \
    X(NO_SPACE, "no_space", "no space for temporary data")                      \
    X(READ, "read", "cannot read the source")                                   \
    X(WRITE, "write", "cannot write the result")                                \
    X(ICON, "icon", "no such icon")                                             \
    X(SIZE, "size", "not a size of this picture")                               \
    X(CHANGED, "changed", "the source changed while it was read")               \
    X(NO_FILES, "no_files", "out of file descriptors")                          \
    X(UPSTREAM, "upstream", "the original arrived incomplete")                  \
    X(TIMEOUT, "timeout", "the conversion took too long")                       \
    X(FETCH_TIMEOUT, "fetch_timeout", "the original took too long to arrive")   \
    X(CLIENT_SHARE, "client_share", "the client holds too much temporary data") \
    X(CLIENT_GONE, "client_gone", "the client closed the connection")           \
    X(PATTERN_ONLY, "pattern_only", "only patterns are allowed")                \
    X(SIGNATURE, "signature", "missing or invalid signature")                   \
    X(SPELLING, "spelling", "not the canonical URL")                            \
    X(CONVERTER, "converter", "the converter process ended")                    \
    X(NO_CONVERTER, "no_converter", "no converter process can be started")      \
    X(INTERNAL, "internal", "internal error")

typedef enum tc_error {
#define X(id, name, text) TC_E_##id,
    TC_ERROR_LIST(X)
#undef X
        TC_E_COUNT
} tc_error;

/*
 * What went wrong, for people: `text` is one line of printable ASCII, set by
 * the code that noticed first. The struct is the caller's and outlives the call.
 */
typedef struct tc_fail {
    tc_error error;
    char text[240];
} tc_fail;

/* The list's own words for `error`; never NULL, static. */
const char *tc_error_text(tc_error error);

/* The list's name for `error`: "source_too_large"; never NULL, static. */
const char *tc_error_name(tc_error error);

/*
 * Record `error` with a formatted reason (bytes outside printable ASCII become
 * '?', because a codec's message may quote the file). Returns `error`, so that
 * a room can `return tc_fail_set(...)`.
 */
tc_error tc_fail_set(tc_fail *fail, tc_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
