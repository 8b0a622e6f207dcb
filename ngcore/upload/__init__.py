"""Bytes nobody trusts → a network.

What is done for safety, all of it here:

1. The format is decided by the first bytes. Read are safetensors, `.npz`, and torch state dicts (`.pt`); Keras, HDF5,
   ONNX, legacy torch files, pickles and single arrays are recognised and refused with a recipe that converts them.
2. Size limits hold before reading, limits on declared shapes before a tensor is made, a limit on the graph before a
   network is built; `limits.py` gives a reason for each. Servers open to strangers have lower ones.
3. Archives with encrypted entries, links, climbing names, names that occur twice, or the growth of a zip bomb are
   refused.
4. Nothing is unpickled in this process, and nothing in a `.npz` at all. The pickle of a torch file is compared,
   operation by operation and without running it, with a short list of harmless ones; then torch reads it with
   `weights_only=True` in a process without environment, with little memory, time and rights, which answers with plain
   numbers. There is no second try with less care. Public servers do not read torch files.
5. NaN and infinity are refused, with the tensor named.
6. Names in a file are a stranger's text: cut to 200 characters, control characters removed, markup left as it is. Who
   shows them in HTML must escape them.
7. An architecture in the metadata of a file is checked field by field before it is used.

No file is written, no address is fetched, and every refusal is an `UploadError`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
