"""The named tuples that functions with several results give: ``torch.return_types.max``, ``linalg_svd``, ...

>>> import rustorch as torch
>>> isinstance(torch.max(torch.ones(2, 3), 1), torch.return_types.max)
True
"""

from __future__ import annotations

from rustorch.eager.ops import TABLE
from rustorch.eager.variants import return_type, type_name

# Of functions that are composed of several ops; the op table has the others.
_COMPOSED = {
    "histogram": ("hist", "bin_edges"),
    "histogramdd": ("hist", "bin_edges"),
    "linalg_lu_factor_ex": ("LU", "pivots", "info"),
}
_FIELDS = {type_name(op): op.fields for op in TABLE.values() if op.fields and not op.name.endswith("_dims")}

all_return_types = [return_type(name, fields) for name, fields in {**_FIELDS, **_COMPOSED}.items()]
globals().update({kind.__name__: kind for kind in all_return_types})
