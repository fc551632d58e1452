# SPDX-License-Identifier: GPL-2.0-only
"""What run and gate share: the guest whose instructions are counted.

Everything in the guest is fixed: icount (one instruction is one nanosecond),
seed, clock, CPU model, kernel layout, initramfs. A boot therefore prints the
same bytes on every host. Each mode is booted twice, once with the counting
plugin and once without; if the two consoles differ, then either the model, the
driver or the plugin does something that depends on the host.
"""
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
HERE = TOP / 'tests/bench'
BUILD = TOP / 'build'
OUT = BUILD / 'bench'
CACHE = Path(os.environ.get('FERRY_CACHE') or
             Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'ferry')
CROSS = '' if os.uname().machine == 'aarch64' else 'aarch64-linux-gnu-'
FIELDS = ('name', 'size', 'batch', 'insn', 'mmio_w', 'mmio_r', 'irq', 'svc', 'gbps', 'ratio')
# What is booted for each mode. A completion takes no virtual time, or 20 us.
MODES = {'awake': ['-device', 'ferry,latency-ns=0'],
         'sleep': ['-device', 'ferry,latency-ns=20000'],
         'stream': ['-device', 'ferry,latency-ns=0,ports=1',
                    '-device', 'virtio-serial-pci,ioeventfd=off',
                    '-chardev', 'file,id=peer,path=/dev/null', '-device', 'virtserialport,chardev=peer']}
LIMIT_ONE, LIMIT_32 = 1500, 110
# Of a mapped queue, by batch; the spin that waits is not counted.
LIMIT_QUEUE = {1: 90, 4: 60, 32: 50, 256: 50}
LIMIT_SLEEP, LIMIT_REGISTER = 8300, 30000
LIMIT_WRITE, LIMIT_READ, LIMIT_IRQ = 2900, 2800, 1 / 8
COMMAND_LINE = ('console=ttyAMA0 rdinit=/init panic=-1 ignore_loglevel nokaslr '
                'randomize_kstack_offset=off norandmaps bench=')


class BenchError(Exception):
    """What went wrong, in a sentence for the user."""


def say(text):
    print(f'bench: {text}', file=sys.stderr, flush=True)


def command(*args, **kwargs):
    """Run a tool that should not fail."""
    args = [str(arg) for arg in args]
    done = subprocess.run(args, capture_output=True, text=True, check=False, **kwargs)
    if done.returncode:
        raise BenchError(f'{" ".join(args[:3])} failed:\n{done.stdout}{done.stderr}')
    return done.stdout


def null_row(name, size=None, batch=None, **values):
    row = dict.fromkeys(FIELDS)
    row.update(name=name, size=size, batch=batch, **values)
    return row


def build_naive():
    """The driver that others are compared with, for the kernel that the driver was built for."""
    naive = OUT / 'naive'
    for path in ('uapi/linux', '.'):
        (naive / path).mkdir(parents=True, exist_ok=True)
    for path in ((HERE / 'naive').iterdir(), [TOP / 'driver/ferry_regs.h']):
        for file in path:
            shutil.copy2(file, naive)
    for file in (TOP / 'driver/uapi/linux').iterdir():
        shutil.copy2(file, naive / 'uapi/linux')
    kdir = (BUILD / 'fast/driver/.kdir').read_text().rsplit(None, 1)[0]
    command('make', '-C', kdir, f'M={naive}', 'ARCH=arm64', f'CROSS_COMPILE={CROSS}', 'modules')


def build_guest():
    """The plugin, and an initramfs that holds the benchmark as init, and the driver."""
    OUT.mkdir(parents=True, exist_ok=True)
    glib = command('pkg-config', '--cflags', 'glib-2.0').split()
    command('cc', '-O2', '-Wall', '-shared', '-fPIC', *glib, '-I', CACHE / 'qemu/include/qemu',
            '-o', OUT / 'plugin.so', HERE / 'plugin.c')
    root = OUT / 'root'
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    command(CROSS + 'gcc', '-O2', '-Wall', '-Wextra', '-Werror', '-static', '-pthread', '-march=armv8-a+crc',
            '-I', TOP / 'driver/uapi', '-I', TOP / 'tools/libferry', '-o', root / 'init',
            HERE / 'guest-bench.c', HERE / 'guest-stream.c', *sorted((TOP / 'tools/libferry').glob('*.c')))
    command(TOP / 'scripts/build-driver', 'fast')
    shutil.copyfile(BUILD / 'fast/driver/ferry.ko', root / 'ferry.ko')
    build_naive()
    shutil.copyfile(OUT / 'naive/naive.ko', root / 'naive.ko')
    # What debuggers want names directories, and what is counted must not depend on where this was built.
    command(CROSS + 'strip', '--strip-debug', root / 'ferry.ko', root / 'naive.ko')
    names = sorted(p.name for p in root.iterdir())
    for path in [root, *root.iterdir()]:
        path.chmod(0o755)
        os.utime(path, (1, 1))
    with open(OUT / 'bench.cpio', 'wb') as cpio:
        subprocess.run(['cpio', '-o', '-H', 'newc', '--reproducible', '-R', '0:0', '--quiet'],
                       cwd=root, input='\n'.join(names).encode(), stdout=cpio, check=True)


