// Example of docs/grammars.md.
#include <string>

#include <vlmt/runtime/grammar_constraint.hpp>
#include <vlmt/vlmt.hpp>

std::string receipt(const vlmt::ChatModel<vlmt::Qwen3VL>& model, vlmt::Session<vlmt::Qwen3VL>& session,
                    const std::string& schema) {
  const auto tokens = vlmt::token_vocabulary(model);  // once for each model
  vlmt::GenerateOptions options;
  options.constraint = vlmt::constrain_to({vlmt::Grammar::json_schema(schema), tokens});
  const vlmt::Reply reply = session.ask({vlmt::image("receipt.png"), "Read this receipt."}, {}, options);
  return reply.text;
}
