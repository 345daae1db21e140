// Compiles the function bodies of io/ once; see VLMT_BODY in vlmt/base/config.hpp.
#define VLMT_DEFINE_BODIES 1
#include "vlmt/io/draw_places.hpp"
#include "vlmt/io/frame_folder.hpp"
#include "vlmt/io/gguf.hpp"
#include "vlmt/io/load_image.hpp"
#include "vlmt/io/mapped_file.hpp"
#include "vlmt/io/output_file.hpp"
#include "vlmt/io/safetensors.hpp"
#include "vlmt/io/write_png.hpp"
