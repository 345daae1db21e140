"""Items as token sequences: Qwen3-VL's chat format, video timestamps and M-RoPE positions."""

import functools
import pathlib

import numpy as np

MERGED = 32  # pixels per side of a visual token: 16x16 patches, merged 2x2
SPECIALS = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<tool_call>",
    "</tool_call>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
]
N_SPECIAL = 14  # the first SPECIALS: control tokens, removed by decode; it keeps the others
TOKENIZER = pathlib.Path(__file__).with_name("tokenizer.json")

TEMPLATE = pathlib.Path(__file__).with_name("chat_template.jinja")  # the format of Chat, for other programs


def timestamps(frames, fps):
    """The mean time in seconds of each pair of frames; an odd last frame is repeated."""
    times = [i / fps for i in range(frames)]
    if frames % 2:
        times.append(times[-1])
    return [(a + b) / 2 for a, b in zip(times[::2], times[1::2])]


class Chat:
    """Encodes conversations as tokens. `vocab` is the number of embedding rows."""

    def __init__(self, path=TOKENIZER):
        from tokenizers import Tokenizer

        self.tokenizer = Tokenizer.from_file(str(path))
        self.ids = {s: self.tokenizer.token_to_id(s) for s in SPECIALS}
        self.vocab = self.tokenizer.get_vocab_size()
        self.fixed = functools.lru_cache(maxsize=20000)(self.encode)

    def encode(self, text):
        return self.tokenizer.encode(text).ids

    def decode(self, ids):
        """Text of generated ids without control tokens; <tool_call> and similar tokens are kept."""
        first = self.ids[SPECIALS[0]]
        return self.tokenizer.decode([i for i in ids if not first <= i < first + N_SPECIAL], skip_special_tokens=False)

    def opening(self, item):
        """Token ids, (t, h, w) positions, indices of visual tokens, next position, up to the first prompt's text."""
        ids, positions, visual, nxt = [], [[], [], []], [], 0

        def text(tokens):
            nonlocal nxt
            ids.extend(tokens)
            span = range(nxt, nxt + len(tokens))
            for axis in positions:
                axis.extend(span)
            nxt += len(tokens)

        def image(height, width, pad):
            nonlocal nxt
            rows, cols = height // MERGED, width // MERGED
            text([self.ids["<|vision_start|>"]])
            visual.extend(range(len(ids), len(ids) + rows * cols))
            ids.extend([self.ids[pad]] * (rows * cols))
            positions[0].extend([nxt] * (rows * cols))
            positions[1].extend(nxt + r for r in range(rows) for _ in range(cols))
            positions[2].extend(list(range(nxt, nxt + cols)) * rows)
            nxt += max(rows, cols)
            text([self.ids["<|vision_end|>"]])

        if item.system:
            text(self.fixed(f"<|im_start|>system\n{item.system}<|im_end|>\n"))
        text(self.fixed("<|im_start|>user\n"))
        for part in item.media:
            if part[0] == "image":
                image(part[1].height, part[1].width, "<|image_pad|>")
            else:
                for time in timestamps(len(part[1]), part[2]):
                    text(self.fixed(f"<{time:.1f} seconds>"))
                    image(part[1][0].height, part[1][0].width, "<|video_pad|>")
        return ids, positions, visual, nxt

    def conversation(self, item, turns, longest):
        """(ids, positions (3, n), indices of visual tokens, answer spans) with as many of `turns` as fit into `longest`
        tokens."""
        ids, positions, visual, nxt = self.opening(item)
        answers = []
        for k, turn in enumerate(turns):
            prompt = (
                (self.fixed("\n<|im_start|>user\n") if k else [])
                + self.encode(turn.prompt)
                + self.fixed("<|im_end|>\n<|im_start|>assistant\n")
            )
            answer = self.encode(turn.answer) + [self.ids["<|im_end|>"]]
            if k and len(ids) + len(prompt) + len(answer) > longest:
                break
            answers.append((len(ids) + len(prompt), len(ids) + len(prompt) + len(answer)))
            ids += prompt + answer
        tail = np.arange(nxt, nxt + len(ids) - len(positions[0]))
        places = np.concatenate([np.array(positions), np.broadcast_to(tail, (3, len(tail)))], axis=1)
        return ids, places, visual, answers
