#!/usr/bin/env bash
# symbols.sh NM EVERYTHING FLAVOUR...: checks in object files that no two configurations share a symbol.
#
# EVERYTHING is an object of all headers that emits all inline functions.
# 1. Each of its symbols that mentions vlmt has the same configuration in its name
#    (VLMT_ABI of base/config.hpp).
# 2. No header defines a function or variable that is not inline: two sources including it would not link.
# FLAVOURs are objects of one source, compiled with different flags.
# 3. No two of them share a symbol that mentions vlmt.
set -euo pipefail
nm=$1 everything=$2
shift 2
failed=0

defined() { # object: prints names and types of its definitions
  "$nm" --defined-only --extern-only --format=posix "$1" | awk '{print $1, $2}'
}
ours() { defined "$1" | awk '/vlmt/ {print $1}' | sort -u; }
complain() { # sentence, symbols
  if [[ -n $2 ]]; then
    printf '%s:\n%s\n' "$1" "$(head -20 <<<"$2" | c++filt)"
    failed=1
  fi
}

symbols=$(ours "$everything")
count=$(wc -l <<<"$symbols")
configurations=$(grep -oE 'abi_[a-z0-9]+_[0-9a-f]+_a[01]d[01]o[01]e[01]g[01]' <<<"$symbols" | sort -u)
echo "$count symbols of $(echo $configurations)"
[[ $count -gt 1000 ]] || complain "too few symbols, the test is broken" "$count"
[[ $(wc -l <<<"$configurations") -eq 1 ]] || complain "more than one configuration" "$configurations"
complain "no configuration in the name" "$(grep -v "$configurations" <<<"$symbols" || true)"
complain "not inline" "$(defined "$everything" | awk '$2 ~ /^[TDBRC]$/ {print $1}')"

for ((a = 1; a <= $#; ++a)); do
  [[ $(ours "${!a}" | wc -l) -gt 10 ]] || complain "too few symbols, the test is broken" "${!a}"
  for ((b = a + 1; b <= $#; ++b)); do
    complain "${!a} and ${!b} share" "$(comm -12 <(ours "${!a}") <(ours "${!b}"))"
  done
done
exit $failed
