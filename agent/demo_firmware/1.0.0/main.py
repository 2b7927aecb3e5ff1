import time

while True:
    print("hello from firmware 1.0.0")
    time.sleep(1)
