// Packed weights kept in a file between loads, to be mapped and used in place.
//
// The file is the image of the memory that a WeightLoader fills, behind a header of text and before a checksum. A load
// does not read the header, it compares: it writes down what its own image is made of, and a file serves it only if it
// begins with the same bytes and has the size that follows. So nothing in a file is ever parsed or trusted, and any
// difference, be it another processor, an edited model, a later version of vlmt or damage, means packing as usual.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/io/mapped_file.hpp"

#if VLMT_HAS_BODIES
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "vlmt/base/checked.hpp"
#include "vlmt/base/error.hpp"
#include "vlmt/base/xxh64.hpp"
#include "vlmt/io/output_file.hpp"
#include "vlmt/kernel/packed.hpp"
#endif

VLMT_BEGIN_NAMESPACE

/// Where packed weights are kept.
struct PackedCacheOptions {
  std::string folder = {};  ///< made if it is missing; empty: they are not kept
  bool verify = false;      ///< compare the checksum of all bytes before a file is used, which reads all of it
};

/// What the packed weights of a model are made of, in lines of text.
struct PackedImage {
  std::string layout;     ///< what decides over size and place of every byte
  std::string source;     ///< what tells one source of these bytes from another
  std::size_t bytes = 0;  ///< of the image
};

/// The file of one model's packed weights. Nothing that is wrong with it is an error: weights can always be packed.
class PackedCache {
 public:
  PackedCache() = default;  ///< keeps nothing
  /// Looks for the file. `model` is the model's path; its name becomes a part of the file's.
  PackedCache(const PackedCacheOptions& options, const std::string& model, const PackedImage& image) {
    look(options, model, image);
  }

  /// The packed weights in the file, or nothing. They live as long as mapping().
  std::span<const std::byte> weights() const noexcept {
    return mapping_ ? mapping_->bytes().subspan(header_.size(), bytes_) : std::span<const std::byte>();
  }
  const std::shared_ptr<const MappedFile>& mapping() const noexcept { return mapping_; }

  /// Makes the file from weights that have been packed, unless nothing is to be kept.
  void keep(std::span<const std::byte> weights);

  const std::string& path() const noexcept { return path_; }
  /// A line for the user about why a file was not used or not written; else empty.
  const std::string& warning() const noexcept { return warning_; }

  /// The image begins at a multiple of this.
  static constexpr std::size_t alignment = 4096;

 private:
  static std::string checksum(std::span<const std::byte> weights);
  void look(const PackedCacheOptions& options, const std::string& model, const PackedImage& image);
  void check(const MappedFile& file, bool verify) const;

  std::string path_;
  std::string header_;
  std::size_t bytes_ = 0;
  std::shared_ptr<const MappedFile> mapping_;
  std::string warning_;
};

#if VLMT_HAS_BODIES

namespace detail {

inline std::string hex(std::uint64_t value) {
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(value));
  return digits;
}

/// The line around `at`, fit to be shown.
inline std::string line_at(std::string_view text, std::size_t at) {
  constexpr std::size_t most = 100;
  const std::size_t before = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
  std::string line(text.substr(before == std::string_view::npos ? 0 : before + 1, most));
  line.resize(std::min(line.size(), line.find('\n')));
  for (char& c : line) {
    if (c < ' ' || c > '~') c = '?';
  }
  return line;
}

}  // namespace detail

VLMT_BODY void PackedCache::look(const PackedCacheOptions& options, const std::string& model,
                                 const PackedImage& image) {
  header_ = "vlmt packed weights, layout " + std::to_string(packed_layout_version) + "\n" + image.layout + image.source;
  bytes_ = image.bytes;
  if (options.folder.empty()) return;
  header_.resize(round_up(header_.size(), alignment), '\n');
  // Another version of a model, or of the layout, takes the place of the last one; what other archs and options need
  // stands beside it.
  const std::filesystem::path stem = std::filesystem::path(model).stem();
  path_ = (std::filesystem::path(options.folder) /
           (stem.string() + "." + detail::hex(xxh64(std::as_bytes(std::span(image.layout)))) + ".packed"))
              .string();
  std::error_code unknown;
  if (!std::filesystem::exists(path_, unknown) && !unknown) return;
  try {
    auto file = MappedFile::open(path_);
    check(*file, options.verify);
    mapping_ = std::move(file);
  } catch (const FileError& error) {
    warning_ = std::string("weights are packed anew: ") + error.what();
  }
}

VLMT_BODY std::string PackedCache::checksum(std::span<const std::byte> weights) {
  return "xxh64 " + detail::hex(xxh64(weights)) + "\n";
}

// Throws FileError if the file is not the one that keep() would make.
VLMT_BODY void PackedCache::check(const MappedFile& file, bool verify) const {
  const std::string_view found(reinterpret_cast<const char*>(file.bytes().data()), file.size());
  const auto [ours, theirs] = std::mismatch(header_.begin(), header_.end(), found.begin(), found.end());
  if (ours != header_.end()) {
    const auto at = static_cast<std::size_t>(ours - header_.begin());
    throw FileError("the packed weights belong to something else",
                    {path_,
                     at,
                     {},
                     "`" + detail::line_at(header_, at) + "`",
                     theirs == found.end() ? "the end of the file" : "`" + detail::line_at(found, at) + "`"});
  }
  const std::size_t size = header_.size() + bytes_ + checksum({}).size();
  if (file.size() != size) {
    throw FileError("the packed weights are damaged",
                    {path_, {}, {}, std::to_string(size) + " bytes", std::to_string(file.size())});
  }
  if (!verify) return;
  const std::string sum = checksum(file.bytes().subspan(header_.size(), bytes_));
  if (const std::string_view kept = found.substr(header_.size() + bytes_); kept != sum) {
    throw FileError("the packed weights are damaged",
                    {path_, header_.size() + bytes_, {}, detail::line_at(kept, 0), detail::line_at(sum, 0)});
  }
}

VLMT_BODY void PackedCache::keep(std::span<const std::byte> weights) {
  if (path_.empty()) return;
  try {
    const std::string sum = checksum(weights);
    std::error_code failed;  // shows in what follows
    std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), failed);
    OutputFile file(path_);
    file.put(std::as_bytes(std::span(header_)));
    file.put(weights);
    file.put(std::as_bytes(std::span(sum)));
    file.finish();
  } catch (const FileError& error) {
    if (!warning_.empty()) warning_ += "; ";
    warning_ += std::string("packed weights are not kept: ") + error.what();
  }
}

#endif

VLMT_END_NAMESPACE
