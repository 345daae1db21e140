#!/usr/bin/env bash
# run.sh BUILD WORK: installs the build tree BUILD into WORK and uses vlmt as other projects do: find_package with
# custom parts, add_subdirectory, FetchContent, and the compiler without CMake.
set -euo pipefail
build=$(realpath "$1") work=$2
source=$(realpath "$(dirname "$0")/../..")
rm -rf "$work"
mkdir -p "$work"
work=$(realpath "$work")

cmake --install "$build" --prefix "$work/prefix" >"$work/install.log"

configure() { # source, build, arguments...
  local from=$1 to=$2
  shift 2
  cmake -S "$from" -B "$to" -G Ninja -DCMAKE_BUILD_TYPE=Release "$@" >"$to.log" 2>&1 || { cat "$to.log"; exit 1; }
  cmake --build "$to" >>"$to.log" 2>&1 || { cat "$to.log"; exit 1; }
}

echo "find_package"
# The installed package must be relocatable.
mv "$work/prefix" "$work/moved"
configure "$source/tests/package/consumer" "$work/consumer" -DCMAKE_PREFIX_PATH="$work/moved" \
  -DCMAKE_INSTALL_PREFIX="$work/consumer_prefix"
"$work/consumer/one_kernel"
"$work/consumer/everything"
"$work/consumer/own_parts"
if [[ -x $work/consumer/bin/many_processors ]]; then
  "$work/consumer/bin/many_processors"
  cmake --install "$work/consumer" >>"$work/install.log"
  "$work/consumer_prefix/bin/many_processors"
fi
if grep -rqs "$source" "$work/moved/lib" "$work/moved/include"; then
  echo "the installed package contains the path of the source folder:"
  grep -rls "$source" "$work/moved/lib" "$work/moved/include"
  exit 1
fi

for way in add_subdirectory FetchContent; do
  echo "$way"
  configure "$source/tests/package/subproject" "$work/$way" -DVLMT_SOURCE="$source" -DWAY="$way"
  "$work/$way/one_kernel"
done

echo "compiler without CMake"
c++ -std=c++20 -O2 -march=native -fopenmp -I "$work/moved/include" "$source/tests/package/consumer/one_kernel.cpp" \
  -o "$work/one_kernel"
"$work/one_kernel"
