/* SPDX-License-Identifier: Apache-2.0 */
#include "file.h"

#include <errno.h>
#include <unistd.h>

tc_error tc_file_read(int fd, uint64_t size, uint64_t offset, void *buffer, size_t length,
                      size_t *got)
{
    uint64_t left = offset < size ? size - offset : 0;

    *got = 0;
    length = length < left ? length : (size_t)left;
    while (*got < length) {
        ssize_t count = pread(fd, (char *)buffer + *got, length - *got, (off_t)(offset + *got));
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return TC_E_READ;
        if (count == 0)
            break;
        *got += (size_t)count;
    }
    return TC_E_OK;
}
