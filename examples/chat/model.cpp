// See model.hpp.
#include "model.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <vlmt/vlmt.hpp>

#include "../common/image_notes.hpp"
#include "../common/interrupt.hpp"

namespace {

std::optional<std::uint32_t> cache_format(const std::string& name) {
  if (name.empty()) return std::nullopt;
  return vlmt::find_format<vlmt::formats::cache>(name);
}

}  // namespace

vlmt::SessionOptions session_options(const Arguments& a, const Model& model) {
  vlmt::SessionOptions o;
  o.context = a.context;
  o.chunk = a.chunk;
  o.threads = a.threads;
  o.numerics = a.exact ? vlmt::Numerics::exact : vlmt::Numerics::fast;
  o.key_format = cache_format(a.key_format);
  o.value_format = cache_format(a.value_format);
  o.min_pixels = a.min_pixels;
  o.max_pixels = a.max_pixels;
  if (const auto* encoder = model.vlm().vision_encoder()) {
    const std::size_t pixels = encoder->config().factor() * encoder->config().factor();
    if (a.min_image_tokens) o.min_pixels = *a.min_image_tokens * pixels;
    if (a.max_image_tokens) o.max_pixels = *a.max_image_tokens * pixels;
    // A single limit that contradicts the file's other limit moves that one, too.
    if (o.max_pixels && !o.min_pixels)
      o.min_pixels = std::min<std::uint64_t>(*o.max_pixels, encoder->config().min_pixels);
    if (o.min_pixels && !o.max_pixels)
      o.max_pixels = std::max<std::uint64_t>(*o.min_pixels, encoder->config().max_pixels);
  }
  o.images = a.image_files;
  o.images.on_note = programs::note_printer("vlmt-chat");
  o.system = a.system;
  return o;
}

vlmt::GenerateOptions generate_options(const Arguments& a) {
  vlmt::GenerateOptions o;
  o.sampling.params = {.temperature = a.greedy ? 0.0f : a.temperature,
                       .top_k = a.top_k,
                       .top_p = a.top_p,
                       .min_p = a.min_p,
                       .repetition = a.repetition,
                       .presence = a.presence,
                       .frequency = a.frequency};
  o.sampling.seed = a.seed;
  o.max_tokens = a.max_tokens;
  o.stop = a.stop;
  o.ignore_stop_tokens = a.ignore_eos;
  o.thinking = a.thinking;
  o.stop_flag = &programs::interrupted;
  return o;
}
