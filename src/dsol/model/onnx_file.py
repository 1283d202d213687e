"""An ONNX file, opened with ONNX Runtime."""

import os
from pathlib import Path
from typing import Any, NamedTuple

from dsol.errors import DsolError

SUFFIX = ".onnx"


class OnnxFile(NamedTuple):
    """What is in the file, ready to run."""

    session: Any  # onnxruntime.InferenceSession
    inputs: dict[str, list[int | str]]  # name -> shape, a name where it may be any size
    outputs: dict[str, list[int | str]]
    metadata: dict[str, str]


def is_onnx(path: str | Path) -> bool:
    """Whether a file is called so.

    Example:
        >>> is_onnx("small.onnx"), is_onnx("small.safetensors")
        (True, False)
    """
    return Path(path).suffix.lower() == SUFFIX


def open_onnx(path: str | Path, fast: bool = True) -> OnnxFile:
    """Open an ONNX file, on a GPU where ONNX Runtime's package for these is installed.

    Args:
        path: the file.
        fast: optimise the graph for inference, which takes longer to open.

    Raises:
        DsolError: no such file, or no ONNX file.
    """
    if not Path(path).is_file():
        raise DsolError(path, "no such file", "check the path")
    onnxruntime = runtime()
    options, levels = onnxruntime.SessionOptions(), onnxruntime.GraphOptimizationLevel
    options.log_severity_level = 3  # errors
    options.intra_op_num_threads = threads()
    options.add_session_config_entry(
        "session.intra_op.allow_spinning", "0"
    )  # waiting threads leave the cores to others
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if fast else levels.ORT_DISABLE_ALL
    wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
    providers = [name for name in wanted if name in onnxruntime.get_available_providers()]
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # ONNX Runtime has a kind of its own for each way to be broken
        said = str(error).split("failed:")[-1].split("\n")[0].strip(" .").lower()
        what = f"cannot be read as an ONNX file: {said}"
        raise DsolError(path, what, "give one of `dsol export`") from None
    inputs, outputs = ({x.name: x.shape for x in some} for some in (session.get_inputs(), session.get_outputs()))
    return OnnxFile(session, inputs, outputs, dict(session.get_modelmeta().custom_metadata_map))


def runtime() -> Any:
    """ONNX Runtime, whose Linux builds else report to their maker from the import on: nothing leaves this machine."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime


def threads() -> int:
    """How many to compute with: OMP_NUM_THREADS, which torch obeys, too, or one a core that this process may use."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdecimal() and int(given):
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
