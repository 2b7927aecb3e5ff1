# As guard.py, for boards without hashlib: a sum of all bytes, and how many there are. Such boards
# have little stack, too, so this does not call itself. Needs base.py.
def feed():
    pass
def guard(check, name, *args):
    feed()
    todo = [name, args]
    while todo:
        value = todo.pop()
        if isinstance(value, tuple):
            todo.extend(value)
        else:
            value = value if isinstance(value, bytes) else bytes(str(value), "utf8")
            check -= sum(value) + 65537 * (len(value) + 1)
    if check:
        raise ValueError("damaged")
    globals()[name](*args)
def define(source):
    # What stays begins as low in memory as it can, below what this leaves.
    load("gc").collect()
    exec(source, globals())
