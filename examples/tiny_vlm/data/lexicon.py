"""Words, colours, shapes and positions in English and Chinese."""

import pathlib

from .split import word_split

COLORS = {  # English -> (Chinese, red, green, blue)
    "red": ("红色", 0.86, 0.12, 0.12),
    "green": ("绿色", 0.13, 0.62, 0.20),
    "blue": ("蓝色", 0.13, 0.30, 0.88),
    "yellow": ("黄色", 0.97, 0.88, 0.15),
    "orange": ("橙色", 0.98, 0.55, 0.08),
    "purple": ("紫色", 0.52, 0.15, 0.68),
    "pink": ("粉色", 0.98, 0.58, 0.75),
    "brown": ("棕色", 0.47, 0.28, 0.12),
    "black": ("黑色", 0.06, 0.06, 0.06),
    "white": ("白色", 0.97, 0.97, 0.97),
    "gray": ("灰色", 0.52, 0.52, 0.53),
    "cyan": ("青色", 0.15, 0.82, 0.86),
}
SHAPES = {
    "circle": "圆形",
    "square": "正方形",
    "triangle": "三角形",
    "diamond": "菱形",
    "pentagon": "五边形",
    "star": "星形",
    "cross": "十字",
    "ring": "圆环",
    "heart": "心形",
}
PLACES = {
    (0, 0): ("top left", "左上"),
    (0, 1): ("top", "上方"),
    (0, 2): ("top right", "右上"),
    (1, 0): ("left", "左边"),
    (1, 1): ("center", "中间"),
    (1, 2): ("right", "右边"),
    (2, 0): ("bottom left", "左下"),
    (2, 1): ("bottom", "下方"),
    (2, 2): ("bottom right", "右下"),
}
SIZES = {"small": "小", "large": "大"}


def jittered(rng, name, amount=0.045):
    """A random colour close to the named one."""
    return tuple(min(1.0, max(0.0, v + rng.uniform(-amount, amount))) for v in COLORS[name][1:])


def distance(a, b):
    return sum((x - y) ** 2 for x, y in zip(a, b)) ** 0.5


def any_color(rng):
    return (rng.random(), rng.random(), rng.random())


def contrasting(rng, color, least=0.55):
    """A random colour whose luminance differs from that of `color` by more than `least`; near black or near white if 20
    tries fail."""
    lum = lambda c: 0.3 * c[0] + 0.59 * c[1] + 0.11 * c[2]
    base = lum(color)
    for _ in range(20):
        other = any_color(rng)
        if abs(lum(other) - base) > least:
            return other
    return (0.02, 0.02, 0.02) if base > 0.5 else (0.98, 0.98, 0.98)


class Words:
    """Words of one split: from the list, made of syllables, or of random letters."""

    _ONSETS = "b c d f g h j k l m n p r s t v w z br ch cl cr dr fl gr pl pr sh sl st th tr qu x y".split()
    _VOWELS = "a e i o u a e i o ai ea ee oo ou".split()
    _CODAS = ["", "", "", "n", "r", "s", "t", "l", "m", "ck", "nd", "st", "x", "p"]

    def __init__(self, split):
        self.split = split
        lines = pathlib.Path(__file__).with_name("words.txt").read_text().split("\n")
        self.list = [w for w in lines if w and w[0] != "#" and word_split(w) == split]
        self.short = [w for w in self.list if len(w) <= 6]

    def common(self, rng, longest=10):
        while True:
            word = rng.choice(self.short if longest <= 6 else self.list)
            if len(word) <= longest:
                return word

    def invented(self, rng, longest=10):
        while True:
            word = "".join(
                rng.choice(self._ONSETS) + rng.choice(self._VOWELS) + rng.choice(self._CODAS)
                for _ in range(rng.choice((1, 2, 2, 3)))
            )
            if 2 < len(word) <= longest and word_split(word) == self.split:
                return word

    def any(self, rng, longest=10):
        return self.common(rng, longest) if rng.random() < 0.7 else self.invented(rng, longest)
