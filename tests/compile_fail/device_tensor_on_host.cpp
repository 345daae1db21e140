// A kernel of the host with a tensor in the memory of a device.
// expect: vlmt: this kernel runs on the host, but the tensor is in the memory of a device; copy it to the host, or
// issue an op on the backend of that memory
#include "vlmt/exec/cuda.hpp"
#include "vlmt/kernel/tensors/softmax.hpp"

#if VLMT_FIXED
using Space = vlmt::HostSpace;
#else
using Space = vlmt::DeviceSpace<vlmt::Cuda>;
#endif

void f(vlmt::TensorView<const float, 2, Space> x, vlmt::TensorView<float, 2> y) {
  vlmt::softmax(x, y);
}
