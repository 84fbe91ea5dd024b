"""``torch.nested``: tensors of different sizes as one, without padding.

The sizes are part of a program, so that each new set of sizes is compiled; values are not.
"""

from rustorch.nested import rules as _rules
from rustorch.nested.construct import (
    as_nested_tensor as as_nested_tensor,
    masked_select as masked_select,
    narrow as narrow,
    nested_tensor as nested_tensor,
    nested_tensor_from_jagged as nested_tensor_from_jagged,
    to_padded_tensor as to_padded_tensor,
)
