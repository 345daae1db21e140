"""Checks that training and evaluation data are disjoint: draws training items from the seeds of the stages and
searches them for held-out contents, and compares the words and fonts of both splits.

    python -m tiny_vlm.audit -n 20000 --seeds 1011 2012 3013
"""

import argparse

from .data.batches import MIX
from .data.evaluation import items as evaluation_items
from .data.split import word_split
from .data.tasks import FAMILIES, TASKS
from .data.world import draw, make_world, seeded


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=20000, help="training items per family and seed")
    parser.add_argument("--held-out", type=int, default=500, help="evaluation items per task")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1001])
    o = parser.parse_args()
    train, held_out = make_world("train"), make_world("held_out")
    shared_words = set(train.words.list) & set(held_out.words.list)
    shared_fonts = set(train.fonts) & set(held_out.fonts)
    assert not shared_words and not shared_fonts and all(word_split(w) == "held_out" for w in held_out.words.list)
    print(
        f"words {len(train.words.list)} / {len(held_out.words.list)}, "
        f"fonts {len(train.fonts)} / {len(held_out.fonts)}, none shared"
    )
    keys = {}
    for task, family in TASKS.items():
        keys.setdefault(family, set()).update(
            repr(item.key) for item in evaluation_items(task, o.held_out, world=held_out)
        )
    for family, module in FAMILIES.items():
        drawn, equal, step = 0, 0, 0
        for seed in o.seeds:
            for step in range(o.n // MIX[family][0] + 1):
                rng = seeded("stream", seed, "train", step)
                geometry = rng.choice(module.GEOMETRIES)
                for _ in range(MIX[family][0]):
                    equal += repr(draw(rng, train, family, geometry).key) in keys[family]
                    drawn += 1
        print(f"{family:8s} {drawn} training items, {len(keys[family])} held-out contents, equal: {equal}", flush=True)
        assert equal == 0


if __name__ == "__main__":
    main()
