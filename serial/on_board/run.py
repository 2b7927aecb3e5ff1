# Runs source in the clean place, when it arrived whole. `b` is the module builtins (bootstrap.py).
def run(source, check):
    if b.sum(source) != check:
        raise b.ValueError("damaged")
    b.exec(source, b.globals())
