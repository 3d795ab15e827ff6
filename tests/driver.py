"""The command line with small pictures and a small recipe, to be run, stopped and killed by tests.

DIE_IN_WRITE=words:n kills it in the middle of the n-th file it writes with these words in its path;
with PACE=s a step takes s seconds at least.
"""

import fcntl
import os
import signal
import sys
import time

from resnet_edu import recipes
from resnet_edu.__main__ import main
from resnet_edu.data import shapes
from resnet_edu.train import Training

# At the top, so that the processes of a sweep do the same.
shapes.TRAIN, shapes.TEST = 200, 100
TINY = recipes.Recipe("tiny", 40, 0.1, "one-cycle", (8,), batch=8, evaluate_every=5)
BURNING = recipes.Recipe("burning", 10, 1e30, "steps", (), batch=8, evaluate_every=5)
recipes.RECIPES |= {recipe.name: recipe for recipe in (TINY, BURNING)}

if pace := float(os.environ.get("PACE", 0)):
    step = Training.step
    Training.step = lambda self: (time.sleep(pace), step(self))[1]

words, _, number = os.environ.get("DIE_IN_WRITE", "").partition(":")
writes, flush = int(number or 0), os.fsync


def name_of(handle: int) -> str:
    """The path of an open file."""
    if sys.platform == "darwin":
        return os.fsdecode(fcntl.fcntl(handle, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
    return os.readlink(f"/proc/self/fd/{handle}")


def fsync(handle: int) -> None:
    """Flushes, unless it is time to die."""
    global writes
    writes -= words in name_of(handle)
    if writes == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    flush(handle)


if words:
    os.fsync = fsync

if __name__ == "__main__":
    sys.exit(main())
