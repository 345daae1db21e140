#!/usr/bin/env bash
# self_contained.sh COMPILER [HEADER...]: compiles each header of the tree alone. Reports headers that need another one
# before them and headers that warn. `--together COMPILER` compiles all of them in one source, in the order of their
# names and in the opposite one: much quicker, and enough for a second compiler.
set -euo pipefail
cd "$(dirname "$0")/../.."
together=
if [[ $1 == --together ]]; then
  together=yes
  shift
fi
compiler=$1
shift

check() {
  local header=$1 log
  shift
  if ! log=$(printf '#include "%s"\n' "$header" | "$@" -x c++ - 2>&1); then
    printf '%s is not self-contained:\n%s\n' "$header" "$log"
    return 1
  fi
}
export -f check

flags=(-std=c++20 -fsyntax-only -march=native -fopenmp -I include -isystem /usr/include/eigen3
       -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
       -Wno-invalid-feature-combination)  # clang: what -march=native gives on the newest processors
if [[ $# -eq 0 ]]; then
  mapfile -t headers < <(cd include && find vlmt -name '*.hpp' | sort)
else
  headers=("$@")
fi
echo "${#headers[@]} headers with $compiler"
if [[ -n $together ]]; then
  for order in sort "sort -r"; do
    printf '#include "%s"\n' "${headers[@]}" | $order | "$compiler" "${flags[@]}" -x c++ -
  done
  exit
fi
printf '%s\0' "${headers[@]}" |
  xargs -0 -P "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}" -I{} bash -c 'check "$@"' check {} "$compiler" "${flags[@]}"
