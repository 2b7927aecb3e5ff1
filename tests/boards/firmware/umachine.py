# The built-in module machine of an emulated board: what a host can observe of a chip, over the
# harness. The alias with the u is the one that no file can stand in for (py/objmodule.c).
import _board

# C code asks for no names that a program could replace.
_bytes, _int, _len, _range, _exit = bytes, int, len, range, SystemExit

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5


if _board.uid is not None:

    def unique_id():
        return _bytes(_int(_board.uid[i : i + 2], 16) for i in _range(0, _len(_board.uid), 2))


def reset():
    _board.reset()


def soft_reset():
    raise _exit


def reset_cause():
    return _board.reset_cause


def freq():
    return 125000000


def idle():
    pass


# Without a time it never wakes by itself (esp32; rp2 needs a pin for it).
def deepsleep(time_ms=None):
    _board.deepsleep(time_ms)


# The processor stands still: a Ctrl-C is heard when it goes on.
def lightsleep(time_ms=None):
    _board.lightsleep(time_ms)


class WDT:
    def __init__(self, id=0, timeout=5000):
        _board.start_watchdog(timeout)

    def feed(self):
        _board.feed_watchdog()


# Loaded by those who use it, since all of this lies in the heap, where a chip has it in its flash.
def __getattr__(name):
    if name != "Timer":
        raise AttributeError(name)
    from _soft_timer import Timer

    return Timer
