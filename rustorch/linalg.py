"""The functions of ``torch.linalg``, built from the op table."""

from rustorch.eager.ops import NAMESPACES

globals().update(NAMESPACES.setdefault("linalg", {}))
