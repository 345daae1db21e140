"""(g) Short videos: the time of an event."""

from ..canvas import Canvas
from ..lexicon import COLORS, PLACES, SHAPES
from .item import Item, Turn, language
from .scene import Shape, draw_shape, name, random_background

GEOMETRIES = [(64, 64, 8), (96, 96, 6), (64, 96, 10), (96, 96, 8), (64, 64, 12), (96, 128, 8), (64, 96, 7), (96, 64, 8)]


def seconds_text(value):
    """The shortest decimal with one or two digits after the point."""
    text = f"{value:.2f}"
    return text[:-1] if text.endswith("0") else text


def make(rng, world, geometry):
    height, width, n = geometry
    lang = language(rng)
    zh = lang == "zh"
    fps = rng.choice((1.0, 2.0, 2.0, 2.0, 4.0))
    count = rng.choice((1, 2, 2, 3, 3))
    cells = rng.sample(list(PLACES), count)
    pairs = set()
    while len(pairs) < count:
        pairs.add((rng.choice(list(SHAPES)), rng.choice(list(COLORS))))
    shapes = [Shape(rng, k, c, "large", cell) for (k, c), cell in zip(sorted(pairs), cells)]
    rng.shuffle(shapes)
    events = []  # for each shape: (kind, first frame of the new state, new colour or cell)
    for i, s in enumerate(shapes):
        kind = rng.choice(("appear", "disappear", "color", "move")) if i == 0 or rng.random() < 0.5 else "still"
        frame = rng.randint(1, n - 1)
        extra = (
            rng.choice([c for c in COLORS if c != s.color])
            if kind == "color"
            else rng.choice([c for c in PLACES if c not in cells])
            if kind == "move"
            else None
        )
        if kind == "move":
            cells.append(extra)
        events.append((kind, frame, extra))
    used = [s.color for s in shapes] + [e[2] for e in events if e[0] == "color"]
    background = random_background(rng, used)
    recolored = {
        i: Shape(rng, s.kind, e[2], s.size, s.cell) for i, (s, e) in enumerate(zip(shapes, events)) if e[0] == "color"
    }
    noise = rng.uniform(0.0, 0.04) if rng.random() < 0.4 else 0.0
    drift = (rng.uniform(-1, 1), rng.uniform(-1, 1)) if rng.random() < 0.3 else (0.0, 0.0)  # slow camera motion
    frames = []
    for f in range(n):
        canvas = Canvas(width, height, world.atlas, background, rng.getrandbits(24))
        canvas.noise(noise)
        for i, (s, (kind, frame, extra)) in enumerate(zip(shapes, events)):
            late = f >= frame
            if kind == "appear" and not late or kind == "disappear" and late:
                continue
            shown = s
            if late and kind == "color":
                shown = recolored[i]
                shown.jitter, shown.turn = s.jitter, s.turn
            if late and kind == "move":
                home, s.cell = s.cell, extra
                draw_shape(canvas, s)
                s.cell = home
            else:
                draw_shape(canvas, shown)
        if drift != (0.0, 0.0):
            canvas.transform(dx=drift[0] * f * 0.4, dy=drift[1] * f * 0.4)
        frames.append(canvas)
    turns = []
    for s, (kind, frame, extra) in zip(shapes, events):
        if kind == "still":
            continue
        what, t = name(s.kind, s.color, lang), frame / fps
        if zh:
            verb = {
                "appear": "出现",
                "disappear": "消失",
                "color": f"变成{COLORS[extra][0]}" if kind == "color" else "",
                "move": "移动",
            }[kind]
            prompt, answer = (
                rng.choice((f"{what}在第几秒{verb}？", f"{what}什么时候{verb}？")),
                f"在{seconds_text(t)}秒。",
            )
        else:
            verb = {"appear": "appear", "disappear": "disappear", "color": f"turn {extra}", "move": "move"}[kind]
            prompt, answer = (
                rng.choice((f"When does the {what} {verb}?", f"At which second does the {what} {verb}?")),
                f"At {seconds_text(t)} seconds.",
            )
        turns.append(Turn(prompt, answer, "seconds", t))
    rng.shuffle(turns)
    key = ("video", fps, n, tuple((s.key(), e) for s, e in zip(shapes, events)))
    return Item("video", lang, [("video", frames, fps)], turns, key, tags=["video"] * len(turns))
