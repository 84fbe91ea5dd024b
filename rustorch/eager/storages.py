"""``UntypedStorage`` and ``TypedStorage``: what aliases share, as one row of bytes or of elements.

Both show the storage through one flat tensor that aliases it, so that reads see what was written since and
writes are seen by every alias. ``FloatStorage`` and its kin only name a ``TypedStorage`` of one dtype.
"""

from __future__ import annotations

from rustorch import dtypes
from rustorch.devices import Device
from rustorch.eager import creation
from rustorch.eager.convert import tensor
from rustorch.eager.tensor import Tensor
from rustorch.eager.viewops import method_only
from rustorch.eager.views import node_of, root_of, share
from rustorch.errors import IndexOutOfRangeError, RustorchRuntimeError, check

_LEGACY = [d for d in dtypes.ALL if not d.name.startswith(("float8", "uint16", "uint32", "uint64"))]


def _filled(args, dtype, device) -> Tensor:
    """A flat tensor for ``Storage()``, ``Storage(3)`` or ``Storage([1, 2])``."""
    values = args[0] if args else 0
    if isinstance(values, int):
        return creation.zeros(values, dtype=dtype, device=device)
    return tensor(list(values), dtype=dtype, device=device)


class _Row:
    """What both kinds of storage do; ``_flat`` is the tensor that shows all elements."""

    def _at(self, i):
        n = self.size()
        if not isinstance(i, int):
            raise RustorchRuntimeError(f"can't index a {type(self)} with {type(i)}")
        if not -n <= i < n:
            raise IndexOutOfRangeError(f"index {i} out of range for storage of size {n}")
        return i

    def __len__(self) -> int:
        return self.size()

    def __iter__(self):
        return iter(self.tolist())

    def size(self) -> int:
        """How many elements (of an untyped storage: bytes) there are."""
        return self._flat.numel()

    def nbytes(self) -> int:
        """How many bytes there are."""
        return self.size() * self.element_size()

    def element_size(self) -> int:
        """Bytes per element."""
        return self._flat.itemsize

    def data_ptr(self) -> int:
        """A number that is equal for storages that begin at the same place, and ``Tensor.data_ptr`` of such a place."""
        return self._flat.data_ptr()

    def tolist(self) -> list:
        """The elements as Python numbers."""
        return self._flat.tolist()

    @property
    def device(self):
        """Where the elements are."""
        return self._flat.device

    @property
    def is_cuda(self) -> bool:
        """Are they on a GPU?"""
        return self._flat.is_cuda

    def is_pinned(self) -> bool:
        """False."""
        return False

    def is_shared(self) -> bool:
        """Do processes share it? Those on a GPU count as shared."""
        return self._flat.is_shared()

    def fill_(self, value):
        """Write ``value`` everywhere."""
        self._flat.fill_(value)
        return self

    def copy_(self, source, non_blocking=None):
        """Write the elements of a storage of the same size."""
        check(
            source.size() == self.size(), f"size does not match, self was {self.size()} but source was {source.size()}"
        )
        self._flat.copy_(source._flat)
        return self

    def __copy__(self):
        return self.clone()

    def __str__(self) -> str:
        return "".join(f" {x}\n" for x in self.tolist()) + f"[{self._kind()} of size {self.size()}]"

    __repr__ = __str__


