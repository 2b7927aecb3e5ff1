# What this board is and can do, one framed "name<TAB>value" a fact.
# Runs on every MicroPython since 1.9: no f-strings, no binascii, modules under old or new names.
import sys, gc
try:
    import os
except ImportError:
    import uos as os
def fact(name, value):
    print("\x1e" + name + "\t" + str(value) + "\x1f")
def has(module, name):
    try:
        return int(hasattr(__import__(module), name))
    except ImportError:
        return 0
fact("implementation", sys.implementation[0])
fact("version", ".".join([str(n) for n in sys.implementation[1][:3]]))
fact("platform", sys.platform)
try:
    fact("machine", os.uname()[4])
except AttributeError:
    pass
try:
    import machine
    fact("uid", "".join(["%02x" % b for b in machine.unique_id()]))
except (ImportError, AttributeError):
    pass
if hasattr(os, "getcwd"):
    # Where the file system is mounted in which main.py is looked up: "/" mostly; where nothing is
    # mounted there "/flash" or "/sd" (stm32), "/flash" or "/sdcard" (mimxrt). A boot.py that went
    # to a directory of the same file system is not followed.
    root = "/" + os.getcwd().split("/")[1]
    if hasattr(os, "statvfs"):
        whole = os.statvfs("/")
        if root == "/":
            # Without blocks it is only the list of mount points (extmod/vfs.c, mp_vfs_statvfs).
            if not whole[2] and "flash" in os.listdir("/"):
                root = "/flash"
        elif os.statvfs(root) == whole:
            root = "/"
    fact("root", root)
fact("hard_reset", has("machine", "reset"))
fact("directories", int(hasattr(os, "mkdir") and hasattr(os, "stat")))
fact("rename", int(hasattr(os, "rename")))
fact("statvfs", int(hasattr(os, "statvfs")))
fact("sha256", int(has("hashlib", "sha256") and has("binascii", "hexlify")))
gc.collect()
fact("free_heap", gc.mem_free())
