# Where on a board with directories the files are that an update is about. Needs load.py and
# reply.py.
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
def there(directory, *names):
    for name in names:
        try:
            os.stat(directory.rstrip("/") + "/" + name)
            return True
        except OSError:
            pass
    return False
def about_root():
    # main.py is looked up in the working directory (pyexec_file_if_exists), which boot.py may have
    # changed; but a release may be laid out from the root of the file system all the same.
    root = mount()
    here = os.getcwd()
    if here != "/":
        here = here.rstrip("/")
    if here not in ("/", root):
        open_here = there(here, ".uota")
        if open_here != there(root, ".uota"):
            root = here if open_here else root
        elif there(here, "version"):
            root = here
        elif not there(root, "version") or there(root, "main.py", "main.mpy"):
            root = here
        elif not there(here, "main.py", "main.mpy"):
            root = here
    reply("root", root)
about_root()
del about_root, mount, there, os
