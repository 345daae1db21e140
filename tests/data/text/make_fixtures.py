#!/usr/bin/env python3
"""Makes the tokenizer fixtures of this folder with the Hugging Face `tokenizers` package (pip install tokenizers).

usage: make_fixtures.py qwen3.json

qwen3.json is the tokenizer of Qwen3 (Apache-2.0, Qwen team; in qwen3.tar.xz), tiny.json a small cut of it. Written are, beside this
script:
  llama3_tiny.json  Llama-3's pattern and ignore_merges over the small vocabulary of tiny.json
  rules_tiny.json   GPT-2's pattern, NFC and added tokens with every matching rule
  NAME.fixtures     for each tokenizer: lines of
                    <bytes of the text in hex, or -> : <ids, control tokens off> : <ids, control tokens on>
"""

import copy
import json
import os
import random
import sys
import unicodedata

from tokenizers import Tokenizer

HERE = os.path.dirname(os.path.abspath(__file__))

RANGES = [
    (0x20, 0x7E), (0xA0, 0xFF), (0x100, 0x24F), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x52F), (0x590, 0x5FF),
    (0x600, 0x6FF), (0x8C0, 0x8FF), (0x900, 0x97F), (0x980, 0x9FF), (0xB00, 0xBFF), (0xD00, 0xDFF), (0xE00, 0xE7F),
    (0xF00, 0xFFF), (0x1000, 0x109F), (0x1100, 0x11FF), (0x1AB0, 0x1AFF), (0x1C80, 0x1CFF), (0x1DC0, 0x1DFF),
    (0x1E00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x209F), (0x20D0, 0x20FF), (0x2100, 0x218F), (0x2460, 0x24FF),
    (0x2600, 0x27BF), (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xA7C0, 0xA7FF), (0xAC00, 0xD7A3), (0xE000, 0xE0FF),
    (0xF900, 0xFAFF), (0xFB00, 0xFDFF), (0xFF00, 0xFFEF), (0x10400, 0x10FFF), (0x11000, 0x11FFF), (0x16100, 0x16FFF),
    (0x1D100, 0x1D7FF), (0x1E000, 0x1E9FF), (0x1F300, 0x1FAFF), (0x20000, 0x2A6DF), (0x2EBF0, 0x2EE5D),
    (0x2F800, 0x2FA1F), (0xE0000, 0xE01EF), (0, 0xD7FF), (0xE000, 0x10FFFF),
]
SPACES = [" ", "  ", "   ", "\t", "\n", "\r", "\r\n", "\n\n", "\v", "\f", "\x85", "\xa0", "\u1680", "\u2003", "\u2028",
          "\u2029", "\u202f", "\u3000", "\u200b", "\ufeff", "\x1c", " \n", " \n ", "\t\n"]
CONTRACTIONS = ["'s", "'S", "'t", "'T", "'re", "'RE", "'rE", "'ve", "'Ve", "'m", "'M", "'ll", "'LL", "'lL", "'d", "'D",
                "'\u017f", "'l", "'r", "'v", "\u2019s", "''s", " 's"]
WORDS = ("the quick brown fox jumps over a lazy dog Hello World don't I'll na\u00efve caf\u00e9 r\u00e9sum\u00e9 stra\u00dfe "
         "\u0395\u03bb\u03bb\u03ac\u03b4\u03b1 \u041f\u0440\u0438\u0432\u0435\u0442 \u4f60\u597d\u4e16\u754c "
         "\u3053\u3093\u306b\u3061\u306f \uc548\ub155\ud558\uc138\uc694 \u0928\u092e\u0938\u094d\u0924\u0947 "
         "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd return int main() {} "
         "std::vector<int> x_1 0x1F 3.14159 1,000,000 https://example.com/?q=1&b=2 user@mail.org FooBar --flag !!! ... "
         "(a+b)*c == != && || // {\"k\":[1,2]}").split(" ")
EMOJI = ["\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f3f3\ufe0f\u200d\U0001f308", "\U0001f44d\U0001f3fd",
         "\U0001f1e9\U0001f1ea", "\u2764\ufe0f", "1\ufe0f\u20e3"]
HANGUL = ["\u1100\u1161", "\u1100\u1161\u11a8", "\uac00\u11a8", "\uac01\u11a7", "\uac00\u11a7", "\u1100\u1161\u11a7", "\u115f\u1160"]
MARKS = ["\u0301", "\u0300", "\u0323", "\u0308", "\u0327", "\u0345", "\u0338", "\u20d2", "\u05b0", "\u093c", "\u09be",
         "\u3099", "\u0f71", "\u0f72", "\u034f", "\u0334", "\U0001e8d0", "\U000110ba", "\u1dfa", "\u08d3"]
BASES = "aeiouAEIOUncsyz\u03b1\u03c9\u0415\u0438\u304b\u0915\u09c7\U000110a5\u0dd9"
SPECIAL = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|vision_start|>", "<|image_pad|>", "<think>", "</think>",
           "<tool_call>", "<tool_response>", "<|im_", "<|im_start", "|>", "<|<|im_end|>"]
LLAMA3_SPECIAL = ["<|begin_of_text|>", "<|eot_id|>", "<|begin_of_text", "12345", "1234567", "zzz", " xyz", " the", "\u0663\u0664\u0665\u0666"]
RULES_SPECIAL = ["<a>", "<a><b>", "<ab>", "<l>", "<r>", "<lr>", " <l> ", "\t<r>\n ", "  <lr>\u3000 ", "word", "words", " word ",
                 "(word)", "_word", "e\u0301!", "\u00e9!", "caf\u00e9!", "<ctl>", "<ctl>x", "\u4e2dword"]


