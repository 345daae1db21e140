"""(h) Reading values from small charts and tables."""

from ..canvas import Canvas, light_wear
from ..lexicon import any_color, contrasting, distance
from .item import Item, Turn, language

GEOMETRIES = [(160, 224), (192, 256), (192, 192), (192, 224), (224, 256), (160, 256), (224, 224)]

_SETS = [
    ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat"],
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun"],
    ["A", "B", "C", "D", "E", "F"],
    ["Q1", "Q2", "Q3", "Q4"],
    ["2019", "2020", "2021", "2022", "2023"],
]
_COLUMNS = [
    "Price",
    "Count",
    "Sales",
    "Cost",
    "Stock",
    "Score",
    "Rank",
    "Size",
    "Age",
    "Q1",
    "Q2",
    "2021",
    "2022",
    "2023",
]


def _categories(rng, world, n):
    if rng.random() < 0.45:
        pool = rng.choice([s for s in _SETS if len(s) >= n])
        start = rng.randrange(len(pool) - n + 1)
        return pool[start : start + n]
    names = []
    while len(names) < n:
        w = world.words.any(rng, 5).capitalize()
        if w not in names:
            names.append(w)
    return names


def _page(rng, world, geometry):
    height, width = geometry[:2]
    dark = rng.random() < 0.15
    v = rng.uniform(0.08, 0.2) if dark else rng.uniform(0.88, 1.0)
    background = tuple(min(1.0, max(0.0, v + rng.uniform(-0.03, 0.03))) for _ in range(3))
    canvas = Canvas(width, height, world.atlas, background, rng.getrandbits(24))
    return canvas, background, contrasting(rng, background, 0.6)


def _series(rng, n):
    """Axis step, number of steps, and n values on whole or half steps."""
    step, steps = rng.choice((1, 2, 5, 10, 20, 10)), rng.choice((4, 5, 5, 6))
    unit = step if step == 1 or rng.random() < 0.4 else step / 2
    values = [round(rng.randint(1, int(step * steps / unit)) * unit, 1) for _ in range(n)]
    return step, steps, [int(v) if v == int(v) else v for v in values]


def _value_turns(rng, lang, names, values, word, named, ends):
    zh = lang == "zh"
    turns = []
    for i in rng.sample(range(len(names)), min(2, len(names))):
        prompt = rng.choice(
            [f"{names[i]}的值是多少？", f"{names[i]}是多少？"]
            if zh
            else [f"What is the value of {names[i]}?", f"Read the value of {names[i]}.", f"How much is {names[i]}?"]
        )
        turns.append(Turn(prompt, str(values[i]), name_at=named[i], answer_at=ends[i]))
    top, low = max(values), min(values)
    if values.count(top) == 1 and rng.random() < 0.6:
        turns.append(
            Turn(
                f"哪个{'柱子' if word == 'bar' else '点'}最高？" if zh else f"Which {word} is the highest?",
                names[values.index(top)],
                name_at=ends[values.index(top)],
                answer_at=named[values.index(top)],
            )
        )
    if values.count(low) == 1 and rng.random() < 0.4:
        turns.append(
            Turn(
                f"哪个{'柱子' if word == 'bar' else '点'}最低？" if zh else f"Which {word} is the lowest?",
                names[values.index(low)],
                name_at=ends[values.index(low)],
                answer_at=named[values.index(low)],
            )
        )
    rng.shuffle(turns)
    return turns[:3]


def make_chart(rng, world, geometry):
    height, width = geometry[:2]
    lang = language(rng)
    canvas, background, ink = _page(rng, world, geometry)
    font, size = rng.choice(world.fonts), rng.uniform(12.5, 15.0)
    n = rng.randint(3, 6 if width > 200 else 5)
    names = _categories(rng, world, min(n, 4)) if rng.random() < 0.3 else _categories(rng, world, min(n, 5))
    n = len(names)
    step, steps, values = _series(rng, n)
    flat = rng.random() < 0.25  # horizontal bars
    lines = not flat and rng.random() < 0.25
    shown = rng.random() < 0.4  # values are printed at the bars
    top = 8.0
    title = ""
    if rng.random() < 0.6:
        title = " ".join(world.words.any(rng, 8) for _ in range(rng.choice((1, 2)))).title()
        canvas.text_in(
            8,
            width - 8,
            6 + size / 2,
            title,
            font,
            size * min(1.0, (width - 20) / canvas.text_width(title, font, size)),
            ink,
            "center",
            weight=0.1,
        )
        top = size + 16
    top += size * 0.6 if shown else 0
    label_room = (
        max(canvas.text_width(x, font, size) for x in names) + 8
        if flat
        else max(canvas.text_width(str(step * steps), font, size), 8) + 8
    )
    left, right, bottom = (
        4 + label_room,
        width - (canvas.text_width("000", font, size) if flat and shown else 10),
        height - size * 1.7,
    )
    scale = ((right - left) if flat else (bottom - top)) / (step * steps)
    faint = 0.25
    for k in range(steps + 1):
        text = str(step * k)
        if flat:
            x = left + step * k * scale
            canvas.line(x, top, x, bottom, ink, 1.0, faint if k else 1.0)
            canvas.text_in(x - 15, x + 15, bottom + size * 0.85, text, font, size * 0.95, ink, "center")
        else:
            y = bottom - step * k * scale
            canvas.line(left, y, right, y, ink, 1.0, faint if k else 1.0)
            canvas.text_in(2, left - 4, y, text, font, size * 0.95, ink, "right")
    colors = []
    one = rng.random() < 0.5
    while len(colors) < n:
        c = any_color(rng)
        if distance(c, background) > 0.45:
            colors.append(colors[0] if one and colors else c)
    span = ((bottom - top) if flat else (right - left)) / n
    thick = span * rng.uniform(0.45, 0.7)
    before, named, ends = None, [], []
    for i, v in enumerate(values):
        at = (top if flat else left) + span * (i + 0.5)
        if flat:
            canvas.box(left, at - thick / 2, left + v * scale, at + thick / 2, colors[i])
            start, stop = canvas.text_in(2, left - 4, at, names[i], font, size, ink, "right")
            named.append(((start + stop) / 2, at))
            ends.append((left + v * scale + (10 if shown else 0), at))
            if shown:
                canvas.text_in(left + v * scale + 3, width, at, str(v), font, size * 0.95, ink)
        else:
            y = bottom - v * scale
            named.append((at, bottom + size * 0.85))
            ends.append((at, y - (size * 0.65 if shown else 0)))
            if lines:
                if before:
                    canvas.line(*before, at, y, colors[0], 2.0)
                canvas.disc(at, y, 3.2, colors[0])
                before = (at, y)
            else:
                canvas.box(at - thick / 2, y, at + thick / 2, bottom, colors[i])
            canvas.text_in(
                at - span / 2,
                at + span / 2,
                bottom + size * 0.85,
                names[i],
                font,
                size * min(1.0, (span - 2) / canvas.text_width(names[i], font, size)),
                ink,
                "center",
            )
            if shown:
                canvas.text_in(at - 20, at + 20, y - size * 0.65, str(v), font, size * 0.95, ink, "center")
    light_wear(canvas, rng, 0.5)
    turns = _value_turns(rng, lang, names, values, "point" if lines else "bar", named, ends)
    return Item(
        "chart",
        lang,
        [("image", canvas)],
        turns,
        ("chart", flat, lines, tuple(names), tuple(values), step, steps),
        tags=["chart"] * len(turns),
    )


