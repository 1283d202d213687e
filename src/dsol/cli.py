"""The `dsol` command: verb -> function, nothing else.

Each verb adds its arguments to a parser and returns the call that does the work; what does the work is imported only
then, so that `--help` is immediate. Its docstring is its help: what it does, and examples. Exit status: 0 done, 2 a
wrong call or input (one line on stderr says which).
"""

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import dsol
from dsol.arguments import Parser, add_section, described, output, path, place, whole_number
from dsol.config import SYSTEMS, nested
from dsol.errors import DsolError, check_installed
from dsol.places import staged

Work = Callable[[Any], object]
Words = Sequence[str]  # of the command line, after the verb
PROTOCOLS = ("solo", "synthetic", "duet", "audioset", "lvs", "slavc", "is3", "avsbench", "robust", "avatar",
             "mix-and-localize")  # fmt: skip
WILD = "wild"  # of `evaluate` alone: it needs labels beside the boxes
PUBLISHED = "also the published figures that use the annotation to read a map; not for comparisons"
COMPARED = SYSTEMS[1:]
BASELINES = ("whole_image", "best_centred_box", "random", "vision_only", "oracle_sound")
SOURCES = "number of sounding objects, for DMC, which cannot infer it"
AUDIO_TRACK = "sound track of a video, from 1; by default that of players, or if silent the first that is not"
VIDEOS = "video files, folders of them; or one live source: rtsp://, rtmp://, udp:// …, /dev/video0, - (standard input)"
FORMATS = ("auto", "native", "dsol", "audioset", "avgn", "vggss", "coco", "flickr")


def _call(function: str) -> Work:
    """The work of a verb whose arguments are those of a function, "module:name"."""
    module, _, name = function.partition(":")
    return lambda args: getattr(import_module(module), name)(**vars(args))


def _without(args: argparse.Namespace, *names: str) -> dict[str, Any]:
    return {name: value for name, value in vars(args).items() if name not in names and "." not in name}


def demo(parser, words: Words) -> Work:
    """Run the whole pipeline on generated data: train, evaluate, localise, report.

    dsol demo --out demo                   # needs: ten minutes on two cores
    dsol demo --quick                      # a check that everything runs
    """
    parser.add_argument("--out", type=output, default=Path("demo"), help="folder for all output")
    parser.add_argument("--quick", action="store_true", help="little data, few passes: a check that everything runs")
    return _call("dsol.demo.demo:demo")


def toyband(parser, words: Words) -> Work:
    """Generate the built-in data set: drawn instruments that play, alone and together.

    dsol toyband toy
    dsol toyband toy --solos 22 --duets 4 --seed 1
    """
    parser.add_argument("out", type=output, help="folder to make")
    parser.add_argument("--solos", type=int, default=132, help="videos of one instrument")
    parser.add_argument("--duets", type=int, default=44, help="videos of several, two of them sounding")
    parser.add_argument("--seed", type=int, default=0, help="the same seed makes the same videos")
    parser.add_argument("--workers", type=int, default=0, help="processes; 0: one a core")
    return _call("dsol.demo.toyband:make_toyband")


def prepare(parser, words: Words) -> Work:
    """Cut the videos of a corpus into one-second clips: a store.

    dsol prepare videos store                                     # any videos
    dsol prepare videos store --boxes boxes.json                  # to score by
    dsol prepare MUSIC solo --layout music:solo                   # needs: the MUSIC videos
    """
    parser.add_argument("corpus", type=place, help="folder of videos")
    parser.add_argument("out", type=output, help="store to make; resumes where it was stopped")
    from dsol.data.corpora import CORPORA

    layouts = f"layout of the corpus on disk: {', '.join(CORPORA)}, or a part, see docs/data.md"
    parser.add_argument("--layout", default="folders", help=layouts)
    parser.add_argument("--boxes", type=path, default=None, help="annotations of any format; default: the corpus's")
    told = "use: to score by; to score by, their videos held out of training; or as labels of seconds, for dsol name"
    parser.add_argument("--boxes-for", choices=("scoring", "holding-out", "naming"), default="scoring", help=told)
    parser.add_argument("--engine", choices=("local", "ray"), default="local", help="what runs the workers")
    parser.add_argument("--workers", type=int, default=0, help="processes; 0: one a core")
    parser.add_argument("--size", type=int, default=256, help="side of the stored square frames, pixels")
    parser.add_argument("--audio-track", type=whole_number, default=None, metavar="N", help=AUDIO_TRACK)
    return _call("dsol.data.prepare:prepare")


