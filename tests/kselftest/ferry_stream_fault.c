// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ports of a device that fails: boot with x-fault, e.g. abort:on=cq,,chan=7,,nth=50
 * (channel 7 receives for port 0 of eight channels, and 6 sends), or with
 * stuck-reset besides, which keeps the memory of a direction for a while.
 */
#include "ferry_stream.h"

/* Takes many a RECV. */
#define CHUNK	8192
#define BLOCK	512

FIXTURE(fault)
{
	int fd;
	uint8_t buf[16384];
};

FIXTURE_SETUP(fault)
{
	const char *why = no_ports();

	self->fd = -1;
	if (why)
		SKIP(return, "%s", why);
	ASSERT_EQ(0, port_set(0, "buffer_size", BLOCK));
	self->fd = port_open(0, O_RDWR);
	ASSERT_LE(0, self->fd) TH_LOG("%s: %s", port_node(0), strerror(-self->fd));
}

FIXTURE_TEARDOWN(fault)
{
	if (self->fd >= 0)
		close(self->fd);
}

/* A channel that does not reset is tried again every five seconds. */
static int open_again(void)
{
	int64_t end = now_ns() + 60 * NSEC_PER_SEC;
	int fd;

	do {
		fd = port_open(0, O_RDWR);
		if (fd == -EIO) {
			struct timespec some = { 0, 100 * NSEC_PER_MSEC };

			nanosleep(&some, NULL);
		}
	} while (fd == -EIO && now_ns() < end);
	return fd;
}

/* What is at a position of the stream. */
static uint8_t at(uint64_t pos)
{
	return pos % 251;
}

static ssize_t read_and_check(struct __test_metadata *_metadata, FIXTURE_DATA(fault) *self,
			      uint64_t *pos, size_t most)
{
	ssize_t n = do_read(self->fd, self->buf, most);

	for (ssize_t i = 0; i < n; i++)
		EXPECT_EQ(at((*pos)++), self->buf[i]);
	return n;
}

static ssize_t write_next(FIXTURE_DATA(fault) *self, uint64_t *pos)
{
	ssize_t n;

	for (int i = 0; i < CHUNK; i++)
		self->buf[i] = at(*pos + i);
	n = do_write(self->fd, self->buf, CHUNK);
	if (n > 0)
		*pos += n;
	return n > 0 && fsync(self->fd) ? -errno : n;
}

TEST_F(fault, failure_ends_the_direction_and_the_next_open_begins_anew)
{
	uint64_t out = 0, in = 0, end;
	ssize_t n = 0, m = 0;
	int ready;

	for (int i = 0; i < 500 && n >= 0 && m >= 0 && !port_get(0, "statistics/rx_errors"); i++) {
		n = write_next(self, &out);
		while (n >= 0 && m >= 0 && in != out)
			m = read_and_check(_metadata, self, &in, out - in);
	}
	if (n >= 0 && m >= 0 && !port_get(0, "statistics/rx_errors"))
		SKIP(return, "this device does not fail");
	/* A channel that has not halted goes on with what it has. That is behind the end. */
	end = out;
	if (n >= 0)
		EXPECT_EQ(CHUNK, write_next(self, &out));
	while (n >= 0 && m >= 0)
		m = read_and_check(_metadata, self, &in, CHUNK);
	EXPECT_GE(end, in);
	EXPECT_EQ(-EIO, n < 0 ? n : m);
	ready = port_ready(self->fd, POLLIN | POLLOUT, 10000);
	EXPECT_EQ(POLLERR, ready & POLLERR);
	/* And it stays so. */
	EXPECT_EQ(-EIO, n < 0 ? do_write(self->fd, self->buf, 1) : do_read(self->fd, self->buf, 1));
	ASSERT_EQ(0, close(self->fd));

	self->fd = open_again();
	ASSERT_LE(0, self->fd) TH_LOG("%s", strerror(-self->fd));
	ASSERT_EQ(0, port_control(self->fd, FERRY_PORT_IOC_FLUSH, FERRY_PORT_RX | FERRY_PORT_TX));
	ASSERT_EQ(10000, write_all(self->fd, self->buf, 10000));
	ASSERT_EQ(10000, read_all(self->fd, self->buf, 10000));
}

TEST_HARNESS_MAIN
