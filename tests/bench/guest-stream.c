// SPDX-License-Identifier: GPL-2.0-only
/*
 * Streams in the benchmark's guest: instructions of a port in loopback, and what passes a port and
 * a virtio-serial port in a given time, when the host behind both has nothing else to do.
 */
#define _GNU_SOURCE
#include "guest-bench.h"

/* What the FIFO of a port holds in 4 KiB writes, so that none waits. */
#define STREAM_BATCH	32
#define LOAD_BATCH	512
#define WALL_ROUNDS	5
#define WALL_NS		250000000
#define WALL_BYTES	(MIB / 4)
/* SENDs of a mapped queue at a time */
#define SENDS		8

static int port_fd, virtio_fd;
static int load_fds[2];

static void write_all(int fd, const char *what)
{
	for (uint32_t i = 0; i < STREAM_BATCH; i++) {
		ssize_t n = syscall(SYS_write, fd, src, len);

		if (n != len)
			finish("FAIL: %s: %zd of %u bytes: %m", what, n, len);
	}
}

static void port_write_op(void)
{
	write_all(port_fd, "write to the port");
}

static void port_read_op(void)
{
	for (uint32_t i = 0; i < STREAM_BATCH; i++) {
		ssize_t n = syscall(SYS_read, port_fd, dst, len);

		if (n != len)
			finish("FAIL: read of the port: %zd of %u bytes: %m", n, len);
	}
}

static void port_loop_op(void)
{
	port_write_op();
	port_read_op();
}

/* Writes as many buffers as the other side of a pipe asks for. */
static void *load_writer(void *arg)
{
	uint32_t buffers;

	(void)arg;
	while (read(load_fds[0], &buffers, sizeof(buffers)) == sizeof(buffers))
		for (uint32_t i = 0; i < buffers; i++)
			if (syscall(SYS_write, port_fd, src, len) != len)
				finish("FAIL: write to the port: %m");
	return NULL;
}

/* A thread that writes and one that reads, each of which sleeps when it must. */
static void port_load_op(void)
{
	uint32_t buffers = LOAD_BATCH;
	uint64_t left = (uint64_t)buffers * len;

	if (write(load_fds[1], &buffers, sizeof(buffers)) != sizeof(buffers))
		finish("FAIL: write to a pipe: %m");
	while (left) {
		ssize_t n = syscall(SYS_read, port_fd, dst, left < len ? left : len);

		if (n <= 0)
			finish("FAIL: read of the port: %zd: %m", n);
		left -= n;
	}
}

static void virtio_write_op(void)
{
	write_all(virtio_fd, "write to virtio-serial");
}

static void open_ports(void)
{
	port_fd = open("/dev/ferry0p0", O_RDWR);
	if (port_fd < 0)
		finish("FAIL: /dev/ferry0p0: %m");
	virtio_fd = open("/dev/vport0p1", O_RDWR);
	if (virtio_fd < 0)
		finish("FAIL: /dev/vport0p1: %m");
}

/* What a direction costs, with all that it takes but for the other one; then both. */
void measure_stream(void)
{
	pthread_t writer;

	open_ports();
	len = 4096;
	for (uint32_t i = 0; i < len; i++)
		src[i] = i * 31 + (i >> 8);
	/* One write, so that the bracket before each read is of writes, and the other way round. */
	port_write_op();
	measure_after("ferry.port.write", len, STREAM_BATCH, 51, port_read_op, port_write_op, "ferry");
	port_read_op();
	measure_after("ferry.port.read", len, STREAM_BATCH, 51, port_write_op, port_read_op, "ferry");
	memset(dst, 0, len);
	measure_after("ferry.port.loop", len, STREAM_BATCH, 51, NULL, port_loop_op, "ferry");
	if (pipe(load_fds) || pthread_create(&writer, NULL, load_writer, NULL))
		finish("FAIL: no writer: %m");
	measure_after("ferry.port.load.sleep", len, LOAD_BATCH, 5, NULL, port_load_op, "ferry");
	close(load_fds[1]);
	pthread_join(writer, NULL);
	if (memcmp(src, dst, len))
		finish("FAIL: the port: wrong data");
	measure_after("peer.virtio_serial.write", len, STREAM_BATCH, 51, NULL, virtio_write_op, "virtio");
	close(port_fd);
	close(virtio_fd);
}