def compose(parser, words: Words) -> Work:
    """Compose cocktail-party scenes from single-source clips: some objects sound, some are silent.

    dsol compose store scenes --scenes 500
    dsol compose store scenes --layout free --objects 3 --sounding 1
    """
    parser.add_argument("store", type=path, help="store of single-source clips")
    parser.add_argument("out", type=output, help="store of scenes to make")
    parser.add_argument("--scenes", type=int, default=1000, help="how many")
    parser.add_argument("--objects", type=int, default=4, help="clips in a scene, of different categories")
    parser.add_argument("--sounding", type=int, default=2, help="how many of them sound")
    parser.add_argument("--layout", choices=("grid", "free"), default="grid", help="2×2 picture, or random places")
    parser.add_argument("--seed", type=int, default=0, help="the same seed makes the same scenes")
    parser.add_argument("--split", default=None, help="use clips of this split only")
    parser.add_argument("--boxed", action="store_true", help="use annotated frames only, for scenes to test on")
    parser.add_argument("--labels", type=path, default=None, help="run folder whose pseudo-labels replace categories")

    parser.add_argument("--engine", choices=("local", "ray"), default="local", help="what runs the workers")
    parser.add_argument("--workers", type=whole_number, default=1, help="processes; 0: one a core")

    def run(args):
        from dsol.data.scenes import compose
        from dsol.data.store import Store

        labels = None
        if args.labels:
            from dsol.training.run import Run

            labels = Run(args.labels).clusters()
        compose(Store.open(args.store), labels=labels, **_without(args, "store", "labels"))

    return run


def inspect(parser, words: Words) -> Work:
    """Show and validate a store, model, video or boxes file.

    dsol inspect store
    dsol inspect party.mp4 --json
    """
    parser.add_argument("path", type=path, help="store, model file, run folder, video or boxes.json")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--audio-track", type=whole_number, default=None, metavar="N", help=AUDIO_TRACK)

    def run(args):
        import json

        from dsol.inspection import inspect, print_report

        found = inspect(args.path, args.audio_track)
        print(json.dumps(found, indent=1)) if args.json else print_report(found)

    return run


def train(parser, words: Words) -> Work:
    """Train a model without labels of the clips: stage one on single-source clips, stage two on scenes.

    dsol train store run                                  # the recipe best
    dsol train store run --resume                         # go on after a stop
    dsol train store run --recipe paper --clustering.clusters 22  # needs: a GPU, or days
    dsol train store run --devices 4                      # needs: four GPUs, or cores; more machines: docs/scale.md
    """
    from dsol.config import SECTIONS, Config, flat

    parser.add_argument("store", type=path, help="store of single-source clips")
    parser.add_argument("run", type=output, help="folder of the run")
    told = "store of scenes; composed if not given"
    parser.add_argument("--scenes", type=path, default=None, dest="scene_store", help=told)
    told = "best, paper, paper_audioset, quick, tiny, a system's name or a YAML file; a resumed run has its own"
    parser.add_argument("--recipe", default="best", help=told)
    parser.add_argument("--stage", choices=("one", "two", "both"), default="both", help="what to train")
    told = (
        "initialise with the weights of this model file or run folder, and with its options if no recipe is given; "
        "general: add categories to it, clusters of the videos that it explains badly"
    )
    parser.add_argument("--start", type=path, default=None, help=told)
    told = "resume the run in that folder; start one if there is none"
    parser.add_argument("--resume", action="store_true", help=told)
    told = "what starts --nodes times --devices processes: docs/scale.md"
    parser.add_argument("--engine", choices=("local", "ray"), default="local", help=told)
    for section, kind in {"": Config, **SECTIONS}.items():
        add_section(parser, section, kind)
    parser.set_defaults(**flat(_base_options(words)))

    def run(args):
        from dsol.training.train import train

        _check_device(args.device if args.engine == "local" else "auto", args.devices)
        values = {name: value for name, value in nested(vars(args)).items() if name in Config.__dataclass_fields__}
        config = Config.from_dict({**values, "recipe": Path(args.recipe).stem})
        how = {"scenes": args.scene_store, "stage": args.stage, "resume": args.resume, "start": args.start}
        how["engine"] = args.engine
        train(args.store, args.run, config, **how)

    return run


def _add_inference_options(parser) -> None:
    """Options of the section `inference`; those that are not given are the model's."""
    from dsol.config import InferenceOptions

    add_section(parser, "inference", InferenceOptions, unsaid=True)


