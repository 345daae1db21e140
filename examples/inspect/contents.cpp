// See contents.hpp.
#include "contents.hpp"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <type_traits>
#include <utility>

#include <nlohmann/json.hpp>

#include <vlmt/base/error.hpp>
#include <vlmt/io/gguf.hpp>
#include <vlmt/io/safetensors.hpp>

namespace inspect {

namespace {

constexpr std::size_t shown_elements = 6;
constexpr std::size_t shown_characters = 72;

/// The beginning of a text on one line, control characters escaped.
std::string shortened(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, shown_characters)) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += '?';
    } else {
      out += c;
    }
  }
  if (text.size() > shown_characters) {
    // Drop a UTF-8 character that was cut.
    while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xc0) == 0x80) out.pop_back();
    if (!out.empty() && static_cast<unsigned char>(out.back()) >= 0xc0) out.pop_back();
    out += "... (" + std::to_string(text.size()) + " bytes)";
  }
  return out;
}

using Json = nlohmann::ordered_json;

/// Numbers keep their type and value. JSON has no infinity and no NaN: they become strings.
Json number(vlmt::GgufType type, const std::byte* p) {
  if (type == vlmt::GgufType::Bool) return *p != std::byte{0};
  Json json;
  vlmt::detail::visit_gguf_number(type, p, [&json](auto value) {
    if constexpr (std::is_floating_point_v<decltype(value)>) {
      char text[64];
      const auto end = std::to_chars(text, text + sizeof text, value).ptr;  // the shortest that reads back
      json = std::isfinite(value) ? Json(std::strtod(std::string(text, end).c_str(), nullptr))
                                  : Json(std::string(text, end));
    } else {
      json = value;
    }
    return true;
  });
  return json;
}

Json json_of(const vlmt::GgufValue& v) {
  const bool string = v.type == vlmt::GgufType::String;
  const auto characters = [](const std::byte* p, std::size_t n) {
    return std::string(reinterpret_cast<const char*>(p), n);
  };
  if (!v.is_array) return string ? Json(characters(v.data.data(), v.data.size())) : number(v.type, v.data.data());
  Json list = Json::array();
  const std::byte* p = v.data.data();
  for (std::uint64_t i = 0; i < v.count; ++i) {
    if (string) {
      const auto length = vlmt::detail::load_as<std::uint64_t>(p);
      list.push_back(characters(p + 8, length));
      p += 8 + length;
    } else {
      list.push_back(number(v.type, p));
      p += vlmt::info(v.type).bytes;
    }
  }
  return list;
}

