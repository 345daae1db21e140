"""Endless stream of training micro-batches. Worker processes make layouts and tokens; the consumer renders the images.

All micro-batches of one family and geometry have the same tensor shapes (except the primitives), so that the
consumer can capture a CUDA graph for each.
"""

import math

import numpy as np
import torch

from ..chat import MERGED, Chat
from .tasks import FAMILIES
from .world import draw, make_world, seeded

# family -> (items per micro-batch, micro-batches per round)
MIX = {
    "scene": (160, 1),
    "ocr": (256, 3),
    "receipt": (128, 2),
    "screen": (128, 3),
    "change": (128, 1),
    "video": (128, 1),
    "chart": (160, 1),
}
WITH_TEXT = ("ocr", "receipt", "screen", "chart")
SLOTS, CLASSES = 8, 96  # slots of 8x16 pixels per visual token, letter classes; class 0: no letter
MOST_TURNS = 4
EASY_STEPS = 8000  # easy items fade out over this number of micro-batches


def letter_targets(items, height, width):
    """(visual tokens of all items, SLOTS): class of the letter whose centre lies in the slot."""
    rows, cols = height // MERGED, width // MERGED
    target = np.zeros((len(items), rows, cols, SLOTS), np.uint8)
    for b, item in enumerate(items):
        canvas = item.media[0][1]
        if not canvas.glyphs:
            continue
        code, x, y = np.frombuffer(canvas.glyphs.tobytes(), np.float32).reshape(-1, 3).T
        a, m, c, d, e, f = canvas.image[2:8]
        if (a, m, c, d, e, f) != (1, 0, 0, 0, 1, 0):  # canvas.transform was used
            det = a * e - m * d
            x, y = (e * (x - c) - m * (y - f)) / det, (a * (y - f) - d * (x - c)) / det
        inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        x, y, code = x[inside].astype(int), y[inside].astype(int), code[inside].astype(int)
        target[b, y // MERGED, x // MERGED, y % MERGED // 16 * 4 + x % MERGED // 8] = code - 32
    return target.reshape(-1, SLOTS)


def point_targets(coded, turns, geometry, length):
    """Rows (item, flat index of the token before an answer, visual token of the name, visual token of the answer);
    -100: unknown."""
    cols = geometry[1] // MERGED
    found = np.full((MOST_TURNS * len(coded), 4), -100, np.int32)
    found[:, :2] = 0

    def cell(at):
        if at is None or not (0 <= at[0] < geometry[1] and 0 <= at[1] < geometry[0]):
            return -100
        return int(at[1]) // MERGED * cols + int(at[0]) // MERGED

    for b, ((*_, answers), asked) in enumerate(zip(coded, turns)):
        for k, ((start, _), turn) in enumerate(zip(answers, asked)):
            found[b * MOST_TURNS + k] = b, b * length + start - 1, cell(turn.name_at), cell(turn.answer_at)
    return found


def collate(chat, family, geometry, items, turns, longest, length=None, answer_tokens=None):
    """Items of one geometry -> dict of arrays. Padding has the answer index n_answers.

    `length` and `answer_tokens` set the padded sizes; by default text is padded to a multiple of 32 and the answers to
    a multiple of 256. Answers that do not fit into `answer_tokens` are left out."""
    coded = [chat.conversation(item, t, longest) for item, t in zip(items, turns)]
    length = length or math.ceil(max(len(ids) for ids, *_ in coded) / 32) * 32
    batch, pad = len(items), chat.ids["<|endoftext|>"]
    ids = np.full((batch, length), pad, np.int32)
    positions = np.zeros((batch, 3, length), np.int16)
    visual = np.empty((batch, len(coded[0][2])), np.int32)
    sources, targets, answer_of, n_answers = [], [], [], 0
    for b, (tokens, places, seen, answers) in enumerate(coded):
        ids[b, : len(tokens)] = tokens
        positions[b, :, : len(tokens)] = places
        visual[b] = np.asarray(seen) + b * length
        for start, end in answers:
            if answer_tokens and len(sources) + end - start > answer_tokens:
                continue
            sources.extend(range(b * length + start - 1, b * length + end - 1))
            targets.extend(tokens[start:end])
            answer_of.extend([n_answers] * (end - start))
            n_answers += 1
    pointers = point_targets(coded, turns, geometry, length) if family in WITH_TEXT else np.zeros((1, 4), np.int32)
    padded = answer_tokens or math.ceil(len(sources) / 256) * 256
    targets += [-100] * (padded - len(sources))
    sources += [0] * (padded - len(sources))
    answer_of += [n_answers] * (padded - len(answer_of))
    images, primitives, first = [], [], 0
    for item in items:
        for part in item.media:
            for canvas in part[1] if part[0] == "video" else [part[1]]:
                header = list(canvas.image)
                header[24], header[25] = first, canvas.count()
                first += canvas.count()
                images.append(header)
                primitives.append(canvas.primitives)
    joined = np.frombuffer(b"".join(p.tobytes() for p in primitives), np.float32).reshape(-1, 16)
    if not len(joined):
        joined = np.zeros((1, 16), np.float32)
    return {
        "family": family,
        "geometry": geometry,
        "n_items": batch,
        "n_answers": n_answers,
        "frames": len(items[0].media[0][1]) if items[0].media[0][0] == "video" else 0,
        "ids": ids,
        "positions": positions,
        "visual": visual.reshape(-1),
        "sources": np.array(sources, np.int32),
        "targets": np.array(targets, np.int32),
        "answer_of": np.array(answer_of, np.int32),
        "pointers": pointers,
        "letters": letter_targets(items, *geometry[:2]) if family in WITH_TEXT else np.zeros((1, SLOTS), np.uint8),
        "images": np.array(images, np.float32),
        "primitives": joined,
    }


FIXED = (
    "ids",
    "positions",
    "visual",
    "sources",
    "targets",
    "answer_of",
    "letters",
    "pointers",
)  # shapes are equal in all micro-batches of a family and geometry


def pack(batch):
    """Packs all arrays of a micro-batch into one byte tensor, FIXED first: one transfer between processes, one copy to
    the GPU. Returns (other values, layout of the arrays, tensor)."""
    arrays, places, size = [], {}, 0
    for name in (*FIXED, "images", "primitives"):
        value = batch[name]
        places[name] = (size, value.nbytes, value.shape, str(value.dtype))
        arrays.append((size, value))
        size += (value.nbytes + 15) // 16 * 16
    buffer = np.zeros(size, np.uint8)
    for start, value in arrays:
        buffer[start : start + value.nbytes] = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
    return {k: v for k, v in batch.items() if k not in places}, places, torch.from_numpy(buffer)


def views(places, buffer, names):
    """The named arrays as tensor views of `buffer`."""
    return {
        n: buffer[places[n][0] : places[n][0] + places[n][1]].view(getattr(torch, places[n][3])).view(places[n][2])
        for n in names
    }


def rounds(mix):
    """The order of families in one round, spread evenly. `mix` overrides the number of micro-batches per family."""
    slots = [
        ((k + 0.5) / times, family)
        for family, (_, usual) in MIX.items()
        for times in [mix.get(family, usual)]
        for k in range(times)
    ]
    return [family for _, family in sorted(slots)]


def sizes(chat, world, sample=96):
    """(family, geometry) -> (padded length, answer tokens per item), estimated from `sample` items: 95 % of the
    conversations fit the length."""
    table = {}
    for family, module in FAMILIES.items():
        for geometry in module.GEOMETRIES:
            rng = seeded("sizes", family, geometry)
            coded = [
                chat.conversation(item, item.turns, 320)
                for item in (draw(rng, world, family, geometry) for _ in range(sample))
            ]
            lengths = sorted(len(ids) for ids, *_ in coded)
            length = math.ceil(lengths[int(sample * 0.95)] / 32) * 32
            table[family, geometry] = (
                length,
                sum(e - s for *_, answers in coded for s, e in answers) / sample * 1.06 + 0.3,
            )
    return table


class Stream(torch.utils.data.IterableDataset):
    """Yields packed micro-batches of an endless sequence given by `seed`; worker w of n makes every n-th one."""

    def __init__(self, seed, scale=1.0, split="train", easy=False, mix=None):
        self.seed, self.scale, self.split, self.easy, self.order = seed, scale, split, easy, rounds(mix or {})
        self.chat, self.world = Chat(), make_world(split)
        self.sizes = sizes(self.chat, self.world)

    def __iter__(self):
        info = torch.utils.data.get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        torch.set_num_threads(1)
        step = worker
        while True:
            yield self.batch(self.order[step % len(self.order)], step)
            step += workers

    def batch(self, family, step):
        rng = seeded("stream", self.seed, self.split, step)
        geometry = rng.choice(FAMILIES[family].GEOMETRIES)
        length, answer_tokens = self.sizes[family, geometry]
        count = max(2, int(MIX[family][0] * self.scale))
        fits = lambda item: len(self.chat.conversation(item, item.turns[:1], length)[0]) <= length
        items = []
        for _ in range(count):
            options = {"easy": True} if family == "ocr" and self.easy and rng.random() > step / EASY_STEPS else {}
            items.append(draw(rng, self.world, family, geometry, fits, **options))
        answer_tokens = math.ceil(answer_tokens * count / 64) * 64
        return pack(
            collate(self.chat, family, geometry, items, [item.turns for item in items], length, length, answer_tokens)
        )


def loader(seed, workers, scale=1.0, easy=False, mix=None):
    return torch.utils.data.DataLoader(
        Stream(seed, scale, easy=easy, mix=mix),
        batch_size=None,
        num_workers=workers,
        prefetch_factor=6 if workers else None,
        pin_memory=torch.cuda.is_available(),
    )
