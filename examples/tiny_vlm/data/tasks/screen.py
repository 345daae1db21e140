"""(e) Locating a named widget on a synthetic screen: its box in 0..1000, or a click on it as a tool call."""

import json

from ..canvas import Canvas, light_wear
from ..lexicon import any_color, contrasting
from .item import Item, Turn, language

GEOMETRIES = [
    (192, 256),
    (256, 256),
    (256, 192),
    (224, 288),
    (192, 192),
    (192, 320),
    (320, 192),
    (224, 256),
    (160, 256),
]

TOOL = {
    "type": "function",
    "function": {
        "name": "computer_use",
        "description": "Use a mouse on a 1000x1000 screen.",
        "parameters": {
            "type": "object",
            "properties": {"action": {"type": "string", "enum": ["left_click"]}, "coordinate": {"type": "array"}},
            "required": ["action", "coordinate"],
        },
    },
}
# The system text that Qwen3-VL's chat template makes for a request with tools.
TOOL_SYSTEM = (
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n"
    + json.dumps(TOOL)
    + "\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
    '<tool_call></tool_call> XML tags:\n<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>'
)

_COMMON = """OK Cancel Save Open Close Delete Edit Copy Paste Undo Redo Print Help Back Next Finish Apply Reset Send
Reply Search Find Home Menu Settings Options Tools View File Share Login Logout Register Submit Upload
Download Start Stop Pause Play Add Remove New Exit Yes No Accept Decline Refresh Sort Filter Export
Import Sign up Log in Add item Check out Buy now Learn more Try again Contact us""".split()
_KINDS = {
    "button": ("button", "按钮"),
    "checkbox": ("checkbox", "复选框"),
    "field": ("field", "输入框"),
    "switch": ("switch", "开关"),
    "tab": ("tab", "标签"),
    "item": ("menu item", "菜单项"),
}


def _label(rng, words, used, longest=9):
    while True:
        pick = rng.random()
        if pick < 0.35:
            text = rng.choice(_COMMON)
        else:
            text = words.any(rng, longest).capitalize()
            if pick > 0.85:
                text += " " + words.any(rng, 5)
        if len(text) <= longest + 3 and text.lower() not in used:
            used.add(text.lower())
            return text


