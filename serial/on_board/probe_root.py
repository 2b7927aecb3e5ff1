# Where on a board with directories main.py is looked up: in the working directory
# (pyexec_file_if_exists), which boot.py may have changed. Needs load.py and reply.py.
os = load("os")
def mount():
    # Where the file system is mounted on which the working directory is: "/" mostly; where nothing
    # is mounted there "/flash" or "/sd" (stm32), "/flash" or "/sdcard" (mimxrt).
    root = "/" + os.getcwd().split("/")[1]
    if hasattr(os, "statvfs"):
        whole = os.statvfs("/")
        if root == "/":
            # Without blocks it is only the list of mount points (extmod/vfs.c, mp_vfs_statvfs).
            if not whole[2] and "flash" in os.listdir("/"):
                root = "/flash"
        elif os.statvfs(root) == whole:
            root = "/"
    return root
root = mount()
here = os.getcwd().rstrip("/") or root
reply("root", root)
reply("here", here)
del mount