std::string dump(const Json& json, int indent = -1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

/// A value on one line, abbreviated.
std::string describe(const Value& v) {
  const Json& json = *v.value;
  if (json.is_string()) return shortened(json.get_ref<const std::string&>());
  if (!json.is_array()) return dump(json);
  std::string text = v.type + ": [";
  for (std::size_t i = 0; i < json.size() && i < shown_elements; ++i) {
    if (i != 0) text += ", ";
    text += json[i].is_string() ? "\"" + shortened(json[i].get_ref<const std::string&>()) + "\"" : dump(json[i]);
  }
  return text + (json.size() > shown_elements ? ", ...]" : "]");
}

Contents read_gguf(const std::string& path) {
  const vlmt::GgufFile file = vlmt::GgufFile::open(path);
  Contents c{path, "GGUF " + std::to_string(file.version()), {}, {}};
  for (const vlmt::GgufValue& v : file.values()) {
    c.values.push_back({std::string(v.key), v.type_name(), std::make_shared<const Json>(json_of(v))});
  }
  const bool split = file.mappings().size() > 1;
  for (const vlmt::GgufTensor& t : file.tensors()) {
    c.tensors.push_back({std::string(t.name),
                         std::string(vlmt::ggml_type_info(t.type).name),
                         {t.ne.begin(), t.ne.begin() + t.n_dims},
                         t.data.size(),
                         t.offset,
                         split ? t.file : ""});
  }
  return c;
}

Contents read_safetensors(const std::string& path) {
  const vlmt::SafetensorsFile file = vlmt::SafetensorsFile::open(path);
  Contents c{path, "safetensors", {}, {}};
  for (const auto& [key, value] : file.metadata()) c.values.push_back({key, "", std::make_shared<const Json>(value)});
  for (const vlmt::SafetensorsTensor& t : file.tensors()) {
    c.tensors.push_back({t.name, t.dtype, t.shape, t.data.size(), t.offset, ""});
  }
  return c;
}

struct Total {
  std::size_t tensors = 0;
  std::uint64_t bytes = 0;
};

std::map<std::string, Total> totals(const Contents& c) {
  std::map<std::string, Total> all;
  for (const TensorLine& t : c.tensors) {
    ++all[t.type].tensors;
    all[t.type].bytes += t.bytes;
  }
  return all;
}

double mib(std::uint64_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

template <class... Values>
std::string line(const char* format, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

}  // namespace

Contents read_contents(const std::string& path) {
  return path.ends_with(".safetensors") || path.ends_with(".json") ? read_safetensors(path) : read_gguf(path);
}

std::string to_text(const Contents& c) {
  std::string out = c.path + ": " + c.format + ", " + std::to_string(c.values.size()) + " keys, " +
                    std::to_string(c.tensors.size()) + " tensors\n";
  for (const Value& v : c.values) out += "  " + v.key + " = " + describe(v) + "\n";
  for (const TensorLine& t : c.tensors) {
    std::string shape;
    for (const std::uint64_t n : t.shape) shape += (shape.empty() ? "" : ", ") + std::to_string(n);
    out += "  " + t.name + std::string(t.name.size() < 40 ? 40 - t.name.size() : 1, ' ') +
           line("%-7s %-22s %12llu bytes\n", t.type.c_str(), ("{" + shape + "}").c_str(),
                static_cast<unsigned long long>(t.bytes));
  }
  std::uint64_t all = 0;
  for (const auto& [type, total] : totals(c)) {
    out += line("  total %-8s %6zu tensors %10.1f MiB\n", type.c_str(), total.tensors, mib(total.bytes));
    all += total.bytes;
  }
  return out + line("  total          %6zu tensors %10.1f MiB\n", c.tensors.size(), mib(all));
}

std::string to_text(const PlanRequest& r, const Plan& p) {
  std::string out;
  if (r.image_width != 0) {
    out += programs::cost_line(p.image);
  }
  out += line("context %zu tokens, of which the prompt takes %zu\n", p.context.context, p.context.prompt_tokens);
  for (const auto& lines : {programs::context_lines(p.context), programs::shrunk_lines({&p.image, 1}, p.context)}) {
    for (const std::string& text : lines) out += text + "\n";
  }
  const std::pair<const char*, std::size_t> parts[] = {{"weights", p.bytes.weights},
                                                       {"tokenizer", p.bytes.tokenizer},
                                                       {"KV cache", p.bytes.kv_cache},
                                                       {"workspace", p.bytes.workspace},
                                                       {"vision", p.bytes.vision},
                                                       {"features", p.bytes.features},
                                                       {"feature cache", p.bytes.feature_cache},
                                                       {"total", p.bytes.total},
                                                       {"available", p.available}};
  for (const auto& [name, bytes] : parts) out += line("%-13s %14zu bytes %10.1f MiB\n", name, bytes, mib(bytes));
  return p.limit.empty() ? out : out + "limit         " + p.limit + "\n";
}

std::string to_json(const Contents& c) {
  Json values = Json::object(), tensors = Json::array(), sums = Json::object();
  for (const Value& v : c.values) values[v.key] = *v.value;
  for (const TensorLine& t : c.tensors) {
    tensors.push_back(
        {{"name", t.name}, {"type", t.type}, {"shape", t.shape}, {"bytes", t.bytes}, {"offset", t.offset}});
    if (!t.file.empty()) tensors.back()["file"] = t.file;
  }
  for (const auto& [type, total] : totals(c)) sums[type] = {{"tensors", total.tensors}, {"bytes", total.bytes}};
  const Json all = {{"path", c.path}, {"format", c.format}, {"keys", values}, {"tensors", tensors}, {"totals", sums}};
  return dump(all, 2) + "\n";
}

std::string raw_value(const std::string& path, const std::string& key) {
  const Contents contents = read_contents(path);
  for (const Value& v : contents.values) {
    if (v.key != key) continue;
    const Json list = v.value->is_array() ? *v.value : Json::array({*v.value});
    std::string text;
    for (const Json& element : list) {
      text += (element.is_string() ? element.get_ref<const std::string&>() : dump(element)) + "\n";
    }
    return text;
  }
  throw vlmt::FileError("there is no such key", {.file = path, .field = key});
}

std::string to_json(const PlanRequest& r, const Plan& p) {
  Json all = {{"model", r.model},
              {"mmproj", r.mmproj},
              {"context", p.context.context},
              {"trained_context", p.context.trained},
              {"prompt_tokens", p.context.prompt_tokens}};
  if (r.image_width != 0) {
    all["image"] = programs::to_json(p.image);
  }
  all["plan_bytes"] = programs::to_json(p.bytes);
  all["available_bytes"] = p.available;
  all["available_limit"] = p.limit;
  return dump(all, 2) + "\n";
}

}  // namespace inspect
