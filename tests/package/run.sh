#!/usr/bin/env bash
# run.sh BUILD WORK: installs the build tree BUILD into WORK and uses vlmt as other projects do: find_package with
# custom parts, add_subdirectory, FetchContent, and the compiler without CMake; and makes the mistakes that users make.
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

fail() {
  echo "FAILED: $*"
  exit 1
}
# Runs a program that warns `count` times on stderr.
expect_warnings() { # count, command...
  local count=$1 found
  shift
  found=$("$@" 2>&1 >/dev/null | grep -c '^vlmt: warning: ' || true)
  [[ $found -eq $count ]] || fail "$* warns $found times instead of $count"
}
has_avx2() { grep -m1 '^flags' /proc/cpuinfo | grep -qw avx2; }

echo "frictions"
frictions=$source/tests/package/frictions
package=-DCMAKE_PREFIX_PATH=$work/moved
configure "$frictions" "$work/frictions" "$package"
for program in one_kernel wrong_arguments small_stack nan_rules no_exceptions "no_exceptions stop"; do
  # shellcheck disable=SC2086
  "$work/frictions/"$program || fail "$program"
done
expect_warnings 1 env OMP_NUM_THREADS=4096 "$work/frictions/crowded_team"
expect_warnings 0 env OMP_NUM_THREADS=4096 QUIET=1 "$work/frictions/crowded_team"
expect_warnings 0 env OMP_NUM_THREADS=1 "$work/frictions/crowded_team"
if cmake --build "$work/frictions" --target fast_math >"$work/fast_math.log" 2>&1; then
  fail "-ffast-math is accepted"
fi
grep -q "add -fno-finite-math-only" "$work/fast_math.log" || fail "-ffast-math is refused without a sentence"

echo "frictions: no -march, missing components"
for way in "$package" "-DVLMT_SOURCE=$source"; do
  rm -rf "$work"/slow* "$work"/missing*
  configure "$frictions" "$work/slow" -DSLOW=ON "$way"
  grep -q "vlmt: no -march for one_kernel" "$work/slow.log" || fail "nothing said without -march ($way)"
  if has_avx2; then expect_warnings 1 "$work/slow/one_kernel"; fi
  configure "$frictions" "$work/slow_intended" -DSLOW=ON -DVLMT_ALLOW_GENERIC=ON "$way"
  if grep -q "no -march" "$work/slow_intended.log"; then fail "VLMT_ALLOW_GENERIC is ignored ($way)"; fi
  expect_warnings 0 "$work/slow_intended/one_kernel"
  configure "$frictions" "$work/slow_not" -DSLOW=ON -DCMAKE_CXX_FLAGS=-march=native "$way"
  if grep -q "no -march" "$work/slow_not.log"; then fail "warns in spite of -march ($way)"; fi
  if cmake -S "$source/tests/package/missing_component" -B "$work/missing" "$way" >"$work/missing.log" 2>&1; then
    fail "a component that was not asked for can be linked ($way)"
  fi
  tr -s ' \n' ' ' <"$work/missing.log" | grep -q "vlmt::all was not asked for" ||
    fail "a missing component is not named ($way)"
done

for way in add_subdirectory FetchContent; do
  echo "$way"
  configure "$source/tests/package/subproject" "$work/$way" -DVLMT_SOURCE="$source" -DWAY="$way"
  "$work/$way/one_kernel"
done

echo "compiler without CMake"
c++ -std=c++20 -O2 -march=native -fopenmp -I "$work/moved/include" "$source/tests/package/consumer/one_kernel.cpp" \
  -o "$work/one_kernel"
"$work/one_kernel"

echo "pkg-config"
export PKG_CONFIG_PATH=$work/moved/share/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
with_pkg_config() { # package, source, arguments of the program...
  local flags program=$work/pkg_config.$1
  flags=$(pkg-config --cflags --libs "$1")
  # shellcheck disable=SC2086
  c++ -std=c++20 -O1 -march=native "$2" -o "$program" $flags
  "$program" "${@:3}"
}
with_pkg_config vlmt-kernel "$source/tests/package/consumer/one_kernel.cpp"
with_pkg_config vlmt-media "$source/tests/package/pkg_config/image.cpp" "$source/tests/data/io/rgb.png"
version=$(with_pkg_config vlmt-text "$source/tests/package/pkg_config/text.cpp")
for package in vlmt vlmt-kernel vlmt-text vlmt-media vlmt-model; do
  pkg-config --print-errors --exists "$package = $version" || fail "$package.pc is not of version $version"
done
for library in pcre2-8 utf8proc jpeg png webp gif; do
  pkg-config --libs vlmt | grep -q -- "-l$library" || fail "vlmt.pc does not link $library"
done

# The oldest clang that compiles kernels.
if command -v clang++-14 >/dev/null; then
  echo "clang 14"
  for program in wrong_arguments no_exceptions; do
    flags=(-std=c++20 -O1 -march=native -pthread)
    if [[ $program == no_exceptions ]]; then flags+=(-fno-exceptions); fi
    clang++-14 "${flags[@]}" -w -I "$work/moved/include" "$frictions/$program.cpp" -o "$work/$program.clang14"
    "$work/$program.clang14" || fail "$program, compiled by clang 14"
  done
fi
