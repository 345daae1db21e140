"""Canvas: an image as a list of primitives, filled by the tasks and rendered by `raster.cu`."""

import array
import math

from .fonts import EM

IMAGE_FLOATS = 32
PRIMITIVE_FLOATS = 16
BOX, ELLIPSE, STAR, CROSS, HEART, GLYPH = range(6)


class Canvas:
    """The primitives of one image of `width` x `height` pixels. Colours are (r, g, b) in 0..1; y points down."""

    def __init__(self, width, height, atlas, background=(1.0, 1.0, 1.0), seed=0):
        self.width, self.height, self.atlas = width, height, atlas
        self.primitives = array.array("f")
        self.weight = self.slant = 0.0  # added to all text; weight in em
        if atlas.morph:
            dice = seed * 2654435761 % (1 << 32)
            self.weight = -0.008 + 0.022 * (dice & 1023) / 1023
            self.slant = 0.15 * (dice >> 12 & 255) / 255 if dice >> 24 < 64 else 0.0
        self.glyphs = array.array("f")  # (character code, x, y of the centre) of every character
        self.image = [0.0] * IMAGE_FLOATS
        p = self.image
        p[0:2] = [width, height]
        p[2:8] = [1, 0, 0, 0, 1, 0]
        p[8:14] = list(background) * 2
        p[17], p[20], p[22], p[23] = 16.0, 1.0, 1.0, seed % (1 << 24)

    def add(
        self, kind, x, y, half_w, half_h, color, alpha=1.0, angle=0.0, p0=0.0, p1=0.0, p2=0.0, stroke=0.0, weight=0.0
    ):
        c, s = (math.cos(angle), math.sin(angle)) if angle else (1.0, 0.0)
        self.primitives.extend(
            (kind, x, y, half_w, half_h, c, s, color[0], color[1], color[2], alpha, p0, p1, p2, stroke, weight)
        )

    def box(self, left, top, right, bottom, color, radius=0.0, stroke=0.0, alpha=1.0):
        """A filled (or, with `stroke` > 0, outlined) rectangle with rounded corners."""
        self.add(
            BOX,
            (left + right) / 2,
            (top + bottom) / 2,
            (right - left) / 2,
            (bottom - top) / 2,
            color,
            alpha,
            p0=radius,
            stroke=stroke / 2,
        )

    def line(self, x0, y0, x1, y1, color, width=1.0, alpha=1.0):
        length = math.hypot(x1 - x0, y1 - y0)
        self.add(
            BOX, (x0 + x1) / 2, (y0 + y1) / 2, length / 2, width / 2, color, alpha, angle=math.atan2(y1 - y0, x1 - x0)
        )

    def disc(self, x, y, radius, color, stroke=0.0):
        self.add(ELLIPSE, x, y, radius, radius, color, stroke=stroke / 2)

    def text_width(self, text, font, size, spacing=0.0):
        table, space = self.atlas.table[font], self.atlas.metrics[font][0]
        return sum((space if ch == " " else table[ord(ch) - 33][6]) * size + spacing for ch in text)

    def text(self, x, y, text, font, size, color, weight=0.0, slant=0.0, spacing=0.0, alpha=1.0):
        """Draws ASCII `text` with its baseline starting at (x, y); `size` is pixels per em. Returns the final pen x."""
        table, space = self.atlas.table[font], self.atlas.metrics[font][0]
        scale, weight, slant = size / EM, weight + self.weight * size, slant + self.slant
        extend, note, middle = self.primitives.extend, self.glyphs.extend, y - self.atlas.metrics[font][2] * size / 2
        r, g, b = color
        for ch in text:
            if ch == " ":
                x += space * size + spacing
                continue
            ax, ay, w, h, left, top, advance = table[ord(ch) - 33]
            hw, hh = w * scale / 2, h * scale / 2
            extend(
                (
                    GLYPH,
                    x + left * size + hw,
                    y + top * size + hh,
                    hw,
                    hh,
                    1.0,
                    0.0,
                    r,
                    g,
                    b,
                    alpha,
                    ax,
                    ay,
                    scale,
                    slant,
                    weight,
                )
            )
            note((ord(ch), x + advance * size / 2, middle))
            x += advance * size + spacing
        return x

    def text_in(self, left, right, middle, text, font, size, color, align="left", **style):
        """Draws text aligned between left and right, its capitals centred on y = `middle`. Returns the first and the
        final pen x."""
        width = self.text_width(text, font, size, style.get("spacing", 0.0))
        x = left if align == "left" else right - width if align == "right" else (left + right - width) / 2
        baseline = middle + self.atlas.metrics[font][1] * size / 2
        return x, self.text(x, baseline, text, font, size, color, **style)

    # ---- effects on the whole image
    def transform(self, angle=0.0, zoom=1.0, shear=0.0, dx=0.0, dy=0.0):
        """Rotates (radians), zooms and shears the scene around the image centre, and shifts it by (dx, dy)."""
        c, s = math.cos(angle) / zoom, math.sin(angle) / zoom
        cx, cy = self.width / 2, self.height / 2
        a, b, d, e = c, s + shear * c, -s, c - shear * s
        self.image[2:8] = [a, b, cx - a * (cx + dx) - b * (cy + dy), d, e, cy - d * (cx + dx) - e * (cy + dy)]

    def gradient(self, other, angle):
        self.image[11:14] = other
        self.image[14], self.image[15] = math.cos(angle), math.sin(angle)

    def texture(self, amplitude, cell):
        self.image[16], self.image[17] = amplitude, cell

    def blur(self, sigma):
        self.image[18] = sigma

    def noise(self, sigma):
        self.image[19] = sigma

    def exposure(self, gain, offset=0.0):
        self.image[20], self.image[21] = gain, offset

    def pixelate(self, cell):
        self.image[22] = cell

    def light(self, strength, angle):
        self.image[26], self.image[27], self.image[28] = strength, math.cos(angle), math.sin(angle)

    def count(self):
        return len(self.primitives) // PRIMITIVE_FLOATS


