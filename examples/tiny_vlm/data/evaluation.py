"""Evaluation items: one question each, from the held-out split."""

from .tasks import FAMILIES, TASKS
from .world import draw, make_world, seeded


def items(task, n, split="held_out", seed=0, world=None):
    """n distinct items of an evaluation task with one turn each. Deterministic: the same on every machine."""
    world = world or make_world(split)
    family = TASKS[task]
    geometries = FAMILIES[family].GEOMETRIES
    rng = seeded("evaluation", task, split, seed)
    found, seen = [], set()
    while len(found) < n:
        item = draw(rng, world, family, geometries[len(found) % len(geometries)], lambda item: task in item.tags)
        if repr(item.key) in seen:
            continue
        seen.add(repr(item.key))
        item.turns = [rng.choice([turn for turn, tag in zip(item.turns, item.tags) if tag == task])]
        item.task = task
        found.append(item)
    return found
