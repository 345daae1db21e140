"""Which half of the world an item belongs to: decided by hashes of its words and of its content, never by chance."""

import zlib

SPLITS = ("train", "held_out")


def word_split(word):
    """A tenth of all words is held out."""
    return "held_out" if zlib.crc32(("word:" + word.lower()).encode()) % 10 == 0 else "train"


def item_split(key):
    """A sixteenth of all contents (layouts with their texts) is held out. `key` is any value with a stable repr."""
    return "held_out" if zlib.crc32(("item:" + repr(key)).encode()) % 16 == 0 else "train"
