// Reported sizes against measured allocations.
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <string>
#include <unordered_map>
#include <vector>

#include <malloc.h>

#include <gtest/gtest.h>

#include "vlmt/base/heap_bytes.hpp"
#include "vlmt/runtime/qwen3vl_instances.hpp"
#include "vlmt/text/tokenizer_json.hpp"

#include "allocation_count.hpp"
#include "golden_case.hpp"

namespace {

thread_local AllocationCount* counting = nullptr;

void count(void* p, int sign) noexcept {
  if (counting != nullptr && p != nullptr) counting->add(sign * static_cast<std::ptrdiff_t>(malloc_usable_size(p)));
}

}  // namespace

AllocationCount::AllocationCount() noexcept {
  counting = this;
}
AllocationCount::~AllocationCount() {
  counting = nullptr;
}

[[gnu::noinline]] void* operator new(std::size_t n) {
  void* p = std::malloc(n == 0 ? 1 : n);
  if (p == nullptr) throw std::bad_alloc();
  count(p, 1);
  return p;
}
[[gnu::noinline]] void operator delete(void* p) noexcept {
  count(p, -1);
  std::free(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept {
  operator delete(p);
}

namespace vlmt {
namespace {

/// Expects `bytes` of the result of `make()` to be within 10 % of what it has allocated.
template <class Make, class Bytes>
void expect_honest(Make&& make, Bytes&& bytes) {
  const AllocationCount count;
  const auto thing = make();
  asm volatile("" : : "r"(&thing) : "memory");  // keeps the compiler from removing the allocation
  const auto held = static_cast<double>(count.held());
  EXPECT_NEAR(static_cast<double>(bytes(thing)), held, 0.1 * held);
}

TEST(HeapBytes, AreWhatContainersAllocate) {
  const auto bytes = [](const auto& thing) { return heap_bytes(thing); };
  expect_honest([] { return std::string(1000, 'x'); }, bytes);
  expect_honest([] { return std::string("short"); }, bytes);
  expect_honest(
      [] {
        std::vector<double> values(3);
        values.reserve(500);
        return values;
      },
      bytes);
  expect_honest(
      [] {
        std::unordered_map<std::string_view, int> map;
        const std::string text(1000, 'x');
        for (std::size_t i = 0; i < text.size(); ++i) map.emplace(std::string_view(text).substr(0, i), 1);
        return map;
      },
      bytes);
}

// 151,669 tokens. Only tokenizers that ignore merges look up whole words, which takes another table.
TEST(TokenizerBytes, AreWhatARealVocabularyTakes) {
  BpeVocabulary v = load_tokenizer_json(std::filesystem::path(VLMT_TEST_UNPACKED) / "text" / "qwen3.json");
  const auto bytes = [](const BpeTokenizer& t) { return t.bytes(); };
  for (const bool whole_words : {false, true}) {
    SCOPED_TRACE(whole_words);
    v.ignore_merges = whole_words;
    expect_honest([&] { return BpeTokenizer(v); }, bytes);
  }
  v.ignore_merges = false;
  EXPECT_LT(BpeTokenizer(v).bytes(), std::size_t{7} << 20);
}

TEST(TokenizerBytes, CountNamesAndPatterns) {
  const auto path = std::filesystem::path(VLMT_TEST_DATA) / "text" / "tiny.json";
  BpeVocabulary v = load_tokenizer_json(path);
  const std::size_t before = BpeTokenizer(v).bytes();
  v.pre = PreTokenizer::regex;
  v.pattern = "[a-z]+|" + std::string(1000, 'x');
  const std::size_t with_pattern = BpeTokenizer(v).bytes();
  EXPECT_GT(with_pattern, before + 1000);
  v.tokens.push_back("<|" + std::string(5000, 'y') + "|>");
  v.types.push_back(TokenType::control);
  EXPECT_GT(BpeTokenizer(v).bytes(), with_pattern + 2 * 5000);  // stored twice: for encoding and for decoding
}

TEST(TokenizerBytes, ArePartOfTheModelsPlan) {
  const auto model = ChatModel<Qwen3VL>::open(golden::folder("qwen3vl") + "/model.gguf");
  const SessionOptions options{.context = 256};
  const MemoryPlan network = plan_memory(model.vlm(), options, 0, 2), chat = plan_memory(model, options, 0, 2);
  EXPECT_EQ(network.tokenizer, 0u);
  EXPECT_EQ(chat.tokenizer, model.tokenizer().bytes());
  EXPECT_EQ(chat.total(), network.total() + chat.tokenizer);
  try {
    check_fits(chat, chat.total() - 1);
    FAIL();
  } catch (const LimitError& e) {
    EXPECT_NE(std::string(e.what()).find("tokenizer 1 MiB"), std::string::npos) << e.what();
  }
  EXPECT_NO_THROW(check_fits(chat, chat.total()));
}

}  // namespace
}  // namespace vlmt
