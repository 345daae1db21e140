"""Writes an evaluation set: items.jsonl and PNG images.

    python -m tiny_vlm.generate --task ocr_clean --split held_out -n 500 --out DIR

One JSON object per line:
  id      text, unique in the file
  task    name of the task
  lang    "en" or "zh"
  system  system text, optional (the chat template's text for a request with tools)
  content list of parts in order: {"type": "image", "image": FILE}, {"type": "text", "text": T},
          {"type": "video", "frames": [FILE, ...], "fps": F}
  answer  the right answer as text
  metric  exact | json_f1 | iou | click | seconds   (right: an IoU of at least 0.5; a time within 0.5 s)
  target  iou and click: [x1, y1, x2, y2] in 0..1000; seconds: the time in seconds
FILE is relative to the folder of items.jsonl.
"""

import argparse
import json
import pathlib

import numpy as np
from PIL import Image

from .data.evaluation import items as evaluation_items
from .data.raster import render
from .data.tasks import TASKS


def paint(canvas):
    """Renders a canvas: (height, width, 3) uint8."""
    image = np.array([canvas.image], np.float32)
    image[0, 24], image[0, 25] = 0, canvas.count()
    primitives = (
        np.frombuffer(canvas.primitives.tobytes(), np.float32).reshape(-1, 16)
        if canvas.count()
        else np.zeros((1, 16), np.float32)
    )
    return render(image, primitives, canvas.atlas.pixels, canvas.height, canvas.width)[0]


def write(items, out, first=0):
    """Appends items to `out`/items.jsonl and writes their images to `out`."""
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "items.jsonl", "a") as f:
        for number, item in enumerate(items, first):
            name, turn = f"{item.task}-{number:05d}", item.turns[0]
            content, images = [], 0

            def file(canvas):
                nonlocal images
                path = f"{name}-{images}.png"
                Image.fromarray(paint(canvas)).save(out / path)
                images += 1
                return path

            for part in item.media:
                if part[0] == "image":
                    content.append({"type": "image", "image": file(part[1])})
                else:
                    content.append({"type": "video", "frames": [file(c) for c in part[1]], "fps": part[2]})
            content.append({"type": "text", "text": turn.prompt})
            row = {
                "id": name,
                "task": item.task,
                "lang": item.lang,
                "content": content,
                "answer": turn.answer,
                "metric": turn.metric,
            }
            if item.system:
                row["system"] = item.system
            if turn.target is not None:
                row["target"] = turn.target
            f.write(json.dumps(row, ensure_ascii=False) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", nargs="+", choices=[*TASKS, "all"], default=["all"])
    parser.add_argument("--split", choices=["held_out", "train"], default="held_out")
    parser.add_argument("-n", type=int, default=500, help="items per task")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", required=True)
    o = parser.parse_args()
    if (pathlib.Path(o.out) / "items.jsonl").exists():
        raise SystemExit(f"{o.out}/items.jsonl exists already")
    for task in TASKS if "all" in o.task else o.task:
        write(evaluation_items(task, o.n, o.split, o.seed), o.out)
        print(task, o.n)


if __name__ == "__main__":
    main()
