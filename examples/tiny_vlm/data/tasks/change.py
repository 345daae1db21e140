"""(f) The difference between two images."""

import copy

from ..canvas import Canvas, light_wear
from ..lexicon import COLORS, PLACES, SHAPES
from .item import Item, Turn, language
from .scene import Shape, article, at_place, draw_shape, name, place, random_background, random_shapes

GEOMETRIES = [(128, 128), (96, 128), (128, 160), (160, 160), (160, 128), (128, 192)]

_PROMPTS = {
    "en": [
        "What changed?",
        "What is different in the second picture?",
        "Compare the two pictures. What changed?",
        "Find the difference.",
    ],
    "zh": ["有什么变化？", "第二张图有什么不同？", "比较两张图，哪里变了？", "找出不同之处。"],
}


def make(rng, world, geometry):
    height, width = geometry[:2]
    lang = language(rng)
    zh = lang == "zh"
    before = random_shapes(rng, rng.choice((2, 3, 3, 4, 5)))
    after = [copy.copy(s) for s in before]
    kind = rng.choice(("color", "color", "kind", "kind", "moved", "moved", "added", "removed", "none"))
    free = [c for c in PLACES if c not in [s.cell for s in before]]
    i = rng.randrange(len(before))
    s, old = after[i], before[i]
    what, where = name(old.kind, old.color, lang), old.cell
    if kind == "color":
        new = rng.choice([c for c in COLORS if c != old.color])
        after[i] = Shape(rng, s.kind, new, s.size, s.cell)
        after[i].jitter, after[i].turn = old.jitter, old.turn
        answer = (
            f"{place(where, lang)}的{what}变成了{COLORS[new][0]}。"
            if zh
            else f"The {what} {at_place(where, lang)} became {new}."
        )
    elif kind == "kind":
        s.kind = rng.choice([k for k in SHAPES if k != old.kind])
        answer = (
            f"{place(where, lang)}的{what}变成了{SHAPES[s.kind]}。"
            if zh
            else f"The {what} {at_place(where, lang)} became {article(s.kind)}."
        )
    elif kind == "moved":
        s.cell = rng.choice(free)
        answer = (
            f"{what}从{place(where, lang)}移到了{place(s.cell, lang)}。"
            if zh
            else f"The {what} moved from the {place(where, lang)} to the {place(s.cell, lang)}."
        )
    elif kind == "added":
        new = random_shapes(rng, 1, free)[0]
        after.append(new)
        n = name(new.kind, new.color, lang)
        answer = (
            f"{place(new.cell, lang)}多了一个{n}。"
            if zh
            else f"{article(n).capitalize()} was added {at_place(new.cell, lang)}."
        )
    elif kind == "removed":
        del after[i]
        answer = f"{place(where, lang)}的{what}消失了。" if zh else f"The {what} {at_place(where, lang)} was removed."
    else:
        answer = "没有变化。" if zh else "Nothing changed."
    background = random_background(rng, [x.color for x in before + after])
    media = []
    for shapes in (before, after):
        canvas = Canvas(width, height, world.atlas, background, rng.getrandbits(24))
        for shape in shapes:
            draw_shape(canvas, shape)
        light_wear(canvas, rng, 0.6)
        media.append(("image", canvas))
    key = ("change", tuple(x.key() for x in before), tuple(sorted(x.key() for x in after)))
    return Item("change", lang, media, [Turn(rng.choice(_PROMPTS[lang]), answer)], key, tags=["change"])
