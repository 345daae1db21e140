"""(c) Reading words, numbers and short lines, clean and degraded."""

from ..canvas import Canvas, heavy_wear, light_wear
from ..lexicon import any_color, contrasting
from .item import Item, Turn, language

GEOMETRIES = [
    (32, 128),
    (64, 160),
    (64, 256),
    (96, 256),
    (64, 192),
    (128, 256),
    (96, 192),
    (32, 256),
    (64, 128),
    (96, 160),
    (128, 192),
    (160, 256),
    (64, 320),
]

_PROMPTS = {
    "en": [
        "Read the text.",
        "What does it say?",
        "What does the picture say?",
        "Transcribe the text in this image.",
        "What is written here?",
        "OCR:",
    ],
    "zh": ["读出图中的文字。", "图片上写了什么？", "识别文字。", "上面写的是什么？"],
}


def _cased(rng, word):
    style = rng.random()
    return word if style < 0.4 else word.capitalize() if style < 0.75 else word.upper()


def number(rng):
    kind = rng.randrange(8)
    digits = lambda n: "".join(rng.choice("0123456789") for _ in range(n))
    if kind == 0:
        return digits(rng.randint(2, 8))
    if kind == 1:
        return f"{rng.randint(0, 9999)}.{digits(2)}"
    if kind == 2:
        return f"{rng.choice('$#+-')}{rng.randint(1, 99999)}"
    if kind == 3:
        return f"{rng.randint(1990, 2039)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
    if kind == 4:
        return f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}"
    if kind == 5:
        letters = "ABCDEFGHJKLMNPRSTUVWXYZ"
        return (
            "".join(rng.choice(letters) for _ in range(rng.randint(1, 3)))
            + rng.choice("- ")
            + digits(rng.randint(2, 5))
        )
    if kind == 6:
        return f"{rng.randint(1, 100)}%"
    return f"{rng.randint(1, 999)},{digits(3)}"


def line(rng, words, longest):
    """A word, a number, or a few words, at most `longest` characters in total."""
    kind = rng.random()
    if kind < 0.3:
        text = _cased(rng, words.any(rng))
    elif kind < 0.5:
        text = number(rng)
    else:
        pieces = [words.any(rng) if rng.random() < 0.85 else number(rng) for _ in range(rng.choice((2, 2, 3, 3, 4)))]
        style = rng.random()
        if style < 0.3:
            pieces = [p.upper() for p in pieces]
        elif style < 0.6:
            pieces = [p.capitalize() for p in pieces]
        elif style < 0.8:
            pieces[0] = pieces[0].capitalize()
        text = " ".join(pieces)
        if rng.random() < 0.15:
            text += rng.choice(".!?")
        elif rng.random() < 0.1 and " " in text:
            text = text.replace(" ", ", ", 1)
    while len(text) > longest and " " in text:
        text = text.rsplit(" ", 1)[0].rstrip(",")
    return text if len(text) <= longest else line(rng, words, longest)


def make(rng, world, geometry, easy=False):
    """`easy`: one short word or number without degradation, for the first minutes of training."""
    height, width = geometry[:2]
    lang = language(rng)
    degraded = rng.random() < 0.5 and not easy
    font = rng.choice(world.fonts)
    n_lines = 1 if height < 64 or easy or rng.random() < 0.6 else rng.randint(2, min(3, height // 32))
    least = 17 if degraded else 16
    longest = min(26, int((width - 10) / (least * 0.6)))
    lines = (
        [_cased(rng, world.words.any(rng, 6)) if rng.random() < 0.7 else number(rng)]
        if easy
        else [line(rng, world.words, longest) for _ in range(n_lines)]
    )
    background = any_color(rng) if rng.random() < 0.6 else (0.97, 0.97, 0.95)
    ink = contrasting(rng, background, 0.5)
    canvas = Canvas(width, height, world.atlas, background, rng.getrandbits(24))
    widest = max(canvas.text_width(t, font, 1.0) for t in lines)
    limit = min((width - 8) / widest, (height - 4) / n_lines / 1.15)
    size = max(least - 3, min(limit, rng.uniform(least, max(least + 1, min(40, height * 0.75)))))
    size = min(size, (width - 4) / widest)
    block = size * 1.2 * n_lines
    x0 = 4 + rng.random() * max(0.0, width - 8 - widest * size)
    y0 = rng.random() * max(0.0, height - block - 2) + 1
    weight = rng.uniform(-0.1, 0.35) * size / 28
    slant = rng.uniform(-0.05, 0.25) if rng.random() < 0.2 else 0.0
    align = rng.choice(("left", "left", "center"))
    for i, text in enumerate(lines):
        shift = (widest * size - canvas.text_width(text, font, size)) / 2 if align == "center" else 0.0
        canvas.text(x0 + shift, y0 + size * (0.92 + 1.2 * i), text, font, size, ink, weight=weight, slant=slant)
    if rng.random() < 0.3:
        canvas.gradient(
            tuple(min(1.0, max(0.0, v + rng.uniform(-0.12, 0.12))) for v in background), rng.uniform(0, 6.28)
        )
    tag = "ocr_degraded" if degraded else "ocr_clean"
    if degraded:
        heavy_wear(canvas, rng)
    else:
        light_wear(canvas, rng, 0.5)
    text = "\n".join(lines)
    return Item("ocr", lang, [("image", canvas)], [Turn(rng.choice(_PROMPTS[lang]), text)], ("ocr", text), tags=[tag])
