"""One entry of PyTorch's module table in both libraries: everything is recorded first and read once."""

import copy
import io
import pickle
import warnings

import numpy as np
import torch
from nn_oracle import copy_state, numbers, ours
from torch.testing._internal.common_modules import ModuleErrorEnum

import rustorch

DTYPE = torch.float64


def samples_of(info, limit=None):
    """``(module input, training)`` of an entry; with ``limit`` at most so many, spread over all of them."""
    found, modes = [], (True, False) if info.train_and_eval_differ else (True,)
    limit = None if limit is None else limit - len(modes) + 1
    for training in modes:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(0)
            inputs = list(
                info.module_inputs_func(info, device="cpu", dtype=DTYPE, requires_grad=True, training=training)
            )
        if limit is not None and len(inputs) > limit:
            inputs = [inputs[i] for i in np.linspace(0, len(inputs) - 1, limit).round().astype(int)]
        found += [(sample, training) for sample in inputs]
    return found


def mirrored(x, memo=None):
    """An argument of torch's as one of ours, whatever it is; the same tensor twice stays the same."""
    memo = {} if memo is None else memo
    if isinstance(x, torch.Tensor):
        if id(x) not in memo:
            memo[id(x)] = ours(np.array(x.detach().numpy())).requires_grad_(x.requires_grad)
        return memo[id(x)]
    if isinstance(x, dict):
        return {key: mirrored(value, memo) for key, value in x.items()}
    if isinstance(x, (tuple, list)) and type(x) in (tuple, list, torch.Size):
        return (list if type(x) is list else tuple)(mirrored(y, memo) for y in x)
    if isinstance(x, torch.dtype):
        return getattr(rustorch, str(x).split(".")[1])
    if isinstance(x, torch.nn.Module):
        return encoder_layer(x)
    name = getattr(x, "__name__", "")
    if callable(x) and getattr(torch.nn.functional, name, None) is x:
        return getattr(rustorch.nn.functional, name)
    return getattr(rustorch, name) if callable(x) and getattr(torch, name, None) is x else x


def encoder_layer(reference):
    """Our layer for the only module that the table passes as an argument."""
    attention, linear = reference.self_attn, reference.linear1
    return rustorch.nn.TransformerEncoderLayer(
        attention.embed_dim, attention.num_heads, linear.out_features, reference.dropout.p,
        mirrored(reference.activation), reference.norm1.eps, attention.batch_first, reference.norm_first,
        linear.bias is not None,
    )  # fmt: skip


