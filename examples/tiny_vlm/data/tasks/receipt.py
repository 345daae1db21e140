"""(d) Fields of a synthetic receipt or form as JSON."""

import json

from ..canvas import Canvas, light_wear
from ..lexicon import contrasting
from .item import Item, Turn, language

GEOMETRIES = [(256, 192), (288, 224), (256, 256), (320, 224), (224, 192), (256, 224), (320, 256), (224, 224)]

_NAMES = {
    "store": ("store", "商店"),
    "date": ("date", "日期"),
    "total": ("total", "总额"),
    "tax": ("tax", "税"),
    "time": ("time", "时间"),
    "number": ("receipt number", "小票号"),
}
_FORM_FIELDS = ["name", "date", "phone", "city", "id", "amount", "age", "email", "room", "code", "street", "company"]


def _money(rng, top=99):
    whole = rng.randint(0, top)
    cents = rng.choice(("00", "50", "99", "95", "25", "75")) if rng.random() < 0.5 else f"{rng.randint(0, 99):02d}"
    return f"{whole}.{cents}"


def _date(rng):
    y, m, d = rng.randint(2015, 2032), rng.randint(1, 12), rng.randint(1, 28)
    return rng.choice((f"{y}-{m:02d}-{d:02d}", f"{y}-{m:02d}-{d:02d}", f"{d:02d}/{m:02d}/{y}", f"{d:02d}.{m:02d}.{y}"))


def _paper(rng, world, geometry):
    height, width = geometry[:2]
    tint = rng.uniform(0.86, 1.0)
    background = (tint, tint * rng.uniform(0.95, 1.0), tint * rng.uniform(0.88, 1.0))
    canvas = Canvas(width, height, world.atlas, background, rng.getrandbits(24))
    return canvas, contrasting(rng, background, 0.6)


def _wear(rng, canvas):
    light_wear(canvas, rng, 0.8)
    if rng.random() < 0.3:
        canvas.transform(angle=rng.uniform(-0.025, 0.025), shear=rng.uniform(-0.02, 0.02))


def _listing(names, lang):
    return (
        "、".join(names)
        if lang == "zh"
        else names[0]
        if len(names) == 1
        else ", ".join(names[:-1]) + " and " + names[-1]
    )


def _dump(value):
    return json.dumps(value, ensure_ascii=False)