class _Screen:
    """Lays out widgets in rows and records their boxes."""

    def __init__(self, rng, world, geometry):
        self.rng, self.words = rng, world.words
        self.height, self.width = geometry[:2]
        dark = rng.random() < 0.3
        v = rng.uniform(0.08, 0.22) if dark else rng.uniform(0.85, 1.0)
        self.back = tuple(min(1.0, max(0.0, v + rng.uniform(-0.04, 0.04))) for _ in range(3))
        self.canvas = Canvas(self.width, self.height, world.atlas, self.back, rng.getrandbits(24))
        self.ink = contrasting(rng, self.back, 0.62)
        self.accent = any_color(rng)
        self.accent_ink = contrasting(rng, self.accent, 0.5)
        self.font = rng.choice(world.fonts)
        self.size = rng.uniform(12.5, 15.5)
        self.radius = rng.choice((0, 2, 4, 8))
        self.used, self.widgets = set(), []

    def label(self, longest=9):
        return _label(self.rng, self.words, self.used, longest)

    def fits(self, text, room, size=None):
        size = size or self.size
        return size * min(1.0, room / max(1.0, self.canvas.text_width(text, self.font, size)))

    def keep(self, kind, text, left, top, right, bottom, name_at=None):
        """Records a widget. `name_at`: centre of its label; default: the centre of the box."""
        self.widgets.append(
            (kind, text, (left, top, right, bottom), name_at or ((left + right) / 2, (top + bottom) / 2))
        )

    def button(self, left, top, right, bottom, text, solid):
        c = self.canvas
        if solid:
            c.box(left, top, right, bottom, self.accent, self.radius)
            ink = self.accent_ink
        else:
            c.box(left, top, right, bottom, self.ink, self.radius, stroke=1.2, alpha=0.8)
            ink = self.ink
        c.text_in(
            left + 3, right - 3, (top + bottom) / 2, text, self.font, self.fits(text, right - left - 8), ink, "center"
        )

    def row(self, top, bottom, left, right):
        rng, c = self.rng, self.canvas
        middle, h = (top + bottom) / 2, bottom - top
        kind = rng.choice(("button", "button", "button", "checkbox", "field", "switch", "tab", "text"))
        if kind == "button":
            n = rng.choice((1, 2, 2, 3)) if right - left > 150 else rng.choice((1, 2))
            room = (right - left) / n
            for i in range(n):
                text = self.label()
                w = min(room - 6, max(34.0, c.text_width(text, self.font, self.size) + rng.uniform(10, 30)))
                x = left + room * i + rng.uniform(0, max(0.0, room - 6 - w))
                half = min(h / 2 - 1.5, rng.uniform(11, 15))
                self.button(x, middle - half, x + w, middle + half, text, rng.random() < 0.6)
                self.keep("button", text, x, middle - half, x + w, middle + half)
        elif kind == "checkbox":
            n = rng.choice((1, 2)) if right - left > 170 else 1
            room = (right - left) / n
            for i in range(n):
                text, side = self.label(), min(h - 6, rng.uniform(12, 16))
                x = left + room * i + rng.uniform(0, 8)
                c.box(
                    x,
                    middle - side / 2,
                    x + side,
                    middle + side / 2,
                    self.ink,
                    rng.choice((0, 2, side / 2)),
                    stroke=1.3,
                )
                if rng.random() < 0.5:
                    c.box(x + 3.5, middle - side / 2 + 3.5, x + side - 3.5, middle + side / 2 - 3.5, self.accent, 1)
                size = self.fits(text, room - side - 18)
                end = c.text_in(x + side + 5, x + room, middle, text, self.font, size, self.ink)[1]
                self.keep("checkbox", text, x, middle - side / 2, end, middle + side / 2)
        elif kind == "field":
            text = self.label()
            x = left + max(44.0, c.text_width(text, self.font, self.size) + 8)
            c.text_in(left, x, middle, text, self.font, self.size, self.ink)
            half = min(h / 2 - 2, 12)
            end = right - rng.uniform(0, (right - x) * 0.35)
            c.box(x, middle - half, end, middle + half, self.ink, self.radius, stroke=1.1, alpha=0.7)
            if rng.random() < 0.5:
                value = self.words.any(rng, 7)
                c.text_in(
                    x + 5,
                    end - 4,
                    middle,
                    value,
                    self.font,
                    self.fits(value, end - x - 9, self.size * 0.95),
                    self.ink,
                    alpha=0.7,
                )
            self.keep(
                "field",
                text,
                x,
                middle - half,
                end,
                middle + half,
                (left + c.text_width(text, self.font, self.size) / 2, middle),
            )
        elif kind == "switch":
            text = self.label()
            start, stop = c.text_in(
                left, right - 40, middle, text, self.font, self.fits(text, right - left - 44), self.ink
            )
            w, half = rng.uniform(28, 36), rng.uniform(8, 10)
            x = right - w - rng.uniform(0, 20)
            on = rng.random() < 0.5
            c.box(
                x,
                middle - half,
                x + w,
                middle + half,
                self.accent if on else tuple(0.5 * v + 0.25 for v in self.ink),
                half,
            )
            c.disc(x + w - half if on else x + half, middle, half - 2, (0.97, 0.97, 0.97))
            self.keep("switch", text, x, middle - half, x + w, middle + half, ((start + stop) / 2, middle))
        elif kind == "tab":
            n = rng.choice((2, 3)) if right - left > 150 else 2
            room, active = (right - left) / n, rng.randrange(n)
            half = min(h / 2 - 1.5, 13)
            for i in range(n):
                text = self.label(7)
                x = left + room * i
                if i == active:
                    c.box(x, middle - half, x + room - 2, middle + half, self.accent, 0, alpha=0.35)
                    c.line(x, middle + half, x + room - 2, middle + half, self.accent, 2.5)
                else:
                    c.line(x, middle + half, x + room - 2, middle + half, self.ink, 1.0, 0.5)
                c.text_in(x + 2, x + room - 4, middle, text, self.font, self.fits(text, room - 8), self.ink, "center")
                self.keep("tab", text, x, middle - half, x + room - 2, middle + half)
        else:
            text = " ".join(self.words.any(rng, 8) for _ in range(rng.choice((1, 2, 3))))
            c.text_in(
                left,
                right,
                middle,
                text,
                self.font,
                self.fits(text, right - left, self.size * 0.95),
                self.ink,
                alpha=0.85,
            )

    def menu(self, left, top, right, bottom):
        """A vertical list of full-width entries."""
        rng, c = self.rng, self.canvas
        n = max(2, min(5, int((bottom - top) / rng.uniform(25, 30))))
        step = min(32.0, (bottom - top) / n)
        for i in range(n):
            y, text = top + step * i, self.label()
            if rng.random() < 0.2:
                c.box(left, y, right, y + step - 1, self.accent, 0, alpha=0.25)
            c.line(left, y + step - 0.5, right, y + step - 0.5, self.ink, 1.0, 0.35)
            start, stop = c.text_in(
                left + 6, right - 4, y + step / 2, text, self.font, self.fits(text, right - left - 12), self.ink
            )
            self.keep("item", text, left, y, right, y + step - 1, ((start + stop) / 2, y + step / 2))

    def fill(self):
        rng, c = self.rng, self.canvas
        top = 4.0
        if rng.random() < 0.7:
            bar = rng.uniform(20, 26)
            c.box(0, 0, self.width, bar, self.accent)
            title = " ".join(self.words.any(rng, 8) for _ in range(rng.choice((1, 2)))).title()
            c.text_in(
                8,
                self.width - 8,
                bar / 2,
                title,
                self.font,
                self.fits(title, self.width - 30),
                self.accent_ink,
                rng.choice(("left", "center")),
            )
            top = bar + 4
        left, right = rng.uniform(6, 14), self.width - rng.uniform(6, 14)
        if rng.random() < 0.3 and self.width >= 240:
            split = left + (right - left) * rng.uniform(0.32, 0.42)
            self.menu(left, top, split, self.height - 6)
            left = split + 8
        elif rng.random() < 0.15:
            self.menu(left, top, right, self.height - 6)
            return
        while top < self.height - 34:
            step = rng.uniform(30, 40)
            self.row(top, min(top + step, self.height - 3), left, right)
            top += step


