# Whether the files are in the directory to which boot.py went, or are laid out from the root of the
# file system all the same. Needs probe_root.py (os, root, here) and reply.py.
def there(directory, *names):
    for name in names:
        try:
            os.stat(directory.rstrip("/") + "/" + name)
            return True
        except OSError:
            pass
    return False
def chosen():
    open_here = there(here, ".uota")
    if open_here != there(root, ".uota"):
        return here if open_here else root
    if there(here, "version"):
        return here
    if there(root, "version") and not there(root, "main.py", "main.mpy"):
        if there(here, "main.py", "main.mpy"):
            return root
    return here
reply("root", chosen())
del there, chosen
