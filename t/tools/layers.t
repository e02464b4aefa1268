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
    BUILD="$scratch/build" SRC=@SRC@ PROGRAMS=@PROGRAMS@ layers >"$scratch/recipe"

layers() {
    sed "s,@SRC@,$1,; s,@PROGRAMS@,${2:-}," "$scratch/recipe" >"$scratch/command"
    (cd "$root" && sh -e "$scratch/command") >"$scratch/output" 2>&1
}

refused() {
    ! layers "$scratch/src" "$@" && grep -q '^layers: ' "$scratch/output"
}

# A copy with little in it: one sound header a folder, and the source that is tried.
folders=$(sed -n 's/^LAYERS *[:+]= *//p' "$root/src/layers.mk")
for folder in $folders; do
    mkdir -p "$scratch/sound/$folder"
    echo "int tc_$(echo "$folder" | tr / _)_fine(void);" >"$scratch/sound/$folder/fine.h"
done
try() {
    what=$1
    rm -rf "$scratch/src"
    cp -R "$scratch/sound" "$scratch/src"
    [ $# -eq 1 ] || printf '#include %s\nextern int tc_tried;\n' "$3" >"$scratch/src/$2"
}

what='the sources as they are'
ok layers "$root/src" 'tools dev'
try 'a sound copy'
for folder in $folders; do
    printf '#include "fine.h"\nextern int tc_sound;\n' >"$scratch/src/$folder/fine.c"
done
ok layers "$scratch/src"

try 'temp/ includes shared/' temp/tried.c '"shared/fine.h"'
ok layers "$scratch/src"
try 'temp/ includes APR' temp/tried.c '<apr_pools.h>'
ok layers "$scratch/src"
try 'server/ includes everything' server/tried.c '"temp/fine.h"
#include "image/codec/fine.h"
#include <httpd.h>
#include <apr_pools.h>'
ok layers "$scratch/src"

# Each folder, including the next further out: what would be a circle.
inner=
for outer in $folders; do
    if [ -n "$inner" ]; then
        try "$inner/ includes $outer/: refused" "$inner/tried.c" "\"$outer/fine.h\""
        ok refused
    fi
    inner=$outer
done
try 'shared/ includes temp/: refused' shared/tried.c '"temp/fine.h"'
ok refused
try 'image/codec/ includes image/pipeline/: refused' image/codec/tried.c '"image/pipeline/fine.h"'
ok refused
try 'image/core/ includes server/: refused' image/core/tried.c '"server/fine.h"'
ok refused
try 'a folder of no layer: refused'
mkdir "$scratch/src/more"
echo 'int tc_more(void);' >"$scratch/src/more/tried.h"
ok refused

try 'image/core/ includes APR: refused' image/core/tried.c '<apr_pools.h>'
ok refused
try 'image/core/ includes APR by its folder: refused' image/core/tried.c '<apr-1.0/apr_pools.h>'
ok refused
try 'image/scale/ includes libjpeg: refused' image/scale/tried.c '<stdio.h>
#include <jpeglib.h>'
ok refused
try 'image/codec/ includes httpd: refused' image/codec/tried.c '<httpd.h>'
ok refused
try 'image/codec/ includes httpd by its folder: refused' image/codec/tried.c '<apache2/httpd.h>'
ok refused
try 'a header of image/core/ includes APR: refused' image/core/tried.h '<apr.h>'
ok refused
try 'temp/ includes httpd: refused' temp/tried.c '<http_log.h>'
ok refused
try 'temp/ includes httpd by its folder: refused' temp/tried.c '<apache2/http_log.h>'
ok refused
try 'an include by way of "..": refused' temp/tried.c '"../server/fine.h"'
ok refused
try 'an include by way of "./..": refused' image/core/tried.c '"./../scale/fine.h"'
ok refused
try 'an absolute include: refused' image/core/tried.c '"/usr/include/stdio.h"'
ok refused

# Programs: what their files include of each other.
program=$scratch/program
mkdir -p "$program/part"
for one in 'main parser' 'parser tree' 'tree text'; do
    name=${one% *}
    printf '#include "%s.h"\n#include "%s.h"\n#include "base/error.h"\n' "$name" "${one#* }" >"$program/part/$name.c"
    echo "int tc_$name;" >"$program/part/$name.h"
done
echo 'int tc_text;' >"$program/part/text.h"
try "a program's files, each includes the next"
ok layers "$scratch/src" "$program"
echo '#include "main.h"' >>"$program/part/text.h"
try '... and the last the first: refused'
ok refused "$program"
what='... by name'
ok grep -q 'part/parser$' "$scratch/output"
sed -i 's/main/tree/' "$program/part/text.h"
try 'two headers include each other: refused'
ok refused "$program"

echo "1..$count"
