# The machine module of an emulated board: what a host can observe of a chip, over the harness.
import _board

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5


def unique_id():
    return bytes(int(_board.uid[i : i + 2], 16) for i in range(0, len(_board.uid), 2))


def reset():
    _board.reset()


def soft_reset():
    raise SystemExit


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
