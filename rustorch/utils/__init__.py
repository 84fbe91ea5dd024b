"""``torch.utils``."""

from rustorch.utils import checkpoint as checkpoint
