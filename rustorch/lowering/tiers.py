"""How well a program is compiled: a large one quickly for its first start, then, if it is started again, well.

XLA takes 3 s to optimise the step of a small GPT, and 1.3 s to compile it as it stands. Whoever starts a program once has
its result sooner by the difference, and whoever loops over it sees the first loss sooner. It is the second start that
changes, in every process and whatever is on disk: a run can be repeated to the last bit.
"""

from __future__ import annotations

from rustorch.lowering.persist import Lowered, Note, cache_dir
from rustorch.lowering.settings import QUICK

MIN_LINES = 1500  # of StableHLO: less is compiled within a second anyway
MAX_WORK = 1 << 28  # elements computed: code that was not optimised takes some nanoseconds for each


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
    is_tiered = options is None and device.platform == "cpu" and work is not None and _is_tiered(lowered.text, work)
    first, file = lowered.compiled(QUICK if is_tiered else options)
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


def _is_tiered(text: str, work: int) -> bool:
    """Is compiling slow, and running not? How often a loop runs cannot be seen."""
    return text.count("\n") >= MIN_LINES and work <= MAX_WORK and "stablehlo.while" not in text
