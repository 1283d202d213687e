"""Options of version 1 and their successors: for old model files, and for error messages."""

from collections.abc import Mapping
from typing import Any

from dsol.errors import DsolError

AGAIN = "train it again, or use it with dsol 0.1"
MOVED = {  # name in version 1 -> name now, where it was only renamed
    "nets.vision": "encoders.vision",
    "nets.vision_weights": "encoders.vision_weights",
    "nets.freeze_vision": "encoders.freeze_vision",
    "nets.frozen_frames": "encoders.frozen_frames",
    "nets.principal": "encoders.pca",
    "nets.second_ear": "encoders.mixture_encoder",
    "nets.size": "encoders.size",
    "nets.embedding": "encoders.embedding",
    "nets.adapter": "encoders.adapter",
    "nets.head_norm": "encoders.head_norm",
    "stage_one.vary": "stage_one.augment",
    "stage_one.clusters": "clustering.clusters",
    "stage_one.mask_threshold": "clustering.mask_threshold",
    "stage_one.mask_of_range": "clustering.mask_relative",
    "stage_one.object_mean": "clustering.object_mean",
    "stage_one.cluster_on": "clustering.points",
    "stage_one.cluster_sound": "clustering.sound_weight",
    "stage_one.cluster_over": "clustering.unit",
    "stage_one.cluster_starts": "clustering.starts",
    "stage_one.cluster_balanced": "balance_photos",
    "stage_two.size": "scenes.size",
    "stage_two.scenes": "scenes.count",
    "stage_two.objects": "scenes.objects",
    "stage_two.sounding": "scenes.sounding",
    "stage_two.decay": "stage_two.cosine_decay",
    "stage_two.weight": "stage_two.localization_weight",
    "stage_two.listen_passes": "mixtures.passes",
    "stage_two.other_sounds": "mixtures.distractors",
    "stage_two.sharpness": "inference.sharpness",
    "stage_two.edge": "inference.object_threshold",
    "stage_two.faint": "inference.audibility_threshold",
    "stage_two.refine": "inference.random_walk",
    "stage_two.area": "inference.localization_map",
    "stage_two.area_edge": "inference.map_threshold",
    "stage_two.area_smooth": "inference.map_smoothing",
    "stage_two.area_objectness": "inference.objectness",
    "stage_two.enlarge": "inference.upscale",
    "stage_two.mirror": "inference.flip",
    "fit.epochs": "baselines.epochs",
    "fit.batch": "baselines.batch",
    "fit.optimizer": "baselines.optimizer",
    "fit.learning_rate": "baselines.learning_rate",
    "fit.vision_learning_rate": "baselines.vision_learning_rate",
    "fit.weight_decay": "baselines.weight_decay",
    "attention.margin": "baselines.margin",
    "dmc.sources": "baselines.sources",
}
MERGED = {  # name in version 1 -> what to write now
    "nets.sound": "--encoders.sound resnet18, small, deep or distilled",
    "nets.sound_weights": "--encoders.sound distilled, or deep for random weights",
    "nets.spectrogram": "--encoders.sound: deep and distilled take the finer log-mel",
    "nets.scale": "nothing: it starts at 5, as in the paper",
    "stage_one.weight_decay": "nothing: it is 1e-4, as in the paper",
    "stage_one.contrast": "--stage_one.negatives all, which includes it",
    "stage_one.pool_sharpness": "nothing: it is 10",
    "stage_one.batches": "--balance_photos true",
    "stage_one.video_passes": "--balance_photos true",
    "stage_one.mask_grow": "--clustering.mask_relative: an absolute mask grows, a relative one does not",
    "stage_one.classify_learning_rate": "nothing: it is 1e-3, as in the paper",
    "stage_two.video_weight": "--balance_photos true",
    "stage_two.weight_decay": "nothing: it is 1e-4, as in the paper",
    "stage_two.warm_up": "nothing: no recipe used it",
    "stage_two.use_localization": "--stage_two.localization_weight 0",
    "stage_two.gate": "--stage_two.product true or false",
    "stage_two.answer": "--inference.decoder softmax or objects",
    "stage_two.remix": "--stage_two.teacher sources, which mixes anew",
    "stage_two.remix_fewest": "--mixtures.audibility sigmoid, which draws any number of sources",
    "stage_two.audible": "--mixtures.audibility softmax or sigmoid",
    "stage_two.listen": "nothing: with --stage_two.teacher sources the class head is trained, too",
    "stage_two.matching_mean": "--stage_two.matching printed or released",
    "fit.negatives": "--stage_one.negatives",
    "fit.pool": "--stage_one.pool",
    "fit.vary": "--stage_one.augment",
    "dmc.rounds": "nothing: it is 3",
    "dmc.sharpness": "nothing: it is 10",
    "dmc.margin": "nothing: it is 5",
    **dict.fromkeys(
        (f"sound_of_pixels.{name}" for name in ("channels", "levels", "width", "bands", "steps", "window")),
        "--baselines.unet published, small or tiny",
    ),
}
UNETS = {32: "published", 16: "small", 8: "tiny"}  # channels -> name


