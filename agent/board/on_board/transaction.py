# The transaction on the board. Needs reply.py, inspect.py (stat) and files.py (remove_tree).
# In /.uota one file at most tells where the transaction is; all three have the same content:
#   journal    to be carried forward: the commit may have begun
#   committed  the release is in place, its predecessor is in old
#   rollback   to be carried backward: the roll-back may have begun
# The first line names the release; then one operation a line, in order:
#   "d N PATH"  move PATH to old/N
#   "m PATH"    make the directory PATH
#   "p N PATH"  move what is at PATH to old/N, then new/N to PATH
#   "end HASH"  the SHA-256 of everything before HASH, which the gateway checks
# Every operation can be repeated, in both directions, after a cut at any moment.
import os
def operations(base, name):
    with open(base + "/.uota/" + name) as f:
        f.readline()
        for line in f:
            line = line[:-1]
            if line[0] == "e":
                return
            if line[0] == "m":
                yield "m", "", base + "/" + line[2:]
            else:
                n, path = line[2:].split(" ", 1)
                yield line[0], n, base + "/" + path
def commit(base):
    new = base + "/.uota/new/"
    old = base + "/.uota/old/"
    if not stat(base + "/.uota/journal")[0]:
        return
    for kind, n, path in operations(base, "journal"):
        if kind == "m":
            if not stat(path)[0]:
                os.mkdir(path)
        elif kind == "d":
            if stat(path)[0] and not stat(old + n)[0]:
                os.rename(path, old + n)
        elif stat(new + n)[0]:
            if stat(path)[0]:
                if stat(old + n)[0]:
                    # Written by a program that ran between a cut and now; the original is in old.
                    remove_tree(path)
                else:
                    os.rename(path, old + n)
            os.rename(new + n, path)
        feed()
        reply(kind)
    os.rename(base + "/.uota/journal", base + "/.uota/committed")
def roll_back(base):
    new = base + "/.uota/new/"
    old = base + "/.uota/old/"
    for name in ("journal", "committed"):
        if stat(base + "/.uota/" + name)[0]:
            os.rename(base + "/.uota/" + name, base + "/.uota/rollback")
    if not stat(base + "/.uota/rollback")[0]:
        return
    for kind, n, path in reversed(list(operations(base, "rollback"))):
        if kind == "m":
            if stat(path)[0] & 0x4000 and not list(os.ilistdir(path)):
                os.rmdir(path)
        else:
            if kind == "p" and stat(path)[0] and not stat(new + n)[0]:
                os.rename(path, new + n)
            if stat(old + n)[0]:
                if stat(path)[0]:
                    remove_tree(path)
                os.rename(old + n, path)
        feed()
        reply(kind)
def finish(base):
    # The file that says where the transaction is goes first: without it, the rest is left-overs.
    for name in ("journal", "committed", "rollback"):
        remove_tree(base + "/.uota/" + name)
    remove_tree(base + "/.uota")
