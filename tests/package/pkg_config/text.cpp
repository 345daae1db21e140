// The text component in another program; prints the version of its headers.
#include <cstdio>

#include <vlmt/base/version.hpp>
#include <vlmt/text/nfc.hpp>

int main() {
  std::printf("%s\n", VLMT_VERSION_STRING);
  return vlmt::nfc("e\xcc\x81") == "\xc3\xa9" ? 0 : 1;
}
