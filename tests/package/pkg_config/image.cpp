// The media component in another program: prints the size of the image file that its argument names.
#include <cstdio>

#include <vlmt/io/load_image.hpp>

int main(int, char** argv) {
  const vlmt::Image image = vlmt::load_image(argv[1]);
  std::printf("%d x %d\n", image.width, image.height);
  return image.rgb.empty() ? 1 : 0;
}