def _given_inference(args) -> dict[str, Any]:
    """The options of inference on the command line."""
    return nested(vars(args)).get("inference", {})


def _check_device(device: str, devices: int) -> None:
    import torch

    if devices < 1:
        raise DsolError("--devices", f"{devices} is not possible", "give 1 or more")
    if device == "cuda" and not torch.cuda.is_available():
        raise DsolError("--device", "CUDA is not available here", "give auto or cpu")


def _base_options(words: Words) -> dict[str, Any]:
    """The options that the command line changes: of the recipe that it names, or of the run or model that it goes on
    with."""
    from dsol.config import Config, load_recipe, saved_config

    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for option in ("--recipe", "--system", "--stage", "--start"):
        early.add_argument(option, nargs="?")
    early.add_argument("--resume", action="store_true")
    said, rest = early.parse_known_args(words)
    places = [i for i, word in enumerate(rest) if not word.startswith("-") and not _takes_value(rest[:i])]
    goes_on = (said.resume or said.stage == "two") and not said.recipe
    if goes_on and len(places) > 1 and (saved := saved_config(Path(rest[places[1]]))) is not None:
        return saved.to_dict()
    if said.start and not said.recipe:
        from dsol.model.file import find_model, load_card

        card = load_card(find_model(said.start))
        if not card.is_general:  # that has no recipe; categories are added by that of `best`
            return Config.from_dict(card.config).to_dict()
    recipe = said.recipe or (said.system if said.system in COMPARED else "best")
    return {**load_recipe(recipe).to_dict(), "recipe": recipe}


def _takes_value(before: Words) -> bool:
    """Whether the last of some words is an option whose value comes next; those without values are gone already."""
    return bool(before) and before[-1].startswith("--") and "=" not in before[-1]


def name(parser, words: Words) -> Work:
    """Name the clusters of a model: by a labelled store, or by inspecting them.

    dsol name run store                    # by the folders of a labelled store
    dsol name run store --gallery gallery  # look at the clusters, edit gallery/names.json, then
    dsol name run --names gallery/names.json
    """
    parser.add_argument("model", type=output, help="model file or run folder")
    told = "labelled store, its test split is never used; with --gallery or --interactive any single-source store"
    parser.add_argument("store", type=path, nargs="?", default=None, help=told)
    told = "folder for a gallery of each cluster: pictures, sounds, and a names.json to edit"
    parser.add_argument("--gallery", type=output, default=None, help=told)
    parser.add_argument("--names", type=path, default=None, help="JSON, cluster -> name, as in the gallery; no store")
    parser.add_argument("--interactive", action="store_true", help="make a gallery and ask for the names")
    return _call("dsol.naming.gallery:name")


def evaluate(parser, words: Words) -> Work:
    """Score a model on the annotated frames of a store.

    dsol evaluate run store
    dsol evaluate run scenes --protocol synthetic --match store --json figures.json
    """
    parser.add_argument("model", type=path, help="model file or run folder")
    parser.add_argument("store", type=path, help="store with boxes")
    parser.add_argument("--protocol", choices=(*PROTOCOLS, WILD), default="solo", help="metrics: docs/evaluation.md")
    parser.add_argument("--labels", type=path, default=None, help=f"for {WILD}: CSV of what sounds in which second")
    parser.add_argument("--match", type=path, default=None, help="labelled store to name the clusters by")
    parser.add_argument("--size", type=int, default=None, help="side of the model's input picture, pixels")
    parser.add_argument("--sources", type=whole_number, default=None, help=SOURCES)
    parser.add_argument("--baseline", choices=BASELINES, default=None, help="score this baseline in place of the model")
    parser.add_argument("--json", type=output, default=None, help="write the figures to this JSON file")
    parser.add_argument("--maps", type=output, default=None, help="write the maps to this file (.npz)")
    parser.add_argument("--figures", type=output, default=None, help="write pictures into this folder")
    parser.add_argument("--published", action="store_true", help=PUBLISHED)
    parser.add_argument("--engine", choices=("local", "ray"), default="local", help="what predicts the maps")
    told = "on Ray: processes, each with a model of its own; 0: one a GPU or a core"
    parser.add_argument("--workers", type=whole_number, default=0, help=told)
    _add_inference_options(parser)

    def run(args):
        from dsol.evaluation.evaluate import evaluate

        _make_room_for(args.json, args.maps, folder=args.figures)
        if args.size is not None and not 32 <= args.size <= 2048:
            raise DsolError("--size", f"{args.size} pixels", "choose 32 to 2048")
        if args.protocol == WILD:
            return _show(_wild(args, parser.get_default), args.json)
        if args.labels is not None:
            raise DsolError("--labels", f"is of no use to the protocol {args.protocol}", f"give --protocol {WILD}")
        how = {"strict": not args.published, "inference": _given_inference(args)}
        _check_workers(args)
        _show(evaluate(**_without(args, "json", "labels", "published"), **how), args.json)

    return run


