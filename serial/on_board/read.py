# A file's content as the repr of one small piece after the other. Needs reply.py.
def read(path, size):
    with open(path, "rb") as f:
        while True:
            b = f.read(size)
            if not b:
                break
            reply(b)
