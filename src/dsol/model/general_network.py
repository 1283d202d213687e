"""What is saved of `general`: its encoders, its classes and three small networks on top (see general.py)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dsol.model.backbones import EfficientNetLite0
from dsol.model.dictionary import objectness, refined, stretched
from dsol.model.images import LITE0_MEAN, LITE0_STD, normalise
from dsol.model.tagger import WIDTHS, AudioTagger
from dsol.model.vocabulary import Vocabulary

SIZE = 320  # pixels: 20×20 cells
DIRECTIONS = 128  # in which cells are compared
BEST_CELLS = 20  # of 400, whose mean is the visibility of a category
TOGETHER = 2.0  # steepness over standard deviations of l


class Extent(nn.Module):
    """How far the object goes that a class map is brightest at: (B, 10, H, W) of `clues` -> logits (B, H, W)."""

    def __init__(self, width: int = 48):
        super().__init__()
        self.first = nn.Conv2d(10, width, 3, padding=1)
        self.wider = nn.ModuleList(nn.Conv2d(width, width, 3, padding=d, dilation=d) for d in (2, 4))
        self.whole = nn.Linear(width, width)
        self.last = nn.Conv2d(width, width, 3, padding=1)
        self.out = nn.Conv2d(width, 1, 1)

    def forward(self, clues: Tensor) -> Tensor:
        x = F.relu(self.first(clues))
        for convolution in self.wider:
            x = x + F.relu(convolution(x))
        x = x + F.relu(self.whole(x.mean((2, 3))))[:, :, None, None]
        return self.out(F.relu(self.last(x)))[:, 0]


class People(nn.Module):
    """Where people are: cells (B, 128, H, W) -> logits (B, 2, H, W), whole persons, and heads with their chests."""

    def __init__(self, width: int = 48):
        super().__init__()
        self.near = nn.Conv2d(DIRECTIONS, width, 1)
        self.around = nn.Conv2d(width, width, 3, padding=1)
        self.further = nn.Conv2d(width, width, 3, padding=2, dilation=2)
        self.out = nn.Conv2d(2 * width, 2, 1)

    def forward(self, cells: Tensor) -> Tensor:
        near = F.relu(self.near(cells))
        return self.out(torch.cat([near, F.relu(self.further(F.relu(self.around(near))))], 1))


class Correspondence(nn.Module):
    """l: how well each place of a picture goes with a sound, learned from which sound came with which picture."""

    sound_mean: Tensor
    sound_std: Tensor
    best_mean: Tensor
    best_std: Tensor

    def __init__(self, width: int = 48):
        super().__init__()
        self.picture, self.sound = nn.Conv2d(DIRECTIONS, width, 1), nn.Linear(WIDTHS[-1], width)
        self.register_buffer("sound_mean", torch.zeros(WIDTHS[-1]))  # of embeddings over many videos
        self.register_buffer("sound_std", torch.ones(WIDTHS[-1]))
        self.register_buffer("best_mean", torch.zeros(()))  # of `best` over pictures and sounds of different videos
        self.register_buffer("best_std", torch.ones(()))

    def forward(self, cells: Tensor, embedding: Tensor) -> Tensor:
        """Cosines (B, D, H, W) of cells (B, 128, H, W) with D sounds, embeddings (D, 1024)."""
        return torch.einsum("bchw,dc->bdhw", *self._directions(cells, embedding))

    def best(self, cells: Tensor, embedding: Tensor) -> Tensor:
        """The mean of the best cells for each picture and sound, (B, D)."""
        return best_cells(self(cells, embedding))

    def together(self, cells: Tensor, embedding: Tensor) -> Tensor:
        """How likely B pictures and their own B sounds belong together, (B,) in [0, 1]."""
        best = best_cells(torch.einsum("bchw,bc->bhw", *self._directions(cells, embedding)))
        return (TOGETHER * (best - self.best_mean) / self.best_std).sigmoid()

    def _directions(self, cells: Tensor, embedding: Tensor) -> tuple[Tensor, Tensor]:
        sound = self.sound((embedding - self.sound_mean) / self.sound_std)
        return F.normalize(self.picture(cells), dim=1), F.normalize(sound, dim=1)


def best_cells(maps: Tensor) -> Tensor:
    """The mean of the best cells of each map, (..., H, W) -> (...)."""
    return maps.flatten(-2).topk(BEST_CELLS, -1).values.mean(-1)


def clues(cells: Tensor, query: Tensor, anything: Tensor) -> Tensor:
    """Input of `Extent` for D objects in each of B pictures, (B, D, 10, H, W).

    Args:
        cells: (B, 128, H, W), see `GeneralNetwork.see`.
        query: class map of each object, (B, D, H, W), standardised.
        anything: the best of all classes, (B, H, W), standardised.
    """
    raw = stretched(query)
    alike = stretched(refined(raw, cells, 2.0))
    of_picture = torch.stack([objectness(cells), anything / 4, stretched(anything)], 1)
    height, width = query.shape[2:]
    down = torch.linspace(-1, 1, height, device=query.device)[:, None].expand(height, width)
    across = torch.linspace(-1, 1, width, device=query.device)[None].expand(height, width)
    place = torch.stack([across.abs(), down.abs(), down])
    count = query.shape[:2]
    own = torch.stack([query / 3, raw, alike, _like_key(cells, query)], 2)
    return torch.cat([own, of_picture[:, None].expand(*count, -1, -1, -1), place.expand(*count, -1, -1, -1)], 2)


def _like_key(cells: Tensor, query: Tensor) -> Tensor:
    """Equation 4, with a key of this very picture: cosines (B, D, H, W) of its cells with each object's own."""
    flat = query.flatten(2)
    under = (4 * flat / flat.std(2, keepdim=True).clamp(min=0.3)).softmax(2)
    centred = F.normalize(cells.flatten(2) - cells.flatten(2).mean(2, keepdim=True), dim=1)
    key = F.normalize(torch.einsum("bcn,bdn->bdc", centred, under), dim=2)  # o, equation 2
    return torch.einsum("bcn,bdc->bdn", centred, key).view_as(query)


