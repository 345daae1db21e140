#!/usr/bin/env bash
# self_contained.sh COMPILER [HEADER...]: compiles each header of the tree alone. Reports headers that need another one
# before them and headers that warn.
set -euo pipefail
cd "$(dirname "$0")/../.."
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
       -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
if [[ $# -eq 0 ]]; then
  mapfile -t headers < <(cd include && find vlmt -name '*.hpp' | sort)
else
  headers=("$@")
fi
echo "${#headers[@]} headers with $compiler"
printf '%s\0' "${headers[@]}" |
  xargs -0 -P "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}" -I{} bash -c 'check "$@"' check {} "$compiler" "${flags[@]}"
