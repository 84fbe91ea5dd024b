"""Write ``docs/compatibility.md``: ``python tests/core/write_compatibility.py``, from the repository's root."""

import torch
from torch.testing._internal.common_methods_invocations import op_db

from rustorch import compatibility

LETTERS = {
    "b": {torch.bool},
    "i": {torch.int64},
    "h": {torch.float16, torch.bfloat16},
    "f": {torch.float32},
    "c": {torch.complex64},
}


def kinds() -> dict[str, str]:
    """Letters of the data types with which PyTorch's op database runs an operation on the CPU."""
    found: dict[str, set] = {}
    for info in op_db:
        for name in (info.name, *[alias.name for alias in info.aliases]):
            found.setdefault(name, set()).update(info.dtypes)
    return {name: "".join(letter for letter, some in LETTERS.items() if some & types) for name, types in found.items()}


def text() -> str:
    """The document as it should be."""
    return compatibility.text(kinds())


if __name__ == "__main__":
    compatibility.PATH.write_text(text())
    print(f"wrote {compatibility.PATH}")
