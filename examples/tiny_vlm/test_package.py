"""Tests that need no GPU. In examples/: python -m unittest tiny_vlm.test_package"""

import json
import pathlib
import tempfile
import unittest

import jinja2
import numpy as np
import torch

from . import export, metrics, restore, weights
from .chat import TEMPLATE, Chat, timestamps
from .data.batches import collate
from .data.evaluation import items as evaluation_items
from .data.raster import render_tensors
from .data.split import item_split
from .data.tasks import FAMILIES, TASKS
from .data.tasks.screen import TOOL, TOOL_SYSTEM
from .data.world import draw, make_world, seeded
from .grow import grown
from .model import TinyVlm, frames_of, initialise
from .names import text_entries, vision_entries


def logits_of(model, world, family, n=2):
    """Logits of a small batch of training items."""
    rng, chat = seeded("test", family), Chat()
    geometry = FAMILIES[family].GEOMETRIES[0]
    drawn = [draw(rng, world, family, geometry) for _ in range(n)]
    batch = collate(chat, family, geometry, drawn, [item.turns for item in drawn], 400)
    b = {k: torch.from_numpy(np.array(v)) if isinstance(v, np.ndarray) else v for k, v in batch.items()}
    images = render_tensors(b["images"], b["primitives"], torch.from_numpy(world.atlas.pixels), *geometry[:2])
    with torch.no_grad():
        return model(frames_of(images, b), b["ids"].long(), b["positions"], b["visual"].long(), b["sources"].long())[0]


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = make_world("train")
        cls.model = TinyVlm().eval()
        initialise(cls.model, 3)
        generator = torch.Generator().manual_seed(4)
        for p in cls.model.parameters():  # residual branches start at zero and would have no effect
            p.data += 0.02 * torch.randn(p.shape, generator=generator)

    def test_same_seed_same_items_and_held_out_contents(self):
        for task in TASKS:
            first, again = (evaluation_items(task, 3) for _ in range(2))
            for a, b in zip(first, again, strict=True):
                self.assertEqual((a.key, a.turns), (b.key, b.turns))
                self.assertEqual(item_split(a.key), "held_out")

    def test_right_answers_score_one_and_others_less(self):
        for task in TASKS:
            for item in evaluation_items(task, 3):
                turn = item.turns[0]
                self.assertEqual(metrics.score(turn.metric, turn.answer, turn.target, turn.answer), 1)
                self.assertEqual(metrics.score(turn.metric, turn.answer, turn.target, "?"), 0)

    def test_template_says_what_chat_encodes(self):
        template = jinja2.Environment().from_string(TEMPLATE.read_text())
        chat = Chat()
        for task in TASKS:
            for item in evaluation_items(task, 2):
                parts = [{"type": part[0]} for part in item.media] + [{"type": "text", "text": item.turns[0].prompt}]
                messages = [{"role": "system", "content": item.system}] if item.system else []
                messages += [{"role": "user", "content": parts}]
                text = template.render(messages=messages, add_generation_prompt=True)
                if item.media[0][0] == "video":
                    times = timestamps(len(item.media[0][1]), item.media[0][2])
                    slices = "".join(f"<{t:.1f} seconds><|vision_start|><|video_pad|><|vision_end|>" for t in times)
                    text = text.replace("<|vision_start|><|video_pad|><|vision_end|>", slices)
                ids, _, _, spans = chat.conversation(item, item.turns, 10000)
                pads = {chat.ids["<|image_pad|>"], chat.ids["<|video_pad|>"]}
                once = [t for k, t in enumerate(ids[: spans[0][0]]) if t not in pads or ids[k - 1] not in pads]
                self.assertEqual(chat.encode(text), once)

    def test_template_renders_tools_and_their_results(self):
        environment = jinja2.Environment()
        environment.filters["tojson"] = json.dumps
        template = environment.from_string(TEMPLATE.read_text())
        call = {"function": {"name": "f", "arguments": {"x": 1}}}
        messages = [
            {"role": "user", "content": "Q"},
            {"role": "assistant", "content": "A", "tool_calls": [call]},
            {"role": "tool", "content": "1"},
            {"role": "tool", "content": "2"},
        ]
        expected = (
            f"<|im_start|>system\n{TOOL_SYSTEM}<|im_end|>\n<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\nA\n"
            '<tool_call>\n{"name": "f", "arguments": {"x": 1}}\n</tool_call><|im_end|>\n<|im_start|>user\n'
            "<tool_response>\n1\n</tool_response>\n<tool_response>\n2\n</tool_response><|im_end|>\n"
        )
        self.assertEqual(template.render(messages=messages, tools=[TOOL]), expected)

    def test_experts_compute_what_the_dense_model_does(self):
        moe = TinyVlm(moe=True).eval()
        moe.load_state_dict(grown(self.model.state_dict(), noise=0.0))
        for family in ("scene", "video"):
            dense, experts = (logits_of(m, self.world, family) for m in (self.model, moe))
            self.assertLess((dense - experts).norm() / dense.norm(), 1e-4)

    def test_files_restore_what_was_exported(self):
        for moe in (False, True):
            state = grown(self.model.state_dict()) if moe else self.model.state_dict()
            with tempfile.TemporaryDirectory() as folder:
                text, vision = f"{folder}/text.gguf", f"{folder}/vision.gguf"
                export.write_text(state, text, "f32", "test")
                export.write_vision(state, vision, "f32", "test")
                back = restore.state_of(text, vision)[0]
                self.assertEqual(set(back), set(state))
                for name, value in state.items():
                    self.assertTrue(torch.equal(back[name], value), name)
                weights.save(back, folder, {"moe": moe, "history": []}, torch.float32)
                self.assertTrue(all(pathlib.Path(f).stat().st_size < 16e6 for f in pathlib.Path(folder).glob("w*")))
                for name, value in weights.load_state(folder).items():
                    self.assertTrue(torch.equal(back[name], value), name)

    def test_every_weight_has_a_tensor(self):
        for moe in (False, True):
            named = {entry.weight for entry in [*text_entries(moe), *vision_entries()]}
            self.assertEqual(named, set(TinyVlm(moe).state_dict()))


if __name__ == "__main__":
    unittest.main()
