// Times each operation of one decoder or vision encoder step.
#pragma once

#include <vector>

#include <vlmt/vlmt.hpp>

#include "profile.hpp"

/// Times one decoder step with the inputs in `buffers`.
std::vector<TimedOp> time_decoder(const vlmt::ChatModel<vlmt::Qwen3VL>& model, vlmt::OmpTeam& team,
                                  const vlmt::DecoderBuffers<vlmt::Cpu<>>& buffers, const vlmt::StepSize& size,
                                  vlmt::Numerics numerics);

/// Times the vision encoder on one image. The model must have a vision encoder.
std::vector<TimedOp> time_vision_encoder(const vlmt::ChatModel<vlmt::Qwen3VL>& model, vlmt::OmpTeam& team,
                                         const vlmt::Image& image, const vlmt::VisionOptions& options);
