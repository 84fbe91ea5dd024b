"""Automatic mixed precision: ``autocast`` chooses each operation's dtype, ``GradScaler`` keeps gradients in range."""

from rustorch.amp.autocast_mode import (
    autocast as autocast,
    custom_bwd as custom_bwd,
    custom_fwd as custom_fwd,
    is_autocast_available as is_autocast_available,
)
from rustorch.amp.grad_scaler import GradScaler as GradScaler
