"""Automatic differentiation: reverse mode over the recorded graph, to any order."""

from rustorch.autograd import (
    anomaly as anomaly_mode,
    forward_ad as forward_ad,
    function as function,
    functional as functional,
    graph as graph,
    modes as grad_mode,
    variable as variable,
)
from rustorch.autograd.anomaly import (
    detect_anomaly as detect_anomaly,
    is_anomaly_check_nan_enabled as is_anomaly_check_nan_enabled,
    is_anomaly_enabled as is_anomaly_enabled,
    set_anomaly_enabled as set_anomaly_enabled,
    set_detect_anomaly as set_detect_anomaly,
)
from rustorch.autograd.chain import set_taylor_mode as set_taylor_mode
from rustorch.autograd.function import (
    Function as Function,
    NestedIOFunction as NestedIOFunction,
    once_differentiable as once_differentiable,
)
from rustorch.autograd.functions import backward as backward, grad as grad
from rustorch.autograd.grad_fn import GradFn as GradFn
from rustorch.autograd.gradcheck import (
    GradcheckError as GradcheckError,
    gradcheck as gradcheck,
    gradgradcheck as gradgradcheck,
)
from rustorch.autograd.modes import (
    enable_grad as enable_grad,
    inference_mode as inference_mode,
    is_grad_enabled as is_grad_enabled,
    is_inference_mode_enabled as is_inference_mode_enabled,
    is_multithreading_enabled as is_multithreading_enabled,
    no_grad as no_grad,
    set_grad_enabled as set_grad_enabled,
    set_multithreading_enabled as set_multithreading_enabled,
)
from rustorch.autograd.transfer import ToCopy as _ToCopy
from rustorch.autograd.variable import Variable as Variable
