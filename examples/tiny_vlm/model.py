"""Qwen3-VL, dense or mixture of experts, for training on batches of equal-sized images.

Parameter names and shapes equal those of transformers' Qwen3VL(Moe)ForConditionalGeneration, so state dicts are
interchangeable.
"""

import functools

import torch
import torch.fx.experimental._config
import torch.nn.functional as F
from torch import nn

from .config import EXPERTS, TEXT, VISION


def rms_norm(x, weight):
    """RMS norm as in transformers: float32 statistics, cast to the type of x, then times the weight."""
    wide = x.float()
    return weight * (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)).to(x.dtype)


def rotate(x, cos, sin):
    """Rotate-half RoPE: pairs (i, i + d/2). cos and sin: d/2 float32 values, broadcast over heads."""
    a, b = x.float().chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1).to(x.dtype)


class VisionBlock(nn.Module):
    def __init__(self):
        super().__init__()
        d, m = VISION["hidden_size"], VISION["intermediate_size"]
        self.norm1, self.norm2 = nn.LayerNorm(d, 1e-6), nn.LayerNorm(d, 1e-6)
        self.attn = nn.ModuleDict({"qkv": nn.Linear(d, 3 * d), "proj": nn.Linear(d, d)})
        self.mlp = nn.ModuleDict({"linear_fc1": nn.Linear(d, m), "linear_fc2": nn.Linear(m, d)})

    def forward(self, x, cos, sin):
        """x (slices, patches, hidden) -> same shape"""
        n, p, d = x.shape
        heads = VISION["num_heads"]
        q, k, v = self.attn["qkv"](self.norm1(x)).view(n, p, 3, heads, d // heads).permute(2, 0, 3, 1, 4)
        o = F.scaled_dot_product_attention(rotate(q, cos, sin), rotate(k, cos, sin), v)
        x = x + self.attn["proj"](o.transpose(1, 2).reshape(n, p, d))
        return x + self.mlp["linear_fc2"](F.gelu(self.mlp["linear_fc1"](self.norm2(x)), approximate="tanh"))


class Merger(nn.Module):
    """Merges 2x2 patches into one row of the text width. DeepStack mergers normalise the joined row."""

    def __init__(self, joined_norm):
        super().__init__()
        d = VISION["hidden_size"]
        self.joined_norm = joined_norm
        self.norm = nn.LayerNorm(4 * d if joined_norm else d, 1e-6)
        self.linear_fc1, self.linear_fc2 = nn.Linear(4 * d, 4 * d), nn.Linear(4 * d, VISION["out_hidden_size"])

    def forward(self, x):
        n, p, d = x.shape
        x = self.norm(x.reshape(n, p // 4, 4 * d)) if self.joined_norm else self.norm(x).reshape(n, p // 4, 4 * d)
        return self.linear_fc2(F.gelu(self.linear_fc1(x)))


class Vision(nn.Module):
    def __init__(self):
        super().__init__()
        d = VISION["hidden_size"]
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv3d(3, d, (2, 16, 16), (2, 16, 16))})
        self.pos_embed = nn.Embedding(VISION["num_position_embeddings"], d)
        self.blocks = nn.ModuleList(VisionBlock() for _ in range(VISION["depth"]))
        self.merger = Merger(False)
        self.deepstack_merger_list = nn.ModuleList(Merger(True) for _ in VISION["deepstack_visual_indexes"])

    @functools.lru_cache(maxsize=64)
    def grid(self, rows, cols, device):
        """cos, sin, and the corner indices and weights for interpolating position embeddings, in merge-block order."""
        order = torch.arange(rows * cols).view(rows // 2, 2, cols // 2, 2).permute(0, 2, 1, 3).reshape(-1)
        r, c = order // cols, order % cols
        d = VISION["hidden_size"] // VISION["num_heads"]
        freq = 10000.0 ** (-torch.arange(d // 4, dtype=torch.float32) * 4 / d)
        angle = torch.cat([r[:, None] * freq, c[:, None] * freq], -1)
        side = int(VISION["num_position_embeddings"] ** 0.5)
        u, v = torch.linspace(0, side - 1, rows)[r], torch.linspace(0, side - 1, cols)[c]
        r0, c0 = u.int(), v.int()
        r1, c1 = (r0 + 1).clamp(max=side - 1), (c0 + 1).clamp(max=side - 1)
        du, dv = u - r0, v - c0
        corners = torch.stack([r0 * side + c0, r0 * side + c1, r1 * side + c0, r1 * side + c1])
        weights = torch.stack([(1 - du) * (1 - dv), (1 - du) * dv, du * (1 - dv), du * dv])
        return angle.cos().to(device), angle.sin().to(device), corners.long().to(device), weights.to(device)

    def forward(self, frames):
        """frames (slices, 1 or 2, height, width, 3) uint8 -> (tokens, text width), [the same per DeepStack layer]"""
        n, t, height, width, _ = frames.shape
        rows, cols = height // 16, width // 16
        cos, sin, corners, weights = self.grid(rows, cols, frames.device)
        x = (
            frames.view(n, t, rows // 2, 2, 16, cols // 2, 2, 16, 3)
            .permute(0, 2, 5, 3, 6, 8, 1, 4, 7)
            .reshape(n, rows * cols, 3 * t * 256)
        )
        kernel = self.patch_embed["proj"].weight
        kernel = kernel.flatten(1) if t == 2 else kernel.sum(2).flatten(1)
        dtype = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else kernel.dtype
        x = F.linear((x.to(dtype) * (1 / 127.5) - 1), kernel, self.patch_embed["proj"].bias)
        x = x + (self.pos_embed(corners) * weights[..., None]).sum(0).to(x.dtype)
        deep = []
        for i, block in enumerate(self.blocks):
            x = block(x, cos, sin)
            if i in VISION["deepstack_visual_indexes"]:
                deep.append(self.deepstack_merger_list[len(deep)](x).flatten(0, 1))
        return self.merger(x).flatten(0, 1), deep


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        d, m = TEXT["hidden_size"], TEXT["intermediate_size"]
        self.gate_proj, self.up_proj, self.down_proj = (
            nn.Linear(d, m, False),
            nn.Linear(d, m, False),
            nn.Linear(m, d, False),
        )

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x)), x.new_zeros(())


class _Router(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(EXPERTS["num_experts"], TEXT["hidden_size"]))


class _Experts(nn.Module):
    def __init__(self):
        super().__init__()
        e, i, d = EXPERTS["num_experts"], EXPERTS["moe_intermediate_size"], TEXT["hidden_size"]
        self.gate_up_proj, self.down_proj = nn.Parameter(torch.zeros(e, 2 * i, d)), nn.Parameter(torch.zeros(e, d, i))


class ExpertMlp(nn.Module):
    """Top-2 of 8 experts. Computes all experts and masks the others: at this size faster than sorting tokens."""

    def __init__(self):
        super().__init__()
        self.gate, self.experts = _Router(), _Experts()

    def forward(self, x):
        e, i, k = EXPERTS["num_experts"], EXPERTS["moe_intermediate_size"], EXPERTS["num_experts_per_tok"]
        shape = x.shape
        x = x.reshape(-1, shape[-1])
        probability = F.linear(x.float(), self.gate.weight.float()).softmax(-1)
        top, chosen = probability.topk(k, -1)
        weight = torch.zeros_like(probability).scatter(1, chosen, top / top.sum(-1, keepdim=True))
        both = F.linear(x, self.experts.gate_up_proj.reshape(e * 2 * i, -1)).view(-1, e, 2, i)
        inner = F.silu(both[:, :, 0]) * both[:, :, 1] * weight.to(both.dtype)[..., None]
        out = F.linear(inner.reshape(-1, e * i), self.experts.down_proj.permute(1, 0, 2).reshape(shape[-1], e * i))
        load = (weight > 0).float().mean(0) / k  # share of routing choices per expert
        return out.view(shape), e * (load * probability.mean(0)).sum()


class DecoderLayer(nn.Module):
    def __init__(self, moe):
        super().__init__()
        d, h, g, n = TEXT["hidden_size"], TEXT["num_attention_heads"], TEXT["num_key_value_heads"], TEXT["head_dim"]
        self.self_attn = nn.ModuleDict(
            {
                "q_proj": nn.Linear(d, h * n, False),
                "k_proj": nn.Linear(d, g * n, False),
                "v_proj": nn.Linear(d, g * n, False),
                "o_proj": nn.Linear(h * n, d, False),
                "q_norm": nn.RMSNorm(n, 1e-6),
                "k_norm": nn.RMSNorm(n, 1e-6),
            }
        )
        self.mlp = ExpertMlp() if moe else Mlp()
        self.input_layernorm, self.post_attention_layernorm = nn.RMSNorm(d, 1e-6), nn.RMSNorm(d, 1e-6)

    def forward(self, x, cos, sin):
        """x (items * length, hidden), cos and sin (items, 1, length, 64) -> x, load-balancing loss (0 if dense)"""
        b, _, l, _ = cos.shape
        n, h, g, a = TEXT["head_dim"], TEXT["num_attention_heads"], TEXT["num_key_value_heads"], self.self_attn
        y = rms_norm(x, self.input_layernorm.weight)
        q = rotate(rms_norm(a["q_proj"](y).view(b, l, h, n), a["q_norm"].weight).transpose(1, 2), cos, sin)
        k = rotate(rms_norm(a["k_proj"](y).view(b, l, g, n), a["k_norm"].weight).transpose(1, 2), cos, sin)
        v = a["v_proj"](y).view(b, l, g, n).transpose(1, 2)
        q, k = q.to(v.dtype), k.to(v.dtype)
        o = F.scaled_dot_product_attention(
            q, k.expand(b, h, l, n) if g == 1 else k, v.expand(b, h, l, n) if g == 1 else v, is_causal=True
        )
        x = x + a["o_proj"](o.transpose(1, 2).reshape(b * l, h * n))
        y, balance = self.mlp(rms_norm(x, self.post_attention_layernorm.weight))
        return x + y, balance


class Language(nn.Module):
    def __init__(self, moe):
        super().__init__()
        self.embed_tokens = nn.Embedding(TEXT["vocab_size"], TEXT["hidden_size"])
        self.layers = nn.ModuleList(DecoderLayer(moe) for _ in range(TEXT["num_hidden_layers"]))
        self.norm = nn.RMSNorm(TEXT["hidden_size"], 1e-6)

    def rotary(self, positions):
        """positions (items, 3, length) -> cos, sin (items, 1, length, 64). Interleaved M-RoPE: axes t h w t h w ...
        t t t t."""
        i = torch.arange(64, device=positions.device)
        axis = torch.where(i < 60, i % 3, 0)
        freq = TEXT["rope_parameters"]["rope_theta"] ** (
            -torch.arange(64, device=positions.device, dtype=torch.float32) / 64
        )
        angle = (positions.float()[:, axis, :] * freq[:, None]).transpose(1, 2).unsqueeze(1)
        return angle.cos(), angle.sin()

    def forward(self, ids, positions, visual, features, deep):
        """visual: flat indices of the visual tokens; features, deep: their embeddings and DeepStack features. Returns
        the normed states (items, length, hidden), the load-balancing loss and the flat states after each layer."""
        x = self.embed_tokens(ids.flatten()).to(features.dtype).index_copy(0, visual, features)
        cos, sin = self.rotary(positions)
        balance, inner = 0.0, []
        for i, layer in enumerate(self.layers):
            x, extra = layer(x, cos, sin)
            balance = balance + extra
            if i < len(deep):
                x = x.index_add(0, visual, deep[i].to(x.dtype))
            inner.append(x)
        return rms_norm(x, self.norm.weight).view(*ids.shape, -1), balance / len(self.layers), inner


class TinyVlm(nn.Module):
    def __init__(self, moe=False):
        super().__init__()
        self.moe = moe
        self.model = nn.ModuleDict({"visual": Vision(), "language_model": Language(moe)})

    def see(self, frames):
        return self.model["visual"](frames)

    def states(self, ids, positions, visual, features, deep):
        return self.model["language_model"](ids, positions, visual, features, deep)

    def logits(self, states):
        return F.linear(states, self.model["language_model"].embed_tokens.weight.to(states.dtype))

    def forward(self, frames, ids, positions, visual, sources):
        """Logits at the flat indices `sources`, the load-balancing loss, the image features, the states per layer."""
        features, deep = self.see(frames)
        x, balance, inner = self.states(ids, positions, visual, features, deep)
        return self.logits(x.flatten(0, 1).index_select(0, sources)), balance, features, inner

    def compile_blocks(self):
        """Compiles only the repeated blocks: three small graphs, shared by all layers and image sizes."""
        torch.fx.experimental._config.use_duck_shape = (
            False  # sizes that are equal by chance need not be equal in the next batch
        )
        for block in self.model["visual"].blocks:
            block.compile(dynamic=True)
        for merger in (self.model["visual"].merger, *self.model["visual"].deepstack_merger_list):
            merger.compile(dynamic=True)
        for layer in self.model["language_model"].layers:
            layer.compile(dynamic=True)


def initialise(model, seed=0):
    """Normal weights scaled by fan-in; zeros for the last matrix of every residual branch."""
    generator = torch.Generator().manual_seed(seed)
    for name, p in model.named_parameters():
        with torch.no_grad():
            if p.dim() == 1:
                p.fill_(1.0 if "norm" in name and name.endswith("weight") else 0.0)
            elif "embed_tokens" in name or "pos_embed" in name:
                p.copy_(torch.randn(p.shape, generator=generator) * 0.04)
            elif any(k in name for k in ("o_proj", "down_proj", "attn.proj", "mlp.linear_fc2")):
                p.zero_()
            else:
                fan_in = p[0].numel()
                p.copy_(torch.randn(p.shape, generator=generator) * (0.7 / fan_in**0.5))


def frames_of(images, batch):
    """(images, h, w, 3) uint8 of a micro-batch -> (slices, 1 or 2, h, w, 3). Video frames form pairs; an odd last frame
    is repeated."""
    if not batch["frames"]:
        return images[:, None]
    n, f = batch["n_items"], batch["frames"]
    images = images.view(n, f, *images.shape[1:])
    if f % 2:
        images = torch.cat([images, images[:, -1:]], 1)
    return images.reshape(-1, 2, *images.shape[2:])


def count(model):
    return {
        "text": sum(p.numel() for p in model.model["language_model"].parameters()),
        "vision": sum(p.numel() for p in model.model["visual"].parameters()),
    }
