#!/usr/bin/env python3
"""Reduces a folder of golden cases to what the tests in the tree need.

  select_cases.py SOURCE OUT [--cases text,image] [--drop pixel_values,hidden] [--no-vision] [--experts]

copies model.gguf (and mmproj.gguf, unless --no-vision) and writes cases.safetensors with the tensors of the named cases
only, without those whose name after the case begins with a dropped prefix.

--experts writes the gate and up matrices of all experts into the copied model.gguf again, from model.safetensors, where
gate_up_proj is (experts, 2 * width, hidden). With 2 * width = hidden the shape does not tell that order from
(experts, hidden, 2 * width), and an exporter that guesses wrong writes matrices that the reference has not computed with.
Needs the Python package gguf for --experts only.
"""
import argparse, json, pathlib, shutil, struct


def read_safetensors(path):
    raw = path.read_bytes()
    n = struct.unpack("<Q", raw[:8])[0]
    return json.loads(raw[8:8 + n]), memoryview(raw)[8 + n:]


def rewrite_experts(source, model):
    import gguf
    header, data = read_safetensors(source)
    patched = bytearray(model.read_bytes())
    for t in gguf.GGUFReader(str(model)).tensors:
        part = {"ffn_gate_exps": 0, "ffn_up_exps": 1}.get(t.name.split(".")[-2])
        if part is None:
            continue
        layer = t.name.split(".")[1]
        entry = header[f"model.language_model.layers.{layer}.mlp.experts.gate_up_proj"]
        experts, rows, cols = entry["shape"]
        assert entry["dtype"] == "BF16" and t.tensor_type == gguf.GGMLQuantizationType.BF16
        begin = entry["data_offsets"][0]
        half = rows // 2 * cols * 2
        out = b"".join(bytes(data[begin + (2 * e + part) * half:begin + (2 * e + part + 1) * half]) for e in range(experts))
        assert len(out) == t.n_bytes
        patched[t.data_offset:t.data_offset + t.n_bytes] = out
    model.write_bytes(patched)


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("source", type=pathlib.Path)
    a.add_argument("out", type=pathlib.Path)
    a.add_argument("--cases", default="text,image,images,video,mixed")
    a.add_argument("--drop", default="")
    a.add_argument("--no-vision", action="store_true")
    a.add_argument("--experts", action="store_true")
    o = a.parse_args()
    drop = tuple(p for p in o.drop.split(",") if p)
    header, raw = read_safetensors(o.source / "cases.safetensors")
    kept, data = {}, bytearray()
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        case, _, rest = name.partition(".")
        if case not in o.cases.split(",") or (drop and rest.startswith(drop)):
            continue
        begin, end = entry["data_offsets"]
        kept[name] = dict(entry, data_offsets=[len(data), len(data) + end - begin])
        data += raw[begin:end]
    text = json.dumps(kept, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    o.out.mkdir(parents=True, exist_ok=True)
    (o.out / "cases.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(data))
    shutil.copy(o.source / "model.gguf", o.out)
    if o.experts:
        rewrite_experts(o.source / "model.safetensors", o.out / "model.gguf")
    if not o.no_vision:
        shutil.copy(o.source / "mmproj.gguf", o.out)
    for p in sorted(o.out.iterdir()):
        print(p.name, p.stat().st_size)


main()
