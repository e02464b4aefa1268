#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Plain words in sources, documents and configuration: none of those that make a reader stop.
set -eu

cd "$(dirname "$0")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
count=0
files=$(find src docs conf README.md SECURITY.md CONTRIBUTING.md mod_tmpfs_convert.c -type f 2>/dev/null |
    grep -vE '\.(png|jpg|svg)$')

# none PATTERN INSTEAD [EXCEPT]: no line has it; EXCEPT matches what may be before or around it.
none() {
    count=$((count + 1))
    # shellcheck disable=SC2086  # a list of files
    grep -niE "$1" $files | grep -viE "${3:-^$}" >"$scratch/lines" || :
    if [ -s "$scratch/lines" ]; then
        echo "not ok $count - $1: say $2"
        sed 's/^/# /' "$scratch/lines"
    else
        echo "ok $count - $1"
    fi
}

# People are who; a request, a process and a file are not.
none '\bwho\b' '"a request that", "the process that"' \
    '(user|visitor|everyone|readers?|those|anyone|administrator|operator)s?[[:space:]]+who\b|:[[:space:]]*who may not see the original|not say who may see|who has logged in|who makes them|\| who \|'
none '\bwhoever\b' '"a request that", or name it'
none '\bin vain\b' 'what happened: "waits longer than WAIT"'
none '\bheed(ed|s|ing)?\b' '"ignore" or "follow"'
none '\bbeside\b' '"next to", "in addition to" or "besides"'
none '\bso many\b' 'the number, or "that many"'
none '\b(is|are) no [a-z]' '"is not a"' '\bthere (is|are) no\b|\b(is|are) no (longer|more|less|fewer|later|larger)\b'
none '\bto be had\b' '"there is"'
none '\bof ours\b' '"our own"'
none '\blest\b' '"so that ... not"'
none '\blikewise\b' '"too" or "the same for"'
none '\banew\b' '"again" or "over"'

echo "1..$count"
