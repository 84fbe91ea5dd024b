"""``Module``: a tree of named parameters and buffers with a ``forward``.

What a module holds lives in three dicts, ``_parameters``, ``_buffers`` and ``_modules``, which
attribute access reads and writes; everything else about it (hooks, walking, saving, moving) is
in the mixins next to this file.
"""

import warnings
from collections import OrderedDict

from rustorch.eager.tensor import Tensor
from rustorch.nn.modules._backward_hooks import BackwardHooks
from rustorch.nn.modules._convert import ConvertMixin
from rustorch.nn.modules._hooks import (
    GLOBAL,
    HookMixin,
    LoadHook,
    register_module_backward_hook as register_module_backward_hook,
    register_module_buffer_registration_hook as register_module_buffer_registration_hook,
    register_module_forward_hook as register_module_forward_hook,
    register_module_forward_pre_hook as register_module_forward_pre_hook,
    register_module_full_backward_hook as register_module_full_backward_hook,
    register_module_full_backward_pre_hook as register_module_full_backward_pre_hook,
    register_module_module_registration_hook as register_module_module_registration_hook,
    register_module_parameter_registration_hook as register_module_parameter_registration_hook,
)
from rustorch.nn.modules._names import typename
from rustorch.nn.modules._state_dict import StateDictMixin
from rustorch.nn.modules._switch import SwitchMixin
from rustorch.nn.modules._traverse import TraverseMixin
from rustorch.nn.parameter import Buffer, Parameter

# The dicts of global hooks under PyTorch's names, for code that looks at or clears them.
_global_forward_hooks = GLOBAL.forward
_global_forward_pre_hooks = GLOBAL.forward_pre
_global_forward_hooks_with_kwargs = GLOBAL.forward_with_kwargs
_global_forward_hooks_always_called = GLOBAL.forward_always_called
_global_backward_hooks = GLOBAL.backward
_global_backward_pre_hooks = GLOBAL.backward_pre
_global_buffer_registration_hooks = GLOBAL.buffer_registration
_global_module_registration_hooks = GLOBAL.module_registration
_global_parameter_registration_hooks = GLOBAL.parameter_registration

# Attributes that modules pickled by older versions may lack, with what makes a fresh one.
_FRESH_STATE = {
    "_non_persistent_buffers_set": set,
    "_backward_pre_hooks": OrderedDict,
    "_backward_hooks": OrderedDict,
    "_forward_hooks": OrderedDict,
    "_forward_hooks_with_kwargs": OrderedDict,
    "_forward_hooks_always_called": OrderedDict,
    "_forward_pre_hooks": OrderedDict,
    "_forward_pre_hooks_with_kwargs": OrderedDict,
    "_state_dict_hooks": OrderedDict,
    "_state_dict_pre_hooks": OrderedDict,
    "_load_state_dict_pre_hooks": OrderedDict,
    "_load_state_dict_post_hooks": OrderedDict,
}


