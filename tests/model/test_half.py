"""Weights in half precision where that loses nothing."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

from dsol.model.half import halved

NOISE = np.random.default_rng(0)


def _sum_file(path, weight):
    """A graph that adds a weight (400,) to its input."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [400]) for name in "xy")
    node, tensor = helper.make_node("Add", ["x", "w"], ["y"]), numpy_helper.from_array(weight, "w")
    graph = helper.make_graph([node], "sum", [x], [y], [tensor])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 8
    onnx.save(model, path)


def _sum(path):
    return onnxruntime.InferenceSession(path).run(None, {"x": np.zeros(400, np.float32)})[0]


@pytest.mark.parametrize("exact", [True, False])
def test_only_what_is_rounded_already_is_halved(exact, tmp_path):
    weight = NOISE.normal(size=400).astype(np.float16 if exact else np.float32).astype(np.float32)
    _sum_file(tmp_path / "sum.onnx", weight)
    before = (tmp_path / "sum.onnx").stat().st_size
    halved(tmp_path / "sum.onnx")
    assert ((tmp_path / "sum.onnx").stat().st_size < before - 700) == exact
    np.testing.assert_array_equal(_sum(tmp_path / "sum.onnx"), weight)


def test_weights_are_read_from_the_model_file(tmp_path):
    weight = NOISE.normal(size=400).astype(np.float16)
    save_file({"other": weight + 1, "mine": weight}, tmp_path / "sum.safetensors", {"dsol": "{}"})
    _sum_file(tmp_path / "sum.onnx", weight.astype(np.float32))
    halved(tmp_path / "sum.onnx", tmp_path / "sum.safetensors")
    assert (tmp_path / "sum.onnx").stat().st_size < 800
    np.testing.assert_array_equal(_sum(tmp_path / "sum.onnx"), weight.astype(np.float32))
