// Words that the text of headers, documents and help does not use, as the field has a better one for each.
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace {

namespace fs = std::filesystem;

/// Left: what is banned, as a regular expression over lower-case text; right: what to write.
struct Word {
  const char* banned;
  const char* better;
};
constexpr Word words[] = {
    {R"(\btowers?\b)", "vision encoder"},       {R"(\bpictures?\b)", "image"},
    {R"(\bstands?\b|\bstood\b)", "is"},         {R"(\bbehind\b)", "after"},
    {R"(\bwhoever\b)", "name the caller"},      {R"(\bat the most\b)", "at most"},
    {R"(\bso many\b)", "name the count"},       {R"(\bbrothers?\b)", "the others"},
    {R"(\bnobody\b|\beverybody\b)", "name it"},
};

/// What must keep an old word: chat templates write "Picture 1: ", models are asked with prompts, and options and
/// placeholders of the last release still work.
const std::regex quoted(R"re("Picture (\d: )?"|Describe (the|this) picture\.|--[a-z-]*pictures?[a-z-]*|\{picture\})re");

std::vector<fs::path> texts() {
  const fs::path root = VLMT_SOURCE_DIR;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(root)) {
    if (entry.path().extension() == ".md") found.push_back(entry.path());
  }
  for (const char* folder : {"include", "docs", "examples", "bench"}) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const std::string extension = entry.path().extension().string();
      if (entry.path().filename() == "changes.md") continue;  // it lists old names
      if (extension == ".hpp" || extension == ".cpp" || extension == ".md") found.push_back(entry.path());
    }
  }
  return found;
}

TEST(WordsTest, HeadersDocumentsAndHelpUseTheWordsOfTheField) {
  std::vector<std::regex> banned;
  for (const Word& word : words) banned.emplace_back(word.banned, std::regex::icase | std::regex::optimize);
  std::size_t lines = 0;
  for (const fs::path& file : texts()) {
    std::ifstream in(file);
    std::string line;
    for (std::size_t n = 1; std::getline(in, line); ++n, ++lines) {
      const std::string text = std::regex_replace(line, quoted, "");
      for (std::size_t i = 0; i < banned.size(); ++i) {
        EXPECT_FALSE(std::regex_search(text, banned[i]))
            << file.string() << ":" << n << ": write '" << words[i].better << "': " << line;
      }
    }
  }
  EXPECT_GT(lines, 30000u);
}

}  // namespace
