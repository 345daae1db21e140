// One step of a model as recorded operations, each timed by itself.
#pragma once

#include <vector>

#include <vlmt/vlmt.hpp>

#include "profile.hpp"

/// The operations of a decoder's step whose inputs stand in `buffers`.
std::vector<TimedOp> time_decoder(const vlmt::ChatModel<vlmt::Qwen3VL>& model, vlmt::OmpTeam& team,
                                  const vlmt::DecoderBuffers& buffers, const vlmt::StepSize& size,
                                  vlmt::Numerics numerics);

/// The operations of the tower on a picture. The model must have one.
std::vector<TimedOp> time_tower(const vlmt::ChatModel<vlmt::Qwen3VL>& model, vlmt::OmpTeam& team,
                                const vlmt::Image& image, const vlmt::VisionOptions& options);
