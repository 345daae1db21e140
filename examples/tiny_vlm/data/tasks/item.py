"""What every task makes: media, turns of prompt and answer, and the key that decides the split."""

from dataclasses import dataclass, field


@dataclass
class Turn:
    """One question. `metric` is exact, json_f1, iou, click, or seconds; `target` holds what the metric needs
    besides the answer.

    `name_at` and `answer_at` are pixels of the first picture, where the thing asked for is named and where the
    answer stands; training aids point at them."""

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
    key: object  # content; its hash decides between training and evaluation
    system: str = ""
    tags: list = field(default_factory=list)


@dataclass
class World:
    """What a split may use."""

    split: str
    atlas: object
    fonts: list
    words: object


def language(rng):
    return "zh" if rng.random() < 0.4 else "en"
