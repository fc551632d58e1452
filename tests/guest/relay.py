#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""relay.py A B: what one port receives goes to the other, as an event loop does it."""
import os
import selectors
import sys

MOST = 100_000


class End:
    """A port, what waits to be written to it, and whether it has more to give."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self.queue = b''
        self.open = True
        self.other = None

    def wanted(self):
        return ((selectors.EVENT_READ if self.open and len(self.other.queue) < MOST else 0) |
                (selectors.EVENT_WRITE if self.queue else 0))

    def ready(self, events):
        if events & selectors.EVENT_READ:
            try:
                data = os.read(self.fd, 30_000)
                self.open = bool(data)
                self.other.queue += data
            except BlockingIOError:
                pass
        if events & selectors.EVENT_WRITE:
            try:
                self.queue = self.queue[os.write(self.fd, self.queue):]
            except BlockingIOError:
                pass


ends = [End(path) for path in sys.argv[1:3]]
ends[0].other, ends[1].other = ends[1], ends[0]
watched = {}
selector = selectors.EpollSelector()
while any(end.wanted() for end in ends):
    for end in ends:
        wanted = end.wanted()
        if wanted == watched.get(end, 0):
            continue
        if end in watched:
            selector.unregister(end.fd)
            del watched[end]
        if wanted:
            selector.register(end.fd, wanted, end)
            watched[end] = wanted
    for key, events in selector.select():
        key.data.ready(events)