class UntypedStorage(_Row):
    """The bytes behind a tensor and its aliases.

    Args:
        size_or_values: how many bytes, or the bytes.

    Example:
        >>> import rustorch as torch
        >>> x = torch.ones(2, 3)
        >>> x.untyped_storage().nbytes(), x.untyped_storage().data_ptr() == x[0].untyped_storage().data_ptr()
        (24, True)
    """

    def __init__(self, *size_or_values, device="cpu"):
        self._flat = _filled(size_or_values, dtypes.uint8, device)

    @classmethod
    def _of(cls, flat: Tensor):
        self = object.__new__(cls)
        self._flat = flat
        return self

    def _as(self, dtype) -> Tensor:
        """All whole elements of a dtype."""
        if self._flat.dtype is dtype:
            return self._flat
        whole = self.nbytes() // dtype.itemsize * dtype.itemsize
        return self._bytes()[:whole].view(dtype)

    def _bytes(self) -> Tensor:
        return self._flat if self._flat.dtype is dtypes.uint8 else self._flat.view(dtypes.uint8)

    def size(self) -> int:
        """How many bytes there are."""
        return self._flat.numel() * self._flat.itemsize

    def element_size(self) -> int:
        """1."""
        return 1

    def untyped(self):
        """The storage itself."""
        return self

    def tolist(self) -> list:
        """The bytes as ints."""
        return self._bytes().tolist()

    def type(self, dtype=None) -> str:
        """The kind of storage."""
        return "torch.storage.UntypedStorage"

    def __getitem__(self, i):
        if isinstance(i, slice):
            return UntypedStorage._of(self._bytes()[i])
        return self._bytes()[self._at(i)].item()

    def __setitem__(self, i, value):
        self._bytes()[i if isinstance(i, slice) else self._at(i)] = value

    def fill_(self, value):
        """Write ``value`` into every byte."""
        self._bytes().fill_(value)
        return self

    def copy_(self, source, non_blocking=None):
        """Write the bytes of a storage of the same size."""
        check(
            source.nbytes() == self.size(),
            f"size does not match, self was {self.size()} but source was {source.nbytes()}",
        )
        self._bytes().copy_(source.untyped()._bytes())
        return self

    @property
    def _cdata(self) -> int:
        return id(self._flat._storage)

    def __eq__(self, other) -> bool:
        return isinstance(other, UntypedStorage) and self._where() == other._where()

    def _where(self):
        return self._cdata, self._flat.storage_offset() * self._flat.itemsize, self.size()

    def __hash__(self) -> int:
        return hash(self._cdata)

    def clone(self):
        """A copy."""
        return UntypedStorage._of(self._flat.clone())

    def cpu(self):
        """The storage itself if it is on the host, else a copy there."""
        return self if self.device.type == "cpu" else UntypedStorage._of(self._flat.cpu())

    def cuda(self, device=None, non_blocking=False):
        """The storage itself if it is on the GPU, else a copy there."""
        flat = self._flat.cuda(device)
        return self if flat is self._flat else UntypedStorage._of(flat)

    def __deepcopy__(self, memo):
        if self._cdata not in memo:
            memo[self._cdata] = self.clone()
        return memo[self._cdata]

    def __reduce__(self):
        return UntypedStorage._of, (self._flat,)

    def _kind(self) -> str:
        return f"torch.storage.UntypedStorage(device={self.device})"


class TypedStorage(_Row):
    """The elements behind a tensor and its aliases, in the storage's order.

    Args:
        size_or_values: how many elements, or the elements.
        wrap_storage: the bytes to show.
        dtype: of the elements.

    Example:
        >>> import rustorch as torch
        >>> x = torch.tensor([[1, 2], [3, 4]])
        >>> x.t().storage().tolist()
        [1, 2, 3, 4]
    """

    def __init__(self, *size_or_values, wrap_storage=None, dtype=None, device=None, _internal=False):
        dtype = dtypes.get_default_dtype() if dtype is None else dtype
        if wrap_storage is None:
            wrap_storage = UntypedStorage._of(_filled(size_or_values, dtype, device or "cpu"))
        self._untyped_storage, self._flat = wrap_storage, wrap_storage._as(dtype)

    @property
    def dtype(self):
        """Of the elements."""
        return self._flat.dtype

    def untyped(self) -> UntypedStorage:
        """The bytes."""
        return self._untyped_storage

    def type(self, dtype=None):
        """The legacy name of this kind of storage, as ``torch.FloatStorage``, or a copy in another dtype."""
        if dtype is not None:
            return self._to(dtype)
        name = _name(self.dtype)
        known = name in STORAGES["cpu"]
        return f"torch.{'cuda.' if self.is_cuda else ''}{name}" if known else "torch.storage.TypedStorage"

    def pickle_storage_type(self) -> str:
        """The legacy class's name."""
        return _name(self.dtype)

    def __getitem__(self, i):
        check(not isinstance(i, slice), "slices are only supported in UntypedStorage.__getitem__")
        return self._flat[self._at(i)].item()

    def __setitem__(self, i, value):
        check(not isinstance(value, _Row), f"cannot set item with value type {type(value)}")
        self._flat[i if isinstance(i, slice) else self._at(i)] = value

    def clone(self):
        """A copy."""
        return _typed(self._flat.clone())

    def cpu(self):
        """The storage itself if it is on the host, else a copy there."""
        return self if self.device.type == "cpu" else _typed(self._flat.cpu())

    def cuda(self, device=None, non_blocking=False):
        """The storage itself if it is on the GPU, else a copy there."""
        flat = self._flat.cuda(device)
        return self if flat is self._flat else _typed(flat)

    def _to(self, dtype):
        return _typed(self._flat.to(dtype).clone())

    def __deepcopy__(self, memo):
        return TypedStorage(wrap_storage=self._untyped_storage.__deepcopy__(memo), dtype=self.dtype)

    def __reduce__(self):
        return _typed, (self._flat,)

    def _kind(self) -> str:
        return f"torch.storage.TypedStorage(dtype={self.dtype}, device={self.device})"


