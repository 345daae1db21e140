"""The output of every task: media, turns of prompt and answer, and the key that decides the split."""

from dataclasses import dataclass, field


@dataclass
class Turn:
    """One question. `metric` is exact, json_f1, iou, click, or seconds; `target` is additional input of the metric.

    `name_at` and `answer_at` are pixel positions (x, y) in the first image: of the name in the question and of the
    answer. Only the auxiliary losses of training use them."""

    prompt: str
    answer: str
    metric: str = "exact"
    target: object = None
    name_at: tuple = None
    answer_at: tuple = None


@dataclass
class Item:
    task: str
    lang: str
    media: list  # ("image", Canvas) or ("video", [Canvas, ...], frames per second)
    turns: list
    key: object  # content; its hash decides the split
    system: str = ""
    tags: list = field(default_factory=list)


@dataclass
class World:
    """The words and fonts of one split."""

    split: str
    atlas: object
    fonts: list
    words: object


def language(rng):
    return "zh" if rng.random() < 0.4 else "en"
