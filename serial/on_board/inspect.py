# Looking at files on a board with directories. Needs load.py, reply.py and a guard.
os = load("os")
def stat(path):
    try:
        s = os.stat(path)
        return s[0], s[6]
    except OSError as e:
        # ENOENT, and ENOTDIR where a parent is a file.
        if e.args[0] in (2, 20):
            return 0, 0
        raise
def digest(path):
    h = sha256()
    b = bytearray(512)
    m = memoryview(b)
    with open(path, "rb") as f:
        while True:
            n = f.readinto(b)
            if not n:
                break
            h.update(m[:n])
            feed()
    return hexlify(h.digest()).decode()
# Paths arrive as bytes: a short text in source is interned, and stays in memory until the next reset
# (py/parse.c, MICROPY_ALLOC_PARSE_INTERN_STRING_LEN).
def describe(directory, names, hashes):
    for name in names.split(b"/"):
        path = str(directory + name, "utf8")
        mode, size = stat(path)
        if not mode:
            reply("-")
        elif mode & 0x4000:
            reply("d")
        elif hashes:
            reply("f", size, digest(path))
        else:
            reply("f", size)
def walk(path, most):
    list_below(str(path, "utf8"), most)
def list_below(path, most):
    # Ends when one more than `most` was told; answers how many are left.
    for e in os.ilistdir(path or "/"):
        if e[0] in (".", "..") or most < 0:
            continue
        p = path + "/" + e[0]
        # A control character would end the frame, or the line of whoever writes the name down.
        shown = "".join([c if c >= " " else "\x7f" for c in p])
        most -= 1
        if e[1] & 0x4000:
            reply("d", shown)
            most = list_below(p, most)
        else:
            reply("f", shown)
    return most
def space(root):
    s = os.statvfs(root)
    reply(s[1] or s[0], s[2], s[4])
