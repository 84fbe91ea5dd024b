"""``TorchVersion``: a version number that compares as one."""

from __future__ import annotations

import re

_RELEASE = re.compile(r"\s*v?(\d+(?:\.\d+)*)[-_.]?((?:a|b|c|rc|alpha|beta|pre|preview|dev|post)[-_.]?\d*)?")
# What comes before the release itself, and after.
_STAGES = {"dev": 0, "a": 1, "alpha": 1, "b": 2, "beta": 2, "c": 3, "rc": 3, "pre": 3, "preview": 3, "": 4, "post": 5}


def _key(version) -> tuple:
    """What orders versions: the numbers without final zeros, and the stage; a local part (``+cpu``) does not count."""
    if isinstance(version, (tuple, list)):
        version = ".".join(str(part) for part in version)
    found = _RELEASE.match(str(version))
    if found is None:
        raise ValueError(f"Invalid version: {version!r}")
    numbers = [int(n) for n in found[1].split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    stage, number = re.fullmatch(r"([a-z]*)[-_.]?(\d*)", found[2] or "").groups()
    return tuple(numbers), _STAGES[stage], int(number or 0)


class TorchVersion(str):
    """A version that compares with strings, and with tuples of its parts, by its numbers.

    Raises:
        ValueError: compared with what is no version.

    Example:
        >>> from rustorch.torch_version import TorchVersion
        >>> TorchVersion("0.10.1") > "0.9", TorchVersion("1.2.0") >= (1, 2), TorchVersion("1.2rc1") < "1.2"
        (True, True, True)
    """

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other) -> bool:
        try:
            return _key(self) == _key(other)
        except ValueError:
            return False

    def __ne__(self, other) -> bool:
        return not self == other

    def __lt__(self, other) -> bool:
        return _key(self) < _key(other)

    def __le__(self, other) -> bool:
        return _key(self) <= _key(other)

    def __gt__(self, other) -> bool:
        return _key(self) > _key(other)

    def __ge__(self, other) -> bool:
        return _key(self) >= _key(other)
