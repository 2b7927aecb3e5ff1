# Every reply to the gateway is framed by RS and US, so that what a background task prints in
# between is told apart from it, and ends in a sum of its bytes, so that a damaged one is noticed.
def reply(*fields):
    line = "\t".join([str(f) for f in fields])
    print("\x1e%s\x1d%x\x1f" % (line, sum(bytes(line, "utf8")) & 65535))
