"""Checks that transformers, with the exported folder, gives the same greedy answers as this package's model (float32, CPU).

    python -m tiny_vlm.export WEIGHTS --transformers FOLDER
    python -m tiny_vlm.agree WEIGHTS FOLDER -n 50
"""
import argparse
import time

import torch
import transformers

from . import metrics, weights
from .chat import Chat
from .data.batches import collate
from .data.evaluation import items as evaluation_items
from .data.raster import render_tensors
from .data.tasks import TASKS
from .data.world import make_world
from .model import TinyVlm, frames_of


def patches(frames):
    """(slices, 1 or 2, h, w, 3) bytes -> transformers' pixel rows and (rows, cols) of the patch grid."""
    n, t, h, w, _ = frames.shape
    frames = frames.expand(n, 2, h, w, 3)
    x = frames.reshape(n, 2, h // 32, 2, 16, w // 32, 2, 16, 3).permute(0, 2, 5, 3, 6, 8, 1, 4, 7).reshape(-1, 1536)
    return x.float() / 127.5 - 1, (h // 16, w // 16)


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights")
    parser.add_argument("folder")
    parser.add_argument("--moe", action="store_true")
    parser.add_argument("-n", type=int, default=50, help="items per task")
    o = parser.parse_args()
    chat, world = Chat(), make_world("held_out")
    atlas = torch.from_numpy(world.atlas.pixels)
    ours = TinyVlm(o.moe).eval()
    weights.load(ours, o.weights)
    kind = transformers.Qwen3VLMoeForConditionalGeneration if o.moe else transformers.Qwen3VLForConditionalGeneration
    theirs = kind.from_pretrained(o.folder, dtype=torch.float32).eval()
    stop, equal, right, total, start = chat.ids["<|im_end|>"], 0, 0.0, 0, time.time()
    for task in TASKS:
        for item in evaluation_items(task, o.n, world=world):
            canvas = item.media[0][1][0] if item.media[0][0] == "video" else item.media[0][1]
            turn = item.turns[0]
            b = {k: torch.from_numpy(v.copy()) if hasattr(v, "dtype") else v for k, v in
                 collate(chat, TASKS[task], (canvas.height, canvas.width), [item], [item.turns], 10000).items()}
            frames = frames_of(render_tensors(b["pictures"], b["primitives"], atlas, canvas.height, canvas.width), b)
            ids, positions, visual, spans = chat.conversation(item, item.turns, 10000)
            prompt = torch.tensor([ids[:spans[0][0]]])
            types, (rows, cols) = torch.zeros_like(prompt, dtype=torch.int32), (canvas.height // 16, canvas.width // 16)
            pixels = patches(frames)[0]
            if b["frames"]:
                kw = {"pixel_values_videos": pixels, "video_grid_thw": torch.tensor([[len(frames), rows, cols]])}
                types[prompt == chat.ids["<|video_pad|>"]] = 2
            else:
                kw = {"pixel_values": pixels, "image_grid_thw": torch.tensor([[1, rows, cols]] * len(frames))}
                types[prompt == chat.ids["<|image_pad|>"]] = 1
            out = theirs.generate(input_ids=prompt, attention_mask=torch.ones_like(prompt), mm_token_type_ids=types, max_new_tokens=140, do_sample=False,
                                  eos_token_id=stop, pad_token_id=chat.ids["<|endoftext|>"], **kw)[0, prompt.shape[1]:].tolist()
            # Ours is greedy-equal if each of their tokens is our best one after the same beginning.
            n, whole = prompt.shape[1], torch.cat([prompt[0], torch.tensor(out)])[None]
            places = torch.zeros((1, 3, whole.shape[1]), dtype=torch.int32)
            places[0, :, :n] = torch.from_numpy(positions[:, :n])
            places[0, :, n:] = int(positions[0, n - 1]) + 1 + torch.arange(len(out), dtype=torch.int32)
            logits, *_ = ours(frames, whole, places, torch.tensor(visual), torch.arange(n - 1, n - 1 + len(out)))
            equal += logits.argmax(-1).tolist() == out
            right += metrics.score(turn.metric, turn.answer, turn.target, chat.decode([t for t in out if t != stop]))
            total += 1
        print(f"{task:14s} equal {equal} of {total}, mean score {100 * right / total:.2f}, {time.time() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
