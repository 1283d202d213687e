"""A file from a stranger is numbers and text: whatever it holds, it runs nothing."""

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from dsol.data.corpora.plain_pickle import load_array
from dsol.errors import DsolError
from dsol.model.backbones import load_weights
from dsol.model.maps import read_maps
from dsol.model.system import load_system
from dsol.training.run import Run


class Attack:
    """Unpickled, it makes a file."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def plain(attack: Attack, file: Path) -> None:
    file.write_bytes(pickle.dumps(attack))


def of_torch(attack: Attack, file: Path) -> None:
    torch.save({"state": attack}, file)


def of_numpy(attack: Attack, file: Path) -> None:
    np.savez(file.with_suffix(".npz"), **{"a.mp4@0.000": np.array([attack], dtype=object)})
    file.with_suffix(".npz").rename(file)


def zipped(attack: Attack, file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(attack))


def of_run(file: Path) -> object:
    (file.parent / "run" / "resume").mkdir(parents=True)
    file.rename(file.parent / "run" / "resume" / "one.pt")
    return Run(file.parent / "run").load_state("one")


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "model": ("model.safetensors", load_system),
    "exported model": ("model.onnx", load_system),
    "maps": ("maps.npz", lambda file: list(read_maps(file))),
    "weights": ("weights.pth", lambda file: load_weights(torch.nn.Linear(1, 1), file)),
    "checkpoint": ("one.pt", of_run),
    "array": ("mel.pkl", load_array),
}


@pytest.mark.parametrize("write", [plain, of_torch, of_numpy, zipped])
@pytest.mark.parametrize("reader", READERS)
def test_no_file_runs_code(reader, write, tmp_path):
    name, read = READERS[reader]
    mark = tmp_path / "ran"
    write(Attack(mark), tmp_path / name)
    with pytest.raises(DsolError):
        read(tmp_path / name)
    assert not mark.exists()


def test_the_attack_would_work(tmp_path):
    plain(Attack(tmp_path / "ran"), tmp_path / "file")
    pickle.loads((tmp_path / "file").read_bytes())
    assert (tmp_path / "ran").exists(), "else the tests above show nothing"
