// See checker.hpp.
#include "checker.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include <vlmt/io/safetensors.hpp>
#include <vlmt/io/safetensors_writer.hpp>

#include "../common/output.hpp"

namespace parity {

struct Checker::File {
  vlmt::SafetensorsFile tensors;
};

namespace {

/// "[12, 34]": the indices of element i.
std::string index_text(std::size_t i, const std::vector<std::size_t>& shape) {
  std::string text;
  for (std::size_t d = shape.size(); d-- > 0;) {
    text = std::to_string(i % shape[d]) + (text.empty() ? "" : ", ") + text;
    i /= shape[d];
  }
  return "[" + text + "]";
}

std::vector<std::size_t> sizes(const std::vector<std::uint64_t>& shape) {
  return {shape.begin(), shape.end()};
}

template <class... Values>
std::string format(const char* text, Values... values) {
  char line[256];
  std::snprintf(line, sizeof line, text, values...);
  return line;
}

}  // namespace

std::string shape_text(const std::vector<std::size_t>& shape) {
  std::string text;
  for (std::size_t n : shape) text += (text.empty() ? "" : ", ") + std::to_string(n);
  return "(" + text + ")";
}

Checker::Checker(const std::string& path) : file_(new File{vlmt::SafetensorsFile::open(path)}) {
  for (const auto& tensor : file_->tensors.tensors()) names_.push_back(tensor.name);
}
Checker::~Checker() = default;

bool Checker::has(std::string_view name) const {
  return file_->tensors.find_tensor(name) != nullptr;
}

std::optional<Expected> Checker::find(std::string_view name) const {
  const vlmt::SafetensorsTensor* tensor = file_->tensors.find_tensor(name);
  if (tensor == nullptr) return std::nullopt;
  Expected e;
  e.shape = sizes(tensor->shape);
  if (tensor->type == vlmt::DType::I64) {
    for (const std::int64_t v : file_->tensors.read<std::int64_t>(name)) e.integers.push_back(static_cast<int>(v));
  } else if (tensor->type == vlmt::DType::I32) {
    e.integers = file_->tensors.read<std::int32_t>(name);
  } else {
    e.floats = file_->tensors.read<float>(name);
  }
  return e;
}

std::vector<std::uint8_t> Checker::bytes(std::string_view name, std::vector<std::size_t>& shape) const {
  shape = sizes(file_->tensors.require_tensor(name).shape);
  return file_->tensors.read<std::uint8_t>(name);
}

void Checker::keep(const std::string& name, std::vector<std::size_t> shape, std::vector<float> values) {
  kept_.push_back({name, {shape.begin(), shape.end()}, std::move(values)});
}
void Checker::keep(const std::string& name, std::vector<std::size_t> shape, std::vector<int> values) {
  kept_.push_back({name, {shape.begin(), shape.end()}, std::move(values)});
}

void Checker::result(bool passed, const std::string& line) {
  ++(passed ? passed_ : failed_);
  programs::print("%s %s\n", passed ? "PASS" : "FAIL", line.c_str());
}

std::optional<Expected> Checker::expect(const std::string& label, const std::string& name,
                                        const std::vector<std::size_t>& shape, std::size_t count) {
  std::optional<Expected> e = find(name);
  if (!e) {
    if (missing_fails_) result(false, label + name + ": missing in the file");
  } else if (e->shape != shape || e->floats.size() + e->integers.size() != count) {
    result(false, label + name + ": shape " + shape_text(shape) + ", the file has " + shape_text(e->shape));
    e.reset();
  }
  return e;
}

void Checker::close(const std::string& label, const std::string& name, const std::vector<std::size_t>& shape,
                    std::span<const float> got, const Limits& limits) {
  const auto e = expect(label, name, shape, got.size());
  if (!e) return;
  double error = 0.0, norm = 0.0, worst_error = -1.0, largest = 0.0;
  std::size_t worst = 0, odd = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double g = static_cast<double>(got[i]), w = static_cast<double>(e->floats[i]), d = std::fabs(g - w);
    odd += !std::isfinite(d);
    error += d * d;
    norm += w * w;
    largest = std::max(largest, std::fabs(w));
    if (d > worst_error || (!std::isfinite(d) && std::isfinite(worst_error))) {
      worst_error = d;
      worst = i;
    }
  }
  const double relative = norm > 0.0 ? std::sqrt(error / norm) : std::sqrt(error);
  const double of_largest = largest > 0.0 ? worst_error / largest : worst_error;
  const bool good = odd == 0 && relative <= limits.relative_l2 && of_largest <= limits.largest;
  result(good, label + name + " " + shape_text(shape) +
                   (odd != 0 ? ": " + std::to_string(odd) + " values are not finite," : ":") +
                   format(" relative L2 %.2e (limit %.0e), largest error %.2e of the largest value (limit %.0e), at ",
                          relative, limits.relative_l2, of_largest, limits.largest) +
                   index_text(worst, shape) +
                   format(": %.7g for %.7g", static_cast<double>(got[worst]), static_cast<double>(e->floats[worst])));
}

void Checker::steps(const std::string& name, const std::vector<std::size_t>& shape, std::span<const float> got,
                    double step, double equal) {
  const auto e = expect("", name, shape, got.size());
  if (!e) return;
  std::size_t same = 0, worst = 0;
  double most = -1.0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double d = std::fabs(static_cast<double>(got[i]) - static_cast<double>(e->floats[i])) / step;
    same += d <= 1e-3;
    if (d > most || !std::isfinite(d)) {
      most = d;
      worst = i;
    }
  }
  const double share = static_cast<double>(same) / static_cast<double>(got.size());
  result(most <= 1.001 && share >= equal,
         name + " " + shape_text(shape) +
             format(": %.3f %% equal (limit %.1f), at most %.2f steps apart (limit 1), at ", 100.0 * share,
                    100.0 * equal, most) +
             index_text(worst, shape) +
             format(": %.7g for %.7g", static_cast<double>(got[worst]), static_cast<double>(e->floats[worst])));
}

void Checker::equal(const std::string& label, const std::string& name, const std::vector<std::size_t>& shape,
                    std::span<const int> got) {
  const auto e = expect(label, name, shape, got.size());
  if (!e) return;
  std::size_t different = 0, first = 0;
  for (std::size_t i = got.size(); i-- > 0;) {
    if (i >= e->integers.size() || got[i] != e->integers[i]) {
      ++different;
      first = i;
    }
  }
  std::string line = label + name + " " + shape_text(shape) + ": ";
  if (different == 0) {
    line += "all equal";
  } else {
    line += std::to_string(different) + " differ, the first at " + index_text(first, shape) + ": " +
            std::to_string(got[first]) + " for " +
            (first < e->integers.size() ? std::to_string(e->integers[first]) : "a value that is not an integer");
  }
  result(different == 0, line);
}

void Checker::dump(const std::string& path) const {
  vlmt::SafetensorsWriter writer;
  for (const Kept& k : kept_) {
    std::visit([&]<class T>(const std::vector<T>& v) { writer.add(k.name, k.shape, std::span<const T>(v)); }, k.values);
  }
  writer.write(path);
}

}  // namespace parity
