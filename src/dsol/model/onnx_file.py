"""An ONNX file, opened with ONNX Runtime, an optional package."""

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
        DsolError: no such file, or ONNX Runtime is not installed.
    """
    if not Path(path).is_file():
        raise DsolError(path, "no such file", "check the path")
    try:
        import onnxruntime
    except ImportError:
        raise DsolError(path, "needs onnxruntime, which is not installed", "pip install 'dsol[export]'") from None
    import torch

    options, levels = onnxruntime.SessionOptions(), onnxruntime.GraphOptimizationLevel
    options.log_severity_level = 3  # errors
    options.intra_op_num_threads = torch.get_num_threads()
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
