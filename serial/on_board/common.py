# Small things that every board can do. Needs load.py, reply.py and a guard (feed).
gc = load("gc")
gc.enable()
def collect():
    gc.collect()
def alive():
    reply("alive")
def watch(timeout):
    global feed
    feed = load("machine").WDT(timeout=timeout).feed
def reset():
    load("machine").reset()
