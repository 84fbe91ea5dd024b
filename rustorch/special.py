"""The functions of ``torch.special``, built from the op table."""

from rustorch.eager.ops import NAMESPACES

globals().update(NAMESPACES.setdefault("special", {}))