class Module(HookMixin, TraverseMixin, StateDictMixin, ConvertMixin, SwitchMixin):
    """Base class of every layer and model.

    A subclass calls ``super().__init__()``, assigns parameters and submodules as attributes and
    defines ``forward``; calling the module runs ``forward`` between its hooks.

    Source: PyTorch definition.

    >>> import rustorch as torch
    >>> class Double(torch.nn.Module):
    ...     def forward(self, x):
    ...         return 2 * x
    >>> Double()(torch.tensor(3.0)).item()
    6.0
    """

    dump_patches = False
    call_super_init = False
    training: bool

    def __init__(self, *args, **kwargs):
        if not self.call_super_init:
            if kwargs:
                raise TypeError(
                    f"{type(self).__name__}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'"
                )
            if args:
                raise TypeError(
                    f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} were given"
                )
        # Straight into __dict__: __setattr__ looks at the dicts that are being made here.
        state = self.__dict__
        state["training"] = True
        state["_parameters"] = {}
        state["_buffers"] = {}
        state["_modules"] = {}
        state["_is_full_backward_hook"] = None
        for name, make in _FRESH_STATE.items():
            state[name] = make()
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    # Calling

    def forward(self, *input):
        """Compute the output; every subclass defines it."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args, **kwargs):
        if (
            self._forward_hooks
            or self._forward_pre_hooks
            or self._backward_hooks
            or self._backward_pre_hooks
            or GLOBAL.on_call()
        ):
            return self._call_with_hooks(args, kwargs)
        return self.forward(*args, **kwargs)

    def _call_impl(self, *args, **kwargs):
        return self.__call__(*args, **kwargs)

    _wrapped_call_impl = _call_impl
    _compiled_call_impl = None

    def _slow_forward(self, *args, **kwargs):
        return self.forward(*args, **kwargs)

    def _call_with_hooks(self, args, kwargs):
        called = set()
        try:
            return self._call_in_order(args, kwargs, called)
        except Exception:
            for key, hook, with_kwargs in self._all_forward_hooks(always_called_only=True):
                if key in called:
                    continue
                try:
                    hook(self, args, kwargs, None) if with_kwargs else hook(self, args, None)
                except Exception as error:
                    warnings.warn(
                        "module forward hook with ``always_call=True`` raised an exception "
                        "that was silenced as another error was raised in forward: "
                        f"{error}",
                        stacklevel=2,
                    )
            raise

    def _call_in_order(self, args, kwargs, called):
        """Pre-hooks, ``forward``, hooks; notes in ``called`` which always-call hooks ran."""
        for hook in list(GLOBAL.forward_pre.values()):
            args = _replaced_args(hook(self, args), args)
        for key, hook in list(self._forward_pre_hooks.items()):
            if key in self._forward_pre_hooks_with_kwargs:
                result = hook(self, args, kwargs)
                if result is not None:
                    if not isinstance(result, tuple) or len(result) != 2:
                        raise RuntimeError(
                            f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {result}."
                        )
                    args, kwargs = result
            else:
                args = _replaced_args(hook(self, args), args)

        backward = self._backward_hooks_of_call()
        if backward is not None:
            args = backward.around_inputs(args)
        output = self.forward(*args, **kwargs)
        for key, hook, with_kwargs in self._all_forward_hooks():
            if self._is_always_called(key):
                called.add(key)
            result = hook(self, args, kwargs, output) if with_kwargs else hook(self, args, output)
            if result is not None:
                output = result
        if backward is not None:
            output = backward.around_output(output)
        return output

    def _backward_hooks_of_call(self):
        hooks = [*GLOBAL.backward.values(), *self._backward_hooks.values()]
        pre_hooks = [*GLOBAL.backward_pre.values(), *self._backward_pre_hooks.values()]
        return BackwardHooks(self, hooks, pre_hooks) if hooks or pre_hooks else None

    def _all_forward_hooks(self, always_called_only=False):
        """``(key, hook, wants kwargs)`` of the global hooks, then of this module's."""
        own = (self._forward_hooks, self._forward_hooks_with_kwargs)
        everywhere = (GLOBAL.forward, GLOBAL.forward_with_kwargs)
        return [
            (key, hook, key in with_kwargs)
            for hooks, with_kwargs in (everywhere, own)
            for key, hook in hooks.items()
            if not always_called_only or self._is_always_called(key)
        ]

    def _is_always_called(self, key):
        return key in self._forward_hooks_always_called or key in GLOBAL.forward_always_called

    def compile(self, *args, **kwargs):
        """Accepted for compatibility: every program is compiled already."""

    # Registering

    def register_parameter(self, name, param):
        """Add ``param`` (a ``Parameter`` or ``None``) under ``name``."""
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_name("parameter", name, self._parameters)
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{typename(param)}' object to parameter '{name}' "
                    "(torch.nn.Parameter or None required)"
                )
            if param.grad_fn is not None:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters "
                    f"must be created explicitly. To express '{name}' as a function of another "
                    "Tensor, compute the value in the forward() method."
                )
            for hook in GLOBAL.parameter_registration.values():
                replaced = hook(self, name, param)
                param = param if replaced is None else replaced
        self._parameters[name] = param

    def register_buffer(self, name, tensor, persistent=True):
        """Add ``tensor`` (or ``None``) as state that is saved (if ``persistent``) and moved."""
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_name("buffer", name, self._buffers)
        if tensor is not None:
            if not isinstance(tensor, Tensor):
                raise TypeError(
                    f"cannot assign '{typename(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
                )
            for hook in GLOBAL.buffer_registration.values():
                replaced = hook(self, name, tensor)
                tensor = tensor if replaced is None else replaced
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name, module):
        """Add ``module`` (or ``None``) as the child called ``name``."""
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{typename(module)} is not a Module subclass")
        self._check_name("module", name, self._modules)
        self._modules[name] = self._told_module_hooks(name, module)

    def register_module(self, name, module):
        """Another name of ``add_module``."""
        self.add_module(name, module)

    def _check_name(self, kind, name, existing):
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {typename(name)}")
        if hasattr(self, name) and name not in existing:
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            got = f", got: {name}" if kind == "module" else ""
            raise KeyError(f'{kind} name can\'t contain "."{got}')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')

    def _told_module_hooks(self, name, module):
        for hook in GLOBAL.module_registration.values():
            replaced = hook(self, name, module)
            module = module if replaced is None else replaced
        return module

    # Attributes

    def __getattr__(self, name):
        # Runs only after the ordinary look-up failed.
        state = self.__dict__
        for kind in ("_parameters", "_buffers", "_modules"):
            members = state.get(kind)
            if members is not None and name in members:
                return members[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name, value):
        state = self.__dict__
        if isinstance(value, Parameter):
            if "_parameters" not in state:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name, state, state["_buffers"], state["_modules"])
            self.register_parameter(name, value)
            return
        if isinstance(value, Module):
            if "_modules" not in state:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._forget(name, state, state["_parameters"], state["_buffers"])
            state["_modules"][name] = self._told_module_hooks(name, value)
            return
        if name in state.get("_parameters", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as parameter '{name}' (torch.nn.Parameter or None expected)"
                )
            state["_parameters"][name] = None
        elif name in state.get("_modules", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as child module '{name}' (torch.nn.Module or None expected)"
                )
            state["_modules"][name] = self._told_module_hooks(name, None)
        elif isinstance(value, Buffer):
            if "_buffers" not in state:
                raise AttributeError("cannot assign buffer before Module.__init__() call")
            self._forget(name, state)
            self.register_buffer(name, value, value.persistent)
        elif name in state.get("_buffers", ()):
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(
                    f"cannot assign '{typename(value)}' as buffer '{name}' "
                    "(torch.nn.Buffer, torch.Tensor or None expected)"
                )
            for hook in GLOBAL.buffer_registration.values():
                replaced = hook(self, name, value)
                value = value if replaced is None else replaced
            state["_buffers"][name] = value
        else:
            super().__setattr__(name, value)

    def _forget(self, name, *holders):
        """Drop ``name`` from the other places it may live, before it is registered."""
        for holder in holders:
            holder.pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def __delattr__(self, name):
        if name in self._parameters:
            del self._parameters[name]
        elif name in self._buffers:
            del self._buffers[name]
            self._non_persistent_buffers_set.discard(name)
        elif name in self._modules:
            del self._modules[name]
        else:
            super().__delattr__(name)

    def __dir__(self):
        names = {*dir(type(self)), *self.__dict__}
        names.update(self._parameters, self._modules, self._buffers)
        # A name that starts with a digit, as in Sequential, cannot be typed as an attribute.
        return sorted(name for name in names if not name[:1].isdigit())

    def __setstate__(self, state):
        self.__dict__.update(state)
        for name, make in _FRESH_STATE.items():
            self.__dict__.setdefault(name, make())
        self.__dict__.setdefault("_is_full_backward_hook", None)
        hooks = self.__dict__["_load_state_dict_pre_hooks"]
        for key, hook in hooks.items():
            if not isinstance(hook, LoadHook):
                hooks[key] = LoadHook(hook, with_module=False)

    # Printing

    def _get_name(self):
        return type(self).__name__

    def extra_repr(self):
        """What a layer shows of itself between its parentheses; subclasses override it."""
        return ""

    def __repr__(self):
        extra = self.extra_repr()
        extra_lines = extra.split("\n") if extra else []
        child_lines = [f"({name}): {_indented(repr(module))}" for name, module in self._modules.items()]
        if len(extra_lines) == 1 and not child_lines:
            return f"{self._get_name()}({extra})"
        body = "\n  ".join(extra_lines + child_lines)
        return f"{self._get_name()}(\n  {body}\n)" if body else f"{self._get_name()}()"


def _has_any_global_hook():
    return GLOBAL.on_call()


def _replaced_args(result, args):
    if result is None:
        return args
    return result if isinstance(result, tuple) else (result,)


def _indented(text):
    """``text`` with every line after the first moved in by two."""
    return text.replace("\n", "\n  ")
