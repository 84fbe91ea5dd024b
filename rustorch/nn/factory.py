"""``factory_kwargs``: what a module passes on to the functions that make its tensors."""


def factory_kwargs(kwargs):
    """``device``, ``dtype`` and ``memory_format`` from a module's keyword arguments, or from ``factory_kwargs`` in them.

    Raises:
        TypeError: anything else, or one of them in both places.

    >>> import rustorch as torch
    >>> torch.nn.factory_kwargs({"dtype": torch.float64, "factory_kwargs": {"device": "cpu"}})
    {'device': 'cpu', 'dtype': torch.float64}
    """
    kwargs = kwargs or {}
    plain = ("device", "dtype", "memory_format")
    others = kwargs.keys() - {*plain, "factory_kwargs"}
    if others:
        raise TypeError(f"unexpected kwargs {others}")
    found = dict(kwargs.get("factory_kwargs", {}))
    for name in plain:
        if name in kwargs:
            if name in found:
                raise TypeError(f"{name} specified twice, in **kwargs and in factory_kwargs")
            found[name] = kwargs[name]
    return found
