"""`general`: the paper's method for any everyday video, its dictionary the rows of a classifier.

    picture ─ CNN ─▶ f ─ classes ─▶ z ─┬─ best class of each category ─▶ m_k                  equation 4
                     │                 └─ best class of all ─▶ whatever there is
                     ├─ people ─▶ m_k of voices and of what people do
                     └─ principal directions ─▶ cells that look alike ─┐
    m_k ─ object feature o_k under m_k (equation 2), cells like o_k ───┴─ extent ─▶ shape of k
    sound ─ CNN ─▶ tags ─▶ audible_k                 m_k ─ best cells ─▶ visible_k
              └─▶ embedding ─┬─ cosine ─▶ l ─ best cells ─▶ whether picture and sound match
    picture ─▶ cells ────────┘
    score_k = audible_k × visible_k × match                                    equations 5 and 7: all agree
    area = mean shape of the categories that sound, by how surely they do; all of it for the flipped picture, too

The visual encoder is a frozen ImageNet classifier, whose rows are the dictionary; the audio encoder a compressed
AudioSet tagger; the vocabulary says which classes and tags are of one category. `people`, `extent` and the
correspondence l are small networks, trained without a label of what sounds: see the model's card.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from dsol.model.file import ModelCard, SavedSystem, fill, load_card
from dsol.model.general_network import SIZE, GeneralNetwork
from dsol.model.general_predictor import GeneralPredictor
from dsol.model.images import stack
from dsol.model.maps import Maps
from dsol.model.pictures import distinct
from dsol.model.vocabulary import vocabulary


class GeneralSystem(SavedSystem):
    """`general` behind the interface of `dsol.model.system.System`.

    Args:
        network: what is saved.
        card: the model file's metadata; its categories are those of the vocabulary that are no roots.
        size: side of the network's input picture, pixels.
    """

    network: GeneralNetwork

    def __init__(self, network: GeneralNetwork, card: ModelCard, size: int = SIZE):
        super().__init__(network, card)
        self.predictor, self.size = GeneralPredictor(network).eval(), size

    @classmethod
    def load(cls, path: str | Path, size: int | None = None, sources: int | None = None) -> "GeneralSystem":
        """From a model file. Pictures are always resized to `SIZE`: the statistics of standardisation are for that."""
        network = GeneralNetwork(vocabulary())
        fill(network, path)
        return cls(network, load_card(path))

    @torch.inference_mode()
    def predict(self, frames: Sequence[np.ndarray], waveforms: np.ndarray, keys: Sequence[str]) -> Maps:
        """See `dsol.model.system.System.predict`."""
        different, rows = distinct(frames)
        sounds = torch.from_numpy(np.asarray(waveforms, np.float32))
        found = self.predictor(stack(different, self.size), sounds, torch.from_numpy(rows))
        parts = {name: part.cpu().numpy() for name, part in found._asdict().items()}
        return Maps(tuple(keys), categories=self.card.categories, **parts)
