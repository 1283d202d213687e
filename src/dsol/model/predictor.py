"""Our system: the paper's two-tower network with its object dictionary (equations 4 to 6).

picture ─▶ f ─ dictionary ─▶ m_k ┐
                                 ├ gate ─▶ s_k ─ softmax over categories, or shape of each object ─▶ maps (B, K, H, W)
picture, sound ─▶ l ─────────────┘
score_k = (how audible k is: its probability relative to the loudest class, or one of its own) × (how well the object
is seen: mean of l over it, or for "objects" the best cell of its class map)

"Objects" may be looked at enlarged and in a mirror, too. Their clusters of one name answer as one: in the place of the
first of them, the others are empty.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dsol.config import Config
from dsol.model.dictionary import (
    gate,
    object_gate,
    object_shapes,
    objectness,
    refined,
    smoothed,
    stretched,
)
from dsol.model.encoders import Heard, Seen
from dsol.model.file import ModelCard, SavedSystem, fill, load_card
from dsol.model.images import resize, stack
from dsol.model.maps import Maps
from dsol.model.network import Network


class OurSystem(SavedSystem):
    """The paper's system behind the interface of `dsol.model.system.System`.

    Args:
        network: towers and dictionary.
        card: names, threshold and the rest of the model file's metadata.
        size: side of the picture that the network sees, pixels; where None the recipe's for scenes.
    """

    network_type = Network
    network: Network

    def __init__(self, network: Network, card: ModelCard, size: int | None = None):
        super().__init__(network, card)
        self.towers = network.towers.for_answers()
        self.size = size or network.config.seen_size

    @classmethod
    def load(cls, path: str | Path, size: int | None = None, sources: int | None = None) -> "OurSystem":
        """From a model file; how many objects sound it finds out itself."""
        card = load_card(path)
        network = Network(Config.from_dict(card.config), load_weights=False)
        fill(network, path)
        return cls(network, card, size)

    @torch.inference_mode()
    def answer(self, frames: Sequence[np.ndarray], waveforms: np.ndarray, keys: Sequence[str]) -> Maps:
        """See `dsol.model.system.System.answer`."""
        answer = self.answers(self._views(frames), self._hear(waveforms))
        area, maps, score = (part.cpu().numpy() for part in answer)
        return Maps(tuple(keys), area, maps, score, self.categories)

    def answers(self, views: list[Seen], heard: Heard) -> tuple[Tensor, Tensor, Tensor]:
        """Area (B, H, W), maps (B, K, H, W) and scores (B, K) of what is seen (see `views`) and heard."""
        if self.network.config.stage_two.answer == "objects":
            return self._objects(views, heard)
        return self._categories(views[0], heard)

    def _categories(self, seen: Seen, heard: Heard) -> tuple[Tensor, Tensor, Tensor]:
        """Area, maps and scores as printed: a softmax over categories of the gated maps."""
        options = self.network.config.stage_two
        class_maps, area = self.network.dictionary.class_maps(seen.features), self.towers.area(seen, heard)
        score = self.audible(heard) * object_gate(class_maps, area)
        return area, (options.sharpness * gate(class_maps, area, options.gate)).softmax(1), score

    def _objects(self, views: list[Seen], heard: Heard) -> tuple[Tensor, Tensor, Tensor]:
        """Area, maps and scores of separate objects, each as bright as its category is audible."""
        options = self.network.config.stage_two
        audible, class_maps = self._joined(self.audible(heard)), self._class_maps(views)
        peaks = torch.stack([maps.amax((2, 3)) for maps in class_maps]).mean(0)
        shown = (audible * (audible >= options.faint))[:, :, None, None]
        maps = object_shapes(self._over_views(class_maps, views), options.edge, options.sharpness) * shown
        by_maps = options.area == "objects"  # squared: where one thing sounds, the second guess is dark
        area = (maps * shown).amax(1) if by_maps else self._area(views, heard) * shown.amax(1)
        return area, maps, audible * peaks.clamp(0, 1)

    def _area(self, views: list[Seen], heard: Heard) -> Tensor:
        """Where the picture answers the sound and, to a share, looks like an object, (B, H, W): near 1 inside it."""
        options = self.network.config.stage_two
        answers = [stretched(self.towers.area(seen, heard))[:, None] for seen in views]
        area, share = self._over_views(answers, views), options.area_objectness
        if share:
            objects = torch.stack([objectness(seen.features) for seen in views]).mean(0)
            area = (1 - share) * area + share * objects[:, None]
        edge = options.edge if options.area_edge is None else options.area_edge
        return object_shapes(smoothed(area, options.area_smooth), edge, options.sharpness)[:, 0]

    def audible(self, heard: Heard) -> Tensor:
        """How audible each category is, (B, K) in [0, 1]."""
        if self.network.config.stage_two.audible == "each":
            return heard.logits.sigmoid()
        share = heard.logits.softmax(1)
        return share / share.amax(1, keepdim=True)

    def views(self, pictures: Tensor) -> list[Seen]:
        """What is seen of pictures (B, 3, S, S) in [0, 1], S = `size`: where answers are "objects", enlarged and in a
        mirror, too, if so configured."""
        options, see = self.network.config.stage_two, self.towers.see
        if options.answer != "objects":
            return [see(pictures)]
        pictures = resize(pictures, max(self.size, self.network.config.enlarged_size))
        mirrored = [see(pictures.flip(3)).mirrored()] if options.mirror else []
        return [see(pictures), *mirrored]

    def _views(self, frames: Sequence[np.ndarray]) -> list[Seen]:
        """`views` of B frames; one that comes several times is looked at once."""
        different = {id(frame): frame for frame in frames}
        views = self.views(self._pictures(list(different.values()), self.size))
        if len(different) == len(frames):
            return views
        place = {of: n for n, of in enumerate(different)}
        rows = torch.tensor([place[id(frame)] for frame in frames], device=self._device)
        return [seen.take(rows) for seen in views]

    def _class_maps(self, views: list[Seen]) -> list[Tensor]:
        """m (B, K, H, W) of each view, those of one category joined."""
        return [self._joined(self.network.dictionary.class_maps(seen.features)) for seen in views]

    def _joined(self, values: Tensor) -> Tensor:
        """The strongest value of each category's clusters (B, K, …) at the first of them, 0 at the others: one cluster
        may know how a category looks and another how it sounds."""
        first = [self.categories.index(name) for name in self.categories]
        if first == list(range(len(first))):
            return values
        found = torch.zeros_like(values)
        for k, place in enumerate(first):
            found[:, place] = torch.maximum(found[:, place], values[:, k])
        return found

    def _over_views(self, maps: list[Tensor], views: list[Seen]) -> Tensor:
        """The mean of maps (B, K, H, W) of several views, smoothed over cells that look alike if so configured."""
        power = self.network.config.stage_two.refine
        if power:
            refine = (refined(stretched(m), seen.features, power) for m, seen in zip(maps, views, strict=True))
            return stretched(torch.stack([stretched(m) for m in refine]).mean(0))
        return torch.stack(maps).mean(0)

    @torch.inference_mode()
    def points(self, frames: Sequence[np.ndarray], waveforms: np.ndarray) -> np.ndarray:
        """What K-means sees of B single-source pictures with their sound, (B, P), as in stage one."""
        seen, heard = self._stage_one(frames, waveforms)
        return self.network.dictionary.place(self.network.objects(seen, heard)[1]).cpu().numpy()

    def nearest(self, points: np.ndarray) -> np.ndarray:
        """The cluster (N,) of points (N, P), or of means of them."""
        placed = torch.as_tensor(points, dtype=torch.float32, device=self._device)
        return self.network.dictionary.nearest(placed).cpu().numpy()

    @torch.inference_mode()
    def features(self, frames: Sequence[np.ndarray], waveforms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What figure 3 shows of B single-source pictures: of length 1, (B, C) each.

        Returns:
            The mean of f over the picture, and the object under the mask as K-means sees it, its sound left out.
        """
        seen, heard = self._stage_one(frames, waveforms)
        whole, points = seen.features.mean(dim=(2, 3)), self.network.objects(seen, heard)[1]
        channels = whole.shape[1]
        objects = points[:, :channels] - self.network.dictionary.origin[:channels]
        return F.normalize(whole, dim=1).cpu().numpy(), F.normalize(objects, dim=1).cpu().numpy()

    @torch.inference_mode()
    def objects_seen(self, frames: Sequence[np.ndarray]) -> np.ndarray:
        """The class maps (B, K, H, W) of pictures by the dictionary alone, whatever sounds."""
        options = self.network.config.stage_two
        views = self._views(frames)
        if options.answer == "objects":
            maps = object_shapes(self._over_views(self._class_maps(views), views), options.edge, options.sharpness)
        else:
            maps = (options.sharpness * self.network.dictionary.class_maps(views[0].features)).softmax(1)
        return maps.cpu().numpy()

    def _stage_one(self, frames: Sequence[np.ndarray], waveforms: np.ndarray) -> tuple[Seen, Heard]:
        """What is seen and heard of B single-source clips, at the size of stage one."""
        return self.towers.see(self._pictures(frames, self.network.config.nets.size)), self._hear(waveforms)

    def _pictures(self, frames: Sequence[np.ndarray], size: int) -> Tensor:
        """Frames of any sizes to (B, 3, size, size) in [0, 1]."""
        return stack(frames, size).to(self._device)

    def _hear(self, waveforms: np.ndarray) -> Heard:
        sounds = torch.as_tensor(waveforms, dtype=torch.float32).to(self._device)
        return self.towers.hear(self.towers.spectrogram(sounds))

    @property
    def _device(self) -> torch.device:
        return self.network.dictionary.keys.device
