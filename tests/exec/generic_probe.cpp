// A program for baseline x86-64 that runs two teams. generic.sh reads its warnings.
#include <cstdio>

#include "vlmt/exec/member.hpp"
#include "vlmt/exec/team.hpp"

int main() {
  vlmt::Solo solo;
  vlmt::ThreadTeam(1).run([](vlmt::Member& m) { std::printf("%zu\n", m.size()); });
}
