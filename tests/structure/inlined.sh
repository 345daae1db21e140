#!/usr/bin/env bash
# No closure of a kernel stands in the archive of instances as a function of its own: the compiler would then keep sums in
# memory that belong into registers, at a multiple of the time, and every result would still be right.
#   inlined.sh NM ARCHIVE
set -euo pipefail
# Those that cut a job into parts are called once a part.
found=$("$1" -C "$2" 2>/dev/null | grep -E ' [tTwW] .*cpu::.*\{lambda.*\}::operator\(\)' | grep -vE 'cpu::run_(jobs|groups)' || true)
if [[ -n $found ]]; then
  printf 'closures that are not inlined:\n%s\n' "$found"
  exit 1
fi