def qemu():
    path = Path(os.environ.get('QEMU') or BUILD / 'qemu-plain/qemu-system-aarch64')
    if not path.exists():
        raise BenchError(f'no emulator at {path}; run scripts/build-qemu')
    return path


def start(mode, plugin):
    """Boot one guest; its console goes to a file."""
    console = OUT / f'{mode}-{"plugin" if plugin else "plain"}.console'
    args = [qemu(), '-machine', 'virt,gic-version=3,dtb-randomness=off',
            '-cpu', 'neoverse-n1,cntfrq=1000000000', '-smp', '1', '-m', '1G', '-accel', 'tcg',
            '-icount', 'shift=0,sleep=off', '-seed', '1', '-rtc', 'base=2026-01-01,clock=vm',
            '-nodefaults', '-display', 'none', '-no-reboot', '-serial', f'file:{console}',
            '-kernel', os.environ.get('KERNEL') or CACHE / 'kernel/vmlinuz',
            '-initrd', OUT / 'bench.cpio', '-append', COMMAND_LINE + mode, *MODES[mode]]
    if plugin:
        args += ['-plugin', f'{OUT}/plugin.so,out={OUT}/{mode}.counts']
    return console, subprocess.Popen([str(arg) for arg in args], stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(console, process, limit=300):
    """Wait for a guest; the lines of its console from the first row on, and all of its bytes."""
    try:
        output = process.communicate(timeout=limit)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        raise BenchError(f'the guest did not finish in {limit} s; see {console.name}') from None
    content = console.read_bytes() if console.exists() else b''
    lines = content.decode(errors='replace').splitlines()
    if process.returncode or 'bench: done' not in lines:
        tail = '\n'.join(lines[-12:])
        raise BenchError(f'the guest failed:\n{output}{tail}')
    return lines, content


def parse(mode, lines):
    """Join what the guest measured with what the plugin counted; raw counts beside each row."""
    counts = [[int(n) for n in line.split()]
              for line in (OUT / f'{mode}.counts').read_text().splitlines()]
    result = []
    for line in lines:
        if not line.startswith('row '):
            continue
        _, name, *numbers = line.split()
        size, batch, calls, ticks, irqs = map(int, numbers)
        mine, counts = counts[:calls], counts[calls:]
        insn = statistics.median_low([c[0] for c in mine])
        svc, mmio_w, mmio_r, all_irqs = (sum(c[i] for c in mine) for i in range(1, 5))
        ops = calls * batch
        row = null_row(name, size or None, batch, insn=insn / batch, mmio_w=mmio_w / ops,
                       mmio_r=mmio_r / ops, irq=irqs / ops, svc=svc / ops)
        result.append((row, {'calls': calls, 'insn': insn, 'ticks': ticks, 'mmio_w': mmio_w,
                             'mmio_r': mmio_r, 'irqs': irqs, 'all_irqs': all_irqs, 'svc': svc}))
    if counts:
        raise BenchError(f'{len(counts)} brackets of the plugin belong to no row')
    return result


def guest():
    """Boot everything; (rows with raw counts, whether the two consoles of each mode are the same)."""
    build_guest()
    rows, same = [], {}
    for mode in MODES:
        boots = [start(mode, plugin) for plugin in (True, False)]
        try:
            (lines, first), (_, second) = [finish(*boot) for boot in boots]
        finally:
            for _, process in boots:
                process.kill()
        same[mode] = first == second
        rows += parse(mode, lines)
    return rows, same


def limits(rows, same):
    """The limits that hold everywhere: (whether it holds, what, the rows that break it)."""
    def check(what, of, broken):
        mine = [row for row in rows if of(row[0])]
        bad = [f'{label(row)}: insn {row["insn"]:.2f}, {raw}' for row, raw in mine
               if broken(row, raw)]
        return mine and not bad, what, bad or ([] if mine else ['nothing was measured'])

    def submit(row, sleep=False):
        return row['name'].startswith('ferry.ioctl.') and row['name'].endswith('.sleep') == sleep

    def queue(row):
        return row['name'].startswith('ferry.queue.')

    def port(name):
        return lambda row: row['name'] == 'ferry.port.' + name

    for mode in MODES:
        yield (same.get(mode, False), f'{mode}: two boots print the same bytes, with and without plugin',
               [f'compare the two {mode}-*.console in {OUT.relative_to(TOP)}'])
    yield check('awake: the plugin and the counter agree on every row',
                lambda row: not row['name'].endswith('.sleep'),
                # Who looks at the counter twice more, around what does not count, sees it in it.
                lambda row, raw: not 0 <= raw['ticks'] - raw['insn'] <= (16 if queue(row) else 8))
    yield check(f'SUBMIT of one operation and its completion: at most {LIMIT_ONE} instructions',
                lambda row: submit(row) and row['batch'] == 1,
                lambda row, raw: row['insn'] > LIMIT_ONE)
    yield check(f'SUBMIT of 32 operations: at most {LIMIT_32} instructions each',
                lambda row: submit(row) and row['batch'] == 32,
                lambda row, raw: row['insn'] > LIMIT_32)
    yield check('awake: one MMIO write per batch, no read, no interrupt, one system call', submit,
                lambda row, raw: (raw['mmio_w'], raw['mmio_r'], raw['irqs'], raw['svc']) !=
                (raw['calls'], 0, 0, raw['calls']))
    yield check('mapped queue: at most {}'.format(', '.join(
                    f'{most} instructions at batch {n}' for n, most in LIMIT_QUEUE.items())), queue,
                lambda row, raw: row['insn'] > LIMIT_QUEUE[row['batch']])
    yield check('mapped queue: one MMIO write per batch, no read, no interrupt, no system call', queue,
                lambda row, raw: (raw['mmio_w'], raw['mmio_r'], raw['irqs'], raw['svc']) !=
                (raw['calls'], 0, 0, 0))
    yield check('a wait that finds its completion: no MMIO, no interrupt, no system call',
                lambda row: row['name'] == 'ferry.wait.ready',
                lambda row, raw: (raw['mmio_w'], raw['mmio_r'], raw['irqs'], raw['svc']) != (0, 0, 0, 0))
    yield check(f'a wait that sleeps: at most {LIMIT_SLEEP} instructions, one interrupt',
                lambda row: row['name'] == 'ferry.wait.sleep',
                lambda row, raw: row['insn'] > LIMIT_SLEEP or raw['irqs'] != raw['calls'])
    yield check(f'BUF_REGISTER of 1 MiB of a huge page: at most {LIMIT_REGISTER} instructions',
                lambda row: row['name'] == 'ferry.buf.register.huge',
                lambda row, raw: row['insn'] > LIMIT_REGISTER)
    yield check('sleeping: one MMIO write per batch and at most two per interrupt',
                lambda row: submit(row, sleep=True),
                lambda row, raw: raw['mmio_w'] > raw['calls'] + 2 * raw['irqs'])
    yield check(f'write(2) of 4 KiB to a port: at most {LIMIT_WRITE} instructions', port('write'),
                lambda row, raw: row['insn'] > LIMIT_WRITE)
    yield check(f'read(2) of 4 KiB from a port: at most {LIMIT_READ} instructions', port('read'),
                lambda row, raw: row['insn'] > LIMIT_READ)
    yield check('nothing that a port costs is left out of these two', port('loop'),
                lambda row, raw: row['insn'] > LIMIT_WRITE + LIMIT_READ)
    yield check('a port under load: at most one interrupt for eight buffers', port('load.sleep'),
                lambda row, raw: row['irq'] > LIMIT_IRQ)


def label(row):
    return f'{row["name"]} {row["size"] or ""} x{row["batch"]}'


def conditions():
    """What, besides Ferry itself, the number of instructions depends on."""
    text = (OUT / 'awake-plain.console').read_text(errors='replace')
    return {'kernel': text.split('Linux version ', 1)[1].split()[0],
            'compiler': command(CROSS + 'gcc', '-dumpfullversion').strip()}


def dumps(rows):
    return '[' + ',\n '.join(json.dumps(
        {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()})
                             for row in rows) + ']'
