// Runs cases on a model of type M and compares each stage with the file.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <vlmt/exec/omp_team.hpp>
#include <vlmt/model/qwen3vl.hpp>
#include <vlmt/model/sequence.hpp>
#include <vlmt/model/vlm.hpp>
#include <vlmt/runtime/runner.hpp>
#include <vlmt/runtime/vision_runner.hpp>

#include "../common/output.hpp"
#include "inputs.hpp"

namespace parity {

/// Collects the hidden states of every layer, rows in the order of computation.
struct HiddenProbe {
  std::map<std::size_t, std::vector<float>>* layers = nullptr;
  void hidden(std::size_t layer, vlmt::TensorView<const float, 2> x) const {
    std::vector<float>& rows = (*layers)[layer];
    rows.insert(rows.end(), x.data(), x.data() + x.count());
  }
};

/// Results of one pass over a prompt and its greedy answer.
struct Pass {
  std::map<std::size_t, std::vector<float>> hidden;  ///< (cells, width) for each layer index of the probe
  std::vector<float> logits;                         ///< (cells, vocab)
  std::vector<int> greedy;
  std::vector<float> greedy_last_logits;
};

template <class M>
class CaseRunner {
 public:
  using Features = std::shared_ptr<const vlmt::VisionFeatures>;

  CaseRunner(Checker& checker, const Settings& settings, const VisionRules& rules)
      : checker_(checker),
        settings_(settings),
        rules_(rules),
        model_(vlmt::Vlm<M>::open(settings.model, settings.mmproj)) {
    print_kernels();
    vlmt::OmpTeam team;
    model_.load(team);
  }

  void run(const std::string& name) {
    const Case c = read_case(checker_, name, rules_, settings_);
    const bool compare = checker_.has(name + ".logits");
    if (!compare && !settings_.has_dump) {
      throw vlmt::InputError("the file has only inputs: without results to compare, --dump is required",
                             {.field = name});
    }
    vlmt::OmpTeam team;
    const vlmt::Sequence sequence = vision_and_positions(c, team, compare);
    std::optional<Pass> first;
    for (const std::size_t chunk : settings_.chunks) {
      const Pass pass = run_model(sequence, team, chunk, 1, answer_tokens);
      const std::string label = settings_.chunks.size() > 1 ? "chunks of " + std::to_string(chunk) + ": " : "";
      if (compare) check(label, name, sequence.size(), pass);
      if (!first) {
        first = pass;
        keep(name, sequence.size(), pass);
      }
    }
    if (settings_.turns > 1) {
      const Pass pass = run_model(sequence, team, settings_.chunks[0], settings_.turns, answer_tokens);
      const std::string label = std::to_string(settings_.turns) + " turns: ";
      if (compare) check(label, name, sequence.size(), pass);
      report_bits(label + name + ".logits as in one prefill", pass.logits, first->logits, false);
    }
    for (const std::size_t threads : settings_.threads) {
      vlmt::OmpTeam some(threads);
      const Pass pass = run_model(vision_and_positions(c, some, false), some, settings_.chunks[0], 1, 0);
      report_bits(std::to_string(threads) + " threads: " + name + ".logits", pass.logits, first->logits, true);
    }
  }

 private:
  vlmt::Numerics numerics() const { return settings_.fast ? vlmt::Numerics::fast : vlmt::Numerics::exact; }

  std::optional<std::uint32_t> kv_format() const {
    if (!settings_.kv.empty()) return vlmt::find_format<vlmt::formats::cache>(settings_.kv);
    if (settings_.fast) return std::nullopt;
    return vlmt::F32::type_id;
  }

  /// Prints the matmul kernels that the weights of the files use.
  void print_kernels() const {
    std::map<std::uint32_t, std::size_t> matrices;
    for (const std::string& path : {settings_.model, settings_.mmproj}) {
      if (path.empty()) continue;
      const vlmt::GgufFile file = vlmt::GgufFile::open(path);
      for (const vlmt::GgufTensor& t : file.tensors()) {
        if (t.n_dims > 1 && !t.name.ends_with("position_embd.weight")) ++matrices[t.type];
      }
    }
    using Arch = typename M::Backend::Arch;
    programs::print("kernels: %s, %s numerics\n", std::string(Arch::name).c_str(),
                    std::string(name(numerics())).c_str());
    for (const auto& [type, count] : matrices) {
      const std::size_t n = count;
      vlmt::visit_format(typename M::Formats{}, type, [&]<class Format>(vlmt::TypeTag<Format>) {
        const vlmt::MatmulLeaves& leaves = vlmt::matmul_leaves<Format, Arch>();
        const bool int8 = settings_.fast && leaves.int8_form.one != nullptr;
        const bool bf16 = settings_.fast && leaves.bf16_form.expand != nullptr;
        programs::print("kernels: %zu matrices %s on %s: %s activations%s\n", n, std::string(leaves.format).c_str(),
                        std::string(leaves.arch).c_str(), int8 ? "int8" : "float32",
                        bf16 ? ", bfloat16 for many rows" : "");
      });
    }
  }

