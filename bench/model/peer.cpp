// Runs a peer's benchmark and parses its result.
#include "peer.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <regex>
#include <stdexcept>
#include <utility>

#include <nlohmann/json.hpp>
#include <sys/wait.h>

#include "../../examples/common/interrupt.hpp"

namespace {

std::string shell_word(const std::string& text) {
  std::string out = "'";
  for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

void replace(std::string& text, const std::string& placeholder, const std::string& value) {
  for (std::size_t at = text.find(placeholder); at != std::string::npos;
       at = text.find(placeholder, at + value.size())) {
    text.replace(at, placeholder.size(), value);
  }
}

/// Standard output of a command, with standard error if `errors`. Throws std::runtime_error if it fails.
std::string output_of(const std::string& command, bool errors) {
  const std::string line = errors ? command + " 2>&1" : command;
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(line.c_str(), "r"), [](FILE*) { return 0; });
  if (!pipe) throw std::runtime_error("cannot be started: " + command);
  std::string text;
  std::array<char, 4096> piece{};
  constexpr std::size_t most = std::size_t{16} << 20;
  while (const std::size_t n = std::fread(piece.data(), 1, piece.size(), pipe.get())) {
    if (text.size() < most) text.append(piece.data(), n);
  }
  const int status = ::pclose(pipe.get());
  vlmt::throw_if_set(&programs::interrupted);  // Ctrl-C ends the peer, too
  if (status != 0) {
    throw std::runtime_error("the peer exited with status " +
                             std::to_string(WIFEXITED(status) ? WEXITSTATUS(status) : status) + ": " + command + "\n" +
                             text.substr(text.size() > 500 ? text.size() - 500 : 0));
  }
  return text;
}

}  // namespace

Peer::Peer(std::string text, std::string vision, std::string model, std::string mmproj)
    : text_(std::move(text)), vision_(std::move(vision)), model_(std::move(model)), mmproj_(std::move(mmproj)) {
  if (!text_.empty() && text_.find('{') == std::string::npos) {
    text_ += " -m {model} -t {threads} -p {prompt} -n {tokens} -r 1 -o json";
    depth_option_ = true;
  }
}

bool Peer::measures(const Case& c) const {
  if (c.stage == Case::Stage::vision) return !vision_.empty();
  return (c.stage == Case::Stage::prefill || (c.stage == Case::Stage::decode && c.batch == 1)) && !text_.empty();
}

double Peer::run(const Case& c, const std::string& image) {
  const bool vision = c.stage == Case::Stage::vision;
  const bool prefill = c.stage == Case::Stage::prefill;
  std::string command = vision ? vision_ : text_;
  // Some forks of llama-bench have no option -d.
  if (!vision && depth_option_ && c.depth != 0) command += " -d {depth}";
  replace(command, "{model}", shell_word(model_));
  replace(command, "{mmproj}", shell_word(mmproj_));
  for (const char* placeholder : {"{image}", "{picture}"}) replace(command, placeholder, shell_word(image));
  replace(command, "{threads}", std::to_string(c.threads));
  replace(command, "{prompt}", std::to_string(prefill ? c.tokens : 0));
  replace(command, "{tokens}", std::to_string(prefill ? 0 : c.tokens));
  replace(command, "{depth}", std::to_string(c.depth));
  if (vision) {
    const std::string text = output_of(command, true);
    std::smatch found;
    if (!std::regex_search(text, found, std::regex("encod[a-z ]* in ([0-9.]+) ms"))) {
      throw std::runtime_error("the peer printed no \"encoded in N ms\" or \"encoding done in N ms\": " + command);
    }
    return 1000.0 / std::stod(found[1]);
  }
  const std::string text = output_of(command, false);
  // Other output may precede the JSON.
  const auto parsed = nlohmann::json::parse(text.substr(std::min(text.find('['), text.size())), nullptr, false);
  if (parsed.is_discarded() || !parsed.is_array() || parsed.empty() || !parsed.back().contains("avg_ts") ||
      !parsed.back()["avg_ts"].is_number()) {
    throw std::runtime_error("the peer printed no JSON array with \"avg_ts\": " + command);
  }
  const auto& result = parsed.back();
  if (result.contains("build_commit") && result["build_commit"].is_string()) {
    version_ = result["build_commit"].get<std::string>();
    if (result.contains("build_number") && result["build_number"].is_number()) {
      version_ += " (build " + std::to_string(result["build_number"].get<long>()) + ")";
    }
  }
  const double rate = result["avg_ts"].get<double>();
  if (!(rate > 0)) throw std::runtime_error("the peer reported no positive rate: " + command);
  return rate;
}
