"""Traced functions and modules: recorded once, with guards on all they read, and then repeated as one program.

``docs/jit.md`` tells what is guarded, what it costs, and how to read ``explain()``.
"""

from rustorch.jit.export import save as save
from rustorch.jit.loaded import LoadedModule as LoadedModule, load as load
from rustorch.jit.module import ScriptModule as ScriptModule
from rustorch.jit.trace import is_tracing as is_tracing, trace as trace
from rustorch.jit.traced import Traced as Traced
