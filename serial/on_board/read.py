# A file's content, or its first bytes, as the repr of one small piece after the other.
# Needs reply.py.
def read(path, piece, limit):
    with open(path, "rb") as f:
        while limit:
            b = f.read(piece if limit < 0 else min(piece, limit))
            if not b:
                break
            reply(b)
            if limit > 0:
                limit -= len(b)
