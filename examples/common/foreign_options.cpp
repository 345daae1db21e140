// See foreign_options.hpp.
#include "foreign_options.hpp"

namespace programs {
namespace {

using OptionKind = ForeignOption::Kind;

/// Names are separated by spaces.
struct Row {
  OptionKind kind;
  std::string_view names;
  std::string_view text;
};

constexpr Row rows[] = {
    {OptionKind::alias, "--ctx-size", "--context"},
    {OptionKind::alias, "--n-predict --predict", "--max-tokens"},
    {OptionKind::alias, "--n-gen", "--tokens"},
    {OptionKind::alias, "--n-prompt", "--prompt"},
    {OptionKind::alias, "--n-depth", "--depth"},
    {OptionKind::alias, "--repetitions", "--runs"},
    {OptionKind::alias, "--temperature", "--temp"},
    {OptionKind::alias, "--repeat-penalty", "--repetition-penalty"},
    {OptionKind::alias, "--image-min-tokens", "--min-image-tokens"},
    {OptionKind::alias, "--image-max-tokens", "--max-image-tokens"},
    {OptionKind::alias, "-sys --system-prompt", "--system"},
    {OptionKind::alias, "-ctk --cache-type-k", "--kv-keys"},
    {OptionKind::alias, "-ctv --cache-type-v", "--kv-values"},
    {OptionKind::alias, "-mm", "--mmproj"},
    {OptionKind::alias, "-s", "--seed"},
    {OptionKind::alias, "-r --reverse-prompt", "--stop"},
    {OptionKind::alias, "-cnv --conversation -if --interactive-first", "--interactive"},
    {OptionKind::alias, "-ub --ubatch-size", "--chunk"},
    {OptionKind::alias, "--verbose --perf --show-timings", "--stats"},

    {OptionKind::ignored_value,
     "-ngl --gpu-layers --n-gpu-layers -dev --device -sm --split-mode -ts --tensor-split -mg --main-gpu",
     "vlmt has no GPU build; everything runs on the processor"},
    {OptionKind::ignored_value, "-ot --override-tensor -ncmoe --n-cpu-moe",
     "vlmt has no GPU build; everything runs on the processor"},
    {OptionKind::ignored, "-cmoe --cpu-moe -nkvo --no-kv-offload -kvo --kv-offload --no-mmproj-offload --mmproj-offload",
     "vlmt has no GPU build; everything runs on the processor"},
    {OptionKind::ignored, "--mmap --no-mmap", "weights are packed into memory; --packed-cache maps them instead"},
    {OptionKind::ignored, "--mlock", "memory is not locked"},
    {OptionKind::ignored, "--jinja --no-jinja", "the chat template is always used"},
    {OptionKind::ignored_optional, "-fa --flash-attn", "attention always works in one pass"},
    {OptionKind::ignored_optional, "-co --color --colors", "output has no colours"},
    {OptionKind::ignored, "-no-cnv --no-conversation -st --single-turn", "a prompt is answered once unless -i is given"},
    {OptionKind::ignored, "-mli --multiline-input", "a pasted text of several lines is one message"},
    {OptionKind::ignored, "--simple-io --warmup --no-warmup --display-prompt --no-display-prompt --log-disable --no-perf",
     "there is nothing to switch"},
    {OptionKind::ignored, "--no-context-shift -kvu --kv-unified --no-escape", "this is how vlmt works"},
    {OptionKind::ignored_value, "-b --batch-size", "prompts are computed in chunks; the option is --chunk"},
    {OptionKind::ignored_value, "-tb --threads-batch", "prompts and answers use the same threads; the option is --threads"},
    {OptionKind::ignored_value, "--numa --prio --poll -C --cpu-mask -Cr --cpu-range --cpu-strict -lv --log-verbosity",
     "there is nothing to switch; taskset and numactl place threads and memory"},
    {OptionKind::ignored_value, "--keep -np --parallel --keepalive", "vlmt keeps one conversation whole, while it runs"},

    {OptionKind::refused, "-hf -hfr --hf-repo -hff --hf-file -mu --model-url -mmu --mmproj-url -dr --docker-repo",
     "vlmt downloads nothing: download the model and its mmproj file, and pass them with --model and --mmproj"},
    {OptionKind::refused, "--lora --lora-scaled --control-vector --control-vector-scaled",
     "adapters are not supported: merge it into the model"},
    {OptionKind::refused, "--grammar-file", "the rules of docs/grammars.md are read by --grammar FILE of vlmt-chat"},
    {OptionKind::refused, "-j --json-schema -jf --json-schema-file",
     "vlmt-chat --schema FILE reads a JSON Schema from a file"},
    {OptionKind::refused,
     "--rope-scaling --rope-scale --rope-freq-base --rope-freq-scale --yarn-orig-ctx --yarn-ext-factor "
     "--yarn-attn-factor --yarn-beta-slow --yarn-beta-fast",
     "rotary positions cannot be scaled"},
    {OptionKind::refused, "--override-kv", "keys of the model cannot be overridden"},
    {OptionKind::refused, "-md --model-draft --draft --draft-max --draft-min", "there is no speculative decoding"},
    {OptionKind::refused,
     "--mirostat --mirostat-lr --mirostat-ent --typical --xtc-probability --xtc-threshold --dry-multiplier --dry-base "
     "--dynatemp-range --dynatemp-exp --top-nsigma --samplers --sampling-seq --sampler-seq -l --logit-bias",
     "there is no such sampler; there are --temp, --top-k, --top-p, --min-p and penalties"},
    {OptionKind::refused, "--repeat-last-n", "penalties count all tokens of the conversation"},
    {OptionKind::refused, "-f --file -bf --binary-file", "pipe the file: it comes before the prompt"},
    {OptionKind::refused, "-sysf --system-prompt-file", "the option is --system \"$(cat FILE)\""},
    {OptionKind::refused, "-e --escape", "escapes in a prompt are not decoded; in bash $'...' does it"},
    {OptionKind::refused, "--prompt-cache --prompt-cache-all", "prompts are not kept on disk"},
    {OptionKind::refused, "--audio", "vlmt reads images and videos, no audio"},
    {OptionKind::refused, "--video", "the option is --frames, with a folder of the video's frames as image files"},
    {OptionKind::refused, "--host --port", "there is no server"},
};

bool has_name(std::string_view names, std::string_view name) {
  while (!names.empty()) {
    const std::size_t end = names.find(' ');
    if (names.substr(0, end) == name) return true;
    names = end == std::string_view::npos ? "" : names.substr(end + 1);
  }
  return false;
}

}  // namespace

std::optional<ForeignOption> find_foreign_option(std::string_view name) {
  for (const Row& row : rows) {
    if (has_name(row.names, name)) return ForeignOption{row.kind, row.text};
  }
  return std::nullopt;
}

}  // namespace programs
