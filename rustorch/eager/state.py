"""What each thread keeps while it records: grad mode and the storages that may be pending."""

from __future__ import annotations

import threading


class _Local(threading.local):
    grad = True  # is autograd recording?
    inference = False
    anomaly = False  # remember the user's line of every node?
    pending: list  # weak references to storages whose node had no value when they were made
    cut_at = None  # the kind of op at which a long stretch without a look was last cut
    looked = False  # was a value with a gradient path looked at since the last optimizer step?
    check_nan = False  # look at every gradient for NaN?
    taylor = True  # are nested gradients lowered to Taylor mode?
    tracing = 0  # how many functions are being recorded on stand-ins, whose values do not exist
    deferred = None  # nodes of an optimizer step that waits for the next program

    def __init__(self):
        self.pending = []


local = _Local()
