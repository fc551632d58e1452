# SPDX-License-Identifier: GPL-2.0-only
"""Plots of what bench.json has, SVG by gnuplot: costs against size and against batch.

What is zero, and so has no place on a logarithmic axis, lies on its bottom line.
"""
import shutil
import subprocess

import lab

SIZES = (('64 B', 64), ('4 KiB', 4096), ('64 KiB', 65536), ('1 MiB', 1 << 20))
BATCHES = (1, 4, 32, 256)
# Name of a row, and batch, to its line: what it is called, and how it looks.
BY_SIZE = ((('peer.memcpy', 1), 'memcpy() on the CPU', 'lc rgb "#888888" dt 2'),
           (('peer.ioctl_dma', 1), 'naive driver, an ioctl each', 'lc rgb "#000000" dt 2'),
           (('ferry.ioctl.copy', 1), 'SUBMIT, batch 1', 'lc rgb "#d55e00"'),
           (('ferry.ioctl.copy', 32), 'SUBMIT, batch 32', 'lc rgb "#e69f00"'),
           (('ferry.queue.copy', 1), 'mapped queue, batch 1', 'lc rgb "#0072b2"'),
           (('ferry.queue.copy', 4), 'mapped queue, batch 4', 'lc rgb "#56b4e9"'),
           (('ferry.queue.copy', 32), 'mapped queue, batch 32', 'lc rgb "#009e73"'))
BY_BATCH = (('ferry.ioctl.copy.sleep', 'SUBMIT that sleeps', 'lc rgb "#cc79a7"'),
            ('peer.ioctl_dma', 'naive driver, an ioctl each', 'lc rgb "#000000" dt 2'),
            ('ferry.ioctl.copy', 'SUBMIT', 'lc rgb "#d55e00"'),
            ('ferry.queue.copy', 'mapped queue', 'lc rgb "#0072b2"'))
EVENTS = (('mmio_w', 'MMIO writes'), ('irq', 'interrupts'), ('svc', 'system calls'))
BASE = '''set terminal svg size {width},{height} background rgb "white" font "sans,13"
set output "{out}"
set grid xtics ytics lc rgb "#dddddd"
set border 3
set tics nomirror
set logscale xy
set key outside right top
'''


def gnuplot(name, script, width=960, height=520):
    out = lab.OUT / f'{name}.svg'
    subprocess.run(['gnuplot'], input=BASE.format(out=out, width=width, height=height) + script,
                   text=True, check=True)
    return out


def plot(lines):
    """The plot command, with its data in place: [(points, title, style)]"""
    lines = [line for line in lines if line[0]]
    head = ', \\\n '.join(f'"-" with linespoints lw 2 pt 7 ps 0.6 {style} '
                         + (f'title "{title}"' if title else 'notitle')
                         for _, title, style in lines)
    data = ''.join(''.join(f'{x} {y}\n' for x, y in points) + 'e\n' for points, _, _ in lines)
    return f'plot {head}\n{data}'


def draw(rows):
    """Makes the plots; their paths."""
    if not shutil.which('gnuplot'):
        lab.say('no gnuplot, no plots')
        return []
    of = {(row['name'], row['size'], row['batch']): row for row in rows}

    def by_batch(name, key, least=0):
        return [(batch, max(of[name, 4096, batch][key], least))
                for batch in BATCHES if (name, 4096, batch) in of]

    tics = ', '.join(f'"{text}" {size}' for text, size in SIZES)
    size = f'''set title "A copy and its completion, by the length of the copy"
set xlabel "bytes copied by an operation"
set ylabel "instructions of the guest per operation"
set xrange [40:2000000]
set yrange [20:200000]
set xtics ({tics})
set format y "%.0f"
''' + plot([([(n, of[name, n, batch]['insn']) for _, n in SIZES if (name, n, batch) in of], title, style)
            for (name, batch), title, style in BY_SIZE])
    axis = 'set xrange [0.8:320]\nset xtics ({})\n'.format(', '.join(f'"{n}" {n}' for n in BATCHES))
    memcpy = of['peer.memcpy', 4096, 1]['insn']
    batch = '''set title "Copies of 4 KiB, by how many are submitted at once"
set xlabel "operations in a batch"
set ylabel "instructions of the guest per operation"
set yrange [20:20000]
set format y "%.0f"
''' + axis + plot([(by_batch(name, 'insn'), title, style) for name, title, style in BY_BATCH]
                  + [([(n, memcpy) for n in BATCHES], 'memcpy() on the CPU', 'lc rgb "#888888" dt 2')])
    events = 'set multiplot layout 1,3 title "Copies of 4 KiB, by how many are submitted at once"\n' + axis
    events += 'set yrange [0.001:10]\nset ytics ("0" 0.001, "0.01" 0.01, "0.1" 0.1, "1" 1, "10" 10)\n'
    events += 'set bmargin 10\nset tmargin 5\nset xlabel "operations in a batch"\n'
    for number, (key, what) in enumerate(EVENTS):
        events += f'set title "{what} per operation"\n'
        events += 'set key at screen 0.5,0.1 center center\n' if number == 1 else 'unset key\n'
        # The last lies on others, which show between its dots.
        events += plot([(by_batch(name, key, 0.001), title, style + (' dt 3' if line is BY_BATCH[-1] else ''))
                        for line in BY_BATCH for name, title, style in [line]])
    events += 'unset multiplot\n'
    return [gnuplot('size', size), gnuplot('batch', batch), gnuplot('events', events, 1200)]
