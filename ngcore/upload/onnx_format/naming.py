"""Names of steps and parameters: those of the modules that were exported, wherever the file tells them."""

import re
from collections.abc import Iterable

import onnx_ir

from ngcore.text import clean_text
from ngcore.upload.weights.tensor import clean_name

SCOPES = "pkg.torch.onnx.name_scopes"
ANONYMOUS = re.compile(r"(onnx::|val_|_val_|const|Constant|_inlfunc)|\d+$|.*__\d+$|.*[/:]")
ROLES = {
    "Add": ("bias", "bias"),
    "BatchNormalization": ("input", "weight", "bias", "running_mean", "running_var"),
    "Conv": ("input", "weight", "bias"),
    "ConvTranspose": ("input", "weight", "bias"),
    "Gather": ("weight", "indices"),
    "Gemm": ("weight", "weight", "bias"),
    "GRU": ("input", "weight_ih", "weight_hh", "bias"),
    "GroupNormalization": ("input", "weight", "bias"),
    "InstanceNormalization": ("input", "weight", "bias"),
    "LayerNormalization": ("input", "weight", "bias"),
    "LSTM": ("input", "weight_ih", "weight_hh", "bias"),
    "MatMul": ("weight", "weight"),
    "Mul": ("weight", "weight"),
    "PRelu": ("input", "weight"),
    "RNN": ("input", "weight_ih", "weight_hh", "bias"),
}
"""What the inputs of an operation are to it, by their places."""

PASSING = ("Identity", "Transpose", "Cast", "DequantizeLinear", "Reshape", "Unsqueeze", "Squeeze")


def path_of(node: onnx_ir.Node) -> str:
    """The path of the module that an operation belongs to ("encoder.layers.0"), as far as the file tells it.

    Of torch's newer exporter by the scopes that it notes, of the older one and tf2onnx by the name of the node:
    "/features/features.0/Conv" and "model/dense/MatMul".
    """
    scopes = re.findall(r"'([^']*)'", node.metadata_props.get(SCOPES, ""))[:-1]
    if scopes:
        return clean_text(scopes[-1])
    parts = [part for part in (node.name or "").split("/") if part][:-1]
    kept = [part for part, after in zip(parts, [*parts[1:], ""], strict=False) if not after.startswith(f"{part}.")]
    return clean_text(".".join(part for part in kept if part not in ("StatefulPartitionedCall", "PartitionedCall")))


def parameter_names(graph: onnx_ir.Graph, constants: Iterable[str]) -> dict[str, str]:
    """A name for every constant, clean and its own: that of the file, or where that tells nothing one by its use."""
    taken: set[str] = set()
    names = {}
    uses = _uses(graph)
    for name in constants:
        shown = name if not ANONYMOUS.match(name) else uses.get(name) or name
        names[name] = clean_name(shown, taken)
    return names


def _uses(graph: onnx_ir.Graph) -> dict[str, str]:
    """For a constant what it is to the first node that reads it ("encoder.linear.weight")."""
    passed: dict[str, str] = {}
    found: dict[str, str] = {}
    for node in graph:
        first = node.inputs[0] if node.inputs else None
        if node.op_type in PASSING and first is not None and node.outputs:
            passed[node.outputs[0].name or ""] = passed.get(first.name or "", first.name or "")
            continue
        roles, path = ROLES.get(node.op_type, ()), path_of(node)
        for role, value in zip(roles, node.inputs, strict=False):
            if value is not None and path:
                name = value.name or ""
                found.setdefault(passed.get(name, name), f"{path}.{role}")
    return found
