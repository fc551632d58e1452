/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the Ferry selftests share: calls that return 0 or -errno, entries, and
 * software versions of what the device computes. They need a device with four
 * user channels that nobody else uses, and root for part of what they do.
 */
#ifndef FERRY_UTILS_H
#define FERRY_UTILS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/ferry.h>

#include "kselftest_harness.h"

/* A debug kernel on an emulator on a busy host is slow; hung is slower. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 300

/* What was said before a crash should not be lost with it. */
static __attribute__((constructor)) void line_buffered(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
}

#define KiB		1024UL
#define MiB		(1024 * KiB)
#define NSEC_PER_MSEC	1000000LL
#define NSEC_PER_SEC	1000000000LL
#define FOREVER		(-1LL)

/* Every pattern has a value that no other call of pattern() starts with. */
static inline void pattern(void *buf, size_t len, uint32_t seed)
{
	uint8_t *p = buf;
	uint32_t x = seed * 2654435761u + 1;

	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		p[i] = x >> 11;
	}
}

static inline bool all_bytes(const void *buf, size_t len, uint8_t value)
{
	const uint8_t *p = buf;

	return !len || (p[0] == value && !memcmp(p, p + 1, len - 1));
}

static uint32_t crc32c_of_byte[256];

static __attribute__((constructor)) void crc32c_init(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;

		for (int k = 0; k < 8; k++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
		crc32c_of_byte[i] = crc;
	}
}

static inline uint32_t crc32c(uint32_t crc, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	crc = ~crc;
	while (len--)
		crc = crc >> 8 ^ crc32c_of_byte[(crc ^ *p++) & 0xff];
	return ~crc;
}

static inline int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

static inline const char *ferry_path(void)
{
	const char *path = getenv("FERRY_DEVICE");

	return path ? path : "/dev/ferry0";
}

static inline int ferry_open_flags(int flags)
{
	int fd = open(ferry_path(), O_RDWR | O_CLOEXEC | flags);

	return fd < 0 ? -errno : fd;
}

static inline int ferry_open(void)
{
	return ferry_open_flags(0);
}

/* 0 or -errno, so that a result can be compared in one step. */
static inline int ferry_ioctl(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) < 0 ? -errno : 0;
}

static inline int ferry_info(int fd, struct ferry_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	return ferry_ioctl(fd, FERRY_IOC_INFO, info);
}

static inline int queue_create(int fd, uint32_t order, uint32_t *queue)
{
	struct ferry_queue_create args = { .size = sizeof(args), .order = order };
	int ret = ferry_ioctl(fd, FERRY_IOC_QUEUE_CREATE, &args);

	*queue = args.queue;
	return ret;
}

static inline int queue_call(int fd, unsigned long cmd, uint32_t queue, int64_t timeout_ns)
{
	struct ferry_queue_handle args = {
		.size = sizeof(args), .queue = queue, .timeout_ns = timeout_ns,
	};

	return ferry_ioctl(fd, cmd, &args);
}

static inline int queue_destroy(int fd, uint32_t queue)
{
	return queue_call(fd, FERRY_IOC_QUEUE_DESTROY, queue, 0);
}

static inline int queue_cancel(int fd, uint32_t queue)
{
	return queue_call(fd, FERRY_IOC_QUEUE_CANCEL, queue, 0);
}

static inline int queue_flush(int fd, uint32_t queue, int64_t timeout_ns)
{
	return queue_call(fd, FERRY_IOC_QUEUE_FLUSH, queue, timeout_ns);
}

static inline int buf_alloc(int fd, uint64_t length, uint32_t flags, uint32_t *buffer,
			    uint64_t *offset)
{
	struct ferry_buf_alloc args = { .size = sizeof(args), .flags = flags, .length = length };
	int ret = ferry_ioctl(fd, FERRY_IOC_BUF_ALLOC, &args);

	*buffer = args.buffer;
	*offset = args.mmap_offset;
	return ret;
}

static inline int buf_free(int fd, uint32_t buffer)
{
	struct ferry_buf_free args = { .size = sizeof(args), .buffer = buffer };

	return ferry_ioctl(fd, FERRY_IOC_BUF_FREE, &args);
}

static inline int buf_register(int fd, const void *addr, uint64_t length, uint32_t flags,
			       uint32_t *buffer)
{
	struct ferry_buf_register args = {
		.size = sizeof(args), .flags = flags, .addr = (uintptr_t)addr, .length = length,
	};
	int ret = ferry_ioctl(fd, FERRY_IOC_BUF_REGISTER, &args);

	*buffer = args.buffer;
	return ret;
}

/* Length 0 is all from the offset on. */
static inline int buf_import(int fd, int dmabuf, uint64_t offset, uint64_t length, uint32_t flags,
			     uint32_t *buffer)
{
	struct ferry_buf_import args = {
		.size = sizeof(args), .flags = flags, .fd = dmabuf, .offset = offset,
		.length = length,
	};
	int ret = ferry_ioctl(fd, FERRY_IOC_BUF_IMPORT, &args);

	*buffer = args.buffer;
	return ret;
}

