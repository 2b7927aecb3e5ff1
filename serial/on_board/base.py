# A clean place to run: a namespace of its own in which every name that the gateway uses is the
# genuine built-in. `b` is the module builtins, whose attributes come from its fixed table; what a
# program puts there goes to a dict that only the look-up of names sees (py/objmodule.c, module_attr).
own = "AttributeError ImportError OSError ValueError __import__ bytearray bytes exec getattr globals"
own += " hasattr int isinstance len memoryview min open print range str sum tuple"
for n in own.split():
    if b.hasattr(b, n) and b.eval(n, {}) is not b.getattr(b, n):
        b.globals()[n] = b.getattr(b, n)
own = n = None
# A module, or None. An import takes much of a small board's stack, so this is called from the top
# level where it can be.
def load(name):
    try:
        return __import__(name)
    except ImportError:
        return None
sys = load("usys") or load("sys")
