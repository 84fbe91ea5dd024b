"""Templates: an argument list with markers where arrays and runtime numbers go."""

from __future__ import annotations


class Marker:
    """Stands in a template for something that varies from call to call."""

    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"<{self.name}>"


ARRAY = Marker("array")
NUMBER = Marker("number")


class Group(tuple):
    """A nested sequence in a template; ``kind`` rebuilds it (``tuple`` or ``list``)."""

    __slots__ = ()


def fill(template, arrays, numbers) -> list:
    """The argument list with ``arrays`` and ``numbers`` put in, each in order of appearance."""
    return _fill(template, iter(arrays), iter(numbers))


def _fill(template, arrays, numbers) -> list:
    out = []
    for entry in template:
        if entry is ARRAY:
            out.append(next(arrays))
        elif entry is NUMBER:
            out.append(next(numbers))
        elif type(entry) is Group:
            out.append(tuple(_fill(entry, arrays, numbers)))
        else:
            out.append(entry)
    return out


def call(op, body, args):
    """Call ``body`` with the op's positional arguments, keyword-only ones by name."""
    split = op.keyword_only
    if len(args) > split and len(op.params) > split:
        return body(*args[:split], **dict(zip(op.params[split:], args[split:])))
    return body(*args)
