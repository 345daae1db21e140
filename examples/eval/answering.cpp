// See answering.hpp.
#include "answering.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <vlmt/vlmt.hpp>

#include "media.hpp"

namespace eval {
namespace {

using Model = vlmt::ChatModel<vlmt::Qwen3VL>;
using Session = vlmt::Session<vlmt::Qwen3VL>;
using Clock = std::chrono::steady_clock;

vlmt::SessionOptions session_options(const Configuration& c, const AnsweringOptions& o) {
  vlmt::SessionOptions s;
  s.context = o.context;
  s.numerics = c.kernels == "exact" ? vlmt::Numerics::exact : vlmt::Numerics::fast;
  s.key_format = s.value_format = vlmt::find_format<vlmt::formats::cache>(c.kv);
  // Sets often ask several questions in a row about one image: its features are encoded once.
  s.feature_cache_bytes = std::size_t{16} << 20;
  s.images = o.images;
  return s;
}

Answer ask(Session& session, const MediaMaker& media, const programs::TaskItem& item, const AnsweringOptions& o) {
  const Clock::time_point start = Clock::now();
  std::vector<vlmt::ChatMessage> messages = media.messages(item);
  vlmt::GenerateOptions options;
  options.sampling = vlmt::SamplingOptions::greedy();
  options.max_tokens = o.max_tokens;
  options.stop_flag = o.stop;
  // The answer must not depend on the KV cache of the previous question.
  session.reset();
  const vlmt::Reply reply = session.respond(messages, {}, {}, options);
  if (reply.finish == vlmt::FinishReason::cancelled) throw vlmt::Cancelled();
  return {reply.text, std::chrono::duration<double>(Clock::now() - start).count(), reply.tokens.size(),
          reply.stats.visual_tokens};
}

}  // namespace

std::size_t questions_at_once(std::size_t threads, std::size_t weight_bytes) {
  return weight_bytes < (std::size_t{256} << 20) ? threads : 1;
}

void answer_questions(const Configuration& configuration, const std::string& model_file, const std::string& mmproj,
                      const std::vector<programs::TaskItem>& items, const std::string& set_file,
                      const AnsweringOptions& options, const std::function<void(std::size_t, Answer)>& done) {
  Model model = Model::open(model_file, mmproj);
  for (const std::string& warning : model.warnings()) std::fprintf(stderr, "vlmt-eval: %s\n", warning.c_str());
  vlmt::OmpTeam all = options.threads == 0 ? vlmt::OmpTeam() : vlmt::OmpTeam(options.threads);
  const vlmt::SessionOptions session = session_options(configuration, options);
  const std::size_t wanted =
      options.parallel != 0 ? options.parallel : questions_at_once(all.size(), model.vlm().weight_bytes());
  const std::size_t workers = std::clamp<std::size_t>(wanted, 1, std::max<std::size_t>(1, items.size()));
  const std::size_t members = std::max<std::size_t>(1, all.size() / workers);
  vlmt::MemoryPlan plan = vlmt::plan_memory(model, session, 0, members);
  plan.kv_cache *= workers;
  plan.workspace *= workers;
  plan.feature_cache *= workers;
  vlmt::check_fits(plan, vlmt::memory_limit());
  model.load(all, {}, options.stop);

  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  // The error of the first failing item. Items are claimed in order and every claimed item is finished, so the same
  // error is reported in every run.
  std::exception_ptr problem;
  std::size_t problem_at = SIZE_MAX;
  const auto work = [&] {
    std::size_t i = 0;
    try {
      Session own(model, session, std::make_unique<vlmt::OmpTeam>(members));
      const MediaMaker media(configuration, own.vision().preprocess(), options.image_options());
      for (i = next++; i < items.size(); i = next++) {
        try {
          done(i, ask(own, media, items[i], options));
        } catch (const vlmt::Error& e) {
          throw vlmt::InputError(set_file + ":" + std::to_string(items[i].line) + ": " + e.what());
        }
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (i <= problem_at) {
        problem = std::current_exception();
        problem_at = i;
      }
      next = items.size();
    }
  };
  {
    std::vector<std::jthread> others;
    for (std::size_t w = 1; w < workers; ++w) others.emplace_back(work);
    work();
  }
  if (problem) std::rethrow_exception(problem);
}

}  // namespace eval
