"""The functions of ``torch.fft``, built from the op table."""

from rustorch.eager.ops import NAMESPACES

globals().update(NAMESPACES.setdefault("fft", {}))