def _wild(args, default: Callable[[str], Any]):
    """The protocol that has labels of its own."""
    from dsol.evaluation.wild import evaluate_wild

    if args.labels is None:
        raise DsolError(f"--protocol {WILD}", "needs labels of the clips", "give their CSV file with --labels")
    _refuse(args, default, ("engine", "match", "baseline", "maps", "figures"), f"is not used by the protocol {WILD}")
    return evaluate_wild(args.model, args.store, args.labels, size=args.size)


def score(parser, words: Words) -> Work:
    """Score maps of any method against boxes.

    dsol score maps.npz boxes.json
    dsol score maps.npz boxes.json --protocol duet --json figures.json
    """
    parser.add_argument("maps", type=path, help="maps file (.npz)")
    parser.add_argument("boxes", type=path, help="boxes.json, or an official annotation file")
    parser.add_argument("--format", choices=FORMATS, default="auto", help="of the boxes: docs/evaluation.md")
    parser.add_argument("--protocol", choices=PROTOCOLS, default="solo", help="metrics: docs/evaluation.md")
    parser.add_argument("--swapped", type=path, default=None, help="maps of the same frames with mismatched sound")
    parser.add_argument("--silence", type=path, default=None, help="robust: maps of the same frames with silence")
    parser.add_argument("--noise", type=path, default=None, help="robust: maps of the same frames with noise")
    parser.add_argument("--published", action="store_true", help=PUBLISHED)
    parser.add_argument("--json", type=output, default=None, help="write the figures to this JSON file")
    parser.add_argument("--engine", choices=("local", "ray"), default="local", help="what scores the maps")
    parser.add_argument("--workers", type=whole_number, default=0, help="on Ray: processes; 0: one a core")

    def run(args):
        from dsol.evaluation import score_files

        _make_room_for(args.json)
        _check_workers(args)
        _show(score_files(**_without(args, "json", "published"), strict=not args.published), args.json)

    return run


def table(parser, words: Words) -> Work:
    """Reproduce a table of the paper: run what is missing, print our figures beside the paper's.

    dsol table 2 --runs runs --store store --scenes scenes  # needs: hours, or the runs
    dsol table 2 --runs runs --show --out table.tex         # needs: a folder that table has filled
    """
    parser.add_argument("number", choices=tuple("12345"), metavar="N", help="1 to 5: docs/tables.md")
    parser.add_argument("--runs", type=output, required=True, help="folder of the runs; it saves the options below")
    for option, told in TABLE_STORES.items():
        parser.add_argument(f"--{option}", type=path, default=None, help=told)
    parser.add_argument("--recipe", default=None, help="as for dsol train; at first paper, then as before")
    told = "ImageNet weights of ResNet-18, a file of torchvision: the paper's initialisation, which cannot be shipped"
    parser.add_argument("--encoders.vision_weights", type=path, default=None, help=told)
    parser.add_argument("--seeds", type=whole_number, default=None, help="runs a row; at first 1, then as before")
    parser.add_argument("--rows", type=int, nargs="+", default=None, help="run these rows only, counted from 1")
    parser.add_argument("--show", action="store_true", help="run nothing, print the existing figures")
    parser.add_argument("--format", choices=TABLE_FORMATS, default=None, help="by the ending of --out, else text")
    parser.add_argument("--out", type=output, default=None, help="also write the table here (.txt, .md, .csv, .tex)")
    parser.add_argument(
        "--figures", type=output, default=None, help="draw the paper's figures 3 and 4 into this folder"
    )

    def run(args):
        from dsol.config import load_recipe
        from dsol.reproduce import Experiment, make_table, write_table
        from dsol.reproduce.writing import SUFFIXES, WRITERS

        _make_room_for(args.out, folder=args.figures)
        given = {name: getattr(args, name) for name in (option.replace("-", "_") for option in TABLE_STORES)}
        stores = {name: path for name, path in given.items() if path is not None}
        weights = getattr(args, "encoders.vision_weights")
        start = {} if weights is None else {"encoders": {"vision_weights": str(weights.absolute())}}
        recipe = load_recipe(args.recipe or "paper", **start) if args.recipe or start else None
        experiment = Experiment.open(args.runs, recipe, stores, args.seeds)
        filled, failed = make_table(int(args.number), experiment, args.rows, args.show, args.figures)
        format = args.format or SUFFIXES.get(args.out.suffix if args.out else "", "text")
        if args.out:
            write_table(filled, args.out, format)
        print(WRITERS["text" if args.out else format](filled))
        if failed:
            raise failed[-1]

    return run


