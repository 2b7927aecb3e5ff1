# Nothing runs on the board that did not arrive whole: a call carries the first bytes of the SHA-256
# of its name and its arguments. Needs load.py.
sha256 = load("hashlib").sha256
hexlify = load("binascii").hexlify
def feed():
    pass
def absorb(h, value):
    if isinstance(value, tuple):
        for v in value:
            absorb(h, v)
    else:
        h.update(b"\n")
        h.update(value if isinstance(value, bytes) else bytes(str(value), "utf8"))
def guard(check, name, *args):
    feed()
    h = sha256(bytes(name, "utf8"))
    absorb(h, args)
    if h.digest()[:4] != check:
        raise ValueError("damaged")
    globals()[name](*args)
def define(source):
    exec(source, globals())
