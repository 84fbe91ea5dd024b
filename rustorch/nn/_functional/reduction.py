"""How a loss is reduced, and the two arguments that said so before ``reduction`` did."""

import functools
import warnings

from rustorch.lowering.table import TABLE


def legacy_reduction(size_average, reduce, stacklevel=3):
    """The ``reduction`` that the old pair of flags meant, with a warning."""
    average = True if size_average is None else size_average
    reduce = True if reduce is None else reduce
    reduction = "none" if not reduce else "mean" if average else "sum"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.",
        stacklevel=stacklevel,
    )
    return reduction


def accepting_legacy(function, name, before=None):
    """The recorded loss ``function`` with PyTorch's warnings.

    Old flags, by position or name, become ``reduction``; ``before(*args, **kwargs)`` is called
    first if given.
    """
    params = TABLE["nn.functional." + name].params
    at = params.index("size_average") if "size_average" in params else len(params)

    @functools.wraps(function)
    def loss(*args, **kwargs):
        if len(args) > at or "size_average" in kwargs or "reduce" in kwargs:
            kwargs = {**dict(zip(params, args)), **kwargs}
            args = ()
            flags = kwargs.pop("size_average", None), kwargs.pop("reduce", None)
            if flags != (None, None):
                kwargs["reduction"] = legacy_reduction(*flags, stacklevel=3)
        if before is not None:
            before(*args, **kwargs)
        return function(*args, **kwargs)

    return loss
