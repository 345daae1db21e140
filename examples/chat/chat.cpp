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

Report Chat::ask(const std::string& text, const std::vector<std::string>& images,
                 const std::vector<std::string>& videos) {
  std::vector<vlmt::Part> parts;
  Report report;
  for (const std::string& file : images) {
    parts.emplace_back(vlmt::image(std::filesystem::path(file)));
    report.media.push_back(costs_.image(file));
  }
  for (const std::string& folder : videos) {
    parts.emplace_back(video_of(folder, arguments_.fps));
    report.media.push_back(costs_.video(folder));
  }
  parts.emplace_back(text);
  programs::ProgressLine progress;
  vlmt::GenerateOptions options = generate_options(arguments_);
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
