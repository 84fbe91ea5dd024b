"""Sets of numbers and vectors."""

from rustorch.distributions.constraints._base import Constraint


class _OnHost(Constraint):
    on_host = True


class _Boolean(_OnHost):
    """0 or 1."""

    is_discrete = True

    def check(self, value):
        """Is it 0 or 1?"""
        return (value == 0) | (value == 1)


class _OneHot(_OnHost):
    """Vectors with a single 1 among zeros."""

    is_discrete = True
    event_dim = 1

    def check(self, value):
        """Is there one 1 and nothing else but zeros?"""
        return ((value == 0) | (value == 1)).all(-1) & (value.sum(-1) == 1)


class _Bounded(_OnHost):
    """What is told by bounds, named in ``bounds``."""

    bounds: tuple = ("lower_bound", "upper_bound")

    def __init__(self, *limits):
        for name, limit in zip(self.bounds, limits, strict=True):
            setattr(self, name, limit)
        super().__init__()

    def __repr__(self):
        return f"{type(self).__name__[1:]}({', '.join(f'{n}={getattr(self, n)}' for n in self.bounds)})"


class _IntegerInterval(_Bounded):
    """Whole numbers from ``lower_bound`` to ``upper_bound``, both included."""

    is_discrete = True

    def __init__(self, lower_bound, upper_bound):
        super().__init__(lower_bound, upper_bound)

    def check(self, value):
        """Is it whole and between the bounds?"""
        return (value % 1 == 0) & (self.lower_bound <= value) & (value <= self.upper_bound)


class _IntegerGreaterThan(_Bounded):
    """Whole numbers from ``lower_bound`` on."""

    is_discrete = True
    bounds = ("lower_bound",)

    def __init__(self, lower_bound):
        super().__init__(lower_bound)

    def check(self, value):
        """Is it whole and not below the bound?"""
        return (value % 1 == 0) & (value >= self.lower_bound)


class _IntegerLessThan(_Bounded):
    """Whole numbers up to ``upper_bound``."""

    is_discrete = True
    bounds = ("upper_bound",)

    def __init__(self, upper_bound):
        super().__init__(upper_bound)

    def check(self, value):
        """Is it whole and not above the bound?"""
        return (value % 1 == 0) & (value <= self.upper_bound)


class _Real(_OnHost):
    """Numbers other than NaN."""

    def check(self, value):
        """Is it not NaN?"""
        return value == value


class _GreaterThan(_Bounded):
    """Numbers above ``lower_bound``."""

    bounds = ("lower_bound",)

    def __init__(self, lower_bound):
        super().__init__(lower_bound)

    def check(self, value):
        """Is it above the bound?"""
        return self.lower_bound < value


class _GreaterThanEq(_Bounded):
    """Numbers from ``lower_bound`` on."""

    bounds = ("lower_bound",)

    def __init__(self, lower_bound):
        super().__init__(lower_bound)

    def check(self, value):
        """Is it not below the bound?"""
        return self.lower_bound <= value


class _LessThan(_Bounded):
    """Numbers below ``upper_bound``."""

    bounds = ("upper_bound",)

    def __init__(self, upper_bound):
        super().__init__(upper_bound)

    def check(self, value):
        """Is it below the bound?"""
        return value < self.upper_bound


class _Interval(_Bounded):
    """Numbers from ``lower_bound`` to ``upper_bound``, both included."""

    def __init__(self, lower_bound, upper_bound):
        super().__init__(lower_bound, upper_bound)

    def check(self, value):
        """Is it between the bounds?"""
        return (self.lower_bound <= value) & (value <= self.upper_bound)


class _HalfOpenInterval(_Bounded):
    """Numbers from ``lower_bound`` on, below ``upper_bound``."""

    def __init__(self, lower_bound, upper_bound):
        super().__init__(lower_bound, upper_bound)

    def check(self, value):
        """Is it at or above the lower and below the upper bound?"""
        return (self.lower_bound <= value) & (value < self.upper_bound)


class _Simplex(_OnHost):
    """Non-negative vectors that sum to 1, to within 1e-6."""

    event_dim = 1

    def check(self, value):
        """Is nothing negative, and the sum 1?"""
        return (value >= 0).all(-1) & (abs(value.sum(-1) - 1) < 1e-6)


class _Multinomial(_OnHost):
    """Non-negative vectors that sum to at most ``upper_bound``."""

    is_discrete = True
    event_dim = 1

    def __init__(self, upper_bound):
        self.upper_bound = upper_bound

    def check(self, x):
        """Is nothing negative, and the sum not too large?"""
        return (x >= 0).all(-1) & (x.sum(-1) <= self.upper_bound)