static int64_t nanoseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static void measure_file(const char *name, int fd, bool writes, uint32_t size)
{
	int64_t begin = nanoseconds(), time;
	uint64_t bytes = 0, next = 0;

	/* Reading the counter takes the emulator's big lock: not for each call. */
	do {
		for (next += WALL_BYTES; bytes < next;) {
			ssize_t n = writes ? write(fd, src, size) : read(fd, dst, size);

			if (n <= 0)
				finish("FAIL: %s: %zd: %m", name, n);
			bytes += n;
		}
	} while (nanoseconds() - begin < WALL_NS);
	/* virtio-serial has no such thing; its write ends when the host has the data. */
	if (writes && fd == port_fd && fsync(fd))
		finish("FAIL: %s: fsync: %m", name);
	time = nanoseconds() - begin;
	printf("wall %s %u %.6f\n", name, size, (double)bytes / time);
}

static struct ferry *device;
static struct ferry_ring *ring;
static struct ferry_buf *buffer;

/* The sending half of the port, for a mapped queue that sends what this process has registered. */
static void open_ring(void)
{
	/* Neither reads nor writes. */
	int fd = open("/dev/ferry0p0", O_ACCMODE);

	if (fd < 0 || ferry_open(NULL, &device) ||
	    ferry_ring_open_port(device, fd, FERRY_QUEUE_SEND, SENDS, 0, 0, &ring) ||
	    ferry_buf_register(device, src, MIB, FERRY_BUF_DEV_RO, &buffer))
		finish("FAIL: no mapped queue of the port: %m");
	close(fd);
}

static void close_ring(void)
{
	ferry_ring_close(ring);
	ferry_buf_free(buffer);
	ferry_close(device);
}

/* As many SENDs as the ring has room for, until the time is over; then all of them end. */
static void measure_send(uint32_t size)
{
	int64_t begin = nanoseconds(), time = 0;
	uint32_t sent = 0, done = 0;
	struct ferry_sqe *sqe;

	while (time < WALL_NS || done < sent) {
		while (time < WALL_NS && (sqe = ferry_ring_get_sqe(ring))) {
			ferry_prep_send(sqe, FERRY_ADDR(buffer->handle, 0), size, 0);
			sent++;
		}
		ferry_ring_submit(ring);
		if (ferry_ring_wait(ring, 1, -1) || ferry_cqe_status(ferry_ring_cqe(ring, 0)) ||
		    ferry_cqe_len(ferry_ring_cqe(ring, 0)) != size)
			finish("FAIL: SEND of %u bytes", size);
		ferry_ring_seen(ring, 1);
		done++;
		time = nanoseconds() - begin;
	}
	printf("wall ferry.queue.send %u %.6f\n", size, (double)size * done / time);
}

static void measure_files(void)
{
	static const uint32_t lengths[] = { 4096, 65536 };

	for (unsigned int round = 0; round < WALL_ROUNDS; round++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(lengths); i++) {
			measure_file("ferry.port.write", port_fd, true, lengths[i]);
			measure_file("peer.virtio_serial.write", virtio_fd, true, lengths[i]);
			measure_file("ferry.port.read", port_fd, false, lengths[i]);
			measure_file("peer.virtio_serial.read", virtio_fd, false, lengths[i]);
		}
	}
}

/* @files: the host gives what files read; else it only takes what a mapped queue sends. */
void measure_wall(bool files)
{
	open_ports();
	if (files)
		measure_files();
	close(port_fd);
	open_ring();
	for (unsigned int round = 0; round < WALL_ROUNDS; round++) {
		measure_send(MIB);
		measure_file("peer.virtio_serial.write", virtio_fd, true, MIB);
	}
	close_ring();
	close(virtio_fd);
}