/* A file descriptor, or -errno. */
static inline int buf_export(int fd, uint32_t buffer)
{
	struct ferry_buf_export args = { .size = sizeof(args), .buffer = buffer };
	int ret = ferry_ioctl(fd, FERRY_IOC_BUF_EXPORT, &args);

	return ret ? ret : args.fd;
}

static inline void *buf_map(int fd, uint64_t offset, size_t length)
{
	return mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
}

/* A buffer, mapped: NULL when there is none to be had. */
static inline void *buf_new(int fd, size_t length, uint32_t flags, uint32_t *buffer)
{
	uint64_t offset;
	void *map;

	if (buf_alloc(fd, length, flags, buffer, &offset))
		return NULL;
	map = buf_map(fd, offset, length);
	return map == MAP_FAILED ? NULL : map;
}

static inline struct ferry_sqe sqe(uint8_t op, uint32_t len, uint64_t src, uint64_t dst,
				   uint64_t arg)
{
	return (struct ferry_sqe) {
		.op = op, .len = htole32(len), .src = htole64(src), .dst = htole64(dst),
		.arg = htole64(arg),
	};
}

/* Submit without reaping. Returns how many were taken, or -errno. */
static inline int submit(int fd, uint32_t queue, const struct ferry_sqe *sqes, uint32_t nr)
{
	struct ferry_submit args = {
		.size = sizeof(args), .queue = queue, .nr_sqes = nr, .sqes = (uintptr_t)sqes,
	};
	int ret = ferry_ioctl(fd, FERRY_IOC_SUBMIT, &args);

	return ret ? ret : (int)args.submitted;
}

/* Reap up to nr, waiting for at least min. Returns how many, or -errno. */
static inline int reap(int fd, uint32_t queue, struct ferry_cqe *cqes, uint32_t nr, uint32_t min,
		       int64_t timeout_ns)
{
	struct ferry_submit args = {
		.size = sizeof(args), .queue = queue, .cqes = (uintptr_t)cqes, .nr_cqes = nr,
		.min_cqes = min, .timeout_ns = timeout_ns,
	};
	int ret = ferry_ioctl(fd, FERRY_IOC_WAIT, &args);

	return ret ? ret : (int)args.reaped;
}

/* One operation, from submission to completion. Returns 0 or -errno. */
static inline int run(int fd, uint32_t queue, struct ferry_sqe entry, struct ferry_cqe *cqe)
{
	struct ferry_submit args = {
		.size = sizeof(args), .queue = queue, .nr_sqes = 1, .sqes = (uintptr_t)&entry,
		.cqes = (uintptr_t)cqe, .nr_cqes = 1, .min_cqes = 1, .timeout_ns = FOREVER,
	};
	int ret;

	memset(cqe, 0xff, sizeof(*cqe));
	ret = ferry_ioctl(fd, FERRY_IOC_SUBMIT, &args);
	if (!ret && (args.submitted != 1 || args.reaped != 1))
		ret = -EPROTO;
	return ret;
}

static inline uint16_t cqe_status(const struct ferry_cqe *cqe) { return le16toh(cqe->status); }
static inline uint16_t cqe_flags(const struct ferry_cqe *cqe) { return le16toh(cqe->flags); }
static inline uint32_t cqe_len(const struct ferry_cqe *cqe) { return le32toh(cqe->len); }
static inline uint32_t cqe_result(const struct ferry_cqe *cqe) { return le32toh(cqe->result); }
static inline uint32_t cqe_seq(const struct ferry_cqe *cqe) { return le32toh(cqe->seq); }

/*
 * Keep a queue busy: fill the ring with the longest copies that the buffer
 * allows, src to dst being the two halves. Even a device that copies at the
 * speed of memory needs milliseconds for what takes microseconds to submit.
 * Returns how many entries were taken.
 */
static inline int make_busy(int fd, uint32_t queue, uint32_t buffer, size_t length, uint32_t nr)
{
	struct ferry_sqe *sqes = calloc(nr, sizeof(*sqes));
	size_t half = length / 2;
	int ret;

	for (uint32_t i = 0; i < nr; i++)
		sqes[i] = sqe(FERRY_OP_COPY, half, FERRY_ADDR(buffer, 0), FERRY_ADDR(buffer, half), 0);
	ret = submit(fd, queue, sqes, nr);
	free(sqes);
	return ret;
}

/* A file with two queues, two buffers and as much work as fits. */
static inline int start_work(int fd, const struct ferry_info *info, uint32_t *buffer, uint8_t **map)
{
	uint32_t queue, order = info->max_order < 6 ? info->max_order : 6;

	for (int i = 0; i < 2; i++) {
		*map = buf_new(fd, 4 * MiB, i ? FERRY_BUF_WC : 0, buffer);
		if (!*map)
			return -ENOMEM;
		if (queue_create(fd, order, &queue))
			return -ENOSPC;
		if (make_busy(fd, queue, *buffer, 4 * MiB, 1u << order) < 0)
			return -EIO;
	}
	return queue;
}

enum how { BY_WAIT, BY_POLL, BY_READ };

struct worker {
	pthread_t thread;
	int fd;
	uint32_t queue;
	uint32_t reaped;
	enum how how;
	int result;
};

