# Writing files. A full FAT volume makes write() return less instead of raising.
def begin(path):
    global file
    file = open(path, "wb")
def more(data):
    if file.write(data) != len(data):
        raise OSError(28)
def end():
    file.close()
def whole(path, data):
    begin(path)
    more(data)
    end()