def make_receipt(rng, world, geometry):
    height, width = geometry[:2]
    lang = language(rng)
    canvas, ink = _paper(rng, world, geometry)
    font = rng.choice(world.fonts)
    size = rng.uniform(14.0, 15.5) if width < 220 else rng.uniform(14.5, 17.0)
    n_items = rng.randint(2, min(5, int((height - size * 8) / (size * 1.4))))
    words = world.words
    store = " ".join(words.any(rng, 8) for _ in range(rng.choice((1, 2))))
    store = store.upper() if rng.random() < 0.5 else store.title()
    goods = []
    while len(goods) < n_items:
        good = words.any(rng, 8)
        good = good.capitalize() if rng.random() < 0.6 else good
        if good.lower() not in [g.lower() for g, _ in goods]:
            goods.append((good, _money(rng)))
    total = f"{sum(float(p) for _, p in goods):.2f}"
    fields = {"store": store, "date": _date(rng), "total": total}
    extra = [
        ("time", f"{rng.randint(7, 22):02d}:{rng.randint(0, 59):02d}"),
        ("tax", _money(rng, 9)),
        ("number", str(rng.randint(100, 99999))),
    ]
    for k, v in extra:
        if rng.random() < 0.35:
            fields[k] = v
    currency = rng.choice(("", "", "$"))
    margin = rng.uniform(8, 16)
    left, right = margin, width - margin
    rows = [("center", store, None), (None, None, None)]
    head = [f"Date {fields['date']}" if rng.random() < 0.6 else fields["date"]]
    if "time" in fields:
        head.append(fields["time"])
    if "number" in fields:
        rows.append(("left", f"No. {fields['number']}", None))
    rows.append(("pair", head[0], head[1] if len(head) > 1 else ""))
    rows.append(("rule", None, None))
    rows += [("pair", g, currency + p) for g, p in goods]
    rows.append(("rule", None, None))
    if "tax" in fields:
        rows.append(("pair", rng.choice(("Tax", "TAX", "tax")), currency + fields["tax"]))
    rows.append(("pair", rng.choice(("Total", "TOTAL", "Sum", "TOTAL")), currency + total))
    heights = {"rule": 0.6, None: 0.2, "center": 1.7}
    units = sum(heights.get(k, 1.4) for k, _, _ in rows)
    pitch = min(size, (height - 12) / units)
    size = min(size, pitch * 1.05)
    y = rng.uniform(5, max(5.0, height - units * pitch - 5))
    where = {}  # text -> its centre
    for kind, a, b in rows:
        step = heights.get(kind, 1.4) * pitch
        if kind == "center":
            big = size * rng.uniform(1.05, 1.3)
            big *= min(1.0, (right - left) / canvas.text_width(a, font, big))
            canvas.text_in(left, right, y + step / 2, a, font, big, ink, "center", weight=0.15)
            where[a] = ((left + right) / 2, y + step / 2)
        elif kind == "rule":
            canvas.line(left, y + step / 2, right, y + step / 2, ink, rng.uniform(0.7, 1.5), 0.7)
        elif kind == "left":
            start, stop = canvas.text_in(left, right, y + step / 2, a, font, size, ink)
            where[a.split(" ")[-1]] = ((start + stop) / 2, y + step / 2)
        elif kind == "pair":
            need = canvas.text_width(a + "  " + (b or ""), font, size)
            s = size * min(1.0, (right - left) / need)
            start, stop = canvas.text_in(left, right, y + step / 2, a, font, s, ink)
            where[a] = where[a.split(" ")[-1]] = ((start + stop) / 2, y + step / 2)
            if b:
                start, stop = canvas.text_in(left, right, y + step / 2, b, font, s, ink, "right")
                where[b] = where[a, "right"] = ((start + stop) / 2, y + step / 2)
        y += step
    _wear(rng, canvas)
    turns = []
    zh = lang == "zh"
    names = [k for k in fields]
    chosen = names if rng.random() < 0.4 else rng.sample(names, rng.randint(2, len(names)))
    listing = _listing(chosen, lang)
    prompt = rng.choice(
        [f"提取{listing}，用JSON回答。", f"以JSON格式给出{listing}。"]
        if zh
        else [f"Extract {listing} as JSON.", f"Return {listing} as JSON.", f"Give the fields {listing} as JSON."]
    )
    turns.append(Turn(prompt, _dump({k: fields[k] for k in chosen}), "json_f1"))
    prompt = rng.choice(
        ["列出所有商品和价格，用JSON。", "以JSON给出商品名称和价格。"]
        if zh
        else [
            "List all items with prices as JSON.",
            "Extract the items as JSON.",
            "Return every item and its price as JSON.",
        ]
    )
    turns.append(Turn(prompt, _dump({"items": [{"name": g, "price": p} for g, p in goods]}), "json_f1"))
    k = rng.choice(names)
    if rng.random() < 0.6:
        ask = {
            "total": ("What is the total?", "总共多少钱？"),
            "store": ("What is the name of the store?", "商店叫什么名字？"),
            "date": ("What is the date?", "日期是什么？"),
            "tax": ("How much is the tax?", "税是多少？"),
            "time": ("What is the time?", "时间是几点？"),
            "number": ("What is the receipt number?", "小票号是多少？"),
        }[k]
        at = where.get(fields[k]) or where.get(currency + fields[k])
        turns.append(Turn(ask[zh], fields[k], name_at=at, answer_at=at))
    else:
        g, p = rng.choice(goods)
        turns.append(
            Turn(
                f"{g}多少钱？" if zh else rng.choice((f"How much is {g}?", f"What is the price of {g}?")),
                p,
                name_at=where[g],
                answer_at=where[g, "right"],
            )
        )
    order = rng.sample(range(3), 3)
    return Item(
        "receipt",
        lang,
        [("image", canvas)],
        [turns[i] for i in order],
        ("receipt", store, tuple(goods), tuple(fields.items())),
        tags=[("receipt", "receipt", "receipt_value")[i] for i in order],
    )


def _form_value(rng, words, key):
    cap = lambda n=8: words.any(rng, n).capitalize()
    digits = lambda n: "".join(rng.choice("0123456789") for _ in range(n))
    return {
        "name": lambda: f"{cap(7)} {cap(7)}",
        "date": lambda: _date(rng),
        "phone": lambda: f"{digits(3)}-{digits(4)}",
        "city": cap,
        "id": lambda: rng.choice("ABCDEFGHKM") + digits(5),
        "amount": lambda: _money(rng, 999),
        "age": lambda: str(rng.randint(1, 99)),
        "email": lambda: f"{words.any(rng, 5)}@{words.any(rng, 4)}.{rng.choice(('com', 'org', 'net'))}",
        "room": lambda: str(rng.randint(1, 999)),
        "code": lambda: digits(6),
        "street": lambda: f"{cap(7)} {rng.randint(1, 200)}",
        "company": lambda: f"{cap(7)} {rng.choice(('Ltd', 'Inc', 'Co'))}",
    }[key]()


