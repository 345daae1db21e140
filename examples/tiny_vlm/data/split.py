"""The split into training and held-out data, decided by hashes of words and contents."""

import zlib

SPLITS = ("train", "held_out")


def word_split(word):
    """The split of a word; a tenth of all words is held out."""
    return "held_out" if zlib.crc32(("word:" + word.lower()).encode()) % 10 == 0 else "train"


def item_split(key):
    """The split of a content (layout with texts); a sixteenth is held out. `key`: any value with a stable repr."""
    return "held_out" if zlib.crc32(("item:" + repr(key)).encode()) % 16 == 0 else "train"
