"""Train the toy model: ``python -m demo_model.train OUT``, seeded, on one thread.

Two losses. Captions and media of one scene are to be nearer than any others of the batch (InfoNCE), also when the
vectors are cut (Matryoshka). And linear heads, which all modalities share and nobody needs afterwards, are to read each
attribute off a vector: so attributes get places of their own, and combinations that were never seen land where they
belong.
"""

from __future__ import annotations

import argparse
import math
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 - as everybody calls it

from .captions import KINDS, VALUES, Scene, attributes, caption, held_out, trained
from .model import ToyModel
from .shape import SHAPE

N_SCENES = 24  # of each kind in a batch
DIMS = (128, 64, 32)

N_STEPS = 1500
N_WARM_UP = 50
N_DECAY = 200  # steps at the end in which the rate falls to nothing
RATE = 2e-3  # of AdamW
MUON_RATE = 4e-3
WEIGHT_DECAY = 0.01

MAX_SCALE = 40.0  # of cosines in the softmax
HEAD_SCALE = 11.0
HEAD_WEIGHT = 2.0


class Trainer:
    """The model, and all else that is learnt or has a state."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.model = ToyModel(seed)
        torch.manual_seed(seed + 1)
        width = SHAPE.text.n_embd
        self.heads = [torch.nn.Linear(width, len(values) + 1) for values in VALUES.values()]
        self.scale = torch.nn.Parameter(torch.tensor(math.log(14.0)))
        parameters = {name: one for name, one in self.model.parameters.items() if one.requires_grad}
        self.learned = [*parameters.values(), *(one for head in self.heads for one in head.parameters()), self.scale]
        matrices = [one for name, one in parameters.items() if one.ndim == 2 and "embd" not in name]
        inside = set(map(id, matrices))
        others = [one for one in self.learned if id(one) not in inside]
        self.optimizers = {
            RATE: torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=WEIGHT_DECAY),
            MUON_RATE: torch.optim.Muon(matrices, weight_decay=WEIGHT_DECAY, adjust_lr_fn="match_rms_adamw"),
        }

    def step(self, part: float) -> dict[str, float]:
        """Take one step, at a part of the full rate, and return the losses."""
        for rate, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = rate * part
            optimizer.zero_grad()
        contrast, reading = self.losses()
        (contrast + HEAD_WEIGHT * reading).backward()
        torch.nn.utils.clip_grad_norm_(self.learned, 1.0)
        for optimizer in self.optimizers.values():
            optimizer.step()
        return {"contrast": contrast.item(), "reading": reading.item()}

    def losses(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the losses of a new batch."""
        rng = self.rng
        scenes: list[Scene] = []
        found = []
        for kind in KINDS:
            those = trained(kind)
            chosen = [those[i] for i in rng.choice(len(those), N_SCENES, replace=False)]
            scenes += chosen
            found.append(self.model.media(kind, chosen, rng))
        captions = [caption(scene, rng, drop=0.0 if rng.random() < 0.5 else 0.4) for scene in scenes]
        prompts = ["Query: " if rng.random() < 0.5 else "Document: " for _ in scenes]
        texts = self.model.texts([prompt + text for prompt, (text, _) in zip(prompts, captions, strict=True)])
        media = torch.cat(found)

        has = np.array([[attributes(scene).get(name, -1) + 1 for name in VALUES] for scene in scenes])  # 0: none
        says = np.array([[name in names for name in VALUES] for _, names in captions])
        says |= (has == 0) & says[:, :1]  # naming the kind rules out the attributes of other kinds
        return self._contrast(texts, media, has, says), self._reading(texts, media, has, says)

    def _contrast(self, texts: torch.Tensor, media: torch.Tensor, has: np.ndarray, says: np.ndarray) -> torch.Tensor:
        # A caption that leaves something out may be true of other media too; those are not to be pushed away.
        matches = torch.from_numpy(((has[:, None] == has[None]) | ~says[:, None]).all(axis=2))
        others = matches & ~torch.eye(len(has), dtype=torch.bool)
        target = torch.arange(len(has))
        losses = []
        for dim in DIMS:
            cosines = F.normalize(texts[:, :dim], dim=1) @ F.normalize(media[:, :dim], dim=1).T
            scores = (cosines * self.scale.exp().clamp(max=MAX_SCALE)).masked_fill(others, -1e9)
            losses += [F.cross_entropy(scores, target), F.cross_entropy(scores.T, target)]
        return sum(losses) / len(losses)

    def _reading(self, texts: torch.Tensor, media: torch.Tensor, has: np.ndarray, says: np.ndarray) -> torch.Tensor:
        texts, media = F.normalize(texts, dim=1) * HEAD_SCALE, F.normalize(media, dim=1) * HEAD_SCALE
        stated = np.where(says, has, -1)
        losses = []
        for j, head in enumerate(self.heads):
            losses.append(F.cross_entropy(head(media), torch.from_numpy(has[:, j])))
            if says[:, j].any():
                losses.append(F.cross_entropy(head(texts), torch.from_numpy(stated[:, j]), ignore_index=-1))
        return sum(losses) / (2 * len(VALUES))

    def state(self, step: int) -> dict:
        """Return what it takes to go on."""
        return {
            "step": step,
            "rng": self.rng.bit_generator.state,
            "learned": [one.detach() for one in self.learned],
            "optimizers": [one.state_dict() for one in self.optimizers.values()],
        }

    def resume(self, state: dict) -> int:
        """Go on where a state was saved, and return its step."""
        self.rng.bit_generator.state = state["rng"]
        for one, value in zip(self.learned, state["learned"], strict=True):
            one.data.copy_(value)
        for optimizer, value in zip(self.optimizers.values(), state["optimizers"], strict=True):
            optimizer.load_state_dict(value)
        return state["step"]

    @torch.no_grad()
    def look(self) -> str:
        """Return how many captions find their medium among the scenes kept from training, and what else is mistaken."""
        rng = np.random.default_rng(12345)
        lines = []
        for kind in KINDS:
            scenes = held_out(kind)
            half = len(scenes) // 2
            media = torch.cat([self.model.media(kind, some, rng) for some in (scenes[:half], scenes[half:])])
            texts = self.model.texts(["Query: " + caption(scene, rng)[0] for scene in scenes])
            nearest = (F.normalize(texts, dim=1) @ F.normalize(media, dim=1).T).argmax(dim=1).tolist()
            values = [attributes(scene) for scene in scenes]
            pairs = [(values[i], values[j]) for i, j in enumerate(nearest)]
            mistaken = Counter(name for one, other in pairs for name in one if one[name] != other[name])
            lines.append(f"{kind.__name__} {sum(i == j for i, j in enumerate(nearest))}, mistaken {dict(mistaken)}")
        return "; ".join(lines)


def train(out: Path, n_steps: int, seed: int) -> None:
    """Train, and write the files now and then; a run that was cut short goes on where its last state was saved."""
    torch.set_num_threads(1)
    trainer = Trainer(seed)
    saved = out / "state.pt"
    first = trainer.resume(torch.load(saved, weights_only=False)) if saved.exists() else 0
    began = time.time()
    for step in range(first, n_steps):
        losses = trainer.step(min(1.0, (step + 1) / N_WARM_UP, (n_steps - step) / N_DECAY))
        if (step + 1) % 25 == 0:
            print(step + 1, f"{time.time() - began:.0f} s", losses, flush=True)
        if (step + 1) % 100 == 0 or step + 1 == n_steps:
            print(step + 1, trainer.look(), flush=True)
            trainer.model.export(out)
            torch.save(trainer.state(step + 1), saved)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder for the files, and for the state of an unfinished run")
    parser.add_argument("--steps", type=int, default=N_STEPS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    train(args.out, args.steps, args.seed)


if __name__ == "__main__":
    main()
