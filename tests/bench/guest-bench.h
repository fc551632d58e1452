/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the benchmark's guest share.
 */
#ifndef GUEST_BENCH_H
#define GUEST_BENCH_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/ferry.h>

#include "libferry-ring.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define MIB		(1u << 20)

/* A mebibyte each */
extern uint8_t *src, *dst;
extern uint32_t len;

__attribute__((noreturn, format(printf, 1, 2))) void finish(const char *fmt, ...);
void measure_after(const char *name, uint32_t size, uint32_t batch, uint32_t calls,
		   void (*before)(void), void (*op)(void), const char *device);

/* guest-stream.c */
void measure_stream(void);
void measure_wall(bool files);

#endif /* GUEST_BENCH_H */
