# The built-in module os of an emulated board: the build's own, and what chips have besides.
import sys

import _board
from ucollections import namedtuple
from uos import *

_FILE = 0x8000
_entries = ilistdir
# C code asks for no names that a program could replace.
_str = str


# The build's VfsPosix tells no sizes; littlefs and FAT do.
def ilistdir(path="."):
    for name, kind, _ in _entries(path):
        yield name, kind, 0, stat(path + "/" + name)[6] if kind == _FILE else 0


def uname():
    names = namedtuple("uname", ("sysname", "nodename", "release", "version", "machine"))
    version = sys.version.split("; MicroPython ")[1]
    release = ".".join(_str(part) for part in sys.implementation.version[:3])
    machine = _board.machine or sys.implementation._machine
    return names(sys.platform, sys.platform, release, version, machine)


def sync():
    pass
