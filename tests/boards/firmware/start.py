# Runs before boot.py: gives `os` and `sys.modules` what chips have and the published build lacks.
import os
import sys
from collections import namedtuple

import _board
import machine

_FILE = 0x8000
_entries = os.ilistdir


# The build's VfsPosix tells no sizes; littlefs and FAT do.
def ilistdir(path="."):
    for name, kind, _ in _entries(path):
        yield name, kind, 0, os.stat(path + "/" + name)[6] if kind == _FILE else 0


def uname():
    names = namedtuple("uname", ("sysname", "nodename", "release", "version", "machine"))
    version = sys.version.split("; MicroPython ")[1]
    release = ".".join(str(part) for part in sys.implementation.version[:3])
    return names(sys.platform, sys.platform, release, version, _board.machine or sys.implementation._machine)


os.ilistdir = ilistdir
os.uname = uname
os.sync = lambda: None
