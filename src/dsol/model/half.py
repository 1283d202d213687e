"""The weights of an ONNX file in half precision where that loses nothing, or read from the model file beside it.

The weights of a shipped model are rounded to half precision: its ONNX form holds the graph alone, and reads them from
the `.safetensors`, whose tensors lie in it as they are. A node in front of each makes single precision of it again;
ONNX Runtime runs these once, on opening.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

LEAST = 256  # numbers in a tensor that is worth it


class Place(NamedTuple):
    """Where in a file a tensor is, in bytes."""

    start: int
    size: int


def halved(path: Path, weights: Path | None = None) -> None:
    """Rewrite an ONNX file.

    Args:
        path: the file.
        weights: a model file; tensors of the same content are read from there, by its name beside the ONNX file.
    """
    import onnx

    model = onnx.load(path)
    there = tensors_in(weights) if weights else {}
    nodes = []
    for tensor in model.graph.initializer:
        nodes += _halve(tensor, there, weights.name if weights else "")
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])
    path.write_bytes(model.SerializeToString())


def tensors_in(weights: Path) -> dict[bytes, Place]:
    """Where each half-precision tensor of a safetensors file is, by its content.

    Source:
        https://github.com/huggingface/safetensors#format
    """
    content = weights.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    found = {}
    for name, about in header.items():
        if name != "__metadata__" and about["dtype"] == "F16":
            first, last = (start + offset for offset in about["data_offsets"])
            found[content[first:last]] = Place(first, last - first)
    return found


def _halve(tensor: "TensorProto", there: dict[bytes, Place], file: str) -> "list[NodeProto]":
    """Halve one tensor where nothing is lost; the node that makes single precision of it under its own name."""
    from onnx import StringStringEntryProto, TensorProto, helper, numpy_helper

    if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < LEAST:
        return []
    single = numpy_helper.to_array(tensor)
    with np.errstate(over="ignore"):
        half = single.astype(np.float16)
    if not np.array_equal(half.astype(np.float32), single):
        return []
    name, content = tensor.name, half.tobytes()
    tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
    if place := there.get(content):
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        entries = {"location": file, "offset": place.start, "length": place.size}
        tensor.external_data.extend(StringStringEntryProto(key=key, value=str(value)) for key, value in entries.items())
    return [helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT)]
