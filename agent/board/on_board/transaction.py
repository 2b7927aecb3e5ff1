# The transaction on the board. Needs inspect.py (os, stat), files.py (remove_tree, some_of), reply.py.
# In /.uota one file at most tells where the transaction is; all three have the same content:
#   journal    to be carried forward: the commit may have begun
#   committed  the release is in place, its predecessor is in old
#   rollback   to be carried backward: the roll-back may have begun
# The first line names the release; then one operation a line, in order:
#   "d N PATH"  move PATH to old/N
#   "m PATH"    make the directory PATH
#   "p N PATH"  move what is at PATH to old/N, then new/N to PATH
#   "end HASH"  the SHA-256 of everything before HASH, which the gateway checks
# Every operation can be repeated, in both directions, after a cut at any moment. None needs more
# memory than a few lines of the journal, however long it is.
def parsed(line, base):
    if line[0] == "m":
        return "m", "", base + "/" + line[2:]
    n, path = line[2:].split(" ", 1)
    return line[0], n, base + "/" + path
def forward(base, name):
    with open(base + "/.uota/" + name) as f:
        f.readline()
        for line in f:
            if line[0] == "e":
                return
            yield parsed(line[:-1], base)
def backward(base, name):
    with open(base + "/.uota/" + name, "rb") as f:
        at = f.seek(0, 2)
        rest = b""
        while at:
            size = min(at, 256)
            at -= size
            f.seek(at)
            lines = (f.read(size) + rest).split(b"\n")
            # The first may have begun in the block before; at the end it is the one with the release.
            rest = lines[0]
            i = len(lines)
            while i > 1:
                i -= 1
                if lines[i] and lines[i][:1] != b"e":
                    yield parsed(str(lines[i], "utf8"), base)
def commit(base):
    new = base + "/.uota/new/"
    old = base + "/.uota/old/"
    if not stat(base + "/.uota/journal")[0]:
        return
    for kind, n, path in forward(base, "journal"):
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
    if not stat(base + "/.uota/old")[0]:
        # A program has removed what there is to go back to.
        raise OSError(2)
    if not stat(base + "/.uota/new")[0]:
        os.mkdir(base + "/.uota/new")
    for kind, n, path in backward(base, "rollback"):
        if kind == "m":
            if stat(path)[0] & 0x4000 and not some_of(path):
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
