// Functions that are compiled once; see VLMT_BODY in vlmt/base/config.hpp.
#define VLMT_DEFINE_BODIES 1
#include "vlmt/model/gguf_vocabulary.hpp"
#include "vlmt/model/model_pair.hpp"
#include "vlmt/model/packed_cache.hpp"
#include "vlmt/model/text_config.hpp"
#include "vlmt/model/vision_config.hpp"
#include "vlmt/model/weight_source.hpp"
#include "vlmt/runtime/available_memory.hpp"
#include "vlmt/runtime/content_key.hpp"
#include "vlmt/runtime/sampler.hpp"
