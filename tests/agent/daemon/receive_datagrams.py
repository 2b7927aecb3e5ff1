"""Binds a Unix datagram socket and says so; then, for each line on stdin, waits for a datagram and
prints it in hex."""

import socket
import sys

name = sys.argv[1]
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind("\0" + name[1:] if name.startswith("@") else name)
receiver.settimeout(30)
print("ready", flush=True)
for _ in sys.stdin:
    print(receiver.recv(1 << 20).hex(), flush=True)
