// Compiles grammars for scripts: grammar_suite.py, grammar_random.py and grammar_peers.py. Reads one JSON object from
// each line of stdin and writes one to stdout. It names a grammar: {"schema": ...}, {"regex": ...} or {"rules": ...},
// with options "space", "order", "formats". What it asks:
//   "texts": [...]     -> {"accepted": [...]}: whether each is a text of the grammar
//   "generate": n      -> {"texts": [...]}: n texts by random choice of tokens, "seed" optional; "unfinished"
//                         for one that 3,000 tokens did not bring to its end
//   "tokens": [[...]]  -> {"allowed": [[...]]}: for each list of token ids, the ids that may follow
// A grammar that is refused: {"error": "..."}.
// usage: grammar_tool [tokenizer.json]; without it, tokens are the bytes and some pairs of them
#include <cstdint>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "vlmt/base/error.hpp"
#include "vlmt/text/grammar/grammar.hpp"
#include "vlmt/text/grammar/matcher.hpp"
#include "vlmt/text/grammar/token_vocabulary.hpp"
#include "vlmt/text/tokenizer_json.hpp"

namespace {

using Json = nlohmann::ordered_json;

std::shared_ptr<const vlmt::TokenVocabulary> small_vocabulary() {
  std::vector<vlmt::TokenVocabulary::Token> tokens;
  for (int b = 0; b < 256; ++b) tokens.push_back({std::string(1, static_cast<char>(b))});
  for (const char* text :
       {"{\"", "\":", "\",\"", "\",", "\"}", "[{",  "},{",  "}]", "true", "false", "null", "\": \"", "10", "123",
        "0.",  "e+",  "\\u00", "\\n", "abc", "the", "name", "  ", "\n  ", ", ",    ": ",   "[[",     "]]"}) {
    tokens.push_back({text});
  }
  tokens.push_back({"<end>", vlmt::TokenUse::never});
  const int end = static_cast<int>(tokens.size()) - 1;
  return std::make_shared<const vlmt::TokenVocabulary>(std::move(tokens), std::vector<int>{end});
}

vlmt::Grammar compile(const Json& request) {
  if (request.contains("regex")) return vlmt::Grammar::regex(request["regex"].get<std::string>());
  if (request.contains("rules")) return vlmt::Grammar::rules(request["rules"].get<std::string>());
  vlmt::SchemaOptions options;
  const std::string space = request.value("space", "free"), order = request.value("order", "given");
  options.space = space == "compact"  ? vlmt::JsonSpace::compact
                  : space == "spaced" ? vlmt::JsonSpace::spaced
                                      : vlmt::JsonSpace::free;
  options.order = order == "any" ? vlmt::PropertyOrder::any : vlmt::PropertyOrder::given;
  options.formats = request.value("formats", true);
  options.closed_objects = request.value("closed", false);
  return vlmt::Grammar::json_schema(request["schema"].dump(), options);
}

std::vector<int> allowed(vlmt::Matcher& m, std::size_t tokens) {
  std::vector<std::uint32_t> mask(m.mask_words());
  m.fill_mask(mask);
  std::vector<int> out;
  for (std::size_t t = 0; t < tokens; ++t) {
    if ((mask[t / 32] >> (t % 32) & 1) != 0) out.push_back(static_cast<int>(t));
  }
  return out;
}

/// Tokens at random. After some of them, those that bring the text to its end are preferred: quotes, brackets, digits
/// that end a number.
std::string generate(const vlmt::TokenGrammar& grammar, std::mt19937& random) {
  vlmt::Matcher m(grammar);
  std::string text;
  while (!m.ended()) {
    std::vector<int> tokens = allowed(m, grammar.vocabulary().size());
    if (tokens.empty()) return "dead end: " + text;
    if (m.size() > 60) {
      std::vector<int> closing;
      for (const int t : tokens) {
        const std::string_view bytes = grammar.vocabulary().bytes(t);
        if (grammar.vocabulary().is_end(t)) closing = {t};
        if (grammar.vocabulary().is_end(t)) break;
        if (bytes == "\"" || bytes == "}" || bytes == "]" || bytes == "1" || bytes == "l" || bytes == "null")
          closing.push_back(t);
      }
      if (!closing.empty() && random() % 8 != 0) tokens = closing;
    }
    const int token = tokens[random() % tokens.size()];
    if (!m.accept(token)) return "refused: " + text;
    if (!m.ended()) text += grammar.vocabulary().bytes(token);
    if (m.size() > 3000) return "unfinished";
  }
  return text;
}

Json answer(const Json& request, const std::shared_ptr<const vlmt::TokenVocabulary>& vocabulary) {
  const vlmt::TokenGrammar grammar(compile(request), vocabulary);
  Json out = Json::object();
  if (request.contains("texts")) {
    Json results = Json::array();
    for (const Json& text : request["texts"]) {
      vlmt::Matcher m(grammar);
      results.push_back(m.accept_text(text.get<std::string>()) && m.complete());
    }
    out["accepted"] = std::move(results);
  }
  if (request.contains("generate")) {
    std::mt19937 random(request.value("seed", 1u));
    Json texts = Json::array();
    for (int i = 0; i < request["generate"].get<int>(); ++i) texts.push_back(generate(grammar, random));
    out["texts"] = std::move(texts);
  }
  if (request.contains("tokens")) {
    Json masks = Json::array();
    for (const Json& ids : request["tokens"]) {
      vlmt::Matcher m(grammar);
      bool good = true;
      for (const Json& id : ids) good = good && m.accept(id.get<int>());
      masks.push_back(good ? Json(allowed(m, vocabulary->size())) : Json(nullptr));
    }
    out["allowed"] = std::move(masks);
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const auto vocabulary = argc > 1 ? std::make_shared<const vlmt::TokenVocabulary>(vlmt::load_tokenizer_json(argv[1]))
                                     : small_vocabulary();
    for (std::string line; std::getline(std::cin, line);) {
      Json out;
      try {
        out = answer(Json::parse(line), vocabulary);
      } catch (const vlmt::Error& e) {
        out = Json{{"error", e.what()}};
      }
      std::cout << out.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
    }
  } catch (const std::exception& e) {
    std::cerr << "grammar_tool: " << e.what() << '\n';
    return 1;
  }
}
