// Content keys of models, images and questions: 128-bit XXH3 hashes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <vlmt/base/stop_flag.hpp>
#include <vlmt/io/mapped_file.hpp>

#include "../common/task_set.hpp"

namespace eval {

/// Hashes a list of texts, each with its length, so that ("ab", "c") and ("a", "bc") differ.
class KeyMaker {
 public:
  KeyMaker() : state_(XXH3_createState(), XXH3_freeState) {
    if (!state_) throw std::bad_alloc();
    XXH3_128bits_reset(state_.get());
  }

  /// Throws vlmt::Cancelled soon after `stop` is set.
  KeyMaker& add(std::string_view text, const vlmt::StopFlag* stop = nullptr) {
    constexpr std::size_t slice = std::size_t{8} << 20;
    const auto size = static_cast<std::uint64_t>(text.size());
    XXH3_128bits_update(state_.get(), &size, sizeof size);
    while (!text.empty()) {
      vlmt::throw_if_set(stop);
      const std::string_view part = text.substr(0, slice);
      XXH3_128bits_update(state_.get(), part.data(), part.size());
      text.remove_prefix(part.size());
    }
    return *this;
  }

  /// 32 hexadecimal digits.
  std::string key() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
    char text[33];
    std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(hash.high64),
                  static_cast<unsigned long long>(hash.low64));
    return text;
  }

 private:
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state_;
};

/// Keys of files; each file is read once. Throws vlmt::Cancelled soon after `stop` is set. Not thread-safe.
class FileKeys {
 public:
  explicit FileKeys(const vlmt::StopFlag* stop = nullptr) : stop_(stop) {}

  /// The key of a file's contents; of no text for an empty path. Throws vlmt::FileError.
  const std::string& of(const std::string& path) {
    const auto known = keys_.find(path);
    if (known != keys_.end()) return known->second;
    KeyMaker maker;
    if (!path.empty()) {
      const auto file = vlmt::MappedFile::open(path);
      maker.add({reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()}, stop_);
    }
    return keys_.emplace(path, maker.key()).first->second;
  }

  /// The key of a question's inputs to the model: system text, prompt and media, without id and reference answer.
  std::string of(const programs::TaskItem& item) {
    KeyMaker maker;
    maker.add(item.system);
    for (const programs::TaskPart& part : item.content) {
      maker.add(part.text).add(std::to_string(part.fps));
      for (const std::string& file : part.files) maker.add(of(file));
    }
    return maker.key();
  }

 private:
  const vlmt::StopFlag* stop_;
  std::map<std::string, std::string> keys_;
};

}  // namespace eval
