#!/usr/bin/env bash
# generic.sh PROBE ALLOWED: PROBE, compiled for baseline x86-64, warns once on a processor with AVX2; ALLOWED, compiled
# with -DVLMT_ALLOW_GENERIC=1, does not.
set -euo pipefail
probe=$1 allowed=$2
flags=" $(grep -m1 '^flags' /proc/cpuinfo) "
expected=0
if [[ $flags == *" avx2 "* && $flags == *" fma "* && $flags == *" f16c "* ]]; then expected=1; fi
warnings=$("$probe" 2>&1 >/dev/null | grep -c "^vlmt: warning: .*-march=native" || true)
[[ $warnings -eq $expected ]] || { echo "$probe gives $warnings warnings, expected $expected"; exit 1; }
[[ -z $("$allowed" 2>&1 >/dev/null) ]] || { echo "$allowed warns"; exit 1; }