def make_form(rng, world, geometry):
    height, width = geometry[:2]
    lang = language(rng)
    canvas, ink = _paper(rng, world, geometry)
    font, label_font = rng.choice(world.fonts), rng.choice(world.fonts)
    size = rng.uniform(14.0, 16.5)
    stacked = rng.random() < 0.35
    pitch = size * (3.0 if stacked else rng.uniform(1.7, 2.1))
    n = rng.randint(3, max(3, min(6, int((height - size * 3) / pitch))))
    keys = rng.sample(_FORM_FIELDS, n)
    fields = {}
    title = " ".join(world.words.any(rng, 8) for _ in range(rng.choice((1, 2)))).title()
    margin = rng.uniform(8, 14)
    left, right = margin, width - margin
    y = rng.uniform(6, max(6.0, height - size * 2.2 - n * pitch - 6)) + size
    if rng.random() < 0.8:
        s = size * 1.2 * min(1.0, (right - left) / canvas.text_width(title, label_font, size * 1.2))
        canvas.text_in(left, right, y, title, label_font, s, ink, rng.choice(("left", "center")), weight=0.2)
        y += size * 0.7
    colon, boxed = rng.choice((":", "")), rng.random() < 0.5
    faint = tuple(v + ((1 if v < 0.5 else 0) - v) * 0.35 for v in ink)
    named, answered = {}, {}
    for k in keys:
        label = {"id": "ID"}.get(k, k.capitalize()) + colon
        y += pitch / 2
        if stacked:
            canvas.text_in(left, right, y - size * 0.85, label, label_font, size * 0.85, faint)
            x0, middle = left, y + size * 0.5
        else:
            width_of = max(canvas.text_width("Company" + colon, label_font, size * 0.95), 1) + size * 0.6
            canvas.text_in(left, right, y, label, label_font, size * 0.95, faint)
            x0, middle = left + width_of, y
        for _ in range(10):  # look for a value that fits without shrinking
            fields[k] = _form_value(rng, world.words, k)
            if canvas.text_width(fields[k], font, size) < 1.08 * (right - x0 - 6):
                break
        if boxed:
            canvas.box(
                x0 - 2,
                middle - size * 0.8,
                right,
                middle + size * 0.8,
                ink,
                radius=rng.choice((0, 3)),
                stroke=1.0,
                alpha=0.5,
            )
        else:
            canvas.line(x0, middle + size * 0.75, right, middle + size * 0.75, ink, 1.0, 0.5)
        s = size * min(1.0, (right - x0 - 6) / canvas.text_width(fields[k], font, size))
        start, stop = canvas.text_in(x0 + 3, right, middle, fields[k], font, s, ink)
        named[k] = (left + canvas.text_width(label, label_font, size * 0.9) / 2, y - size * 0.85 if stacked else y)
        answered[k] = ((start + stop) / 2, middle)
        y += pitch / 2
    _wear(rng, canvas)
    zh = lang == "zh"
    turns = [
        Turn(
            rng.choice(
                ["读取表格，以JSON给出所有字段。", "把表单内容转成JSON。"]
                if zh
                else [
                    "Read the form and return its fields as JSON.",
                    "Extract all fields as JSON.",
                    "Convert this form to JSON.",
                ]
            ),
            _dump(fields),
            "json_f1",
        )
    ]
    some = rng.sample(keys, rng.randint(2, min(3, n)))
    listing = _listing(some, lang)
    turns.append(
        Turn(
            rng.choice(
                [f"提取{listing}，用JSON回答。", f"以JSON格式给出{listing}。"]
                if zh
                else [f"Extract {listing} as JSON.", f"Return {listing} as JSON."]
            ),
            _dump({k: fields[k] for k in some}),
            "json_f1",
        )
    )
    k = rng.choice(keys)
    turns.append(
        Turn(
            f"{k}是什么？" if zh else rng.choice((f"What is the {k}?", f"Read the {k}.")),
            fields[k],
            name_at=named[k],
            answer_at=answered[k],
        )
    )
    order = rng.sample(range(3), 3)
    return Item(
        "receipt",
        lang,
        [("image", canvas)],
        [turns[i] for i in order],
        ("form", title, tuple(fields.items())),
        tags=[("receipt", "receipt", "receipt_value")[i] for i in order],
    )


def make(rng, world, geometry):
    return (make_receipt if rng.random() < 0.6 else make_form)(rng, world, geometry)
