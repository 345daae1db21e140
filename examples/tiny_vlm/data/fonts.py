"""Glyph atlas: signed distance fields of the printable ASCII characters of many fonts.

One atlas serves all text sizes, slants and weights. It is built once from the font files of Debian packages
(`python -m tiny_vlm.data.fonts --fonts DIR --out atlas.npz`); after that the font files are not needed.
The fonts of `HELD_OUT` are used only by evaluation sets.
"""

import argparse
import os
import pathlib

import numpy as np

EM = 28  # atlas pixels per em
SPREAD = 4.0  # range of the distance field on either side of an outline, in atlas pixels
OVERSAMPLE = 8
CHARS = [chr(c) for c in range(33, 127)]

PACKAGES = """fonts-dejavu-core fonts-dejavu-extra fonts-liberation2 fonts-roboto-unhinted fonts-roboto-slab
fonts-open-sans fonts-lato fonts-inconsolata fonts-firacode fonts-ebgaramond fonts-comic-neue
fonts-quicksand fonts-cantarell fonts-crosextra-carlito fonts-crosextra-caladea fonts-linuxlibertine
fonts-hack fonts-jetbrains-mono fonts-freefont-ttf fonts-courier-prime fonts-play fonts-cabin
fonts-junction fonts-fanwood fonts-oldstandard fonts-mononoki fonts-karla fonts-sil-charis
fonts-sil-gentium-basic fonts-sil-andika fonts-noto-core fonts-noto-mono fonts-texgyre
fonts-adf-accanthis fonts-adf-universalis fonts-adf-verana fonts-league-mono""".split()

TRAIN = """DejaVuSans.ttf DejaVuSans-Bold.ttf DejaVuSansCondensed.ttf DejaVuSansMono.ttf DejaVuSansMono-Bold.ttf
DejaVuSerif.ttf DejaVuSerif-Bold.ttf LiberationSans-Regular.ttf LiberationSans-Bold.ttf LiberationSerif-Regular.ttf
LiberationSerif-Bold.ttf LiberationMono-Regular.ttf LiberationMono-Bold.ttf Roboto-Regular.ttf Roboto-Medium.ttf
RobotoCondensed-Regular.ttf RobotoSlab-Regular.otf Inconsolata.otf FiraCode-Regular.ttf FiraCode-SemiBold.ttf
EBGaramond12-Regular.otf EBGaramond12-Bold.otf ComicNeue-Regular.otf ComicNeue-Bold.otf Quicksand-Medium.ttf
Quicksand-Bold.ttf Cantarell-Regular.otf Cantarell-Bold.otf Carlito-Regular.ttf Carlito-Bold.ttf LinLibertine_R.otf
LinLibertine_RB.otf LinBiolinum_R.otf FreeMonoBold.ttf FreeSans.ttf FreeSerif.ttf FreeSerifBold.ttf Play-Regular.ttf
Play-Bold.ttf Junction.otf FanwoodText.otf OldStandard-Regular.ttf mononoki-Regular.ttf mononoki-Bold.ttf
Karla-Regular.otf Karla-Bold.otf CharisSIL-Regular.ttf CharisSIL-Bold.ttf GenBasR.ttf GenBkBasR.ttf
NotoSans-Regular.ttf NotoSans-Bold.ttf NotoSerif-Regular.ttf texgyreadventor-regular.otf texgyreheroscn-regular.otf
texgyrepagella-regular.otf texgyreschola-regular.otf texgyrecursor-bold.otf LiberationSans-Italic.ttf
LiberationSerif-Italic.ttf DejaVuSans-Oblique.ttf NotoSerif-Italic.ttf Roboto-Italic.ttf DejaVuSerifCondensed.ttf
DejaVuSansCondensed-Bold.ttf DejaVuSansMono-Oblique.ttf DejaVuSerif-Italic.ttf LiberationMono-Italic.ttf
LiberationSerif-BoldItalic.ttf Roboto-Light.ttf Roboto-Bold.ttf Roboto-Black.ttf RobotoCondensed-Bold.ttf
RobotoCondensed-Light.ttf RobotoSlab-Bold.otf RobotoSlab-Light.otf FiraCode-Light.ttf FiraCode-Bold.ttf
EBGaramond08-Regular.otf EBGaramond12-Italic.otf ComicNeue-Italic.otf Quicksand-Regular.ttf Cantarell-ExtraBold.otf
Carlito-Italic.ttf LinLibertine_RI.otf LinLibertine_M.otf LinBiolinum_RB.otf FreeSansBold.ttf FreeSansOblique.ttf
FreeSerifItalic.ttf Karla-Italic.otf Karla-ExtraBold.otf CharisSIL-Italic.ttf GenBasB.ttf GenBkBasB.ttf GenBasI.ttf
NotoSans-Italic.ttf NotoSerif-Bold.ttf NotoMono-Regular.ttf texgyreadventor-bold.otf texgyreheros-regular.otf
texgyreheroscn-bold.otf texgyrepagella-bold.otf texgyrepagella-italic.otf texgyreschola-bold.otf
texgyretermes-regular.otf texgyrecursor-regular.otf mononoki-Italic.ttf AccanthisADFStd-Regular.otf
AccanthisADFStd-Bold.otf UniversalisADFStd-Regular.otf UniversalisADFStd-Bold.otf UniversalisADFStd-Cond.otf
Verana-Regular.otf VeranaSans-Regular.otf VeranaSans-Bold.otf VeranaSansDemi-Regular.otf LeagueMono-Regular.otf
LeagueMono-Bold.otf LeagueMono-CondensedMedium.otf LeagueMono-WideMedium.otf OldStandard-Bold.ttf
OldStandard-Italic.ttf Fanwood.otf""".split()

