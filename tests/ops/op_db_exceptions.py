"""What differs from PyTorch in its op database, and why: ``(entry, form): reason``. A row that is not needed fails.

The form ``"errors"`` stands for all error cases of the entry, ``"*"`` for all forms. ``MISSING`` are the entries that do
not exist here at all.
"""

MISSING: set[str] = set("""
""".split())

EXCEPTIONS: dict[tuple[str, str], str] = {}
