"""For tests whose programs run once: compile without LLVM's dear passes."""

from contextlib import contextmanager

from rustorch.lowering import compile as compiler

OPTIONS = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


@contextmanager
def plain_code():
    """Programs are compiled in half the time, and run slower."""
    before, compiler.compiler_options = compiler.compiler_options, lambda where: OPTIONS
    try:
        yield
    finally:
        compiler.compiler_options = before