HELD_OUT = (
    """Lato-Regular.ttf Lato-Bold.ttf OpenSans-Regular.ttf OpenSans-Semibold.ttf Cabin-Regular.otf
Caladea-Regular.ttf Caladea-Bold.ttf JetBrainsMono-Regular.ttf Hack-Regular.ttf texgyrebonum-regular.otf
Andika-Regular.ttf""".split()
    + ["Courier Prime.otf"]
)


def _glyph_field(font, char):
    """(uint8 distance field, left, top, advance) of one glyph; left and top are relative to the pen on the ascender
    line."""
    from PIL import Image, ImageDraw
    from scipy.ndimage import distance_transform_edt

    left, top, right, bottom = font.getbbox(char, anchor="ls")
    margin = int((SPREAD + 1) * OVERSAMPLE)
    x0 = (left - margin) // OVERSAMPLE * OVERSAMPLE
    y0 = (top - margin) // OVERSAMPLE * OVERSAMPLE
    width = -(-(right + margin - x0) // OVERSAMPLE)
    height = -(-(bottom + margin - y0) // OVERSAMPLE)
    mask = Image.new("L", (width * OVERSAMPLE, height * OVERSAMPLE))
    ImageDraw.Draw(mask).text((-x0, -y0), char, font=font, fill=255, anchor="ls")
    inside = np.asarray(mask) > 127
    signed = distance_transform_edt(inside) - distance_transform_edt(~inside)
    half = OVERSAMPLE // 2
    centres = (signed[half - 1 :: OVERSAMPLE, half - 1 :: OVERSAMPLE] + signed[half::OVERSAMPLE, half::OVERSAMPLE]) / 2
    field = np.clip(127.5 + centres / OVERSAMPLE / SPREAD * 127.5, 0, 255).astype(np.uint8)
    return field, x0 / OVERSAMPLE / EM, y0 / OVERSAMPLE / EM, font.getlength(char) / OVERSAMPLE / EM


def build(folder, out):
    """Writes the atlas of all TRAIN and HELD_OUT fonts. Searches `folder` recursively for the font files."""
    from PIL import ImageFont

    found = {p.name: p for p in pathlib.Path(folder).rglob("*") if p.suffix in (".ttf", ".otf")}
    names = TRAIN + HELD_OUT
    missing = [n for n in names if n not in found]
    if missing:
        raise SystemExit(f"missing font files {missing}; unpack these Debian packages: {' '.join(PACKAGES)}")
    cells, table = [], np.zeros((len(names), len(CHARS), 7), np.float32)  # x, y, w, h, left, top, advance
    metrics = np.zeros((len(names), 3), np.float32)  # advance of a space, height of H, height of x (em)
    for f, name in enumerate(names):
        font = ImageFont.truetype(str(found[name]), EM * OVERSAMPLE)
        metrics[f] = (
            font.getlength(" ") / OVERSAMPLE / EM,
            -font.getbbox("H", anchor="ls")[1] / OVERSAMPLE / EM,
            -font.getbbox("x", anchor="ls")[1] / OVERSAMPLE / EM,
        )
        for c, char in enumerate(CHARS):
            field, left, top, advance = _glyph_field(font, char)
            table[f, c, 2:] = field.shape[1], field.shape[0], left, top, advance
            cells.append((field.shape[0], f, c, field))
    cells.sort(key=lambda cell: (-cell[0], cell[1], cell[2]))  # packing shelves by falling height wastes little space
    width, x, y, shelf = 2048, 0, 0, 0
    for height, f, c, field in cells:
        if x + field.shape[1] > width:
            x, y, shelf = 0, y + shelf, 0
        shelf = max(shelf, height)
        table[f, c, :2] = x, y
        x += field.shape[1]
    atlas = np.zeros((y + shelf, width), np.uint8)
    for height, f, c, field in cells:
        x, y = table[f, c, :2].astype(int)
        atlas[y : y + height, x : x + field.shape[1]] = field
    np.savez_compressed(out, atlas=atlas, table=table, metrics=metrics, names=np.array(names), n_train=len(TRAIN))
    print(f"{out}: {len(names)} fonts, atlas {atlas.shape}, {os.path.getsize(out) / 1e6:.1f} MB")


def default_path():
    """Path of the atlas: $TINY_VLM_ATLAS, else atlas.npz in the folder of this file."""
    return os.environ.get("TINY_VLM_ATLAS", str(pathlib.Path(__file__).with_name("atlas.npz")))


class Atlas:
    """The loaded atlas. `fonts("train")` and `fonts("held_out")` return font numbers."""

    def __init__(self, path=None):
        with np.load(path or default_path()) as z:
            self.pixels = np.ascontiguousarray(z["atlas"])
            self.table = z["table"].tolist()
            self.metrics = z["metrics"].tolist()
            self.names = [str(n) for n in z["names"]]
            self._n_train = int(z["n_train"])
        self.morph = False  # training images vary the weight and slant of letters

    def fonts(self, split):
        return list(range(self._n_train)) if split == "train" else list(range(self._n_train, len(self.names)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fonts", default="/usr/share/fonts")
    parser.add_argument("--out", default=default_path())
    arguments = parser.parse_args()
    build(arguments.fonts, arguments.out)
