// Golden cases for the runtime tests: the cells of a prompt, with features from the reference.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "vlmt/io/safetensors.hpp"
#include "vlmt/model/sequence.hpp"
#include "vlmt/runtime/chat_model.hpp"

namespace vlmt::golden {

inline std::string folder(const std::string& name) {
  return std::string(VLMT_TEST_UNPACKED) + "/golden/" + name;
}

/// The tensors of one case.
class Case {
 public:
  Case(const SafetensorsFile& file, std::string name) : file_(&file), name_(std::move(name)) {}

  std::vector<float> floats(const std::string& tensor) const { return file_->read<float>(name_ + "." + tensor); }
  std::vector<std::int32_t> ints(const std::string& tensor) const {
    return file_->read<std::int32_t>(name_ + "." + tensor);
  }
  bool has(const std::string& tensor) const { return file_->find_tensor(name_ + "." + tensor) != nullptr; }

  /// The reference's features of images ("image") or videos ("video"), with DeepStack levels.
  std::shared_ptr<VisionFeatures> features(const std::string& kind, std::size_t hidden, std::size_t levels) const {
    auto f = std::make_shared<VisionFeatures>();
    const std::vector<float> main = floats(kind + "_embeds");
    const std::size_t tokens = main.size() / hidden;
    f->data = share(make_tensor<float>(1 + levels, tokens, hidden));
    std::copy(main.begin(), main.end(), f->data.data());
    for (std::size_t l = 0; l < levels; ++l) {
      const std::vector<float> level = floats(kind + "_deepstack" + std::to_string(l));
      std::copy(level.begin(), level.end(), f->data.data() + (1 + l) * tokens * hidden);
    }
    return f;
  }

  /// The prompt's cells. Images and video slices replace their placeholder tokens; the grids are those of the case.
  template <class M>
  Sequence sequence(const ChatModel<M>& model) const {
    const std::size_t hidden = model.vlm().config().hidden;
    const std::size_t levels = model.vlm().config().deepstack_layers;
    const std::vector<std::int32_t> ids = ints("input_ids");
    struct Stream {
      std::shared_ptr<VisionFeatures> features;
      std::vector<std::int32_t> grids;  // (n, 3): t, h, w in patches
      std::size_t item = 0, slice = 0, row = 0;
    };
    Stream image, video;
    for (auto [stream, kind] : {std::pair{&image, std::string("image")}, std::pair{&video, std::string("video")}}) {
      if (!has(kind + "_embeds")) continue;
      stream->features = features(kind, hidden, levels);
      stream->grids = ints(kind + "_grid_thw");
    }
    Sequence s;
    for (std::size_t i = 0; i < ids.size();) {
      const bool still = ids[i] == model.image_token().value_or(-1);
      if (!still && ids[i] != model.video_token().value_or(-1)) {
        s.append(ids[i++]);
        continue;
      }
      Stream& stream = still ? image : video;
      const auto t = static_cast<std::size_t>(stream.grids[stream.item * 3]);
      const auto gh = static_cast<std::size_t>(stream.grids[stream.item * 3 + 1]) / 2;
      const auto gw = static_cast<std::size_t>(stream.grids[stream.item * 3 + 2]) / 2;
      auto part = std::make_shared<VisionFeatures>();
      part->slices = 1;
      part->grid_h = gh;
      part->grid_w = gw;
      part->key = {static_cast<std::uint64_t>(still), stream.row};
      part->data = share(make_tensor<float>(1 + levels, gh * gw, hidden));
      for (std::size_t l = 0; l <= levels; ++l) {
        for (std::size_t r = 0; r < gh * gw; ++r) {
          std::copy_n(stream.features->row(l, stream.row + r), hidden, part->data.data() + (l * gh * gw + r) * hidden);
        }
      }
      s.append(part, 0, ids[i]);
      stream.row += gh * gw;
      i += gh * gw;
      if (++stream.slice == t) {
        stream.slice = 0;
        ++stream.item;
      }
    }
    return s;
  }

 private:
  const SafetensorsFile* file_;
  std::string name_;
};

/// ||got - want|| / ||want||.
inline double relative_error(std::span<const float> got, std::span<const float> want) {
  double difference = 0.0;
  double norm = 0.0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double d = static_cast<double>(got[i]) - static_cast<double>(want[i]);
    difference += d * d;
    norm += static_cast<double>(want[i]) * static_cast<double>(want[i]);
  }
  return std::sqrt(difference / norm);
}

}  // namespace vlmt::golden
