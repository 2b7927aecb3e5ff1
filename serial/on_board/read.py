# A part of a file's content, as the repr of one small piece after the other. Needs base.py and
# reply.py.
def read(path, piece, offset, length):
    with open(str(path, "utf8"), "rb") as f:
        if offset:
            f.seek(offset)
        while length:
            b = f.read(min(piece, length))
            if not b:
                break
            reply(b)
            length -= len(b)
