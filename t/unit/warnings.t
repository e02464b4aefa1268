#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A warning stops a build only where WERROR asks for that; a httpd that is too old is named
# as the reason why nothing can be built, and a libavif that is too old is left out.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
count=0
failed=0

ok() {
    count=$((count + 1))
    what=$1
    shift
    if "$@"; then
        echo "ok $count - $what"
    else
        echo "not ok $count - $what"
        tail -n 5 "$scratch/output" | cut -c1-300 | sed 's/^/# /'
        failed=1
    fi
}

# build HEADER OBJECT VARIABLE...: one object, with the header included before its source.
# Not as a part of the make that may be running this.
build() {
    header=$1
    object=$2
    shift 2
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u WERROR make -C "$root" -f Makefile.apxs \
        BUILD="$scratch/build" CFLAGS="-include $scratch/$header" "$@" \
        "$scratch/build/obj/$object" >"$scratch/output" 2>&1
}

fails_with() {
    text=$1
    shift
    ! build "$@" && grep -q "$text" "$scratch/output"
}

says() {
    grep -q "$1" "$scratch/output"
}

echo '#warning planted' >"$scratch/warning.h"
ok 'an object whose source has a warning is built' build warning.h base/error.o
ok '... and the warning is shown' says 'warning: .*planted'
ok '... is an error with WERROR=1' fails_with 'error: .*planted' warning.h base/error.o WERROR=1

cat >"$scratch/older.h" <<'H'
#include <ap_mmn.h>
#undef MODULE_MAGIC_NUMBER_MINOR
#define MODULE_MAGIC_NUMBER_MINOR 105
H
ok 'httpd 2.4.48 is refused by name' \
    fails_with 'needs Apache httpd 2.4.49' older.h server/config.o

# What a build would say of the libraries in it, with a libavif of that version.
with_libavif() {
    printf 'Name: libavif\nDescription: AVIF\nVersion: %s\n' "$1" >"$scratch/libavif.pc"
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL PKG_CONFIG_PATH="$scratch" make -n -C "$root" \
        -f Makefile.apxs BUILD="$scratch/build" all 2>&1 | tail -n 20 >"$scratch/output"
}

with_libavif 0.10.1
ok 'libavif 0.10 is not built in' says 'not built in: .*avif (no-libavif-0.11.0)'
with_libavif 1.3.0
ok 'libavif 1.3 is' says 'built in: jpeg png [a-z ]*avif'

echo "1..$count"
exit $failed
