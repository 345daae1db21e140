// Keys of image and video features: a 128-bit hash of pixels, sizes and pixel limits. Model and numerics are not
// hashed, so keys must not be compared across models.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>

#include "vlmt/base/config.hpp"
#include "vlmt/io/image.hpp"
#include "vlmt/model/vision_features.hpp"

#if VLMT_HAS_BODIES
#define XXH_INLINE_ALL
#include <xxhash.h>
#endif

VLMT_BEGIN_NAMESPACE

/// XXH3 (128 bits) of `kind` (0: image, 1: video), the pixel limits, and sizes and pixels of all images.
ContentKey content_key(std::span<const Image> images, std::uint64_t min_pixels, std::uint64_t max_pixels,
                       std::uint64_t kind);

#if VLMT_HAS_BODIES

VLMT_BODY ContentKey content_key(std::span<const Image> images, std::uint64_t min_pixels, std::uint64_t max_pixels,
                                 std::uint64_t kind) {
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(), XXH3_freeState);
  if (!state) throw std::bad_alloc();
  XXH3_128bits_reset(state.get());
  const std::uint64_t head[] = {min_pixels, max_pixels, kind, images.size()};
  XXH3_128bits_update(state.get(), head, sizeof head);
  for (const Image& image : images) {
    const int sizes[] = {image.width, image.height, image.original_width, image.original_height};
    XXH3_128bits_update(state.get(), sizes, sizeof sizes);
    XXH3_128bits_update(state.get(), image.rgb.data(), image.rgb.size());
  }
  const XXH128_hash_t hash = XXH3_128bits_digest(state.get());
  return {hash.high64, hash.low64};
}

#endif

VLMT_END_NAMESPACE
