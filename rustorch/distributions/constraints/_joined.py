"""Several constraints, each on its own part: ``cat`` and ``stack``."""

from rustorch.distributions.constraints._base import Constraint
from rustorch.eager import ops as T
from rustorch.errors import check as require


class _Joined(Constraint):
    """Several constraints, each on its own part along ``dim``."""

    def __init__(self, cseq, dim=0):
        require(
            all(isinstance(c, Constraint) for c in cseq),
            "All elements of cseq must be Constraint instances",
            AssertionError,
        )
        self.cseq = list(cseq)
        self.dim = dim

    @property
    def is_discrete(self):
        """Is any part countable?"""
        return any(c.is_discrete for c in self.cseq)


class _Cat(_Joined):
    """Parts of ``lengths`` along ``dim``, each with its constraint."""

    def __init__(self, cseq, dim=0, lengths=None):
        super().__init__(cseq, dim)
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)
        require(
            len(self.lengths) == len(self.cseq),
            f"lengths must have same length as cseq, got {len(self.lengths)} vs {len(self.cseq)}",
            AssertionError,
        )

    @property
    def event_dim(self):
        """The largest of the parts'."""
        return max(c.event_dim for c in self.cseq)

    def check(self, value):
        """Each part's answers, joined."""
        require(-value.ndim <= self.dim < value.ndim, f"dim {self.dim} out of range", AssertionError)
        starts = [sum(self.lengths[:i]) for i in range(len(self.lengths))]
        parts = [c.check(value.narrow(self.dim, start, n)) for c, start, n in zip(self.cseq, starts, self.lengths)]
        return T.cat(parts, self.dim)


class _Stack(_Joined):
    """One slice along ``dim`` for each constraint."""

    @property
    def event_dim(self):
        """The largest of the parts', and one more for parts left of ``dim``."""
        dim = max(c.event_dim for c in self.cseq)
        return dim + 1 if self.dim + dim < 0 else dim

    def check(self, value):
        """Each slice's answers, stacked."""
        require(-value.ndim <= self.dim < value.ndim, f"dim {self.dim} out of range", AssertionError)
        return T.stack([c.check(value.select(self.dim, i)) for i, c in enumerate(self.cseq)], self.dim)
