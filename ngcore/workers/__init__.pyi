from .run import THIS_PROCESS as THIS_PROCESS
from .run import Workers as Workers
from .run import run_on_workers as run_on_workers
