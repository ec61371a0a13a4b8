"""How fast the page answers at most: a person never meets these bounds, a loop does."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]

MAX_SUBJECTS = 256
"""How many intents' decisions are counted apart; the one that was quiet longest is forgotten."""


@dataclass(frozen=True)
class Rate:
    """So many at once, and so many a second in the long run."""

    burst: int
    per_second: float


LOOKS = Rate(burst=200, per_second=50)
DECISIONS = Rate(burst=40, per_second=5)
DECISIONS_EACH = Rate(burst=10, per_second=0.5)
"""For one intent; a person needs one."""


MAX_WRONG = 5
"""Answers of passkeys for one intent that were none; a browser gives none, so somebody is trying."""
LOCKED_SECONDS = 300.0
"""How long no passkey's answer is taken for it then; a no is."""


class Strikes:
    """Counts answers that were wrong, and locks what they were for; used from any thread."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def is_locked(self, subject: str) -> bool:
        """Whether no answer is taken for it now."""
        with self._lock:
            return self._count(subject) >= MAX_WRONG

    def count(self, subject: str) -> None:
        """Count a wrong answer."""
        with self._lock:
            count = self._count(subject) + 1
            self._wrong.pop(subject, None)
            self._wrong[subject] = (count, self._clock())
            if len(self._wrong) > MAX_SUBJECTS:
                self._wrong.popitem(last=False)

    def _count(self, subject: str) -> int:
        """Wrong answers of late; old ones are forgotten."""
        count, at = self._wrong.get(subject, (0, 0.0))
        return count if self._clock() - at < LOCKED_SECONDS else 0


class _Bucket:
    def __init__(self, rate: Rate, clock: Clock) -> None:
        self._rate, self._clock = rate, clock
        self._left, self._at = float(rate.burst), clock()

    def take(self) -> bool:
        now = self._clock()
        gained = (now - self._at) * self._rate.per_second
        self._left, self._at = min(self._rate.burst, self._left + gained), now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Pace:
    """Counts one page's requests; used by its event loop alone."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._looks, self._decisions = _Bucket(LOOKS, clock), _Bucket(DECISIONS, clock)
        self._each: OrderedDict[str, _Bucket] = OrderedDict()

    def may_look(self) -> bool:
        """Count a request that changes nothing; False where there were too many."""
        return self._looks.take()

    def may_decide(self, subject: str) -> bool:
        """Count a request that may change something; False where there were too many."""
        bucket = self._each.pop(subject, None) or _Bucket(DECISIONS_EACH, self._clock)
        self._each[subject] = bucket
        if len(self._each) > MAX_SUBJECTS:
            self._each.popitem(last=False)
        return bucket.take() and self._decisions.take()
