"""``torch.cuda.amp``: the older names of ``rustorch.amp`` for CUDA."""

from rustorch.amp._old_names import autocast_for, decorators_for, scaler_for
from rustorch.dtypes import float16

autocast = autocast_for("cuda", float16)
GradScaler = scaler_for("cuda")
custom_fwd, custom_bwd = decorators_for("cuda")
