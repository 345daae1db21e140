"""Forward and backward pass of a micro-batch, captured as a CUDA graph at the first use of its shapes."""

import torch
import torch.nn.functional as F

from .data.batches import CLASSES, FIXED, SLOTS, WITH_TEXT, views
from .data.raster import render_tensors
from .model import frames_of


class Aids(torch.nn.Module):
    """Auxiliary training losses, not part of the model: classify the letters in each visual token from its image
    features; and at the start of an answer, point at the visual token of the name asked for (from the states after
    NAME_LAYER) and of the answer (after ANSWER_LAYER)."""

    NAME_LAYER, ANSWER_LAYER, WIDTH = 2, 4, 128

    def __init__(self, hidden):
        super().__init__()
        self.linear = torch.nn.Linear(hidden, SLOTS * CLASSES)
        self.look = torch.nn.ModuleList(
            torch.nn.Linear(hidden, 2 * self.WIDTH) for _ in range(2)
        )  # query and key, for names and for answers
        weight = torch.ones(CLASSES)
        weight[0] = 0.1
        self.register_buffer("class_weight", weight)

    def letters(self, features, letters):
        """(loss, share of letters classified correctly)"""
        logits, target = self.linear(features).float().view(-1, CLASSES), letters.long().view(-1)
        found = ((logits.argmax(-1) == target) & (target > 0)).sum() / (target > 0).sum().clamp(min=1)
        return F.cross_entropy(logits, target, self.class_weight), found

    def pointers(self, inner, visual, pointers, items):
        """(loss, share of names found, share of answers found)"""
        item, source = pointers[:, 0].long(), pointers[:, 1].long()
        total, found = 0.0, []
        for k, layer in enumerate((self.NAME_LAYER, self.ANSWER_LAYER)):
            x, target = inner[layer], pointers[:, 2 + k].long()
            x = F.rms_norm(x, x.shape[-1:])
            query = self.look[k](x.index_select(0, source))[:, : self.WIDTH]
            keys = (
                self.look[k](x.index_select(0, visual))[:, self.WIDTH :]
                .view(items, -1, self.WIDTH)
                .index_select(0, item)
            )
            logits = (query.unsqueeze(1) * keys).sum(-1).float() * (1 / self.WIDTH**0.5)
            known = target >= 0
            total = total + F.cross_entropy(logits, target, ignore_index=-100, reduction="sum") / known.sum().clamp(
                min=1
            )
            found.append(((logits.argmax(-1) == target) & known).sum() / known.sum().clamp(min=1))
        return total, found


class MicroBatches:
    """Runs packed micro-batches. Gradients accumulate in the existing .grad tensors of the parameters."""

    def __init__(self, model, aids, atlas, accumulate, balance, weights, graphs):
        self.model, self.aids, self.atlas = model, aids, atlas
        self.accumulate, self.balance, self.weights = accumulate, balance, weights  # of letters and pointers
        self.device, self.graphs, self.captured = atlas.device, graphs and atlas.is_cuda, {}
        self.data = torch.zeros(4 << 20, dtype=torch.uint8, device=self.device)
        self.images = torch.zeros(128 << 20, dtype=torch.uint8, device=self.device)
        self.sums = {}  # family -> loss, right tokens, right answers, letters, names, answers found, count
        self.pool = torch.cuda.graph_pool_handle() if self.graphs else None

    def body(self, rest, v, images):
        with torch.autocast("cuda", torch.bfloat16, enabled=self.device.type == "cuda", cache_enabled=False):
            visual, aid, found = v["visual"].long(), 0.0, [torch.zeros((), device=self.device)] * 3
            logits, balance, features, inner = self.model(
                frames_of(images, rest), v["ids"].long(), v["positions"], visual, v["sources"].long()
            )
            if rest["family"] in WITH_TEXT:
                letters, found_letters = self.aids.letters(features, v["letters"])
                pointing, found_places = self.aids.pointers(inner, visual, v["pointers"], rest["n_items"])
                aid, found = self.weights[0] * letters + self.weights[1] * pointing, [found_letters, *found_places]
        targets = v["targets"].long()
        loss = F.cross_entropy(logits.float(), targets, ignore_index=-100)
        ((loss + self.balance * balance + aid) / self.accumulate).backward()
        with torch.no_grad():
            known = targets >= 0
            wrong = known & (logits.argmax(-1) != targets)
            zeros = torch.zeros(4 * rest["n_items"] + 1, device=self.device)
            place = v["answer_of"].long()
            errors, present = zeros.index_add(0, place, wrong.float()), zeros.index_add(0, place, known.float()) > 0
            whole = ((errors == 0) & present).sum() / present.sum()
            one = torch.ones((), device=self.device)
            self.sums[rest["family"]] += torch.stack([loss.detach(), 1 - wrong.sum() / known.sum(), whole, *found, one])

    def run(self, packed):
        rest, places, buffer = packed
        height, width = rest["geometry"][:2]
        key = (rest["family"], tuple(rest["geometry"]))
        buffer = buffer.to(self.device, non_blocking=True)
        drawn = views(places, buffer, ("images", "primitives"))
        size = len(drawn["images"]) * height * width * 3
        images = self.images[:size].view(-1, height, width, 3)
        painted = render_tensors(drawn["images"], drawn["primitives"], self.atlas, height, width, images)
        if painted is not images:
            images.copy_(painted)
        fixed = places["images"][0]
        self.data[:fixed].copy_(buffer[:fixed])
        self.sums.setdefault(rest["family"], torch.zeros(7, device=self.device))
        if key in self.captured:
            self.captured[key].replay()
            return
        v = views(places, self.data, FIXED)
        self.body(rest, v, images)
        if self.graphs:
            self.capture(key, rest, v, images)

    def capture(self, key, rest, v, images):
        """Captures the graph for these shapes. If this fails, new shapes run op by op from then on, which is slower."""
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize()
        try:
            graph.capture_begin(pool=self.pool, capture_error_mode="relaxed")
            try:
                self.body(rest, v, images)
            finally:
                graph.capture_end()
            self.captured[key] = graph
        except RuntimeError as error:
            print(f"no graph for {key}: {error}", flush=True)
            self.graphs = False

    def line(self):
        """Per family since the last line: loss/right tokens/right answers/letters/names/answers found, in %."""
        text = []
        for family, s in sorted(self.sums.items()):
            loss, *rates, n = s.tolist()
            n = max(n, 1)
            text.append(
                f"{family} {loss / n:.3f}"
                + "".join(f"/{100 * r / n:.1f}" for r in (rates if family in WITH_TEXT else rates[:2]))
            )
            s.zero_()
        return "  ".join(text)
