r"""Compares greedy answers of transformers and vlmt with the same weights.

    python -m tiny_vlm.generate -n 46 --out OUT/set
    vlmt-eval OUT/set --model models/tiny/tiny-Q8_0.gguf --mmproj models/tiny/mmproj-tiny-Q8_0.gguf \
        --kernels exact --out OUT/vlmt
    python -m tiny_vlm.restore models/tiny/tiny-Q8_0.gguf models/tiny/mmproj-tiny-Q8_0.gguf --out OUT/weights
    python -m tiny_vlm.export OUT/weights --transformers OUT/transformers
    python -m tiny_vlm.agree OUT/set OUT/vlmt/answers/*.jsonl OUT/transformers
"""

import argparse
import json
import pathlib
import time

import numpy as np
import torch
import transformers
from PIL import Image

from .chat import Chat
from .data.tasks.item import Item, Turn
from .model import frames_of

LONGEST_ANSWER = 256


def read_item(row, folder):
    """A task set row as an item with PIL images."""
    media, prompt = [], ""
    for part in row["content"]:
        load = lambda name: Image.open(folder / name).convert("RGB")
        if part["type"] == "image":
            media.append(("image", load(part["image"])))
        elif part["type"] == "video":
            media.append(("video", [load(name) for name in part["frames"]], part["fps"]))
        else:
            prompt += part["text"]
    return Item(row["task"], row["lang"], media, [Turn(prompt, row["answer"])], row["id"], row.get("system", ""))


def pixel_rows(frames):
    """(slices, 1 or 2, h, w, 3) uint8 -> pixel_values of transformers' vision encoder, in merge-block order."""
    n, _, h, w, _ = frames.shape
    frames = frames.expand(n, 2, h, w, 3)
    x = frames.reshape(n, 2, h // 32, 2, 16, w // 32, 2, 16, 3).permute(0, 2, 5, 3, 6, 8, 1, 4, 7).reshape(-1, 1536)
    return x.float() / 127.5 - 1


@torch.no_grad()
def answer(model, chat, item):
    """The greedy answer as text."""
    ids, _, _, spans = chat.conversation(item, item.turns, 10000)
    prompt = torch.tensor([ids[: spans[0][0]]])
    kind, *rest = item.media[0]
    video = kind == "video"
    images = rest[0] if video else [part[1] for part in item.media]
    frames = frames_of(
        torch.from_numpy(np.stack([np.asarray(p) for p in images])),
        {"n_items": 1, "frames": len(images) if video else 0},
    )
    rows, cols = images[0].height // 16, images[0].width // 16
    types, pad = torch.zeros_like(prompt, dtype=torch.int32), chat.ids["<|video_pad|>" if video else "<|image_pad|>"]
    types[prompt == pad] = 2 if video else 1
    seen = (
        {"pixel_values_videos": pixel_rows(frames), "video_grid_thw": torch.tensor([[len(frames), rows, cols]])}
        if video
        else {"pixel_values": pixel_rows(frames), "image_grid_thw": torch.tensor([[1, rows, cols]] * len(frames))}
    )
    stop = chat.ids["<|im_end|>"]
    out = model.generate(
        input_ids=prompt,
        attention_mask=torch.ones_like(prompt),
        mm_token_type_ids=types,
        max_new_tokens=LONGEST_ANSWER,
        do_sample=False,
        eos_token_id=stop,
        pad_token_id=chat.ids["<|endoftext|>"],
        **seen,
    )[0, prompt.shape[1] :].tolist()
    return chat.decode(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", help="folder of items.jsonl")
    parser.add_argument("answers", help="vlmt-eval's answers to it, a JSONL file")
    parser.add_argument("folder", help="what export --transformers wrote")
    parser.add_argument("-n", type=int, default=46, help="the first items of each task")
    parser.add_argument("--least", type=float, default=0.99, help="share of equal answers that is expected")
    o = parser.parse_args()
    folder, chat = pathlib.Path(o.set), Chat()
    model = transformers.AutoModelForImageTextToText.from_pretrained(o.folder, dtype=torch.float32).eval()
    lines = [json.loads(line) for line in open(o.answers)]
    given = {line["id"]: line["answer"] for line in lines if "id" in line}
    equal, total, taken, start = 0, 0, {}, time.time()
    for row in map(json.loads, open(folder / "items.jsonl")):
        taken[row["task"]] = taken.get(row["task"], 0) + 1
        if taken[row["task"]] > o.n:
            continue
        theirs = answer(model, chat, read_item(row, folder))
        total += 1
        equal += theirs == given[row["id"]]
        if theirs != given[row["id"]]:
            print(f"{row['id']}: transformers {theirs!r}, vlmt {given[row['id']]!r}", flush=True)
        if total % 50 == 0:
            print(f"{equal} of {total} so far", flush=True)
    print(f"{equal} of {total} answers are equal ({100 * equal / total:.1f} %), {time.time() - start:.0f} s")
    raise SystemExit(0 if equal >= o.least * total else 1)


if __name__ == "__main__":
    main()
