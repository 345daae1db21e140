// An mdspan whose elements are not those at a pointer.
// expect: vlmt: tensor_view needs an mdspan over a plain pointer, with the default accessor; copy its elements
#include <cstddef>

#include "vlmt/tensor/tensor_view.hpp"

struct Scaled {
#if VLMT_FIXED
  using reference = const float&;
#else
  using reference = float;
#endif
  static constexpr std::size_t rank() { return 1; }
  std::size_t extent(std::size_t) const { return 4; }
  std::size_t stride(std::size_t) const { return 1; }
  const float* data_handle() const { return data; }
  const float* data = nullptr;
};

float first(const Scaled& x) {
  return vlmt::tensor_view(x)(0);
}
