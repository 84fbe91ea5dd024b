"""The grad modes under PyTorch's public path."""

from rustorch.eager.modes import enable_grad as enable_grad
from rustorch.eager.modes import inference_mode as inference_mode
from rustorch.eager.modes import is_grad_enabled as is_grad_enabled
from rustorch.eager.modes import is_inference_mode_enabled as is_inference_mode_enabled
from rustorch.eager.modes import no_grad as no_grad
from rustorch.eager.modes import set_grad_enabled as set_grad_enabled
