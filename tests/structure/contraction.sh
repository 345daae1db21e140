#!/usr/bin/env bash
# contraction.sh CONTRACTED NOT: two builds of contraction.cpp, with -ffp-contract=fast and off, must print the same.
set -euo pipefail
flags=" $(grep -m1 '^flags' /proc/cpuinfo) "
if [[ $flags != *" avx2 "* || $flags != *" fma "* ]]; then
  echo "this processor cannot run them"
  exit 0
fi
contracted=$("$1")
diff <(echo "$contracted") <("$2") || { echo "results depend on -ffp-contract"; exit 1; }
echo "$contracted" | wc -l
