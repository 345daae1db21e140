#!/usr/bin/env python3
"""Writes <format>.bin beside itself: random blocks and the floats that they decode to.

Expected values come from the PyPI package `gguf` (gguf.quants.dequantize) where it knows the format, else from the
formulas below. Every file: u32 number of blocks, u32 bytes a block, u32 values a block, the blocks, the values as
float32; little-endian. The files are committed; run this only to make them anew (pip install "gguf>=0.19" numpy).
"""
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType, quants

# name: (bytes, values, offsets of binary16 fields, number of blocks)
FORMATS = {
    "F32": (4, 1, [], 64),
    "F16": (2, 1, [0], 64),
    "BF16": (2, 1, [], 64),
    "Q4_0": (18, 32, [0], 48),
    "Q4_1": (20, 32, [0, 2], 48),
    "Q5_0": (22, 32, [0], 48),
    "Q5_1": (24, 32, [0, 2], 48),
    "Q8_0": (34, 32, [0], 48),
    "Q8_1": (36, 32, [0, 2], 48),
    "Q2_K": (84, 256, [80, 82], 8),
    "Q3_K": (110, 256, [108], 8),
    "Q4_K": (144, 256, [0, 2], 8),
    "Q5_K": (176, 256, [0, 2], 8),
    "Q6_K": (210, 256, [208], 8),
    "Q8_K": (292, 256, [], 8),
    "IQ4_NL": (18, 32, [0], 48),
    "IQ4_XS": (136, 256, [0], 8),
    "MXFP4": (17, 32, [], 48),
    "NVFP4": (36, 64, [], 32),
}


def random_halves(rng, n):
    """Finite binary16 numbers of both signs: from subnormal to 16."""
    magnitude = np.exp2(rng.uniform(-23, 4, n)) * rng.choice([-1.0, 1.0], n)
    return magnitude.astype(np.float16)


def random_blocks(rng, name, size, halves, count):
    blocks = rng.integers(0, 256, (count, size), dtype=np.uint8)
    for at in halves:
        blocks[:, at : at + 2] = random_halves(rng, count).view(np.uint8).reshape(count, 2)
    if name in ("F32", "BF16"):
        values = (rng.standard_normal(count) * np.exp2(rng.integers(-140, 120, count))).astype(np.float32)
        blocks = values.view(np.uint8).reshape(count, 4)[:, 4 - size :].copy()
    if name == "MXFP4":
        blocks[:, 0] = rng.integers(0, 250, count)  # larger exponents overflow float
        blocks[:4, 0] = [0, 1, 2, 249]
    if name == "NVFP4":
        blocks[0, :4] = [0x00, 0x7F, 0x01, 0x7E]
    if name == "Q8_K":
        blocks[:, :4] = rng.standard_normal(count).astype(np.float32).view(np.uint8).reshape(count, 4)
    return blocks


def decode(name, blocks, values):
    count = len(blocks)
    if name == "F32":
        return blocks.reshape(-1).view(np.float32)
    if name == "F16":
        return blocks.reshape(-1).view(np.float16).astype(np.float32)
    if name == "Q8_1":
        d = blocks[:, 0:2].copy().view(np.float16).astype(np.float32)
        return d * blocks[:, 4:].view(np.int8).astype(np.float32)
    if name == "Q8_K":
        d = blocks[:, 0:4].copy().view(np.float32)
        return d * blocks[:, 4:260].view(np.int8).astype(np.float32)
    return quants.dequantize(blocks, GGMLQuantizationType[name]).reshape(count, values)


def main():
    here = Path(__file__).resolve().parent
    for name, (size, values, halves, count) in FORMATS.items():
        rng = np.random.default_rng([ord(c) for c in name])
        blocks = random_blocks(rng, name, size, halves, count)
        expected = np.ascontiguousarray(decode(name, blocks, values), dtype="<f4")
        assert blocks.shape == (count, size) and expected.size == count * values and np.isfinite(expected).all(), name
        header = np.array([count, size, values], dtype="<u4")
        (here / f"{name}.bin").write_bytes(header.tobytes() + blocks.tobytes() + expected.tobytes())


if __name__ == "__main__":
    main()
