"""Write the ONNX forms of the shipped models again: after a new model, or a change of what predicts.

    python benchmarks/shipped_onnx.py [NAME …]

Each is a graph beside its `.safetensors`, from which it reads the weights. It is put in place only if ONNX Runtime and
torch agree. Takes some minutes a model.
"""

import sys

from dsol.config import SHIPPED
from dsol.export import export

for name in sys.argv[1:] or sorted(path.stem for path in SHIPPED.glob("*.safetensors")):
    weights = SHIPPED / f"{name}.safetensors"
    export(weights, weights.with_suffix(".onnx"), weights)
