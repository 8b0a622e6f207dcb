from .handover import FOLDER_VARIABLE as FOLDER_VARIABLE
from .handover import Handover as Handover
from .handover import hand_over as hand_over
from .handover import take_over as take_over
from .opening import Shown as Shown
from .opening import show as show
