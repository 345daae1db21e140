// Leaves of all weight formats for arch::native, declared here and compiled once in src/instances. Including this
// header changes only compile time; without VLMT_EXTERN_INSTANCES it is empty.
#pragma once

#include "vlmt/base/config.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/kernel/packed_matrix.hpp"
#include "vlmt/quant/formats.hpp"

#if VLMT_EXTERN_INSTANCES

VLMT_BEGIN_NAMESPACE

extern template const MatmulLeaves& matmul_leaves<F32, arch::native>() noexcept;
extern template const MatmulLeaves& matmul_leaves<F16, arch::native>() noexcept;
extern template const MatmulLeaves& matmul_leaves<BF16, arch::native>() noexcept;
extern template const MatmulLeaves& matmul_leaves<Q4_0, arch::native>() noexcept;
extern template const MatmulLeaves& matmul_leaves<Q4_1, arch::native>() noexcept;
extern template const MatmulLeaves& matmul_leaves<Q5_0, arch::native>() noexcept;
extern template const MatmulLeaves& matmul_leaves<Q5_1, arch::native>() noexcept;
extern template const MatmulLeaves& matmul_leaves<Q8_0, arch::native>() noexcept;
extern template const MatmulLeaves& matmul_leaves<Q2_K, arch::native>() noexcept;
extern template const MatmulLeaves& matmul_leaves<Q3_K, arch::native>() noexcept;
extern template const MatmulLeaves& matmul_leaves<Q4_K, arch::native>() noexcept;
extern template const MatmulLeaves& matmul_leaves<Q5_K, arch::native>() noexcept;
extern template const MatmulLeaves& matmul_leaves<Q6_K, arch::native>() noexcept;
extern template const MatmulLeaves& matmul_leaves<IQ4_NL, arch::native>() noexcept;
extern template const MatmulLeaves& matmul_leaves<IQ4_XS, arch::native>() noexcept;
extern template const MatmulLeaves& matmul_leaves<MXFP4, arch::native>() noexcept;
extern template const MatmulLeaves& matmul_leaves<NVFP4, arch::native>() noexcept;

VLMT_END_NAMESPACE

#endif
