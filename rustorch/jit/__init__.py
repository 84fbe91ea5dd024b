"""Traced functions and modules: recorded once, with guards on all they read, and then repeated as one program.

``docs/jit.md`` tells what is guarded, what it costs, and how to read ``explain()``.
"""

from typing import Final as Final

from rustorch.jit.loaded import LoadedModule as LoadedModule, load as load
from rustorch.jit.module import ScriptModule as ScriptModule
from rustorch.jit.repeated import Repeated as Repeated, blocks as blocks
from rustorch.jit.saving import save as save
from rustorch.jit.scripting import (
    Attribute as Attribute,
    annotate as annotate,
    export as export,
    fork as fork,
    freeze as freeze,
    ignore as ignore,
    interface as interface,
    is_scripting as is_scripting,
    isinstance_ as isinstance,
    onednn_fusion_enabled as onednn_fusion_enabled,
    optimize_for_inference as optimize_for_inference,
    script as script,
    script_method as script_method,
    trace_module as trace_module,
    unused as unused,
    wait as wait,
)
from rustorch.jit.traced import Traced as Traced
from rustorch.jit.tracing import is_tracing as is_tracing, trace as trace
from rustorch.lowering.persist import cache_dir as cache_dir, set_cache_dir as set_cache_dir

ScriptFunction = Traced
