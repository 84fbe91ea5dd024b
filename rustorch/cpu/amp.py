"""``torch.cpu.amp``: the older names of ``rustorch.amp`` for the CPU."""

from rustorch.amp._old_names import autocast_for, scaler_for
from rustorch.dtypes import bfloat16

autocast = autocast_for("cpu", bfloat16)
GradScaler = scaler_for("cpu")
