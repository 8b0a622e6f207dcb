from .of_file import connections_of as connections_of
from .of_file import load_network as load_network
from .of_file import recognise_file as recognise_file
from .origin import Origin as Origin
from .origin import View as View
from .recognise import recognise as recognise
from .structure import Recognition as Recognition
from .structure import Structure as Structure
