// A model that can be talked to: the network with its tokenizer and chat template.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/exec/team.hpp"
#include "vlmt/model/gguf_vocabulary.hpp"
#include "vlmt/model/vlm.hpp"
#include "vlmt/text/bpe.hpp"
#include "vlmt/text/templates/qwen3vl.hpp"

VLMT_BEGIN_NAMESPACE

/// A Vlm<M> and what stands between it and text. Immutable once loaded: any number of sessions may share it.
template <class M>
class ChatModel {
 public:
  using Family = M;

  /// Reads and checks the headers of both files; `mmproj` may be empty. Weights are not read before `load`.
  /// Throws FileError.
  static ChatModel open(const std::string& model, const std::string& mmproj = {}, const WeightOptions& options = {},
                        const PackedCacheOptions& cache = {}) {
    return ChatModel(Vlm<M>::open(model, mmproj, options, cache));
  }

  explicit ChatModel(Vlm<M> vlm);

  template <Team T>
  void load(T& team, const LoadProgress& progress = {}) {
    vlm_.load(team, progress);
  }

  const Vlm<M>& vlm() const noexcept { return vlm_; }
  const BpeTokenizer& tokenizer() const noexcept { return *tokenizer_; }
  /// True if generation ends with this token.
  bool stops(int token) const noexcept {
    return tokenizer_->ends_generation(token) ||
           std::find(stop_tokens_.begin(), stop_tokens_.end(), token) != stop_tokens_.end();
  }
  std::optional<int> image_token() const noexcept { return image_token_; }
  std::optional<int> video_token() const noexcept { return video_token_; }
  /// True for models that think before they answer, by the template in the file.
  bool thinks() const noexcept { return template_variant_ == M::Template::Variant::thinking; }
  /// Lines for the user: what the network has to say of its files, and whether the template of the model's family is
  /// used in place of the file's own.
  std::vector<std::string> warnings() const {
    std::vector<std::string> lines = vlm_.warnings();
    if (has_template_ && template_variant_ == M::Template::Variant::unknown) {
      lines.emplace_back(
          "the chat template in the file is not one that is known; the one of the model's family is used");
    }
    return lines;
  }

 private:
  Vlm<M> vlm_;
  std::unique_ptr<BpeTokenizer> tokenizer_;
  std::optional<int> image_token_;
  std::optional<int> video_token_;
  std::vector<int> stop_tokens_;
  typename M::Template::Variant template_variant_{};
  bool has_template_ = false;
};

template <class M>
ChatModel<M>::ChatModel(Vlm<M> vlm) : vlm_(std::move(vlm)) {
  const GgufFile& file = vlm_.file();
  tokenizer_ = std::make_unique<BpeTokenizer>(read_bpe_vocabulary(file), file.path());
  const std::size_t rows = vlm_.config().vocab;
  if (static_cast<std::size_t>(tokenizer_->size()) > rows) {
    throw FileError("the tokenizer has more tokens than the embedding has rows", {file.path(),
                                                                                  {},
                                                                                  "tokenizer.ggml.tokens",
                                                                                  "up to " + std::to_string(rows),
                                                                                  std::to_string(tokenizer_->size())});
  }
  image_token_ = tokenizer_->added_token(M::image_token);
  video_token_ = tokenizer_->added_token(M::video_token);
  if (vlm_.tower() != nullptr && !image_token_) {
    throw FileError("the tokenizer has no token for pictures",
                    {file.path(), {}, "tokenizer.ggml.tokens", std::string(M::image_token), "none"});
  }
  for (std::string_view name : M::stop_tokens) {
    if (const auto id = tokenizer_->added_token(name)) stop_tokens_.push_back(*id);
  }
  const auto text = file.get_or<std::string_view>("tokenizer.chat_template", "");
  has_template_ = !text.empty();
  template_variant_ = M::Template::known(text);
}

VLMT_END_NAMESPACE
