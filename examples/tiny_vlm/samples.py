"""Writes the bundled sample images: held-out items whose questions the given models all answer correctly.

    python -m tiny_vlm.samples WEIGHTS [WEIGHTS_MOE] --out models/samples
"""

import argparse
import json
import pathlib

from PIL import Image

from . import metrics, weights
from .chat import Chat
from .data.world import draw, make_world, seeded
from .evaluate import answers
from .generate import paint
from .model import TinyVlm

WANTED = [
    ("scene", "scene", (192, 256), "en"),
    ("scene-zh", "scene", (160, 224), "zh"),
    ("text", "ocr", (96, 256), "en"),
    ("receipt", "receipt", (320, 224), "en"),
    ("form-zh", "receipt", (256, 256), "zh"),
    ("screen", "screen", (224, 288), "en"),
    ("change", "change", (128, 160), "en"),
    ("video", "video", (96, 128, 8), "en"),
    ("chart", "chart", (192, 256), "en"),
    ("table-zh", "chart", (192, 256), "zh"),
]


def fitting(name, item, lang):
    kinds = {"receipt": "receipt", "form-zh": "form", "chart": "chart", "table-zh": "table"}
    if item.lang != lang or (name in kinds and item.key[0] != kinds[name]) or (name == "screen" and item.system):
        return False
    return len(item.turns) >= (1 if name in ("text", "change", "video") else 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", nargs="+", help="folder of the dense model, then of the one with experts")
    parser.add_argument("--out", required=True)
    parser.add_argument("--seed", type=int, default=1)
    o = parser.parse_args()
    chat, world, models = Chat(), make_world("held_out"), []
    for k, folder in enumerate(o.weights):
        models.append(TinyVlm(moe=k == 1).eval())
        weights.load(models[-1], folder)
    out = pathlib.Path(o.out)
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, family, geometry, lang in WANTED:
        rng = seeded("samples", o.seed, name)
        while True:
            item = draw(rng, world, family, geometry, lambda item: fitting(name, item, lang))
            turns, good = item.turns, True
            for turn in turns:
                item.turns, item.task = (
                    [turn],
                    {"scene": "scene", "ocr": "ocr_clean", "screen": "widget"}.get(family, family),
                )
                good = good and all(
                    metrics.score(turn.metric, turn.answer, turn.target, answers(m, chat, [item])[0]) == 1
                    for m in models
                )
                if not good:
                    break
            if good:
                break
        media = []
        for k, part in enumerate(item.media):
            files = []
            for f, canvas in enumerate(part[1] if part[0] == "video" else [part[1]]):
                files.append(
                    f"{name}-{f}.png"
                    if part[0] == "video"
                    else f"{name}.png"
                    if len(item.media) == 1
                    else f"{name}-{k}.png"
                )
                Image.fromarray(paint(canvas)).save(out / files[-1], optimize=True)
            media.append(
                {"type": "video", "frames": files, "fps": part[2]}
                if part[0] == "video"
                else {"type": "image", "image": files[0]}
            )
        for k, turn in enumerate(turns):
            row = {
                "id": f"{name}-{k}",
                "task": family,
                "lang": lang,
                "content": media + [{"type": "text", "text": turn.prompt}],
                "answer": turn.answer,
                "metric": turn.metric,
            }
            if turn.target is not None:
                row["target"] = turn.target
            rows.append(row)
            print(name, "|", turn.prompt, "->", turn.answer, flush=True)
    (out / "items.jsonl").write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows))


if __name__ == "__main__":
    main()
