"""Several transforms, each on its own part of a tensor: ``CatTransform``, ``StackTransform``."""

from rustorch.distributions import constraints
from rustorch.distributions.transforms._base import Transform
from rustorch.distributions.utils import sum_rightmost
from rustorch.eager import ops as T
from rustorch.errors import check


class _Joined(Transform):
    def __init__(self, tseq, dim: int = 0, cache_size: int = 0):
        check(
            all(isinstance(t, Transform) for t in tseq),
            "All elements of tseq must be Transform instances",
            AssertionError,
        )
        if cache_size:
            tseq = [t.with_cache(cache_size) for t in tseq]
        super().__init__(cache_size=cache_size)
        self.transforms = list(tseq)
        self.dim = dim

    @property
    def bijective(self):
        """Are all parts?"""
        return all(t.bijective for t in self.transforms)

    def _check(self, value, name: str, size: int, what: str) -> None:
        check(-value.dim() <= self.dim < value.dim(), f"dim {self.dim} out of range for {name} with {value.dim()} dims",
              AssertionError)  # fmt: skip
        got = value.size(self.dim)
        check(got == size, f"{name}.size({self.dim}) = {got} must equal {what} {size}", AssertionError)


class CatTransform(_Joined):
    """Parts of ``lengths`` along ``dim``, each with its transform.

    >>> import rustorch as torch
    >>> D = torch.distributions
    >>> t = D.CatTransform([D.ExpTransform(), D.identity_transform], dim=0, lengths=[1, 2])
    >>> t(torch.tensor([0.0, 1.0, 2.0]))
    tensor([1., 1., 2.])
    """

    def __init__(self, tseq, dim: int = 0, lengths=None, cache_size: int = 0):
        super().__init__(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        check(
            len(self.lengths) == len(self.transforms),
            f"lengths must have same length as tseq, got {len(self.lengths)} vs {len(self.transforms)}",
            AssertionError,
        )

    @property
    def event_dim(self):
        """The largest of the parts'."""
        return max(t.event_dim for t in self.transforms)

    @property
    def length(self):
        """The size along ``dim``."""
        return sum(self.lengths)

    def with_cache(self, cache_size: int = 1):
        """The same transform with another ``cache_size``."""
        if self._cache_size == cache_size:
            return self
        return CatTransform(self.transforms, self.dim, self.lengths, cache_size)

    def _parts(self, value, name: str):
        self._check(value, name, self.length, "length")
        starts = [sum(self.lengths[:i]) for i in range(len(self.lengths))]
        return [value.narrow(self.dim, start, n) for start, n in zip(starts, self.lengths)]

    def _call(self, x):
        return T.cat([t(part) for t, part in zip(self.transforms, self._parts(x, "x"))], self.dim)

    def _inverse(self, y):
        return T.cat([t.inv(part) for t, part in zip(self.transforms, self._parts(y, "y"))], self.dim)

    def log_abs_det_jacobian(self, x, y):
        """The parts', joined (summed if ``dim`` belongs to the event)."""
        found = []
        for t, xs, ys in zip(self.transforms, self._parts(x, "x"), self._parts(y, "y")):
            part = t.log_abs_det_jacobian(xs, ys)
            found.append(sum_rightmost(part, self.event_dim - t.event_dim) if t.event_dim < self.event_dim else part)
        dim = self.dim - x.dim() if self.dim >= 0 else self.dim
        dim += self.event_dim
        return T.cat(found, dim) if dim < 0 else sum(found)

    @constraints.dependent_property
    def domain(self):
        """The parts' domains, joined."""
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @constraints.dependent_property
    def codomain(self):
        """The parts' codomains, joined."""
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)


class StackTransform(_Joined):
    """One slice along ``dim`` for each transform.

    >>> import rustorch as torch
    >>> D = torch.distributions
    >>> D.StackTransform([D.ExpTransform(), D.identity_transform])(torch.zeros(2))
    tensor([1., 0.])
    """

    def with_cache(self, cache_size: int = 1):
        """The same transform with another ``cache_size``."""
        return self if self._cache_size == cache_size else StackTransform(self.transforms, self.dim, cache_size)

    def _slices(self, value, name: str):
        self._check(value, name, len(self.transforms), "len(transforms)")
        return [value.select(self.dim, i) for i in range(len(self.transforms))]

    def _call(self, x):
        return T.stack([t(s) for t, s in zip(self.transforms, self._slices(x, "x"))], self.dim)

    def _inverse(self, y):
        return T.stack([t.inv(s) for t, s in zip(self.transforms, self._slices(y, "y"))], self.dim)

    def log_abs_det_jacobian(self, x, y):
        """The slices', stacked."""
        pairs = zip(self.transforms, self._slices(x, "x"), self._slices(y, "y"))
        return T.stack([t.log_abs_det_jacobian(xs, ys) for t, xs, ys in pairs], self.dim)

    @constraints.dependent_property
    def domain(self):
        """The slices' domains, stacked."""
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @constraints.dependent_property
    def codomain(self):
        """The slices' codomains, stacked."""
        return constraints.stack([t.codomain for t in self.transforms], self.dim)
