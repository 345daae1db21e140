"""One module per task family. Each defines GEOMETRIES, a list of (height, width) or (height, width, frames), and
make(rng, world, geometry) -> Item. The turns of an item can be asked in one conversation or separately."""

from . import change, chart, ocr, receipt, scene, screen, video

FAMILIES = {
    "scene": scene,
    "ocr": ocr,
    "receipt": receipt,
    "screen": screen,
    "change": change,
    "video": video,
    "chart": chart,
}
# task of an evaluation set -> family
TASKS = {
    "scene": "scene",
    "question": "scene",
    "ocr_clean": "ocr",
    "ocr_degraded": "ocr",
    "receipt": "receipt",
    "receipt_value": "receipt",
    "widget": "screen",
    "click": "screen",
    "change": "change",
    "video": "video",
    "chart": "chart",
}
