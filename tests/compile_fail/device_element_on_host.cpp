// An element of a tensor in the memory of a device.
// expect: vlmt: these elements are in the memory of a device; copy them to the host to read or write them
#include "vlmt/exec/cuda.hpp"
#include "vlmt/tensor/tensor.hpp"

#if VLMT_FIXED
using Space = vlmt::HostSpace;
#else
using Space = vlmt::DeviceSpace<vlmt::Cuda>;
#endif

float f(vlmt::TensorView<const float, 2, Space> x) {
  return x(0, 0);
}
