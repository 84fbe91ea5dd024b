"""How well a program is compiled: a large one quickly for its first start, then, if it is started again, well.

XLA takes 3 s to optimise the step of a small GPT, and 1.3 s to compile it as it stands. Whoever starts a program once has
its result sooner by the difference, and whoever loops over it sees the first loss sooner. It is the second start that
changes, in every process and whatever is on disk: a run can be repeated to the last bit. A loop over large arrays that only
adds or multiplies is compiled in a third way, which writes memory twice as fast.
"""

from __future__ import annotations

import re

from rustorch.lowering.persist import Lowered, Note, cache_dir
from rustorch.lowering.settings import QUICK, STREAMING

MIN_LINES = 1500  # of StableHLO: less is compiled within a second anyway
MAX_WORK = 1 << 28  # elements computed: code that was not optimised takes some nanoseconds for each
MIN_STREAM = 1 << 16  # elements computed: a loop over fewer takes no time
_OPERATION = re.compile(r"%\S+ = \"?(?:stablehlo\.)?(\w+)")
_ON_ELEMENTS = frozenset(  # those with one right result: the other way of compiling rounds tanh otherwise
    "abs add and ceil compare convert divide floor maximum minimum multiply negate not or select sqrt subtract xor".split()
)


def start(program, args, device, options, about=None):
    """Compile ``program`` for ``args`` and run it.

    ``about`` tells how many elements it computes and its name (`lowering.naming`); without it, it is compiled well.
    """
    work, name = about() if about is not None else (None, None)
    if options is not None or cache_dir() is None:
        name = None
    note = None if name is None else Note.of(name, device)
    if note is not None and (first := note.load(note.first, args, device)) is not None:
        program.run = first if note.later == note.first else _again(program, None, device, name, note)
        return first(*args)
    lowered = Lowered(program.jitted, args, device)
    is_tiered = False
    if options is None and device.platform == "cpu" and work is not None:
        is_tiered = _is_tiered(lowered.text, work)
        options = QUICK if is_tiered else STREAMING if _streams(lowered.text, work) else None
    first, file = lowered.compiled(options)
    out = first(*args)
    if name is not None and file is not None:
        note = Note(file, None if is_tiered else file, len(out), lowered.calls_lapack)
        note.leave(name, device)
    program.run = _again(program, lowered, device, name, note) if is_tiered else first
    return out


def _again(program, lowered, device, name, note):
    """The second start: from then on the program is its optimised code."""

    def again(*args):
        run = note and note.load(note.later, args, device)
        if run is None:
            run, file = (lowered or Lowered(program.jitted, args, device)).compiled()
            if note is not None and file is not None:
                note.later = file
                note.leave(name, device)
        program.run = run
        return run(*args)

    return again


def _streams(text: str, work: int) -> bool:
    """Is it a loop that reads arrays, computes with their elements and writes, and does nothing else? Or pads an array?"""
    if work < MIN_STREAM or text.count("\n") >= 40:
        return False
    found = set(_OPERATION.findall(text))
    return found <= _ON_ELEMENTS or found == {"constant", "pad"}


def _is_tiered(text: str, work: int) -> bool:
    """Is compiling slow, and running not? How often a loop runs cannot be seen."""
    return text.count("\n") >= MIN_LINES and work <= MAX_WORK and "stablehlo.while" not in text
