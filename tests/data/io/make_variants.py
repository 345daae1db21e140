#!/usr/bin/env python3
"""Makes variants.safetensors: small image files of every kind that vlmt reads, and the pixels of each.

For a file NAME the tensor NAME holds the bytes of the file and NAME.rgb its pixels (height, width, 3): upright,
composited on white. Pixels of lossless files follow from the samples; Pillow must agree within PILLOW_LEVELS, except
where a comment says why it does not. Pixels of lossy files are Pillow's.

Needs numpy and Pillow. Run it in this folder.
"""
import io
import json
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

W, H = 19, 13
PILLOW_LEVELS = 1
files, pixels = {}, {}


def pillow(data):
    """What Pillow makes of a file: upright, on white."""
    image = Image.open(io.BytesIO(data))
    image = ImageOps.exif_transpose(image)
    rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    return np.asarray(Image.alpha_composite(white, rgba).convert("RGB"))


def add(name, data, rgb=None, agrees=True):
    """Adds a file. agrees: Pillow must give the same pixels."""
    assert name not in files, name
    if rgb is None:
        rgb = pillow(data)
    elif agrees:
        theirs = pillow(data)
        assert theirs.shape == rgb.shape, (name, theirs.shape, rgb.shape)
        worst = np.abs(theirs.astype(int) - rgb.astype(int)).max()
        assert worst <= PILLOW_LEVELS, (name, worst)
    files[name], pixels[name] = data, np.ascontiguousarray(rgb)


