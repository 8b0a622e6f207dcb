"""State dicts of well-known libraries, rebuilt whole from the names and shapes of their tensors.

One file per family says which names it has and which steps they make. What numbers in a file cannot tell is asked for
once (`ngcore.upload.questions`), or taken as the library has it and noted. A file is taken only if each of its tensors
has a place; of all others the messages say what they look like, and what does not fit.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
