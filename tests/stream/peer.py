#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""peer.py DIRECTORY: the host's side of tests/guest/programs, one TAP result each.

QEMU listens in the directory, on a socket named for the port. A case that
fails says why; its socket is closed then, so that the guest does not wait.
"""
import hashlib
import os
import random
import sys
import threading

import port

DIRECTORY = sys.argv[1]
END = b'the end of all streams\n'
LIMIT = port.LIMIT


def connect(number):
    return port.connect(f'{DIRECTORY}/{number}')


def send(peer, data):
    """In pieces of random sizes."""
    at = 0
    while at < len(data):
        size = random.randint(1, 1 << random.randint(0, 17))
        peer.sendall(data[at:at + size])
        at += size


def receive(peer, size):
    data = bytearray()
    while len(data) < size:
        piece = peer.recv(min(size - len(data), random.randint(1, 100_000)))
        if not piece:
            raise EOFError(f'{len(data)} of {size} bytes')
        data += piece
    return bytes(data)


def check(sent, received):
    if hashlib.sha256(sent).digest() != hashlib.sha256(received).digest():
        same = os.path.commonprefix([sent, received])
        raise ValueError(f'{len(received)} bytes, of which the first {len(same)} are as sent')


def there_and_back(number):
    """Send and close; the answer is the next connection's."""
    data = os.urandom(3_000_001)
    with connect(number) as peer:
        send(peer, data)
    with connect(number) as peer:
        check(data, receive(peer, len(data)))


def through(ends):
    """Each end sends to the next one, all at once; they close when all have all."""
    data = [os.urandom(4_000_003) for _ in ends]
    for end, mine in zip(ends, data):
        threading.Thread(target=send, args=(end, mine), daemon=True).start()
    received = {}

    def take(number):
        received[number] = receive(ends[number], len(data[number]))

    takers = [threading.Thread(target=take, args=(number,), daemon=True)
              for number in range(len(ends))]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join(LIMIT)
    for end in ends:
        end.close()
    for number, sent in enumerate(data):
        check(sent, received.get((number + 1) % len(ends), b''))


def echo(number):
    through([connect(number)])


def relay(number):
    through([connect(number), connect(number + 1)])


def archive(number):
    """All up to a line that says so; then back with it."""
    with connect(number) as peer:
        data = bytearray()
        while not data.endswith(END):
            piece = peer.recv(65536)
            if not piece:
                raise EOFError(f'after {len(data)} bytes')
            data += piece
        send(peer, data[:-len(END)])


CASES = (('dd', there_and_back, 0), ('socat', echo, 1), ('tar and zstd', archive, 2),
         ('pv', there_and_back, 3), ('Python', relay, 4))
results = {}


def run(name, case, number):
    try:
        case(number)
        results[name] = None
    except Exception as error:      # whatever it is, it is this case's result
        results[name] = repr(error)


workers = [threading.Thread(target=run, args=case, daemon=True) for case in CASES]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join(LIMIT)
for number, (name, *_) in enumerate(CASES, 1):
    why = results.get(name, 'did not finish')
    if why:
        print(f'# {why}')
    print(f'{"not ok" if why else "ok"} {number} - host: {name}')
print(f'1..{len(CASES)}')
sys.exit(any(results.get(name, True) for name, *_ in CASES))
