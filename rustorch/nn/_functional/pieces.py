"""The recorded building blocks that users do not see, as functions.

An op that needs Python around it (a running statistic to write, a mask to draw) is in the table
without a public function; ``piece`` gives one that records it.
"""

from rustorch.eager.random import draw
from rustorch.eager.recorder import apply
from rustorch.lowering.table import TABLE


def piece(name):
    """A function that records the op called ``nn.functional.<name>``."""
    op = TABLE["nn.functional." + name]

    def record(*args):
        return apply(op, args)

    return record


def noise(name):
    """A function that records a draw of the default generator: ``(tensor, *arguments)``.

    The tensor says on which device to draw; ``generator=`` another generator.
    """
    op = TABLE["nn.functional." + name]

    def record(tensor, *args, generator=None):
        return draw(op, generator, tensor.device, *args)

    return record
