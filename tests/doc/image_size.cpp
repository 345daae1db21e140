// Example of docs/image-size.md.
#include <utility>
#include <vector>

#include <vlmt/vlmt.hpp>

int main() {
  const auto model = vlmt::load<vlmt::Qwen3VL>("model.gguf", "mmproj.gguf");
  vlmt::Session chat(model, {.context = 8192});
  std::vector<vlmt::ChatMessage> messages(chat.history().begin(), chat.history().end());
  messages.push_back({vlmt::Role::user, {vlmt::image("photo.jpg"), "What is this?"}});
  vlmt::RequestLimits limits;
  limits.images.seconds = vlmt::encode_estimate(model.vlm(), {});  // leave it out to fit the room alone
  vlmt::fit_request(model, chat.options(), messages, messages.size() - 1, {}, 1024, limits);
  chat.ask(std::move(messages.back().parts));
}
