# What this board is and can do, one reply "name<TAB>value" a fact. Needs reply.py.
# Runs on every MicroPython since 1.9: no f-strings, no binascii. Only plain statements and functions
# at the top level, so that it can be sent in pieces.
import sys, gc
def has(module, name):
    try:
        return int(hasattr(__import__(module), name))
    except ImportError:
        return 0
def find(*names):
    for name in names:
        try:
            return __import__(name)
        except ImportError:
            pass
def about_machine():
    if hasattr(os, "uname"):
        reply("machine", os.uname()[4])
    if has("machine", "unique_id"):
        reply("uid", "".join(["%02x" % b for b in find("machine").unique_id()]))
    reply("hard_reset", has("machine", "reset"))
def about_root():
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
    reply("root", root)
os = find("os", "uos")
reply("implementation", sys.implementation[0])
reply("version", ".".join([str(n) for n in sys.implementation[1][:3]]))
reply("platform", sys.platform)
about_machine()
about_root() if hasattr(os, "getcwd") else None
reply("directories", int(hasattr(os, "mkdir") and hasattr(os, "stat")))
reply("rename", int(hasattr(os, "rename")))
reply("statvfs", int(hasattr(os, "statvfs")))
reply("sha256", int(has("hashlib", "sha256") and has("binascii", "hexlify")))
del has, find, about_machine, about_root
gc.collect()
reply("free_heap", gc.mem_free())
