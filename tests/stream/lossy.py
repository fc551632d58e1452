#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""lossy.py PORT [PORT framed]: peers of tests/guest/stress that come, talk, and leave at any time.

Each argument is the socket on which QEMU listens for the peers of a port;
"framed" behind it: what they send are frames, of which the last may be cut.
Ends with QEMU.
"""
import os
import random
import struct
import sys
import threading
import time

from port import connect


def frame():
    data = os.urandom(random.randint(0, 6000))
    more = random.random() < 0.2
    return struct.pack('<I', len(data) | more << 31) + data


def talk(peer, framed):
    """Reads, writes and naps, until it is tired of it."""
    for _ in range(random.randint(1, 60)):
        choice = random.random()
        if choice < 0.45:
            data = frame() if framed else os.urandom(random.randint(1, 100_000))
            # Who is cut short leaves in the middle of it.
            if random.random() < 0.05:
                data = data[:random.randint(0, len(data))]
                peer.sendall(data)
                return
            peer.sendall(data)
        elif choice < 0.9:
            peer.recv(random.randint(1, 200_000))
        else:
            time.sleep(random.random() / 20)


def come_and_go(path, framed, rounds):
    while os.path.exists(path):
        try:
            with connect(path) as peer:
                peer.settimeout(0.5)
                while True:
                    talk(peer, framed)
                    if random.random() < 0.5:
                        break
        except TimeoutError:
            pass            # nobody listens or talks: leave
        except OSError:
            time.sleep(0.05)
        rounds.append(path)


def main():
    peers = []
    for argument in sys.argv[1:]:
        if argument == 'framed':
            peers[-1][1] = True
        else:
            peers.append([argument, False])
    rounds = []
    for path, framed in peers:
        try:
            connect(path).close()
        except FileNotFoundError:
            break           # QEMU has never been there
        threading.Thread(target=come_and_go, args=(path, framed, rounds), daemon=True).start()
    while all(os.path.exists(path) for path, _ in peers):
        time.sleep(0.2)
    print(f'lossy: {len(rounds)} peers have come and gone', file=sys.stderr)


main()
