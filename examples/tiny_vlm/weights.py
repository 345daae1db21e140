"""Weights as safetensors shards of at most 15 MB, with transformers names."""

import json
import pathlib

import torch
from safetensors.torch import load_file, save_file

SHARD = 15_000_000


def save(state, folder, meta, dtype=torch.bfloat16):
    """Writes a state dict as weights-K.safetensors, and meta.json. Deletes older shards in the folder."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("weights-*.safetensors"):
        old.unlink()
    shards, size = [{}], 0
    for name, p in state.items():
        t = p.detach().to(dtype).cpu().contiguous()
        if size + t.nbytes > SHARD:
            shards.append({})
            size = 0
        shards[-1][name] = t
        size += t.nbytes
    for k, shard in enumerate(shards):
        save_file(shard, str(folder / f"weights-{k}.safetensors"), metadata={"format": "pt"})
    (folder / "meta.json").write_text(json.dumps(meta, indent=1))


def load_state(folder):
    state = {}
    for path in sorted(pathlib.Path(folder).glob("weights-*.safetensors")):
        state.update(load_file(str(path)))
    if not state:
        raise FileNotFoundError(f"no weights-*.safetensors in {folder}")
    return state


def load(model, folder):
    """Loads the weights into `model`, which keeps its dtype; returns the metadata."""
    model.load_state_dict(load_state(folder))
    return json.loads((pathlib.Path(folder) / "meta.json").read_text())
