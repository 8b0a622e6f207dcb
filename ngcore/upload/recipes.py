"""Code that converts files this project will not read; users run it themselves, where they trust the file."""

import re

CONVERT = "Convert it where you trust it, then upload model.npz."
"""What a message says before it shows a recipe."""

TORCH_TO_NPZ = """\
import numpy as np
import torch

# Loading runs the code in the file, and a whole model needs the code that defines its classes.
state = torch.load("model.pt", map_location="cpu", weights_only=False)
keys = ("state_dict", "model_state_dict", "model", "network", "net")
while isinstance(state, dict) and any(key in state for key in keys):
    state = next(state[key] for key in keys if key in state)
if hasattr(state, "state_dict"):
    state = state.state_dict()
arrays = {
    name: tensor.detach().to(torch.float32).numpy()
    for name, tensor in state.items()
    if isinstance(tensor, torch.Tensor)
}
np.savez("model.npz", **arrays)
"""

PICKLE_TO_NPZ = """\
import pickle

import numpy as np

# Loading runs the code in the file. This expects a dict of arrays, named such as "0.weight" and "0.bias".
with open("model.pkl", "rb") as file:
    arrays = pickle.load(file)
np.savez("model.npz", **{name: np.asarray(array, dtype=np.float32) for name, array in arrays.items()})
"""

KERAS_TO_NPZ = """\
import keras
import numpy as np

arrays, grid = {}, None
for i, layer in enumerate(keras.saving.load_model("model.keras").layers):
    kind, weights = type(layer).__name__, layer.get_weights()
    if kind == "Flatten" and len(layer.input.shape) == 4:
        grid = layer.input.shape[1:]  # height, width, channels
    elif kind == "Dense":
        if grid:  # Keras flattens channels last, torch channels first
            weights[0] = weights[0].reshape(*grid, -1).transpose(2, 0, 1, 3).reshape(len(weights[0]), -1)
        weights[0], grid = weights[0].T, None  # inputs x outputs -> outputs x inputs
        names = ("weight", "bias")
    elif kind == "Conv2D":
        weights[0] = weights[0].transpose(3, 2, 0, 1)  # height, width, in, out -> out, in, height, width
        names = ("weight", "bias")
    elif kind == "BatchNormalization" and layer.scale and layer.center:
        weights[3] = weights[3] + layer.epsilon - 1e-5  # the epsilon that the reader takes
        names = ("weight", "bias", "running_mean", "running_var")
    elif weights:
        raise SystemExit(f"{layer.name} is a {kind}, which this recipe does not convert.")
    arrays |= {f"{i}.{name}": array for name, array in zip(names, weights)} if weights else {}
np.savez("model.npz", **arrays)
"""

INLINE_ONNX = """\
import onnx

# onnx.load reads the files beside model.onnx, too.
onnx.save(onnx.load("model.onnx"), "model-inline.onnx", save_as_external_data=False)
"""

ARRAY_TO_NPZ = """\
import numpy as np

weight, bias = np.load("weight.npy"), np.load("bias.npy")
np.savez("model.npz", **{"0.weight": weight, "0.bias": bias})
"""

_READ = ("model.pt", "model.pkl", "model.keras", "model.onnx")
_NAME = re.compile(r"[\w.,+= ()-]{1,200}", re.ASCII)


def for_file(recipe: str, filename: str) -> str:
    """A recipe that reads a file of this name in place of the one that it names; as it is where a name has other signs.

    Example:
        >>> for_file('state = torch.load("model.pt")', "net 3.pt")
        'state = torch.load("net 3.pt")'
    """
    if not _NAME.fullmatch(filename):
        return recipe
    for name in _READ:
        recipe = recipe.replace(f'"{name}"', f'"{filename}"')
    return recipe
