# What this board is and can do, one reply "name<TAB>value" a fact. Needs load.py and reply.py.
# Runs on every MicroPython since 1.9: no f-strings, no binascii. Only plain statements and functions
# at the top level, so that it can be sent in pieces.
def machine_name():
    if hasattr(os, "uname"):
        return os.uname()[4][:250]
    return getattr(sys.implementation, "_machine", "")[:250]
def uid():
    if hasattr(machine, "unique_id"):
        return "".join(["%02x" % c for c in machine.unique_id()[:80]])
os = load("os")
machine = load("machine")
hashes = hasattr(load("hashlib"), "sha256") and hasattr(load("binascii"), "hexlify")
reply("implementation", sys.implementation[0][:100])
reply("version", ".".join([str(n) for n in sys.implementation[1][:3]])[:100])
reply("platform", sys.platform[:100])
machine_name = machine_name()
uid = uid()
# At the top level, for the little stack of small boards.
reply("machine", machine_name) if machine_name else None
reply("uid", uid) if uid else None
reply("hard_reset", int(hasattr(machine, "reset")))
reply("directories", int(hasattr(os, "mkdir") and hasattr(os, "stat") and hasattr(os, "getcwd")))
reply("rename", int(hasattr(os, "rename")))
reply("statvfs", int(hasattr(os, "statvfs")))
reply("sha256", int(hashes))
del machine_name, uid, hashes, machine, os
gc = load("gc")
gc.collect()
reply("free_heap", gc.mem_free())
