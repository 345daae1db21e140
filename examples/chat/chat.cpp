// See chat.hpp.
#include "chat.hpp"

#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <vlmt/vlmt.hpp>

#include "../common/progress_line.hpp"
#include "../common/task_messages.hpp"
#include "interrupt.hpp"

Report Chat::ask(const std::string& text, const std::vector<programs::MediaSource>& images,
                 const std::vector<programs::MediaSource>& videos) {
  std::vector<vlmt::Part> parts;
  Report report;
  for (const programs::MediaSource& image : images) {
    parts.emplace_back(image.image());
    report.media.push_back(costs_.image(image));
  }
  for (const programs::MediaSource& folder : videos) {
    parts.emplace_back(video_of(folder.name, arguments_.fps));
    report.media.push_back(costs_.video(folder.name));
  }
  parts.emplace_back(text);
  programs::ProgressLine progress;
  vlmt::GenerateOptions options = generate_options(arguments_);
  if (options.sampling.params.temperature > 0.0f) {
    report.seed = arguments_.seed + answers_;
    options.sampling.seed = report.seed;
  }
  options.progress = [&](const vlmt::Progress& p) {
    const bool vision = p.stage == vlmt::Progress::Stage::vision;
    progress.show(vision ? "encoding images" : "prefill", p.done, p.total);
    if (interrupted != 0) throw Interrupted();
  };
  const auto on_text = [&](std::string_view piece) {
    progress.clear();
    if (!arguments_.json) {
      std::fwrite(piece.data(), 1, piece.size(), stdout);
      std::fflush(stdout);
    }
    return interrupted == 0;
  };
  vlmt::Reply reply;
  try {
    reply = session_.ask(std::move(parts), on_text, options);
  } catch (...) {
    progress.clear();
    throw;
  }
  progress.clear();
  report.text = std::move(reply.text);
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
  report.cut = cut_advice(reply.finish, arguments_, context());
  ++answers_;
  return report;
}

void Chat::answer(const programs::TaskItem& item) {
  std::vector<vlmt::ChatMessage> messages = programs::messages_of(item);
  vlmt::GenerateOptions options = generate_options(arguments_);
  options.sampling = vlmt::SamplingOptions::greedy();
  session_.respond(
      messages, {},
      [](std::string_view piece) {
        std::fwrite(piece.data(), 1, piece.size(), stdout);
        std::fflush(stdout);
      },
      options);
}
