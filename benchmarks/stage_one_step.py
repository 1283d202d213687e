"""How many pairs a second does a stage-one step train, against the step as released?

    python benchmarks/stage_one_step.py [--batch 16 --size 224 --runs 5 --threads 2]

The released step doubles sounds and pictures to have mismatched pairs (2 · B of each pass the encoders), in contiguous
float32. Ours takes the mismatched picture from the batch (B of each). Given the same negatives, loss and gradients
must agree; the script stops if they do not. Timed in turn, so that a drift of the machine's speed touches both.
"""

import argparse
import copy
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from dsol.config import load_recipe
from dsol.model.encoders import Encoders
from dsol.model.network import Network
from dsol.training.losses import correspondence_loss, other_video
from dsol.training.stage_one import StageOneLoss


def released_step(encoders: Encoders, pictures: Tensor, log_mel: Tensor, negatives: Tensor) -> Tensor:
    """Every sound with its own picture and once more with the mismatched one."""
    sounds = torch.cat([log_mel, log_mel])
    seen = encoders.encode_pictures(torch.cat([pictures, pictures[negatives]]))
    heard = encoders.encode_sounds(sounds)
    logits = encoders.logits(seen.embedding, heard.embedding)
    return correspondence_loss(logits[: len(pictures)], logits[len(pictures) :])


class ContiguousEncoders(Encoders):
    """The encoders without our memory layout, as released."""

    def backbone(self, images: Tensor) -> Tensor:
        mean, std = (torch.tensor(v, dtype=images.dtype)[:, None, None] for v in (self.mean, self.std))
        return self.vision((images - mean) / std)

    def encode_sounds(self, log_mel: Tensor):
        from dsol.model.encoders import AudioFeatures

        pooled = self.sound(log_mel[:, None]).amax(dim=(2, 3))
        return AudioFeatures(torch.nn.functional.normalize(self.sound_head(pooled), dim=1), self.sound_classes(pooled))


def gradients(module: torch.nn.Module) -> Tensor:
    """All gradients as one vector; missing ones are left out."""
    return torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None])


def check(released: Encoders, ours: StageOneLoss) -> None:
    """Loss and gradients of both steps agree, in double precision and with the same negatives."""
    released, ours = copy.deepcopy(released).double(), copy.deepcopy(ours).double()
    pictures, mel = torch.rand(4, 3, 64, 64).double(), (torch.rand(4, 201, 64) * 40 - 60).double()
    negatives = torch.tensor([1, 2, 3, 0])
    a = released_step(released, pictures, mel, negatives)
    b = ours(pictures, mel, torch.arange(4), pairs=(torch.arange(4), negatives))
    a.backward(), b.backward()
    difference = (gradients(released) - gradients(ours)).norm() / gradients(released).norm()
    print(f"loss: released {a.item():.12f}, ours {b.item():.12f}; relative difference of gradients {difference:.1e}")
    if abs(a.item() - b.item()) > 1e-9 or difference > 1e-6:
        raise SystemExit("the two steps do not agree")


def seconds(step: Callable[[], None]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def main() -> None:
    """Check that both steps agree, then time them in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("batch", 16), ("size", 224), ("runs", 5), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    config = load_recipe("paper", encoders={"size": args.size})
    network = Network(config)
    ours, every = StageOneLoss(network), StageOneLoss(Network(config.replace(stage_one={"negatives": "all"})))
    released = ContiguousEncoders(config.encoders, config.clustering.clusters)
    released.load_state_dict(copy.deepcopy(network.encoders.state_dict()))
    for module in (network, every):
        module.to(memory_format=torch.channels_last)
    pictures, mel = torch.rand(args.batch, 3, args.size, args.size), torch.rand(args.batch, 201, 64) * 40 - 60
    videos = torch.arange(args.batch)
    sounds, frames = other_video(videos, torch.Generator().manual_seed(0))
    negatives = torch.empty_like(frames)
    negatives[sounds] = frames

    def step_released() -> None:
        released.zero_grad()
        released_step(released, pictures, mel, negatives).backward()

    def step_ours() -> None:
        network.zero_grad()
        ours(pictures, mel, videos, pairs=(sounds, frames)).backward()

    def step_every() -> None:
        every.zero_grad()
        every(pictures, mel, videos).backward()

    check(released, ours)

    times = [(seconds(step_released), seconds(step_ours), seconds(step_every)) for _ in range(args.runs + 1)][1:]
    pairs = (2 * args.batch, 2 * args.batch, args.batch**2)
    names = ("as released", "ours, one negative a clip", "ours, all negatives of the batch")
    base = statistics.median(t[0] for t in times)
    for i, name in enumerate(names):
        ratios = sorted(t[0] / t[i] * pairs[i] / pairs[0] for t in times)
        step = statistics.median(t[i] for t in times)
        print(
            f"{name:<34} {step:6.2f} s a step, {pairs[i] / step:7.1f} pairs/s, "
            f"{statistics.median(ratios):5.2f}× ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )
    print(
        f"{args.batch} clips a step, {args.size} pixels, {args.threads} threads, torch {torch.__version__}, "
        f"released step {base:.2f} s"
    )


if __name__ == "__main__":
    main()
