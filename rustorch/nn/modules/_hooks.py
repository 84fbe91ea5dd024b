"""Hooks: where they are kept, how they are registered, in which order they run.

A hook lives in an ordered dict under the id of its handle, so removing is deleting a key and
the order of running is the order of the dict. Global hooks run before a module's own.
"""

import functools
from collections import OrderedDict

from rustorch.eager.hooks import RemovableHandle


class GlobalHooks:
    """The hooks that run for every module of the process."""

    def __init__(self):
        self.forward_pre = OrderedDict()
        self.forward = OrderedDict()
        self.forward_with_kwargs = OrderedDict()
        self.forward_always_called = OrderedDict()
        self.backward_pre = OrderedDict()
        self.backward = OrderedDict()
        self.backward_is_full = None
        self.buffer_registration = OrderedDict()
        self.module_registration = OrderedDict()
        self.parameter_registration = OrderedDict()

    def on_call(self):
        """Whether a module call has to look at any of them."""
        return bool(self.forward_pre or self.forward or self.backward_pre or self.backward)


GLOBAL = GlobalHooks()


def _insert(hooks, hook, *, extras=(), prepend=False):
    """Put ``hook`` into ``hooks`` and its marks into ``extras``; hand back the handle."""
    handle = RemovableHandle(hooks, extra_dict=list(extras))
    hooks[handle.id] = hook
    for extra in extras:
        extra[handle.id] = True
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


class HookMixin:
    """The registering half of ``Module``'s hooks."""

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        """Call ``hook(module, args)`` (or ``(module, args, kwargs)``) before every ``forward``.

        What it returns, if not ``None``, replaces the arguments.
        """
        extras = [self._forward_pre_hooks_with_kwargs] if with_kwargs else []
        return _insert(self._forward_pre_hooks, hook, extras=extras, prepend=prepend)

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False):
        """Call ``hook(module, args, output)`` after every ``forward``; a result replaces it.

        ``with_kwargs`` inserts the keyword arguments before ``output``; ``always_call`` runs
        the hook even when ``forward`` raised.
        """
        extras = []
        if with_kwargs:
            extras.append(self._forward_hooks_with_kwargs)
        if always_call:
            extras.append(self._forward_hooks_always_called)
        return _insert(self._forward_hooks, hook, extras=extras, prepend=prepend)

    def register_full_backward_pre_hook(self, hook, prepend=False):
        """Call ``hook(module, grad_output)`` before the module's gradient is computed."""
        return _insert(self._backward_pre_hooks, hook, prepend=prepend)

    def register_full_backward_hook(self, hook, prepend=False):
        """Call ``hook(module, grad_input, grad_output)`` once the input gradients are known.

        What it returns, if not ``None``, replaces ``grad_input``.
        """
        if self._is_full_backward_hook is False:
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a "
                "single Module. Please use only one of them."
            )
        self._is_full_backward_hook = True
        return _insert(self._backward_hooks, hook, prepend=prepend)

    def register_backward_hook(self, hook):
        """Deprecated spelling of ``register_full_backward_hook``; the two cannot be mixed."""
        if self._is_full_backward_hook is True:
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a "
                "single Module. Please use only one of them."
            )
        self._is_full_backward_hook = False
        return _insert(self._backward_hooks, hook)

    def register_state_dict_pre_hook(self, hook):
        """Call ``hook(module, prefix, keep_vars)`` before ``state_dict`` collects."""
        return _insert(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook):
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after collecting.

        It may change ``state_dict`` in place and must return ``None``.
        """
        hook._from_public_api = True
        return _insert(self._state_dict_hooks, hook)

    def _register_state_dict_hook(self, hook):
        """As the public form, but what the hook returns replaces ``state_dict``."""
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was "
                "previously registered via register_state_dict_post_hook"
            )
        return _insert(self._state_dict_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook):
        """Call ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)`` before this module's entries are loaded."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(self, hook, with_module=False):
        # The module is passed at call time, so that a copied module hands itself to the hook.
        return _insert(self._load_state_dict_pre_hooks, LoadHook(hook, with_module))

    def register_load_state_dict_post_hook(self, hook):
        """Call ``hook(module, incompatible_keys)`` after loading; it may edit the lists."""
        return _insert(self._load_state_dict_post_hooks, hook)


class LoadHook:
    """A ``load_state_dict`` pre-hook and whether it wants the module as first argument."""

    def __init__(self, hook, with_module):
        self.hook = hook
        self.with_module = with_module
        if not isinstance(hook, functools.partial):
            functools.update_wrapper(self, hook)

    def __call__(self, module, *args):
        return self.hook(module, *args) if self.with_module else self.hook(*args)


def register_module_forward_pre_hook(hook):
    """Register a forward pre-hook for every module."""
    return _insert(GLOBAL.forward_pre, hook)


def register_module_forward_hook(hook, *, with_kwargs=False, always_call=False):
    """Register a forward hook for every module."""
    extras = []
    if with_kwargs:
        extras.append(GLOBAL.forward_with_kwargs)
    if always_call:
        extras.append(GLOBAL.forward_always_called)
    return _insert(GLOBAL.forward, hook, extras=extras)


def register_module_full_backward_pre_hook(hook):
    """Register a backward pre-hook for every module."""
    return _insert(GLOBAL.backward_pre, hook)


def register_module_full_backward_hook(hook):
    """Register a full backward hook for every module."""
    if GLOBAL.backward_is_full is False:
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a "
            "global Module hook. Please use only one of them."
        )
    GLOBAL.backward_is_full = True
    return _insert(GLOBAL.backward, hook)


def register_module_backward_hook(hook):
    """Deprecated spelling of ``register_module_full_backward_hook``."""
    if GLOBAL.backward_is_full is True:
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a "
            "global Module hook. Please use only one of them."
        )
    GLOBAL.backward_is_full = False
    return _insert(GLOBAL.backward, hook)


def register_module_buffer_registration_hook(hook):
    """Call ``hook(module, name, buffer)`` whenever a buffer is registered anywhere."""
    return _insert(GLOBAL.buffer_registration, hook)


def register_module_module_registration_hook(hook):
    """Call ``hook(module, name, submodule)`` whenever a child is registered anywhere."""
    return _insert(GLOBAL.module_registration, hook)


def register_module_parameter_registration_hook(hook):
    """Call ``hook(module, name, parameter)`` whenever a parameter is registered anywhere."""
    return _insert(GLOBAL.parameter_registration, hook)
