"""From real numbers into a constraint: ``biject_to`` and ``transform_to``.

``biject_to(constraint)`` gives a bijective transform, for change of variables; ``transform_to(constraint)`` one that
may lose information, for optimising an unconstrained parameter.

>>> import rustorch as torch
>>> D = torch.distributions
>>> D.transform_to(D.constraints.positive)(torch.tensor(0.0))
tensor(1.)
>>> D.biject_to(D.constraints.simplex), D.transform_to(D.constraints.simplex)
(StickBreakingTransform(), SoftmaxTransform())
"""

from numbers import Number

from rustorch.distributions import constraints as c, transforms as t
from rustorch.errors import ArgumentTypeError

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]


class ConstraintRegistry:
    """For each class of constraints, how a transform is made from one.

    >>> import rustorch as torch
    >>> D = torch.distributions
    >>> registry = D.constraint_registry.ConstraintRegistry()
    >>> @registry.register(D.constraints.positive)
    ... def _(constraint):
    ...     return D.SoftplusTransform()
    >>> registry(D.constraints.positive)
    SoftplusTransform()
    """

    def __init__(self):
        self._registry = {}
        super().__init__()

    def register(self, constraint, factory=None):
        """Declare (or decorate) the ``factory(constraint)`` for a class of constraints, or the class of one.

        Errors: ``TypeError`` for anything else.
        """
        if factory is None:
            return lambda f: self.register(constraint, f)
        kind = type(constraint) if isinstance(constraint, c.Constraint) else constraint
        if not (isinstance(kind, type) and issubclass(kind, c.Constraint)):
            raise ArgumentTypeError(
                f"Expected constraint to be either a Constraint subclass or instance, but got {constraint}"
            )
        self._registry[kind] = factory
        return factory

    def __call__(self, constraint):
        """The transform for a constraint.

        Errors: ``NotImplementedError`` if its class has none.
        """
        factory = self._registry.get(type(constraint))
        if factory is None:
            raise NotImplementedError(f"Cannot transform {type(constraint).__name__} constraints")
        return factory(constraint)


biject_to = ConstraintRegistry()
transform_to = ConstraintRegistry()


def _both(*kinds):
    def declare(make):
        for registry in (biject_to, transform_to):
            for kind in kinds:
                registry.register(kind, make)
        return make

    return declare


@_both(c.real)
def _(constraint):
    return t.identity_transform


@_both(c.greater_than, c.greater_than_eq)
def _(constraint):
    return t.ComposeTransform([t.ExpTransform(), t.AffineTransform(constraint.lower_bound, 1)])


@_both(c.less_than)
def _(constraint):
    return t.ComposeTransform([t.ExpTransform(), t.AffineTransform(constraint.upper_bound, -1)])


@_both(c.interval, c.half_open_interval)
def _(constraint):
    low, high = constraint.lower_bound, constraint.upper_bound
    if isinstance(low, Number) and isinstance(high, Number) and (low, high) == (0, 1):
        return t.SigmoidTransform()
    return t.ComposeTransform([t.SigmoidTransform(), t.AffineTransform(low, high - low)])


@_both(c.corr_cholesky)
def _(constraint):
    return t.CorrCholeskyTransform()


@biject_to.register(c.simplex)
def _(constraint):
    return t.StickBreakingTransform()


@transform_to.register(c.simplex)
def _(constraint):
    return t.SoftmaxTransform()


@transform_to.register(c.lower_cholesky)
def _(constraint):
    return t.LowerCholeskyTransform()


@transform_to.register(c.positive_definite)
@transform_to.register(c.positive_semidefinite)
def _(constraint):
    return t.PositiveDefiniteTransform()


for _registry in (biject_to, transform_to):

    @_registry.register(c.independent)
    def _(constraint, to=_registry):
        return t.IndependentTransform(to(constraint.base_constraint), constraint.reinterpreted_batch_ndims)

    @_registry.register(c.cat)
    def _(constraint, to=_registry):
        return t.CatTransform([to(part) for part in constraint.cseq], constraint.dim, constraint.lengths)

    @_registry.register(c.stack)
    def _(constraint, to=_registry):
        return t.StackTransform([to(part) for part in constraint.cseq], constraint.dim)
