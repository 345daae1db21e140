#!/usr/bin/env bash
# device_headers.sh NVCC [HEADER...]: compiles headers alone as CUDA, without warnings: by default all ops, the nn code
# that issues them, and the CUDA backend itself.
set -euo pipefail
cd "$(dirname "$0")/../.."
nvcc=$1
shift
if [[ $# -eq 0 ]]; then
  mapfile -t headers < <(cd include && {
    find vlmt/op vlmt/nn -name '*.hpp'
    find vlmt -name '*.cuh'
  } | sort)
else
  headers=("$@")
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

check() { # nvcc, folder, header
  local source
  source=$2/$(tr / _ <<<"$3").cu
  printf '#include "%s"\n' "$3" >"$source"
  "$1" -std=c++20 -arch=sm_90 -I include -Werror all-warnings -c "$source" -o "$source.o" || {
    printf '%s does not compile as CUDA\n' "$3"
    return 1
  }
}
export -f check

echo "${#headers[@]} headers with $nvcc"
printf '%s\0' "${headers[@]}" |
  xargs -0 -P "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}" -I{} bash -c 'check "$@"' check "$nvcc" "$folder" {}
