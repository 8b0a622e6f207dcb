"""Any file of weights → its named tensors, whether or not a network can be made of them.

A package of its own inside `upload`: it takes the same bytes through the same safety rules (archives, sandbox, limits,
refusals), but promises less than `read_network`, namely the tensors alone, and so refuses far less. Nothing here knows
of architectures. Readers that know naming schemes build on `WeightFile`:

    file = open_weights(Path("model.safetensors"))     # or the bytes of an upload
    file.tensors["layer1.0.conv1.weight"].shape        # nothing but headers was read so far
    file.tensors["layer1.0.conv1.weight"].array()      # its numbers as float32
    file.tensors["layer1.0.conv1.weight"].summary      # mean, histogram, … in blocks, computed once
    file.aside                                         # what is no weight, each with the reason
    guess_connections(file)                            # pairs of tensors whose sizes match: guesses
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
