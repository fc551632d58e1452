# SPDX-License-Identifier: GPL-2.0-only
"""Wall-clock throughput of a port and of virtio-serial, through the same kind of chardev.

One guest has both, each with a Unix socket behind it, whose other end is a
thread here that takes whatever comes and one that gives whatever is wanted; then
each with a file that is /dev/null. The guest uses one of them at a time
(guest-stream.c), turn and turn about. Ferry has the IOThread engine, which is the
one for speed; virtio-serial has no such thing.
"""
import os
import socket
import subprocess
import tempfile
import threading

import lab

CHUNK = 1 << 20


def take(peer):
    buffer = bytearray(CHUNK)
    try:
        while peer.recv_into(buffer):
            pass
    except OSError:
        pass        # the guest has ended


def give(peer):
    data = os.urandom(CHUNK)
    try:
        while True:
            peer.sendall(data)
    except OSError:
        pass


def serve(listener):
    peer = listener.accept()[0]
    for work in take, give:
        threading.Thread(target=work, args=(peer,), daemon=True).start()


def boot(mode, chardevs):
    """[(name, size, GB/s)] of a guest with these backends; lab.build_guest() comes first."""
    console = lab.OUT / f'{mode}.console'
    args = [lab.qemu(), '-machine', 'virt,gic-version=2', '-cpu', 'neoverse-n1', '-smp', '1',
            '-m', '1G', '-accel', 'tcg', '-nodefaults', '-display', 'none', '-no-reboot',
            '-serial', f'file:{console}',
            '-kernel', os.environ.get('KERNEL') or lab.CACHE / 'kernel/vmlinuz',
            '-initrd', lab.OUT / 'bench.cpio', '-append', lab.COMMAND_LINE + mode,
            *(arg for chardev in chardevs for arg in ('-chardev', chardev)),
            '-object', 'iothread,id=engine', '-device', 'ferry,iothread=engine,ports=1,port0=port',
            '-device', 'virtio-serial-pci', '-device', 'virtserialport,chardev=peer']
    console.unlink(missing_ok=True)
    process = subprocess.Popen([str(arg) for arg in args], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        lines = lab.finish(console, process, 120)[0]
    finally:
        process.kill()
    for line in lines:
        if line.startswith('wall '):
            _, name, size, gbps = line.split()
            yield name, int(size), float(gbps)


def rounds():
    """{(name, size, chardev): [GB/s of each round]}"""
    speeds = {}
    with tempfile.TemporaryDirectory(prefix='ferry.') as directory:
        sockets = []
        for name in 'port', 'peer':
            path = f'{directory}/{name}'
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(path)
            listener.listen()
            threading.Thread(target=serve, args=(listener,), daemon=True).start()
            sockets.append(f'socket,id={name},path={path}')
        for name, size, gbps in boot('wall', sockets):
            speeds.setdefault((name, size, 'socket'), []).append(gbps)
    for name, size, gbps in boot('wall-out', [f'file,id={name},path=/dev/null' for name in ('port', 'peer')]):
        speeds.setdefault((name, size, 'null'), []).append(gbps)
    return speeds
