// A session with a probe sees the vision encoder and every step of the decoder, and answers as without one.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "vlmt/exec/omp_team.hpp"
#include "vlmt/runtime/qwen3vl_instances.hpp"

#include "golden_case.hpp"

namespace vlmt {
namespace session_probe_test {
namespace {

/// Rows that a probe has seen.
struct Seen {
  std::vector<std::size_t> layers;
  std::size_t rows = 0;
  std::size_t blocks = 0;
};

struct Counting {
  Seen* seen;
  void hidden(std::size_t layer, TensorView<const float, 2> x) const {
    seen->layers.push_back(layer);
    if (layer == 0) seen->rows += x.extent(0);
  }
  void vision(std::size_t, TensorView<const float, 2>) const { ++seen->blocks; }
};

Reply ask(auto& session) {
  Image image;
  image.width = image.height = image.original_width = image.original_height = 64;
  image.rgb.assign(64 * 64 * 3, 120);
  GenerateOptions g;
  g.sampling = SamplingOptions::greedy();
  g.max_tokens = 5;
  g.ignore_stop_tokens = true;
  return session.ask({vlmt::image(image), Part(std::string("What is this?"))}, {}, g);
}

const ChatModel<Qwen3VL>& golden_model() {
  static const ChatModel<Qwen3VL> loaded = [] {
    ChatModel<Qwen3VL> model =
        ChatModel<Qwen3VL>::open(golden::folder("qwen3vl") + "/model.gguf", golden::folder("qwen3vl") + "/mmproj.gguf");
    OmpTeam team(2);
    model.load(team);
    return model;
  }();
  return loaded;
}

TEST(SessionProbe, SeesVisionAndEveryStep) {
  const ChatModel<Qwen3VL>& model = golden_model();
  SessionOptions o;
  o.context = 512;
  o.threads = 2;
  Seen seen;
  Session plain(model, o);
  Session probed(model, o, Counting{&seen});
  const Reply reply = ask(probed);
  EXPECT_EQ(reply.tokens, ask(plain).tokens);
  EXPECT_EQ(seen.blocks, model.vlm().vision_encoder()->config().depth);
  // The prompt, and each token but the last, which no step has read.
  EXPECT_EQ(seen.rows, reply.stats.prompt_tokens + reply.tokens.size() - 1);
  EXPECT_EQ(seen.layers.size(), (1 + model.vlm().config().layers) * reply.tokens.size());
  const std::size_t before = seen.layers.size();
  auto fork = probed.fork();
  ask(fork);
  EXPECT_GT(seen.layers.size(), before);
}

/// Checks that each row of weights is a distribution over the slots up to its own.
struct Weights {
  std::size_t* calls;
  void attention(std::size_t, TensorView<const float, 3> w) const {
    const std::size_t heads = w.extent(0), rows = w.extent(1), slots = w.extent(2);
    ++*calls;
    for (std::size_t h = 0; h < heads; ++h) {
      for (std::size_t t = 0; t < rows; ++t) {
        double sum = 0.0;
        for (std::size_t k = 0; k < slots; ++k) {
          const float weight = w(h, t, k);
          ASSERT_GE(weight, 0.0f);
          if (k > slots - rows + t) {
            ASSERT_EQ(weight, 0.0f);
          }
          sum += static_cast<double>(weight);
        }
        ASSERT_NEAR(sum, 1.0, 1e-5);
      }
    }
  }
};

TEST(SessionProbe, SeesAttentionWeights) {
  const ChatModel<Qwen3VL>& model = golden_model();
  SessionOptions o;
  o.context = 128;
  o.chunk = 16;
  o.threads = 2;
  std::size_t calls = 0;
  Session plain(model, o);
  Session probed(model, o, Weights{&calls});
  const Reply reply = ask(probed);
  EXPECT_EQ(reply.tokens, ask(plain).tokens);
  const std::size_t chunks = (reply.stats.prompt_tokens + o.chunk - 1) / o.chunk;
  EXPECT_EQ(calls, model.vlm().config().layers * (chunks + reply.tokens.size() - 1));
}

// The greedy answer, scored after the same messages, is at each token at least as likely as any other token there.
TEST(SessionScore, TakesMessagesWithImages) {
  const ChatModel<Qwen3VL>& model = golden_model();
  SessionOptions o;
  o.context = 128;
  o.threads = 2;
  o.numerics = Numerics::exact;
  Session session(model, o);
  Image image;
  image.width = image.height = image.original_width = image.original_height = 64;
  image.rgb.assign(64 * 64 * 3, 120);
  const auto question = [&] {
    return std::vector<ChatMessage>{{Role::user, {vlmt::image(image), Part(std::string("What is this?"))}}};
  };
  const auto sum = [&](std::string_view answer) {
    auto messages = question();
    double total = 0.0;
    const std::vector<TokenLogProb> scores = session.score(messages, answer);
    EXPECT_EQ(scores.size(), model.tokenizer().encode(answer).size());
    for (const TokenLogProb& t : scores) total += static_cast<double>(t.log_prob);
    return total;
  };
  auto messages = question();
  GenerateOptions g;
  g.sampling = SamplingOptions::greedy();
  g.sampling.log_probs = true;
  g.max_tokens = 1;
  g.ignore_stop_tokens = true;
  const Reply reply = session.respond(messages, {}, {}, g);
  const std::string first(model.tokenizer().token_bytes(reply.tokens[0]));
  ASSERT_EQ(model.tokenizer().encode(first), reply.tokens);
  EXPECT_NEAR(sum(first), static_cast<double>(reply.log_probs[0].log_prob), 1e-4);
  EXPECT_LT(sum(first == "a" ? "b" : "a"), sum(first));
  EXPECT_THROW(sum(""), InputError);
}

}  // namespace
}  // namespace session_probe_test
}  // namespace vlmt
