# Why and when the board started: to be asked before a soft reset, which changes the cause on some
# ports. Needs load.py and reply.py.
def cause():
    if hasattr(machine, "reset_cause"):
        value = machine.reset_cause()
        for name in ("PWRON_RESET", "HARD_RESET", "WDT_RESET", "DEEPSLEEP_RESET", "SOFT_RESET"):
            if getattr(machine, name, None) == value:
                return name
machine = load("machine")
time = load("time")
reply(cause(), time.ticks_ms() if hasattr(time, "ticks_ms") else None)
