"""Muon for matrices, AdamW for all other parameters."""

import torch


def orthogonalised(g, steps=5):
    """Newton-Schulz iteration towards the nearest semi-orthogonal matrices; g (batch, rows, cols) -> same shape."""
    tall = g.shape[1] > g.shape[2]
    x = g.transpose(1, 2) if tall else g
    x = x.to(torch.bfloat16 if x.is_cuda else torch.float32)
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        a = x @ x.transpose(1, 2)
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.transpose(1, 2) if tall else x


def matrices(name, p):
    """Number of equal matrices stacked along the first axis of a parameter (q, k, v of the vision encoder, experts); 0
    for parameters of AdamW."""
    if p.dim() == 3:  # experts; gate and up are separate matrices
        return p.shape[0] * (2 if name.endswith("gate_up_proj") else 1)
    if p.dim() != 2 or any(k in name for k in ("embed", "mlp.gate.weight")):
        return 0
    return 3 if name.endswith("attn.qkv.weight") else 1


class Muon:
    """Stacks parameters of equal matrix shape, so that a step is a few batched matrix products."""

    def __init__(self, named, momentum=0.95, decay=0.03):
        self.momentum, self.decay, groups = momentum, decay, {}
        for name, p in named:
            k = matrices(name, p)
            if k:
                shape = (k, p.numel() // p.shape[-1] // k, p.shape[-1])
                groups.setdefault(shape[1:], []).append((p, shape))
        self.groups = [
            (members, torch.zeros((sum(s[0] for _, s in members), *key), device=members[0][0].device))
            for key, members in groups.items()
        ]

    @torch.no_grad()
    def step(self, lr):
        for members, buffer in self.groups:
            g = torch.cat([p.grad.reshape(s) for p, s in members])
            buffer.lerp_(g, 1 - self.momentum)
            update = orthogonalised(g.lerp_(buffer, self.momentum)).float()
            update *= -lr * max(1.0, update.shape[1] / update.shape[2]) ** 0.5
            parts = [u.reshape(p.shape) for u, (p, _) in zip(update.split([s[0] for _, s in members]), members)]
            weights = [p for p, _ in members]
            torch._foreach_mul_(weights, 1 - lr * self.decay)
            torch._foreach_add_(weights, parts)


class Optimizer:
    """Muon and AdamW together. `step(scale)`: scale is the share of the peak learning rates."""

    def __init__(self, named, muon_lr, adam_lr):
        self.muon, self.muon_lr, self.adam_lr = Muon(named), muon_lr, adam_lr
        rest = [(n, p) for n, p in named if not matrices(n, p)]
        factor = lambda n: 1.0 if "embed_tokens" in n else 0.2 if "patch_embed" in n else 0.5
        self.adam = torch.optim.AdamW(
            [
                {"params": [p for n, p in rest if factor(n) == f], "factor": f}
                for f in sorted({factor(n) for n, _ in rest})
            ],
            lr=adam_lr,
            betas=(0.9, 0.97),
            weight_decay=0.0,
            fused=rest[0][1].is_cuda,
        )
        self.parameters = [p for _, p in named]

    def step(self, scale):
        self.muon.step(self.muon_lr * scale)
        for group in self.adam.param_groups:
            group["lr"] = self.adam_lr * scale * group["factor"]
        self.adam.step()

    def clear(self):
        torch._foreach_zero_([p.grad for p in self.parameters if p.grad is not None])
