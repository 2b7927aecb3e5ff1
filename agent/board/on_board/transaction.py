# The transaction on the board. Needs reply.py, inspect.py (stat) and remove_tree.py.
# The journal's first line names the release; then one operation a line, in order:
#   "d N PATH"  move PATH to old/N
#   "m PATH"    make the directory PATH
#   "p N PATH"  move what is at PATH to old/N, then new/N to PATH
# Every operation can be repeated, in both directions, after a cut at any moment.
import os
def operations(base):
    with open(base + "/.uota/journal") as f:
        f.readline()
        for line in f:
            line = line[:-1]
            if line[0] == "m":
                yield "m", "", base + "/" + line[2:]
            else:
                n, path = line[2:].split(" ", 1)
                yield line[0], n, base + "/" + path
def commit(base):
    new = base + "/.uota/new/"
    old = base + "/.uota/old/"
    for kind, n, path in operations(base):
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
        reply(kind)
def roll_back(base):
    new = base + "/.uota/new/"
    old = base + "/.uota/old/"
    for kind, n, path in reversed(list(operations(base))):
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
        reply(kind)
def finish(base):
    # The journal goes first: without it, new and old are only left-overs.
    remove_tree(base + "/.uota/journal")
    remove_tree(base + "/.uota")
