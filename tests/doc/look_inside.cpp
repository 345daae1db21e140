// Examples of docs/look-inside.md.
#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <vlmt/vlmt.hpp>

struct Norms {
  std::vector<double>* by_layer;
  void hidden(std::size_t layer, vlmt::TensorView<const float, 2> x) const {  // (tokens, hidden)
    double sum = 0.0;
    for (const float v : std::span(x.data(), x.count())) sum += static_cast<double>(v) * static_cast<double>(v);
    by_layer->at(layer) += sum;
  }
  void vision(std::size_t /*block*/, vlmt::TensorView<const float, 2> /*x*/) const {}  // (patches, hidden)
};

void probe(const vlmt::ChatModel<vlmt::Qwen3VL>& model) {
  std::vector<double> by_layer(1 + model.vlm().config().layers);
  vlmt::Session probed(model, vlmt::SessionOptions{}, Norms{&by_layer});
  probed.ask("Hello");
}

double scores(vlmt::Session<vlmt::Qwen3VL>& session) {
  const std::vector<vlmt::TokenLogProb> text = session.score("The sky is", " blue");
  std::vector<vlmt::ChatMessage> messages{{vlmt::Role::user, {vlmt::image("cat.jpg"), "What is this?"}}};
  const std::vector<vlmt::TokenLogProb> answer = session.score(messages, "A cat.");
  const std::vector<float> embedding = session.embed("The sky is blue");
  auto fork = session.fork();  // the same conversation, from here on alone
  return static_cast<double>(text.size() + answer.size() + embedding.size() + fork.history().size());
}

vlmt::GenerateOptions processors() {
  vlmt::GenerateOptions options;
  options.sampling.processors.push_back([](std::span<float> logits, std::span<const int> tokens) {
    if (!tokens.empty()) logits[static_cast<std::size_t>(tokens.back())] -= 1.0f;
  });
  return options;
}

std::string own_features(const vlmt::ChatModel<vlmt::Qwen3VL>& model, vlmt::Session<vlmt::Qwen3VL>& session) {
  const vlmt::TextConfig& c = model.vlm().config();
  auto features = std::make_shared<vlmt::VisionFeatures>();
  features->slices = 1;
  features->grid_h = 2;
  features->grid_w = 3;
  features->data = vlmt::share(vlmt::make_tensor<float>(1 + c.deepstack_layers, 6, c.hidden));
  vlmt::Sequence sequence = session.tokenize("Before the image. ");
  sequence.append(features, 0, model.image_token().value());
  const vlmt::Reply reply = session.complete(sequence);
  return reply.text;
}

void throw_on_assertions() {
  vlmt::set_assert_handler([](const char* condition, const char* file, int line) {
    throw std::logic_error(std::string(file) + ":" + std::to_string(line) + ": " + condition);
  });
}
