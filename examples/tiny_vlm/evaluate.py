"""Scores a model on held-out items in PyTorch (greedy decoding), with 95 % confidence intervals."""

import argparse
import json
import time

import numpy as np
import torch

from . import metrics
from .chat import Chat
from .data.batches import collate
from .data.evaluation import items as evaluation_items
from .data.raster import render_tensors
from .data.tasks import TASKS
from .data.world import make_world
from .model import TinyVlm, frames_of

LONGEST_ANSWER = 140


@torch.no_grad()
def answer_group(model, chat, group, atlas, device, view=None):
    """Greedy token ids for items of one geometry. `view(images (n, h, w, 3), images per item)` may replace the
    images."""
    family, geometry = (
        TASKS[group[0].task],
        (group[0].media[0][1][0] if group[0].media[0][0] == "video" else group[0].media[0][1]),
    )
    height, width = geometry.height, geometry.width
    batch = collate(chat, family, (height, width), group, [item.turns for item in group], 10000)
    tensor = lambda k: torch.from_numpy(np.array(batch[k])).to(device)
    images = render_tensors(tensor("images"), tensor("primitives"), atlas, height, width)
    if view:
        images = view(images, len(images) // len(group))
    features, deep = model.see(frames_of(images, batch))
    features, deep = features.float() if not torch.is_autocast_enabled("cuda") else features, deep
    prompts, places = [], []
    for item in group:
        ids, positions, _, spans = chat.conversation(item, item.turns, 10000)
        prompts.append(ids[: spans[0][0]])
        places.append(positions[:, : spans[0][0]])
    n, lengths = len(group), torch.tensor([len(p) for p in prompts])
    total = int(lengths.max()) + LONGEST_ANSWER
    ids = torch.full((n, total), chat.ids["<|endoftext|>"], dtype=torch.long)
    positions = torch.zeros((n, 3, total), dtype=torch.int32)
    visual = []
    for b, (p, q) in enumerate(zip(prompts, places)):
        ids[b, : len(p)] = torch.tensor(p)
        positions[b, :, : len(p)] = torch.from_numpy(q)
        positions[b, :, len(p) :] = int(q[0, -1]) + 1 + torch.arange(total - len(p), dtype=torch.int32)
        visual.append(np.flatnonzero(np.isin(np.array(p), (chat.ids["<|image_pad|>"], chat.ids["<|video_pad|>"]))))
    ids, positions, lengths = ids.to(device), positions.to(device), lengths.to(device)
    visual = torch.from_numpy(np.stack(visual)).to(device)
    rows, done, out = torch.arange(n, device=device), torch.zeros(n, dtype=torch.bool, device=device), []
    stop = chat.ids["<|im_end|>"]
    for k in range(LONGEST_ANSWER):
        now = int(-(-(int(lengths.max()) + k) // 32) * 32) if device != "cpu" else int(lengths.max()) + k
        now = min(now, total)
        x, _, _ = model.states(
            ids[:, :now], positions[:, :, :now], (visual + rows[:, None] * now).reshape(-1), features, deep
        )
        token = model.logits(x[rows, lengths + k - 1]).argmax(-1)
        token = torch.where(done, stop, token)
        out.append(token)
        done |= token == stop
        ids[rows, lengths + k] = token
        if k % 8 == 7 and bool(done.all()):
            break
    out = torch.stack(out, 1).tolist()
    return [o[: o.index(stop)] if stop in o else o for o in out]


def answers(model, chat, task_items, device="cpu", group_size=128, view=None):
    """Answer texts in the order of the items."""
    groups, texts = {}, [None] * len(task_items)
    for i, item in enumerate(task_items):
        part = item.media[0]
        canvas = part[1][0] if part[0] == "video" else part[1]
        groups.setdefault((canvas.height, canvas.width, len(part[1]) if part[0] == "video" else 0), []).append(i)
    atlas = torch.from_numpy(canvas.atlas.pixels).to(device)
    for members in groups.values():
        for start in range(0, len(members), group_size):
            chosen = members[start : start + group_size]
            for i, ids in zip(chosen, answer_group(model, chat, [task_items[j] for j in chosen], atlas, device, view)):
                texts[i] = chat.decode(ids)
    return texts


def evaluate(model, chat, tasks=tuple(TASKS), n=500, device="cpu", seed=0, view=None, split="held_out"):
    """task -> {"metric", "mean", "low", "high", "n", "exact", "wrong": up to 12 examples}; ocr tasks also "cer"."""
    world, table = make_world(split), {}
    for task in tasks:
        task_items = evaluation_items(task, n, split, seed, world)
        given = answers(model, chat, task_items, device, view=view)
        turns = [item.turns[0] for item in task_items]
        scores = [metrics.score(t.metric, t.answer, t.target, g) for t, g in zip(turns, given)]
        mean, low, high = metrics.interval(scores)
        table[task] = {
            "metric": turns[0].metric,
            "mean": mean,
            "low": low,
            "high": high,
            "n": n,
            "exact": sum(t.answer == g for t, g in zip(turns, given)) / n,
            "wrong": [[t.prompt, t.answer, g] for t, g, s in zip(turns, given, scores) if s < 1][:12],
        }
        if task.startswith("ocr"):
            table[task]["cer"] = sum(metrics.character_errors(t.answer, g) for t, g in zip(turns, given)) / n
    return table


def blank(images, per_item):
    """Replaces every image by grey."""
    return torch.full_like(images, 128)


def swapped(images, per_item):
    """Gives every item the images of its neighbour."""
    return images.roll(per_item, 0)


def show(table):
    for task, row in table.items():
        extra = f"  cer {row['cer']:.4f}" if "cer" in row else ""
        print(
            f"{task:14s} {row['metric']:8s} {100 * row['mean']:6.2f}  [{100 * row['low']:.2f}, {100 * row['high']:.2f}]  "
            f"exact {100 * row['exact']:.1f}  n {row['n']}{extra}",
            flush=True,
        )


def main():
    from . import weights

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", help="folder of weights-*.safetensors")
    parser.add_argument("--moe", action="store_true")
    parser.add_argument("--tasks", nargs="*", default=list(TASKS))
    parser.add_argument("-n", type=int, default=500)
    parser.add_argument("--view", choices=["true", "blank", "swapped"], default="true")
    parser.add_argument("--no-deepstack", action="store_true", help="set the DeepStack features to zero")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--json", help="write the table and wrong examples here")
    o = parser.parse_args()
    model = TinyVlm(o.moe).eval()
    weights.load(model, o.weights)
    model.to(o.device)
    if o.no_deepstack:
        see = model.see
        model.see = lambda frames: (lambda f, d: (f, [torch.zeros_like(x) for x in d]))(*see(frames))
    start = time.time()
    table = evaluate(model, Chat(), o.tasks, o.n, o.device, view={"blank": blank, "swapped": swapped}.get(o.view))
    show(table)
    print(f"{time.time() - start:.0f} s")
    if o.json:
        with open(o.json, "w") as f:
            json.dump(table, f, indent=1, ensure_ascii=False)


if __name__ == "__main__":
    main()
