# SPDX-License-Identifier: GPL-2.0-only
"""The other side of a port: a socket on which QEMU listens."""
import os
import socket
import time

LIMIT = 600


def connect(path):
    """A peer of a port; QEMU may not be there yet, or not have let the last one go.

    When the socket's directory has gone nobody will be there any more.
    """
    end = time.monotonic() + LIMIT
    while True:
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(LIMIT)
        try:
            peer.connect(path)
            return peer
        except OSError:
            peer.close()
            if time.monotonic() > end or not os.path.isdir(os.path.dirname(path)):
                raise
            time.sleep(0.05)
