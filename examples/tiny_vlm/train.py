"""Trains one stage for a given number of minutes. A stage can continue from the bfloat16 weights of another.

python -m tiny_vlm.train --out OUT/a --minutes 9 --easy                      # from scratch
python -m tiny_vlm.train --start OUT/a --out OUT/b --minutes 9 --decay 1     # continues; learning rate decays to zero
python -m tiny_vlm.train --start OUT/b --grow --out OUT/moe --minutes 9 --peak 0.5 --decay 1
"""

import argparse
import json
import os
import pathlib
import time

import torch
from safetensors.torch import load_file, save_file

from . import evaluate, weights
from .chat import Chat
from .config import TEXT
from .data.batches import loader
from .data.fonts import Atlas
from .grow import grown
from .microbatch import Aids, MicroBatches
from .model import TinyVlm, count, initialise
from .optimizer import Optimizer


def learning_rate(progress, step, warmup, decay):
    """Share of the peak learning rate: linear warm-up over `warmup` steps, flat, then linear to zero over the last
    share `decay` of the stage."""
    return min(1.0, (step + 1) / warmup) * min(1.0, max(0.0, (1.0 - progress) / decay) if decay > 0 else 1.0)


def beginning(o):
    """The initial model on the CPU, and the history of earlier stages."""
    model = TinyVlm(o.moe or o.grow)
    if not o.start:
        initialise(model, o.seed)
        return model, []
    state = weights.load_state(o.start)
    model.load_state_dict(grown(state) if o.grow else state)
    return model, json.loads((pathlib.Path(o.start) / "meta.json").read_text())["history"]


def prepared(o, model, device):
    """Micro-batch runner and optimizer for a model on its device."""
    if o.compile:
        model.compile_blocks()
    aids = Aids(TEXT["hidden_size"]).to(device)
    kept = pathlib.Path(o.start or "") / "aids.safetensors"
    if o.start and kept.exists():
        aids.load_state_dict(load_file(str(kept)))
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    named += [(f"embed.{n}", p) for n, p in aids.named_parameters()]
    optimizer = Optimizer(named, o.muon_lr, o.adam_lr)
    for p in optimizer.parameters:
        p.grad = torch.zeros_like(p)
    atlas, balance = torch.from_numpy(Atlas().pixels).to(device), o.balance if model.moe else 0.0
    return MicroBatches(model, aids, atlas, o.accumulate, balance, (o.letters, o.pointers), o.graphs), optimizer


class Log:
    """Prints a line at intervals: speed since the last line, and losses."""

    def __init__(self, every):
        self.begun, self.every, self.mark = time.time(), every, (time.time(), 0, 0)

    def seconds(self):
        return time.time() - self.begun

    def tell(self, step, items, scale, waited, runner):
        before, steps, seen = self.mark
        span = time.time() - before
        if span > self.every:
            speed = f"{(items - seen) / span:.0f} items/s  {(step - steps) / span:.1f} steps/s  waited {waited:.0f} s"
            print(f"{self.seconds():5.0f} s  step {step}  lr {scale:.3f}  {speed} | {runner.line()}", flush=True)
            self.mark = (time.time(), step, items)


def train(o):
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.manual_seed(o.seed)
    log = Log(o.every)
    model, history = beginning(o)
    mix = {family: int(times) for family, times in (m.split("=") for m in o.mix)}
    # Fork the worker processes before the GPU is initialised. Every stage has its own data stream.
    stream = iter(loader(o.seed + 1000 * (len(history) + 1), o.workers, o.scale, o.easy, mix))
    model.to(device)
    if model.moe:
        model.model["visual"].requires_grad_(False)  # both released models share one vision encoder
    print("parameters", count(model), "device", device, flush=True)
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.set_stream(torch.cuda.Stream())  # graph capture needs a stream other than the default one
    runner, optimizer = prepared(o, model, device)
    step, items, waited = 0, 0, 0.0
    while True:
        progress = log.seconds() / (o.minutes * 60)  # includes compilation, so that the stage takes the given time
        if progress >= 1.0 or (o.steps and step >= o.steps):
            break
        scale = learning_rate(progress, step, o.warmup, o.decay) * o.peak
        optimizer.clear()
        for _ in range(o.accumulate):
            t = time.time()
            packed = next(stream)
            waited += time.time() - t
            runner.run(packed)
            items += packed[0]["n_items"]
        optimizer.step(scale)
        step += 1
        if step % 20 == 0 and device == "cuda":
            torch.cuda.current_stream().synchronize()  # keeps log.seconds() close to the GPU work done
        log.tell(step, items, scale, waited, runner)
    stage = {"minutes": o.minutes, "steps": step, "items": items}
    history.append(stage | {"seed": o.seed, "peak": o.peak, "decay": o.decay, "grown": o.grow})
    weights.save(model.state_dict(), o.out, {"moe": model.moe, "history": history})
    save_file(
        {k: v.cpu().contiguous() for k, v in runner.aids.state_dict().items()},
        str(pathlib.Path(o.out) / "aids.safetensors"),
    )
    print(f"saved after {log.seconds():.0f} s, {step} steps, {items} items", flush=True)
    if o.evaluate:
        weights.load(model, o.out)  # evaluate the bfloat16 weights that are released
        model.eval()
        chat = Chat()
        with torch.autocast("cuda", torch.bfloat16, enabled=device == "cuda"):
            table = evaluate.evaluate(model, chat, n=o.evaluate, device=device)
        evaluate.show(table)
        (pathlib.Path(o.out) / "scores.json").write_text(json.dumps(table, indent=1, ensure_ascii=False))
        print(f"evaluated after {log.seconds():.0f} s", flush=True)
    os._exit(0)  # do not wait for busy worker processes; everything is saved


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--start", help="folder of weights to continue from")
    parser.add_argument("--grow", action="store_true", help="turn the dense start into experts first")
    parser.add_argument("--moe", action="store_true", help="the start already has experts")
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--steps", type=int, default=0, help="stop earlier, after so many steps")
    parser.add_argument("--accumulate", type=int, default=4, help="micro-batches per step")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the usual micro-batch sizes")
    parser.add_argument("--muon-lr", type=float, default=0.02)
    parser.add_argument("--adam-lr", type=float, default=0.003)
    parser.add_argument("--peak", type=float, default=1.0, help="share of both learning rates")
    parser.add_argument(
        "--decay", type=float, default=0.0, help="share of the time over which the learning rate falls to zero"
    )
    parser.add_argument("--warmup", type=int, default=200)
    parser.add_argument("--balance", type=float, default=0.01)
    parser.add_argument("--letters", type=float, default=0.5, help="weight of the letter-finding aid")
    parser.add_argument("--pointers", type=float, default=0.3, help="weight of the place-finding aid")
    parser.add_argument("--mix", nargs="*", default=[], help="FAMILY=N: micro-batches of a family in a round")
    parser.add_argument("--easy", action="store_true", help="begin with short clean words")
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 1))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=float, default=15.0, help="seconds between lines of the log")
    parser.add_argument("--evaluate", type=int, default=0, help="held-out items per task at the end")
    parser.add_argument("--no-compile", dest="compile", action="store_false")
    parser.add_argument("--no-graphs", dest="graphs", action="store_false")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
