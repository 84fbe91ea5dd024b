"""``detect_anomaly``: find the operation whose gradient became NaN, and the line that recorded it."""

from __future__ import annotations

import warnings

from rustorch.dtypes import FLOATING
from rustorch.eager.methods import grad_name
from rustorch.eager.recorder import wrap
from rustorch.eager.state import local, look_closely
from rustorch.errors import ArgumentTypeError, RustorchRuntimeError
from rustorch.lowering.transform import forward_of


class set_detect_anomaly:
    """Switch anomaly detection on or off, at once and, as a context, until its end.

    Args:
        mode: remember the line of every operation.
        check_nan: look at every gradient and stop at the first NaN (each look starts a program: slow).
    """

    def __init__(self, mode: bool, check_nan: bool = True):
        self.before = local.anomaly, local.check_nan
        local.anomaly, local.check_nan = bool(mode), bool(mode and check_nan)
        look_closely()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        local.anomaly, local.check_nan = self.before
        look_closely()


class detect_anomaly:
    """A context in which a backward pass that makes a NaN fails, naming the operation and the user's line.

    The operation must be recorded inside the context too, or its line is unknown.

    Example:
        >>> import rustorch
        >>> x = rustorch.zeros(1, requires_grad=True)
        >>> with rustorch.autograd.detect_anomaly():  # doctest: +SKIP
        ...     (x.sqrt() * 0).backward()
        RuntimeError: Function 'SqrtBackward0' returned nan values in its 0th output. Recorded at ...
    """

    def __init__(self, check_nan: bool = True):
        self.check_nan = check_nan
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for debugging.",
            stacklevel=2,
        )

    def __enter__(self):
        self.inner = set_detect_anomaly(True, self.check_nan)

    def __exit__(self, *exc):
        self.inner.__exit__(*exc)


def is_anomaly_enabled() -> bool:
    """Is anomaly detection on in this thread?"""
    return local.anomaly


def is_anomaly_check_nan_enabled() -> bool:
    """Does it look for NaN, or would it if it were on?"""
    return local.check_nan or not local.anomaly


def set_anomaly_enabled(enabled: bool, check_nan: bool = True) -> None:
    """``set_detect_anomaly`` as a function.

    Raises:
        TypeError: ``enabled`` is no bool.

    Example:
        >>> import rustorch as torch
        >>> torch.set_anomaly_enabled(True)
        >>> torch.is_anomaly_enabled()
        True
        >>> torch.set_anomaly_enabled(False)
    """
    if not isinstance(enabled, bool):
        raise ArgumentTypeError(
            f"set_anomaly_enabled(): argument 'enabled' (position 1) must be bool, not {type(enabled).__name__}"
        )
    set_detect_anomaly(enabled, check_nan)


def refuse_nan(node, grads) -> None:
    """Raise if a gradient that ``node``'s step gave has a NaN.

    Raises:
        RuntimeError: naming the step and the line at which the operation was recorded.
    """
    for i, g in enumerate(grads):
        if g.aval.dtype.kind >= FLOATING and bool(wrap(g).isnan().any()):
            where = node.meta.where if node.meta is not None and node.meta.where else "a line outside detect_anomaly"
            raise RustorchRuntimeError(
                f"Function '{grad_name(node)}' returned nan values in its {i}th output. Recorded at {where}"
            )


def refuse_missing(node, asked, forward: bool = False) -> None:
    """Raise if a derivative is asked for that the operation does not have.

    Args:
        asked: for each input, whether its derivative is wanted.
        forward: is it forward mode that asks?

    Raises:
        RuntimeError: (NotImplementedError where PyTorch has that) PyTorch's text, with a note of the operation and,
            if known, of the user's line.
    """
    sig = forward_of(node.sig)
    try:
        sig.op.refuse(sig.template, asked, forward)
    except (NotImplementedError, RuntimeError) as error:
        raise noted(error, node) from None


def noted(error: Exception, node, name=None) -> Exception:
    """``error`` with a note that names the operation and, under ``detect_anomaly``, the line that recorded it."""
    where = node.meta.where if node.meta is not None else None
    line = f"recorded at {where}" if where else "recorded outside autograd.detect_anomaly(), which would name its line"
    error.add_note(f"The operation was {name or node.sig.op.name}, {line}")
    return error
