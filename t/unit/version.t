#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The version stands in src/server/version.h; CHANGES and debian/changelog begin with it, and
# rpm's spec has it. Whatever reports it,
# the log, /tmpstat, its metrics and tools' -V, takes it from there.
set -eu

cd "$(dirname "$0")/../.."
echo 1..5

version=$(sed -n 's/^#define TC_VERSION "\([0-9.]*\)"$/\1/p' src/server/version.h)
if grep -qE "^$version \((unreleased|[0-9]{4}-[0-9]{2}-[0-9]{2})\)$" CHANGES &&
    [ "$(grep -m1 -oE '^[0-9][0-9.]*' CHANGES)" = "$version" ]; then
    echo "ok 1 - CHANGES begins with $version"
else
    echo "not ok 1 - CHANGES begins with $version"
fi

others=$(grep -rnE "\"$version\"|[vV]ersion $version\b" src tools dev mod_tmpfs_convert.c Makefile.apxs |
    grep -v '^src/server/version.h:' || :)
if [ -z "$others" ]; then
    echo "ok 2 - the version stands in one place"
else
    echo "not ok 2 - the version stands in one place"
    echo "$others" | sed 's/^/# /'
fi

missing=
for file in src/server/startup.c src/server/monitor.c tools/churn/churn.c; do
    grep -q '\bTC_VERSION\b' $file || missing="$missing $file"
done
if [ -z "$missing" ]; then
    echo "ok 3 - log, /tmpstat and churn -V take it from there"
else
    echo "not ok 3 - log, /tmpstat and churn -V take it from there"
    echo "#$missing"
fi

if head -1 debian/changelog | grep -qE "\($version(-[0-9.]+)?\)"; then
    echo "ok 4 - debian/changelog begins with $version"
else
    echo "not ok 4 - debian/changelog begins with $version"
fi

if grep -qE "^Version: +$version\$" rpm/mod_tmpfs_convert.spec; then
    echo "ok 5 - rpm/mod_tmpfs_convert.spec has $version"
else
    echo "not ok 5 - rpm/mod_tmpfs_convert.spec has $version"
fi
