"""Converts the dense text model into a mixture of experts that computes the same function.

Each feed-forward is split into halves A and B; the experts are (A, B, A, B, ...). Router rows are equal within a
pair, so the top two experts of any token are one A and one B with weight 1/2 each; doubled down projections
restore the dense result. A little noise on the copies lets training diversify the pairs.
"""

import torch

from .config import EXPERTS, TEXT


def grown(dense, seed=0, noise=0.02, router=0.05):
    """Dense state dict -> expert state dict."""
    generator = torch.Generator().manual_seed(seed)
    e, i = EXPERTS["num_experts"], EXPERTS["moe_intermediate_size"]
    randn = lambda *shape: torch.randn(*shape, generator=generator)
    state = {
        k: v for k, v in dense.items() if not (".mlp.gate_proj" in k or ".mlp.up_proj" in k or ".mlp.down_proj" in k)
    }
    for layer in range(TEXT["num_hidden_layers"]):
        prefix = f"model.language_model.layers.{layer}.mlp."
        gate, up, down = (dense[prefix + f"{n}_proj.weight"].float() for n in ("gate", "up", "down"))
        halves = [slice(0, i), slice(i, 2 * i)]
        near = lambda w: w + noise * w.std() * randn(*w.shape)
        state[prefix + "experts.gate_up_proj"] = torch.stack(
            [torch.cat([near(gate[halves[k % 2]]), near(up[halves[k % 2]])]) for k in range(e)]
        )
        state[prefix + "experts.down_proj"] = torch.stack([near(2 * down[:, halves[k % 2]]) for k in range(e)])
        rows = router * randn(e // 2, TEXT["hidden_size"])
        state[prefix + "gate.weight"] = rows.repeat_interleave(2, 0)
    return state