TABLE_STORES = {  # help
    "store": "single-source clips to train on (split train), and to name clusters by",
    "solo": "annotated single-source clips to score on; default: --store",
    "train-scenes": "scenes to train stage two on; default: composed from --store",
    "scenes": "annotated composed scenes to score on, as MUSIC-Synthetic",
    "duet": "annotated real scenes to score on, as MUSIC-duet",
    "audioset": "AudioSet's single-source clips, to train and to score on",
    "audioset-multi": "AudioSet's scenes of several sources, to train stage two and to score on",
}
TABLE_FORMATS = ("text", "markdown", "csv", "latex")


def _make_room_for(*files: Path | None, folder: Path | None = None) -> None:
    """Fail before the work, not after it, where a file or a folder cannot be written."""
    for wanted in filter(None, (*files, folder)):
        if wanted is not folder and wanted.is_dir():
            raise DsolError(wanted, "is a folder", "give the name of a file")
        place = wanted if wanted is folder else wanted.parent
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            what = f"cannot be written, {place} is no folder: {error.strerror}"
            raise DsolError(wanted, what, "choose another place") from None


def _show(result: Any, json_file: Path | None) -> None:
    from dsol.files import write_json

    print(result.table())
    if json_file:
        write_json(json_file, result.to_json())


def localize(parser, words: Words) -> Work:
    """Find the sounding objects of videos: annotated mp4, timeline, JSON, COCO boxes, and other tools' formats.

    dsol localize party.mp4                              # -> localized/party
    dsol localize videos --out found                     # a folder; done videos are skipped, see dsol find
    dsol localize videos/*.mp4 --format srt,eaf --no-video
    dsol localize party.mp4 --model run --show silent,off-screen --preview
    dsol localize rtsp://camera/1                        # needs: a camera; a line of JSON a second, while it goes on
    """
    parser.add_argument("videos", type=place, nargs="+", metavar="video", help=VIDEOS)
    parser.add_argument("--model", default="general", help="model file, run folder, or a shipped model: general, small")
    told = "folder for the results and their index; videos that are done already are passed over"
    parser.add_argument("--out", type=place, default=Path("localized"), help=told)
    _add_result_options(parser)
    parser.add_argument("--engine", choices=("local", "ray"), default="local", help="what runs the workers")
    told = "processes, each with a model of its own; 0: this one, or with ray one a GPU or a core"
    parser.add_argument("--workers", type=whole_number, default=0, help=told)
    parser.add_argument("--sources", type=whole_number, default=None, help=SOURCES)
    parser.add_argument("--audio-track", type=whole_number, default=None, metavar="N", help=AUDIO_TRACK)
    told = "the slow way: look at unchanged pictures, too, and run a shipped model in torch; needs dsol[train]"
    parser.add_argument("--exact", action="store_true", help=told)
    _add_live_options(parser)
    _add_inference_options(parser)

    def run(args):
        _small_matrices()
        from dsol.data.media import is_live
        from dsol.localize import localize_videos

        if args.live or any(map(is_live, args.videos)):
            return _localize_live(args, parser.get_default)
        _refuse(args, parser.get_default, OF_LIVE, "is for live sources")
        wanted = _wanted(args)
        how = _how_to_load(args)
        workers = args.workers if args.engine == "ray" else args.workers or 1
        localize_videos(args.videos, args.model, args.out, wanted, args.engine, workers, how)

    return run


OF_FILES = ("out", "format", "frames", "show", "subtitles", "preview", "gif", "no_video", "engine", "workers")
OF_LIVE = ("every", "sound", "timeout")  # options of `localize`


