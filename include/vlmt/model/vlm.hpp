// The network of a model: decoder and optional vision encoder, read from a GGUF file and its mmproj file. Needs no text
// or image library.
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
#include "vlmt/base/in_use.hpp"
#include "vlmt/base/stop_flag.hpp"
#include "vlmt/exec/team.hpp"
#include "vlmt/io/gguf.hpp"
#include "vlmt/kernel/cpu/lower.hpp"
#include "vlmt/model/decoder.hpp"
#include "vlmt/model/model_pair.hpp"
#include "vlmt/model/packed_cache.hpp"
#include "vlmt/model/text_config.hpp"
#include "vlmt/model/unread_keys.hpp"
#include "vlmt/model/weight_loader.hpp"
#include "vlmt/op/numerics.hpp"
#include "vlmt/quant/q8_0.hpp"

VLMT_BEGIN_NAMESPACE

/// How weights are converted on load.
struct WeightOptions {
  /// Format (a GGUF type number) that F32, F16 and BF16 matrices of the vision encoder are converted to; absent: no
  /// conversion.
  std::optional<std::uint32_t> vision_format = {};
};

/// The fastest options under these numerics. Vision encoders multiply hundreds of rows at once, where int8 matmuls are
/// several times faster than float ones, so `fast` converts to Q8_0. `exact` converts nothing.
inline WeightOptions weights_for(Numerics numerics) noexcept {
  WeightOptions o;
  if (numerics == Numerics::fast) o.vision_format = Q8_0::type_id;
  return o;
}

/// Throws DeviceError if the processor lacks the instructions of Arch.
template <class Arch>
void require_processor() {
  if (arch::runs_here<Arch>()) return;
  throw DeviceError("this program was built for processors with " + std::string(Arch::name) +
                    "; this processor lacks these instructions");
}

/// The vision encoder of a family on its backend.
template <class M>
using VisionOf = typename M::template Vision<typename M::Backend>;

/// What a model was checked against when it was loaded. A session is checked against it, too.
struct MemoryBudget {
  std::optional<std::size_t> limit = {};  ///< bytes of weights and session together; absent: what is available
  std::size_t image_pixels = 0;           ///< of the largest resized image that a session must have room for
};

/// A model of the family M. Construction validates the headers of the files and registers every weight, so all sizes
/// are known. `load` then packs the weights, or maps them from the packed cache. Once loaded the model is immutable:
/// any number of sessions and threads may share it. They refer to it, so it must not be moved while they live.
template <class M>
class Vlm {
 public:
  using Family = M;
  using Backend = typename M::Backend;

  /// Opens the files. An empty `mmproj_path` makes a text-only model. Throws FileError, and InputError if M's router
  /// uses more experts than the model has.
  static Vlm open(const std::string& model_path, const std::string& mmproj_path = {}, const WeightOptions& options = {},
                  const PackedCacheOptions& cache = {}) {
    std::optional<GgufFile> mmproj;
    if (!mmproj_path.empty()) mmproj = GgufFile::open(mmproj_path);
    return Vlm(GgufFile::open(model_path), std::move(mmproj), options, cache);
  }

  explicit Vlm(GgufFile model, std::optional<GgufFile> mmproj = std::nullopt, const WeightOptions& options = {},
               const PackedCacheOptions& cache = {});

  /// Packs all weights with the members of `team`, or maps them from the cache. Throws DeviceError if the processor
  /// lacks the instructions of the backend, FileError, what `progress` throws, and Cancelled soon after `stop` is set;
  /// the model is then not loaded, and load() may be called again. Throws InputError if the model is loaded already, or
  /// if `progress` calls load().
  template <Team T>
  void load(T& team, const LoadProgress& progress = {}, const StopFlag* stop = nullptr) {
    require_place();
    if (loaded()) throw InputError("the weights of this model are loaded already");
    const InUse::Call call(in_use_, "the model is being loaded: `progress` must not load it");
    require_processor<typename Backend::Arch>();
    if (packed_.mapping()) {
      weights_ = packed_.weights();
      packed_.mapping()->will_need(0, packed_.mapping()->size());
      loader_.bind(weights_.data());
    } else {
      typename Backend::Memory packed = loader_.load(team, progress, stop);
      if constexpr (Backend::host_visible) packed_.store({packed.data(), packed.bytes()}, stop);
      memory_ = std::move(packed);
      weights_ = {memory_.data(), memory_.bytes()};
    }
    loader_ = {};
    files_.reset();  // unmaps the model files
  }

