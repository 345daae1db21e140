// Style rules for all headers: opening comment, include guard, namespace, macro and file names.
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "structure/source_tree.hpp"

namespace {

using source_tree::Header;
using source_tree::Line;

class StyleTest : public testing::Test {
 protected:
  const std::vector<Header> headers_ = source_tree::read_headers(std::filesystem::path(VLMT_SOURCE_DIR) / "include");
};

// False if the header has only preprocessor lines and their continuations.
bool declares_something(const Header& h) {
  bool continued = false;
  for (const Line& line : h.code) {
    if (!continued && line.text[0] != '#') return true;
    continued = line.text.back() == '\\';
  }
  return false;
}

std::size_t count_lines(const Header& h, std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(h.code.begin(), h.code.end(), [&](const Line& line) { return line.text == text; }));
}

TEST_F(StyleTest, HeadersHaveAnOpeningCommentAndAGuard) {
  ASSERT_FALSE(headers_.empty());
  for (const Header& h : headers_) {
    EXPECT_TRUE(h.first_line.starts_with("// ")) << h.path << " has no opening comment";
    EXPECT_EQ(count_lines(h, "#pragma once"), 1u) << h.path;
  }
}

TEST_F(StyleTest, DeclarationsAreInTheNamespaceOfTheConfiguration) {
  for (const Header& h : headers_) {
    const std::size_t begins = count_lines(h, "VLMT_BEGIN_NAMESPACE");
    EXPECT_EQ(begins, count_lines(h, "VLMT_END_NAMESPACE")) << h.path;
    if (h.path == "vlmt/base/config.hpp" || !declares_something(h)) continue;
    EXPECT_GE(begins, 1u) << h.path;
    bool inside = false;
    for (const Line& line : h.code) {
      if (line.text == "VLMT_BEGIN_NAMESPACE") inside = true;
      if (line.text == "VLMT_END_NAMESPACE") inside = false;
      EXPECT_FALSE(line.text.find("namespace vlmt") != std::string::npos)
          << h.path << ":" << line.number << ": use VLMT_BEGIN_NAMESPACE";
      EXPECT_FALSE(inside && line.text.starts_with("#include") && line.text.find("\"vlmt/") == std::string::npos)
          << h.path << ":" << line.number << ": a third-party header included inside the namespace";
      EXPECT_FALSE(!line.indented && line.text.starts_with("using namespace")) << h.path << ":" << line.number;
    }
  }
}

TEST_F(StyleTest, MacrosHaveThePrefix) {
  // Settings of third-party headers: pcre2.h needs the width, xxhash.h would need its library.
  const std::vector<std::string> of_libraries = {"#define PCRE2_CODE_UNIT_WIDTH 8", "#define XXH_INLINE_ALL"};
  for (const Header& h : headers_) {
    for (const Line& line : h.code) {
      if (!line.text.starts_with("#define ")) continue;
      const bool known = std::find(of_libraries.begin(), of_libraries.end(), line.text) != of_libraries.end();
      EXPECT_TRUE(line.text.starts_with("#define VLMT_") || known) << h.path << ":" << line.number << ": " << line.text;
    }
  }
}

TEST_F(StyleTest, NamesAreLowerCase) {
  for (const Header& h : headers_) {
    EXPECT_TRUE(std::all_of(h.path.begin(), h.path.end(), [](unsigned char c) { return !std::isupper(c) && c != '-'; }))
        << h.path;
  }
}

}  // namespace
