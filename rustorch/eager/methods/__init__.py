"""Methods and properties of ``Tensor`` that are about the handle, not about computing."""

from rustorch.eager.methods import (
    arrays as arrays,
    casts as casts,
    copies as copies,
    facts as facts,
    gradients as gradients,
    older as older,
    values as values,
)
from rustorch.eager.methods.values import grad_name as grad_name
