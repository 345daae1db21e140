// See subject.hpp.
#include "subject.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include <vlmt/bench/limits.hpp>
#include <vlmt/model/work.hpp>
#include <vlmt/vlmt.hpp>

#include "../../examples/common/interrupt.hpp"
#include "recorded_step.hpp"

namespace {

using Model = vlmt::ChatModel<vlmt::Qwen3VL>;
using Arch = vlmt::arch::native;
using Runner = vlmt::Runner<vlmt::Qwen3VL, vlmt::OmpTeam>;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Pseudo-random tokens, the same in every run.
vlmt::Sequence tokens(std::size_t n, std::size_t vocab) {
  vlmt::Sequence s;
  std::minstd_rand random(7);
  for (std::size_t i = 0; i < n; ++i) s.append(static_cast<int>(random() % std::min<std::size_t>(vocab, 100000)));
  return s;
}

/// An image of noise, the same in every run.
vlmt::Image test_image(int width, int height) {
  vlmt::Image image;
  image.width = image.original_width = width;
  image.height = image.original_height = height;
  image.rgb.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  std::minstd_rand random(11);
  for (std::uint8_t& value : image.rgb) value = static_cast<std::uint8_t>(random() >> 8);
  return image;
}

/// Fills the first n slots of a cache with one random row, encoded in the formats of the cache.
void fill(const vlmt::KvCache& cache, std::size_t n) {
  const vlmt::KvShape& shape = cache.shape();
  std::vector<float> row(shape.head_dim);
  std::minstd_rand random(13);
  for (float& value : row) value = static_cast<float>(random() % 2001) * 1e-3f - 1.0f;
  for (std::size_t l = 0; l < shape.layers; ++l) {
    const vlmt::KvView view = cache.layer(l);
    for (std::size_t h = 0; h < shape.kv_heads; ++h) {
      for (std::size_t i = 0; i < n; ++i) {
        view.key_leaf().store(row.data(), row.size(), view.key_row(h, i));
        view.value_leaf().store(row.data(), row.size(), view.value_row(h, i));
      }
    }
  }
}

vlmt::SessionOptions session_options(const Options& o, std::size_t threads) {
  vlmt::SessionOptions s;
  s.threads = threads;
  s.numerics = o.exact ? vlmt::Numerics::exact : vlmt::Numerics::fast;
  s.feature_cache_bytes = 0;  // every image is to be encoded
  if (!o.kv_format.empty()) {
    s.key_format = s.value_format = vlmt::find_format<vlmt::formats::cache>(o.kv_format);
  }
  const std::size_t depth = *std::max_element(o.depths.begin(), o.depths.end());
  const std::size_t prompt = *std::max_element(o.prompts.begin(), o.prompts.end());
  s.context = std::max<std::size_t>(depth + std::max(prompt, o.tokens) + 2, o.article ? 1024 : 0);
  return s;
}

}  // namespace

struct Subject::Impl {
  const Options& options;
  vlmt::SessionOptions session;
  vlmt::OmpTeam team;
  Model model;
  double load_seconds = 0;
  std::size_t plan = 0;
  std::vector<Runner> runners;
  std::optional<vlmt::BatchDecoder<vlmt::Qwen3VL, vlmt::OmpTeam>> batch;
  vlmt::Buffer memory;

