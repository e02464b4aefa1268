#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What compiler and linker can do against the next mistake is in the module: looked for
# in the built file, for flags get lost between make, apxs and libtool.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
module=${TC_MODULE:-$root/mod_tmpfs_convert.so}
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
        failed=1
    fi
}

skip() {
    count=$((count + 1))
    echo "ok $count - $1 # SKIP $2"
}

scratch=$(mktemp)
trap 'rm -f "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
segments=$(readelf -lW "$module")
dynamic=$(readelf -dW "$module")
undefined=$(readelf -sW --dyn-syms "$module")

has() {
    printf '%s\n' "$1" | grep -Eq "$2"
}
has_not() {
    ! has "$1" "$2"
}

ok 'there is a module' has "$segments" 'LOAD'
ok 'the stack is not executable' has "$segments" 'GNU_STACK +[x0-9a-f ]+ RW +0x'
ok 'no segment is both writable and executable' has_not "$segments" 'LOAD .* RWE '
ok 'relocated tables are read-only afterwards' has "$segments" 'GNU_RELRO'
ok '... all of them, for symbols are bound at once' has "$dynamic" 'BIND_NOW|FLAGS_1.*NOW'
ok 'no relocation in the code' has_not "$dynamic" 'TEXTREL'
if [ "${TC_SANITIZER:-}" ]; then
    skip 'checked libc calls' 'the sanitizers take their place'
else
    ok 'checked libc calls' has "$undefined" ' __[a-z]+_chk@'
fi
ok 'stack protector' has "$undefined" ' __stack_chk_fail@'
case $(uname -m) in
x86_64)
    # The C library's own start and end files have a few of the first.
    objdump -d --no-show-raw-insn "$module" >"$scratch"
    ok 'functions begin with a landing pad for indirect branches' \
        test "$(grep -c 'endbr64' "$scratch")" -gt 100
    ok 'large stack frames are touched page by page' grep -Eq 'or[qlb] +\$0x0,(0x[0-9a-f]+)?\(%rsp\)' "$scratch"
    ;;
*)
    skip 'landing pads, stack probes' "looked for on x86-64 only, this is $(uname -m)"
    ;;
esac

echo "1..$count"
exit $failed
