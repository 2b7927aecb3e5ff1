# Changing files on a board with directories. Each can be repeated. Needs inspect.py (stat) and
# common.py (gc).
def part(path, offset, data):
    path = str(path, "utf8")
    # A full FAT volume makes write() return less instead of raising.
    with open(path, "r+b" if offset else "wb") as f:
        if offset:
            if f.seek(0, 2) < offset:
                raise OSError(5)
            f.seek(offset)
        if f.write(data) != len(data):
            raise OSError(28)
def some_of(path):
    # Some of the names in a directory, since a list of all may not fit into memory. The iterator
    # runs to its end: LittleFS has the directory open until then (extmod/vfs_lfsx.c).
    most = 8 + min(56, gc.mem_free() // 1024)
    names = []
    for e in os.ilistdir(path):
        if e[0] not in (".", "..") and len(names) < most:
            names.append(e[0])
    return names
def remove_tree(path):
    mode = stat(path)[0]
    if mode & 0x4000:
        names = some_of(path)
        while names:
            for name in names:
                remove_tree(path + "/" + name)
            names = some_of(path)
        os.rmdir(path)
    elif mode:
        os.remove(path)
    feed()
def remove(path):
    remove_tree(str(path, "utf8"))
def move(path, target):
    if stat(path)[0] or not stat(target)[0]:
        os.rename(path, target)
def make_directories(parent, names):
    for name in names.split(b"/"):
        path = str(parent + name, "utf8")
        if not stat(path)[0]:
            os.mkdir(path)
