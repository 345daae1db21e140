"""The table of GGUF tensors and the (parts of) weights that they hold, used by export and restore."""

from typing import NamedTuple

from .config import EXPERTS, TEXT, VISION


class Entry(NamedTuple):
    gguf: str
    weight: str  # name in transformers' state dict
    part: tuple  # index into the weight; (): all of it
    kind: str = ""  # fixed type of the tensor; "": the type of the file


def text_entries(moe):
    """Tensors of the text model."""
    root = "model.language_model."
    yield Entry("token_embd.weight", root + "embed_tokens.weight", ())
    yield Entry("output_norm.weight", root + "norm.weight", (), "f32")
    for i in range(TEXT["num_hidden_layers"]):
        to, of = f"blk.{i}.", f"{root}layers.{i}."
        for a, b in (
            ("attn_norm", "input_layernorm"),
            ("ffn_norm", "post_attention_layernorm"),
            ("attn_q_norm", "self_attn.q_norm"),
            ("attn_k_norm", "self_attn.k_norm"),
        ):
            yield Entry(f"{to}{a}.weight", f"{of}{b}.weight", (), "f32")
        for a, b in (("attn_q", "q_proj"), ("attn_k", "k_proj"), ("attn_v", "v_proj"), ("attn_output", "o_proj")):
            yield Entry(f"{to}{a}.weight", f"{of}self_attn.{b}.weight", ())
        if moe:
            inner, every = EXPERTS["moe_intermediate_size"], slice(None)
            yield Entry(to + "ffn_gate_inp.weight", of + "mlp.gate.weight", (), "f32")
            yield Entry(to + "ffn_gate_exps.weight", of + "mlp.experts.gate_up_proj", (every, slice(0, inner)))
            yield Entry(to + "ffn_up_exps.weight", of + "mlp.experts.gate_up_proj", (every, slice(inner, None)))
            yield Entry(to + "ffn_down_exps.weight", of + "mlp.experts.down_proj", ())
        else:
            for part in ("gate", "up", "down"):
                yield Entry(f"{to}ffn_{part}.weight", f"{of}mlp.{part}_proj.weight", ())


def vision_entries():
    """Tensors of the vision encoder."""
    root, every = "model.visual.", slice(None)
    yield Entry("v.patch_embd.weight", root + "patch_embed.proj.weight", (every, every, 0), "f16")
    yield Entry("v.patch_embd.weight.1", root + "patch_embed.proj.weight", (every, every, 1), "f16")
    yield Entry("v.patch_embd.bias", root + "patch_embed.proj.bias", (), "f32")
    yield Entry("v.position_embd.weight", root + "pos_embed.weight", (), "f32")

    def pair(to, of, kind=""):
        yield Entry(to + ".weight", f"{root}{of}.weight", (), kind)
        yield Entry(to + ".bias", f"{root}{of}.bias", (), "f32")

    for i in range(VISION["depth"]):
        for a, b, kind in (
            ("ln1", "norm1", "f32"),
            ("ln2", "norm2", "f32"),
            ("attn_qkv", "attn.qkv", ""),
            ("attn_out", "attn.proj", ""),
            ("ffn_up", "mlp.linear_fc1", ""),
            ("ffn_down", "mlp.linear_fc2", ""),
        ):
            yield from pair(f"v.blk.{i}.{a}", f"blocks.{i}.{b}", kind)
    for k, i in enumerate(VISION["deepstack_visual_indexes"]):
        for a, b, kind in (("norm", "norm", "f32"), ("fc1", "linear_fc1", ""), ("fc2", "linear_fc2", "")):
            yield from pair(f"v.deepstack.{i}.{a}", f"deepstack_merger_list.{k}.{b}", kind)
    yield from pair("v.post_ln", "merger.norm", "f32")
    yield from pair("mm.0", "merger.linear_fc1")
    yield from pair("mm.2", "merger.linear_fc2")
