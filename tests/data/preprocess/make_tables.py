#!/usr/bin/env python3
"""Reduces a full table of preprocessing rules to tables.safetensors in this folder.

The full table comes from Hugging Face transformers 5.17 and torchvision: Qwen2VLImageProcessor (patch 16, merge 2, mean
and std 0.5, 4096 to 16384 pixels) -> qwen.K.patches and qwen.K.grid from raw.K; CLIPImageProcessor (short side 56, crop
56) -> clip.K.pixels; smart_resize of the image and video processors -> smart_resize.image, rows (h, w, H, W), and
smart_resize.video, rows (frames, h, w, H, W), with -1 where they raise; Qwen3VLVideoProcessor.sample_frames -> frames.N.FPS;
Qwen3VLVisionModel's position embedding -> pos.table (48 * 48, 8) and pos.TxHxW in patch order.

Here the patches become bytes (exactly: pixel = patch * 127.5 + 127.5, and the second half of each temporal pair, which
repeats the first, is left out), and the two largest position grids keep every 16th row.

Usage: make_tables.py FULL.safetensors
"""
import json
import pathlib
import struct
import sys

import numpy as np

DTYPES = {"F32": np.float32, "I32": np.int32, "U8": np.uint8}
NAMES = {np.dtype(v): k for k, v in DTYPES.items()}


def load(path):
    raw = pathlib.Path(path).read_bytes()
    n = struct.unpack("<Q", raw[:8])[0]
    tensors = {}
    for name, e in json.loads(raw[8:8 + n]).items():
        if name != "__metadata__":
            a, b = e["data_offsets"]
            tensors[name] = np.frombuffer(raw[8 + n + a:8 + n + b], DTYPES[e["dtype"]]).reshape(e["shape"])
    return tensors


def save(path, tensors):
    header, at = {}, 0
    for name, t in tensors.items():
        header[name] = {"dtype": NAMES[t.dtype], "shape": list(t.shape), "data_offsets": [at, at + t.nbytes]}
        at += t.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    data = b"".join(np.ascontiguousarray(t).tobytes() for t in tensors.values())
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


out = {}
for name, t in load(sys.argv[1]).items():
    if name.endswith(".patches"):
        pairs = t.reshape(len(t), 3, 2, 256)
        assert (pairs[:, :, 0] == pairs[:, :, 1]).all()
        pixels = np.rint(pairs[:, :, 0].astype(np.float64) * 127.5 + 127.5)
        assert ((pixels - 127.5).astype(np.float32) / np.float32(127.5) == pairs[:, :, 0]).all()
        t = pixels.astype(np.uint8)
    elif name in ("pos.1x112x160", "pos.1x68x120"):
        t = t[::16]
    out[name] = t
save(pathlib.Path(__file__).parent / "tables.safetensors", out)
