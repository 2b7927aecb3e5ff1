# Removes a file or a directory with all that is in it; what is gone already is fine.
import os
def remove_tree(path):
    try:
        mode = os.stat(path)[0]
    except OSError:
        return
    if mode & 0x4000:
        for e in list(os.ilistdir(path)):
            if e[0] not in (".", ".."):
                remove_tree(path + "/" + e[0])
        os.rmdir(path)
    else:
        os.remove(path)
