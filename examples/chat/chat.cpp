// See chat.hpp.
#include "chat.hpp"

#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <vlmt/vlmt.hpp>

#include "../common/output_path.hpp"
#include "../common/progress_line.hpp"
#include "../common/task_messages.hpp"
#include "answer_printer.hpp"
#include "message.hpp"

namespace {

/// True if the answer could be longer.
bool is_cut(vlmt::FinishReason finish) {
  return finish == vlmt::FinishReason::length || finish == vlmt::FinishReason::context;
}

std::vector<ShownImage> shown_images(const std::vector<programs::MediaSource>& images,
                                     const std::vector<programs::MediaCost>& costs, const vlmt::ImageOptions& options) {
  std::vector<ShownImage> shown;
  for (std::size_t i = 0; i < images.size(); ++i) {
    const programs::MediaCost& c = costs.at(i);
    shown.push_back(
        {images[i], c.width, c.height, c.resized_width, c.resized_height, images[i].image().info(options).orientation});
  }
  return shown;
}

}  // namespace

Request Chat::plan(vlmt::ChatMessage& message, const std::vector<programs::MediaSource>& images,
                   const std::vector<programs::MediaSource>& videos) const {
  return planner_.plan(model_, session_.options(), {session_.history().begin(), session_.history().end()}, message,
                       names_of(images, videos));
}

std::string Chat::context_advice() const {
  programs::ContextFacts facts;
  facts.context = session_.options().context;
  facts.trained = vlmt::trained_context(model_.vlm().config());
  const bool has_answers = session_.history().size() > (arguments_.system.empty() ? 0u : 1u);
  return programs::context_advice(facts, has_answers);
}

std::vector<programs::MediaCost> Chat::costs(const std::vector<programs::MediaSource>& images,
                                             const std::vector<programs::MediaSource>& videos) const {
  vlmt::ChatMessage message = user_message({}, images, videos, arguments_.fps, session_.options().images);
  return plan(message, images, videos).media;
}

Report Chat::ask(const std::string& text, const std::vector<programs::MediaSource>& images,
                 const std::vector<programs::MediaSource>& videos) {
  vlmt::ChatMessage message = user_message(text, images, videos, arguments_.fps, session_.options().images);
  Report report;
  Request request;
  try {
    request = plan(message, images, videos);
  } catch (const vlmt::Cancelled&) {
    report.finish = name(vlmt::FinishReason::cancelled);
    return report;
  }
  tell(programs::shrunk_lines(request.media, request.facts));
  report.media = std::move(request.media);
  std::vector<ShownImage> shown;
  if (wants_places()) {
    shown = shown_images(images, report.media, session_.options().images);
    const std::vector<std::string> files = files_of(images, videos);
    read_.insert(read_.end(), files.begin(), files.end());
  }
  programs::ProgressLine progress;
  vlmt::GenerateOptions options = generate_options(arguments_);
  options.constraint = constraint_;
  if (options.sampling.params.temperature > 0.0f) {
    report.seed = arguments_.seed + answers_;
    options.sampling.seed = report.seed;
  }
  options.progress = [&](const vlmt::Progress& p) {
    const bool vision = p.stage == vlmt::Progress::Stage::vision;
    if (p.total != 0) progress.show(vision ? "encoding images" : "prefill", p.fraction);
  };
  AnswerPrinter printer(stdout, arguments_.hide_thinking);
  const auto on_text = [&](std::string_view piece) {
    progress.clear();
    if (!arguments_.json) printer.answer(piece);
  };
  options.on_reasoning = [&](std::string_view piece) {
    progress.clear();
    if (!arguments_.json) printer.reasoning(piece);
  };
  vlmt::Reply reply;
  try {
    reply = session_.ask(std::move(message.parts), on_text, options);
  } catch (...) {
    progress.clear();
    throw;
  }
  progress.clear();
  printer.finish();
  if (reply.text.empty() && !reply.reasoning.empty() && is_cut(reply.finish)) {
    std::fprintf(stderr,
                 "vlmt-chat: the output ended among the thoughts, before any answer; "
                 "--max-tokens and --context allow more, --thinking off does without\n");
  }
  report.text = std::move(reply.text);
  report.reasoning = std::move(reply.reasoning);
  report.tokens = std::move(reply.tokens);
  report.finish = name(reply.finish);
  report.prompt_tokens = reply.stats.prompt_tokens;
  report.cached_tokens = reply.stats.cached_tokens;
  report.visual_tokens = reply.stats.visual_tokens;
  report.images = reply.stats.images;
  report.load_seconds = load_seconds_;
  report.vision_seconds = reply.stats.vision_seconds;
  report.first_token_seconds = reply.stats.first_token_seconds;
  report.prefill_seconds = reply.stats.prefill_seconds;
  report.decode_seconds = reply.stats.decode_seconds;
  report.peak_bytes = memory_.peak();
  report.plan = plan_;
  report.context = session_.options().context;
  if (reply.finish != vlmt::FinishReason::cancelled && wants_places()) {
    if (!shown.empty()) shown_ = std::move(shown);
    report.places = places_of(report.text, shown_, arguments_.coordinates);
  }
  const bool told = report.text.empty() && !report.reasoning.empty();  // above
  if (is_cut(reply.finish) && !arguments_.ignore_eos && !told) {
    report.notes.push_back(programs::cut_line(request.facts, report.tokens.size(),
                                              reply.finish == vlmt::FinishReason::context, arguments_.interactive));
  }
  ++answers_;
  return report;
}

void Chat::draw(const Report& report) const {
  if (arguments_.draw.empty() || report.finish == name(vlmt::FinishReason::cancelled)) return;
  programs::check_output(arguments_.draw, read_);
  tell(draw_answer(report.places, shown_, arguments_.draw, session_.options().images));
}

void Chat::answer(const programs::TaskItem& item) {
  std::vector<vlmt::ChatMessage> messages = programs::messages_of(item);
  vlmt::GenerateOptions options = generate_options(arguments_);
  options.sampling = vlmt::SamplingOptions::greedy();
  AnswerPrinter printer(stdout, arguments_.hide_thinking);
  options.on_reasoning = [&](std::string_view piece) { printer.reasoning(piece); };
  const vlmt::Reply reply = session_.respond(
      messages, {}, [&](std::string_view piece) { printer.answer(piece); }, options);
  printer.finish();
  if (reply.finish == vlmt::FinishReason::cancelled) throw vlmt::Cancelled();
}
