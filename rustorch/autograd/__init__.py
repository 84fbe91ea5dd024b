"""Automatic differentiation: reverse mode over the recorded graph, to any order."""

from rustorch.autograd.function import Function as Function
from rustorch.autograd.function import once_differentiable as once_differentiable
from rustorch.autograd.functions import backward as backward
from rustorch.autograd.functions import grad as grad
from rustorch.autograd.grad_fn import GradFn as GradFn
from rustorch.autograd.modes import enable_grad as enable_grad
from rustorch.autograd.modes import inference_mode as inference_mode
from rustorch.autograd.modes import is_grad_enabled as is_grad_enabled
from rustorch.autograd.modes import no_grad as no_grad
from rustorch.autograd.modes import set_grad_enabled as set_grad_enabled
from rustorch.autograd.variable import Variable as Variable
