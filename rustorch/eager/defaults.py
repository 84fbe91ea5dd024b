"""The default dtype: changing it concludes what was recorded under the old one."""

from __future__ import annotations

from rustorch import dtypes
from rustorch.eager.storage import flush
from rustorch.lowering.infer import SIGS


def set_default_dtype(d) -> None:
    """Set the dtype of tensors made from Python floats.

    Raises:
        TypeError: ``d`` is not a floating point type.
    """
    flush()  # pending promotions would otherwise be lowered under the new default
    dtypes.set_default_dtype(d)
    SIGS.clear()


def set_default_tensor_type(t) -> None:
    """``set_default_dtype`` by the old names, e.g. ``torch.DoubleTensor``."""
    name = t if isinstance(t, str) else f"torch.{t.__name__}"
    set_default_dtype(next(d for d in dtypes.ALL if name.endswith(f".{d.alias}Tensor")))
