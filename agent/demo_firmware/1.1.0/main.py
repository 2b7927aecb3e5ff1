import time
from lib.greeting import greet

while True:
    print(greet("firmware 1.1.0"))
    time.sleep(1)
