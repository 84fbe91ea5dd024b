"""``python -m rustorch script.py args…`` (or ``-m module args…``): run a PyTorch program on rustorch."""

from __future__ import annotations

import argparse
import os
import runpy
import sys

from rustorch.as_torch import install_as_torch


def main(argv: list[str]) -> None:
    """Run the script (or module) that ``argv`` names as ``__main__``, with ``torch`` being rustorch."""
    parser = argparse.ArgumentParser(
        prog="python -m rustorch", description="Run an unmodified PyTorch program on rustorch."
    )
    parser.add_argument("-m", dest="module", action="store_true", help="`program` is a module's name, not a file")
    parser.add_argument("program", help="the PyTorch program")
    parser.add_argument("args", nargs=argparse.REMAINDER, help="its own arguments")
    given = parser.parse_args(argv)
    if not given.module and not os.path.exists(given.program):
        parser.error(f"cannot find the program. Received: {given.program}")
    install_as_torch()
    sys.argv = [given.program, *given.args]
    if given.module:
        sys.path.insert(0, os.getcwd())
        runpy.run_module(given.program, run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = os.path.dirname(os.path.abspath(given.program))
        runpy.run_path(given.program, run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
