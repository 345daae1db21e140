// Products with KV cache rows, compiled once; see vlmt/kernel/attention_instances.hpp.
#include "vlmt/kernel/attention_instances.hpp"

VLMT_BEGIN_NAMESPACE

template void cpu::dot_kv_rows<F16, arch::native>(const float*, std::size_t, std::size_t, const std::byte*, std::size_t,
                                                  std::size_t, float*, std::size_t) noexcept;
template void cpu::weigh_kv_rows<F16, arch::native>(const float*, std::size_t, std::size_t, std::size_t,
                                                    const std::byte*, std::size_t, std::size_t, float*) noexcept;
template void cpu::dot_kv_rows<F32, arch::native>(const float*, std::size_t, std::size_t, const std::byte*, std::size_t,
                                                  std::size_t, float*, std::size_t) noexcept;
template void cpu::weigh_kv_rows<F32, arch::native>(const float*, std::size_t, std::size_t, std::size_t,
                                                    const std::byte*, std::size_t, std::size_t, float*) noexcept;
template void cpu::dot_kv_rows<BF16, arch::native>(const float*, std::size_t, std::size_t, const std::byte*,
                                                   std::size_t, std::size_t, float*, std::size_t) noexcept;
template void cpu::weigh_kv_rows<BF16, arch::native>(const float*, std::size_t, std::size_t, std::size_t,
                                                     const std::byte*, std::size_t, std::size_t, float*) noexcept;
template void cpu::dot_kv_rows<Q8_0, arch::native>(const float*, std::size_t, std::size_t, const std::byte*,
                                                   std::size_t, std::size_t, float*, std::size_t) noexcept;
template void cpu::weigh_kv_rows<Q8_0, arch::native>(const float*, std::size_t, std::size_t, std::size_t,
                                                     const std::byte*, std::size_t, std::size_t, float*) noexcept;
template void cpu::dot_kv_rows<Q4_0, arch::native>(const float*, std::size_t, std::size_t, const std::byte*,
                                                   std::size_t, std::size_t, float*, std::size_t) noexcept;
template void cpu::weigh_kv_rows<Q4_0, arch::native>(const float*, std::size_t, std::size_t, std::size_t,
                                                     const std::byte*, std::size_t, std::size_t, float*) noexcept;

VLMT_END_NAMESPACE
