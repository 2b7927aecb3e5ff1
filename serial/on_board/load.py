# A module as it is built in, whatever the file system or sys.modules have by its name. The prefix
# asks for that: before 1.21 it is the module's real name, since then an alias
# (mp_module_get_builtin in py/objmodule.c). With ".frozen" alone no file is looked at; an empty path
# looks in the working directory before 1.21 (py/builtinimport.c). Where nothing of the kind is built
# in, it is what the board's own programs get, or None. Needs base.py. For boards with sys.path; the
# others look for what is built in first.
load_any = load
def load(name):
    modules = getattr(sys, "modules", {})
    kept = sys.path[:]
    sys.path.clear()
    sys.path.append(".frozen")
    try:
        for n in ("u" + name, name):
            loaded = modules.pop(n, None)
            module = load_any(n)
            if loaded is not None:
                modules[n] = loaded
            if module:
                return module
        module = modules.get("u" + name)
    finally:
        sys.path.clear()
        sys.path.extend(kept)
    return module or load_any(name)
