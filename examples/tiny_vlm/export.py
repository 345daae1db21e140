"""Exports trained weights as GGUF files with llama.cpp's tensor names (text model, vision encoder), or as a
transformers folder.

Types: f32, f16, bf16, q8_0. Norms, biases, the router and the position embeddings are always f32, the two patch
kernels at least f16.
"""

import argparse
import json
import pathlib

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as T
from safetensors.torch import save_file

from . import weights
from .chat import TEMPLATE, TOKENIZER
from .config import EXPERTS, MAX_PIXELS, MIN_PIXELS, TEXT, VISION, special, transformers_config
from .names import text_entries, vision_entries

FILE_TYPES = {
    "f32": gguf.LlamaFileType.ALL_F32,
    "f16": gguf.LlamaFileType.MOSTLY_F16,
    "bf16": gguf.LlamaFileType.MOSTLY_BF16,
    "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
}


class Writer:
    def __init__(self, path, architecture, kind):
        self.gguf = gguf.GGUFWriter(str(path), architecture)
        self.kind = kind
        self.gguf.add_file_type(FILE_TYPES[kind])
        self.gguf.add_quantization_version(gguf.GGML_QUANT_VERSION)

    def add(self, entries, state):
        """Adds tensors. In a q8_0 file, rows that are not a multiple of 32 become f16; in an f32 file all are f32."""
        for name, weight, part, kind in entries:
            a = np.ascontiguousarray(state[weight][part].detach().float().numpy())
            kind = (
                "f32"
                if self.kind == "f32"
                else kind or ("f16" if self.kind == "q8_0" and a.shape[-1] % 32 else self.kind)
            )
            if kind == "f32":
                self.gguf.add_tensor(name, a)
            elif kind == "f16":
                self.gguf.add_tensor(name, a.astype(np.float16))
            else:
                t = {"bf16": T.BF16, "q8_0": T.Q8_0}[kind]
                self.gguf.add_tensor(name, gguf.quants.quantize(a, t), raw_dtype=t)

    def close(self):
        self.gguf.write_header_to_file()
        self.gguf.write_kv_data_to_file()
        self.gguf.write_tensors_to_file()
        self.gguf.close()


def add_tokenizer(w, path):
    t = json.loads(pathlib.Path(path).read_text())
    size = TEXT["vocab_size"]
    tokens, types = [f"[PAD{i}]" for i in range(size)], [gguf.TokenType.UNUSED] * size
    for s, i in t["model"]["vocab"].items():
        tokens[i], types[i] = s, gguf.TokenType.NORMAL
    for a in t["added_tokens"]:
        tokens[a["id"]], types[a["id"]] = (
            a["content"],
            gguf.TokenType.CONTROL if a["special"] or a["content"].startswith("<|") else gguf.TokenType.USER_DEFINED,
        )
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("qwen2")
    w.add_token_list(tokens)
    w.add_token_types(types)
    w.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in t["model"]["merges"]])
    w.add_eos_token_id(special("<|im_end|>"))
    w.add_bos_token_id(special("<|endoftext|>"))
    w.add_pad_token_id(special("<|endoftext|>"))
    w.add_add_bos_token(False)
    w.add_chat_template(TEMPLATE.read_text())


def write_text(state, path, kind, name, tokenizer=TOKENIZER):
    moe = any("experts" in k for k in state)
    f = Writer(path, "qwen3vlmoe" if moe else "qwen3vl", kind)
    w, c = f.gguf, TEXT
    w.add_type("model")
    w.add_name(name)
    w.add_license("apache-2.0")
    w.add_block_count(c["num_hidden_layers"])
    w.add_context_length(c["max_position_embeddings"])
    w.add_embedding_length(c["hidden_size"])
    w.add_feed_forward_length(c["intermediate_size"])
    w.add_head_count(c["num_attention_heads"])
    w.add_head_count_kv(c["num_key_value_heads"])
    w.add_key_length(c["head_dim"])
    w.add_value_length(c["head_dim"])
    w.add_layer_norm_rms_eps(c["rms_norm_eps"])
    w.add_vocab_size(c["vocab_size"])
    w.add_rope_freq_base(c["rope_parameters"]["rope_theta"])
    w.add_rope_dimension_sections(c["rope_parameters"]["mrope_section"] + [0])
    w.add_num_deepstack_layers(len(VISION["deepstack_visual_indexes"]))
    if moe:
        w.add_expert_count(EXPERTS["num_experts"])
        w.add_expert_used_count(EXPERTS["num_experts_per_tok"])
        w.add_expert_feed_forward_length(EXPERTS["moe_intermediate_size"])
    add_tokenizer(w, tokenizer)
    f.add(text_entries(moe), state)
    f.close()


def write_vision(state, path, kind, name):
    f = Writer(path, "clip", kind)
    w, c = f.gguf, VISION
    w.add_type("mmproj")
    w.add_name(name)
    w.add_license("apache-2.0")
    w.add_clip_has_vision_encoder(True)
    w.add_clip_projector_type("qwen3vl_merger")
    w.add_vision_use_gelu(True)
    w.add_vision_image_size(int(c["num_position_embeddings"] ** 0.5) * c["patch_size"])
    w.add_vision_patch_size(c["patch_size"])
    w.add_vision_embedding_length(c["hidden_size"])
    w.add_vision_feed_forward_length(c["intermediate_size"])
    w.add_vision_projection_dim(c["out_hidden_size"])
    w.add_vision_block_count(c["depth"])
    w.add_vision_head_count(c["num_heads"])
    w.add_vision_attention_layernorm_eps(1e-6)
    w.add_vision_image_mean([0.5] * 3)
    w.add_vision_image_std([0.5] * 3)
    w.add_vision_spatial_merge_size(c["spatial_merge_size"])
    w.add_vision_is_deepstack_layers([i in c["deepstack_visual_indexes"] for i in range(c["depth"])])
    w.add_uint32("clip.vision.image_min_pixels", MIN_PIXELS)
    w.add_uint32("clip.vision.image_max_pixels", MAX_PIXELS)
    f.add(vision_entries(), state)
    f.close()


def write_transformers(state, folder, tokenizer=TOKENIZER):
    """Writes config.json, model.safetensors (float32), tokenizer.json and the chat template for
    Qwen3VL(Moe)ForConditionalGeneration."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(transformers_config(any("experts" in k for k in state)).to_json_string())
    save_file(
        {k: v.contiguous() for k, v in state.items()}, str(folder / "model.safetensors"), metadata={"format": "pt"}
    )
    (folder / "tokenizer.json").write_text(pathlib.Path(tokenizer).read_text())
    (folder / "chat_template.jinja").write_text(TEMPLATE.read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", help="folder of weights-*.safetensors")
    parser.add_argument("--text", help="file to write the text model to")
    parser.add_argument("--vision", help="file to write the vision encoder to")
    parser.add_argument("--transformers", help="folder to write for transformers")
    parser.add_argument("--type", choices=list(FILE_TYPES), default="q8_0")
    parser.add_argument("--name", default="tiny")
    o = parser.parse_args()
    state = {k: v.to(torch.float32) for k, v in weights.load_state(o.weights).items()}
    if o.text:
        write_text(state, o.text, o.type, o.name)
    if o.vision:
        write_vision(state, o.vision, o.type, o.name + " vision")
    if o.transformers:
        write_transformers(state, o.transformers)
    for path in filter(None, (o.text, o.vision)):
        print(f"{path}: {pathlib.Path(path).stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
