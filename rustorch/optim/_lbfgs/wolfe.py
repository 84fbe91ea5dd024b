"""A step length that satisfies the strong Wolfe conditions: numbers on the host only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

DECREASE, CURVATURE = 1e-4, 0.9  # c1 and c2
MOST = 25  # tries


class Point(NamedTuple):
    """``loss`` and its ``slope`` along the direction at ``t``; ``look`` is the caller's own."""

    t: float
    loss: float
    slope: float
    look: Any


def cubic_minimum(a: Point, b: Point, low: float | None = None, high: float | None = None) -> float:
    """Where the cubic through two points with their slopes is least, kept between ``low`` and ``high``.

    Source: Nocedal & Wright, "Numerical Optimization", equation 3.59.
    """
    if low is None:
        low, high = (a.t, b.t) if a.t <= b.t else (b.t, a.t)
    if a.t > b.t:
        a, b = b, a
    a_slope, b_slope = np.float64(a.slope), np.float64(b.slope)
    with np.errstate(all="ignore"):  # infinite losses are met on the way; the bounds take care of them
        d1 = a_slope + b_slope - 3 * np.divide(a.loss - b.loss, a.t - b.t)
        square = d1 * d1 - a_slope * b_slope
        if not square >= 0:
            return (low + high) / 2.0
        d2 = np.sqrt(square)
        t = b.t - (b.t - a.t) * ((b_slope + d2 - d1) / (b_slope - a_slope + 2 * d2))
    return float(min(max(t, low), high))


def strong_wolfe(at: Callable[[float], Point], start: Point, t: float, reach: float, least: float,
                 most: int = MOST) -> Point:  # fmt: skip
    """A point along the direction with enough decrease and little slope left.

    Args:
        at: evaluates the function; called ``most + 1`` times or fewer.
        start: the point at ``t = 0``; ``t``: the first try.
        reach: the largest component of the direction; a bracket that moves no parameter by more than ``least``
            is not refined.

    Source: Nocedal & Wright, "Numerical Optimization", algorithms 3.5 (bracket) and 3.6 (zoom).
    """

    def flat(p: Point) -> bool:
        return abs(p.slope) <= -CURVATURE * start.slope

    before, now, tries = start, at(t), 0
    while tries < most:
        if _too_high(now, start) or (tries > 1 and now.loss >= before.loss):
            break
        if flat(now):
            return now
        if now.slope >= 0:
            break
        t = cubic_minimum(before, now, now.t + 0.01 * (now.t - before.t), now.t * 10)
        before, now = now, at(t)
        tries += 1
    else:
        before = start

    # The bracket is found: shrink it. `low` is its better end, and the loss falls from there into it.
    ends, stuck = [before, now], False
    low = 0 if before.loss <= now.loss else 1
    while tries < most:
        left, right = sorted(p.t for p in ends)
        width = right - left
        if width * reach < least:
            break
        t = cubic_minimum(*ends)
        margin = 0.1 * width
        near_end = min(right - t, t - left) < margin
        if near_end and (stuck or t >= right or t <= left):
            t = right - margin if abs(t - right) < abs(t - left) else left + margin
            near_end = False
        stuck = near_end
        now = at(t)
        tries += 1
        if _too_high(now, start) or now.loss >= ends[low].loss:
            ends[1 - low] = now
            low = 0 if ends[0].loss <= ends[1].loss else 1
            continue
        if flat(now):
            return now
        if now.slope * (ends[1 - low].t - ends[low].t) >= 0:
            ends[1 - low] = ends[low]
        ends[low] = now
    return ends[low]


def _too_high(p: Point, start: Point) -> bool:
    return p.loss > start.loss + DECREASE * p.t * start.slope