def moved(option: str) -> str | None:
    """What to write in the place of an option of version 1; None where there was no such option.

    Example:
        >>> moved("stage_two.mirror"), moved("stage_two.epochs")
        ('--inference.flip', None)
    """
    return f"--{MOVED[option]}" if option in MOVED else MERGED.get(option)


def from_version_1(values: Mapping[str, Any], where: object) -> dict[str, Any]:
    """The options in a model file of version 1 as options of today; its predictions are the same.

    Args:
        values: `Config.to_dict()` of then.
        where: what an error names.

    Raises:
        DsolError: it was trained with what is gone and would predict something else.
    """
    sections = {name: options for name, options in values.items() if isinstance(options, dict)}
    flat = {f"{section}.{name}": value for section, options in sections.items() for name, value in options.items()}
    _refuse_what_is_gone(flat, where)
    now: dict[str, Any] = {name: v for name, v in values.items() if not isinstance(v, dict)}
    for name, value in flat.items():
        section, _, option = MOVED.get(name, name if _stayed(name) else "").rpartition(".")
        if section:
            now.setdefault(section, {})[option] = value
    for name, value in _merged(flat, values.get("system", "dsol")).items():
        section, _, option = name.rpartition(".")
        (now.setdefault(section, {}) if section else now)[option] = value
    if flat["stage_two.answer"] == "categories":  # no upscaling, no flip then
        now["inference"] |= {"upscale": 0, "flip": False}
    return now


STAYED = {
    "stage_one": ("epochs", "batch", "learning_rate", "negatives", "pool", "classify_from", "classify_passes"),
    "stage_two": ("epochs", "batch", "learning_rate", "use_matching", "similarity", "teacher"),
}


def _stayed(name: str) -> bool:
    section, _, option = name.partition(".")
    return option in STAYED.get(section, ())


def _merged(flat: Mapping[str, Any], system: str) -> dict[str, Any]:
    """The options of today that several options of version 1 became."""
    fine = flat["nets.sound_weights"] == "distilled"
    found = {
        "encoders.sound": flat["nets.sound"] if flat["nets.sound"] != "deep" else "distilled" if fine else "deep",
        "balance_photos": flat["stage_one.cluster_balanced"],
        "stage_two.localization_weight": flat["stage_two.weight"] if flat["stage_two.use_localization"] else 0.0,
        "stage_two.product": flat["stage_two.gate"] != "none",
        "stage_two.matching": "released" if flat["stage_two.matching"] == "pa_pv" else "printed",
        "mixtures.audibility": "sigmoid" if flat["stage_two.audible"] == "each" else "softmax",
        "inference.decoder": "objects" if flat["stage_two.answer"] == "objects" else "softmax",
    }
    if system == "dsol":
        return found
    theirs = {"stage_one.negatives": "negatives", "stage_one.pool": "pool", "stage_one.augment": "vary"}
    unet = UNETS[flat["sound_of_pixels.channels"]]
    return {**found, "baselines.unet": unet, **{now: flat[f"fit.{then}"] for now, then in theirs.items()}}


def _refuse_what_is_gone(flat: Mapping[str, Any], where: object) -> None:
    gates = ("product", "none") if flat["stage_two.answer"] == "categories" else (flat["stage_two.gate"],)
    kinds = (("resnet18", "paper"), ("small", "paper"), ("deep", "fine"))
    gone = {
        "stage_two.gate": flat["stage_two.gate"] not in gates,
        "nets.spectrogram": (flat["nets.sound"], flat["nets.spectrogram"]) not in kinds,
        "stage_one.mask_grow": flat["stage_one.mask_grow"] == flat["stage_one.mask_of_range"],
        "sound_of_pixels.channels": flat["sound_of_pixels.channels"] not in UNETS,
    }
    for name, is_gone in gone.items():
        if is_gone:
            raise DsolError(where, f"was trained with {name} {flat[name]}, which this version lacks", AGAIN)
