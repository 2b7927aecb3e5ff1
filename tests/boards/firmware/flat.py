# Runs after start.py where a board is to be as the BBC micro:bit: `os` has no directories and can
# neither rename nor tell a file's kind or the free space (its port's modos.c).
import os

import uos

_stat = uos.stat


def _size(name):
    return _stat(name)[6]


for _module in (os, uos):
    _module.size = _size
    for _name in (
        "mkdir rename rmdir stat statvfs ilistdir getcwd chdir unlink sync mount umount dupterm path"
    ).split():
        if hasattr(_module, _name):
            delattr(_module, _name)