/* Reap by ioctl, read or poll until the queue is destroyed under us. */
static inline void *reaper(void *data)
{
	struct worker *w = data;
	struct ferry_event event;
	struct ferry_cqe cqe;

	for (;;) {
		struct pollfd p = { .fd = w->fd, .events = POLLIN };
		int n = -1;

		switch (w->how) {
		case BY_WAIT:
			n = reap(w->fd, w->queue, &cqe, 1, 1, FOREVER);
			break;
		case BY_POLL:
			n = poll(&p, 1, 10) < 0 ? -errno : 0;
			if (!n)
				n = reap(w->fd, w->queue, &cqe, 1, 0, 0);
			break;
		case BY_READ:
			n = read(w->fd, &event, sizeof(event));
			n = n < 0 ? -errno : n == sizeof(event) ? 1 : -EPROTO;
			break;
		}
		if (n < 0) {
			w->result = n;
			return NULL;
		}
		if (n)
			__atomic_add_fetch(&w->reaped, n, __ATOMIC_RELAXED);
	}
}

static inline void on_alarm(int sig)
{
}

/* From now on this thread's waits are interrupted. */
static inline void arm_signal(void)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec often = { { 0, 5 * NSEC_PER_MSEC }, { 0, 5 * NSEC_PER_MSEC } };
	timer_t timer;

	/* It comes again and again, so none of them has to come at the right time. */
	sigaction(SIGUSR1, &sa, NULL);
	timer_create(CLOCK_MONOTONIC, &ev, &timer);
	timer_settime(timer, 0, &often, NULL);
}

static sigjmp_buf fault_return __attribute__((unused));

static inline void on_fault(int sig)
{
	siglongjmp(fault_return, sig);
}

/* What an access to memory ends with: 0 or a signal. */
static inline int touch(uint8_t *p, bool write)
{
	struct sigaction sa = { .sa_handler = on_fault }, old_bus, old_segv;
	int sig;

	sigaction(SIGBUS, &sa, &old_bus);
	sigaction(SIGSEGV, &sa, &old_segv);
	sig = sigsetjmp(fault_return, 1);
	if (!sig) {
		if (write)
			__atomic_store_n(p, 0xc3, __ATOMIC_RELAXED);
		else
			__atomic_load_n(p, __ATOMIC_RELAXED);
	}
	sigaction(SIGBUS, &old_bus, NULL);
	sigaction(SIGSEGV, &old_segv, NULL);
	return sig;
}

/* A whole file of sysfs or procfs, without its last newline. */
static inline int read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	int err;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	err = errno;
	close(fd);
	if (n < 0)
		return -err;
	while (n && buf[n - 1] == '\n')
		n--;
	buf[n] = 0;
	return 0;
}

static inline int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;
	int err;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	err = errno;
	close(fd);
	return n < 0 ? -err : 0;
}

#define FERRY_CLASS	"/sys/class/ferry"
#define FERRY_DRIVER	"/sys/bus/platform/drivers/ferry"

/* The platform device, its node and its class directory, as find_device() saw them. */
static char device_name[NAME_MAX + 1] __attribute__((unused));
static char device_node[NAME_MAX + 8] __attribute__((unused));
static char device_class[NAME_MAX + 32] __attribute__((unused));

/* Find the one ferry device that there is now. */
static inline int find_device(void)
{
	char link[PATH_MAX], path[PATH_MAX];
	struct dirent *entry;
	DIR *dir = opendir(FERRY_CLASS);
	ssize_t n;
	int ret = -ENODEV;

	while (dir && (entry = readdir(dir))) {
		/* ferry0p1 is a port of ferry0. */
		if (strncmp(entry->d_name, "ferry", 5) || strchr(entry->d_name + 5, 'p'))
			continue;
		snprintf(path, sizeof(path), FERRY_CLASS "/%s/device", entry->d_name);
		n = readlink(path, link, sizeof(link) - 1);
		if (n < 0)
			continue;
		link[n] = 0;
		snprintf(device_name, sizeof(device_name), "%s", strrchr(link, '/') + 1);
		snprintf(device_node, sizeof(device_node), "/dev/%s", entry->d_name);
		snprintf(device_class, sizeof(device_class), FERRY_CLASS "/%s", entry->d_name);
		ret = 0;
	}
	if (dir)
		closedir(dir);
	return ret;
}

static inline int unbind_device(void)
{
	return write_file(FERRY_DRIVER "/unbind", device_name);
}

static inline int rebind_device(void)
{
	int ret = write_file(FERRY_DRIVER "/bind", device_name);

	return ret ? ret : find_device();
}

static inline int node_open(void)
{
	int fd = open(device_node, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Only the drivers' part of a suspend: the test level "devices" turns back there. */
static inline int suspend_devices(void)
{
	int ret = write_file("/sys/power/pm_test", "devices");

	if (ret)
		return ret;
	write_file("/sys/module/suspend/parameters/pm_test_delay", "0");
	ret = write_file("/sys/power/state", "freeze");
	write_file("/sys/power/pm_test", "none");
	return ret;
}

#endif /* FERRY_UTILS_H */
