#!/usr/bin/env bash
# release_test.sh SOURCE: scripts/release in a repository of its own, with one fault after the other.
set -euo pipefail
source=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@b.c \
  GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@b.c
tree=$work/tree
mkdir -p "$tree/tests" "$tree/docs" "$tree/include/vlmt/base" "$tree/scripts" "$tree/.ci"
cd "$tree"
cp "$source/scripts/release" scripts/
cp "$source/.ci/run" .ci/
cp "$source/include/vlmt/base/version.hpp" include/vlmt/base/
echo "/build/" >.gitignore
number() { sed -n "s/^#define VLMT_VERSION_$1 //p" include/vlmt/base/version.hpp; }
version=$(number MAJOR).$(number MINOR).$(number PATCH)
printf '# Changelog\n\n## %s (2026-01-31)\n\n- All.\n' "$version" >CHANGELOG.md
printf '# Changes of names\n\n## %s (2026-01-31)\n' "$version" >docs/changes.md
echo "find_package(vlmt $(number MAJOR).$(number MINOR) REQUIRED)" >tests/CMakeLists.txt
git init -q .

commit() { git add -A && git commit -q --allow-empty -m "$1"; }
pass() { # every tier, for the commit at hand
  mkdir -p build/passed
  for tier in $(.ci/run list); do git rev-parse HEAD >"build/passed/$tier"; done
}
commit first
pass

fail() {
  echo "FAILED: $*"
  exit 1
}
accepted() { # arguments...
  scripts/release "$@" >"$work/log" 2>&1 || fail "refused: $(cat "$work/log")"
}
# One sentence, and no other, and no tag.
refused() { # text
  if scripts/release --tag >"$work/log" 2>&1; then fail "accepted in spite of: $1"; fi
  grep -qF -- "$1" "$work/log" || fail "no '$1' in: $(cat "$work/log")"
  grep -q "^release: 1 problems" "$work/log" || fail "more than '$1': $(cat "$work/log")"
  if git rev-parse -q --verify "refs/tags/v$version" >/dev/null && [[ ${2:-} != tagged ]]; then fail "a tag: $1"; fi
}
# A fault in a file that is committed, with all tiers passed, and back.
faulty() { # file, sed script, text
  sed -i "$2" "$1"
  commit fault
  pass
  refused "$3"
  git reset -q --hard HEAD~1
  pass
}

accepted
if git rev-parse -q --verify "refs/tags/v$version" >/dev/null; then fail "a tag without --tag"; fi
[[ $(scripts/release --all 2>&1) == usage:* ]] || fail "an unknown option is accepted"

echo "more" >>CHANGELOG.md
refused "not committed"
git checkout -q CHANGELOG.md
touch forgotten
refused "?? forgotten"
rm forgotten
faulty CHANGELOG.md 's/^## .*/## Unreleased/' "CHANGELOG.md: expected '## $version (YYYY-MM-DD)'"
faulty docs/changes.md 's/^## .*/## 99.0.0 (2026-01-31)/' "docs/changes.md: expected"
faulty tests/CMakeLists.txt 's/vlmt [0-9.]*/vlmt 77.1/' "found tests/CMakeLists.txt:1:find_package(vlmt 77.1"
rm build/passed/release
refused ".ci/run release has not passed"
pass
commit "another, without a run of the tiers"
if scripts/release >"$work/log" 2>&1; then fail "tests of another commit are accepted"; fi
grep -q "has not passed on commit" "$work/log" || fail "$(cat "$work/log")"
git reset -q --hard HEAD~1
head -c $((17 << 20)) /dev/zero >"large file"
commit large
pass
refused "large file has 17825792 bytes"
git reset -q --hard HEAD~1
pass
git tag v999.0.0
refused "is before the last tag, v999.0.0"
git tag -d v999.0.0 >/dev/null

accepted --tag
[[ $(git rev-parse "v$version^{commit}") == $(git rev-parse HEAD) ]] || fail "the tag is not HEAD"
[[ $(git cat-file -t "v$version") == tag ]] || fail "the tag is not annotated"
refused "the tag v$version exists" tagged
echo "scripts/release: passed"
