// bench-grammar: what constrained decoding costs with a real tokenizer.
//
// For each schema: time to compile it, and time of each mask while an example of it is written token by token and while
// texts are written by random choice. States are new for each text, so that masks are computed, not looked up. Times
// are those of the thread, in microseconds: median, 99 %, 99.9 %, most.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <time.h>

#include "vlmt/base/error.hpp"
#include "vlmt/io/gguf.hpp"
#include "vlmt/model/gguf_vocabulary.hpp"
#include "vlmt/text/bpe.hpp"
#include "vlmt/text/grammar/grammar.hpp"
#include "vlmt/text/grammar/matcher.hpp"
#include "vlmt/text/grammar/token_vocabulary.hpp"
#include "vlmt/text/tokenizer_json.hpp"

namespace {

namespace fs = std::filesystem;

double thread_microseconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) * 1e-3;
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw vlmt::FileError("cannot be read", {.file = path.string()});
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Times {
  std::vector<double> all;

  void add(double t) { all.push_back(t); }
  void add(const Times& other) { all.insert(all.end(), other.all.begin(), other.all.end()); }
  double at(double part) {
    std::sort(all.begin(), all.end());
    return all.empty() ? 0 : all[static_cast<std::size_t>(part * static_cast<double>(all.size() - 1))];
  }
  void print(const char* what) {
    std::printf("  %-16s %7zu  median %9.1f  p99 %9.1f  p99.9 %9.1f  most %9.1f\n", what, all.size(), at(0.5), at(0.99),
                at(0.999), at(1));
  }
};

void timed_mask(vlmt::Matcher& m, std::vector<std::uint32_t>& mask, Times& times) {
  const double begin = thread_microseconds();
  m.fill_mask(mask);
  times.add(thread_microseconds() - begin);
}

/// Writes a given text, token by token.
void follow(const vlmt::TokenGrammar& grammar, const std::vector<int>& tokens, const std::string& name, Times& times) {
  vlmt::Matcher m(grammar);
  std::vector<std::uint32_t> mask(m.mask_words());
  for (const int t : tokens) {
    timed_mask(m, mask, times);
    if ((mask[static_cast<std::size_t>(t) / 32] >> (t % 32) & 1) == 0 || !m.accept(t)) {
      throw vlmt::InputError("the example is not a text of the schema", {.file = name});
    }
  }
  timed_mask(m, mask, times);
  if (!m.complete()) throw vlmt::InputError("the example is not complete", {.file = name});
}

/// Writes up to `length` tokens by random choice.
void wander(const vlmt::TokenGrammar& grammar, std::mt19937& random, std::size_t length, Times& times) {
  vlmt::Matcher m(grammar);
  std::vector<std::uint32_t> mask(m.mask_words());
  std::vector<int> allowed;
  while (!m.ended() && m.size() < length) {
    timed_mask(m, mask, times);
    allowed.clear();
    for (std::size_t t = 0; t < grammar.vocabulary().size(); ++t) {
      if ((mask[t / 32] >> (t % 32) & 1) != 0) allowed.push_back(static_cast<int>(t));
    }
    // Strings of random tokens hardly ever end by themselves.
    int token = allowed[random() % allowed.size()];
    if (random() % 4 == 0) {
      for (const int t : allowed) {
        if (grammar.vocabulary().bytes(t) == "\"") token = t;
      }
    }
    m.accept(token);
  }
}

int run(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: bench-grammar TOKENIZER FOLDER\n"
                 "TOKENIZER is a tokenizer.json or a GGUF file.\n"
                 "FOLDER has files NAME.schema.json, each with NAME.example.json: examples/schemas\n";
    return 2;
  }
  const std::string source = argv[1];
  const vlmt::BpeVocabulary words = source.ends_with(".gguf") ? vlmt::read_bpe_vocabulary(vlmt::GgufFile::open(source))
                                                              : vlmt::load_tokenizer_json(source);
  const vlmt::BpeTokenizer tokenizer(words);
  double begin = thread_microseconds();
  const auto vocabulary = std::make_shared<const vlmt::TokenVocabulary>(words);
  std::printf("vocabulary of %zu tokens: %.1f ms, %.1f MiB\n", vocabulary->size(),
              (thread_microseconds() - begin) * 1e-3, static_cast<double>(vocabulary->memory_bytes()) / (1 << 20));
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(argv[2])) {
    if (entry.path().string().ends_with(".schema.json")) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::mt19937 random(1);
  Times compiles, masks;
  for (const fs::path& file : files) {
    const std::string schema = read_file(file);
    std::string example = file.string();
    example.replace(example.rfind(".schema.json"), std::string::npos, ".example.json");
    std::string text = read_file(example);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    std::vector<int> tokens;
    const vlmt::TextPiece piece{text};
    tokenizer.encode({&piece, 1}, tokens);
    Times compile, example_masks, random_masks;
    constexpr int compile_runs = 20, random_runs = 10;
    for (int i = 0; i < compile_runs; ++i) {
      begin = thread_microseconds();
      const vlmt::TokenGrammar grammar(vlmt::Grammar::json_schema(schema), vocabulary);
      compile.add(thread_microseconds() - begin);
      if (i < random_runs) wander(grammar, random, 300, random_masks);
    }
    const vlmt::TokenGrammar grammar(vlmt::Grammar::json_schema(schema), vocabulary);
    follow(grammar, tokens, example, example_masks);
    std::printf("%s: %zu states, %.1f KiB\n", file.filename().c_str(), grammar.grammar().automaton()->states(),
                static_cast<double>(grammar.grammar().automaton()->bytes()) / 1024);
    compile.print("compile");
    example_masks.print("masks, example");
    random_masks.print("masks, random");
    compiles.add(compile);
    masks.add(example_masks);
    masks.add(random_masks);
  }
  std::printf("all\n");
  compiles.print("compile");
  masks.print("masks");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    std::cerr << "bench-grammar: " << e.what() << '\n';
    return 1;
  }
}
