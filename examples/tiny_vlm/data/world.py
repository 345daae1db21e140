"""Draws items of one split by rejection: retries until the hash of the content falls into the split."""

import random

from .fonts import Atlas
from .lexicon import Words
from .split import item_split
from .tasks import FAMILIES
from .tasks.item import World


def make_world(split, atlas=None):
    atlas = atlas or Atlas()
    atlas.morph = split == "train"
    return World(split, atlas, atlas.fonts(split), Words(split))


def draw(rng, world, family, geometry, accept=lambda item: True, **options):
    """A random item of `family` whose content belongs to the split of `world` and passes `accept`."""
    module = FAMILIES[family]
    while True:
        item = module.make(rng, world, geometry, **options)
        if item_split(item.key) == world.split and accept(item):
            return item


def seeded(*parts):
    return random.Random(repr(parts))