def leaves(tree):
    """The tensors in nested containers."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, (tuple, list)):
        return [t for item in tree for t in leaves(item)]
    return [tree] if hasattr(tree, "requires_grad") else []


def weights(lib, tensors, level):
    """Fixed numbers shaped as tensors, other ones at each level."""
    return [
        lib.tensor(np.cos(np.arange(t.numel()) * (1.0 + level) + 1.0).reshape(tuple(t.shape))).to(t.dtype)
        for t in tensors
    ]


def gradients(lib, outputs, sources, second):
    """First gradients of all outputs in ``sources``, and second ones; lists with None where there is none."""
    live = [t for t in outputs if t.requires_grad]
    if not live or not sources:
        return [], []
    first = lib.autograd.grad(live, sources, weights(lib, live, 0), create_graph=second, allow_unused=True)
    moving = [g for g in first if g is not None and g.requires_grad] if second else []
    if not moving:
        return list(first), []
    try:
        return list(first), list(lib.autograd.grad(moving, sources, weights(lib, moving, 1), allow_unused=True))
    except RuntimeError as error:
        if "derivative for aten::" not in str(error):
            raise
        return list(first), None  # there is none in this library


class Pair:
    """A module in both libraries with equal weights, float64."""

    def __init__(self, info, sample, training):
        args, kwargs = sample.constructor_input.args, sample.constructor_input.kwargs
        name = info.module_cls.__name__
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.torch = info.module_cls(*args, **kwargs).to(DTYPE).train(training)
            self.ours = getattr(rustorch.nn, name)(*mirrored(args), **mirrored(kwargs)).double().train(training)
        assert repr(self.ours) == repr(self.torch)
        self.inputs = sample.forward_input.args, sample.forward_input.kwargs
        if info.is_lazy:
            args, kwargs = self.inputs
            self.torch(*args, **kwargs)
            self.ours(*mirrored(args), **mirrored(kwargs))
        copy_state(self.torch, self.ours)
        assert self.ours.training is self.torch.training

    def same_state(self):
        """Names, shapes and dtypes of what is saved, and what is printed."""
        state, own = self.torch.state_dict(), self.ours.state_dict()
        assert list(own) == list(state) and own._metadata == state._metadata
        for key, value in state.items():
            assert (tuple(own[key].shape), str(own[key].dtype)) == (tuple(value.shape), str(value.dtype)), key
        assert repr(self.ours) == repr(self.torch)
        assert [n for n, _ in self.ours.named_parameters()] == [n for n, _ in self.torch.named_parameters()]
        assert [n for n, _ in self.ours.named_modules()] == [n for n, _ in self.torch.named_modules()]

    def copies(self):
        """Copies of ours, which are to give the same output: by ``deepcopy``, ``pickle`` and ``save``."""
        file = io.BytesIO()
        rustorch.save(self.ours, file)
        file.seek(0)
        found = copy.deepcopy(self.ours), pickle.loads(pickle.dumps(self.ours)), rustorch.load(file, weights_only=False)
        for module in found:
            assert repr(module) == repr(self.ours) and module.training is self.ours.training
            assert list(module.state_dict()) == list(self.ours.state_dict())
        return found

    def on(self, lib, second):
        """``(outputs, first gradients, second gradients, buffers)``; recorded, not read."""
        args, kwargs = self.inputs if lib is torch else mirrored(self.inputs)
        module = self.torch if lib is torch else self.ours
        inputs = {id(t): t for t in leaves((args, kwargs)) if t.requires_grad}
        sources = [*inputs.values(), *module.parameters()]
        outputs = leaves(module(*args, **kwargs))
        first, rest = gradients(lib, outputs, sources, second)
        return [t.detach() for t in outputs], first, rest, [b.detach() for b in module.buffers()]


def close(actual, expected, what, tolerance):
    """None stands for zeros in gradients."""
    if actual is None or expected is None:
        kept = expected if actual is None else actual
        assert kept is None or not numbers(kept).any(), f"{what}: {actual} instead of {expected}"
        return
    assert tuple(actual.shape) == tuple(expected.shape), f"{what}: {actual.shape} instead of {expected.shape}"
    assert str(actual.dtype) == str(expected.dtype), f"{what}: {actual.dtype} instead of {expected.dtype}"
    np.testing.assert_allclose(numbers(actual), numbers(expected), rtol=tolerance, atol=tolerance, err_msg=what)


NAMES = "output", "first gradient", "second gradient", "buffer"


def compare(found, expected, what, tolerance=1e-8):
    """Two results of ``Pair.on``."""
    for name, mine, theirs in zip(NAMES, found, expected):
        if theirs is None:
            continue
        if name == "second gradient" and (not mine or not theirs):
            mine = mine or [None] * len(theirs)
            theirs = theirs or [None] * len(mine)
        assert len(mine) == len(theirs), f"{what}: {len(mine)} {name}s instead of {len(theirs)}"
        for i, (a, b) in enumerate(zip(mine, theirs)):
            close(a, b, f"{what}: {name} {i}", tolerance)


def errors_of(info):
    """``(call in torch, ours)`` of each input that is an error."""
    if info.module_error_inputs_func is None:
        return
    for training in (True, False) if info.train_and_eval_differ else (True,):
        for case in info.module_error_inputs_func(
            info, device="cpu", dtype=DTYPE, requires_grad=False, training=training
        ):
            sample = case.module_error_input
            made, given = sample.constructor_input, sample.forward_input
            fails_early = case.error_on is ModuleErrorEnum.CONSTRUCTION_ERROR

            def call(module_class, convert, made=made, given=given, fails_early=fails_early):
                module = module_class(*convert(made.args), **convert(made.kwargs))
                if not fails_early:
                    module = module.double() if next(module.parameters(), None) is not None else module
                    return module(*convert(given.args), **convert(given.kwargs))

            name = info.module_cls.__name__
            yield (
                lambda: call(info.module_cls, lambda x: x),
                lambda: call(getattr(rustorch.nn, name), mirrored),
            )
