# Every reply to the gateway is framed by RS and US, so that what a background task prints in
# between is told apart from it, and ends in a sum of its bytes, so that a damaged one is noticed.
# The genuine print() writes to the interpreter's own sys.stdout (py/modbuiltins.c). Needs base.py.
# Its own first one says whether load.py is of use here.
def reply(*fields):
    # Neither a comprehension nor map(): small boards have stack for few calls within each other.
    line = str(fields[0])
    for f in fields[1:]:
        line += "\t" + str(f)
    print("\x1e%s\x1d%x\x1f" % (line, sum(bytes(line, "utf8")) & 65535))
reply(int(hasattr(sys, "path")))
