/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every format that a URL may name or that a file is known to have: one row each. A format
 * that is read or written has, besides its row, a file image/codec/NAME.c that defines
 * tc_codec_NAME, and where a library of its own is needed a line in Makefile.apxs.
 */
#ifndef TC_FORMATS_H
#define TC_FORMATS_H

#define TC_MAGIC(offset, length, bytes) \
    {                                   \
        offset, length, bytes, 0, 0, "" \
    }

/*
 * X(ID, name, title, magic...): TC_FORMAT_ID; its name in URLs, in what /tmpstat says and in
 * TC_WITH_ID; its name for people; and what its files have that no others do, each
 * TC_MAGIC(offset, length, bytes), or in braces twice these three where two places are needed.
 * Formats in ISO boxes have none: codec.c looks at their brands. Statistics depend on the
 * order.
 */
#define TC_FORMAT_LIST(X)                                                   \
    X(JPEG, jpeg, "JPEG", TC_MAGIC(0, 3, "\xff\xd8\xff"))                   \
    X(PNG, png, "PNG", TC_MAGIC(0, 8, "\x89PNG\r\n\x1a\n"))                 \
    X(GIF, gif, "GIF", TC_MAGIC(0, 6, "GIF87a"), TC_MAGIC(0, 6, "GIF89a"))  \
    /* The last two have 64-bit offsets. */                                 \
    X(TIFF, tiff, "TIFF", TC_MAGIC(0, 4, "II*\0"), TC_MAGIC(0, 4, "MM\0*"), \
      TC_MAGIC(0, 4, "II+\0"), TC_MAGIC(0, 4, "MM\0+"))                     \
    X(WEBP, webp, "WebP", {0, 4, "RIFF", 8, 4, "WEBP"})                     \
    X(AVIF, avif, "AVIF", {0})

#endif