def _add_live_options(parser) -> None:
    group = parser.add_argument_group("live: a line of JSON an answer on standard output, see docs/live.md")
    told = "the source is live: for an http(s) URL, which otherwise is a file"
    group.add_argument("--live", action="store_true", help=told)
    group.add_argument("--every", type=float, default=1.0, metavar="SECONDS", help="from one answer to the next")
    told = "where the sound comes from if not from the source: another URL, or alsa:hw:0, a microphone"
    group.add_argument("--sound", default=None, metavar="SOURCE", help=told)
    group.add_argument("--timeout", type=float, default=10.0, metavar="SECONDS", help="to wait where nothing comes")


def _localize_live(args, default: Callable[[str], Any]) -> None:
    from dsol.data.media.source import shown
    from dsol.localize import Live, Localizer, localize_live

    if len(args.videos) > 1:
        names = ", ".join(map(shown, args.videos))
        raise DsolError(names, f"{len(args.videos)} sources, one of them live", "give a live source alone")
    _refuse(args, default, OF_FILES, "is not for a live source")
    how = Live(args.every, args.timeout, args.sound)
    localize_live(args.videos[0], Localizer.load(args.model, **_how_to_load(args)), how)


def _check_workers(args) -> None:
    """Of verbs that share out work on Ray and have one process here."""
    if args.engine == "local" and args.workers > 1:
        raise DsolError("--workers", "is for --engine ray: here one process works", "leave it out")
    args.workers = args.workers if args.engine == "ray" else 1


def _refuse(args, default: Callable[[str], Any], options: Sequence[str], what: str) -> None:
    for option in options:
        if getattr(args, option) != default(option):
            raise DsolError(f"--{option.replace('_', '-')}", what, "leave it out")


def _how_to_load(args) -> dict[str, Any]:
    """What `Localizer.load` takes beside the model."""
    how = {"sources": args.sources, "audio_track": args.audio_track, "exact": args.exact}
    return {**how, "inference": _given_inference(args)}


def find(parser, words: Words) -> Work:
    """List the stretches of an archive in which something is heard, from the index that localize leaves.

    dsol find localized dog --seen                  # needs: a dog in one of the videos
    dsol find localized guitar --off-screen --json  # needs: a guitar
    """
    parser.add_argument("index", type=path, help="index.parquet, or the folder that it lies in")
    told = "name of what is heard; what the vocabulary has below it is found, too: guitar finds Acoustic guitar"
    parser.add_argument("category", help=told)
    parser.add_argument("--seen", action="store_true", help="only where it is seen, too")
    parser.add_argument("--off-screen", action="store_true", help="only where it is not seen")
    parser.add_argument("--json", action="store_true", help="print JSON, a line a stretch")

    def run(args):
        from dsol.localize.archive import find, print_found, read_archive

        both = args.seen == args.off_screen
        rows = find(read_archive(args.index), args.category, args.seen or both, args.off_screen or both)
        print_found(rows, args.json)

    return run


def _add_result_options(parser) -> None:
    told = "formats to write, separated by commas, or all: docs/formats.md"
    parser.add_argument("--format", default="json,coco", help=told)
    told = "write the frames that boxes.coco.json refers to, four a second, into this folder"
    parser.add_argument("--frames", type=output, default=None, help=told)
    told = "overlays: heat, boxes, silent, off-screen, subtitles, separated by commas"
    parser.add_argument("--show", default="heat,boxes", help=told)
    parser.add_argument("--subtitles", action="store_true", help="put what sounds into the mp4 as a subtitle track")
    parser.add_argument("--preview", action="store_true", help="write preview.jpg: the moments with the highest scores")
    told = "write localized.gif, so many seconds long: those in which most objects sound"
    parser.add_argument("--gif", type=float, default=0.0, metavar="SECONDS", help=told)
    parser.add_argument("--no-video", action="store_true", help="write no annotated mp4, which takes most of the time")


def _wanted(args):
    from dsol.localize import Wanted
    from dsol.localize.show import Show

    if not 0 <= args.gif <= 60:
        raise DsolError("--gif", f"{args.gif:g} seconds", "choose up to 60")
    return Wanted(
        args.format,
        film=not args.no_video,
        frames=args.frames,
        show=Show.read(args.show),
        subtitles=args.subtitles,
        preview=args.preview,
        gif_s=args.gif,
    )


