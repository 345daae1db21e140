// Texts and their ids from the Hugging Face "tokenizers" package (tests/data/text/make_fixtures.py).
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/text/bpe.hpp"

namespace vlmt_test {

struct Fixture {
  std::string text;
  std::vector<int> off, on;  // ids with ParseSpecial::off and ::on
};

inline std::filesystem::path text_data(const std::string& name) {
  return std::filesystem::path(VLMT_TEST_DATA) / "text" / name;
}

inline std::vector<int> numbers(const std::string& text) {
  std::istringstream in(text);
  std::vector<int> ids;
  for (int id = 0; in >> id;) ids.push_back(id);
  return ids;
}

// Reads lines "<hex> : <ids> : <ids>".
inline std::vector<Fixture> read_fixtures(const std::string& name) {
  std::ifstream file(text_data(name));
  std::vector<Fixture> fixtures;
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(" :"), second = line.find(" :", first + 1);
    if (second == std::string::npos) throw std::runtime_error("bad fixture: " + line);
    Fixture f;
    const std::string hex = line.substr(0, first);
    for (std::size_t i = 0; hex != "-" && i < hex.size(); i += 2) {
      f.text += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    }
    f.off = numbers(line.substr(first + 2, second - first - 2));
    f.on = numbers(line.substr(second + 2));
    fixtures.push_back(std::move(f));
  }
  return fixtures;
}

inline void check_fixtures(const vlmt::BpeTokenizer& tokenizer, const std::string& name, std::size_t count) {
  const std::vector<Fixture> fixtures = read_fixtures(name);
  ASSERT_EQ(fixtures.size(), count);
  for (const Fixture& f : fixtures) {
    ASSERT_EQ(tokenizer.encode(f.text, vlmt::ParseSpecial::off), f.off) << f.text;
    ASSERT_EQ(tokenizer.encode(f.text, vlmt::ParseSpecial::on), f.on) << f.text;
  }
}

}  // namespace vlmt_test
