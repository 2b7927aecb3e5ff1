# Why and when the board started: to be asked before a soft reset, which changes the cause on some
# ports. Needs reply.py.
def evidence():
    cause = None
    try:
        import machine
        value = machine.reset_cause()
        for name in ("PWRON_RESET", "HARD_RESET", "WDT_RESET", "DEEPSLEEP_RESET", "SOFT_RESET"):
            if getattr(machine, name, None) == value:
                cause = name
                break
    except (ImportError, AttributeError):
        pass
    up = None
    try:
        import utime
        up = utime.ticks_ms()
    except (ImportError, AttributeError):
        pass
    reply(cause, up)
evidence()