def correct(parser, words: Words) -> Work:
    """Import corrections from Label Studio, CVAT, ELAN or a COCO tool as boxes.json.

    dsol correct export.json --videos videos             # of Label Studio
    dsol correct annotations.xml sounds.eaf --videos videos --out boxes.json
    """
    told = "exports of Label Studio, CVAT or COCO; .eaf, .TextGrid or Audacity's labels; result.json: docs/formats.md"
    parser.add_argument("files", type=path, nargs="+", metavar="file", help=told)
    parser.add_argument("--out", type=output, default=Path("boxes.json"), help="boxes.json to write")
    told = "folder of the videos, as for dsol prepare: their names are their paths below it"
    parser.add_argument("--videos", type=path, default=None, help=told)
    told = "frames a second of the video, for CVAT, where neither --videos nor result.json tells"
    parser.add_argument("--fps", type=float, default=None, help=told)

    def run(args):
        from dsol.data.corrections import correct

        _make_room_for(args.out)
        if args.fps is not None and args.fps <= 0:
            raise DsolError("--fps", f"{args.fps} frames a second", "give more than 0")
        correct(args.files, args.out, args.videos, args.fps)

    return run


SERVE_LIMITS = {  # type, default, help
    "limit": (whole_number, 500, "largest video that is accepted, MB"),
    "minutes": (float, 60.0, "longest video that is accepted"),
    "queue": (whole_number, 50, "videos that may wait"),
    "disk": (whole_number, 20_000, "all uploads and results together, MB"),
    "keep": (float, 24.0, "hours after which a result is removed; 0: never"),
    "visitor": (whole_number, 100, "videos of one visitor (address)"),
    "memory": (whole_number, 6000, "memory of a process that reads videos, MB; 0: no limit"),
}


def serve(parser, words: Words) -> Work:
    """Serve a web page on this machine: drop a video, see what sounds when and where.

    dsol serve                             # then open http://127.0.0.1:8000
    dsol serve --model run --port 8080
    dsol serve --data served --keep 0      # results stay over a restart, for ever
    """
    parser.add_argument("--model", default="general", help="model file, run folder, or a shipped model: general, small")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at; 0.0.0.0: open to other machines")
    parser.add_argument("--port", type=whole_number, default=8000, help="TCP port; 0: a free one")
    told = "folder for uploads and results that stay over a restart; by default they go when the server stops"
    parser.add_argument("--data", type=path, default=None, help=told)
    for option, (kind, value, told) in SERVE_LIMITS.items():
        parser.add_argument(f"--{option}", type=kind, default=value, help=told)

    def run(args):
        _small_matrices()
        from dsol.serve import Limits, serve

        limits = Limits(
            mb=args.limit,
            minutes=args.minutes,
            queue=args.queue,
            disk_mb=args.disk,
            keep_hours=args.keep,
            visitor=args.visitor,
            memory_mb=args.memory,
        )
        serve(args.model, args.host, args.port, data=args.data, limits=limits)

    return run


def report(parser, words: Words) -> Work:
    """Write a page of a run: its clusters with sounds, best and worst frames, figures, and how to run it again.

    dsol report run                        # run/report.html
    dsol report run --test scenes --evaluation scenes.json --out scenes.html
    """
    parser.add_argument("run", type=path, help="run folder, finished or not")
    told = "clips that it was trained on, for its clusters; by default those that the run recorded"
    parser.add_argument("--store", type=path, default=None, help=told)
    told = "store with boxes, for the best and worst frames; by default that of --store"
    parser.add_argument("--test", type=path, default=None, metavar="STORE", help=told)
    told = "what dsol evaluate --json wrote, to show; files in RUN/evaluation are shown too"
    parser.add_argument("--evaluation", type=path, nargs="+", default=None, metavar="FILE", help=told)
    told = "how the frames are scored; by default as their annotations ask for"
    parser.add_argument("--protocol", choices=PROTOCOLS, default=None, help=told)
    parser.add_argument("--out", type=output, default=None, help="page to write; by default RUN/report.html")

    def run(args):
        from dsol.report.run import report

        _make_room_for(args.out)
        report(args.run, args.store, args.test, args.out, args.evaluation or (), args.protocol)

    return run


def export(parser, words: Words) -> Work:
    """Write a model as an ONNX file, for machines without torch.

    dsol export run model.onnx
    dsol export small small.onnx    # needs: a minute
    """
    parser.add_argument("model", help="model file, run folder, or the name of a shipped model")
    parser.add_argument("out", type=output, help="file to write, .onnx")
    return _call("dsol.export:export")


