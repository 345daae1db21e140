// Compile-time case: what a program pays for the umbrella header alone.
#include <vlmt/vlmt.hpp>

int main() {}