def composite(value, alpha, most):
    """On white, rounded; in the samples' own depth (most: 255 or 65535). Then the high byte."""
    value, alpha = value.astype(np.uint64), alpha.astype(np.uint64)[..., None]
    out = (value * alpha + most * (most - alpha) + most // 2) // most
    return (out >> (8 if most == 65535 else 0)).astype(np.uint8)


y, x = np.mgrid[0:H, 0:W]


def samples(channels, most):
    """(H, W, channels) with all kinds of values from 0 to most; the last channel, as alpha, is often 0 or most."""
    planes = [x * most // (W - 1), y * most // (H - 1), (x * 7 + y * 12) * 37 % (most + 1), (x * 9 + y * 5) % 4]
    planes[3] = np.choose(planes[3], [0, most, (x * 11 + y * 3) * most // 250 % (most + 1), most])
    if channels in (1, 2):
        planes = [planes[2], planes[3]]
    return np.stack(planes[:channels], -1).astype(np.int64)


# ---- PNG

def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def pack_row(row, depth):
    flat = row.reshape(-1)
    if depth == 16:
        return flat.astype(">u2").tobytes()
    if depth == 8:
        return flat.astype(np.uint8).tobytes()
    bits = "".join(format(int(v), f"0{depth}b") for v in flat)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))


def png(colour, depth, data, interlaced=False, before=b"", after=b""):
    h, w = data.shape[:2]
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = b""
    for x0, y0, dx, dy in passes if interlaced else [(0, 0, 1, 1)]:
        part = data[y0::dy, x0::dx]
        if part.size:
            rows += b"".join(b"\0" + pack_row(row, depth) for row in part)
    head = struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, int(interlaced))
    body = zlib.compress(rows, 9)
    parts = chunk(b"IHDR", head), before, chunk(b"IDAT", body[:40]), chunk(b"IDAT", body[40:]), after, chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6


def to8(values, depth):
    """As libpng: depths below 8 are scaled, of 16 bits the high byte is kept."""
    return (values >> 8 if depth == 16 else values * 255 // ((1 << depth) - 1)).astype(np.uint8)


def grey(values):
    return np.repeat(values[..., :1], 3, -1)


for interlaced in (False, True):
    end = "_interlaced.png" if interlaced else ".png"
    for depth in (1, 2, 4, 8, 16):
        most = (1 << depth) - 1
        v = samples(1, most)
        opaque = grey(to8(v, depth))
        # Pillow clips 16-bit grey to 255.
        add(f"grey{depth}{end}", png(GREY, depth, v, interlaced), opaque, agrees=depth < 16)
        key = int(v[6, 7, 0])
        trns = chunk(b"tRNS", struct.pack(">H", key))
        keyed = np.where(v == key, 255, opaque).astype(np.uint8)
        add(f"grey{depth}_key{end}", png(GREY, depth, v, interlaced, trns), keyed, agrees=depth == 8)
    for depth in (8, 16):
        most = (1 << depth) - 1
        v = samples(3, most)
        opaque = to8(v, depth)
        add(f"rgb{depth}{end}", png(RGB, depth, v, interlaced), opaque)
        key = v[3, 4]
        trns = chunk(b"tRNS", struct.pack(">HHH", *key))
        keyed = np.where((v == key).all(-1, keepdims=True), 255, opaque).astype(np.uint8)
        add(f"rgb{depth}_key{end}", png(RGB, depth, v, interlaced, trns), keyed, agrees=depth == 8)
        ga = samples(2, most)
        add(f"grey_alpha{depth}{end}", png(GREY_ALPHA, depth, ga, interlaced),
            grey(composite(ga[..., :1], ga[..., 1], most)), agrees=depth == 8)
        rgba = samples(4, most)
        # Pillow drops the low bytes first.
        add(f"rgba{depth}{end}", png(RGBA, depth, rgba, interlaced), composite(rgba[..., :3], rgba[..., 3], most))
    for depth in (1, 2, 4, 8):
        n = 1 << depth
        colours = np.stack([np.arange(n) * 255 // (n - 1), np.arange(n) * 77 % 256, 255 - np.arange(n) * 3 % 256], -1)
        alpha = np.array([0, 128, 255, 40] * 64)[:n]
        index = samples(1, n - 1)
        plte = chunk(b"PLTE", colours.astype(np.uint8).tobytes())
        add(f"palette{depth}{end}", png(PALETTE, depth, index, interlaced, plte),
            colours[index[..., 0]].astype(np.uint8))
        trns = chunk(b"tRNS", alpha[:max(2, n - 3)].astype(np.uint8).tobytes())
        alpha[max(2, n - 3):] = 255
        add(f"palette{depth}_alpha{end}", png(PALETTE, depth, index, interlaced, plte + trns),
            composite(colours[index[..., 0]], alpha[index[..., 0]], 255))
for size in ((1, 1), (2, 5), (5, 3), (9, 1)):
    v = samples(4, 255)[:size[1], :size[0]]
    add(f"rgba_{size[0]}x{size[1]}_interlaced.png", png(RGBA, 8, v, True), composite(v[..., :3], v[..., 3], 255))


def control(number):
    return chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, W, H, 0, 0, 1, 10, 0, 0))


still = samples(3, 255)
later = zlib.compress(b"".join(b"\0" + row.astype(np.uint8).tobytes() for row in 255 - still))
add("animated.png", png(RGB, 8, still, before=chunk(b"acTL", struct.pack(">II", 2, 0)) + control(0),
                        after=control(1) + chunk(b"fdAT", struct.pack(">I", 2) + later)), still.astype(np.uint8))


# ---- BMP

def bmp(head, palette, body, offset=None):
    at = 14 + len(head) + len(palette)
    return struct.pack("<2sIHHI", b"BM", at + len(body), 0, 0, at if offset is None else offset) + head + palette + body


def bmp_rows(data, bits, top_down=False):
    """Rows of (H, W, channels in file order) or of (H, W) pixels."""
    out = b""
    for row in data if top_down else data[::-1]:
        if bits <= 8:
            row = pack_row(row, bits)
        elif bits == 24:
            row = row.astype(np.uint8).tobytes()
        else:
            row = row.astype("<u2" if bits == 16 else "<u4").tobytes()
        out += row + b"\0" * (-len(row) % 4)
    return out


def info(bits, compression=0, size=40, height=H, extra=b"", used=0):
    head = struct.pack("<IiiHHIIiiII", size, W, height, 1, bits, compression, 0, 2835, 2835, used, 0)
    return (head + extra).ljust(size if size > 40 else 40 + len(extra), b"\0")


rgb8, rgba8 = samples(3, 255), samples(4, 255)
rgb_u8 = rgb8.astype(np.uint8)
for bits in (1, 2, 4, 8):
    n = 1 << bits
    colours = np.stack([np.arange(n) * 255 // (n - 1), np.arange(n) * 77 % 256, 255 - np.arange(n) * 3 % 256], -1)
    index = samples(1, n - 1)[..., 0]
    quads = b"".join(bytes([c[2], c[1], c[0], 0]) for c in colours.astype(np.uint8))
    triples = b"".join(bytes([c[2], c[1], c[0]]) for c in colours.astype(np.uint8))
    want = colours[index].astype(np.uint8)
    # Pillow does not know 2 bits.
    add(f"index{bits}.bmp", bmp(info(bits), quads, bmp_rows(index, bits)), want, agrees=bits != 2)
    add(f"index{bits}_top_down.bmp", bmp(info(bits, height=-H), quads, bmp_rows(index, bits, True)), want,
        agrees=bits != 2)
    core = struct.pack("<IHHHH", 12, W, H, 1, bits)
    add(f"index{bits}_os2.bmp", bmp(core, triples, bmp_rows(index, bits)), want, agrees=bits != 2)
    few = index % (n - n // 4)  # a shorter palette
    add(f"index{bits}_few.bmp", bmp(info(bits, used=n - n // 4), quads[:4 * (n - n // 4)], bmp_rows(few, bits)),
        colours[few].astype(np.uint8), agrees=bits != 2)
    add(f"index{bits}_os2_v2.bmp", bmp(info(bits, size=64), quads, bmp_rows(index, bits)), want, agrees=bits != 2)
bgr = rgb8[..., ::-1]
add("rgb24.bmp", bmp(info(24), b"", bmp_rows(bgr, 24)), rgb_u8)
add("rgb24_top_down.bmp", bmp(info(24, height=-H), b"", bmp_rows(bgr, 24, True)), rgb_u8)
add("rgb24_os2.bmp", bmp(struct.pack("<IHHHH", 12, W, H, 1, 24), b"", bmp_rows(bgr, 24)), rgb_u8)
add("rgb24_gap.bmp", bmp(info(24), b"\0" * 20, bmp_rows(bgr, 24)), rgb_u8)


def fields(values, masks):
    """Pixels of (H, W, n) 8-bit values in bit fields, and what remains of the values."""
    out, kept = np.zeros((H, W), np.int64), np.zeros(values.shape, np.int64)
    for i, mask in enumerate(masks):
        shift = (mask & -mask).bit_length() - 1
        most = mask >> shift
        field = (values[..., i] * most + 127) // 255
        out |= field << shift
        kept[..., i] = (field * 255 + most // 2) // most
    return out, kept


def add_fields(name, bits, masks, size, compression=3, agrees=True):
    values = rgba8 if len(masks) == 4 else rgb8
    body, kept = fields(values, masks)
    packed = struct.pack(f"<{len(masks)}I", *masks)
    head = info(bits, compression, size, extra=packed)
    want = composite(kept[..., :3], kept[..., 3], 255) if len(masks) == 4 else kept.astype(np.uint8)
    add(name, bmp(head, b"", bmp_rows(body, bits)), want, agrees=agrees)


m888, m565, m555 = [0xFF0000, 0xFF00, 0xFF], [0xF800, 0x7E0, 0x1F], [0x7C00, 0x3E0, 0x1F]
body, kept = fields(rgb8, m555)
add("rgb555.bmp", bmp(info(16), b"", bmp_rows(body, 16)), kept.astype(np.uint8))
add_fields("rgb565.bmp", 16, m565, 40)
add_fields("rgb565_v3.bmp", 16, m565, 52)
add_fields("rgba4444_v4.bmp", 16, [0xF00, 0xF0, 0xF, 0xF000], 108, agrees=False)  # Pillow refuses these masks
add_fields("rgba1555_v5.bmp", 16, [0x7C00, 0x3E0, 0x1F, 0x8000], 124, agrees=False)
add_fields("rgb888_fields.bmp", 32, m888, 40)
add_fields("bgr888_fields.bmp", 32, [0xFF, 0xFF00, 0xFF0000], 40, agrees=False)
add_fields("rgb101010.bmp", 32, [0x3FF00000, 0xFFC00, 0x3FF], 40, agrees=False)
add_fields("rgba32_v3.bmp", 32, m888 + [0xFF000000], 56)
add_fields("rgba32_v4.bmp", 32, m888 + [0xFF000000], 108)
add_fields("rgba32_v5.bmp", 32, m888 + [0xFF000000], 124)
add_fields("rgba32_alpha_fields.bmp", 32, m888 + [0xFF000000], 40, compression=6, agrees=False)
body, _ = fields(rgba8, m888 + [0xFF000000])
# Pillow writes such files from RGBA but ignores the alpha when it reads them.
add("rgba32.bmp", bmp(info(32), b"", bmp_rows(body, 32)), composite(rgba8[..., :3], rgba8[..., 3], 255), agrees=False)
body, _ = fields(rgb8, m888)
add("rgbx32.bmp", bmp(info(32), b"", bmp_rows(body, 32)), rgb_u8)
masks = struct.pack("<4I", *m888, 0xFF000000)
add("rgbx32_v5.bmp", bmp(info(32, 3, 124, extra=masks), b"", bmp_rows(body, 32)), rgb_u8,
    agrees=False)  # no pixel has alpha, so it is none


def runs(index, bits):
    """Runs and literals in turn; the rows in the middle end early, with a jump over a row and a half."""
    out = b""
    half = W // 2
    for row in index[::-1]:
        first = row[:half]
        for v in first:
            out += bytes([1, v if bits == 8 else v << 4])
        rest = row[half:]
        literal = rest.astype(np.uint8).tobytes() if bits == 8 else pack_row(rest, 4)
        out += bytes([0, len(rest)]) + literal + b"\0" * (len(literal) % 2) + b"\0\0"
    return out + b"\0\1"


for bits in (4, 8):
    n = 1 << bits
    colours = np.stack([np.arange(n) * 255 // (n - 1), np.arange(n) * 77 % 256, 255 - np.arange(n) * 3 % 256], -1)
    quads = b"".join(bytes([c[2], c[1], c[0], 0]) for c in colours.astype(np.uint8))
    index = samples(1, n - 1)[..., 0]
    add(f"rle{bits}.bmp", bmp(info(bits, 3 - bits // 4), quads, runs(index, bits)), colours[index].astype(np.uint8))
    # A run of 7, a jump of 3 right and 2 up, a run of 30 (cut at the end of the row), the end of the image.
    jump = bytes([7, 0x21 if bits == 4 else 9, 0, 2, 3, 2, 30, 0x43 if bits == 4 else 200, 0, 1])
    drawn = np.zeros((H, W), np.int64)
    drawn[H - 1, :7] = [2, 1, 2, 1, 2, 1, 2] if bits == 4 else 9
    drawn[H - 3, 10:] = [4, 3, 4, 3, 4, 3, 4, 3, 4] if bits == 4 else 200
    add(f"rle{bits}_jump.bmp", bmp(info(bits, 3 - bits // 4), quads, jump), colours[drawn].astype(np.uint8),
        agrees=False)  # Pillow wants data for every row


# ---- GIF

def lzw(index, size):
    """LZW without compression: a clear code before the codes grow."""
    width, clear = size + 1, 1 << size
    bits, n, out = 0, 0, bytearray()

    def put(code):
        nonlocal bits, n
        bits |= code << n
        n += width
        while n >= 8:
            out.append(bits & 255)
            bits >>= 8
            n -= 8

    for i, v in enumerate(index.reshape(-1)):
        if i % ((1 << size) - 2 or 1) == 0 or size == 1:
            put(clear)
        put(int(v))
    put(clear + 1)
    if n:
        out.append(bits)
    blocks = b"".join(bytes([len(out[i:i + 50])]) + bytes(out[i:i + 50]) for i in range(0, len(out), 50))
    return bytes([size]) + blocks + b"\0"


def gif_frame(index, size, at=(0, 0), interlaced=False, palette=None, transparent=None):
    h, w = index.shape
    if interlaced:
        index = np.concatenate([index[0::8], index[4::8], index[2::4], index[1::2]])
    flags = 0x40 * interlaced | (0x80 | palette[1] if palette else 0)
    out = b""
    if transparent is not None:
        out += b"!\xf9\x04\x01\0\0" + bytes([transparent]) + b"\0"
    out += b"," + struct.pack("<HHHHB", *at, w, h, flags) + (palette[0] if palette else b"")
    return out + lzw(index, size)


def gif(frames, palette=None, background=0, version=b"GIF89a", screen=(W, H), more=b""):
    flags = 0x80 | palette[1] if palette else 0
    return version + struct.pack("<HHBBB", *screen, flags, background, 0) + (palette[0] if palette else b"") + more + \
        b"".join(frames) + b";"


for bits in range(1, 9):
    n = 1 << bits
    colours = np.stack([np.arange(n) * 255 // (n - 1), np.arange(n) * 77 % 256, 255 - np.arange(n) * 3 % 256], -1)
    index = samples(1, n - 1)[..., 0]
    palette = (colours.astype(np.uint8).tobytes(), bits - 1)
    size = max(bits, 2)
    want = colours[index].astype(np.uint8)
    add(f"index{bits}.gif", gif([gif_frame(index, size)], palette, version=b"GIF87a"), want)
    add(f"index{bits}_interlaced.gif", gif([gif_frame(index, size, interlaced=True)], palette), want)
    clear = n - 1
    add(f"index{bits}_transparent.gif", gif([gif_frame(index, size, transparent=clear)], palette),
        np.where((index == clear)[..., None], 255, want).astype(np.uint8))
colours = np.stack([np.arange(16) * 17, np.arange(16) * 77 % 256, 255 - np.arange(16) * 3], -1)
palette = (colours.astype(np.uint8).tobytes(), 3)
index = samples(1, 15)[..., 0]
want = colours[index].astype(np.uint8)
add("local.gif", gif([gif_frame(index, 4, palette=palette)]), want)
grey_want = grey(index[..., None]).astype(np.uint8)
add("no_palette.gif", gif([gif_frame(index, 4)]), grey_want)
part = index[2:9, 3:14]
placed = np.zeros((H, W), np.int64)
placed[2:9, 3:14] = part
add("part.gif", gif([gif_frame(part, 4, (3, 2))], palette), colours[placed].astype(np.uint8))
inside = np.full((H, W, 3), 255, np.uint8)
inside[2:9, 3:14] = np.where((part == 5)[..., None], 255, want[2:9, 3:14])
add("part_transparent.gif", gif([gif_frame(part, 4, (3, 2), transparent=5)], palette), inside)
add("wider_than_screen.gif", gif([gif_frame(index, 4)], palette, screen=(5, 40)),
    np.concatenate([want, np.broadcast_to(colours[0], (40 - H, W, 3)).astype(np.uint8)]))
add("animated.gif", gif([gif_frame(index, 4), gif_frame(15 - index, 4), gif_frame(part, 4, (1, 1))], palette,
                        more=b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"), want)
add("animated_transparent.gif", gif([gif_frame(index, 4, transparent=3), gif_frame(15 - index, 4)], palette),
    np.where((index == 3)[..., None], 255, want).astype(np.uint8))


# ---- WebP and JPEG, encoded by Pillow

def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


image, image_alpha = Image.fromarray(rgb_u8), Image.fromarray(rgba8.astype(np.uint8), "RGBA")
other = Image.fromarray(255 - rgb_u8)
add("rgb.webp", saved(image, "WEBP", lossless=True), rgb_u8)
add("rgba.webp", saved(image_alpha, "WEBP", lossless=True, exact=True), composite(rgba8[..., :3], rgba8[..., 3], 255))
add("rgb_lossy.webp", saved(image, "WEBP", quality=90))
add("rgba_lossy.webp", saved(image_alpha, "WEBP", quality=90, alpha_quality=100))
add("rgba_lossy_alpha.webp", saved(image_alpha, "WEBP", quality=90, alpha_quality=30))
add("animated.webp", saved(image, "WEBP", save_all=True, append_images=[other], lossless=True, duration=100), rgb_u8)
add("animated_rgba.webp", saved(image_alpha, "WEBP", save_all=True, append_images=[image_alpha.rotate(180)],
                                lossless=True, exact=True, duration=100), composite(rgba8[..., :3], rgba8[..., 3], 255))
add("animated_lossy.webp", saved(image_alpha, "WEBP", save_all=True, append_images=[image_alpha.rotate(180)],
                                 quality=90, duration=100))
for subsampling in (0, 1, 2):
    add(f"subsampled{subsampling}.jpg", saved(image, "JPEG", quality=92, subsampling=subsampling))
    add(f"subsampled{subsampling}_progressive.jpg",
        saved(image, "JPEG", quality=92, subsampling=subsampling, progressive=True))
add("grey.jpg", saved(image.convert("L"), "JPEG", quality=92))
add("cmyk.jpg", saved(image.convert("CMYK"), "JPEG", quality=92))
add("rgb.jpg", saved(image, "JPEG", quality=92, keep_rgb=True))
add("restarts.jpg", saved(image, "JPEG", quality=92, restart_marker_blocks=1))


# ---- orientation

def tiff(big, kind, value, count=1):
    e = ">" if big else "<"
    data = {1: "B3x", 3: "H2x", 4: "I", 8: "h2x", 9: "i", 5: "I"}[kind]
    return (b"MM\0*" if big else b"II*\0") + struct.pack(e + "IHHHI4s", 8, 2, 0x010F, 2, 3, b"abc\0") + \
        struct.pack(e + "HHI" + data, 0x0112, kind, count, value) + struct.pack(e + "I", 0)


XAP = b"http://ns.adobe.com/xap/1.0/\0"
RDF = (b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
       b"%s</rdf:RDF></x:xmpmeta>")


def xmp(value, form="attribute"):
    names = b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
    v = b"%d" % value
    return RDF % {
        "attribute": b'<rdf:Description %s tiff:Orientation="%s"/>' % (names, v),
        "element": b"<rdf:Description %s><tiff:Orientation>%s</tiff:Orientation></rdf:Description>" % (names, v),
        "spaces": b"<rdf:Description %s\n tiff:Orientation\t= '%s' />" % (names, v),
        "prefix": b'<rdf:Description xmlns:t="http://ns.adobe.com/tiff/1.0/" t:Orientation="%s"/>' % v,
    }[form]


def upright(orientation, rgb=rgb_u8):
    """An image stored with this orientation, made upright."""
    turns = {1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
             5: lambda a: a.transpose(1, 0, 2), 6: lambda a: np.rot90(a, -1),
             7: lambda a: np.rot90(a, 2).transpose(1, 0, 2), 8: lambda a: np.rot90(a)}
    return turns[orientation](rgb)


def app1(data):
    return b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data


jpeg = saved(image, "JPEG", quality=92, subsampling=0)
jpeg_rgb = pillow(jpeg)


def add_jpeg(name, segments, orientation, agrees=True):
    add(name + ".jpg", jpeg[:2] + b"".join(map(app1, segments)) + jpeg[2:], upright(orientation, jpeg_rgb), agrees)


EXIF = b"Exif\0\0"
for big in (False, True):
    end = "_big" if big else "_little"
    for kind, name in ((1, "byte"), (3, "short"), (4, "long"), (8, "sshort"), (9, "slong")):
        add_jpeg("exif_" + name + end, [EXIF + tiff(big, kind, 6)], 6, agrees=kind != 1)
    for value in (0, 9):
        add_jpeg(f"exif_{value}{end}", [EXIF + tiff(big, 4, value)], 1)
for o in range(1, 9):
    add_jpeg(f"exif_long_{o}", [EXIF + tiff(o % 2 == 0, 4, o)], o)
    add_jpeg(f"xmp_{o}", [XAP + xmp(o)], o)
for form in ("element", "spaces", "prefix"):
    add_jpeg("xmp_" + form, [XAP + xmp(8, form)], 8, agrees=form == "element")  # Pillow knows two forms
add_jpeg("exif_and_xmp", [XAP + xmp(3), EXIF + tiff(False, 3, 6)], 6)
add_jpeg("exif_without", [EXIF + tiff(False, 3, 6).replace(b"\x12\x01\x03", b"\x13\x01\x03"), XAP + xmp(5)], 5)
add_jpeg("exif_1_and_xmp", [EXIF + tiff(False, 3, 1), XAP + xmp(5)], 1)


def raw(kind, data, line=72):
    digits = data.hex()
    lines = "\n".join(digits[i:i + line] for i in range(0, len(digits), line))
    return f"\n{kind}\n{len(data):8}\n{lines}\n".encode()


def text(keyword, contents):
    return chunk(b"tEXt", keyword + b"\0" + contents)


def ztext(keyword, contents):
    return chunk(b"zTXt", keyword + b"\0\0" + zlib.compress(contents))


def itext(keyword, contents, compressed=False):
    body = zlib.compress(contents) if compressed else contents
    return chunk(b"iTXt", keyword + bytes([0, compressed, 0]) + b"en\0" + b"word\0" + body)


RAW, ADOBE = b"Raw profile type ", b"XML:com.adobe.xmp"
comment = text(b"Comment", b"tiff:Orientation=\"3\"") + ztext(b"Raw profile type icc", raw("icc", b"1234"))
for name, chunks, o, agrees in (
        ("exif_chunk", chunk(b"eXIf", tiff(True, 4, 6)), 6, True),
        ("exif_chunk_prefix", chunk(b"eXIf", EXIF + tiff(False, 3, 7)), 7, True),
        ("xmp_text", itext(ADOBE, xmp(6)), 6, True),
        ("xmp_text_compressed", itext(ADOBE, xmp(5, "element"), True), 5, True),
        ("raw_exif", ztext(RAW + b"exif", raw("exif", EXIF + tiff(False, 3, 8))), 8, True),
        ("raw_exif_text", text(RAW + b"exif", raw("exif", EXIF + tiff(True, 4, 6))), 6, True),
        ("raw_exif_itext", itext(RAW + b"exif", raw("exif", EXIF + tiff(True, 3, 4)), True), 4, True),
        ("raw_app1", ztext(RAW + b"APP1", raw("generic profile", EXIF + tiff(False, 3, 8))), 8, False),
        ("raw_app1_xmp", ztext(RAW + b"APP1", raw("APP1", XAP + xmp(7))), 7, False),
        ("raw_xmp", ztext(RAW + b"xmp", raw("xmp", xmp(6))), 6, False),
        ("raw_after", comment + ztext(RAW + b"xmp", raw("xmp", xmp(3))) +
         ztext(RAW + b"exif", raw("exif", tiff(False, 3, 6))), 6, False)):
    add(f"{name}.png", png(RGB, 8, rgb8, before=chunks), upright(o), agrees)
    add(f"{name}_last.png", png(RGB, 8, rgb8, after=chunks), upright(o), False)


def webp_with(**parts):
    return saved(image, "WEBP", lossless=True, **parts)


add("exif_long.webp", webp_with(exif=tiff(True, 4, 6)), upright(6))
add("exif_prefix.webp", webp_with(exif=EXIF + tiff(False, 3, 5)), upright(5))
add("xmp.webp", webp_with(xmp=xmp(8)), upright(8))
add("xmp_element.webp", webp_with(xmp=xmp(2, "element")), upright(2))
add("exif_and_xmp.webp", webp_with(exif=tiff(False, 3, 4), xmp=xmp(8)), upright(4))

tensors = {}
for name in sorted(files):
    tensors[name] = np.frombuffer(files[name], np.uint8)
    tensors[name + ".rgb"] = pixels[name]
header, at = {}, 0
for name, t in tensors.items():
    header[name] = {"dtype": "U8", "shape": list(t.shape), "data_offsets": [at, at + t.nbytes]}
    at += t.nbytes
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open("variants.safetensors", "wb") as f:
    f.write(struct.pack("<Q", len(text)) + text + b"".join(t.tobytes() for t in tensors.values()))
print(len(files), "files")
