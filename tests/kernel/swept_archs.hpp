// The archs that tests of kernels compile.
#pragma once

#include <type_traits>

#include "vlmt/base/type_list.hpp"
#include "vlmt/exec/arch.hpp"

namespace vlmt_test {

/// False for kernels that are tested where they are native and nowhere else: on x86-64 AVX2 and the generic arch have
/// builds of their own, and half of all kernels are theirs.
#if defined(__x86_64__)
template <class Arch>
inline constexpr bool is_swept_v =
    std::is_same_v<Arch, vlmt::arch::native> ||
    !(std::is_same_v<Arch, vlmt::arch::generic> || std::is_same_v<Arch, vlmt::arch::avx2>);
#else
template <class Arch>
inline constexpr bool is_swept_v = true;
#endif

template <class Kept, class... Archs>
struct Swept {
  using type = Kept;
};
template <class... Kept, class First, class... Rest>
struct Swept<vlmt::TypeList<Kept...>, First, Rest...> {
  using Next = std::conditional_t<is_swept_v<First>, vlmt::TypeList<Kept..., First>, vlmt::TypeList<Kept...>>;
  using type = typename Swept<Next, Rest...>::type;
};
template <class List>
struct SweptOf;
template <class... Archs>
struct SweptOf<vlmt::TypeList<Archs...>> {
  using type = typename Swept<vlmt::TypeList<>, Archs...>::type;
};
/// Those of arch::compiled for which is_swept_v holds.
using SweptArchs = typename SweptOf<vlmt::arch::compiled>::type;

}  // namespace vlmt_test