def light_wear(canvas, rng, amount=1.0):
    """Small variations: noise, blur, uneven light, exposure."""
    if rng.random() < 0.4:
        canvas.noise(rng.uniform(0.0, 0.05) * amount)
    if rng.random() < 0.25:
        canvas.blur(rng.uniform(0.2, 0.6) * amount)
    if rng.random() < 0.3:
        canvas.light(rng.uniform(0.0, 0.3) * amount, rng.uniform(0, 6.283))
    if rng.random() < 0.3:
        canvas.exposure(rng.uniform(1 - 0.2 * amount, 1 + 0.05 * amount))


def heavy_wear(canvas, rng):
    """One to three strong defects: noise, blur, low light, coarse pixels, stains, slant. Returns their names."""
    kinds = rng.sample(["noise", "blur", "dark", "pixels", "texture", "turn"], rng.choice((1, 2, 2, 3)))
    for kind in kinds:
        if kind == "noise":
            canvas.noise(rng.uniform(0.05, 0.13))
        elif kind == "blur":
            canvas.blur(rng.uniform(0.6, 1.2))
        elif kind == "dark":
            canvas.exposure(rng.uniform(0.3, 0.65), rng.uniform(0.0, 0.05))
            canvas.image[19] = max(canvas.image[19], rng.uniform(0.0, 0.03))
        elif kind == "pixels":
            canvas.pixelate(rng.uniform(1.2, 1.8))
        elif kind == "texture":
            canvas.texture(rng.uniform(0.1, 0.25), rng.uniform(3, 24))
        else:
            canvas.transform(angle=rng.uniform(-0.07, 0.07), shear=rng.uniform(-0.15, 0.15))
    if rng.random() < 0.3:
        canvas.light(rng.uniform(0.2, 0.7), rng.uniform(0, 6.283))
    return kinds
