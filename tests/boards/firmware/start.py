# Runs before boot.py: gives `os` and `sys.modules` what chips have and the published build lacks.
import os
import sys
from collections import namedtuple

os.uname = lambda: namedtuple("uname", ("sysname", "nodename", "release", "version", "machine"))(
    sys.platform, sys.platform, "1.27.0", sys.version.split("; ")[1], sys.implementation._machine
)
os.sync = lambda: None
import machine
