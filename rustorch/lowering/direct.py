"""``Direct``: a function of arrays as a program of its own, started at once, beside the graph."""

from __future__ import annotations

import time

from rustorch.lowering import observe
from rustorch.lowering.compile import PLATFORMS, Program
from rustorch.lowering.placement import x64
from rustorch.lowering.settings import settings_key
from rustorch.lowering.short import reachable


class Direct:
    """``body(arrays)`` compiled for one device; ``size`` counts its operations."""

    def __init__(self, body, device, size: int):
        self.body, self.device, self.size = body, device, size
        self.where = PLATFORMS[device.type]
        self.programs: dict = {}

    def __call__(self, arrays):
        key = settings_key(self.where)
        program = self.programs.get(key)
        is_new = program is None
        if is_new:
            program = self.programs[key] = Program(self.body, self.device, self.size, 0)
            started = time.perf_counter()
        with x64():
            out = program.run(reachable(arrays, program.device))
        if is_new:
            program.seconds, program.n_outputs = time.perf_counter() - started, len(out)
            observe.compiled(program, "a compiled function")
        program.runs += 1
        observe.count("dispatched")
        observe.count("recorded", self.size)
        return out
