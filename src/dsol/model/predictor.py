"""Picture and sound to one localisation map, and one map and one score a category: the only way that a model predicts.

    picture ─ upscale, flip ─▶ views ─ visual encoder ─▶ f of each view ┐
                                                                       ├ decoder ─▶ localisation map, maps, score
    sound ─ log-mel ─ audio encoder ─▶ embedding, how audible each is ──┘

`dsol localize`, `evaluate`, `export` and the web page all use it. It is immutable: other names or other
options of inference make another predictor of the same network (`Predictor(network, names, options)`).
"""

import copy
from collections.abc import Sequence

from torch import Tensor, nn

from dsol.config import InferenceOptions
from dsol.model.decoders import DECODERS, Categories, Prediction
from dsol.model.encoders import AudioFeatures, VisualFeatures
from dsol.model.images import resize
from dsol.model.network import Network


class Predictor(nn.Module):
    """Predicts with a trained network.

    Args:
        network: trained.
        clusters: a name for each of its clusters; those of one name are one category.
        options: how features become maps and scores; those of the network's recipe where None.
        size: side of the pictures that it is given, pixels; that of the recipe where None.
        fold: fold batch normalisation into the convolutions, which is faster, and fixes the batch in an export.

    Example:
        >>> predictor = Predictor(network, ["cello", "dog"])                            # doctest: +SKIP
        >>> predictor(torch.rand(2, 3, 448, 448), torch.randn(2, 16_000)).maps.shape    # doctest: +SKIP
        torch.Size([2, 2, 56, 56])
    """

    def __init__(
        self,
        network: Network,
        clusters: Sequence[str],
        options: InferenceOptions | None = None,
        size: int | None = None,
        fold: bool = True,
    ):
        super().__init__()
        self.options = options or network.config.inference
        self.size = size or network.config.picture_size
        fast = copy.copy(network)  # shares the dictionary, not the encoders
        fast._modules = {**network._modules, "encoders": network.encoders.for_inference() if fold else network.encoders}
        self.network = fast.eval()
        self.categories = Categories(clusters)
        self.decoder = DECODERS[self.options.decoder](self.network, self.categories, self.options)

    @property
    def names(self) -> tuple[str, ...]:
        """K categories."""
        return self.categories.names

    @property
    def encoded_size(self) -> int:
        """Side of the pictures that are encoded, pixels: smaller ones are upscaled to it."""
        return max(self.size, self.options.upscale)

    def forward(self, pictures: Tensor, waveforms: Tensor, rows: Tensor | None = None) -> Prediction:
        """Predict.

        Args:
            pictures: (P, 3, S, S) in [0, 1], RGB, S = `size`.
            waveforms: (B, 16000) in [-1, 1], 16 kHz.
            rows: (B,) the picture of each sound; its own where None.
        """
        views = self.encode_pictures(pictures)
        if rows is not None:
            views = [view.take(rows) for view in views]
        audio = self.encode_sounds(waveforms)
        return self.decoder(views, audio, self.audible(audio))

    def object_maps(self, views: list[VisualFeatures]) -> Tensor:
        """Maps (B, K, H, W) of the visible objects; the sound is ignored."""
        return self.decoder.object_maps(views)

    def encode_pictures(self, pictures: Tensor) -> list[VisualFeatures]:
        """Visual features of pictures (B, 3, S, S), upscaled and flipped if so configured: one item a view."""
        pictures, encode = resize(pictures, self.encoded_size), self.network.encoders.encode_pictures
        flipped = [encode(pictures.flip(3)).flipped()] if self.options.flip else []
        return [encode(pictures), *flipped]

    def encode_sounds(self, waveforms: Tensor) -> AudioFeatures:
        """Audio features of waveforms (B, 16000)."""
        return self.network.encoders.encode_sounds(self.network.encoders.spectrogram(waveforms))

    def audible(self, audio: AudioFeatures) -> Tensor:
        """How audible each cluster is, (B, clusters) in [0, 1]: its probability, or the share of the loudest one's."""
        if self.network.config.mixtures.audibility == "sigmoid":
            return audio.logits.sigmoid()
        share = audio.logits.softmax(1)
        return share / share.amax(1, keepdim=True)
