// All that the CPU backend supplies: its nouns and the lowering of every op.
#pragma once

#include "vlmt/kernel/cpu/backend_types.hpp"
#include "vlmt/kernel/cpu/lower_attention.hpp"
#include "vlmt/kernel/cpu/lower_preprocess.hpp"
#include "vlmt/kernel/cpu/lower_products.hpp"
#include "vlmt/kernel/cpu/lower_rows.hpp"
#include "vlmt/kernel/cpu/lower_sampling.hpp"
