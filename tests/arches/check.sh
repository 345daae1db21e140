#!/usr/bin/env bash
# check.sh LAUNCHER NEW_LAUNCHER [QEMU]
#
# LAUNCHER has builds for x86-64, -v2, -v3 and -v4, NEW_LAUNCHER for -v3 and -v4 only. QEMU (qemu-x86_64 of qemu-user)
# emulates old processors for the launcher's choice; the chosen program then runs on the real processor.
set -u
launcher=$1 new=$2 qemu=${3:-}
failed=0

expect() { # exit status, output, command...
  local status=$1 text=$2 output got
  shift 2
  output=$("$@" 2>&1)
  got=$?
  if [[ $got -ne $status || $output != "$text" ]]; then
    printf 'FAILED: %s\n  expected %s: %s\n  found    %s: %s\n' "$*" "$status" "$text" "$got" "$output"
    failed=1
  fi
}

# The best build for this processor, by its flags in /proc/cpuinfo.
best=x86-64 arch=generic
flags=" $(grep -m1 '^flags' /proc/cpuinfo) "
has() {
  local f
  for f in "$@"; do [[ $flags == *" $f "* ]] || return 1; done
}
if has ssse3 sse4_2 popcnt; then best=x86-64-v2; fi
if has avx2 fma f16c bmi2 movbe abm; then
  best=x86-64-v3 arch=avx2
  if has avx512f avx512bw avx512cd avx512dq avx512vl; then best=x86-64-v4 arch=avx512; fi
fi

expect 0 "probe $arch 96" "$launcher"
expect 7 "probe $arch 96 [a b] []" "$launcher" "a b" ""
expect 0 "probe generic 96" env VLMT_ARCH=x86-64 "$launcher"
expect 1 "arches_probe: VLMT_ARCH=z80: there is no such build" env VLMT_ARCH=z80 "$launcher"
(cd "$(dirname "$launcher")" && expect 0 "probe $arch 96" "./$(basename "$launcher")"; exit $failed) || failed=1
link=$(mktemp -d)
ln -s "$launcher" "$link/renamed"
expect 0 "probe $arch 96" "$link/renamed"
rm -r "$link"

if [[ -n $qemu ]]; then
  old="this processor is too old: it lacks"
  expect 0 "probe generic 96" "$qemu" -cpu qemu64 "$launcher"
  expect 0 "probe generic 96" "$qemu" -cpu Nehalem "$launcher"
  expect 1 "arches_probe_new: $old ssse3, which the build for x86-64-v3 needs" "$qemu" -cpu qemu64 "$new"
  expect 1 "arches_probe_new: $old avx, which the build for x86-64-v3 needs" "$qemu" -cpu Nehalem "$new"
  expect 1 "arches_probe: $old avx, which the build for x86-64-v4 needs" \
    env VLMT_ARCH=x86-64-v4 "$qemu" -cpu Nehalem "$launcher"
else
  echo "no qemu-x86_64: the choice on old processors is not tested"
fi
exit $failed
