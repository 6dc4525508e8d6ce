"""The learning rate over a fit: warm up, hold, cool down to zero.

With a known end this is a trapezoid, which matches a cosine of the same length (Hägele et al.
2024, "Scaling laws and compute-optimal training beyond fixed training durations") and, unlike a
cosine, can be told at any time that the end has come nearer.
"""

from __future__ import annotations

WARMUP = 0.1  # share of the steps spent rising to the peak, at most WARMUP_STEPS
WARMUP_STEPS = 500
COOLDOWN = 0.5  # share of all steps spent falling
FLAT = 0.2  # of the peak, where the rate never falls


class Schedule:
    """Rate at each of ``total`` steps, rising to ``peak``, then held, then falling to 0; or, ``flat``, the
    same all the time, for training that may go on.

    >>> s = Schedule(peak=1.0, total=100)
    >>> s.rate(9), s.rate(30), round(s.rate(99), 4)
    (1.0, 1.0, 0.02)
    """

    def __init__(self, peak: float, total: int, flat: bool = False):
        self.peak = FLAT * peak if flat else peak
        self.rise = 0 if flat else max(1, min(WARMUP_STEPS, int(WARMUP * total)))
        self.turn = total if flat else max(self.rise, int((1 - COOLDOWN) * total))
        self.end = total

    def rate(self, step: int) -> float:
        """The rate of step 0, 1, 2 …"""
        if step < self.rise:
            return self.peak * (step + 1) / self.rise
        if step < self.turn:
            return self.peak
        return self.peak * max(0.0, (self.end - step) / max(1, self.end - self.turn))

    def cooling(self, step: int) -> bool:
        return step >= self.turn

    def finish(self, step: int) -> None:
        """Begin the descent at ``step``: the end comes as far behind it as if planned from the start."""
        if not self.cooling(step):
            length = max(1, int(step * COOLDOWN / (1 - COOLDOWN)))
            self.turn, self.end = step, min(self.end, step + length)
