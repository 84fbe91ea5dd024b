"""The functions of ``torch.signal.windows``."""

from rustorch.eager.ops import NAMESPACES

globals().update(NAMESPACES.setdefault("signal.windows", {}))