def _typed(flat: Tensor) -> TypedStorage:
    return TypedStorage(wrap_storage=UntypedStorage._of(flat), dtype=flat.dtype)


def _cast(name: str, dtype) -> None:
    def cast(self):
        return self._to(dtype)

    cast.__name__, cast.__doc__ = name, f"A copy in {dtype}."
    setattr(TypedStorage, name, cast)


for _method, _dtype in {
    "double": dtypes.float64, "float": dtypes.float32, "half": dtypes.float16, "bfloat16": dtypes.bfloat16,
    "long": dtypes.int64, "int": dtypes.int32, "short": dtypes.int16, "char": dtypes.int8, "byte": dtypes.uint8,
    "bool": dtypes.bool_, "complex_double": dtypes.complex128, "complex_float": dtypes.complex64,
}.items():  # fmt: skip
    _cast(_method, _dtype)


UntypedStorage.__module__ = TypedStorage.__module__ = "rustorch.storage"


def _name(dtype) -> str:
    return f"{dtype.alias}Storage"


class _StorageType(type):
    """The type of ``FloatStorage``: typed storages of one dtype and kind of device are its instances."""

    def __instancecheck__(cls, value):
        return isinstance(value, TypedStorage) and value.dtype is cls.dtype and value.is_cuda is cls.is_cuda

    def __call__(cls, *args, wrap_storage=None):
        device = Device("cuda" if cls.is_cuda else "cpu")
        return TypedStorage(*args, wrap_storage=wrap_storage, dtype=cls.dtype, device=device)

    def __repr__(cls):
        return f"<class '{cls.__module__}.{cls.__name__}'>"


def storages_of(device_type: str) -> dict[str, type]:
    """``FloatStorage``, ``LongStorage``, ... for one kind of device."""
    cuda = device_type == "cuda"
    module = "torch.cuda" if cuda else "torch"
    return {
        _name(d): _StorageType(
            _name(d), (), {"dtype": d, "is_cuda": cuda, "__module__": module, "__doc__": f"Storages of {d}."}
        )
        for d in _LEGACY
    }


STORAGES = {"cpu": storages_of("cpu"), "cuda": storages_of("cuda")}


def flat_of(storage, dtype=None) -> Tensor:
    """A tensor that shows all of a storage, in ``dtype`` if it is untyped."""
    return share(storage.untyped()._as(dtype) if isinstance(storage, UntypedStorage) else storage._flat)


@method_only
def untyped_storage(self: Tensor) -> UntypedStorage:
    """The bytes that this tensor and its aliases share."""
    root = share(root_of(self))
    return UntypedStorage._of(root.as_strided((root.numel(),), (1,), 0))


@method_only
def storage(self: Tensor) -> TypedStorage:
    """The elements that this tensor and its aliases share, in memory order."""
    return TypedStorage(wrap_storage=self.untyped_storage(), dtype=self.dtype)


@method_only
def storage_type(self: Tensor) -> type:
    """The legacy class of this tensor's storage, as ``torch.FloatStorage``; ``None`` if the dtype has none."""
    aval = node_of(self).aval
    return STORAGES["cuda" if aval.device.type == "cuda" else "cpu"].get(_name(aval.dtype))
