"""Make the starting weights of the sound backbone `deep` again: a tagger of sounds, learned by a small network.

    DSOL_DATA=... python benchmarks/distil.py [--mixtures 28000 --passes 8 --cache DIR --out FILE]

    recordings ─ cut, slowed, filtered, in a room, one to three mixed, noise ─▶ a second of sound
                                      ─ YAMNet ─▶ embedding (1024) ─ 256 principal directions ─┐
                                      ─ fine log-mel ─ deep ─ maximum ─ linear ────────────────┴ squared error

YAMNet is the AudioSet tagger of $DSOL_DATA/weights; none of its weights is in the result. The recordings are those of
$DSOL_DATA/stills (split train) and $DSOL_DATA/cutouts: none of a video, so no benchmark's test sound is heard here.
Prints the share of the embedding's variance that is not explained, on mixtures that were kept aside.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from dsol.data.clip import SAMPLE_RATE
from dsol.data.corpora import stills
from dsol.data.media import find_sounds, read_sound
from dsol.errors import DsolError
from dsol.model.audio import fine_log_mel
from dsol.model.backbones import DISTILLED, audio_backbone
from dsol.progress import say

STRIDES = {3: 2, 5: 2, 7: 2, 13: 2}  # of YAMNet's depthwise layers, the others have 1
DIRECTIONS, TAGS, BATCH, KEPT_ASIDE = 256, 521, 64, 1000
COUNTS = (0.02, 0.43, 0.35, 0.2)  # how often 0, 1, 2 or 3 recordings sound
TAG_WEIGHT = 0.05  # of the cross-entropy of YAMNet's tags beside the squared error
HZ = np.fft.rfftfreq(SAMPLE_RATE, 1 / SAMPLE_RATE)


class Yamnet:
    """The tagger: waveforms (B, 16000) to embeddings (B, 1024) and logits of tags (B, 521)."""

    def __init__(self, path: Path):
        self.w = {name: torch.from_numpy(value) for name, value in np.load(path).items()}

    @torch.inference_mode()
    def __call__(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        windows = waveforms.unfold(1, 400, 160)[:, :96] * torch.hann_window(400)
        log_mel = (torch.fft.rfft(windows, 512).abs() @ self.w["mel"].T + 0.001).log()
        x = self._layer(log_mel[:, None].contiguous(memory_format=torch.channels_last), "l1_w", "l1_b", 2)
        for i in range(2, 15):
            x = self._layer(x, f"l{i}_dw", f"l{i}_db", STRIDES.get(i, 1), groups=x.shape[1])
            x = self._layer(x, f"l{i}_pw", f"l{i}_pb", 1)
        embedding = x.mean((2, 3))
        return embedding, embedding @ self.w["fc_w"].T + self.w["fc_b"]

    def _layer(self, x: Tensor, weight: str, bias: str, stride: int, groups: int = 1) -> Tensor:
        w = self.w[weight]
        if w.shape[-1] == 3:  # padded as TensorFlow does: what is odd goes to the end
            short = [max((-(-n // stride) - 1) * stride + 3 - n, 0) for n in x.shape[:1:-1]]
            x = F.pad(x, [side for n in short for side in (n // 2, n - n // 2)])
        return F.conv2d(x, w, self.w[bias], stride, groups=groups).relu()


class Mixer:
    """Mixtures of recordings, each heard in another way every time."""

    def __init__(self, data: Path, rng: np.random.Generator):
        recordings = stills.recordings(data / "stills" / "sounds")
        files = [file for (_, split), found in recordings.items() if split == "train" for file in found]
        files += find_sounds(data / "cutouts")
        self.rng, self.folders = rng, {}
        for file in files:
            try:
                sound = read_sound(file)
            except DsolError as error:
                say(f"Skipped {error}")
                continue
            if len(sound) >= SAMPLE_RATE // 2 and sound.std() > 1e-3:
                self.folders.setdefault(file.parent.name, []).append(np.tile(sound, -(-SAMPLE_RATE // len(sound))))
        self.names = list(self.folders)
        often = np.sqrt([len(self.folders[name]) for name in self.names])  # thin folders are heard more often
        self.chance = often / often.sum()

    def __call__(self) -> np.ndarray:
        """(16000,) of root mean square 0.1."""
        rng = self.rng
        sound = sum((self._piece() for _ in range(rng.choice(4, p=COUNTS))), np.zeros(SAMPLE_RATE))
        hiss = rng.standard_normal(SAMPLE_RATE) * max(sound.std(), 1e-3) * 10 ** (rng.uniform(-60, -12) / 20)
        return (0.1 * (sound + hiss) / (sound + hiss).std()).astype(np.float32)

    def _piece(self) -> np.ndarray:
        rng = self.rng
        folder = self.folders[self.names[rng.choice(len(self.names), p=self.chance)]]
        sound = folder[rng.integers(len(folder))]
        speed = 1.0 if rng.random() < 0.5 else 2 ** rng.uniform(-0.35, 0.35)
        length = int(SAMPLE_RATE * speed)
        sound = np.tile(sound, 2) if len(sound) <= length else sound
        start = rng.integers(len(sound) - length + 1)
        piece = np.interp(np.linspace(0, length - 1, SAMPLE_RATE), np.arange(length), sound[start : start + length])
        piece = self._filtered(piece) if rng.random() < 0.5 else piece
        return piece / max(piece.std(), 1e-3) * 10 ** (rng.uniform(-8, 8) / 20)

    def _filtered(self, sound: np.ndarray) -> np.ndarray:
        """Through an equaliser, sometimes without its high notes, sometimes in a room."""
        rng = self.rng
        decibel = np.interp(np.log(HZ + 50), np.log(np.geomspace(60, 8000, 6) + 50), rng.uniform(-9, 9, 6))
        if rng.random() < 0.5:
            decibel -= 60 * np.clip((HZ - rng.uniform(3000, 7500)) / 500, 0, 1)
        sound = np.fft.irfft(np.fft.rfft(sound) * 10 ** (decibel / 20), SAMPLE_RATE)
        if rng.random() < 0.3:
            echo = 0.3 * rng.standard_normal(4000) * np.exp(-np.arange(4000) / (SAMPLE_RATE * rng.uniform(0.02, 0.1)))
            echo[0] = 1
            sound = np.fft.irfft(np.fft.rfft(sound, 32_768) * np.fft.rfft(echo, 32_768))[:SAMPLE_RATE]
        return sound


def lessons(data: Path, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Fine log-mels (N, 101, 64), embeddings (N, 1024) and tag probabilities (N, 521) of mixtures."""
    mixer, teacher, parts = Mixer(data, np.random.default_rng(0)), Yamnet(data / "weights" / "yamnet_fused.npz"), []
    for start in range(0, count, BATCH):
        waveforms = torch.from_numpy(np.stack([mixer() for _ in range(min(BATCH, count - start))]))
        embedding, tags = teacher(waveforms)
        parts.append((fine_log_mel(waveforms).half(), embedding, tags.sigmoid()))
        if start % (50 * BATCH) == 0:
            say(f"Mixtures: {start} of {count}")
    log_mel, embedding, tags = (torch.cat(part) for part in zip(*parts, strict=True))
    return log_mel, embedding, tags


