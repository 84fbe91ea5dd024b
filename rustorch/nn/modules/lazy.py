"""Modules that learn their input size from the first input they see."""

from rustorch.nn.parameter import is_lazy


class LazyModuleMixin:
    """Give a layer uninitialised parameters until its first call.

    The layer defines ``initialize_parameters(*inputs)``; after the first call its class becomes
    ``cls_to_become``, so nothing of the laziness is left.
    """

    cls_to_become = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(_materialize_from, True)
        self._initialize_hook = self.register_forward_pre_hook(_infer_parameters, with_kwargs=True)

    def initialize_parameters(self, *args, **kwargs):
        """Make the parameters fit the inputs."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self):
        """Whether a parameter or buffer still waits for its shape."""
        return any(
            value is not None and is_lazy(value) for value in (*self._parameters.values(), *self._buffers.values())
        )


def _materialize_from(module, state_dict, prefix, local_metadata, strict, missing, unexpected, errors):
    """Before loading: give each waiting parameter the shape that the checkpoint has."""
    for name, value in (*module._parameters.items(), *module._buffers.items()):
        key = prefix + name
        if value is not None and is_lazy(value) and key in state_dict:
            given = state_dict[key]
            if not is_lazy(given):
                value.materialize(given.shape)


def _infer_parameters(module, args, kwargs=None):
    """Before the first forward: initialise, then drop the laziness."""
    module.initialize_parameters(*args, **(kwargs or {}))
    if module.has_uninitialized_params():
        raise RuntimeError(f"module {module._get_name()} has not been fully initialized")
    module._initialize_hook.remove()
    module._load_hook.remove()
    del module._initialize_hook, module._load_hook
    if module.cls_to_become is not None:
        module.__class__ = module.cls_to_become
