"""``state_dict`` and ``load_state_dict``: a module's tensors as a flat, named mapping.

The mapping carries, beside its entries, ``_metadata``: per module path the version its class
had when saving, so that a layer can read what an older version of it wrote.
"""

import itertools
from collections import OrderedDict, namedtuple
from collections.abc import Mapping

from rustorch.autograd.modes import no_grad
from rustorch.eager.tensor import Tensor
from rustorch.nn.parameter import Parameter, is_lazy

EXTRA_STATE_KEY = "_extra_state"


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What ``load_state_dict`` found to differ; prints that all matched if nothing did."""

    __slots__ = ()

    def __repr__(self):
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


class StateDictMixin:
    """The saving and loading half of ``Module``."""

    _version = 1

    def get_extra_state(self):
        """Override, with ``set_extra_state``, to save something beside tensors."""
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called. "
            "Please file an issue at https://github.com/pytorch/pytorch/issues/new?template="
            "bug-report.yml to report this bug."
        )

    def set_extra_state(self, state):
        """Override to take back what ``get_extra_state`` returned."""
        raise RuntimeError(
            "Reached a code path in Module.set_extra_state() that should never be called. "
            "Please file an issue at https://github.com/pytorch/pytorch/issues/new?template="
            "bug-report.yml to report this bug."
        )

    def state_dict(self, *args, destination=None, prefix="", keep_vars=False):
        """An ordered mapping from dotted names to the parameters and persistent buffers.

        Arguments:
            destination: mapping to fill (default: a new one).
            prefix: put before every name.
            keep_vars: hand out the tensors themselves, not detached views of their storage.

        The values share storage with the module: a later in-place update shows in them.
        """
        if args:  # the order that old code passes by position
            destination = args[0] if destination is None else destination
            prefix = args[1] if len(args) > 1 and prefix == "" else prefix
            keep_vars = args[2] if len(args) > 2 and keep_vars is False else keep_vars
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=prefix + name + ".", keep_vars=keep_vars)
        for hook in self._state_dict_hooks.values():
            result = hook(self, destination, prefix, local_metadata)
            if not getattr(hook, "_from_public_api", False):
                destination = destination if result is None else result
            elif result is not None:
                raise RuntimeError("state_dict post-hook must return None")
        return destination

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        """Add this module's own entries, no submodule's; layers with more state override it."""
        for name, parameter in self._parameters.items():
            if parameter is not None:
                destination[prefix + name] = parameter if keep_vars else parameter.detach()
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in self._non_persistent_buffers_set:
                destination[prefix + name] = buffer if keep_vars else buffer.detach()
        if _overrides(self, "get_extra_state"):
            destination[prefix + EXTRA_STATE_KEY] = self.get_extra_state()

    def load_state_dict(self, state_dict, strict=True, assign=False):
        """Copy the tensors of ``state_dict`` into this module and its submodules.

        Arguments:
            state_dict: mapping as ``state_dict()`` returns it.
            strict: raise ``RuntimeError`` unless the names match exactly.
            assign: install the given tensors instead of copying their values, taking over
                their dtype and device.

        Returns ``(missing_keys, unexpected_keys)``. All mismatches are collected and raised
        together.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        missing_keys, unexpected_keys, error_msgs = [], [], []
        metadata = getattr(state_dict, "_metadata", None)
        state_dict = OrderedDict(state_dict)  # hooks may rename entries; the caller's stays
        if metadata is not None:
            state_dict._metadata = metadata

        def load(module, entries, prefix):
            local_metadata = {} if metadata is None else metadata.get(prefix[:-1], {})
            if assign:
                local_metadata["assign_to_params_buffers"] = assign
            module._load_from_state_dict(
                entries, prefix, local_metadata, True, missing_keys, unexpected_keys, error_msgs
            )
            for name, child in module._modules.items():
                if child is not None:
                    child_prefix = prefix + name + "."
                    # Only the child's own entries, so that a deep tree is not quadratic.
                    child_entries = {key: value for key, value in entries.items() if key.startswith(child_prefix)}
                    load(child, child_entries, child_prefix)
            incompatible = _IncompatibleKeys(missing_keys, unexpected_keys)
            for hook in module._load_state_dict_post_hooks.values():
                if hook(module, incompatible) is not None:
                    raise AssertionError(
                        "Hooks registered with ``register_load_state_dict_post_hook`` are not"
                        "expected to return new values, if incompatible_keys need to be modified,"
                        "it should be done inplace."
                    )

        load(self, state_dict, "")
        if strict:
            for label, keys in (("Unexpected", unexpected_keys), ("Missing", missing_keys)):
                if keys:
                    listed = ", ".join(f'"{key}"' for key in keys)
                    error_msgs.insert(0, f"{label} key(s) in state_dict: {listed}. ")
        if error_msgs:
            raise RuntimeError(
                "Error(s) in loading state_dict for {}:\n\t{}".format(type(self).__name__, "\n\t".join(error_msgs))
            )
        return _IncompatibleKeys(missing_keys, unexpected_keys)

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        """Load this module's own entries; note in the lists what does not match."""
        for hook in self._load_state_dict_pre_hooks.values():
            hook(
                self,
                state_dict,
                prefix,
                local_metadata,
                strict,
                missing_keys,
                unexpected_keys,
                error_msgs,
            )
        assign = local_metadata.get("assign_to_params_buffers", False)
        buffers = (item for item in self._buffers.items() if item[0] not in self._non_persistent_buffers_set)
        own = {name: value for name, value in itertools.chain(self._parameters.items(), buffers) if value is not None}
        for name, current in own.items():
            key = prefix + name
            if key in state_dict:
                self._load_one(name, current, key, state_dict[key], assign, error_msgs)
            elif strict:
                missing_keys.append(key)

        extra_key = prefix + EXTRA_STATE_KEY
        if _overrides(self, "set_extra_state"):
            if extra_key in state_dict:
                self.set_extra_state(state_dict[extra_key])
            elif strict:
                missing_keys.append(extra_key)
        elif strict and extra_key in state_dict:
            unexpected_keys.append(extra_key)

        if strict:
            for key in state_dict:
                if key.startswith(prefix) and key != extra_key:
                    name, *rest = key[len(prefix) :].split(".", 1)
                    if rest:
                        if name not in self._modules:
                            unexpected_keys.append(key)
                    elif name not in own:
                        unexpected_keys.append(key)

    def _load_one(self, name, current, key, given, assign, error_msgs):
        """Copy or install one entry, or say in ``error_msgs`` why not."""
        if not isinstance(given, Tensor):
            error_msgs.append(
                f'While copying the parameter named "{key}", '
                "expected torch.Tensor or Tensor-like object from checkpoint but "
                f"received {type(given)}"
            )
            return
        lazy = is_lazy(current)
        if not lazy:
            if current.ndim == 0 and tuple(given.shape) == (1,):
                given = given[0]  # checkpoints older than 0-d tensors hold one element
            if tuple(given.shape) != tuple(current.shape):
                error_msgs.append(
                    f"size mismatch for {key}: copying a param with shape {given.shape} from "
                    f"checkpoint, the shape in current model is {current.shape}."
                )
                return
        try:
            with no_grad():
                if assign:
                    if isinstance(current, Parameter):
                        if not isinstance(given, Parameter):
                            given = Parameter(given, requires_grad=current.requires_grad)
                        else:
                            given.requires_grad_(current.requires_grad)
                    setattr(self, name, given)
                else:
                    current.copy_(given)
        except Exception as error:
            error_msgs.append(
                f'While copying the parameter named "{key}", whose dimensions in the model are '
                f"{current.shape} and whose dimensions in the checkpoint are {given.shape}, "
                f"an exception occurred : {error.args}."
            )


def _overrides(module, name):
    return getattr(type(module), name) is not getattr(StateDictMixin, name)