  /// Bytes of the packed weights; known before they are loaded.
  std::size_t weight_bytes() const noexcept { return weight_bytes_; }
  /// True if the weights are mapped from the packed cache instead of process memory; known before they are loaded.
  bool weights_mapped() const noexcept { return packed_.mapping() != nullptr; }
  /// What sessions are checked against.
  const MemoryBudget& budget() const noexcept { return budget_; }
  void set_budget(const MemoryBudget& budget) noexcept { budget_ = budget; }
  /// The packed cache; see its warning().
  const PackedCache& packed_cache() const noexcept { return packed_; }
  /// False before load(), after a load() that threw, and for a model that was moved to another object.
  bool loaded() const noexcept { return files_ == nullptr && decoder_ != nullptr; }
  /// Throws InputError unless the model is loaded().
  void require_loaded() const {
    require_place();
    if (!loaded()) throw InputError("the weights of the model are not loaded: load() was not called, or threw");
  }
  /// The packed weights, in memory of the backend or mapped; empty until they are loaded.
  std::span<const std::byte> weights() const noexcept { return weights_; }

  const Decoder<M>& decoder() const noexcept { return *decoder_; }
  /// The vision encoder; null for a text-only model.
  const VisionOf<M>* vision_encoder() const noexcept { return vision_encoder_.get(); }
  const ConfigOf<M>& config() const noexcept { return decoder_->config(); }
  /// Warnings for the user about the files, one line each.
  const std::vector<std::string>& warnings() const noexcept { return warnings_; }
  /// The opened model file. Only before the weights are loaded.
  const GgufFile& file() const {
    VLMT_ASSERT(files_ != nullptr);
    return files_->model;
  }

 private:
  struct Files {
    GgufFile model;
    std::optional<GgufFile> mmproj;
  };

  void require_place() const {
    if (decoder_ == nullptr) {
      throw InputError("the model was moved to another object: sessions are made of the model where it stays");
    }
  }

  std::unique_ptr<Files> files_;
  LoaderOf<Backend, typename M::Formats> loader_;
  std::unique_ptr<Decoder<M>> decoder_;
  std::unique_ptr<VisionOf<M>> vision_encoder_;
  PackedCache packed_;
  typename Backend::Memory memory_;
  std::span<const std::byte> weights_;  ///< in memory_ or in the mapped cache file
  std::size_t weight_bytes_ = 0;
  MemoryBudget budget_;
  std::vector<std::string> warnings_;
  InUse in_use_;
};

template <class M>
Vlm<M>::Vlm(GgufFile model, std::optional<GgufFile> mmproj, const WeightOptions& options,
            const PackedCacheOptions& cache)
    : files_(std::make_unique<Files>(Files{std::move(model), std::move(mmproj)})) {
  const ConfigOf<M> text = read_config<M>(files_->model);
  const WeightSource source(files_->model);
  decoder_ = std::make_unique<Decoder<M>>(text, source, loader_);
  source.check_all_read();
  if (std::string line = unknown_keys_warning(files_->model, text.architecture, own_keys_of<M>()); !line.empty()) {
    warnings_.push_back(line);
  }
  if (files_->mmproj) {
    const auto vision = VisionOf<M>::read_config(*files_->mmproj);
    M::check_pair(text, vision);
    if (std::string line = pair_warning(files_->model, *files_->mmproj); !line.empty()) warnings_.push_back(line);
    vision_encoder_ =
        std::make_unique<VisionOf<M>>(vision, WeightSource(*files_->mmproj), loader_, options.vision_format);
  }
  weight_bytes_ = loader_.bytes();
  // Only the host maps files.
  if constexpr (Backend::host_visible) {
    if (!cache.folder.empty()) packed_ = PackedCache(cache, files_->model.path(), loader_.image());
  }
}

VLMT_END_NAMESPACE
