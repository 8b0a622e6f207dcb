from .origin import Origin as Origin
from .origin import View as View
from .recognise import recognise as recognise
from .structure import Recognition as Recognition
from .structure import Structure as Structure
