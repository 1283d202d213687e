"""Options of version 1 and their successors: for old model files, and for error messages."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from dsol.errors import DsolError

AGAIN = "train it again, or use it with dsol 0.1"
RENAMED = """
nets -> encoders: vision, vision_weights, freeze_vision, frozen_frames, principal=pca, second_ear=mixture_encoder
nets -> encoders: size, embedding, adapter, head_norm
stage_one -> stage_one: epochs, batch, learning_rate, negatives, pool, classify_from, classify_passes, vary=augment
stage_one -> clustering: clusters, mask_threshold, mask_of_range=mask_relative, object_mean, cluster_on=points
stage_one -> clustering: cluster_sound=sound_weight, cluster_over=unit, cluster_starts=starts
stage_two -> scenes: size, scenes=count, objects, sounding
stage_two -> stage_two: epochs, batch, learning_rate, use_matching, similarity, teacher
stage_two -> stage_two: decay=cosine_decay, weight=localization_weight
stage_two -> mixtures: listen_passes=passes, other_sounds=distractors
stage_two -> inference: sharpness, edge=object_threshold, faint=audibility_threshold, refine=random_walk
stage_two -> inference: area=localization_map, area_edge=map_threshold, area_smooth=map_smoothing
stage_two -> inference: area_objectness=objectness, enlarge=upscale, mirror=flip
fit -> baselines: epochs, batch, optimizer, learning_rate, vision_learning_rate, weight_decay, pool, vary=augment
attention -> baselines: margin
dmc -> baselines: sources
"""  # section then -> section now: option, or option then=option now


def _renamed() -> Iterator[tuple[str, str]]:
    for then, now, options in re.findall(r"(\w+) -> (\w+): (.+)", RENAMED):
        for option in options.split(", "):
            old, _, new = option.partition("=")
            yield f"{then}.{old}", f"{now}.{new or old}"


NOW = {**dict(_renamed()), "stage_one.cluster_balanced": "balance_photos"}  # name in version 1 -> name today
MOVED = {then: now for then, now in NOW.items() if then != now}
MERGED = {  # name in version 1 -> what to write now
    "nets.sound": "--encoders.sound resnet18, small, deep or distilled",
    "floor": "--baseline",  # of `dsol evaluate`
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
    kept = {NOW[name]: value for name, value in flat.items() if name in NOW}
    for name, value in {**kept, **_merged(flat, values.get("system", "dsol"))}.items():
        section, _, option = name.rpartition(".")
        (now.setdefault(section, {}) if section else now)[option] = value
    if flat["stage_two.answer"] == "categories":  # no upscaling, no flip then
        now["inference"] |= {"upscale": 0, "flip": False}
    return now


def _merged(flat: Mapping[str, Any], system: str) -> dict[str, Any]:
    """The options of today that several options of version 1 became."""
    fine = flat["nets.sound_weights"] == "distilled"
    found = {
        "encoders.sound": flat["nets.sound"] if flat["nets.sound"] != "deep" else "distilled" if fine else "deep",
        "stage_two.localization_weight": flat["stage_two.weight"] if flat["stage_two.use_localization"] else 0.0,
        "stage_two.product": flat["stage_two.gate"] != "none",
        "stage_two.matching": "released" if flat["stage_two.matching"] == "pa_pv" else "printed",
        "mixtures.audibility": "sigmoid" if flat["stage_two.audible"] == "each" else "softmax",
        "inference.decoder": "objects" if flat["stage_two.answer"] == "objects" else "softmax",
    }
    if system == "dsol":
        return found
    unet = UNETS[flat["sound_of_pixels.channels"]]
    return {**found, "baselines.unet": unet, "stage_one.negatives": flat["fit.negatives"]}


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
