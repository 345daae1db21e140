"""(a) Descriptions of a scene of shapes; (b) questions about it."""

import math

from ..canvas import CROSS, ELLIPSE, HEART, STAR, BOX, Canvas, light_wear
from ..lexicon import COLORS, PLACES, SHAPES, SIZES, distance, jittered
from .item import Item, Turn, language

GEOMETRIES = [
    (128, 128),
    (160, 160),
    (128, 192),
    (192, 192),
    (192, 128),
    (160, 224),
    (96, 128),
    (224, 160),
    (192, 256),
    (224, 224),
]

_BACKGROUNDS = [
    (0.98, 0.98, 0.96),
    (0.90, 0.94, 0.98),
    (0.97, 0.93, 0.85),
    (0.86, 0.92, 0.86),
    (0.80, 0.82, 0.86),
    (0.17, 0.18, 0.22),
    (0.10, 0.14, 0.30),
    (0.12, 0.22, 0.18),
    (0.30, 0.16, 0.20),
    (0.68, 0.72, 0.78),
]


class Shape:
    """A shape in a cell of the 3x3 grid."""

    __slots__ = ("kind", "color", "size", "cell", "jitter", "paint", "turn")

    def __init__(self, rng, kind, color, size, cell):
        self.kind, self.color, self.size, self.cell = kind, color, size, cell
        self.jitter = (rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(0.92, 1.08))
        self.paint = jittered(rng, color)
        self.turn = rng.uniform(-0.12, 0.12)

    def key(self):
        return (self.cell, self.kind, self.color)


def random_background(rng, colors):
    """A plain colour that contrasts with all `colors`."""
    options = [b for b in _BACKGROUNDS if all(distance(b, COLORS[c][1:]) > 0.35 for c in colors)]
    base = rng.choice(options) if options else (0.5, 0.75, 0.55)
    return tuple(min(1.0, max(0.0, v + rng.uniform(-0.03, 0.03))) for v in base)


def random_shapes(rng, count, cells=None):
    cells = rng.sample(cells or list(PLACES), count)
    kinds, colors = list(SHAPES), list(COLORS)
    few = rng.random() < 0.4  # few kinds and colours give larger counts
    if few:
        kinds, colors = rng.sample(kinds, 2), rng.sample(colors, 2)
    return sorted(
        (Shape(rng, rng.choice(kinds), rng.choice(colors), rng.choice(list(SIZES)), cell) for cell in cells),
        key=lambda s: s.cell,
    )


def draw_shape(canvas, shape, width=None, height=None):
    """Draws the shape in its cell of a width x height area; default: the canvas."""
    width, height = width or canvas.width, height or canvas.height
    cw, ch = width / 3, height / 3
    unit = min(cw, ch)
    radius = unit * (0.25 if shape.size == "small" else 0.42) * shape.jitter[2]
    reach = radius * 1.08
    x = (shape.cell[1] + 0.5) * cw + shape.jitter[0] * max(0.0, cw / 2 - reach)
    y = (shape.cell[0] + 0.5) * ch + shape.jitter[1] * max(0.0, ch / 2 - reach)
    paint_shape(canvas, shape.kind, x, y, radius, shape.paint, shape.turn)


def paint_shape(canvas, kind, x, y, radius, color, turn=0.0):
    if kind == "circle":
        canvas.add(ELLIPSE, x, y, radius, radius, color)
    elif kind == "ring":
        canvas.add(ELLIPSE, x, y, radius * 0.78, radius * 0.78, color, stroke=radius * 0.2)
    elif kind == "square":
        canvas.add(BOX, x, y, radius * 0.86, radius * 0.86, color, angle=turn)
    elif kind == "diamond":
        canvas.add(BOX, x, y, radius * 0.74, radius * 0.74, color, angle=math.pi / 4 + turn * 0.5)
    elif kind == "triangle":
        canvas.add(STAR, x, y + radius * 0.2, radius, radius, color, angle=turn, p0=3, p1=0.5)
    elif kind == "pentagon":
        canvas.add(STAR, x, y, radius, radius, color, angle=turn, p0=5, p1=math.cos(math.pi / 5))
    elif kind == "star":
        canvas.add(STAR, x, y, radius * 1.05, radius * 1.05, color, angle=turn, p0=5, p1=0.42)
    elif kind == "cross":
        canvas.add(CROSS, x, y, radius * 0.95, radius * 0.95, color, angle=turn, p0=0.36)
    else:
        canvas.add(HEART, x, y, radius, radius, color, angle=turn)


