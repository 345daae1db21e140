// A format in a model's list with the type_id of files whose blocks have another size: tensors would be read past their
// end.
// expect: vlmt: files store this type_id in blocks of another size than this format's
#include "vlmt/model/weight_loader.hpp"

struct Format : vlmt::Q8_0 {
#if VLMT_FIXED
  static constexpr std::uint32_t type_id = 8;
#else
  static constexpr std::uint32_t type_id = 2;  // Q4_0: 18 bytes
#endif
};

vlmt::WeightLoader<vlmt::Cpu<vlmt::arch::native>, vlmt::TypeList<vlmt::F32, Format>> loader;