  Impl(const Options& o, std::size_t threads)
      : options(o),
        session(session_options(o, threads)),
        team(threads),
        model(Model::open(o.model, o.mmproj, vlmt::weights_for(session.numerics),
                          {o.packed_cache, o.verify_packed_cache, &programs::interrupted})) {
    std::size_t pixels = o.article ? 512 * 512 : 0;
    for (const auto& [width, height] : o.images) {
      pixels = std::max(pixels, static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
    }
    const std::size_t most = *std::max_element(o.batches.begin(), o.batches.end());
    vlmt::MemoryPlan parts = vlmt::plan_memory(model, session, pixels, team.size());
    plan = parts.total();
    parts.kv_cache *= most;
    parts.workspace *= most;
    vlmt::check_fits(parts, vlmt::memory_limit());
    const auto start = Clock::now();
    model.load(team, {}, &programs::interrupted);
    load_seconds = seconds_since(start);
    if (const std::string& warning = model.vlm().packed_cache().warning(); !warning.empty()) {
      std::fprintf(stderr, "vlmt-bench: %s\n", warning.c_str());
    }
    for (std::size_t i = 0; i < most; ++i)
      runners.emplace_back(model.vlm(), team, session.runner(model.vlm().config()));
    if (most > 1) batch.emplace(model.vlm(), team, most, session.context, session.numerics);
  }

  std::size_t vocab() const { return model.vlm().config().vocab; }

  /// Sets the cache of a runner to exactly `depth` tokens.
  void deepen(Runner& runner, std::size_t depth) {
    if (runner.length() > depth) runner.truncate(depth);
    if (runner.length() == depth) return;
    fill(runner.kv_cache(), depth);
    runner.adopt(tokens(depth, vocab()));
  }

  /// The runners of a case, with caches of its depth.
  std::vector<Runner*> members(const Case& c) {
    std::vector<Runner*> all;
    for (std::size_t i = 0; i < c.batch; ++i) {
      deepen(runners[i], c.depth);
      all.push_back(&runners[i]);
    }
    return all;
  }

  double prefill(const Case& c) {
    Runner& runner = *members(c).front();
    const vlmt::Sequence prompt = tokens(c.depth + c.tokens, vocab());
    const auto start = Clock::now();
    runner.feed(
        prompt, [](std::size_t, std::size_t) {}, &programs::interrupted);
    return seconds_since(start);
  }

  double decode(const Case& c) {
    const std::vector<Runner*> members = this->members(c);
    const std::vector<int> next(c.batch, 1);
    const auto no_more = [](auto&) {};
    const auto start = Clock::now();
    for (std::size_t t = 0; t < c.tokens; ++t) {
      if (c.batch == 1) {
        runners[0].decode(next[0], no_more, &programs::interrupted);
      } else {
        batch->decode(std::span<Runner* const>(members), std::span<const int>(next), no_more, &programs::interrupted);
      }
    }
    return seconds_since(start);
  }

  double vision(const Case& c) {
    vlmt::VisionRunner<vlmt::Qwen3VL, vlmt::OmpTeam> vision(model.vlm(), team, session.vision());
    const vlmt::Image image = test_image(c.width, c.height);
    const auto start = Clock::now();
    vision.encode(image, {}, &programs::interrupted);
    return seconds_since(start);
  }

  std::vector<TimedOp> profile_decoder(const Case& c) {
    if (c.stage == Case::Stage::decode && c.batch > 1) {
      const std::vector<Runner*> all = members(c);
      const std::vector<int> next(c.batch, 1);
      const vlmt::StepSize size = batch->prepare(std::span<Runner* const>(all), std::span(next));
      return time_decoder(model, team, batch->buffers(), size, session.numerics);
    }
    Runner& runner = *members(c).front();
    const std::size_t n = c.stage == Case::Stage::decode ? 1 : std::min(c.tokens, session.chunk);
    const auto kind = c.stage == Case::Stage::decode ? vlmt::RowKind::generated : vlmt::RowKind::prompt;
    const vlmt::StepSize size = runner.prepare(tokens(c.depth + n, vocab()), c.depth, n, kind);
    return time_decoder(model, team, runner.buffers(), size, session.numerics);
  }

  double article(Measurement& m) {
    vlmt::Session<vlmt::Qwen3VL> fresh(model, session);
    // Padded to 128 tokens.
    std::string text = "Describe this picture.";
    while (fresh.tokenize(text).size() < 128) text += " more";
    std::vector<vlmt::Part> parts;
    if (model.vlm().vision_encoder() != nullptr) parts.emplace_back(vlmt::image(test_image(512, 512)));
    parts.emplace_back(text);
    vlmt::GenerateOptions g;
    g.sampling.params.temperature = 0;
    g.max_tokens = 256;
    g.ignore_stop_tokens = true;
    g.stop_flag = &programs::interrupted;
    const auto start = Clock::now();
    const vlmt::Reply reply = fresh.ask(std::move(parts), {}, g);
    const double seconds = seconds_since(start);
    if (reply.finish == vlmt::FinishReason::cancelled) throw vlmt::Cancelled();
    m.first_token.push_back(reply.stats.first_token_seconds);
    m.decode_rate.push_back(static_cast<double>(reply.tokens.size() - 1) / reply.stats.decode_seconds);
    return seconds;
  }
};

Subject::Subject(const Options& options, std::size_t threads) : impl_(std::make_unique<Impl>(options, threads)) {}
Subject::~Subject() = default;
Subject::Subject(Subject&&) noexcept = default;

double Subject::load_seconds() const noexcept {
  return impl_->load_seconds;
}
std::size_t Subject::weight_bytes() const noexcept {
  return impl_->model.vlm().weight_bytes();
}
bool Subject::weights_mapped() const noexcept {
  return impl_->model.vlm().weights_mapped();
}
std::size_t Subject::plan_bytes() const noexcept {
  return impl_->plan;
}
std::string Subject::arch() const {
  return std::string(Arch::name);
}

void Subject::describe(Measurement& m) const {
  const Case& c = m.what;
  const vlmt::KvCache& cache = impl_->runners[0].kv_cache();
  const auto& decoder = impl_->model.vlm().decoder();
  switch (c.stage) {
    case Case::Stage::prefill: {
      const std::size_t chunk = impl_->session.chunk;
      for (std::size_t done = 0; done < c.tokens; done += chunk) {
        const std::size_t rows = std::min(chunk, c.tokens - done);
        const vlmt::StepWork w = vlmt::step_work(decoder, cache.key_leaf(), cache.value_leaf(), rows, c.depth + done,
                                                 done + rows == c.tokens ? 1 : 0);
        m.bytes += w.bytes();
        m.operations += w.operations;
      }
      m.bound = Measurement::Bound::arithmetic;
      break;
    }
    case Case::Stage::decode:
      for (std::size_t t = 0; t < c.tokens; ++t) {
        const vlmt::StepWork w =
            vlmt::step_work(decoder, cache.key_leaf(), cache.value_leaf(), c.batch, c.depth + t, c.batch, c.batch);
        m.bytes += w.bytes();
        m.operations += w.operations;
      }
      m.bound = c.batch == 1 ? Measurement::Bound::reading : Measurement::Bound::none;
      break;
    case Case::Stage::vision:
      if (const auto* encoder = impl_->model.vlm().vision_encoder()) {
        const vlmt::VisionRunner<vlmt::Qwen3VL, vlmt::OmpTeam> vision(impl_->model.vlm(), impl_->team,
                                                                      impl_->session.vision());
        m.operations =
            vlmt::vision_operations(encoder->config(), vlmt::image_grid(c.height, c.width, vision.preprocess()));
        m.bound = Measurement::Bound::arithmetic;
      }
      break;
    default:
      break;
  }
}

double Subject::run(const Case& c, Measurement& m) {
  switch (c.stage) {
    case Case::Stage::prefill:
      return impl_->prefill(c);
    case Case::Stage::decode:
      return impl_->decode(c);
    case Case::Stage::vision:
      return impl_->vision(c);
    case Case::Stage::article:
      return impl_->article(m);
    default:
      return impl_->load_seconds;
  }
}

double Subject::limit(const Measurement& m) {
  if (m.bound == Measurement::Bound::reading) {
    if (impl_->memory.bytes() == 0) {
      const std::size_t mib = impl_->options.limit_mib;
      impl_->memory = vlmt::bench::limit_buffer(impl_->team, mib != 0 ? mib << 20 : vlmt::bench::limit_bytes(),
                                                &programs::interrupted);
    }
    return vlmt::bench::read_limit<Arch>(impl_->team, impl_->memory, &programs::interrupted);
  }
  if (m.bound == Measurement::Bound::none) return 0;
  const bool floats = m.what.stage == Case::Stage::vision
                          ? impl_->options.exact || !impl_->model.vlm().vision_encoder()->takes_int8()
                          : impl_->options.exact;
  if (floats) return vlmt::bench::float_limit<Arch>(impl_->team);
  if constexpr (vlmt::arch::rounds_to_bf16_v<Arch>) return vlmt::bench::tile_limit<Arch>(impl_->team);
  return vlmt::bench::grouped_int8_limit<Arch>(impl_->team);
}

std::vector<TimedOp> Subject::profile(const Case& c) {
  return c.stage == Case::Stage::vision
             ? time_vision_encoder(impl_->model, impl_->team, test_image(c.width, c.height), impl_->session.vision())
             : impl_->profile_decoder(c);
}
