"""The functions of ``torch.linalg``, built from the op table."""

from rustorch.eager.ops import NAMESPACES
from rustorch.errors import LinAlgError as LinAlgError

globals().update(NAMESPACES.setdefault("linalg", {}))
