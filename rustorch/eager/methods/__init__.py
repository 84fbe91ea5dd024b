"""Methods and properties of ``Tensor`` that are about the handle, not about computing."""

from rustorch.eager.methods import arrays as arrays
from rustorch.eager.methods import casts as casts
from rustorch.eager.methods import copies as copies
from rustorch.eager.methods import facts as facts
from rustorch.eager.methods import gradients as gradients
from rustorch.eager.methods import values as values
from rustorch.eager.methods.values import grad_name as grad_name
