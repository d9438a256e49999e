"""How ranks agree to do something at the end of the same epoch, without a collective.

A rank may be asked at any moment, by a signal, to save the state or to stop. The wish rides as a
notice in the header of its next messages. Time is divided into windows of epochs, and what is
wished in a window is done at the end of its last epoch. A notice needs `reach` exchanges to be
known to all ranks (one from each to all; more where it goes from neighbour to neighbour), and an
exchange is finished at most `depth` epochs after it was started. So a rank speaks up only in the
first half of a window, `reach * depth` epochs or more before its end, and passes on what it hears;
a wish that comes later waits for the next window. At the end of the window every rank then knows
the same notice: the strongest of those made in it. What still travels of an earlier window has an
earlier epoch in it and is ignored.
"""

from __future__ import annotations

from distnet.exchange.base import NO_NOTICE, Notice, strongest

CHECKPOINT, STOP = 1, 2  # STOP: save the state, then end


class Control:
    """The wishes of this rank and what it knows of those of others."""

    def __init__(self) -> None:
        self.asked = 0  # set by signal handlers
        self._known = NO_NOTICE
        self._delay, self._window = 0, 1

    def begin(self, reach: int, depth: int) -> None:
        """Start counting epochs from 0."""
        self._delay = reach * depth
        self._window = max(1, 2 * self._delay)
        self._known = NO_NOTICE

    def request(self, kind: int) -> None:
        """Wish for `CHECKPOINT` or `STOP`; safe in a signal handler."""
        self.asked = max(self.asked, kind)

    def _end(self, epoch: int) -> int:
        """The last epoch of a window."""
        return epoch - epoch % self._window + self._window - 1

    def notice(self, epoch: int) -> Notice:
        """What rides in the message of an epoch."""
        end = self._end(epoch)
        if self._known.epoch < end:
            self._known = NO_NOTICE
        if self.asked and epoch <= end - self._delay:
            self._known = strongest([self._known, Notice(self.asked, end)])
        return self._known

    def hear(self, notice: Notice) -> None:
        """Take the notice of an exchange that was finished."""
        self._known = strongest([self._known, notice])

    def due(self, epoch: int) -> int:
        """What to do now, at the end of an epoch: 0, `CHECKPOINT` or `STOP`."""
        if not self._known.kind or self._known.epoch != epoch:
            return 0
        kind, self._known = self._known.kind, NO_NOTICE
        if self.asked <= kind:
            self.asked = 0
        return kind
