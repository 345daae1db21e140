// A file of packed weights, kept between loads and used in place through mmap.
//
// Layout: a text header padded to `alignment`, the memory that WeightLoader fills byte for byte, a line with its XXH64.
// A load never parses the file. It builds the header that its own weights would have and compares: the file is used
// only if it starts with the same bytes and has the expected size. Any difference (another processor, an edited model,
// a later version of vlmt, truncation) means that weights are packed as usual. Damage after the header is found only
// with PackedCacheOptions::verify.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "vlmt/base/config.hpp"
#include "vlmt/base/stop_flag.hpp"
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

/// Where and how packed weights are kept.
struct PackedCacheOptions {
  std::string folder = {};              ///< created if missing; empty: nothing is kept
  bool verify = false;                  ///< verify the checksum of the weights before use; reads the whole file
  const StopFlag* stop_flag = nullptr;  ///< ends the verification: opening the model throws Cancelled
};

/// Identity of the packed weights of a model, as lines of text.
struct PackedImage {
  std::string layout;     ///< everything that determines the size and position of each byte
  std::string source;     ///< identifies the files and values that the weights were packed from
  std::size_t bytes = 0;  ///< size of the packed weights in bytes
};

/// The file with the packed weights of one model. An unusable file is never an error: weights can always be packed
/// again.
class PackedCache {
 public:
  PackedCache() = default;  ///< keeps nothing
  /// Looks for the file and maps it if it is usable, else sets warning(). The name of the file consists of the stem of
  /// the path `model` and a hash of the layout.
  PackedCache(const PackedCacheOptions& options, const std::string& model, const PackedImage& image) {
    find(options, model, image);
  }

  /// The packed weights in the file; empty if it is not usable. Valid as long as mapping() lives.
  std::span<const std::byte> weights() const noexcept {
    return mapping_ ? mapping_->bytes().subspan(header_.size(), bytes_) : std::span<const std::byte>();
  }
  const std::shared_ptr<const MappedFile>& mapping() const noexcept { return mapping_; }

  /// Writes the file, unless nothing is to be kept. Failure only sets warning(). Throws Cancelled soon after `stop` is
  /// set; there is no file then.
  void store(std::span<const std::byte> weights, const StopFlag* stop = nullptr);

  const std::string& path() const noexcept { return path_; }
  /// Why a file was not used or not written, as one line for the user; empty if there is no reason.
  const std::string& warning() const noexcept { return warning_; }

  /// Alignment of the weights in the file, in bytes.
  static constexpr std::size_t alignment = 4096;

 private:
  static std::string checksum(std::span<const std::byte> weights, const StopFlag* stop);
  void find(const PackedCacheOptions& options, const std::string& model, const PackedImage& image);
  void check(const MappedFile& file, const PackedCacheOptions& options) const;

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

/// The line that contains `at`, at most 100 characters, non-printable ones replaced by `?`.
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

VLMT_BODY void PackedCache::find(const PackedCacheOptions& options, const std::string& model,
                                 const PackedImage& image) {
  header_ = "vlmt packed weights, layout " + std::to_string(packed_layout_version) + "\n" + image.layout + image.source;
  bytes_ = image.bytes;
  if (options.folder.empty()) return;
  header_.resize(round_up(header_.size(), alignment), '\n');
  // The name contains the layout but not the source: an edited model replaces its old file, while other archs and
  // conversion options get files of their own.
  const std::filesystem::path stem = std::filesystem::path(model).stem();
  path_ = (std::filesystem::path(options.folder) /
           (stem.string() + "." + detail::hex(xxh64(std::as_bytes(std::span(image.layout)))) + ".packed"))
              .string();
  std::error_code unknown;
  if (!std::filesystem::exists(path_, unknown) && !unknown) return;
  try {
    auto file = MappedFile::open(path_);
    check(*file, options);
    mapping_ = std::move(file);
  } catch (const FileError& error) {
    warning_ = std::string("weights are packed anew: ") + error.what();
  }
}

VLMT_BODY std::string PackedCache::checksum(std::span<const std::byte> weights, const StopFlag* stop) {
  return "xxh64 " + detail::hex(xxh64(weights, 0, stop)) + "\n";
}

// Throws FileError if the file is not what store() would write.
VLMT_BODY void PackedCache::check(const MappedFile& file, const PackedCacheOptions& options) const {
  const std::string_view found(reinterpret_cast<const char*>(file.bytes().data()), file.size());
  const auto [ours, theirs] = std::mismatch(header_.begin(), header_.end(), found.begin(), found.end());
  if (ours != header_.end()) {
    const auto at = static_cast<std::size_t>(ours - header_.begin());
    throw FileError("the packed weights belong to another model, layout or processor",
                    {path_,
                     at,
                     {},
                     "`" + detail::line_at(header_, at) + "`",
                     theirs == found.end() ? "the end of the file" : "`" + detail::line_at(found, at) + "`"});
  }
  const std::size_t size = header_.size() + bytes_ + checksum({}, nullptr).size();
  if (file.size() != size) {
    throw FileError("the packed weights are damaged",
                    {path_, {}, {}, std::to_string(size) + " bytes", std::to_string(file.size())});
  }
  if (!options.verify) return;
  const std::string sum = checksum(file.bytes().subspan(header_.size(), bytes_), options.stop_flag);
  if (const std::string_view kept = found.substr(header_.size() + bytes_); kept != sum) {
    throw FileError("the packed weights are damaged",
                    {path_, header_.size() + bytes_, {}, detail::line_at(kept, 0), detail::line_at(sum, 0)});
  }
}

VLMT_BODY void PackedCache::store(std::span<const std::byte> weights, const StopFlag* stop) {
  if (path_.empty()) return;
  constexpr std::size_t slice = std::size_t{8} << 20;
  try {
    const std::string sum = checksum(weights, stop);
    std::error_code failed;  // ignored: opening the file fails with a better message
    std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), failed);
    OutputFile file(path_);
    file.put(std::as_bytes(std::span(header_)));
    for (std::size_t at = 0; at < weights.size(); at += slice) {
      throw_if_set(stop);
      file.put(weights.subspan(at, std::min(slice, weights.size() - at)));
    }
    file.put(std::as_bytes(std::span(sum)));
    file.finish();
  } catch (const FileError& error) {
    if (!warning_.empty()) warning_ += "; ";
    warning_ += std::string("packed weights are not kept: ") + error.what();
  }
}

#endif

VLMT_END_NAMESPACE
