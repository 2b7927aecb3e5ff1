# Looking at files on a board that has neither directories nor stat (BBC micro:bit). Needs reply.py.
import os
def describe(directory, names, hashes):
    there = os.listdir()
    for name in names:
        if name in there:
            reply("f", os.size(name))
        else:
            reply("-")
def walk(path):
    for name in os.listdir():
        reply("f", name)
