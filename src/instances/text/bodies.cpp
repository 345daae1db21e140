// Compiles the function bodies of text/ once; see VLMT_BODY in vlmt/base/config.hpp.
#define VLMT_DEFINE_BODIES 1
#include "vlmt/text/bpe.hpp"
#include "vlmt/text/hf_json.hpp"
#include "vlmt/text/jinja/template.hpp"
#include "vlmt/text/nfc.hpp"
#include "vlmt/text/places/find_actions.hpp"
#include "vlmt/text/places/find_places.hpp"
#include "vlmt/text/places/json_snippet.hpp"
#include "vlmt/text/templates/qwen3vl.hpp"
#include "vlmt/text/tokenizer_json.hpp"
#include "vlmt/text/vocabulary.hpp"
