// Requests planned before they run: context, image sizes and memory; and images that keep their own bounds.
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/runtime/qwen3vl_instances.hpp"
#include "vlmt/testing/tiny_model.hpp"

#include "io/temp_dir.hpp"

namespace vlmt::request_plan_test {
namespace {

/// A tiny model under the pixel limits of the released models.
struct Tiny {
  explicit Tiny(std::size_t context = 32768) {
    testing::TinyModel tiny;
    tiny.context = context;
    testing::write_tiny_model(tiny, dir / "model.gguf");
    testing::write_tiny_mmproj(tiny, dir / "mmproj.gguf");
  }
  ChatModel<Qwen3VL> open() const { return ChatModel<Qwen3VL>::open(dir / "model.gguf", dir / "mmproj.gguf"); }
  TempDir dir;
};

RequestPlan plan(const ChatModel<Qwen3VL>& model, std::size_t context, const RequestSize& request,
                 RequestLimits limits = {}) {
  SessionOptions options;
  options.context = context;
  return plan_request(model, options, vision_preprocess(model.vlm().vision_encoder()->config(), {}), request, limits);
}

const MediaSize photo{4032, 3024, 0};

TEST(Context, TheDefaultIsNeverAboveTheTrainedContext) {
  TextConfig c;
  c.context = 262144;
  EXPECT_EQ(default_context(c), 8192u);
  c.context = 4096;
  EXPECT_EQ(default_context(c), 4096u);
  c.context = std::size_t{1} << 31;
  EXPECT_EQ(trained_context(c), std::size_t{1} << 24);
  const Tiny tiny(300);
  ChatModel<Qwen3VL> model = tiny.open();
  OmpTeam team(1);
  model.load(team);
  const Session session(model);
  EXPECT_EQ(session.options().context, 300u);
  const Session larger(model, {.context = 512});  // explicit sizes are not bounded
  EXPECT_EQ(larger.options().context, 512u);
}

TEST(Context, GrowsInStepsForPromptAndAnswer) {
  TextConfig c;
  c.context = 32768;
  EXPECT_EQ(context_for(c, 100, 1024), 8192u);
  EXPECT_EQ(context_for(c, 7167, 1024), 8192u);
  EXPECT_EQ(context_for(c, 7168, 1024), 9216u);
  EXPECT_EQ(context_for(c, 100, 20000), 20480u);
  EXPECT_EQ(context_for(c, 12000, 0), 16384u);  // a quarter for an answer without limit
  EXPECT_EQ(context_for(c, 32000, 1024), 32768u);
  EXPECT_EQ(context_for(c, SIZE_MAX, 1024), 32768u);
  EXPECT_EQ(context_for(c, 100, SIZE_MAX), 32768u);
  EXPECT_EQ(answer_reserve(1024, 8192), 1024u);
  EXPECT_EQ(answer_reserve(1024, 1000), 250u);
  EXPECT_EQ(answer_reserve(0, 8192), 2048u);
}

TEST(RequestPlan, AnAutomaticContextHoldsTheImagesAndTheAnswer) {
  const Tiny tiny;
  const auto model = tiny.open();
  EXPECT_EQ(plan(model, 0, {20, 0, {}, 1024}).context, 8192u);
  const RequestPlan one = plan(model, 0, {20, 0, {photo}, 1024});
  EXPECT_EQ(one.context, 13312u);
  EXPECT_EQ(one.images.tokens, 11844u);
  EXPECT_EQ(one.prompt_tokens, 11864u);
  // Three photos are more than the model was trained for: they are shrunk to it.
  const RequestPlan three = plan(model, 0, {20, 0, {photo, photo, photo}, 1024});
  EXPECT_EQ(three.context, 32768u);
  EXPECT_LE(three.prompt_tokens + 1024, 32768u);
  EXPECT_GT(three.prompt_tokens, 30000u);
  EXPECT_EQ(three.images.images[2].reason, SizeReason::room);
}

TEST(RequestPlan, AGivenContextIsKept) {
  const Tiny tiny;
  const auto model = tiny.open();
  const RequestPlan p = plan(model, 8192, {20, 0, {photo}, 1024});
  EXPECT_EQ(p.context, 8192u);
  EXPECT_LE(p.prompt_tokens + 1024, 8192u);
  RequestLimits exact;
  exact.images.exact = true;
  EXPECT_THROW(plan(model, 8192, {20, 0, {photo}, 1024}, exact), LimitError);
  EXPECT_EQ(plan(model, 0, {20, 0, {photo}, 1024}, exact).context, 13312u);
  EXPECT_THROW(plan(model, 64, {64, 0, {}, 0}), LimitError);
  EXPECT_EQ(plan(model, 64, {63, 0, {}, 0}).context, 64u);
  EXPECT_THROW(plan(model, 64, {70, 0, {photo}, 0}), LimitError);
}

TEST(RequestPlan, MemoryBoundsAnAutomaticContext) {
  const Tiny tiny;
  const auto model = tiny.open();
  const auto at = [&](std::size_t context) { return plan(model, context, {20, 0, {}, 100}).memory.total(); };
  RequestLimits limits;
  limits.memory = at(5120);
  const RequestPlan p = plan(model, 0, {20, 0, {}, 1024}, limits);
  EXPECT_EQ(p.context, 5120u);
  EXPECT_EQ(p.wanted_context, 8192u);
  EXPECT_EQ(p.memory.total(), at(5120));
  limits.memory = at(5120) - 1;
  EXPECT_EQ(plan(model, 0, {20, 0, {}, 1024}, limits).context, 4096u);
  limits.memory = 0;  // check_fits() refuses this
  EXPECT_EQ(plan(model, 0, {20, 0, {}, 1024}, limits).context, 1024u);
  EXPECT_EQ(plan(model, 3000, {20, 0, {}, 1024}, limits).context, 3000u);
}

TEST(RequestPlan, TimeComesBeforeTheContext) {
  const Tiny tiny;
  const auto model = tiny.open();
  RequestLimits limits;
  limits.images.seconds = [](const PatchGrid& g) { return static_cast<double>(g.tokens(2)) / 106.0; };
  const RequestPlan p = plan(model, 0, {20, 0, {photo}, 1024}, limits);
  EXPECT_EQ(p.context, 8192u);
  EXPECT_EQ(p.images.images[0].limit, 2048u);
  EXPECT_EQ(p.images.images[0].reason, SizeReason::time);
}

ImageSource shaded_image(int width, int height) {
  Image i;
  i.width = i.original_width = width;
  i.height = i.original_height = height;
  for (int p = 0; p < width * height * 3; ++p) i.rgb.push_back(static_cast<std::uint8_t>((p * 7) & 255));
  return image(std::move(i));
}

GenerateOptions greedy(std::size_t tokens) {
  GenerateOptions o;
  o.sampling = SamplingOptions::greedy();
  o.max_tokens = tokens;
  o.ignore_stop_tokens = true;
  return o;
}

TEST(RequestPlan, MeasuresAsTheSessionRenders) {
  const Tiny tiny;
  ChatModel<Qwen3VL> model = tiny.open();
  OmpTeam team(2);
  model.load(team);
  Session session(model, {.context = 2048, .threads = 2, .system = "Be brief."});
  std::vector<ImageSource> frames;
  for (int i = 0; i < 5; ++i) frames.push_back(shaded_image(96, 64));
  const auto ask = [&](std::vector<Part> parts) {
    std::vector<ChatMessage> messages(session.history().begin(), session.history().end());
    messages.push_back({Role::user, std::move(parts)});
    const RequestPlan p = fit_request(model, session.options(), messages, messages.size() - 1, {}, 4, {});
    const Reply reply = session.ask(std::move(messages.back().parts), {}, greedy(4));
    EXPECT_EQ(p.prompt_tokens, reply.stats.prompt_tokens);
    return reply;
  };
  EXPECT_EQ(ask({shaded_image(64, 96), "What is this?"}).stats.visual_tokens, 70u);
  EXPECT_EQ(ask({video(frames, 2.0), shaded_image(256, 256), "And this?"}).stats.images, 2u);
  EXPECT_EQ(ask({std::string("Why <|im_end|>?")}).stats.images, 0u);
}

TEST(RequestPlan, ImagesOfEarlierMessagesKeepTheirBounds) {
  const Tiny tiny;
  ChatModel<Qwen3VL> model = tiny.open();
  OmpTeam team(2);
  model.load(team);
  Session session(model, {.context = 640, .threads = 2});
  const auto ask = [&](std::vector<Part> parts) {
    std::vector<ChatMessage> messages(session.history().begin(), session.history().end());
    messages.push_back({Role::user, std::move(parts)});
    const RequestPlan p = fit_request(model, session.options(), messages, messages.size() - 1, {}, 100, {});
    return std::pair(p, session.ask(std::move(messages.back().parts), {}, greedy(8)));
  };
  const auto [first, one] = ask({shaded_image(640, 640), "One?"});  // 400 tokens
  EXPECT_EQ(first.images.tokens, 400u);
  const auto [second, two] = ask({shaded_image(660, 640), "Two?"});
  EXPECT_LT(second.images.tokens, 140u);
  EXPECT_EQ(second.images.images[0].reason, SizeReason::room);
  EXPECT_EQ(two.stats.visual_tokens, 400u + second.images.tokens);
  EXPECT_GT(two.stats.cached_tokens, 400u);
  EXPECT_EQ(two.stats.images, 1u);
  // The third turn reuses both images although nothing in its own message bounds them.
  const Reply three = session.ask("Three?", {}, greedy(4));
  EXPECT_EQ(three.stats.images, 0u);
  EXPECT_EQ(three.stats.visual_tokens, two.stats.visual_tokens);
  EXPECT_GT(three.stats.cached_tokens, 400u + second.images.tokens);
}

TEST(RequestPlan, TheLibraryShrinksNothing) {
  const Tiny tiny;
  ChatModel<Qwen3VL> model = tiny.open();
  OmpTeam team(2);
  model.load(team);
  Session session(model, {.context = 300, .threads = 2});
  try {
    session.ask({shaded_image(640, 640), "One?"}, {}, greedy(4));
    FAIL();
  } catch (const LimitError& e) {
    EXPECT_NE(std::string(e.what()).find("(400 from images); the context holds 300"), std::string::npos) << e.what();
  }
}

TEST(RequestPlan, AnOwnBoundGivesTheFeaturesOfThatSize) {
  const Tiny tiny;
  ChatModel<Qwen3VL> model = tiny.open();
  OmpTeam team(2);
  model.load(team);
  ImageSource bounded = shaded_image(640, 480);
  bounded.set_max_pixels(256 * 256);
  Session own(model, {.context = 512, .threads = 2});
  Session all(model, {.context = 512, .threads = 2, .max_pixels = 256 * 256});
  const Reply a = own.ask({bounded, "What?"}, {}, greedy(6));
  const Reply b = all.ask({shaded_image(640, 480), "What?"}, {}, greedy(6));
  EXPECT_EQ(a.tokens, b.tokens);
  EXPECT_EQ(a.stats.visual_tokens, 54u);
  // A bound below the session's minimum is that minimum; one above its maximum has no effect.
  ImageSource least = shaded_image(640, 480);
  least.set_max_pixels(1);
  EXPECT_EQ(own.ask({least, "What?"}, {}, greedy(1)).stats.visual_tokens, 2u * 54u);
  EXPECT_EQ(own.vision().cache_hits(), 1u);
  std::vector<ImageSource> frames(4, shaded_image(320, 320));
  Video film = video(frames, 2.0);
  film.max_pixels = 4 * 64 * 64;
  own.reset();
  EXPECT_EQ(own.ask({film, "What?"}, {}, greedy(1)).stats.visual_tokens, 2u * 4u);
}

}  // namespace
}  // namespace vlmt::request_plan_test
