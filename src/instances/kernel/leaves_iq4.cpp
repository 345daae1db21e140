// Leaves compiled once; see vlmt/kernel/matmul_instances.hpp.
#include "vlmt/kernel/packed_matrix.hpp"
#include "vlmt/quant/iq4_nl.hpp"
#include "vlmt/quant/iq4_xs.hpp"

VLMT_BEGIN_NAMESPACE

template const MatmulLeaves& matmul_leaves<IQ4_NL, arch::native>() noexcept;
template const MatmulLeaves& matmul_leaves<IQ4_XS, arch::native>() noexcept;

VLMT_END_NAMESPACE