def _thousand(box, width, height):
    x0, y0, x1, y1 = box
    clip = lambda v: min(1000, max(0, round(v)))
    return [clip(x0 / width * 1000), clip(y0 / height * 1000), clip(x1 / width * 1000), clip(y1 / height * 1000)]


def make(rng, world, geometry):
    lang = language(rng)
    while True:
        screen = _Screen(rng, world, geometry)
        screen.fill()
        if screen.widgets:
            break
    light_wear(screen.canvas, rng, 0.5)
    zh = lang == "zh"
    click = rng.random() < 0.35
    turns, tags = [], []
    for kind, text, box, name_at in rng.sample(screen.widgets, min(len(screen.widgets), 3)):
        target = _thousand(box, screen.width, screen.height)
        middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        if rng.random() < 0.15:
            x, y = (target[0] + target[2]) // 2, (target[1] + target[3]) // 2
            turns.append(
                Turn(f"[{x}, {y}]处是什么？" if zh else f"What is at [{x}, {y}]?", text, "exact", None, middle, name_at)
            )
            tags.append("point")
            continue
        noun = _KINDS[kind][zh]
        if click:
            x, y = (target[0] + target[2]) // 2, (target[1] + target[3]) // 2
            prompt = rng.choice(
                [f"点击“{text}”{noun}。", f"请点击“{text}”。"]
                if zh
                else [f'Click the "{text}" {noun}.', f'Click "{text}".', f'Press the "{text}" {noun}.']
            )
            answer = (
                "<tool_call>\n"
                + json.dumps({"name": "computer_use", "arguments": {"action": "left_click", "coordinate": [x, y]}})
                + "\n</tool_call>"
            )
            turns.append(Turn(prompt, answer, "click", target, name_at, middle))
        else:
            prompt = rng.choice(
                [f"找到“{text}”{noun}，以JSON格式给出bbox坐标。", f"“{text}”{noun}在哪里？用JSON给出bbox。"]
                if zh
                else [
                    f'Locate the "{text}" {noun}, report the bbox coordinates in JSON format.',
                    f'Find the "{text}" {noun} and give its bbox in JSON.',
                    f'Where is the "{text}" {noun}? Give the bbox as JSON.',
                ]
            )
            turns.append(Turn(prompt, json.dumps([{"bbox_2d": target, "label": text}]), "iou", target, name_at, middle))
        tags.append("click" if click else "widget")
    key = ("screen", tuple((k, t, tuple(_thousand(b, screen.width, screen.height))) for k, t, b, _ in screen.widgets))
    return Item(
        "screen",
        lang,
        [("image", screen.canvas)],
        turns,
        key,
        TOOL_SYSTEM if click and rng.random() < 0.6 else "",
        tags,
    )
