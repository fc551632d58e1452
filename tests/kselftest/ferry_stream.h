/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of ports share. They need ports in loopback (--device ports=2),
 * which nobody else has open.
 */
#ifndef FERRY_STREAM_H
#define FERRY_STREAM_H

#include "ferry_utils.h"

#include <asm/ioctls.h>
#include <ctype.h>
#include <sys/uio.h>

static inline const char *port_node(unsigned int nr)
{
	static char node[NAME_MAX + 32];

	snprintf(node, sizeof(node), "%sp%u", device_node, nr);
	return node;
}

static inline int port_open(unsigned int nr, int flags)
{
	int fd = open(port_node(nr), flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static inline int port_control(int fd, unsigned long cmd, uint32_t flags)
{
	struct ferry_port_control ctl = { .size = sizeof(ctl), .flags = flags };

	return ferry_ioctl(fd, cmd, &ctl);
}

static inline int port_info(int fd, struct ferry_port_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	return ferry_ioctl(fd, FERRY_PORT_IOC_INFO, info);
}

static inline int port_mode(int fd, uint32_t mode)
{
	return port_control(fd, FERRY_PORT_IOC_MODE, mode);
}

/* A port that holds nothing of an earlier test. */
static inline int port_fresh(unsigned int nr, int flags)
{
	int fd = port_open(nr, O_RDWR | flags), ret;

	if (fd < 0)
		return fd;
	ret = port_control(fd, FERRY_PORT_IOC_FLUSH, FERRY_PORT_RX | FERRY_PORT_TX);
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}

static inline ssize_t do_read(int fd, void *buf, size_t len)
{
	ssize_t n = read(fd, buf, len);

	return n < 0 ? -errno : n;
}

static inline ssize_t do_write(int fd, const void *buf, size_t len)
{
	ssize_t n = write(fd, buf, len);

	return n < 0 ? -errno : n;
}

/* All of it, or what came instead. */
static inline ssize_t read_all(int fd, void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = do_read(fd, (char *)buf + done, len - done);

		if (n < 0)
			return n;
		if (!n)
			break;
		done += n;
	}
	return done;
}

static inline ssize_t write_all(int fd, const void *buf, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = do_write(fd, (const char *)buf + done, len - done);

		if (n < 0)
			return n;
		done += n;
	}
	return done;
}

static inline int port_ready(int fd, short events, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int n = poll(&p, 1, timeout_ms);

	return n < 0 ? -errno : n ? p.revents : 0;
}

static inline void set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

static inline char *port_attr(unsigned int nr, const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%sp%u/%s", device_class, nr, name);
	return path;
}

static inline int port_set(unsigned int nr, const char *name, unsigned int value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	return write_file(port_attr(nr, name), text);
}

static inline long long port_get(unsigned int nr, const char *name)
{
	char text[64];
	int ret = read_file(port_attr(nr, name), text, sizeof(text));

	return ret ? ret : atoll(text);
}

/* What the device holds of how a port's receiving side coalesces: time and count; or -errno. */
static inline long long coalesce_register(unsigned int nr)
{
	char path[PATH_MAX], text[4096], *at;
	int ret;

	snprintf(path, sizeof(path), "/sys/kernel/debug/ferry/%s/channel%lld/regs",
		 strrchr(device_class, '/') + 1, port_get(nr, "rx_channel"));
	ret = read_file(path, text, sizeof(text));
	if (ret)
		return ret;
	at = strstr(text, "CHAN_COALESCE = ");
	return at ? strtoll(at + strlen("CHAN_COALESCE = "), NULL, 0) : -ENOENT;
}

/* Blocks that a port has received, modulo 2^32. */
static inline uint32_t rx_head(unsigned int nr)
{
	char path[PATH_MAX], text[16];

	snprintf(path, sizeof(path), "%s/channel%lld/head", device_class,
		 port_get(nr, "rx_channel"));
	return read_file(path, text, sizeof(text)) ? 0 : strtoul(text, NULL, 10);
}

/* A thread that has told its @tid does something: wait until it sleeps in system call @nr. */
static inline bool asleep(const pid_t *tid, long nr)
{
	int64_t end = now_ns() + 30 * NSEC_PER_SEC;
	char path[64], text[256];

	do {
		struct timespec some = { 0, NSEC_PER_MSEC };

		nanosleep(&some, NULL);
		snprintf(path, sizeof(path), "/proc/self/task/%d/syscall",
			 __atomic_load_n(tid, __ATOMIC_ACQUIRE));
		/* "running", or the number of the call in which it is blocked. */
		if (!read_file(path, text, sizeof(text)) && isdigit(text[0]) && atol(text) == nr)
			return true;
	} while (now_ns() < end);
	return false;
}

/* Wait until a thread has ended, which it should have by now. */
static inline int ended(pthread_t thread)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 30;
	return -pthread_timedjoin_np(thread, NULL, &end);
}

/* Half a MiB or so is under way between two ends; this is more. */
#define MUCH	(4 * MiB)

/* A thread that writes or reads until all is through, and sees to what it is. */
struct mover {
	pthread_t thread;
	int fd;
	uint32_t seed;
	size_t total;
	size_t chunk;		/* random up to this; 0: the same every time */
	uint32_t crc;
	size_t moved;		/* so far */
	ssize_t result;
};

static inline size_t mover_chunk(struct mover *m, size_t left)
{
	size_t n;

	m->seed = m->seed * 1103515245 + 12345;
	n = 1 + (m->seed >> 4) % m->chunk;
	return n < left ? n : left;
}

static inline void *mover_write(void *data)
{
	struct mover *m = data;
	uint8_t *buf = malloc(m->chunk);
	size_t left = m->total;
	uint32_t round = m->seed;

	while (left) {
		size_t n = mover_chunk(m, left);

		pattern(buf, n, round++);
		m->crc = crc32c(m->crc, buf, n);
		m->result = write_all(m->fd, buf, n);
		if (m->result < 0)
			break;
		left -= n;
	}
	free(buf);
	return NULL;
}

static inline void *mover_read(void *data)
{
	struct mover *m = data;
	uint8_t *buf = malloc(m->chunk);
	size_t left = m->total;

	while (left) {
		m->result = do_read(m->fd, buf, mover_chunk(m, left));
		if (m->result <= 0)
			break;
		m->crc = crc32c(m->crc, buf, m->result);
		left -= m->result;
		__atomic_add_fetch(&m->moved, m->result, __ATOMIC_RELAXED);
	}
	m->total -= left;
	free(buf);
	return NULL;
}

/* Sets the device's names, and says why there is nothing to test. */
static inline const char *no_ports(void)
{
	if (find_device())
		return "no ferry device";
	return access(port_node(1), F_OK) ? "needs a device with two ports" : NULL;
}

#endif /* FERRY_STREAM_H */