def make_table(rng, world, geometry):
    height, width = geometry[:2]
    lang = language(rng)
    zh = lang == "zh"
    canvas, background, ink = _page(rng, world, geometry)
    font, size = rng.choice(world.fonts), rng.uniform(12.5, 15.0)
    n_cols = 2 if width < 220 else rng.choice((2, 2, 3))
    n_rows = rng.randint(2, 5)
    names = _categories(rng, world, min(n_rows, 5)) if rng.random() < 0.2 else []
    while len(names) < n_rows:
        w = world.words.any(rng, 8).capitalize()
        if w not in names:
            names.append(w)
    n_rows = len(names)
    heads = rng.sample(_COLUMNS, n_cols)
    money = [rng.random() < 0.3 for _ in heads]
    cell = lambda m: (
        f"{rng.randint(0, 99)}.{rng.randint(0, 99):02d}" if m else str(rng.randint(0, rng.choice((9, 99, 999))))
    )
    cells = [[cell(m) for m in money] for _ in names]
    first = max(max(canvas.text_width(x, font, size) for x in names), 30) + 12
    left, right = 6.0, width - 6.0
    row = min(30.0, (height - 16) / (n_rows + 1))
    top = rng.uniform(5, height - row * (n_rows + 1) - 5)
    size = min(size, row * 0.8)
    col = (right - left - first) / n_cols
    rules = rng.random() < 0.6
    if rng.random() < 0.5:
        canvas.box(left, top, right, top + row, any_color(rng), alpha=0.2)
    for r in range(n_rows + 2):
        y = top + row * r
        canvas.line(left, y, right, y, ink, 1.2 if r in (0, 1, n_rows + 1) else 0.9, 0.8 if rules or r == 1 else 0.2)
    if rules:
        for x in [left] + [left + first + col * k for k in range(n_cols + 1)]:
            canvas.line(x, top, x, top + row * (n_rows + 1), ink, 0.9, 0.7)
    align = rng.choice(("right", "center"))
    for k, head in enumerate(heads):
        x = left + first + col * k
        canvas.text_in(x + 3, x + col - 4, top + row / 2, head, font, size, ink, align, weight=0.15)
    for r, name in enumerate(names):
        y = top + row * (r + 1.5)
        canvas.text_in(
            left + 4,
            left + first,
            y,
            name,
            font,
            size * min(1.0, (first - 6) / canvas.text_width(name, font, size)),
            ink,
        )
        for k in range(n_cols):
            x = left + first + col * k
            canvas.text_in(x + 3, x + col - 4, y, cells[r][k], font, size, ink, align)
    light_wear(canvas, rng, 0.5)
    turns = []
    for _ in range(3):
        r, k = rng.randrange(n_rows), rng.randrange(n_cols)
        prompt = rng.choice(
            [f"{names[r]}的{heads[k]}是多少？"]
            if zh
            else [
                f"What is the {heads[k]} of {names[r]}?",
                f"Read {heads[k]} for {names[r]}.",
                f"{heads[k]} of {names[r]}?",
            ]
        )
        width_of = canvas.text_width(cells[r][k], font, size)
        x, y = left + first + col * k, top + row * (r + 1.5)
        at = x + col / 2 if align == "center" else x + col - 4 - width_of / 2
        turns.append(
            Turn(
                prompt,
                cells[r][k],
                name_at=(left + 4 + canvas.text_width(names[r], font, size) / 2, y),
                answer_at=(at, y),
            )
        )
    return Item(
        "chart",
        lang,
        [("image", canvas)],
        turns,
        ("table", tuple(names), tuple(heads), tuple(map(tuple, cells))),
        tags=["chart"] * 3,
    )


def make(rng, world, geometry):
    return (make_chart if rng.random() < 0.6 else make_table)(rng, world, geometry)
