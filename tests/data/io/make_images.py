#!/usr/bin/env python3
"""Makes the image files of this folder and, in images.safetensors, what Pillow decodes from each (upright, RGB).

Needs numpy and Pillow. Run it in this folder.
"""
import json
import struct

import numpy as np
from PIL import Image, ImageOps

W, H = 23, 17
ORIENTATION = 0x0112


def image(channels=3):
    y, x = np.mgrid[0:H, 0:W]
    planes = [x * 255 // (W - 1), y * 255 // (H - 1), (x * 5 + y * 11) % 256, (x * 9 + 40) % 256]
    return np.stack(planes[:channels], -1).astype(np.uint8)


def exif(orientation):
    e = Image.Exif()
    e[ORIENTATION] = orientation
    e[0x010F] = "maker"
    return e.tobytes()


rgb = Image.fromarray(image())
rgba = Image.fromarray(image(4), "RGBA")
for o in range(1, 9):
    rgb.save(f"orientation{o}.jpg", quality=95, subsampling=0, exif=exif(o))
rgb.save("subsampled.jpg", quality=80, subsampling=2)
rgb.save("progressive.jpg", quality=80, progressive=True)
rgb.convert("L").save("grey.jpg", quality=90)
rgb.convert("CMYK").save("cmyk.jpg", quality=90)
rgb.save("rgb.png")
rgb.save("orientation6.png", exif=exif(6))
rgba.save("rgba.png")
rgba.convert("LA").save("grey_alpha.png")
rgb.convert("L").save("grey.png")
rgb.convert("1").save("bilevel.png")
palette = rgb.convert("P", palette=Image.Palette.ADAPTIVE, colors=13)
palette.save("palette.png", bits=4)
palette.save("palette_transparent.png", bits=4, transparency=3)
rgb.save("lossy.webp", quality=80)
rgb.save("lossless.webp", lossless=True)
rgb.save("orientation8.webp", quality=80, exif=exif(8))
rgba.save("alpha.webp", lossless=True, exact=True)

names = [f"orientation{o}.jpg" for o in range(1, 9)] + [
    "subsampled.jpg", "progressive.jpg", "grey.jpg", "cmyk.jpg", "rgb.png", "orientation6.png", "rgba.png",
    "grey_alpha.png", "grey.png", "bilevel.png", "palette.png", "palette_transparent.png", "lossy.webp", "lossless.webp",
    "orientation8.webp", "alpha.webp"]
tensors = {}
for name in names:
    image = Image.open(name)
    tensors[name] = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    if image.mode in ("RGBA", "LA") or "transparency" in image.info:
        with_alpha = image.convert("RGBA")
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(with_alpha, mask=with_alpha.split()[3])
        tensors[name + ".white"] = np.asarray(white)
header, at = {}, 0
for name, t in tensors.items():
    header[name] = {"dtype": "U8", "shape": list(t.shape), "data_offsets": [at, at + t.nbytes]}
    at += t.nbytes
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open("images.safetensors", "wb") as f:
    f.write(struct.pack("<Q", len(text)) + text + b"".join(np.ascontiguousarray(t).tobytes() for t in tensors.values()))
