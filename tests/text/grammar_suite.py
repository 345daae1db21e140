#!/usr/bin/env python3
"""Runs the public JSON-Schema-Test-Suite (draft 2020-12) through grammar_tool.

usage: grammar_suite.py GRAMMAR_TOOL SUITE/tests/draft2020-12

A schema that compiles must accept the valid instances, written in our spelling, and no others. Schemas that are refused
are counted by the reason. At least 60 % must compile, and none may be wrong in either direction.
"""
import collections
import decimal
import json
import pathlib
import subprocess
import sys


def spell(value):
    """Compact JSON as grammars spell it: integers without fraction, other numbers without exponent."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, (int, decimal.Decimal)):
        d = decimal.Decimal(value)
        if d == d.to_integral_value():
            return str(int(d))
        return format(d.normalize(), "f")
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ",".join(spell(v) for v in value) + "]"
    return "{" + ",".join(json.dumps(k, ensure_ascii=False) + ":" + spell(v) for k, v in value.items()) + "}"


class Raw:
    """A number whose digits are kept."""


def main():
    tool, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    process = subprocess.Popen([tool], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    schemas = compiled = instances = wrong = 0
    reasons = collections.Counter()
    for file in sorted(folder.glob("*.json")):
        text = file.read_text(encoding="utf-8")
        exact = json.loads(text, parse_float=decimal.Decimal)
        for group, numbers in zip(json.loads(text), exact):
            schemas += 1
            texts = [spell(t["data"]) for t in numbers["tests"]]
            request = {"schema": group["schema"], "texts": texts, "space": "compact", "order": "any",
                       "formats": False}
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            if "error" in answer:
                # A schema that nothing satisfies has no grammar; its instances are all invalid.
                if "no text satisfies" in answer["error"]:
                    compiled += 1
                    answer = {"accepted": [False] * len(texts)}
                else:
                    reason = answer["error"].split(": ", 2)[-1]
                    reasons[reason[:70]] += 1
                    if "-v" in sys.argv:
                        print(f"refused: {file.name}: {group['description']}: {answer['error']}")
                    continue
            else:
                compiled += 1
            for test, text, accepted in zip(group["tests"], texts, answer["accepted"]):
                instances += 1
                if accepted != test["valid"]:
                    wrong += 1
                    print(f"WRONG: {file.name}: {group['description']}: {test['description']}: {text[:200]}: "
                          f"accepted {accepted}, valid {test['valid']}")
    for reason, n in reasons.most_common():
        print(f"{n:5d} refused: {reason}")
    print(f"{compiled} of {schemas} schemas compile ({100 * compiled / schemas:.1f} %), {instances} instances, {wrong} wrong")
    return 0 if wrong == 0 and compiled >= 0.6 * schemas else 1


if __name__ == "__main__":
    sys.exit(main())
