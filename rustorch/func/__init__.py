"""Transforms of functions: gradients, products with Jacobians, batches; they nest in any order."""

from rustorch.autograd.transforms.batch import vmap as vmap
from rustorch.autograd.transforms.forward import jvp as jvp, linearize as linearize
from rustorch.autograd.transforms.jacobian import hessian as hessian, jacfwd as jacfwd, jacrev as jacrev
from rustorch.autograd.transforms.products import hvp as hvp, vhp as vhp
from rustorch.autograd.transforms.reverse import grad as grad, grad_and_value as grad_and_value, vjp as vjp
from rustorch.func.compiled import compiled as compiled
from rustorch.func.control import cond as cond, scan as scan, while_loop as while_loop
from rustorch.func.implicit import fixed_point as fixed_point, implicit_root as implicit_root
from rustorch.func.modules import (
    functional_call as functional_call,
    functionalize as functionalize,
    replace_all_batch_norm_modules_ as replace_all_batch_norm_modules_,
    stack_module_state as stack_module_state,
)
from rustorch.func.products import ggn_vp as ggn_vp, laplacian as laplacian
from rustorch.func.taylor import taylor as taylor
