"""Every public name of PyTorch is here, or stands in `rustorch.absent` with a reason; never both."""

import importlib
from fnmatch import fnmatchcase
from types import ModuleType

import pytest
import torch

import rustorch
from rustorch.absent import rows

SPACES = """
Tensor nn nn.Module nn.functional nn.utils nn.init nn.attention nn.attention.flex_attention optim optim.lr_scheduler nn.utils.rnn
nn.utils.parametrize nn.utils.prune amp jit linalg fft special autograd autograd.graph autograd.forward_ad func distributions
sparse nested random masked signal.windows utils.checkpoint
"""
# Constants, types in annotations and what PyTorch itself calls private by another name.
BESIDE = {"nn.Module.T_destination", "Tensor.volatile", "Tensor.name"}


def _find(package, space: str):
    for part in filter(None, space.split(".")):
        package = getattr(package, part, None) or importlib.import_module(f"{package.__name__}.{part}")
    return package


def _names(space: str) -> dict[str, bool]:
    """The public names of PyTorch's namespace, in full, and whether they are here."""
    theirs, ours = _find(torch, space), _find(rustorch, space)
    names = getattr(theirs, "__all__", None) or [n for n in dir(theirs) if n[0] != "_"]
    names = [n for n in names if not isinstance(getattr(theirs, n, None), ModuleType)]
    return {f"{space}.{n}".lstrip("."): hasattr(ours, n) for n in names}


def _patterns(space: str) -> list[str]:
    patterns = [p for some in rows().values() for p in some]
    return patterns if space else [p for p in patterns if "." not in p]


@pytest.mark.parametrize("space", ["", *SPACES.split()])
def test_each_name_is_here_or_listed(space):
    patterns = _patterns(space)
    for name, is_here in _names(space).items():
        listed = any(fnmatchcase(name, p) for p in patterns)
        assert is_here != listed or name in BESIDE, f"{name}: here {is_here}, listed as absent {listed}"


def test_no_row_is_stale():
    absent = {name: space for space in ["", *SPACES.split()] for name, is_here in _names(space).items() if not is_here}
    for pattern in _patterns("any"):
        assert any(fnmatchcase(name, pattern) for name in absent), f"{pattern} is not needed"


def test_the_error_tells_the_reason():
    with pytest.raises(AttributeError, match=r"has no attribute 'quantize_per_tensor' \(quantised tensors: "):
        rustorch.quantize_per_tensor
    with pytest.raises(AttributeError, match="has no attribute 'quantise'$"):
        rustorch.quantise
