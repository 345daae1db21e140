// Rewrites a GGUF file tensor by tensor: in other formats, with fewer experts, or with tensors set to zero.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <vlmt/base/stop_flag.hpp>
#include <vlmt/exec/omp_team.hpp>
#include <vlmt/io/gguf.hpp>
#include <vlmt/io/gguf_writer.hpp>
#include <vlmt/quant/row.hpp>

#include "output_path.hpp"

namespace programs {

/// Changes to make in the new file. Every member is optional.
struct Rewrite {
  std::function<std::uint32_t(const vlmt::GgufTensor&)> type = {};  ///< the new type number
  std::optional<std::uint32_t> file_type = {};                      ///< general.file_type
  std::function<bool(const vlmt::GgufTensor&)> zero = {};           ///< true for tensors to fill with zeros
  /// For each layer the experts to keep, ascending, the same number in every layer; empty: all.
  std::vector<std::vector<std::size_t>> experts = {};
  /// Called for each tensor before it is written, with its new type.
  std::function<void(const vlmt::GgufTensor&, std::uint32_t)> on_tensor = {};
  const vlmt::StopFlag* stop = nullptr;  ///< set it to cancel
};

struct RewriteBytes {
  std::uint64_t before = 0;  ///< of all tensors
  std::uint64_t after = 0;
};

namespace detail {

/// The layer of a tensor whose outermost dimension is `experts`: stacked matrices, their scales (NVFP4, one per
/// expert), or the router. Nothing for other tensors.
inline std::optional<std::size_t> expert_layer(const vlmt::GgufTensor& t, std::uint64_t experts) {
  const std::string_view n = t.name;
  const bool of_experts = n.find("_exps.") != n.npos || n.ends_with(".ffn_gate_inp.weight");
  if (!n.starts_with("blk.") || !of_experts || t.ne[t.n_dims - 1] != experts) return std::nullopt;
  return std::stoul(std::string(n.substr(4)));
}

/// Converts `rows` of a tensor to the new format, or encodes zeros if `zero`.
inline void convert_rows(const vlmt::GgufTensor& t, std::size_t columns, std::uint32_t type, bool zero,
                         vlmt::Range rows, std::byte* out, vlmt::OmpTeam& team, const vlmt::StopFlag* stop) {
  const std::size_t from = vlmt::row_bytes(t.type, columns);
  const std::size_t to = vlmt::row_bytes(type, columns);
  const auto convert = [&](vlmt::Member& m) {
    std::vector<float> row(columns);
    const vlmt::Range mine = m.share(rows.size());
    for (std::size_t r = mine.begin; r < mine.end && !m.stopped(); ++r) {
      if (!zero) vlmt::decode_row(t.type, t.data.data() + (rows.begin + r) * from, columns, row.data());
      vlmt::encode_row(type, row.data(), columns, out + r * to);
    }
  };
  team.run(convert, stop);
}

/// The key with the number of experts.
inline std::string experts_key(const vlmt::GgufFile& file) {
  return std::string(file.get_or<std::string_view>("general.architecture", "")) + ".expert_count";
}

/// The keys of `file` with the changes of `rewrite`.
inline vlmt::GgufHeader rewritten_keys(const vlmt::GgufFile& file, const Rewrite& rewrite) {
  vlmt::GgufHeader header(file.alignment());
  const std::string experts = experts_key(file);
  for (const vlmt::GgufValue& value : file.values()) {
    // Keys that are set below or by the header, and those of a split, which becomes one file.
    if (value.key == "general.quantization_version" || value.key == "general.alignment" ||
        value.key.starts_with("split.") || (rewrite.file_type && value.key == "general.file_type") ||
        (!rewrite.experts.empty() && value.key == experts)) {
      continue;
    }
    header.set(value);
  }
  if (rewrite.file_type) header.set("general.file_type", *rewrite.file_type);
  if (!rewrite.experts.empty()) header.set(experts, static_cast<std::uint32_t>(rewrite.experts[0].size()));
  header.set("general.quantization_version", std::uint32_t{2});
  return header;
}

/// The header of the new file, with the new type of each tensor, and the experts of each that are kept.
class RewrittenHeader {
 public:
  RewrittenHeader(const vlmt::GgufFile& file, const Rewrite& rewrite)
      : rewrite_(rewrite),
        experts_(file.get_or<std::uint64_t>(experts_key(file), 0)),
        header_(rewritten_keys(file, rewrite)) {
    for (const vlmt::GgufTensor& t : file.tensors()) {
      types_.push_back(rewrite.type ? rewrite.type(t) : t.type);
      auto shape = t.ne;
      if (const auto* kept = kept_experts(t)) shape[t.n_dims - 1] = kept->size();
      header_.add_tensor(t.name, types_.back(), std::span(shape).first(t.n_dims));
    }
  }

