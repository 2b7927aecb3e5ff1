# Changing files on a board without directories, whose files cannot be opened for more than reading
# or writing from the beginning. Needs inspect_flat.py (os).
def begin(path):
    global file
    file = open(str(path, "utf8"), "wb")
def more(data):
    if file.write(data) != len(data):
        raise OSError(28)
def end():
    file.close()
def remove(path):
    path = str(path, "utf8")
    if path in os.listdir():
        os.remove(path)
