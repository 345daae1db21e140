#!/usr/bin/env python3
"""Compares masks with those of llguidance (PyPI: llguidance, tokenizers), token by token of given texts.

usage: grammar_peers.py GRAMMAR_TOOL TOKENIZER.JSON

Both write compact JSON. Prints the tokens that only one side allows, with the text before them; KNOWN explains
differences that are meant. The process ends with 1 if there is any other.
"""
import json
import subprocess
import sys

import llguidance
import llguidance.numpy
import numpy
import tokenizers

CASES = [
    ({"type": "boolean"}, [True]),
    ({"enum": ["a", "ab", 1, None]}, ["ab", 1]),
    ({"type": "integer", "minimum": 5, "maximum": 120}, [7, 118]),
    ({"type": "number", "minimum": 0, "maximum": 1}, [0.25]),
    ({"type": "string", "maxLength": 12}, ["hello world", "tab\tquote\""]),
    ({"type": "string", "minLength": 3, "maxLength": 4}, ["abcd"]),
    ({"type": "string", "pattern": "^[a-z]+-\\d{2}$"}, ["abc-12"]),
    ({"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 1000}, "minItems": 2, "maxItems": 2}, [[3, 999]]),
    ({"type": "object", "properties": {"a": {"type": "null"}, "bc": {"type": "boolean"}}, "required": ["a"], "additionalProperties": False},
     [{"a": None, "bc": True}, {"a": None}]),
    ({"anyOf": [{"type": "string", "maxLength": 3}, {"type": "null"}]}, ["ab", None]),
    ({"$defs": {"n": {"type": "object", "properties": {"c": {"type": "array", "items": {"$ref": "#/$defs/n"}}}, "required": ["c"], "additionalProperties": False}},
      "$ref": "#/$defs/n"}, [{"c": [{"c": []}, {"c": []}]}]),
]


def known(before, token, theirs):
    """Why a difference is meant, or None. `theirs` are the texts of the tokens that the peer allows, if they are few."""
    if len(theirs) == 1 and theirs[0].startswith(token):
        return "forced text: the peer allows only its own way to cut it into tokens"
    inside = before.count('"') % 2 == 1
    if inside and "\\" in before[-6:] + token:
        return "escapes: ours are all of JSON with paired surrogates in strings, and the shortest under patterns and names"
    if not inside and any(c in token for c in "0123456789.eE-"):
        return "digits: ours has at most 20 on each side of the point; an integer has no fraction"
    if inside and "\x7f" in token:
        return "DEL: ours is a character as any other"
    return None


def main():
    tool, path = sys.argv[1:3]
    words = tokenizers.Tokenizer.from_file(path)
    peer_tokens = llguidance.LLTokenizer(path)
    process = subprocess.Popen([tool, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    masks = equal = unknown = 0
    reasons = {}
    for schema, values in CASES:
        grammar = llguidance.LLMatcher.grammar_from_json_schema(
            schema, defaults={"whitespace_flexible": False, "item_separator": ",", "key_separator": ":"})
        for value in values:
            ids = words.encode(json.dumps(value, ensure_ascii=False, separators=(",", ":")), add_special_tokens=False).ids
            request = {"schema": schema, "space": "compact", "tokens": [ids[:n] for n in range(len(ids) + 1)]}
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            if "error" in answer:
                print("refused:", answer["error"])
                unknown += 1
                continue
            peer = llguidance.LLMatcher(peer_tokens, grammar)
            if peer.is_error():
                print("the peer refuses:", schema, peer.get_error())
                continue
            for n in range(len(ids) + 1):
                bits = llguidance.numpy.allocate_token_bitmask(1, peer_tokens.vocab_size)
                llguidance.numpy.fill_next_token_bitmask(peer, bits, 0)
                theirs = set(numpy.flatnonzero(numpy.unpackbits(bits.view(numpy.uint8), bitorder="little")).tolist())
                ours = answer["allowed"][n]
                if ours is None:
                    print("ours refuses", value, "at token", n)
                    unknown += 1
                    break
                # End tokens: each side has a list of its own.
                end = {i for i in theirs ^ set(ours) if words.id_to_token(i) is None or words.id_to_token(i).startswith("<|")}
                differ = (theirs ^ set(ours)) - end
                masks += 1
                equal += not differ
                before = words.decode(ids[:n], skip_special_tokens=False)
                few = [words.decode([i], skip_special_tokens=False) for i in theirs] if len(theirs) < 4 else []
                for i in sorted(differ):
                    text = words.decode([i], skip_special_tokens=False)
                    reason = known(before, text, few)
                    side = "ours" if i in set(ours) else "theirs"
                    if reason is None:
                        unknown += 1
                        if unknown < 60:
                            print(f"only {side}: {before!r} + {text!r} ({i}) in {json.dumps(schema)[:100]}")
                    else:
                        reasons.setdefault((reason, side), []).append((before, text))
                if n < len(ids) and not peer.consume_token(ids[n]):
                    print("the peer refuses token", n, "of", value)
                    break
    for (reason, side), where in reasons.items():
        print(f"only {side}, {len(where)} tokens, such as {where[0]}: {reason}")
    print(f"{masks} masks, {equal} equal, {unknown} tokens that differ without a reason")
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
