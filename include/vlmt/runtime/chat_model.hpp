// A model to chat with: the network, its tokenizer and its chat template.
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
#include "vlmt/base/stop_flag.hpp"
#include "vlmt/exec/team.hpp"
#include "vlmt/model/gguf_vocabulary.hpp"
#include "vlmt/model/vlm.hpp"
#include "vlmt/text/bpe.hpp"
#include "vlmt/text/templates/qwen3vl.hpp"

VLMT_BEGIN_NAMESPACE

/// A Vlm<M> with its tokenizer and chat template. Immutable once loaded, so any number of sessions may share it. They
/// refer to it: it must not be moved while they live.
template <class M>
class ChatModel {
 public:
  using Family = M;

  /// Reads and checks the headers of both files and builds the tokenizer; load() reads the weights. Without `mmproj`
  /// the model is text-only. Throws as Vlm::open() and read_bpe_vocabulary().
  static ChatModel open(const std::string& model, const std::string& mmproj = {}, const WeightOptions& options = {},
                        const PackedCacheOptions& cache = {}) {
    return ChatModel(Vlm<M>::open(model, mmproj, options, cache));
  }

  /// Builds the tokenizer of a model that is opened and not yet loaded: its file is closed later. Throws as open().
  explicit ChatModel(Vlm<M> vlm);

  /// Packs the weights, or maps them; see Vlm::load().
  template <Team T>
  void load(T& team, const LoadProgress& progress = {}, const StopFlag* stop = nullptr) {
    vlm_.load(team, progress, stop);
  }

  /// What sessions are checked against. Without it, what is available when they are made.
  void set_budget(const MemoryBudget& budget) noexcept { vlm_.set_budget(budget); }

  const Vlm<M>& vlm() const noexcept { return vlm_; }
  const BpeTokenizer& tokenizer() const noexcept { return *tokenizer_; }
  /// True for tokens that end the turn.
  bool stops(int token) const noexcept {
    return tokenizer_->ends_generation(token) ||
           std::find(stop_tokens_.begin(), stop_tokens_.end(), token) != stop_tokens_.end();
  }
  std::optional<int> image_token() const noexcept { return image_token_; }
  std::optional<int> video_token() const noexcept { return video_token_; }
  /// True if the chat template in the file opens a block of thoughts: the model thinks before it answers.
  bool thinks() const noexcept { return template_.thinks; }
  /// What the template in the file was recognised as; the unknown variant if there is none.
  const typename M::Template::Recognition& chat_template() const noexcept { return template_; }
  /// How a turn is to be rendered for this model.
  ChatOptions chat_options(Thinking think = Thinking::automatic) const noexcept {
    return {.thinking = template_.thinks, .think = think, .switchable = template_.switches};
  }
  /// Lines for the user: doubts about the files, and which prompt is used if the chat template in the file is unknown.
  std::vector<std::string> warnings() const {
    std::vector<std::string> lines = vlm_.warnings();
    if (!template_warning_.empty()) lines.push_back(template_warning_);
    return lines;
  }

 private:
  Vlm<M> vlm_;
  std::unique_ptr<BpeTokenizer> tokenizer_;
  std::optional<int> image_token_;
  std::optional<int> video_token_;
  std::vector<int> stop_tokens_;
  typename M::Template::Recognition template_;
  std::string template_warning_;
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
  if (vlm_.vision_encoder() != nullptr && !image_token_) {
    throw FileError("the tokenizer has no token for images",
                    {file.path(), {}, "tokenizer.ggml.tokens", std::string(M::image_token), "none"});
  }
  for (std::string_view name : M::stop_tokens) {
    if (const auto id = tokenizer_->added_token(name)) stop_tokens_.push_back(*id);
  }
  const auto text = file.get_or<std::string_view>("tokenizer.chat_template", "");
  if (text.empty()) return;
  template_ = M::Template::recognise(text);
  if (template_.variant == M::Template::Variant::unknown) {
    template_warning_ = file.path() + ": the chat template is unknown: " + template_.reason +
                        "; the prompt used is the one of the model's family " +
                        (template_.thinks ? "that thinks, as the file's own opens <think>" : "that does not think");
  }
}

VLMT_END_NAMESPACE
