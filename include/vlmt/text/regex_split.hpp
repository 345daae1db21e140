// Splits text into words with a regular expression from a file (PCRE2). Known patterns are code: pre_split.hpp.
#pragma once

// pcre2.h needs a width. If another one is already set, the calls below still work: they name the width, _8.
#ifndef PCRE2_CODE_UNIT_WIDTH
#define PCRE2_CODE_UNIT_WIDTH 8
#endif
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include <pcre2.h>

#include "vlmt/base/config.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/base/heap_bytes.hpp"
#include "vlmt/text/utf8.hpp"

VLMT_BEGIN_NAMESPACE

/// A compiled pattern. Matches and the text between them are words; empty ones are dropped (tokenizer.json: Split with
/// behavior "Isolated"). As in the engine of Hugging Face tokenizers, `^` and `$` match at line starts and ends; \s, \w
/// and \p are Unicode, in the version of the installed PCRE2. Const members are thread-safe.
class RegexSplitter {
 public:
  /// Throws FileError if the pattern does not compile. `source` appears as the file in errors.
  explicit RegexSplitter(std::string pattern, std::string source = "pattern")
      : pattern_(std::move(pattern)), source_(std::move(source)) {
    int error = 0;
    PCRE2_SIZE where = 0;
    code_.reset(pcre2_compile_8(bytes(pattern_), pattern_.size(),
                                PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error, &where,
                                nullptr));
    if (!code_) throw failure<FileError>("pattern does not compile at character " + std::to_string(where), error);
    // The result is ignored: without JIT for this processor, matching is only slower.
    pcre2_jit_compile_8(code_.get(), PCRE2_JIT_COMPLETE);
  }

  /// Calls word(std::string_view) for each word of valid UTF-8, in order. Throws LimitError if one match exceeds
  /// `match_limit` or `heap_limit_kib`, FileError if the pattern matches text twice (\K in a lookbehind).
  template <class F>
  void split(std::string_view text, F&& word) const {
    const Handle<pcre2_match_data_8, pcre2_match_data_free_8> data(
        pcre2_match_data_create_from_pattern_8(code_.get(), nullptr));
    const Handle<pcre2_match_context_8, pcre2_match_context_free_8> context(pcre2_match_context_create_8(nullptr));
    const Handle<pcre2_jit_stack_8, pcre2_jit_stack_free_8> stack(
        pcre2_jit_stack_create_8(std::size_t{1} << 15, std::size_t{1} << 24, nullptr));
    if (!data || !context || !stack) throw std::bad_alloc();
    pcre2_set_match_limit_8(context.get(), match_limit);
    pcre2_set_heap_limit_8(context.get(), heap_limit_kib);
    pcre2_jit_stack_assign_8(context.get(), nullptr, stack.get());
    std::size_t done = 0;
    for (std::size_t from = 0; from <= text.size();) {
      const auto match = [&](std::uint32_t options) {
        return pcre2_match_8(code_.get(), bytes(text), text.size(), from, PCRE2_NO_UTF_CHECK | options, data.get(),
                             context.get());
      };
      int found = match(0);
      if (found == PCRE2_ERROR_JIT_STACKLIMIT) found = match(PCRE2_NO_JIT);
      if (found == PCRE2_ERROR_NOMATCH) break;
      if (found < 0) throw failure<LimitError>("pattern gave up at byte " + std::to_string(from), found);
      const PCRE2_SIZE* range = pcre2_get_ovector_pointer_8(data.get());
      // \K in a lookbehind can move the start past the end or before the search start.
      const std::size_t begin = range[0], end = range[1];
      if (begin < done || end < begin) {
        throw FileError("pattern matches text twice",
                        {.file = source_, .offset = {}, .field = pattern_, .expected = {}, .found = {}});
      }
      if (begin > done) word(text.substr(done, begin - done));
      if (end > begin) word(text.substr(begin, end - begin));
      done = end;
      from = end > begin ? end : end < text.size() ? end + decode_utf8(text, end).bytes : end + 1;
    }
    if (done < text.size()) word(text.substr(done));
  }

  /// Bytes of the compiled pattern, including its machine code.
  std::size_t bytes() const noexcept {
    std::size_t code = 0, jit = 0;
    pcre2_pattern_info_8(code_.get(), PCRE2_INFO_SIZE, &code);
    pcre2_pattern_info_8(code_.get(), PCRE2_INFO_JITSIZE, &jit);
    return code + jit + heap_bytes(pattern_) + heap_bytes(source_);
  }

  /// Maximum backtracking steps of one match.
  static constexpr std::uint32_t match_limit = 50'000'000;
  /// Maximum memory of one match, in KiB.
  static constexpr std::uint32_t heap_limit_kib = 256 * 1024;

 private:
  template <class T, auto Free>
  struct Deleter {
    void operator()(T* p) const noexcept { Free(p); }
  };
  template <class T, auto Free>
  using Handle = std::unique_ptr<T, Deleter<T, Free>>;

  static PCRE2_SPTR8 bytes(std::string_view text) noexcept { return reinterpret_cast<PCRE2_SPTR8>(text.data()); }

  template <class E>
  E failure(const std::string& message, int code) const {
    std::array<PCRE2_UCHAR8, 256> text{};
    pcre2_get_error_message_8(code, text.data(), text.size());
    return E(message + ": " + reinterpret_cast<const char*>(text.data()),
             {.file = source_, .offset = {}, .field = pattern_, .expected = {}, .found = {}});
  }

  std::string pattern_, source_;
  Handle<pcre2_code_8, pcre2_code_free_8> code_;
};

VLMT_END_NAMESPACE
