"""``Constraint``, those that depend on other variables, and those over further dimensions."""

from rustorch.errors import ArgumentValueError, check as require


class Constraint:
    """A set of values. ``is_discrete``: is it countable? ``event_dim``: dimensions of one event."""

    is_discrete = False
    event_dim = 0
    on_host = False  # does `check` take NumPy arrays as well?

    def check(self, value):
        """For each event in ``value``: does it lie inside?"""
        raise NotImplementedError

    def __repr__(self):
        return type(self).__name__[1:] + "()"


class _Dependent(Constraint):
    """Stands for a set that depends on other variables."""

    def __init__(self, *, is_discrete=NotImplemented, event_dim=NotImplemented):
        self._is_discrete = is_discrete
        self._event_dim = event_dim
        super().__init__()

    def _static(self, name):
        value = getattr(self, "_" + name)
        if value is NotImplemented:
            raise NotImplementedError(f".{name} cannot be determined statically")
        return value

    @property
    def is_discrete(self):
        """Is the set countable, where that is known?"""
        return self._static("is_discrete")

    @property
    def event_dim(self):
        """Dimensions of one event, where that is known."""
        return self._static("event_dim")

    def __call__(self, *, is_discrete=NotImplemented, event_dim=NotImplemented):
        """A copy that knows more."""
        return _Dependent(
            is_discrete=self._is_discrete if is_discrete is NotImplemented else is_discrete,
            event_dim=self._event_dim if event_dim is NotImplemented else event_dim,
        )

    def check(self, x):
        """Always an error: nothing is known.

        Errors: ``ValueError``.
        """
        raise ArgumentValueError("Cannot determine validity of dependent constraint")


def is_dependent(constraint) -> bool:
    """Does the set depend on other variables?"""
    return isinstance(constraint, _Dependent)


class dependent_property(property, _Dependent):
    """A property whose value is a constraint; on the class itself it says what is known without an instance."""

    def __init__(self, fn=None, *, is_discrete=NotImplemented, event_dim=NotImplemented):
        super().__init__(fn)
        self._is_discrete = is_discrete
        self._event_dim = event_dim

    def __call__(self, fn):
        """Decorate ``fn``."""
        return dependent_property(fn, is_discrete=self._is_discrete, event_dim=self._event_dim)

    def __repr__(self):
        return "DependentProperty()"


class _IndependentConstraint(Constraint):
    """Events of ``base_constraint`` that are inside together, over further dimensions."""

    def __init__(self, base_constraint, reinterpreted_batch_ndims):
        require(
            isinstance(base_constraint, Constraint),
            f"base_constraint must be a Constraint, got {type(base_constraint).__name__}",
            AssertionError,
        )
        require(isinstance(reinterpreted_batch_ndims, int), "reinterpreted_batch_ndims must be an int", AssertionError)
        require(
            reinterpreted_batch_ndims >= 0,
            f"reinterpreted_batch_ndims must be >= 0, got {reinterpreted_batch_ndims}",
            AssertionError,
        )
        self.base_constraint = base_constraint
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    @property
    def is_discrete(self):
        """As the base's."""
        return self.base_constraint.is_discrete

    @property
    def event_dim(self):
        """The base's and the further ones."""
        return self.base_constraint.event_dim + self.reinterpreted_batch_ndims

    @property
    def on_host(self):
        """As the base's."""
        return self.base_constraint.on_host

    def check(self, value):
        """Does the whole event lie inside?"""
        inside = self.base_constraint.check(value)
        n = self.reinterpreted_batch_ndims
        if inside.ndim < n:
            wanted = self.base_constraint.event_dim + n
            raise ArgumentValueError(f"Expected value.dim() >= {wanted} but got {value.ndim}")
        return inside.reshape(inside.shape[: inside.ndim - n] + (-1,)).all(-1)

    def __repr__(self):
        return f"{type(self).__name__[1:]}({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


class MixtureSameFamilyConstraint(Constraint):
    """The support of a mixture: a value must suit every component."""

    def __init__(self, base_constraint):
        require(
            isinstance(base_constraint, Constraint),
            f"base_constraint must be a Constraint, got {type(base_constraint).__name__}",
            AssertionError,
        )
        self.base_constraint = base_constraint

    @property
    def is_discrete(self):
        """As the components'."""
        return self.base_constraint.is_discrete

    @property
    def event_dim(self):
        """As the components'."""
        return self.base_constraint.event_dim

    def check(self, value):
        """Does the event lie in the support of all components?"""
        place = value.ndim - self.event_dim
        inside = self.base_constraint.check(value.unsqueeze(place))
        if inside.ndim < place:
            raise ArgumentValueError(f"Expected value.dim() >= {place} but got {value.ndim}")
        return inside.reshape(inside.shape[:place] + (-1,)).all(-1)

    def __repr__(self):
        return f"{type(self).__name__}({self.base_constraint!r})"
