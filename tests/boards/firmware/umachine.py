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


class WDT:
    def __init__(self, id=0, timeout=5000):
        _board.start_watchdog(timeout)

    def feed(self):
        _board.feed_watchdog()
