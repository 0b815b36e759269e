"""Runs a module as a program that ends when standard input closes: ``python -m flows.with_parent MODULE ARGUMENTS...``.

Whoever starts it holds the other end of a pipe there. The system closes that end however the holder dies, by SIGKILL too, so that no
server outlives the run that it was started for.
"""

import os
import runpy
import signal
import sys
import threading
import time

_END_SECONDS = 20.0  # for a clean end, as its parent would have given it


def _end_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_END_SECONDS)
    os._exit(1)


def main(module: str, *arguments: str) -> None:
    """Run a module with arguments, in this process, until it ends or standard input closes."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