  const vlmt::GgufHeader& header() const noexcept { return header_; }
  const std::vector<std::uint32_t>& types() const noexcept { return types_; }
  /// Null: all experts.
  const std::vector<std::size_t>* kept_experts(const vlmt::GgufTensor& t) const {
    const auto layer = rewrite_.experts.empty() ? std::nullopt : expert_layer(t, experts_);
    return layer && *layer < rewrite_.experts.size() ? &rewrite_.experts[*layer] : nullptr;
  }

 private:
  const Rewrite& rewrite_;
  std::uint64_t experts_;
  vlmt::GgufHeader header_;
  std::vector<std::uint32_t> types_;
};

}  // namespace detail

/// What rewrite_gguf() would do: calls on_tensor for each tensor and returns the sizes, without writing.
inline RewriteBytes plan_rewrite(const vlmt::GgufFile& file, const Rewrite& rewrite) {
  const detail::RewrittenHeader planned(file, rewrite);
  RewriteBytes bytes;
  for (std::size_t i = 0; i < planned.types().size(); ++i) {
    const vlmt::GgufTensor& t = file.tensors()[i];
    bytes.before += t.data.size();
    bytes.after += planned.header().tensor_bytes()[i];
    if (rewrite.on_tensor) rewrite.on_tensor(t, planned.types()[i]);
  }
  return bytes;
}

/// Writes `file` to `path` with the changes of `rewrite`. Rows that keep their type are copied byte for byte. Throws
/// vlmt::FileError, also if `path` is one of the files that `file` is read from, and vlmt::Cancelled soon after
/// rewrite.stop is set; `path` is then as it was before.
inline RewriteBytes rewrite_gguf(const vlmt::GgufFile& file, const std::string& path, const Rewrite& rewrite,
                                 vlmt::OmpTeam& team) {
  std::vector<std::string> inputs;
  for (const auto& mapping : file.mappings()) inputs.push_back(mapping->path());
  check_output(path, inputs);
  const detail::RewrittenHeader planned(file, rewrite);
  const vlmt::GgufHeader& header = planned.header();
  const std::vector<std::uint32_t>& types = planned.types();

  vlmt::GgufWriter writer(path, header);
  RewriteBytes bytes;
  std::vector<std::byte> slice;
  for (std::size_t i = 0; i < types.size(); ++i) {
    const vlmt::GgufTensor& t = file.tensors()[i];
    bytes.before += t.data.size();
    bytes.after += header.tensor_bytes()[i];
    if (rewrite.on_tensor) rewrite.on_tensor(t, types[i]);
    const bool zero = rewrite.zero && rewrite.zero(t);
    const auto* kept = planned.kept_experts(t);
    // A vector with one value per expert has rows of one value.
    const auto columns = kept != nullptr && t.n_dims == 1 ? std::size_t{1} : static_cast<std::size_t>(t.ne[0]);
    const auto rows = static_cast<std::size_t>(t.elements()) / columns;
    std::vector<vlmt::Range> parts = {{0, rows}};
    if (kept != nullptr) {
      const std::size_t each = rows / static_cast<std::size_t>(t.ne[t.n_dims - 1]);
      parts.clear();
      for (const std::size_t e : *kept) parts.push_back({e * each, (e + 1) * each});
    }
    const std::size_t old_row = t.data.size() / rows;
    const bool copy = types[i] == t.type && !zero;
    // In slices of 8 MiB: memory need not hold a converted tensor, and a stop need not wait for one to be written.
    const std::size_t row_bytes = copy ? old_row : vlmt::row_bytes(types[i], columns);
    const std::size_t step = std::max<std::size_t>(1, (std::size_t{8} << 20) / row_bytes);
    for (const vlmt::Range& part : parts) {
      for (std::size_t r = part.begin; r < part.end; r += step) {
        const vlmt::Range some{r, std::min(part.end, r + step)};
        vlmt::throw_if_set(rewrite.stop);
        if (copy) {
          writer.write(t.data.subspan(some.begin * old_row, some.size() * old_row));
          continue;
        }
        slice.resize(some.size() * row_bytes);
        detail::convert_rows(t, columns, types[i], zero, some, slice.data(), team, rewrite.stop);
        writer.write(slice);
      }
    }
  }
  vlmt::throw_if_set(rewrite.stop);
  writer.finish();
  return bytes;
}

}  // namespace programs
