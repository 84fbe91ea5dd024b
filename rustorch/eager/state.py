"""What each thread keeps while it records: grad mode and the storages that may be pending."""

from __future__ import annotations

import threading


class _Local(threading.local):
    grad = True  # is autograd recording?
    inference = False
    multithreading = True
    anomaly = False  # remember the user's line of every node?
    careful = False  # does recording have to look at anything besides the graph? see `look_closely`
    watched = False  # is somebody listening to what is recorded, so that no recorded call may stand for it?
    autocast = None  # what differs from autocast's defaults: ((device type, enabled, dtype), ...)
    autocast_cache = True
    autocast_nesting = 0
    casting = None  # while autocast is on: (op, args, kwargs) to those that are recorded instead
    refusing = False  # may there be inference tensors, which cannot be saved?
    pending: list  # weak references to storages whose node had no value when they were made
    cut_at = None  # the kind of op at which a long stretch without a look was last cut
    looked = False  # was a value with a gradient path looked at since the last optimizer step?
    check_nan = False  # look at every gradient for NaN?
    taylor = True  # are nested gradients lowered to Taylor mode?
    tracing = 0  # how many functions are being recorded on stand-ins, whose values do not exist
    traced_from = 0  # nodes before this one are from outside the innermost of them
    level = None  # the level of forward-mode AD that is entered (autograd.forward_ad)
    packing = None  # hooks that see what the backward pass will need (autograd.saved)
    packing_refused = None  # why there may be no such hooks
    mutating = False  # inside allow_mutation_on_saved_tensors?
    task = None  # the backward pass that runs
    recorder = None  # the recording of a traced function (rustorch.jit), told what the graph does not show
    deferred = None  # nodes of an optimizer step that waits for the next program

    def __init__(self):
        self.pending = []


local = _Local()


def look_closely(inference=None) -> None:
    """Decide anew whether recording may take its shortest way; ``inference`` are the inference tensors, if known."""
    if inference is not None:
        local.refusing = bool(inference)
    local.watched = local.anomaly or local.packing is not None or local.refusing
    local.careful = local.watched or local.casting is not None
