"""``torch.utils``."""

from rustorch.utils import checkpoint as checkpoint
from rustorch.utils.train import train_step as train_step
