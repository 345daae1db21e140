// KV-row products of attention for arch::native, declared here and compiled once in src/instances. Including this
// header changes only compile time; without VLMT_EXTERN_INSTANCES it is empty.
#pragma once

#include <cstddef>

#include "vlmt/base/config.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/kernel/kv_format.hpp"

#if VLMT_EXTERN_INSTANCES

VLMT_BEGIN_NAMESPACE

extern template void cpu::dot_kv_rows<F16, arch::native>(const float*, std::size_t, std::size_t, const std::byte*,
                                                         std::size_t, std::size_t, float*, std::size_t) noexcept;
extern template void cpu::weigh_kv_rows<F16, arch::native>(const float*, std::size_t, std::size_t, std::size_t,
                                                           const std::byte*, std::size_t, std::size_t, float*) noexcept;
extern template void cpu::dot_kv_rows<F32, arch::native>(const float*, std::size_t, std::size_t, const std::byte*,
                                                         std::size_t, std::size_t, float*, std::size_t) noexcept;
extern template void cpu::weigh_kv_rows<F32, arch::native>(const float*, std::size_t, std::size_t, std::size_t,
                                                           const std::byte*, std::size_t, std::size_t, float*) noexcept;
extern template void cpu::dot_kv_rows<BF16, arch::native>(const float*, std::size_t, std::size_t, const std::byte*,
                                                          std::size_t, std::size_t, float*, std::size_t) noexcept;
extern template void cpu::weigh_kv_rows<BF16, arch::native>(const float*, std::size_t, std::size_t, std::size_t,
                                                            const std::byte*, std::size_t, std::size_t,
                                                            float*) noexcept;
extern template void cpu::dot_kv_rows<Q8_0, arch::native>(const float*, std::size_t, std::size_t, const std::byte*,
                                                          std::size_t, std::size_t, float*, std::size_t) noexcept;
extern template void cpu::weigh_kv_rows<Q8_0, arch::native>(const float*, std::size_t, std::size_t, std::size_t,
                                                            const std::byte*, std::size_t, std::size_t,
                                                            float*) noexcept;
extern template void cpu::dot_kv_rows<Q4_0, arch::native>(const float*, std::size_t, std::size_t, const std::byte*,
                                                          std::size_t, std::size_t, float*, std::size_t) noexcept;
extern template void cpu::weigh_kv_rows<Q4_0, arch::native>(const float*, std::size_t, std::size_t, std::size_t,
                                                            const std::byte*, std::size_t, std::size_t,
                                                            float*) noexcept;

VLMT_END_NAMESPACE

#endif