class GeneralNetwork(nn.Module):
    """What is saved.

    Args:
        words: its vocabulary.
    """

    mean: Tensor
    directions: Tensor
    class_mean: Tensor
    class_std: Tensor
    visible_mean: Tensor
    visible_std: Tensor

    def __init__(self, words: Vocabulary):
        super().__init__()
        count, channels = len(words.entries), EfficientNetLite0.channels
        self.words = words  # `eye` and `ear` below are names of tensors in the model file
        self.eye, self.classes = EfficientNetLite0(), nn.Linear(channels, words.classes)
        self.ear, self.people, self.extent = AudioTagger(len(words.tags)), People(), Extent()
        self.correspondence = Correspondence()
        self.register_buffer("mean", torch.zeros(channels))  # of f over the cells of many videos
        self.register_buffer("directions", torch.zeros(channels, DIRECTIONS))
        self.register_buffer("class_mean", torch.zeros(words.classes))  # of class logits over the same cells
        self.register_buffer("class_std", torch.ones(words.classes))
        self.register_buffer("visible_mean", torch.zeros(count))  # of `best_cells` over many videos
        self.register_buffer("visible_std", torch.ones(count))

    def see(self, pictures: Tensor, eye: nn.Module | None = None) -> tuple[Tensor, Tensor]:
        """Visual features of pictures (B, 3, S, S) in [0, 1], by a faster copy of the visual encoder if given.

        Returns:
            cells (B, 128, H, W), near each other where they look alike; classes z (B, 1000, H, W), standardised.
        """
        eye = self.eye if eye is None else eye
        return self.place(eye(normalise(pictures, LITE0_MEAN, LITE0_STD).contiguous(memory_format=torch.channels_last)))

    def place(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Cells and classes, as in `see`, of features f (B, 1280, H, W)."""
        flat = features.flatten(2).transpose(1, 2)
        cells = ((flat - self.mean) @ self.directions).transpose(1, 2).unflatten(2, features.shape[2:])
        weight, bias = self.classes.weight[:, :, None, None], self.classes.bias
        classes = F.conv2d(features, weight, bias)  # as a convolution: nothing is transposed
        mean, std = (part[:, None, None] for part in (self.class_mean, self.class_std))
        return cells, (classes - mean) / std
