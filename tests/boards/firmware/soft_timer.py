# machine.Timer of an emulated board.
import micropython
import time


# A soft timer (shared/runtime/softtimer.c): its callback is called between two operations of the
# program, and an exception there is printed (py/scheduler.c). It looks at the clock by scheduling
# itself again and again.
class Timer:
    ONE_SHOT = 0
    PERIODIC = 1

    def __init__(self, id=-1, **settings):
        self._callback = None
        if settings:
            self.init(**settings)

    def init(self, *, mode=PERIODIC, freq=None, period=0, callback=None, hard=False):
        self.deinit()
        self._period = period if freq is None else max(1, int(1000 // freq))
        self._repeats = mode == Timer.PERIODIC
        self._callback = callback
        self._due = time.ticks_add(time.ticks_ms(), self._period)
        self._look = lambda looking: self._looked(looking)
        self._looking = object()
        micropython.schedule(self._look, self._looking)

    def deinit(self):
        self._looking = None

    def _looked(self, looking):
        if looking is not self._looking:
            return
        due = time.ticks_diff(time.ticks_ms(), self._due) >= 0
        if due and not self._repeats:
            self._looking = None
        else:
            micropython.schedule(self._look, looking)
        if due:
            self._due = time.ticks_add(self._due, self._period)
            if self._callback is not None:
                self._callback(self)
