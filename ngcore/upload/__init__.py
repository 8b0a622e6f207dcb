"""Untrusted bytes → a network, or where none can be made of them, the weights alone (`ngcore.upload.weights`).

The safety measures, all in this package:

1. The format is decided by the first bytes. Safetensors, `.npz`, torch state dicts (`.pt`), the weights of Keras
   models, ONNX and exported programs (`.pt2`) are read as networks, these and other HDF5 as weights alone; pickles and
   single arrays are recognised and refused with a recipe that converts them.
2. Size limits hold before reading, limits on declared shapes before a tensor is made, a limit on the graph before a
   network is built; `limits.py` gives a reason for each. Servers open to strangers have lower ones.
3. Archives with encrypted entries, links, climbing names, names that occur twice, or the growth of a zip bomb are
   refused.
4. Nothing is unpickled, ever. The pickle of a torch file goes to a process that gives up its rights before it sees
   the first byte (files, network, other programs; `lockdown.py`), has little memory and time, compares the pickle,
   operation by operation, with a short list of harmless ones, and describes the tensors in it by a small machine of
   our own that imports and calls nothing. Each description is checked here before a number is taken from the file.
   Public servers do not read torch files.
5. NaN and infinity are refused, with the tensor named.
6. Names in a file are a stranger's text: cut to 200 characters, control characters removed, markup left as it is. Code
   that shows them in HTML must escape them.
7. An architecture in the metadata of a file is checked field by field before it is used.

No file is written, no address is fetched, and every refusal is an `UploadError`: `read_network` lets no other error
leave.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
