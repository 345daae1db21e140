// See reference_model.hpp.
#include "reference_model.hpp"

#include <vlmt/vlmt.hpp>

VLMT_BEGIN_NAMESPACE

template class Vlm<parity::ReferenceModel>;

VLMT_END_NAMESPACE
