// The questions of a configuration, each with its own images or with those of another question.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "../common/task_set.hpp"

namespace eval {

using programs::TaskItem;
using programs::TaskPart;

/// True if both items have the same sequence of images and videos, and the videos the same numbers of frames.
inline bool same_media(const TaskItem& a, const TaskItem& b) {
  const auto next = [](const TaskItem& item, std::size_t at) {
    while (at < item.content.size() && item.content[at].kind == TaskPart::Kind::text) ++at;
    return at;
  };
  std::size_t i = next(a, 0), j = next(b, 0);
  for (; i < a.content.size() && j < b.content.size(); i = next(a, i + 1), j = next(b, j + 1)) {
    const TaskPart &x = a.content[i], &y = b.content[j];
    if (x.kind != y.kind || x.files.size() != y.files.size()) return false;
  }
  return i == a.content.size() && j == b.content.size();
}

/// The question of `item` with the images of `other`. Requires same_media(item, other).
inline TaskItem with_media_of(TaskItem item, const TaskItem& other) {
  auto from = other.content.begin();
  for (TaskPart& part : item.content) {
    if (part.kind == TaskPart::Kind::text) continue;
    from = std::find_if(from, other.content.end(), [](const TaskPart& p) { return p.kind != TaskPart::Kind::text; });
    part = *from++;
  }
  return item;
}

/// The items to ask for an `images` setting. "swapped" gives each question the images of the next question of its task
/// with the same kinds of media and different files, and drops questions for which there is none; others change
/// nothing.
inline std::vector<TaskItem> with_swapped_media(const std::vector<TaskItem>& items, const std::string& images) {
  if (images != "swapped") return items;
  std::vector<TaskItem> out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    for (std::size_t step = 1; step < items.size(); ++step) {
      const TaskItem& other = items[(i + step) % items.size()];
      if (other.task != items[i].task || !same_media(items[i], other)) continue;
      TaskItem swapped = with_media_of(items[i], other);
      if (swapped.files() == items[i].files()) continue;
      out.push_back(std::move(swapped));
      break;
    }
  }
  return out;
}

}  // namespace eval