def principal(embedding: Tensor) -> Tensor:
    """(N, 256) of variance 256 in all, along the strongest directions of embeddings (N, 1024)."""
    centred = embedding - embedding.mean(0)
    found = centred @ torch.linalg.svd(centred[:12_000], full_matrices=False)[2][:DIRECTIONS].T
    return found * (DIRECTIONS / found.var(0).sum()).sqrt()


def learn(log_mel: Tensor, target: Tensor, tags: Tensor, passes: int) -> nn.Module:
    """The student."""
    torch.manual_seed(0)
    net = audio_backbone("deep").to(memory_format=torch.channels_last)
    heads = nn.ModuleList([nn.Linear(net.channels, DIRECTIONS), nn.Linear(net.channels, TAGS)])
    everything = nn.ModuleList([net, heads])
    train, steps = len(log_mel) - KEPT_ASIDE, (len(log_mel) - KEPT_ASIDE) // BATCH
    optimizer = torch.optim.AdamW(everything.parameters(), 3e-3, weight_decay=1e-2)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=passes * steps, pct_start=0.15)
    for number in range(passes):
        everything.train()
        for rows in torch.randperm(train)[: steps * BATCH].split(BATCH):
            pooled = hear(net, stripes(log_mel[rows].float()))
            off = (heads[0](pooled) - target[rows]).square().mean()
            tagged = F.binary_cross_entropy_with_logits(heads[1](pooled), tags[rows], reduction="none").sum(1).mean()
            optimizer.zero_grad()
            (off + TAG_WEIGHT * tagged).backward()
            optimizer.step()
            rate.step()
        everything.eval()
        with torch.inference_mode():
            pooled = torch.cat([hear(net, part.float()) for part in log_mel[train:].split(BATCH)])
            left = (heads[0](pooled) - target[train:]).square().mean().item()
        say(f"Pass {number + 1} of {passes}: {100 * left:.1f} % of the variance left")
    return net


def hear(net: nn.Module, log_mel: Tensor) -> Tensor:
    return net(log_mel[:, None].contiguous(memory_format=torch.channels_last)).amax((2, 3))


def stripes(log_mel: Tensor) -> Tensor:
    """With up to seven neighbouring bands of each spectrogram hidden."""
    low, width = torch.randint(0, 56, (len(log_mel), 1)), torch.randint(0, 8, (len(log_mel), 1))
    band = torch.arange(log_mel.shape[2])
    hidden = (band >= low) & (band < low + width)
    return torch.where(hidden[:, None], log_mel.mean((1, 2), keepdim=True), log_mel)


def stored(value: Tensor) -> Tensor:
    """Half precision, in the order that files keep."""
    return (value.half() if value.is_floating_point() else value).contiguous()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mixtures", type=int, default=28_000, help="seconds of sound to learn from")
    parser.add_argument("--passes", type=int, default=8, help="passes over them")
    parser.add_argument("--cache", type=Path, default=Path("mini"), help="folder that keeps the mixtures")
    parser.add_argument("--out", type=Path, default=DISTILLED, help="file to write")
    args = parser.parse_args()
    if "DSOL_DATA" not in os.environ:
        sys.exit("set DSOL_DATA to the folder that holds stills, cutouts and weights")
    start, kept = time.monotonic(), args.cache / f"mixtures-{args.mixtures}.pt"
    if not kept.is_file():
        args.cache.mkdir(parents=True, exist_ok=True)
        torch.save(lessons(Path(os.environ["DSOL_DATA"]), args.mixtures), kept)
    log_mel, embedding, tags = torch.load(kept, weights_only=True)
    net = learn(log_mel, principal(embedding), tags, args.passes)
    save_file({name: stored(value) for name, value in net.state_dict().items()}, args.out)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB, {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
