"""Metrics: a score in 0..1 for one answer."""

import json
import re


def normal(text):
    return " ".join(text.strip().split(" "))


def edit_distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def character_errors(answer, given):
    """Edit distance divided by the length of the right answer (at least 1)."""
    return edit_distance(given, answer) / max(1, len(answer))


def _leaves(value, path=()):
    if isinstance(value, dict):
        return [leaf for k, v in value.items() for leaf in _leaves(v, path + (k,))]
    if isinstance(value, list):
        return [leaf for i, v in enumerate(value) for leaf in _leaves(v, path + (i,))]
    return [(path, str(value))]


def _json(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


def json_f1(answer, given):
    right, found = set(_leaves(json.loads(answer))), set(_leaves(_json(given))) if _json(given) is not None else set()
    hits = len(right & found)
    return 2 * hits / (len(right) + len(found)) if hits else 0.0


def overlap(a, b):
    """Intersection over union of two boxes (x1, y1, x2, y2)."""
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    area = lambda r: (r[2] - r[0]) * (r[3] - r[1])
    return w * h / (area(a) + area(b) - w * h)


def box_in(text):
    found = re.search(r'"bbox_2d":\s*\[(\d+),\s*(\d+),\s*(\d+),\s*(\d+)\]', text)
    return [int(v) for v in found.groups()] if found else None


def point_in(text):
    found = re.search(r'"coordinate":\s*\[(\d+),\s*(\d+)\]', text)
    return [int(v) for v in found.groups()] if found else None


def seconds_in(text):
    found = re.search(r"\d+(?:\.\d+)?", text)
    return float(found.group()) if found else None


def score(metric, answer, target, given):
    if metric == "exact":
        return float(normal(given) == normal(answer))
    if metric == "json_f1":
        return json_f1(answer, given)
    if metric == "iou":
        box = box_in(given)
        return float(box is not None and overlap(box, target) >= 0.5)
    if metric == "click":
        p = point_in(given)
        return float(p is not None and target[0] <= p[0] <= target[2] and target[1] <= p[1] <= target[3])
    if metric == "seconds":
        t = seconds_in(given)
        return float(t is not None and abs(t - target) <= 0.5)
    raise ValueError(f"unknown metric {metric}")


def interval(scores, z=1.96):
    """Mean and 95 % confidence interval: Wilson's for 0/1 scores, else the normal approximation."""
    n = len(scores)
    mean = sum(scores) / n
    if all(s in (0.0, 1.0) for s in scores):
        centre, half = (
            (mean + z * z / 2 / n) / (1 + z * z / n),
            z / (1 + z * z / n) * (mean * (1 - mean) / n + z * z / 4 / n / n) ** 0.5,
        )
        return mean, centre - half, centre + half
    half = z * (sum((s - mean) ** 2 for s in scores) / (n - 1) / n) ** 0.5
    return mean, mean - half, min(1.0, mean + half)
