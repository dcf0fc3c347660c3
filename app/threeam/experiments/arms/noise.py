"""The library of the arm ``noise``: it is compiled once, and loaded into each run with a seed of its own."""

from __future__ import annotations

import os
import shutil
from importlib.resources import files
from random import Random

from threeam.core.errors import BadInput, FileUnusable
from threeam.core.platform.folders import make_dirs
from threeam.core.platform.user_dirs import private_state_dir
from threeam.process.captured import run_captured

_COMPILE_TIMEOUT_S = 60
_MAX_SEED = 2**63
# A function of the library ends in a jump to the next one, so it is in no stack of a run that hangs.
_FLAGS = ("-shared", "-fPIC", "-O2", "-foptimize-sibling-calls", "-pthread")


def noise_library() -> str:
    """Return the path of the compiled library. Compile it if this version has not.

    Raise `BadInput` without a C compiler, and `FileUnusable` if the library cannot be written.
    """
    import hashlib

    source = files("threeam").joinpath("share", "noise.c").read_bytes()
    folder = private_state_dir(os.environ)
    version = hashlib.sha256(source + " ".join(_FLAGS).encode()).hexdigest()[:12]
    path = os.path.join(folder, f"noise-{version}.so")
    if any(separator in path for separator in " :"):
        raise BadInput(f"LD_PRELOAD, which the arm noise needs, cannot name {path}: set XDG_STATE_HOME to a plain path")
    if not os.path.exists(path):
        _compile(source, folder, path)
    return path


def noise_words(library: str, plan_seed: int, run_number: int) -> list[str]:
    """Return the words before a command that load the library, with the seed of the run ``run_number``."""
    seed = int(Random(f"{plan_seed}:{run_number}").random() * _MAX_SEED)
    loaded = " ".join(filter(None, (library, os.environ.get("LD_PRELOAD", ""))))
    return ["env", f"LD_PRELOAD={loaded}", f"NOISE_SEED={seed}"]


def _compile(source: bytes, folder: str, path: str) -> None:
    """Compile ``source`` to ``path``. The file appears complete, or not at all."""
    if shutil.which("cc") is None:
        raise BadInput("the arm noise needs a C compiler, and there is no cc: install gcc and libc6-dev")
    unfinished = f"{path}.{os.getpid()}"
    try:
        make_dirs(folder)
        with open(f"{unfinished}.c", "wb") as file:
            file.write(source)
        command = ["cc", *_FLAGS, "-o", unfinished, f"{unfinished}.c", "-ldl"]
        compiled = run_captured(command, _COMPILE_TIMEOUT_S, os.environ)
        if compiled is None or compiled[0] != 0:
            said = (compiled[1] if compiled else "").strip().splitlines()
            raise BadInput(f"the arm noise cannot be compiled: {said[0] if said else 'cc did not end in time'}")
        os.rename(unfinished, path)
    except OSError as error:
        raise FileUnusable(f"the library of the arm noise cannot be written to {folder}: {error.strerror}") from None
    finally:
        for leftover in (unfinished, f"{unfinished}.c"):
            if os.path.exists(leftover):
                os.unlink(leftover)
