// The network: decoder and vision tower, read from a GGUF file and its mmproj file. Needs no text or picture library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/assert.hpp"
#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/exec/buffer.hpp"
#include "vlmt/exec/team.hpp"
#include "vlmt/io/gguf.hpp"
#include "vlmt/model/decoder.hpp"
#include "vlmt/model/model_pair.hpp"
#include "vlmt/model/packed_cache.hpp"
#include "vlmt/model/text_config.hpp"
#include "vlmt/model/vision_config.hpp"
#include "vlmt/model/vision_tower.hpp"
#include "vlmt/model/weight_loader.hpp"
#include "vlmt/nn/numerics.hpp"
#include "vlmt/quant/q8_0.hpp"

VLMT_BEGIN_NAMESPACE

/// What becomes of weights when they are loaded.
struct WeightOptions {
  /// Matrices of floats in the vision tower become this format (a GGUF type number); as they are in the file if absent.
  std::optional<std::uint32_t> tower_format = {};
};

/// What is fastest under these numerics. Towers compute with hundreds of rows at once, where products of bytes are
/// several times faster than those of floats: Q8_0. Under exact numerics weights stay what they are.
inline WeightOptions weights_for(Numerics numerics) noexcept {
  WeightOptions o;
  if (numerics == Numerics::fast) o.tower_format = Q8_0::type_id;
  return o;
}

/// A model of the family M. Construction reads and checks the files' headers and names every weight, so that all sizes
/// are known; `load` then packs the weights, or takes them from the cache of packed weights that was given. Immutable
/// once loaded: any number of sessions may share it.
template <class M>
class Vlm {
 public:
  using Family = M;
  using Arch = typename M::Backend::Arch;

  /// Opens the files. `mmproj_path` may be empty: a model without eyes. Throws FileError.
  static Vlm open(const std::string& model_path, const std::string& mmproj_path = {}, const WeightOptions& options = {},
                  const PackedCacheOptions& cache = {}) {
    std::optional<GgufFile> mmproj;
    if (!mmproj_path.empty()) mmproj = GgufFile::open(mmproj_path);
    return Vlm(GgufFile::open(model_path), std::move(mmproj), options, cache);
  }

  explicit Vlm(GgufFile model, std::optional<GgufFile> mmproj = std::nullopt, const WeightOptions& options = {},
               const PackedCacheOptions& cache = {});

  /// Packs all weights with the members of `team`, unless the cache has them. Throws what `progress` throws; the model
  /// is then not usable.
  template <Team T>
  void load(T& team, const LoadProgress& progress = {}) {
    if (!arch::runs_here<Arch>()) {
      throw DeviceError("this program was built for processors with " + std::string(Arch::name) +
                        "; this one has no such instructions");
    }
    if (packed_.mapping()) {
      weights_ = packed_.weights();
      packed_.mapping()->will_need(0, packed_.mapping()->size());
      loader_.bind(weights_.data());
    } else {
      buffer_ = loader_.load(team, progress);
      weights_ = {buffer_.data(), buffer_.bytes()};
      packed_.keep(weights_);
    }
    loader_ = {};
    files_.reset();  // unmaps
  }

  /// Bytes of the packed weights; known before they are loaded.
  std::size_t weight_bytes() const noexcept { return weight_bytes_; }
  /// True if they stand in a file that is mapped, and take no memory of the process; known before they are loaded.
  bool weights_mapped() const noexcept { return packed_.mapping() != nullptr; }
  /// The cache of packed weights, and what it has to say.
  const PackedCache& packed_cache() const noexcept { return packed_; }
  bool loaded() const noexcept { return files_ == nullptr; }
  /// The packed weights; empty until they are loaded.
  std::span<const std::byte> weights() const noexcept { return weights_; }

  const Decoder<M>& decoder() const noexcept { return *decoder_; }
  /// The vision tower, or null.
  const VisionTower<Arch>* tower() const noexcept { return tower_.get(); }
  const TextConfig& config() const noexcept { return decoder_->config(); }
  /// Lines for the user about what may be wrong with the files.
  const std::vector<std::string>& warnings() const noexcept { return warnings_; }
  /// The opened model file, until the weights are loaded.
  const GgufFile& file() const {
    VLMT_ASSERT(files_ != nullptr);
    return files_->model;
  }

 private:
  struct Files {
    GgufFile model;
    std::optional<GgufFile> mmproj;
  };

  std::unique_ptr<Files> files_;
  WeightLoader<Arch, typename M::Formats> loader_;
  std::unique_ptr<Decoder<M>> decoder_;
  std::unique_ptr<VisionTower<Arch>> tower_;
  PackedCache packed_;
  Buffer buffer_;
  std::span<const std::byte> weights_;  ///< in the buffer or in the cache's file
  std::size_t weight_bytes_ = 0;
  std::vector<std::string> warnings_;
};

template <class M>
Vlm<M>::Vlm(GgufFile model, std::optional<GgufFile> mmproj, const WeightOptions& options,
            const PackedCacheOptions& cache)
    : files_(std::make_unique<Files>(Files{std::move(model), std::move(mmproj)})) {
  const TextConfig text = read_text_config(files_->model, M::architectures);
  decoder_ = std::make_unique<Decoder<M>>(text, WeightSource(files_->model), loader_);
  if (files_->mmproj) {
    const VisionConfig vision = read_vision_config(*files_->mmproj);
    check_pair(text, vision);
    if (std::string line = pair_warning(files_->model, *files_->mmproj); !line.empty()) warnings_.push_back(line);
    tower_ = std::make_unique<VisionTower<Arch>>(vision, WeightSource(*files_->mmproj), loader_, options.tower_format);
  }
  weight_bytes_ = loader_.bytes();
  if (!cache.folder.empty()) packed_ = PackedCache(cache, files_->model.path(), loader_.image());
}

VLMT_END_NAMESPACE
