"""Converts released GGUF files back to a folder of weights, for training, evaluation or comparison.

    python -m tiny_vlm.restore models/tiny/tiny-Q8_0.gguf models/tiny/mmproj-tiny-Q8_0.gguf --out OUT/tiny
"""

import argparse

import gguf
import torch

from . import weights
from .model import TinyVlm
from .names import text_entries, vision_entries


def read(path):
    """(architecture, {tensor name: float32 array}) of a file."""
    reader = gguf.GGUFReader(path)
    return reader.fields["general.architecture"].contents(), {
        t.name: gguf.quants.dequantize(t.data, t.tensor_type).reshape(tuple(t.shape[::-1])) for t in reader.tensors
    }


def state_of(text, vision):
    """(float32 state dict, True if it has experts) of a text model file and its vision encoder file."""
    architecture, tensors = read(text)
    moe = architecture == "qwen3vlmoe"
    tensors.update(read(vision)[1])
    state = {k: torch.zeros_like(v, dtype=torch.float32) for k, v in TinyVlm(moe).state_dict().items()}
    for name, weight, part, _ in [*text_entries(moe), *vision_entries()]:
        expected, found = tuple(state[weight][part].shape), tensors[name].shape if name in tensors else "no such tensor"
        if expected != found:
            raise SystemExit(f"{text}, {vision}: {name}: expected {expected}, found {found}")
        state[weight][part] = torch.tensor(tensors.pop(name), dtype=torch.float32)
    if tensors:
        raise SystemExit(f"{text}, {vision}: tensors that the model does not have: {sorted(tensors)}")
    return state, moe


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text")
    parser.add_argument("vision")
    parser.add_argument("--out", required=True)
    o = parser.parse_args()
    state, moe = state_of(o.text, o.vision)
    weights.save(state, o.out, {"moe": moe, "history": []}, torch.float32)
    print(f"{o.out}: {len(state)} weights of a {'mixture of experts' if moe else 'dense model'}")


if __name__ == "__main__":
    main()
