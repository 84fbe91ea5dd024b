"""For tests whose programs run once: compile without what is dear, LLVM's late passes and MLIR's loop emitters."""

from contextlib import contextmanager

from rustorch.lowering import compile as compiler
from rustorch.lowering.settings import QUICK


@contextmanager
def plain_code():
    """Programs are compiled in a third of the time, and run slower."""
    before, compiler.compiler_options = compiler.compiler_options, lambda where: QUICK
    try:
        yield
    finally:
        compiler.compiler_options = before
