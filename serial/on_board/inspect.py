# Looking at files on a board with directories. Needs reply.py.
import os
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
    from hashlib import sha256
    from binascii import hexlify
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
def describe(directory, names, hashes):
    for name in names:
        mode, size = stat(directory + name)
        if not mode:
            reply("-")
        elif mode & 0x4000:
            reply("d")
        elif hashes:
            reply("f", size, digest(directory + name))
        else:
            reply("f", size)
def walk(path):
    for e in os.ilistdir(path or "/"):
        if e[0] in (".", ".."):
            continue
        p = path + "/" + e[0]
        # A control character would end the frame, or the line of whoever writes the name down.
        shown = "".join([c if c >= " " else "\x7f" for c in p])
        if e[1] & 0x4000:
            reply("d", shown)
            walk(p)
        else:
            reply("f", shown)
def space(root):
    s = os.statvfs(root)
    reply(s[1] or s[0], s[2], s[4])
