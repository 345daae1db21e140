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

#include "vlmt/base/checked.hpp"
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
[[gnu::noinline]] void* operator new(std::size_t n, std::align_val_t alignment) {
  const auto align = static_cast<std::size_t>(alignment);
  void* p = std::aligned_alloc(align, vlmt::round_up(n == 0 ? 1 : n, align));
  if (p == nullptr) throw std::bad_alloc();
  count(p, 1);
  return p;
}
[[gnu::noinline]] void operator delete(void* p, std::align_val_t) noexcept {
  operator delete(p);
}
[[gnu::noinline]] void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
  operator delete(p);
}
// By default these call those above; a sanitizer's do not.
[[gnu::noinline]] void* operator new(std::size_t n, const std::nothrow_t&) noexcept {
  void* p = std::malloc(n == 0 ? 1 : n);
  if (p != nullptr) count(p, 1);
  return p;
}
[[gnu::noinline]] void* operator new[](std::size_t n, const std::nothrow_t& no_throw) noexcept {
  return operator new(n, no_throw);
}
[[gnu::noinline]] void* operator new[](std::size_t n) {
  return operator new(n);
}
[[gnu::noinline]] void operator delete[](void* p) noexcept {
  operator delete(p);
}
[[gnu::noinline]] void operator delete[](void* p, std::size_t) noexcept {
  operator delete(p);
}
[[gnu::noinline]] void* operator new[](std::size_t n, std::align_val_t alignment) {
  return operator new(n, alignment);
}
[[gnu::noinline]] void operator delete[](void* p, std::align_val_t) noexcept {
  operator delete(p);
}
[[gnu::noinline]] void operator delete[](void* p, std::size_t, std::align_val_t) noexcept {
  operator delete(p);
}

namespace vlmt {
namespace memory_test {
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

TEST(FeatureCacheBytes, ArePartOfThePlanOfAVisionModel) {
  const std::string folder = golden::folder("qwen3vl");
  const auto model = ChatModel<Qwen3VL>::open(folder + "/model.gguf", folder + "/mmproj.gguf");
  const SessionOptions options{.context = 256, .feature_cache_bytes = 123456};
  const MemoryPlan plan = plan_memory(model, options, 0, 2);
  EXPECT_EQ(plan.feature_cache, 123456u);
  EXPECT_EQ(plan.total(), plan.weights + plan.tokenizer + plan.kv_cache + plan.workspace + 123456);
  const auto text_only = ChatModel<Qwen3VL>::open(folder + "/model.gguf");
  EXPECT_EQ(plan_memory(text_only, options, 0, 2).feature_cache, 0u);
}

// Images of one size until the cache has dropped some: what it holds is the plan, less part of an image.
TEST(FeatureCacheBytes, AreWhatAFullCacheHolds) {
  const std::string folder = golden::folder("qwen3vl");
  OmpTeam team(1);
  auto model = Vlm<Qwen3VL>::open(folder + "/model.gguf", folder + "/mmproj.gguf");
  model.load(team);
  Image image;
  image.width = image.height = image.original_width = image.original_height = 128;
  image.rgb.resize(128 * 128 * 3);
  std::vector<std::weak_ptr<const VisionFeatures>> made;
  const auto encode = [&](VisionRunner<Qwen3VL, OmpTeam>& vision, std::uint8_t shade) {
    image.rgb[0] = shade;
    const auto features = vision.encode(image);
    made.push_back(features);
    return features->bytes();
  };
  VisionOptions options;
  options.cache_bytes = 0;
  std::size_t one = 0;
  {
    VisionRunner<Qwen3VL, OmpTeam> vision(model, team, options);
    one = encode(vision, 0);
  }
  options.cache_bytes = 3 * one + one / 2;
  VisionRunner<Qwen3VL, OmpTeam> vision(model, team, options);
  for (std::uint8_t shade = 0; shade < 10; ++shade) encode(vision, shade);
  EXPECT_EQ(vision.cached_bytes(), 3 * one);
  std::size_t held = 0;
  for (const auto& features : made) held += features.expired() ? 0 : features.lock()->bytes();
  EXPECT_EQ(held, 3 * one);
}

/// The message of the LimitError that f() throws; empty if it throws none.
template <class F>
std::string limit_error(F&& f) {
  try {
    f();
  } catch (const LimitError& e) {
    return e.what();
  }
  return {};
}

// A session was never compared with what the model was loaded for.
TEST(SessionMemory, IsCheckedAgainstTheBudgetOfTheModel) {
  const std::string folder = golden::folder("qwen3vl"), file = folder + "/model.gguf", mmproj = folder + "/mmproj.gguf";
  constexpr std::size_t pixels = 256 * 256;
  LoadOptions options{.threads = 1, .session = {.context = 256, .threads = 2}, .image_pixels = pixels};
  const MemoryPlan plan = plan_memory(ChatModel<Qwen3VL>::open(file, mmproj, weights_for(options.session.numerics)),
                                      options.session, pixels, 2);
  options.memory_limit = plan.total() - 1;
  EXPECT_NE(limit_error([&] { load<Qwen3VL>(file, mmproj, options); }), "");
  options.memory_limit = plan.total();
  const auto model = load<Qwen3VL>(file, mmproj, options);
  EXPECT_NO_THROW(Session(model, options.session).fork());
  // Each is larger by one thing.
  std::vector<SessionOptions> larger(4, options.session);
  larger[0].context = 512;
  larger[1].threads = 3;
  larger[2].chunk = 512;
  larger[2].context = 512;
  larger[3].feature_cache_bytes += 1;
  for (const SessionOptions& session : larger) {
    const std::string refusal = limit_error([&] { Session(model, session); });
    EXPECT_NE(refusal.find("`memory`: the model and the session do not fit into memory"), std::string::npos) << refusal;
    EXPECT_NE(refusal.find("KV cache"), std::string::npos) << refusal;
  }
  OmpTeam team(2);
  using Runner = Runner<Qwen3VL, OmpTeam>;
  EXPECT_EQ(limit_error([&] { Runner(model.vlm(), team, {.context = 256}); }), "");
  const std::size_t many = plan.total() / 64;
  EXPECT_NE(limit_error([&] { Runner(model.vlm(), team, {.context = many}); }), "");
}

TEST(SessionMemory, IsCheckedAgainstWhatIsAvailable) {
  const auto model = load<Qwen3VL>(golden::folder("qwen3vl") + "/model.gguf", {}, {.session = {.context = 64}});
  const SessionOptions whole{.context = std::size_t{1} << 24, .key_format = F32::type_id, .value_format = F32::type_id};
  const std::string refusal = limit_error([&] { Session(model, whole); });
  EXPECT_NE(refusal.find(", limit: "), std::string::npos) << refusal;
  EXPECT_NO_THROW(Session(model, {.context = 8192}));
}

TEST(CheckFits, NamesTheLimit) {
  const MemoryPlan plan{.weights = std::size_t{5} << 20, .feature_cache = std::size_t{3} << 20};
  const std::string refusal = limit_error([&] {
    check_fits(plan, MemoryLimit{std::size_t{4} << 20, "memory.max of /sys/fs/cgroup/a"});
  });
  EXPECT_NE(refusal.find("feature cache 3 MiB"), std::string::npos) << refusal;
  EXPECT_NE(refusal.find("(expected at most 4 MiB, limit: memory.max of /sys/fs/cgroup/a, found 8 MiB)"),
            std::string::npos)
      << refusal;
}

}  // namespace
}  // namespace memory_test
}  // namespace vlmt