  /// Runs the vision encoder, checks its features, and builds the sequence with positions computed by vlmt.
  vlmt::Sequence vision_and_positions(const Case& c, vlmt::OmpTeam& team, bool compare) {
    vlmt::VisionRunner<M, vlmt::OmpTeam> vision(model_, team, {.cache_bytes = 0, .numerics = numerics()});
    std::uint64_t key = 0;
    const auto encode = [&](const std::vector<Visual>& visuals) {
      std::vector<Features> features;
      for (const Visual& v : visuals) {
        features.push_back(vision.encode_patches({{v.t, v.h, v.w}, v.patches}, {1, ++key}));
      }
      return features;
    };
    const std::vector<Features> images = encode(c.images), videos = encode(c.videos);
    check_features(c.name + ".image", images, compare);
    check_features(c.name + ".video", videos, compare);

    vlmt::Sequence sequence;
    std::size_t image = 0, video = 0, slice = 0;
    for (std::size_t i = 0; i < c.ids.size();) {
      const int id = c.ids[i];
      if (id != rules_.image_token && id != rules_.video_token) {
        sequence.append(id);
        ++i;
        continue;
      }
      const bool still = id == rules_.image_token;
      const std::vector<Features>& of = still ? images : videos;
      std::size_t& index = still ? image : video;
      if (index >= of.size()) throw vlmt::InputError("more image placeholders than images", {.field = c.name});
      const Features& f = of[index];
      const std::size_t cells = f->grid_h * f->grid_w;
      for (std::size_t k = 0; k < cells; ++k) {
        if (i + k >= c.ids.size() || c.ids[i + k] != id) {
          throw vlmt::InputError("the number of placeholders differs from the tokens of the image",
                                 {.field = c.name, .expected = std::to_string(cells), .found = std::to_string(k)});
        }
      }
      sequence.append(f, still ? 0 : slice, id);
      i += cells;
      if (still || ++slice == f->slices) {
        slice = 0;
        ++index;
      }
    }
    check_positions(c, sequence, compare);
    return sequence;
  }

  void check_features(const std::string& prefix, const std::vector<Features>& all, bool compare) {
    if (all.empty()) return;
    const std::size_t width = all[0]->width();
    for (std::size_t level = 0; level <= all[0]->levels(); ++level) {
      std::vector<float> rows;
      for (const Features& f : all) rows.insert(rows.end(), f->row(level, 0), f->row(level, 0) + f->tokens() * width);
      const std::string name = prefix + (level == 0 ? "_embeds" : "_deepstack" + std::to_string(level - 1));
      const std::vector<std::size_t> shape = {rows.size() / width, width};
      if (compare) checker_.close("", name, shape, rows, settings_.features);
      if (once(name)) checker_.keep(name, shape, std::move(rows));
    }
  }

  void check_positions(const Case& c, const vlmt::Sequence& sequence, bool compare) {
    std::vector<int> positions;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const auto p = sequence.positions(axis);
      positions.insert(positions.end(), p.begin(), p.end());
    }
    const std::vector<int> delta = {sequence.next_position() - static_cast<int>(sequence.size())};
    if (compare) {
      checker_.equal("", c.name + ".position_ids", {3, sequence.size()}, positions);
      checker_.equal("", c.name + ".rope_delta", {1}, delta);
    }
    if (once(c.name + ".position_ids")) {
      checker_.keep(c.name + ".position_ids", {3, sequence.size()}, std::move(positions));
      checker_.keep(c.name + ".rope_delta", {1}, delta);
    }
  }

  static constexpr std::size_t answer_tokens = 8;