# ---- language
def place(cell, lang):
    return PLACES[cell][1 if lang == "zh" else 0]


def at_place(cell, lang):
    if lang == "zh":
        return PLACES[cell][1]
    return ("in the " if cell == (1, 1) else "at the ") + PLACES[cell][0]


def name(kind, color, lang):
    return COLORS[color][0] + SHAPES[kind] if lang == "zh" else f"{color} {kind}"


def article(text):
    return ("an " if text[0] in "aeiou" else "a ") + text


def describe(shapes, lang):
    if lang == "zh":
        return (
            f"{len(shapes)}个图形："
            + "，".join(f"{place(s.cell, lang)}的{name(s.kind, s.color, lang)}" for s in shapes)
            + "。"
        )
    listed = ", ".join(f"{article(name(s.kind, s.color, lang))} {at_place(s.cell, lang)}" for s in shapes)
    return f"{len(shapes)} shape{'s' if len(shapes) != 1 else ''}: {listed}."


_DESCRIBE = {
    "en": [
        "Describe the picture.",
        "Describe this image.",
        "What is in the picture?",
        "What do you see?",
        "List the shapes and where they are.",
    ],
    "zh": ["描述这张图片。", "图里有什么？", "请描述图中的图形。", "你看到了什么？"],
}


def describe_turn(rng, shapes, lang):
    return Turn(rng.choice(_DESCRIBE[lang]), describe(shapes, lang))


