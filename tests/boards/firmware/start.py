# Runs before boot.py: makes the modules of a chip built in, as far as a host can tell. `import os`
# and `import machine` look at the file system first, as on chips, where the two are extensible
# (py/builtinimport.c); what they find behind it takes everything from `uos` and `umachine`.
import sys

sys.path.append("/.builtin")
for name in ("umachine", "uos"):
    module = __import__("built_in_" + name)
    del sys.modules["built_in_" + name]
    sys.modules[name] = module
