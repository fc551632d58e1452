#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""obey.py DIRECTORY: peers that come, talk and leave when tests/kselftest/ferry_stream_peer tells them to.

QEMU listens in the directory, on a socket named for the port. On port 2 come
commands, a line each, and go answers, the same line when it is done:

    connect PORT        leave PORT        send PORT TEXT

Port 1 is framed: what goes there is a packet, "-" an empty one, and, after a
"+", the beginning of one. Ends with QEMU.
"""
import socket
import struct
import sys
import time

LIMIT = 600


def connect(port):
    end = time.monotonic() + LIMIT
    while True:
        peer = socket.socket(socket.AF_UNIX)
        try:
            peer.connect(f'{sys.argv[1]}/{port}')
            return peer
        except OSError:
            peer.close()
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def framed(text):
    more = text.startswith(b'+')
    text = text.removeprefix(b'+').removeprefix(b'-')
    return struct.pack('<I', len(text) | more << 31) + text


peers = {}
with connect('2').makefile('rwb', buffering=0) as master:
    for line in master:
        command, port, *text = line.rstrip(b'\n').split(b' ', 2)
        if command in (b'connect', b'leave') and port in peers:
            peers.pop(port).close()
        if command == b'connect':
            peers[port] = connect(port.decode())
        elif command == b'send':
            peers[port].sendall(framed(text[0]) if port == b'1' else text[0])
        master.write(line)