def question_turn(rng, shapes, lang):
    """A question with exactly one right answer."""
    zh = lang == "zh"
    pick = lambda en, cn: rng.choice(cn if zh else en)
    while True:
        kind = rng.choice(
            ["count", "count_color", "count_kind", "color_of", "kind_of", "at", "where", "exists", "left", "size"]
        )
        s = rng.choice(shapes)
        if kind == "count":
            return Turn(
                pick(
                    ["How many shapes are there?", "Count the shapes.", "How many shapes do you see?"],
                    ["有几个图形？", "数一数有多少个图形。"],
                ),
                str(len(shapes)),
            )
        if kind == "count_color":
            color = s.color if rng.random() < 0.7 else rng.choice(list(COLORS))
            n = sum(t.color == color for t in shapes)
            return Turn(
                pick(
                    [f"How many shapes are {color}?", f"How many {color} shapes are there?"],
                    [f"有几个{COLORS[color][0]}的图形？", f"{COLORS[color][0]}的图形有多少个？"],
                ),
                str(n),
            )
        if kind == "count_kind":
            k = s.kind if rng.random() < 0.7 else rng.choice(list(SHAPES))
            n = sum(t.kind == k for t in shapes)
            plural = {"cross": "crosses"}.get(k, k + "s")
            return Turn(
                pick(
                    [f"How many {plural} are there?", f"Count the {plural}."],
                    [f"有几个{SHAPES[k]}？", f"图中有多少个{SHAPES[k]}？"],
                ),
                str(n),
            )
        if kind == "color_of" and sum(t.kind == s.kind for t in shapes) == 1:
            return Turn(
                pick(
                    [f"What color is the {s.kind}?", f"Which color does the {s.kind} have?"],
                    [f"{SHAPES[s.kind]}是什么颜色？"],
                ),
                COLORS[s.color][0] if zh else s.color,
            )
        if kind == "kind_of" and sum(t.color == s.color for t in shapes) == 1:
            return Turn(
                pick(
                    [f"Which shape is {s.color}?", f"What is the {s.color} shape?"],
                    [f"哪个图形是{COLORS[s.color][0]}的？", f"{COLORS[s.color][0]}的是什么图形？"],
                ),
                SHAPES[s.kind] if zh else s.kind,
            )
        if kind == "at":
            cell = s.cell if rng.random() < 0.8 else rng.choice(list(PLACES))
            there = [t for t in shapes if t.cell == cell]
            answer = (
                (name(there[0].kind, there[0].color, lang) if there else "没有")
                if zh
                else (article(name(there[0].kind, there[0].color, lang)) if there else "nothing")
            )
            return Turn(
                pick(
                    [f"What is {at_place(cell, lang)}?", f"Which shape is {at_place(cell, lang)}?"],
                    [f"{place(cell, lang)}是什么？", f"{place(cell, lang)}有什么图形？"],
                ),
                answer,
            )
        if kind == "where" and sum(t.kind == s.kind and t.color == s.color for t in shapes) == 1:
            n = name(s.kind, s.color, lang)
            return Turn(
                pick([f"Where is the {n}?", f"Find the {n}."], [f"{n}在哪里？", f"{n}在什么位置？"]),
                place(s.cell, lang),
            )
        if kind == "exists":
            k, c = (
                (s.kind, s.color)
                if rng.random() < 0.5
                else (s.kind, rng.choice(list(COLORS)))
                if rng.random() < 0.5
                else (rng.choice(list(SHAPES)), s.color)
            )
            yes = any(t.kind == k and t.color == c for t in shapes)
            n = name(k, c, lang)
            return Turn(
                pick([f"Is there {article(n)}?", f"Do you see {article(n)}?"], [f"有{n}吗？", f"图中有没有{n}？"]),
                ("有" if yes else "没有") if zh else ("yes" if yes else "no"),
            )
        if kind == "left" and len(shapes) > 1:
            t = rng.choice(shapes)
            unique = all(sum(u.kind == v.kind and u.color == v.color for u in shapes) == 1 for v in (s, t))
            if t is s or not unique or t.cell[1] == s.cell[1]:
                continue
            yes = s.cell[1] < t.cell[1]
            a, b = name(s.kind, s.color, lang), name(t.kind, t.color, lang)
            return Turn(
                f"{a}在{b}的左边吗？" if zh else f"Is the {a} left of the {b}?",
                ("是" if yes else "不是") if zh else ("yes" if yes else "no"),
            )
        if kind == "size" and sum(t.kind == s.kind for t in shapes) == 1:
            return Turn(
                f"{SHAPES[s.kind]}是大还是小？" if zh else f"Is the {s.kind} small or large?",
                SIZES[s.size] if zh else s.size,
            )


def make(rng, world, geometry):
    height, width = geometry[:2]
    lang = language(rng)
    shapes = random_shapes(rng, rng.choice((1, 2, 2, 3, 3, 4, 4, 5, 6)))
    background = random_background(rng, [s.color for s in shapes])
    canvas = Canvas(width, height, world.atlas, background, rng.getrandbits(24))
    if rng.random() < 0.3:
        canvas.gradient(
            tuple(min(1.0, max(0.0, v + rng.uniform(-0.07, 0.07))) for v in background), rng.uniform(0, 6.28)
        )
    for s in shapes:
        draw_shape(canvas, s)
    light_wear(canvas, rng)
    turns = [("scene", describe_turn(rng, shapes, lang))] + [
        ("question", question_turn(rng, shapes, lang)) for _ in range(3)
    ]
    rng.shuffle(turns)
    return Item(
        "scene",
        lang,
        [("image", canvas)],
        [t for _, t in turns],
        ("scene", tuple(s.key() for s in shapes)),
        tags=[n for n, _ in turns],
    )
