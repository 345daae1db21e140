"""Trains the byte-level BPE vocabulary (Qwen2 pre-tokenisation) on the fixed wording of the tasks.

Words that are read from images are left out: they are spelled in short tokens, and unseen words need no more
tokens than known ones.
"""

import argparse

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from .chat import N_SPECIAL, SPECIALS, TOKENIZER
from .data.tasks import FAMILIES
from .data.tasks.screen import TOOL_SYSTEM
from .data.world import draw, make_world, seeded

QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


class _Letters:
    """Replaces the words of images by single letters."""

    def any(self, rng, longest=10):
        return rng.choice("abcdefghijklmnopqrstuvwxyz")


def corpus(n, seed=0):
    world = make_world("train")
    world.words = _Letters()
    rng = seeded("vocabulary", seed)
    for family, module in FAMILIES.items():
        if family == "ocr":
            continue
        for i in range(n):
            item = draw(rng, world, family, module.GEOMETRIES[i % len(module.GEOMETRIES)])
            for turn in item.turns:
                yield turn.prompt
                yield turn.answer
    for prompts in FAMILIES["ocr"]._PROMPTS.values():
        yield from prompts * 20
    yield from [TOOL_SYSTEM] * 300
    yield from ["system\n", "user\n", "assistant\n", "<0.3 seconds>"] * 50


def train(size, n, path):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(SPECIALS),
        min_frequency=8,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus(n), trainer)
    tokenizer.add_tokens([AddedToken(s, special=i < N_SPECIAL, normalized=False) for i, s in enumerate(SPECIALS)])
    tokenizer.save(str(path))
    return tokenizer


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1536)
    parser.add_argument("--items", type=int, default=6000, help="items per task family")
    parser.add_argument("--out", default=TOKENIZER)
    o = parser.parse_args()
    print(o.out, train(o.size, o.items, o.out).get_vocab_size(), "tokens")
