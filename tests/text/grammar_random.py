#!/usr/bin/env python3
"""Random schemas, and texts by random choice of tokens: each must parse and satisfy its schema (package jsonschema).

usage: grammar_random.py GRAMMAR_TOOL [SCHEMAS] [FOLDER OF MORE SCHEMAS]

The tool writes texts with a small vocabulary, in each form of white space and order. Texts that the validator refuses are
printed, as are schemas that the tool refuses: few may be, those that refer to themselves at once. Numbers are compared as
decimals, as grammars do. A text that random choice did not bring to its end is counted as unfinished.
"""
import decimal
import json
import pathlib
import random
import subprocess
import sys

import jsonschema

NAMES = ["a", "b", "ab", "name", "id", "x y", "é", 'q"', "items", "value"]


def number(r):
    s = {"type": r.choice(["integer", "number"])}
    low = r.randint(-300, 300)
    if r.random() < 0.5:
        s[r.choice(["minimum", "exclusiveMinimum"])] = low
    if r.random() < 0.5:
        s[r.choice(["maximum", "exclusiveMaximum"])] = low + r.randint(2, 400) + r.choice([0, 0.5, 0.25])
    if s["type"] == "integer" and r.random() < 0.3:
        s["multipleOf"] = r.choice([2, 3, 7, 10])
        if "maximum" in s or "exclusiveMaximum" in s:
            s.pop("minimum", None)
            s.pop("exclusiveMinimum", None)
    return s


def string(r):
    s = {"type": "string"}
    kind = r.random()
    if kind < 0.3:
        s["pattern"] = r.choice(["^[a-z]{2,5}$", "^(foo|ba[rz])+$", "x", "^\\d{3}-\\d{4}$", "^[^\"a]*$", "^\\S+ \\S+$", "(a|b)c?"])
    elif kind < 0.45:
        s["format"] = r.choice(["date", "time", "date-time", "uuid", "ipv4", "email"])
    else:
        low = r.randint(0, 6)
        if r.random() < 0.5:
            s["minLength"] = low
        if r.random() < 0.7:
            s["maxLength"] = low + r.randint(0, 12)
    return s


def constant(r):
    return r.choice([None, True, False, 0, -7, 2.5, "", "text", 'quo"te\n', "é€😀", [], [1, "a"], {"k": [None]}])


def array(r, depth, refs):
    s = {"type": "array"}
    low = r.randint(0, 2)
    if r.random() < 0.8:
        s["items"] = schema(r, depth - 1, refs)
    if r.random() < 0.3:
        s["prefixItems"] = [schema(r, depth - 1, refs) for _ in range(r.randint(1, 3))]
    if r.random() < 0.4:
        s["minItems"] = low
    if r.random() < 0.6:
        s["maxItems"] = low + r.randint(0, 4)
    if r.random() < 0.15 and "maxItems" not in s:
        s["contains"] = {"const": r.choice([1, "a"])}
        s["items"] = {"enum": [1, "a", None]}
        s.pop("prefixItems", None)
    return s


def object_(r, depth, refs):
    names = r.sample(NAMES, r.randint(0, 4))
    s = {"type": "object", "properties": {n: schema(r, depth - 1, refs) for n in names}}
    if names and r.random() < 0.7:
        s["required"] = r.sample(names, r.randint(0, len(names)))
    kind = r.random()
    if kind < 0.6:
        s["additionalProperties"] = False
    elif kind < 0.75:
        s["additionalProperties"] = schema(r, depth - 1, refs)
    if r.random() < 0.15:
        s["patternProperties"] = {"^p": {"type": "integer"}}
    if r.random() < 0.1:
        s["propertyNames"] = {"maxLength": 5}
        s.pop("required", None)
    if r.random() < 0.15 and s.get("additionalProperties", True) is False and "patternProperties" not in s:
        s["maxProperties"] = max(len(s.get("required", [])), 1) + r.randint(0, 2)
    if len(names) > 1 and r.random() < 0.15:
        s["dependentRequired"] = {names[0]: [names[1]]}
    return s


def schema(r, depth, refs):
    kind = r.random()
    if kind < 0.08:
        return {"$ref": "#/$defs/" + r.choice(refs)}
    if depth <= 0 or kind < 0.55:
        kind = r.random()
        if kind < 0.3:
            return number(r)
        if kind < 0.65:
            return string(r)
        if kind < 0.8:
            return {"enum": [constant(r) for _ in range(r.randint(1, 4))]}
        if kind < 0.9:
            return {"type": r.choice([["string", "null"], ["integer", "boolean"], "boolean", "null"])}
        return r.choice([{"const": constant(r)}, {}, True])
    kind = r.random()
    if kind < 0.35:
        return array(r, depth, refs)
    if kind < 0.75:
        return object_(r, depth, refs)
    if kind < 0.85:
        return {"anyOf": [schema(r, depth - 1, refs) for _ in range(r.randint(2, 3))]}
    if kind < 0.9:
        return {"oneOf": [{"type": "integer", "maximum": 10}, {"type": "integer", "minimum": r.randint(5, 20)}, {"type": "string", "maxLength": 4}]}
    if kind < 0.95:
        return {"allOf": [number(r), {"maximum": 1000}]}
    return {"type": "object", "properties": {"k": {"enum": ["a", "b"]}}, "required": ["k"], "additionalProperties": {"type": "integer"},
            "if": {"properties": {"k": {"const": "a"}}}, "then": {"properties": {"v": {"maximum": 5}}}, "else": {"required": ["w"]}}


def document(r):
    refs = ["one", "two"]
    s = schema(r, 3, refs)
    if not isinstance(s, dict):
        s = {}
    return {**s, "$defs": {n: schema(r, 2, refs) for n in refs}}


def main():
    tool = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    documents = [document(random.Random(seed)) for seed in range(count)]
    if len(sys.argv) > 3:
        documents += [json.loads(p.read_text()) for p in sorted(pathlib.Path(sys.argv[3]).glob("*.schema.json"))]
    process = subprocess.Popen([tool], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    texts = refused = empty = bad = unfinished = 0
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    for seed, s in enumerate(documents):
        request = {"schema": s, "generate": 3, "seed": seed, "space": ["free", "compact", "spaced"][seed % 3],
                   "order": ["given", "any"][seed // 3 % 2]}
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        if "error" in answer:
            empty += "no text satisfies" in answer["error"]
            if "no text satisfies" not in answer["error"]:
                refused += 1
                print("refused:", answer["error"], json.dumps(s)[:200])
            continue
        exact = json.loads(json.dumps(s), parse_float=decimal.Decimal)
        validator = jsonschema.Draft202012Validator(exact, format_checker=checker)
        for text in answer["texts"]:
            if text == "unfinished":
                unfinished += 1
                continue
            texts += 1
            try:
                validator.validate(json.loads(text, parse_float=decimal.Decimal))
            except RecursionError:
                continue  # a reference to itself at once, which the validator follows without end
            except (ValueError, jsonschema.ValidationError) as e:
                bad += 1
                print("BAD:", seed, str(e)[:300].replace("\n", " "), "|", text[:300], "|", json.dumps(s)[:600])
    print(f"{len(documents)} schemas, {texts} texts, {bad} bad, {unfinished} unfinished, {refused} refused, {empty} that nothing satisfies")
    return 1 if bad or refused > len(documents) // 50 else 0


if __name__ == "__main__":
    sys.exit(main())
