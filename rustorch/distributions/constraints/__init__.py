"""Sets of values: what a distribution's parameters and its support may be.

``check(value)`` says for each event in ``value`` whether it lies inside. Ready-made are ``boolean``, ``real``,
``positive``, ``simplex`` and so on; ``interval(0, 1)``, ``cat([...])`` and others are made.

>>> import rustorch as torch
>>> torch.distributions.constraints.positive.check(torch.tensor([-1.0, 2.0]))
tensor([False,  True])
>>> torch.distributions.constraints.interval(0, 1)
Interval(lower_bound=0, upper_bound=1)
"""

from rustorch.distributions.constraints._base import (
    Constraint as Constraint,
    MixtureSameFamilyConstraint as MixtureSameFamilyConstraint,
    _Dependent as _Dependent,
    _IndependentConstraint as _IndependentConstraint,
    dependent_property as dependent_property,
    is_dependent as is_dependent,
)
from rustorch.distributions.constraints._joined import _Cat as _Cat, _Stack as _Stack
from rustorch.distributions.constraints._matrices import (
    _CorrCholesky as _CorrCholesky,
    _LowerCholesky as _LowerCholesky,
    _LowerTriangular as _LowerTriangular,
    _PositiveDefinite as _PositiveDefinite,
    _PositiveSemidefinite as _PositiveSemidefinite,
    _Square as _Square,
    _Symmetric as _Symmetric,
)
from rustorch.distributions.constraints._values import (
    _Boolean as _Boolean,
    _GreaterThan as _GreaterThan,
    _GreaterThanEq as _GreaterThanEq,
    _HalfOpenInterval as _HalfOpenInterval,
    _IntegerGreaterThan as _IntegerGreaterThan,
    _IntegerInterval as _IntegerInterval,
    _IntegerLessThan as _IntegerLessThan,
    _Interval as _Interval,
    _LessThan as _LessThan,
    _Multinomial as _Multinomial,
    _OneHot as _OneHot,
    _Real as _Real,
    _Simplex as _Simplex,
)

__all__ = [
    "Constraint", "boolean", "cat", "corr_cholesky", "dependent", "dependent_property", "greater_than",
    "greater_than_eq", "independent", "integer_interval", "interval", "half_open_interval", "is_dependent",
    "less_than", "lower_cholesky", "lower_triangular", "MixtureSameFamilyConstraint", "multinomial", "nonnegative",
    "nonnegative_integer", "one_hot", "positive", "positive_semidefinite", "positive_definite", "positive_integer",
    "real", "real_vector", "simplex", "square", "stack", "symmetric", "unit_interval",
]  # fmt: skip

dependent = _Dependent()
independent = _IndependentConstraint
boolean = _Boolean()
one_hot = _OneHot()
nonnegative_integer = _IntegerGreaterThan(0)
positive_integer = _IntegerGreaterThan(1)
integer_interval = _IntegerInterval
real = _Real()
real_vector = independent(real, 1)
positive = _GreaterThan(0.0)
nonnegative = _GreaterThanEq(0.0)
greater_than = _GreaterThan
greater_than_eq = _GreaterThanEq
less_than = _LessThan
multinomial = _Multinomial
unit_interval = _Interval(0.0, 1.0)
interval = _Interval
half_open_interval = _HalfOpenInterval
simplex = _Simplex()
lower_triangular = _LowerTriangular()
lower_cholesky = _LowerCholesky()
corr_cholesky = _CorrCholesky()
square = _Square()
symmetric = _Symmetric()
positive_semidefinite = _PositiveSemidefinite()
positive_definite = _PositiveDefinite()
cat = _Cat
stack = _Stack