def character(r):
    while True:
        code = r.randint(*r.choice(RANGES))
        if not 0xD800 <= code <= 0xDFFF:
            return chr(code)


def piece(r, special):
    kind = r.randrange(13)
    if kind == 0:
        return "".join(character(r) for _ in range(r.randint(1, 6)))
    if kind == 1:
        first, last = r.choice(RANGES[:-2])
        return "".join(chr(r.randint(first, last)) for _ in range(r.randint(1, 10)))
    if kind == 2:
        return r.choice(SPACES) * r.choice([1, 1, 1, 2, 5])
    if kind == 3:
        return r.choice(CONTRACTIONS)
    if kind == 4:
        return r.choice(["", " "]) + r.choice(WORDS)
    if kind == 5:
        return r.choice(EMOJI)
    if kind == 6:
        return r.choice(HANGUL)
    if kind == 7:
        return r.choice(BASES) + "".join(r.choice(MARKS) for _ in range(r.choice([1, 2, 3, 8])))
    if kind == 8:
        return str(r.randint(0, 10 ** r.randint(1, 12)))
    if kind in (9, 10):
        return r.choice(special)
    if kind == 11:
        return "".join(r.choice("!@#$%^&*()-_=+[]{};:'\",.<>/?\\|`~") for _ in range(r.randint(1, 8))) + r.choice(
            ["", "\n", "\r\n", "\n\n\n", " "])
    return "".join(r.choice(SPACES) for _ in range(r.randint(2, 6)))


def spoil(r, data):
    """Makes some bytes ill-formed."""
    data = bytearray(data)
    for _ in range(r.randint(1, 3)):
        at = r.randrange(len(data) + 1)
        if r.random() < 0.5:
            data.insert(at, r.randrange(128, 256))
        elif at < len(data):
            del data[at]
    return bytes(data)


def write_fixtures(name, tokenizer, special, count, assigned_only=False):
    r = random.Random(name)
    texts = [b""]
    while len(texts) < count:
        text = "".join(piece(r, special) for _ in range(r.choice([1, 2, 3, 5, 8, 12])))
        if assigned_only:  # the regex library of the tests and that of the package know different versions of Unicode
            text = "".join(c for c in text if unicodedata.category(c) != "Cn")
        data = text.encode()
        texts.append(spoil(r, data) if len(texts) % 8 == 0 else data)
    with open(os.path.join(HERE, name + ".fixtures"), "w") as out:
        for data in texts:
            text = data.decode("utf-8", "replace")
            fields = [data.hex() or "-"]
            for on in (False, True):
                tokenizer.encode_special_tokens = not on
                fields.append(" ".join(map(str, tokenizer.encode(text, add_special_tokens=False).ids)))
            print(" : ".join(fields), file=out)


def added(token_id, content, special=False, **rules):
    token = {"id": token_id, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": special}
    token.update(rules)
    return token


def llama3_tiny(tiny):
    result = copy.deepcopy(tiny)
    split = result["pre_tokenizer"]["pretokenizers"][0]
    split["pattern"]["Regex"] = split["pattern"]["Regex"].replace(r"\p{N}|", r"\p{N}{1,3}|")
    result["normalizer"] = None
    model = result["model"]
    model["ignore_merges"] = True
    model["merges"] = [" ".join(merge) for merge in model["merges"]]
    # Words that no merges make: only ignore_merges finds them.
    for word in ["123", "zzz", "\u0120xyz", "345", "jumps"]:
        model["vocab"][word] = len(model["vocab"])
    size = len(model["vocab"])
    result["added_tokens"] = [added(size, "<|begin_of_text|>", True), added(size + 1, "<|eot_id|>", True)]
    result["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<|begin_of_text|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<|begin_of_text|>": {"id": "<|begin_of_text|>", "ids": [size], "tokens": ["<|begin_of_text|>"]}},
    }
    return result


def rules_tiny(tiny):
    result = copy.deepcopy(tiny)
    result["pre_tokenizer"] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": True}
    size = len(result["model"]["vocab"])
    tokens = [("<a>", {}), ("<a><b>", {}), ("<ab>", {}), ("<l>", {"lstrip": True}), ("<r>", {"rstrip": True}),
              ("<lr>", {"lstrip": True, "rstrip": True}), ("word", {"single_word": True}), ("e\u0301!", {"normalized": True}),
              ("<ctl>", {"special": True}), ("caf\u00e9!", {"normalized": True, "single_word": True, "rstrip": True})]
    result["added_tokens"] = [added(size + i, content, **rules) for i, (content, rules) in enumerate(tokens)]
    return result


def main():
    with open(os.path.join(HERE, "tiny.json"), encoding="utf-8") as file:
        tiny = json.load(file)
    made = {"llama3_tiny": llama3_tiny(tiny), "rules_tiny": rules_tiny(tiny)}
    for name, content in made.items():
        with open(os.path.join(HERE, name + ".json"), "w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False, separators=(",", ":"))
    write_fixtures("qwen3", Tokenizer.from_file(sys.argv[1]), SPECIAL, 500)
    write_fixtures("tiny", Tokenizer.from_file(os.path.join(HERE, "tiny.json")), SPECIAL, 200)
    write_fixtures("llama3_tiny", Tokenizer.from_file(os.path.join(HERE, "llama3_tiny.json")), LLAMA3_SPECIAL + SPECIAL, 300)
    write_fixtures("rules_tiny", Tokenizer.from_file(os.path.join(HERE, "rules_tiny.json")), RULES_SPECIAL, 400, assigned_only=True)


if __name__ == "__main__":
    main()
