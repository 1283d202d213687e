"""How do the options that only shape a model's answers change its figures? No training, no search on a test set.

    python benchmarks/answer_options.py MODEL STORE [--protocol synthetic] [--match STORE] edge=0.35,0.45,0.55 \\
        faint=0,0.05,0.1,0.2 answer=categories,objects

One line for each value of each option of `stage_two` (edge, faint, sharpness, answer, gate, size), the others as in the
model file. Use a store that is not reported afterwards: what is chosen on a test set is no result.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from dsol.config import Config
from dsol.evaluation.evaluate import evaluate
from dsol.evaluation.protocols import PROTOCOLS, protocol_named
from dsol.evaluation.result import SPOKEN
from dsol.model.file import find_model, load_card, load_tensors, save_model

FIGURES = ("auc", "class_iou", "nsa", "silent_auroc")  # beside the protocol's own


def main() -> None:
    """Evaluate the model once as it is and once for each value."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="model file or run folder")
    parser.add_argument("store", type=Path, help="store with boxes")
    parser.add_argument("values", nargs="+", metavar="OPTION=VALUE,VALUE", help="options of stage_two")
    parser.add_argument("--protocol", default="synthetic", choices=tuple(PROTOCOLS), help="what is measured")
    parser.add_argument("--match", type=Path, help="labelled store that names the clusters")
    args = parser.parse_args()
    rows = [(name, value) for text in args.values for name, _, values in [text.partition("=")]
            for value in values.split(",")]  # fmt: skip
    told(args, "as it is", {})
    for name, value in rows:
        told(args, f"{name}={value}", {name: yaml.safe_load(value)})


def answering(model: Path, options: dict, target: Path) -> None:
    """A copy of a model file that answers with other options of stage two."""
    card = load_card(model)
    config = Config.from_dict(card.config).replace(stage_two=options)
    save_model(target, load_tensors(model), replace(card, config=config.to_dict()))


def told(args: argparse.Namespace, label: str, options: dict) -> None:
    """Evaluate a copy of the model with other options; print its figures, and its first one with swapped sound."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "model.safetensors")
        answering(find_model(args.model), options, file)
        found = evaluate(file, args.store, args.protocol, match=args.match)
    first = protocol_named(args.protocol).success
    shown = [f"{SPOKEN[name]} {100 * found.metrics[name]:.1f}" for name in (first, *FIGURES)
             if found.metrics.get(name) is not None]  # fmt: skip
    other = (found.floors.get("swapped_sound") or {}).get(first)
    shown += [f"with other sound {100 * other:.1f}"] if other is not None else []
    print(f"{label:<20}", "  ".join(shown), flush=True)


if __name__ == "__main__":
    main()
