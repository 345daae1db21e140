#!/usr/bin/env bash
# inlined.sh NM ARCHIVE: fails if the archive of instances holds a kernel lambda as a separate function. A lambda that
# is not inlined keeps its sums in memory instead of registers: correct results at a multiple of the time.
set -euo pipefail
# Exempt: the lambdas of run_jobs and run_groups run only once per part of a job, those of lower() once per op.
found=$("$1" -C "$2" 2>/dev/null | grep -E ' [tTwW] .*cpu::.*\{lambda.*\}::operator\(\)' | grep -vE 'cpu::run_(jobs|groups)|::lower<' || true)
if [[ -n $found ]]; then
  printf 'lambdas that are not inlined:\n%s\n' "$found"
  exit 1
fi
