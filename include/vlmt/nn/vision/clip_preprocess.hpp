// Image preprocessing of CLIP vision encoders: resize the short side, crop the centre, normalise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/exec/arch.hpp"
#include "vlmt/io/image.hpp"
#include "vlmt/kernel/resample.hpp"
#include "vlmt/nn/vision/normalisation.hpp"
#include "vlmt/nn/vision/smart_resize.hpp"

VLMT_BEGIN_NAMESPACE

/// Mean and standard deviation of OpenAI's CLIP.
inline constexpr Normalisation clip_normalisation = {{0.48145466f, 0.4578275f, 0.40821073f},
                                                     {0.26862954f, 0.26130258f, 0.27577711f}};

/// A resize (bicubic) of an image until its short side is `size`, and a crop to the central square of that size. Throws
/// InputError for an empty image or size and for an aspect ratio above 200. (Hugging Face: CLIPImageProcessor.)
inline ResamplePlan plan_central_square(const Image& image, int size) {
  if (image.width < 1 || image.height < 1 || size < 1 || size > (1 << 16) ||
      image.rgb.size() !=
          std::size_t{3} * static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height)) {
    throw InputError("the image is empty, or the size is out of range", {.field = "image"});
  }
  const auto side = static_cast<std::size_t>(size);
  const auto height = static_cast<std::size_t>(image.height);
  const auto width = static_cast<std::size_t>(image.width);
  const auto original_height =
      static_cast<std::size_t>(image.original_height > 0 ? image.original_height : image.height);
  const auto original_width = static_cast<std::size_t>(image.original_width > 0 ? image.original_width : image.width);
  detail::check_resize(static_cast<double>(original_height), static_cast<double>(original_width), 1, {});
  const bool tall = original_height > original_width;
  const std::size_t longer = tall ? side * original_height / original_width : side * original_width / original_height;
  const std::size_t offset = (longer - side) / 2;
  return tall ? plan_resample_window<Bicubic>(height, width, longer, side, offset, 0, side, side)
              : plan_resample_window<Bicubic>(height, width, side, longer, 0, offset, side, side);
}

/// Returns (3, size, size) floats: the central square of plan_central_square(), normalised. Throws as it does.
template <class Arch = arch::native>
std::vector<float> clip_pixels(const Image& image, int size, const Normalisation& normalisation = clip_normalisation) {
  const ResamplePlan plan = plan_central_square(image, size);
  const auto side = static_cast<std::size_t>(size);
  std::vector<std::uint8_t> square(3 * side * side);
  std::vector<std::uint8_t> scratch(resample_scratch_bytes(plan));
  resample<Arch>(image.rgb.data(), plan, square.data(), scratch.data());
  const NormalisationTable normalised = normalisation_table(normalisation);
  std::vector<float> out(3 * side * side);
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t i = 0; i < side * side; ++i) out[c * side * side + i] = normalised[c][square[3 * i + c]];
  }
  return out;
}

VLMT_END_NAMESPACE
