"""Full backward hooks of a module, as two identity functions around its ``forward``.

The inputs that require a gradient pass through one identity, the outputs through another. The
backward of the output identity knows ``grad_output``; the backward of the input identity knows
``grad_input`` and, running later, calls the user's hooks with both. An identity over *all* the
tensors at once, not a hook per tensor, so that each user hook runs exactly once per backward.
"""

import warnings

from rustorch.autograd.function import Function
from rustorch.eager import ops as T
from rustorch.eager.tensor import Tensor


class _Watch(Function):
    """Identity on ``tensors``; backward hands their gradients to ``on_grads``."""

    @staticmethod
    def forward(ctx, on_grads, *tensors):
        ctx.on_grads = on_grads
        return tuple(tensor.view_as(tensor) for tensor in tensors)

    @staticmethod
    def backward(ctx, *grads):
        return (None, *ctx.on_grads(grads))


class _Watched:
    """The tensors among ``values``, those that need a gradient passed through ``_Watch``.

    The hooks see one gradient per value: ``None`` for what is no tensor, zeros for a tensor that
    needs no gradient beside one that does.
    """

    def __init__(self, values, on_grads):
        self.values = values
        self.count = len(values)
        tensors = [i for i, value in enumerate(values) if isinstance(value, Tensor)]
        self.positions = [i for i in tensors if values[i].requires_grad]
        self.untracked = {}
        if not self.positions:
            return
        for i in set(tensors) - set(self.positions):
            value = values[i]
            self.untracked[i] = {
                "size": tuple(value.shape),
                "dtype": value.dtype,
                "device": value.device,
            }
        watched = _Watch.apply(on_grads, *(values[i] for i in self.positions))
        changed = list(values)
        for i, value in zip(self.positions, watched):
            changed[i] = value
        self.values = tuple(changed)

    def spread(self, grads):
        """The gradients of the tracked tensors as a tuple with one entry per value."""
        full = [None] * self.count
        for i, like in self.untracked.items():
            full[i] = T.zeros(**like)
        for i, grad in zip(self.positions, grads):
            full[i] = grad
        return tuple(full)

    def gather(self, full):
        """The tracked tensors' entries of such a tuple."""
        return tuple(full[i] for i in self.positions)


def _checked(result, current, kind):
    """A hook's result as a tuple as long as ``current``, or ``current`` if it gave none."""
    if result is None:
        return current
    if not isinstance(result, tuple):
        result = (result,)
    if len(result) != len(current):
        raise RuntimeError(
            f"{kind} returned an invalid number of grad_{'output' if 'pre' in kind else 'input'}, "
            f"got {len(result)}, but expected {len(current)}"
        )
    return result


class BackwardHooks:
    """The backward hooks of one call of ``module``.

    Arguments:
        module: handed to every hook as its first argument.
        hooks: called as ``hook(module, grad_input, grad_output)``.
        pre_hooks: called as ``hook(module, grad_output)``, may replace ``grad_output``.
    """

    def __init__(self, module, hooks, pre_hooks):
        self.module = module
        self.hooks = hooks
        self.pre_hooks = pre_hooks
        self.grad_output = None
        self.inputs = _Watched((), None)
        self.outputs = _Watched((), None)

    def around_inputs(self, args):
        """The positional arguments, with those that need a gradient watched."""
        if not self.hooks:
            return args
        self.inputs = _Watched(args, self._on_grad_input)
        return self.inputs.values

    def around_output(self, output):
        """The output, watched; tensors inside other containers than a tuple are left alone."""
        single = isinstance(output, Tensor)
        if not single and not isinstance(output, (tuple, list)):
            return output
        self.outputs = _Watched((output,) if single else tuple(output), self._on_grad_output)
        values = self.outputs.values
        if single:
            return values[0]
        if hasattr(output, "_fields"):
            return type(output)(*values)
        return type(output)(values)

    def _on_grad_output(self, grads):
        full = self.outputs.spread(grads)
        for hook in self.pre_hooks:
            full = _checked(hook(self.module, full), full, "Backward pre hook")
        self.grad_output = full
        if self.hooks and not self.inputs.positions:
            self._tell_without_inputs()
        return self.outputs.gather(full)

    def _tell_without_inputs(self):
        """No input is differentiated, so this is the last moment to tell the hooks."""
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module "
            "outputs since no inputs require gradients. See "
            "https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html"
            "#torch.nn.Module.register_full_backward_hook for more details.",
            stacklevel=5,
        )
        empty = (None,) * self.inputs.count
        for hook in self.hooks:
            result = hook(self.module, empty, self.grad_output)
            if result is not None and any(grad is not None for grad in result):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always "
                    "return None or None for all gradients."
                )
        self.grad_output = None

    def _on_grad_input(self, grads):
        if self.grad_output is None:
            raise RuntimeError(
                "Module backward hook for grad_input is called before the grad_output one. "
                "This happens because the gradient in your nn.Module flows to the Module's "
                "input without passing through the Module's output. Make sure that the output "
                "depends on the input and that the loss is computed based on the output."
            )
        full = self.inputs.spread(grads)
        for hook in self.hooks:
            full = _checked(hook(self.module, full, self.grad_output), full, "Backward hook")
        self.grad_output = None
        return self.inputs.gather(full)
