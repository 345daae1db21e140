// See samples.hpp.
#include "samples.hpp"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <vlmt/vlmt.hpp>

#include "../common/bundled_model.hpp"
#include "../common/output.hpp"

std::vector<programs::TaskItem> sample_questions() {
  const auto folder = programs::find_bundled_samples();
  if (!folder) throw vlmt::InputError("no sample images are bundled with this build");
  std::vector<programs::TaskItem> questions;
  for (programs::TaskItem& item : programs::read_task_set(*folder).items) {
    if (item.files().empty()) continue;
    if (questions.empty() || item.files() != questions.back().files()) questions.push_back(std::move(item));
  }
  if (questions.empty()) throw vlmt::InputError("the sample set has no question about an image", {.file = *folder});
  return questions;
}

int show_samples(Chat& chat, const std::vector<programs::TaskItem>& questions) {
  for (const programs::TaskItem& item : questions) {
    const std::vector<std::string> files = item.files();
    programs::print("\n%s", files.front().c_str());
    if (files.size() > 1) programs::print(" to %s", std::filesystem::path(files.back()).filename().c_str());
    programs::print("\n> %s\n", item.question().c_str());
    chat.answer(item);
    programs::print("\n");
  }
  return 0;
}
