// Code in README.md and docs/ must compile: each C++ block must occur, line by line, in a source that is compiled.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace {

namespace fs = std::filesystem;

struct Block {
  std::string where;  // "docs/x.md:12"
  std::vector<std::string> lines;
};

std::string trimmed(const std::string& s) {
  const std::size_t begin = s.find_first_not_of(" \t\r");
  return begin == std::string::npos ? std::string() : s.substr(begin, s.find_last_not_of(" \t\r") + 1 - begin);
}

// Trimmed lines, without empty ones.
std::vector<std::string> code_lines(std::istream& in) {
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    line = trimmed(line);
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

std::vector<Block> blocks_of(const fs::path& root, const fs::path& file) {
  std::vector<Block> blocks;
  std::ifstream in(file);
  bool inside = false;
  std::size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    line = trimmed(line);
    if (line == "```cpp") {
      blocks.push_back({fs::relative(file, root).string() + ":" + std::to_string(number), {}});
      inside = true;
    } else if (line.compare(0, 3, "```") == 0) {
      inside = false;
    } else if (inside && !line.empty()) {
      blocks.back().lines.push_back(line);
    }
  }
  return blocks;
}

std::vector<fs::path> files_with(const fs::path& folder, std::initializer_list<std::string_view> extensions) {
  std::vector<fs::path> found;
  if (!fs::exists(folder)) return found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string extension = entry.path().extension().string();
    if (std::find(extensions.begin(), extensions.end(), extension) != extensions.end()) found.push_back(entry.path());
  }
  return found;
}

// The pages of docs/ and those beside README.md.
std::vector<fs::path> pages_of(const fs::path& root) {
  std::vector<fs::path> pages = files_with(root / "docs", {".md"});
  for (const auto& entry : fs::directory_iterator(root)) {
    if (entry.path().extension() == ".md") pages.push_back(entry.path());
  }
  return pages;
}

bool occurs_in(const Block& block, const std::vector<std::string>& source) {
  return std::search(source.begin(), source.end(), block.lines.begin(), block.lines.end()) != source.end();
}

TEST(DocTest, EveryCodeBlockIsInACompiledSource) {
  const fs::path root = VLMT_SOURCE_DIR;
  std::vector<std::vector<std::string>> sources;
  for (const char* folder : {"examples", "tests/doc", "tests/package", "include"}) {
    for (const fs::path& file : files_with(root / folder, {".cpp", ".hpp"})) {
      std::ifstream in(file);
      sources.push_back(code_lines(in));
    }
  }
  const std::vector<fs::path> pages = pages_of(root);
  ASSERT_TRUE(fs::exists(root / "README.md"));
  for (const fs::path& page : pages) {
    for (const Block& block : blocks_of(root, page)) {
      EXPECT_FALSE(block.lines.empty()) << block.where << ": an empty block";
      EXPECT_TRUE(std::any_of(sources.begin(), sources.end(), [&](const auto& s) { return occurs_in(block, s); }))
          << block.where << ": no source under examples/, tests/doc/, tests/package/ or include/ has these lines";
    }
  }
}

// Links to pages and files of the tree must resolve.
TEST(DocTest, LinksResolve) {
  const fs::path root = VLMT_SOURCE_DIR;
  const std::vector<fs::path> pages = pages_of(root);
  for (const fs::path& page : pages) {
    std::ifstream in(page);
    std::size_t number = 0;
    bool inside = false;  // in a code block, where "](" starts a lambda
    for (std::string line; std::getline(in, line);) {
      ++number;
      if (trimmed(line).compare(0, 3, "```") == 0) inside = !inside;
      if (inside) continue;
      for (std::size_t at = line.find("]("); at != std::string::npos; at = line.find("](", at + 1)) {
        std::string target = line.substr(at + 2, line.find(')', at) - at - 2);
        target = target.substr(0, target.find('#'));
        if (target.empty() || target.find("://") != std::string::npos) continue;
        EXPECT_TRUE(fs::exists(page.parent_path() / target)) << page << ":" << number << ": " << target;
      }
    }
  }
}

}  // namespace
