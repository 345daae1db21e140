// vlmt-bench: measures loading, image encoding, prefill and decode against limits of the processor and a peer.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <unistd.h>

#include <vlmt/base/version.hpp>
#include <vlmt/io/output_file.hpp>

#include "../../examples/common/bundled_model.hpp"
#include "../../examples/common/interrupt.hpp"
#include "../../examples/common/memory_watch.hpp"
#include "../../examples/common/output.hpp"
#include "../../examples/common/output_path.hpp"
#include "../../examples/common/run_main.hpp"
#include "../../examples/common/threads.hpp"
#include "options.hpp"
#include "peer.hpp"
#include "profile.hpp"
#include "report.hpp"
#include "subject.hpp"

namespace {

std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

std::vector<Case> cases(const Options& o, std::size_t threads, bool has_vision) {
  std::vector<Case> all;
  all.push_back({.stage = Case::Stage::load, .threads = threads});
  if (o.article) {
    all.push_back({.stage = Case::Stage::article, .threads = threads});
    return all;
  }
  if (has_vision) {
    for (const auto& [width, height] : o.images) {
      all.push_back({.stage = Case::Stage::vision, .threads = threads, .width = width, .height = height});
    }
  }
  for (std::size_t depth : o.depths) {
    for (std::size_t prompt : o.prompts) {
      if (prompt != 0) {
        all.push_back({.stage = Case::Stage::prefill, .threads = threads, .tokens = prompt, .depth = depth});
      }
    }
    for (std::size_t batch : o.batches) {
      if (o.tokens != 0) {
        all.push_back(
            {.stage = Case::Stage::decode, .threads = threads, .tokens = o.tokens, .depth = depth, .batch = batch});
      }
    }
  }
  return all;
}

/// Shows the current measurement on one line of the terminal.
void progress(const std::string& text) {
  if (isatty(STDERR_FILENO) != 0) std::fprintf(stderr, "\r\033[K%s", text.c_str());
}

/// A temporary image file for the peer: noise as binary PPM. Deleted by the destructor.
class ImageFile {
 public:
  ImageFile(int width, int height) {
    path_ = (std::filesystem::temp_directory_path() / ("vlmt-bench-" + std::to_string(::getpid()) + ".ppm")).string();
    std::ofstream out(path_, std::ios::binary);
    out << "P6\n" << width << " " << height << "\n255\n";
    unsigned state = 1;
    for (long i = 0; i < 3L * width * height; ++i) {
      state = state * 1664525u + 1013904223u;
      out.put(static_cast<char>(state >> 24));
    }
    if (!out) throw std::runtime_error(path_ + ": cannot be written");
  }
  ImageFile(const ImageFile&) = delete;
  ImageFile& operator=(const ImageFile&) = delete;
  ~ImageFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

/// Runs a case; each run is preceded by a measurement of its limit and followed by a run of the peer.
void measure(Measurement& m, Subject& subject, Peer& peer, const Options& o, programs::MemoryWatch& memory) {
  const Case& c = m.what;
  subject.describe(m);
  std::optional<ImageFile> image;
  if (c.stage == Case::Stage::vision && peer.measures(c)) image.emplace(c.width, c.height);
  const std::size_t runs = c.stage == Case::Stage::load ? 1 : c.stage == Case::Stage::article ? 10 : o.runs;
  const bool warm = c.stage != Case::Stage::load && c.stage != Case::Stage::article;
  if (warm) subject.run(c, m);  // faults pages in and raises the clock
  for (std::size_t i = 0; i < runs; ++i) {
    vlmt::throw_if_set(&programs::interrupted);
    progress(name(c) + ": run " + std::to_string(i + 1) + " of " + std::to_string(runs));
    if (m.bound != Measurement::Bound::none) m.limits.push_back(subject.limit(m));
    try {
      m.seconds.push_back(subject.run(c, m));
    } catch (const vlmt::Cancelled&) {
      throw;
    } catch (const std::exception& error) {
      if (c.stage != Case::Stage::article) throw;
      ++m.failures;
      std::fprintf(stderr, "vlmt-bench: run %zu failed: %s\n", i + 1, error.what());
    }
    if (peer.measures(c)) m.peer_rates.push_back(peer.run(c, image ? image->path() : std::string()));
  }
  m.peak_bytes = memory.peak();
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error(path + ": cannot be read");
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const std::string& path, const std::string& text) {
  if (path.empty()) {
    programs::write(text);
    return;
  }
  vlmt::OutputFile file(path);
  file.put(std::as_bytes(std::span(text)));
  file.finish();
}

int run(Options& o) {
  programs::handle_interrupts();
  const programs::ModelFiles files = programs::choose_model(o.model, o.mmproj, "vlmt-bench", !o.images.empty());
  o.model = files.model;
  o.mmproj = files.mmproj;
  if (!o.images.empty() && o.mmproj.empty()) throw std::runtime_error("--image needs --mmproj");
  for (const std::string& path : {o.output, o.trace}) {
    if (!path.empty()) programs::check_output(path, {o.model, o.mmproj});
  }
  const std::string baseline = o.baseline.empty() ? std::string() : read_file(o.baseline);

  programs::MemoryWatch memory;
  Peer peer(o.against, o.against_vision, o.model, o.mmproj);
  Report report;
  report.version = VLMT_VERSION_STRING;
  report.processor = processor_name();
  report.model = std::filesystem::path(o.model).filename().string();
  std::vector<StepProfile> profiles;
  if (o.threads.empty()) o.threads = {programs::thread_count(0, "vlmt-bench")};
  for (std::size_t threads : o.threads) {
    progress("loading " + report.model);
    Subject subject(o, threads);
    report.arch = subject.arch();
    report.weight_bytes = subject.weight_bytes();
    report.weights_mapped = subject.weights_mapped();
    report.plan_bytes = subject.plan_bytes();
    const std::vector<Case> all = cases(o, threads, !o.mmproj.empty());
    if (o.profile) {
      progress({});
      for (const Case& c : all) {
        if (c.stage == Case::Stage::load || c.stage == Case::Stage::article) continue;
        profiles.push_back({"one step of " + name(c), subject.profile(c)});
        programs::print("%s\n", profile_table(profiles.back()).c_str());
      }
      continue;
    }
    for (const Case& c : all) {
      report.measurements.emplace_back().what = c;
      measure(report.measurements.back(), subject, peer, o, memory);
    }
  }
  progress({});
  if (o.profile) {
    if (!o.trace.empty()) write(o.trace, chrome_trace(profiles));
    return 0;
  }
  // The peak of other cases would include the buffer of the read limit.
  if (o.article) report.peak_bytes = memory.peak();
  report.peer = peer.version();
  std::string text = o.format == "json"   ? to_json(report)
                     : o.format == "csv"  ? to_csv(report)
                     : o.format == "html" ? to_html(report)
                                          : to_markdown(report);
  if (!baseline.empty()) {
    const std::string table = compare(report, baseline, o.baseline);
    if (o.format == "md") {
      text += table;
    } else {
      std::fprintf(stderr, "%s", table.c_str());
    }
  }
  write(o.output, text);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto describe = [](const std::exception& error) {
    progress({});
    return programs::message_of(error);
  };
  const auto measure_all = [&] {
    Options options;
    if (const auto code = parse_options(argc, argv, options)) return *code;
    return run(options);
  };
  return programs::run_main("vlmt-bench", measure_all, describe);
}
