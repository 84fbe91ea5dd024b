"""``Direct``: a function of arrays as a program of its own, started at once, beside the graph."""

from __future__ import annotations

from rustorch.lowering.compile import PLATFORMS, Program
from rustorch.lowering.settings import settings_key


class Direct:
    """``body(arrays)`` compiled for one device; ``size`` counts its operations."""

    def __init__(self, body, device, size: int):
        self.body, self.device, self.size = body, device, size
        self.where = PLATFORMS[device.type]
        self.programs: dict = {}

    def __call__(self, arrays):
        key = settings_key(self.where)
        program = self.programs.get(key)
        if program is None:
            program = self.programs[key] = Program(self.body, self.device, self.size)
        return program.start((arrays,), (), "a compiled function")
