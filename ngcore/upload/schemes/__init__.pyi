from .origin import Origin as Origin
from .origin import View as View
from .recognise import Recognition as Recognition
from .recognise import Structure as Structure
from .recognise import recognise as recognise