  /// Feeds the prompt in `turns` calls, each of which finds its prefix in the KV cache, then decodes `answer` tokens
  /// greedily.
  Pass run_model(const vlmt::Sequence& sequence, vlmt::OmpTeam& team, std::size_t chunk, std::size_t turns,
                 std::size_t answer) {
    Pass pass;
    const vlmt::RunnerOptions options{.context = sequence.size() + answer,
                                      .chunk = chunk,
                                      .logit_rows = chunk,
                                      .numerics = numerics(),
                                      .key_format = kv_format(),
                                      .value_format = kv_format()};
    vlmt::Runner<M, vlmt::OmpTeam, HiddenProbe> runner(model_, team, options, HiddenProbe{&pass.hidden});
    const std::size_t vocab = model_.config().vocab;
    for (std::size_t turn = 1; turn <= turns; ++turn) {
      vlmt::Sequence part = sequence;
      part.truncate(std::max<std::size_t>(1, sequence.size() * turn / turns));
      if (part.size() <= runner.length()) continue;
      std::size_t before = 0;
      runner.feed(part, [&](std::size_t done, std::size_t) {
        // Logits of every row of the chunk, not only of the last.
        const std::size_t n = done - std::exchange(before, done);
        const std::vector<float> rows = runner.logits_of_rows(n);
        pass.logits.insert(pass.logits.end(), rows.begin(), rows.end());
      });
    }
    if (answer == 0) return pass;
    std::vector<float> row(pass.logits.end() - static_cast<std::ptrdiff_t>(vocab), pass.logits.end());
    auto states = std::move(pass.hidden);
    for (;;) {
      pass.greedy.push_back(static_cast<int>(std::max_element(row.begin(), row.end()) - row.begin()));
      if (pass.greedy.size() == answer) break;
      runner.decode(pass.greedy.back());
      row.assign(runner.logits().begin(), runner.logits().end());
    }
    pass.greedy_last_logits = std::move(row);
    pass.hidden = std::move(states);
    return pass;
  }

  void check(const std::string& label, const std::string& name, std::size_t cells, const Pass& pass) {
    const std::size_t layers = model_.config().layers, hidden = model_.config().hidden, vocab = model_.config().vocab;
    // A file has the hidden states of all layers or of none.
    bool any = false;
    for (std::size_t l = 0; l <= layers; ++l) any = any || checker_.has(name + ".hidden" + std::to_string(l));
    for (std::size_t l = 0; l <= layers && any; ++l) {
      checker_.close(label, name + ".hidden" + std::to_string(l), {cells, hidden}, pass.hidden.at(l), settings_.hidden);
    }
    checker_.close(label, name + ".logits", {cells, vocab}, pass.logits, settings_.hidden);
    checker_.equal(label, name + ".greedy", {pass.greedy.size()}, pass.greedy);
    checker_.close(label, name + ".greedy_last_logits", {vocab}, pass.greedy_last_logits, settings_.hidden);
  }

  void keep(const std::string& name, std::size_t cells, const Pass& pass) {
    for (const auto& [layer, rows] : pass.hidden) {
      checker_.keep(name + ".hidden" + std::to_string(layer), {cells, model_.config().hidden}, rows);
    }
    checker_.keep(name + ".logits", {cells, model_.config().vocab}, pass.logits);
    checker_.keep(name + ".greedy", {pass.greedy.size()}, pass.greedy);
    checker_.keep(name + ".greedy_last_logits", {model_.config().vocab}, pass.greedy_last_logits);
  }

  /// Checks bit-equality. If it is not `required`, a difference within the limits of the case passes, too.
  void report_bits(const std::string& what, const std::vector<float>& got, const std::vector<float>& want,
                   bool required) {
    const bool equal =
        got.size() == want.size() && std::memcmp(got.data(), want.data(), got.size() * sizeof(float)) == 0;
    if (equal || required) return checker_.result(equal, what + (equal ? ": bit-equal" : ": bits differ"));
    double error = 0.0, norm = 0.0;
    for (std::size_t i = 0; i < std::min(got.size(), want.size()); ++i) {
      const double d = static_cast<double>(got[i]) - static_cast<double>(want[i]);
      error += d * d;
      norm += static_cast<double>(want[i]) * static_cast<double>(want[i]);
    }
    const double relative = std::sqrt(error / norm);
    char text[64];
    std::snprintf(text, sizeof text, ": relative L2 %.2e", relative);
    checker_.result(got.size() == want.size() && relative <= settings_.hidden.relative_l2, what + text);
  }

  /// True for the first use of a name: only the first variant of a run is dumped.
  bool once(const std::string& name) { return seen_.emplace(name, true).second; }

  Checker& checker_;
  const Settings& settings_;
  const VisionRules& rules_;
  vlmt::Vlm<M> model_;
  std::map<std::string, bool> seen_;
};

template <class M>
void check_cases(Checker& checker, const Settings& settings, const VisionRules& rules) {
  CaseRunner<M> runner(checker, settings, rules);
  for (const std::string& name : case_names(checker)) {
    const auto& wanted = settings.cases;
    if (wanted.empty() || std::find(wanted.begin(), wanted.end(), name) != wanted.end()) runner.run(name);
  }
}

}  // namespace parity
