#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# `make layers` passes on the sources as they are, and fails on each way of
# pointing outward that is tried on a copy of them.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
count=0

ok() {
    count=$((count + 1))
    if "$@"; then
        echo "ok $count - $what"
    else
        echo "not ok $count - $what"
        sed 's/^/# /' "$scratch/output"
    fi
}

# What make runs, asked for once: it takes longer to read the Makefile than to look at a copy.
# Not as a part of the make that may be running this.
env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s -n -C "$root" -f Makefile.apxs \
    BUILD="$scratch/build" SRC=@SRC@ layers >"$scratch/recipe"

layers() {
    sed "s,@SRC@,$1," "$scratch/recipe" >"$scratch/command"
    (cd "$root" && sh -e "$scratch/command") >"$scratch/output" 2>&1
}

refused() {
    ! layers "$scratch/src" && grep -q '^layers: ' "$scratch/output"
}

# A copy with little in it: one sound source a ring, and the one that is tried.
try() {
    what=$1
    rm -rf "$scratch/src"
    mkdir -p "$scratch/src/image" "$scratch/src/system" "$scratch/src/server"
    for ring in image system server; do
        echo "int tc_${ring}_fine(void);" >"$scratch/src/$ring/fine.h"
        printf '#include "fine.h"\nint tc_%s_fine(void)\n{\n    return 0;\n}\n' "$ring" \
            >"$scratch/src/$ring/fine.c"
    done
    [ $# -eq 1 ] || printf '#include %s\nextern int tc_tried;\n' "$3" >"$scratch/src/$2"
}

what='the sources as they are'
ok layers "$root/src"
try 'a sound copy'
ok layers "$scratch/src"

try 'system/ includes image/' system/tried.c '"image/fine.h"'
ok layers "$scratch/src"
try 'system/ includes APR' system/tried.c '<apr_pools.h>'
ok layers "$scratch/src"
try 'server/ includes everything' server/tried.c '"system/fine.h"
#include "image/fine.h"
#include <httpd.h>
#include <apr_pools.h>'
ok layers "$scratch/src"

try 'image/ includes system/: refused' image/tried.c '"system/fine.h"'
ok refused
try 'image/ includes server/: refused' image/tried.c '"server/fine.h"'
ok refused
try 'image/ includes APR: refused' image/tried.c '<apr_pools.h>'
ok refused
try 'image/ includes APR by its folder: refused' image/tried.c '<apr-1.0/apr_pools.h>'
ok refused
try 'image/ includes httpd: refused' image/tried.c '<httpd.h>'
ok refused
try 'image/ includes httpd by its folder: refused' image/tried.c '<apache2/httpd.h>'
ok refused
try 'a header of image/ includes APR: refused' image/tried.h '<apr.h>'
ok refused
try 'system/ includes server/: refused' system/tried.c '"server/fine.h"'
ok refused
try 'system/ includes httpd: refused' system/tried.c '<http_log.h>'
ok refused
try 'system/ includes httpd by its folder: refused' system/tried.c '<apache2/http_log.h>'
ok refused
try 'an include by way of "..": refused' system/tried.c '"../server/fine.h"'
ok refused
try 'an include by way of "./..": refused' image/tried.c '"./../system/fine.h"'
ok refused
try 'an absolute include: refused' image/tried.c '"/usr/include/stdio.h"'
ok refused

echo "1..$count"
