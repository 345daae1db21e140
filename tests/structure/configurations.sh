#!/usr/bin/env bash
# configurations.sh COMPILER: no two sets of flags whose code differs have the same VLMT_ABI, the part of every symbol
# that keeps them apart. symbols.sh checks real objects of some of them.
set -euo pipefail
compiler=$1
cd "$(dirname "$0")/../.."

flags=(
  "-march=x86-64"
  "-march=x86-64-v2"
  "-march=x86-64-v2 -mavx"
  "-march=x86-64-v2 -mavx -mf16c"
  "-march=x86-64-v2 -mavx -mfma"
  "-march=x86-64-v2 -mbmi2"
  "-march=x86-64-v2 -mlzcnt"
  "-march=x86-64-v3"
  "-march=x86-64-v3 -mavxvnni"
  "-march=x86-64-v3 -mgfni"
  "-march=x86-64-v4"
  "-march=x86-64-v4 -mavx512bf16"
  "-march=x86-64-v4 -mavx512fp16"
  "-march=x86-64-v4 -mavx512vbmi"
  "-march=x86-64-v4 -mavx512vnni"
  "-march=x86-64-v4 -mavx512vnni -mavxvnni"
  "-march=x86-64-v4 -mavx512vnni -mavxvnni -mavx512bf16"
  "-march=x86-64-v4 -mprfchw"
  "-march=x86-64-v4 -mpclmul"
  "-march=sapphirerapids"
  "-march=sapphirerapids -mno-amx-tile"
  "-march=x86-64 -DVLMT_ALLOW_GENERIC=1"
  "-march=x86-64-v3 -DVLMT_ASSERTS=0"
  "-march=x86-64-v3 -DVLMT_DASSERTS=1"
  "-march=x86-64-v3 -fopenmp"
  "-march=x86-64-v3 -fno-exceptions"
  "-march=x86-64-v3 -ffast-math -fno-finite-math-only"
)
tags=()
for set in "${flags[@]}"; do
  # shellcheck disable=SC2086
  tags+=("$(printf '#include "vlmt/base/config.hpp"\nconfiguration VLMT_ABI\n' |
    "$compiler" -std=c++20 $set -E -P -I include -x c++ - | sed -n 's/^configuration //p')")
done
failed=0
for ((a = 0; a < ${#flags[@]}; ++a)); do
  [[ ${tags[a]} == abi_* ]] || { echo "${flags[a]}: no configuration: ${tags[a]}"; failed=1; }
  for ((b = a + 1; b < ${#flags[@]}; ++b)); do
    [[ ${tags[a]} != "${tags[b]}" ]] || { echo "${flags[a]} and ${flags[b]} are both ${tags[a]}"; failed=1; }
  done
done

# Refused with a sentence: an older clang, and arithmetic without NaN.
refused() { # sentence, flags...
  local sentence=$1 output
  shift
  if output=$(echo '#include "vlmt/base/config.hpp"' |
    "$compiler" -std=c++20 "$@" -w -E -P -I include -x c++ - 2>&1 >/dev/null) || [[ $output != *"$sentence"* ]]; then
    echo "$*: expected '$sentence', found: $output"
    failed=1
  fi
}
refused "needs clang 14" -D__clang__=1 -D__clang_major__=13
refused "add -fno-finite-math-only" -ffast-math
refused "add -fno-finite-math-only" -ffinite-math-only
echo "${#flags[@]} configurations"
exit $failed
