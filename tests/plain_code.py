"""For tests whose programs run once: compile without what is dear, LLVM's late passes and MLIR's loop emitters."""

from contextlib import contextmanager

from rustorch.lowering import compile as compiler

OPTIONS = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_use_fusion_emitters": False,
}


@contextmanager
def plain_code():
    """Programs are compiled in a third of the time, and run slower."""
    before, compiler.compiler_options = compiler.compiler_options, lambda where: OPTIONS
    try:
        yield
    finally:
        compiler.compiler_options = before
