# Small things that every board can do. Needs reply.py.
import gc
def collect():
    gc.collect()
def alive():
    reply("alive")
def feed():
    pass
def watch(timeout):
    global feed
    import machine
    feed = machine.WDT(timeout=timeout).feed
