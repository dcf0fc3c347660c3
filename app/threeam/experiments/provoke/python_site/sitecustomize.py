"""Let the Python that traces are made of write its stack when it gets SIGURG, to a descriptor that is never open.

Python imports the module of this name when it starts. strace(1) prints what the program tries to write, and no file is
needed, which the program might close. SIGURG does nothing in other programs.
"""

import faulthandler
import importlib
import os
import signal
import sys

NO_DESCRIPTOR = 2**31 - 1

faulthandler.register(signal.SIGURG, file=NO_DESCRIPTOR, all_threads=False)

# This module hides one of the same name that the machine may have. That is imported now.
_this_module = sys.modules.pop(__name__)
_folder = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [path for path in sys.path if os.path.abspath(path) != _folder]
try:
    importlib.import_module(__name__)
except ImportError as error:
    if error.name != __name__:
        raise
    sys.modules[__name__] = _this_module
