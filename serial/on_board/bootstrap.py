# What runs in the globals that boot.py or a program left; everything else runs in the dict that this
# makes. An import statement heeds a replaced __import__ (py/runtime.c, mp_import_name), and nothing
# is to be done about that. Where the collector was left off, this may be the last that fits.
try:
    import gc as _uota
    _uota.enable()
except:
    pass
import builtins as _uota
_uota = {"b": _uota}