VERBS = {
    verb.__name__: verb
    for verb in (
        demo, toyband, prepare, compose, inspect, train, name, evaluate, score, table, localize, find, correct, report,
        serve, export,
    )
}  # fmt: skip
# Packages of the extra `train`.
OF_TRAINING = ("torch", "lightning_fabric", "sklearn", "scipy", "pyarrow", "tensorboard")
EXTRAS = {  # verb -> the extra that it needs, and its packages
    **dict.fromkeys(
        ("demo", "toyband", "prepare", "compose", "train", "name", "evaluate", "report", "table"),
        ("train", OF_TRAINING),
    ),
    "export": ("export", ("torch", "onnx", "onnxscript")),
}


def main(argv: Sequence[str] | None = None) -> None:
    """Run one verb; never ends in a traceback for a wrong call or input."""
    if argv is None and sys.getfilesystemencoding() != "utf-8":
        _start_again_as_utf_8()
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):  # a terminal without a letter gets its number, not a traceback
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if not words or words[0] in ("-h", "--help"):
        print(overview())
        sys.exit(0)
    if words[0] == "--version":
        print(f"dsol {dsol.__version__}")
        sys.exit(0)
    try:
        if words[0] == "--print-completion":
            return print(_completion(words[1:]))
        if words[0] not in VERBS:
            raise DsolError(words[0], "is no verb of dsol", f"give one of {', '.join(VERBS)}")
        _run(words[0], words[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of stdout has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except DsolError as error:
        _stop(str(error))
    except ModuleNotFoundError as error:  # a store that is looked into without pyarrow, say
        if (error.name or "").partition(".")[0] not in OF_TRAINING:
            raise
        _stop(f"dsol {words[0]}: needs {error.name}, not installed (pip install 'dsol[train]')")
    except OSError as error:
        what = error.strerror or str(error).strip().splitlines()[-1]  # a worker process adds its traceback
        _stop(f"{error.filename or 'the system'}: {what} (check the path and the free space)")
    except KeyboardInterrupt:
        print("dsol: stopped", file=sys.stderr)
        sys.exit(130)


def _completion(words: list[str]) -> str:
    from dsol.completion import SHELLS, completion

    if len(words) != 1:
        raise DsolError("--print-completion", "needs the name of a shell", f"give one of {', '.join(SHELLS)}")
    return completion(words[0], VERBS)


def _start_again_as_utf_8() -> None:
    """In the locale "C" names of files would not be text; the same command in Python's UTF-8 mode reads them."""
    words = [sys.executable, "-X", "utf8", "-m", "dsol", *sys.argv[1:]]
    os.execve(sys.executable, words, {**os.environ, "PYTHONUTF8": "1"})


def _run(verb: str, words: list[str]) -> None:
    parser = Parser(verb, VERBS[verb].__doc__ or "")
    work = VERBS[verb](parser, words)
    try:
        args = parser.parse_args(words)
    except DsolError:
        _refuse_old_options(words)
        raise
    if verb in EXTRAS:
        extra, packages = EXTRAS[verb]
        check_installed(f"dsol {verb}", extra, *packages)
    with staged(vars(args)):
        work(args)


def _refuse_old_options(words: Words) -> None:
    """Say what an option of version 1 is called now."""
    from dsol.old_options import moved

    for word in words:
        option = word.partition("=")[0]
        if option.startswith("--") and (now := moved(option[2:])):
            raise DsolError(option, "is an option of version 1", f"write {now}")


def _small_matrices() -> None:
    """NumPy, not imported yet, multiplies in one thread: what painting multiplies is small, and threads that wait for
    more would take as much processor time again."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _stop(line: str) -> None:
    print(f"dsol: {line}", file=sys.stderr)
    sys.exit(2)


def help_of(verb: str) -> str:
    """What `dsol VERB --help` prints."""
    parser = Parser(verb, VERBS[verb].__doc__ or "")
    VERBS[verb](parser, [])
    return parser.format_help()


def overview() -> str:
    """What `dsol --help` prints."""
    lines = [f"  {verb:<10} {described(function.__doc__ or '')[0]}" for verb, function in VERBS.items()]
    return "\n".join(
        [
            "dsol: which objects in a video are making sound, where are they, what are they?",
            "",
            "usage: dsol VERB …",
            "",
            *lines,
            "",
            "  dsol VERB --help               arguments, options and examples of a verb",
            "  dsol --version                 the version",
            "  dsol --print-completion SHELL  a script for bash, zsh, fish or tcsh that completes all of this:",
            '                                 eval "$(dsol --print-completion bash)" in ~/.bashrc',
            "",
            "examples:",
            "  dsol localize party.mp4        # who sounds when and where, with the shipped model",
            "  dsol demo --quick              # everything once, on data that it makes",
        ]
    )
