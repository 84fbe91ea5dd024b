"""Step counts: Python numbers, until a step may turn out to be skipped; tensors from then on.

Whether a step is skipped (``amp.GradScaler`` found an infinite gradient) is known in the program only. So the count of
a scaled step is a tensor, one for all parameters of a group that step together, and goes on in the program too.
"""

from __future__ import annotations

import numpy as np

from rustorch.eager.recorder import from_host
from rustorch.eager.tensor import Tensor


def counted(optimizer, group: dict) -> dict:
    """The parameters of a group that have a gradient, by device and count: the number of this step, or its tensor."""
    together: dict = {}
    resting: set = set()  # counts of parameters without a gradient now
    for p in group["params"]:
        if p._grad is None:
            resting.add(id(optimizer.state[p].get("step")) if p in optimizer.state else None)
            continue
        state = optimizer.state[p]
        if len(state) == 0:
            optimizer.init_state(group, p, state)
        count = state.setdefault("step", 1)  # state made by hand, or saved without a count: past its first step
        if not isinstance(count, Tensor):
            count = state["step"] = count + 1
        together.setdefault((p.device, count), []).append(p)
    return {key: params for key, params in _as_tensors(optimizer, together, resting)}


def _as_tensors(optimizer, together: dict, resting: set):
    for (device, count), params in together.items():
        if isinstance(count, Tensor):
            changed = count.clone() if id(count) in resting else count
        elif optimizer.found_inf is not None:
            changed = from_host(np.asarray(count - 1, np.float32), device)
        else:
            changed = count
        if changed is not count:
            for p in params:
                optimizer.state[p]["step"] = changed
        yield (device, changed), params
