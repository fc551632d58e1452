#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""terminal.py FERRY SYSFS: "ferry top" on a terminal that is checked afterwards."""
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

HIDE, SHOW = b'\033[?25l', b'\033[?25h'
CUT, WRAP = b'\033[?7l', b'\033[?7h'
ferry, sysfs = sys.argv[1:]


def shell(events):
    """What a shell does: run the command in the foreground, and say what becomes of it."""
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execv(ferry, [ferry, 'top', '--interval=0.1', '--sysfs=' + sysfs])
    os.write(events, f'{pid}\n'.encode())
    status = 0x7f
    while status & 0xff == 0x7f:
        status = os.waitpid(pid, os.WUNTRACED)[1]
        os.write(events, f'{status}\n'.encode())
    os._exit(0)


def check(what, holds):
    if not holds:
        sys.exit(f'top on a terminal: {what} does not hold')


class Top:
    """The command, with a shell and a terminal of its own."""

    def __init__(self):
        events, to_events = os.pipe()
        self.shell, self.fd = pty.fork()
        if self.shell == 0:
            shell(to_events)
        os.close(to_events)
        self.events = os.fdopen(events)
        self.pid = int(self.events.readline())
        self.output = b''
        check('lines are cut, not wrapped', CUT in self.expect(HIDE))

    def expect(self, text):
        """Read until text is there; what is before it is gone then."""
        end = time.monotonic() + 20
        while text not in self.output:
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                sys.exit(f'no {text!r} in {self.output!r}')
            try:
                self.output += os.read(self.fd, 4096)
            except OSError:
                sys.exit(f'ended without {text!r} in {self.output!r}')
        before, self.output = self.output.split(text, 1)
        return before

    def resize(self, lines, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack('4H', lines, columns, 0, 0))

    def modes(self):
        return termios.tcgetattr(self.fd)[3] & (termios.ICANON | termios.ECHO)

    def status(self):
        """Of wait(2), when it next ends or stops."""
        return int(self.events.readline())


normal = termios.ICANON | termios.ECHO


def set_bytes(value):
    with open(sysfs + '/ferry0p0/statistics/rx_bytes', 'w', encoding='ascii') as file:
        file.write(f'{value}\n')


top = Top()
top.expect(b'ferry0p0')
check('raw mode', top.modes() == 0)
set_bytes(100 << 20)
line = top.expect(b'100M').rsplit(b'\n', 1)[-1]
check('a rate', b' open ' in line and b' 0.00 ' not in line)
top.resize(7, 80)
screen = top.expect(b' more; name those to see').rsplit(b'\033[H', 1)[-1]
check('what does not fit is counted', screen.count(b'ferry0p') == 4 and screen.endswith(b'\n2'))
top.resize(24, 80)
os.write(top.fd, b'x')
top.expect(b'ferry0p0')
os.write(top.fd, b'q')
check('lines wrap again', WRAP in top.expect(SHOW))
check('q ends it', top.status() == 0)

for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGALRM,
               signal.SIGUSR1, signal.SIGUSR2):
    top = Top()
    os.kill(top.pid, number)
    top.expect(SHOW)
    check('the modes are back', top.modes() == normal)
    check(f'death by {number.name}', os.WTERMSIG(top.status()) == number)

top = Top()
os.kill(top.pid, signal.SIGTSTP)
top.expect(SHOW)
check('it stops', os.WIFSTOPPED(top.status()))
check('the modes are back while it is stopped', top.modes() == normal)
os.kill(top.pid, signal.SIGCONT)
top.expect(HIDE)
top.expect(b'ferry0p0')
check('raw mode again', top.modes() == 0)
os.kill(top.pid, signal.SIGWINCH)
top.expect(b'ferry0p0')
os.write(top.fd, b'\003')
top.expect(SHOW)
check('death by ctrl-c', os.WTERMSIG(top.status()) == signal.SIGINT)
