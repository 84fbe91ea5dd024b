"""Which formula serves a pair of distributions."""

import warnings

from rustorch.distributions.distribution import Distribution
from rustorch.errors import ArgumentTypeError

_KL_REGISTRY: dict = {}
_FOUND: dict = {}  # the formula for each pair of classes that was asked for


def register_kl(type_p, type_q):
    """Decorate the formula ``f(p, q)`` for these two classes and what derives from them.

    Where several formulas would do, the one for the closest classes is taken.
    Errors: ``TypeError`` if they are no distributions.

    >>> import rustorch as torch
    >>> D = torch.distributions
    >>> class Mine(D.Normal): ...
    >>> @D.register_kl(Mine, Mine)
    ... def _(p, q):
    ...     return p.loc * 0
    >>> D.kl_divergence(Mine(1.0, 1.0), Mine(0.0, 1.0))
    tensor(0.)
    """
    for name, kind in (("type_p", type_p), ("type_q", type_q)):
        if not isinstance(kind, type):
            raise ArgumentTypeError("issubclass() arg 1 must be a class")
        if not issubclass(kind, Distribution):
            raise ArgumentTypeError(f"Expected {name} to be a Distribution subclass but got {kind}")

    def decorate(f):
        _KL_REGISTRY[type_p, type_q] = f
        _FOUND.clear()
        return f

    return decorate


def _closest(type_p, type_q):
    """The formula for the closest base classes, p's first; None if there is none."""
    fits = [(p, q) for p, q in _KL_REGISTRY if issubclass(type_p, p) and issubclass(type_q, q)]
    if not fits:
        return None
    by_p = min(fits, key=lambda pq: (type_p.__mro__.index(pq[0]), type_q.__mro__.index(pq[1])))
    by_q = min(fits, key=lambda pq: (type_q.__mro__.index(pq[1]), type_p.__mro__.index(pq[0])))
    if _KL_REGISTRY[by_p] is not _KL_REGISTRY[by_q]:
        p, q = by_p
        warnings.warn(
            f"Ambiguous kl_divergence({type_p.__name__}, {type_q.__name__}). Please "
            f"register_kl({p.__name__}, {by_q[1].__name__})",
            RuntimeWarning,
            stacklevel=3,
        )
    return _KL_REGISTRY[by_p]


def kl_divergence(p, q):
    """KL(p ‖ q) = ∫ p(x) log(p(x) / q(x)) dx, of the batch shape.

    Errors: ``NotImplementedError`` if no formula was registered for the pair.

    >>> import rustorch as torch
    >>> D = torch.distributions
    >>> D.kl_divergence(D.Exponential(1.0), D.Exponential(1.0))
    tensor(0.)
    """
    pair = type(p), type(q)
    if pair not in _FOUND:
        _FOUND[pair] = _closest(*pair)
    formula = _FOUND[pair]
    if formula is None:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {pair[0].__name__} and q type {pair[1].__name__}"
        )
    return formula(p, q)
