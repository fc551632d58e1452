# SPDX-License-Identifier: GPL-2.0-only
"""Wall-clock throughput of a port and of virtio-serial, through the same kind of chardev.

One guest has both, each with a Unix socket behind it, whose other end is a
thread here that takes whatever comes and one that gives whatever is wanted; then
each with a file that is /dev/null. The guest uses one of them at a time
(guest-stream.c), turn and turn about. Ferry has the IOThread engine, which is the
one for speed; virtio-serial has no such thing.

The vCPU has a processor to itself, as one would give it where speed matters, and
all else shares the others. Otherwise the reader of a socket is woken where the
vCPU runs or is not, and ratios of one row range from 1.9 to 4.8 in a single boot.
"""
import contextlib
import json
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


@contextlib.contextmanager
def processors():
    """One for the vCPU, None if there is but one; this process is on the others meanwhile."""
    before = os.sched_getaffinity(0)
    vcpu, *others = sorted(before)
    os.sched_setaffinity(0, others or before)
    try:
        yield vcpu if others else None
    finally:
        os.sched_setaffinity(0, before)


def pin(monitor, processor):
    """Give the vCPU this processor; QMP knows which thread it is."""
    with monitor.makefile('rw') as qmp:
        qmp.readline()
        for execute in 'qmp_capabilities', 'query-cpus-fast':
            print(json.dumps({'execute': execute}), file=qmp, flush=True)
            reply = json.loads(qmp.readline())
    os.sched_setaffinity(reply['return'][0]['thread-id'], [processor])


def boot(mode, chardevs, processor):
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
    monitor, theirs = socket.socketpair()
    args += ['-chardev', f'socket,id=monitor,fd={theirs.fileno()}', '-mon', 'monitor,mode=control']
    console.unlink(missing_ok=True)
    with theirs:
        process = subprocess.Popen([str(arg) for arg in args], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   pass_fds=[theirs.fileno()])
    try:
        if processor is not None:
            pin(monitor, processor)
        lines = lab.finish(console, process, 120)[0]
    finally:
        process.kill()
        monitor.close()
    for line in lines:
        if line.startswith('wall '):
            _, name, size, gbps = line.split()
            yield name, int(size), float(gbps)


def rounds():
    """{(name, size, chardev): [GB/s of each round]}"""
    speeds = {}
    with tempfile.TemporaryDirectory(prefix='ferry.') as directory, processors() as vcpu:
        sockets = []
        for name in 'port', 'peer':
            path = f'{directory}/{name}'
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(path)
            listener.listen()
            threading.Thread(target=serve, args=(listener,), daemon=True).start()
            sockets.append(f'socket,id={name},path={path}')
        for name, size, gbps in boot('wall', sockets, vcpu):
            speeds.setdefault((name, size, 'socket'), []).append(gbps)
        files = [f'file,id={name},path=/dev/null' for name in ('port', 'peer')]
        for name, size, gbps in boot('wall-out', files, vcpu):
            speeds.setdefault((name, size, 'null'), []).append(gbps)
    return speeds
