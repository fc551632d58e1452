// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packet mode of ports: what is written by one call is read by one call.
 */
#include "ferry_stream.h"

FIXTURE(packet)
{
	int fd;
	uint8_t *out;
	uint8_t *in;
	struct ferry_port_info info;
};

FIXTURE_SETUP(packet)
{
	const char *why = no_ports();

	self->fd = -1;
	if (why)
		SKIP(return, "%s", why);
	self->fd = port_fresh(0, 0);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, port_mode(self->fd, FERRY_PORT_MODE_PACKET));
	ASSERT_EQ(0, port_info(self->fd, &self->info));
	self->out = malloc(MiB);
	self->in = malloc(MiB);
	pattern(self->out, MiB, 5);
	memset(self->in, 0, MiB);
}

FIXTURE_TEARDOWN(packet)
{
	if (self->fd >= 0)
		close(self->fd);
	free(self->out);
	free(self->in);
}

static void *write_much(void *data)
{
	struct mover *m = data;
	uint8_t *buf = calloc(1, 2 * MiB);

	m->result = do_write(m->fd, buf, 2 * MiB);
	free(buf);
	return NULL;
}

TEST_F(packet, mode_is_told)
{
	EXPECT_EQ(FERRY_PORT_MODE_PACKET, self->info.mode);
	EXPECT_LE(self->info.buffer_size, self->info.max_packet);
	ASSERT_EQ(0, port_mode(self->fd, 0));
	ASSERT_EQ(0, port_info(self->fd, &self->info));
	EXPECT_EQ(0, self->info.mode);
	close(self->fd);
	/* It is the open file's, so the next has bytes again. */
	self->fd = port_open(0, O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, port_info(self->fd, &self->info));
	EXPECT_EQ(0, self->info.mode);
}

TEST_F(packet, one_write_is_one_read)
{
	static const size_t sizes[] = { 1, 10, 4095, 4096, 4097, 8192, 3, 20000, 65536, 2 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		ASSERT_EQ(sizes[i], do_write(self->fd, self->out + i, sizes[i]));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		ASSERT_EQ(sizes[i], do_read(self->fd, self->in, MiB));
		ASSERT_EQ(0, memcmp(self->out + i, self->in, sizes[i])) TH_LOG("packet %zu", i);
	}
	EXPECT_EQ(0, port_ready(self->fd, POLLIN, 0));
}

TEST_F(packet, vector_is_one_packet)
{
	struct iovec iov[] = { { self->out, 5 }, { self->out + 5, 5000 }, { self->out + 5005, 1 } };

	ASSERT_EQ(5006, writev(self->fd, iov, 3));
	ASSERT_EQ(5006, do_read(self->fd, self->in, MiB));
	EXPECT_EQ(0, memcmp(self->out, self->in, 5006));
}

TEST_F(packet, empty_packet_is_read_as_one)
{
	ASSERT_EQ(0, do_write(self->fd, self->out, 0));
	ASSERT_EQ(4, do_write(self->fd, self->out, 4));
	ASSERT_EQ(POLLIN, port_ready(self->fd, POLLIN, 10000));
	EXPECT_EQ(0, port_ready(self->fd, POLLRDHUP, 0));
	ASSERT_EQ(0, do_read(self->fd, self->in, 100));
	ASSERT_EQ(4, do_read(self->fd, self->in, 100));
}

/* Also what came, and was looked at, before the reader said that it wants packets. */
TEST_F(packet, packets_that_wait_for_their_reader_stay_apart)
{
	int64_t end = now_ns() + 30 * NSEC_PER_SEC;
	int rd, n = 0;

	ASSERT_EQ(0, port_control(self->fd, FERRY_PORT_IOC_SHUTDOWN, FERRY_PORT_RX));
	ASSERT_EQ(0, do_write(self->fd, self->out, 0));
	ASSERT_EQ(1, do_write(self->fd, self->out, 1));
	ASSERT_EQ(0, fsync(self->fd));
	rd = port_open(0, O_RDONLY);
	ASSERT_LE(0, rd);
	while (n != 1 && now_ns() < end)
		ASSERT_EQ(0, ioctl(rd, FIONREAD, &n));
	ASSERT_EQ(0, port_mode(rd, FERRY_PORT_MODE_PACKET));
	EXPECT_EQ(0, do_read(rd, self->in, 10));
	EXPECT_EQ(1, do_read(rd, self->in, 10));
	close(rd);
}

/* More than there are blocks for: they do not hold up who reads bytes. */
TEST_F(packet, empty_packets_are_nothing_to_a_reader_of_bytes)
{
	ASSERT_EQ(0, port_mode(self->fd, 0));
	ASSERT_EQ(0, port_control(self->fd, FERRY_PORT_IOC_SHUTDOWN, FERRY_PORT_TX));
	int wr = port_open(0, O_WRONLY | O_NONBLOCK);

	ASSERT_LE(0, wr);
	ASSERT_EQ(0, port_mode(wr, FERRY_PORT_MODE_PACKET));
	for (unsigned int i = 0; i < 5 * self->info.entries; i++) {
		ssize_t n = do_write(wr, self->out, 0);

		ASSERT_TRUE(n == 0 || n == -EAGAIN) TH_LOG("%zd", n);
		if (n)
			break;
	}
	set_nonblock(wr, false);
	set_nonblock(self->fd, true);
	ASSERT_EQ(-EAGAIN, do_read(self->fd, self->in, 10));
	set_nonblock(self->fd, false);
	ASSERT_EQ(1, do_write(wr, self->out, 1));
	EXPECT_EQ(1, do_read(self->fd, self->in, 10));
	close(wr);
}

/* As recv(2): what does not fit is dropped, and how long it was can be asked. */
TEST_F(packet, rest_of_a_packet_that_is_too_long_is_dropped)
{
	long long before = port_get(0, "statistics/rx_truncated");
	int n = 0;

	ASSERT_EQ(10000, do_write(self->fd, self->out, 10000));
	ASSERT_EQ(7, do_write(self->fd, self->out + 1, 7));
	ASSERT_EQ(POLLIN, port_ready(self->fd, POLLIN, 10000));
	ASSERT_EQ(0, ioctl(self->fd, FIONREAD, &n));
	EXPECT_EQ(10000, n);
	ASSERT_EQ(5000, do_read(self->fd, self->in, 5000));
	EXPECT_EQ(0, memcmp(self->out, self->in, 5000));
	ASSERT_EQ(0, port_info(self->fd, &self->info));
	EXPECT_EQ(10000, self->info.last_packet);
	ASSERT_EQ(7, do_read(self->fd, self->in, 5000));
	EXPECT_EQ(0, memcmp(self->out + 1, self->in, 7));
	ASSERT_EQ(0, port_info(self->fd, &self->info));
	EXPECT_EQ(7, self->info.last_packet);
	EXPECT_EQ(before + 1, port_get(0, "statistics/rx_truncated"));
}

TEST_F(packet, longest_packet_goes_through_and_a_longer_one_is_refused)
{
	ASSERT_EQ(-EMSGSIZE, do_write(self->fd, self->out, self->info.max_packet + 1));
	ASSERT_EQ(self->info.max_packet, do_write(self->fd, self->out, self->info.max_packet));
	ASSERT_EQ(self->info.max_packet, do_read(self->fd, self->in, MiB));
	EXPECT_EQ(0, memcmp(self->out, self->in, self->info.max_packet));
}

/* Written as bytes it can be as long as one likes. */
TEST_F(packet, packet_that_fits_nowhere_is_cut_and_the_next_is_whole)
{
	struct mover w = { .seed = 5, .total = 2 * MiB, .chunk = 65536 };
	int writer;
	ssize_t n;

	close(self->fd);
	self->fd = port_open(0, O_RDONLY);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, port_mode(self->fd, FERRY_PORT_MODE_PACKET));
	writer = port_open(0, O_WRONLY);
	ASSERT_LE(0, writer);
	w.fd = writer;
	ASSERT_EQ(0, pthread_create(&w.thread, NULL, mover_write, &w));
	n = do_read(self->fd, self->in, MiB);
	EXPECT_LE(self->info.max_packet, n);
	ASSERT_EQ(0, pthread_join(w.thread, NULL));
	ASSERT_EQ(0, port_mode(writer, FERRY_PORT_MODE_PACKET));
	/* The end of the long one, which nobody reads any more, and one behind it. */
	ASSERT_EQ(0, do_write(writer, self->out, 0));
	ASSERT_EQ(5, do_write(writer, self->out, 5));
	ASSERT_EQ(5, do_read(self->fd, self->in, 100));
	EXPECT_EQ(0, memcmp(self->out, self->in, 5));
	close(writer);
}

/* Part of a packet would be none. */
TEST_F(packet, without_room_for_all_nothing_is_written)
{
	size_t sent = 0, got = 0;
	ssize_t n;
	int ready;

	set_nonblock(self->fd, true);
	do {
		while ((n = do_write(self->fd, self->out, 30000)) == 30000)
			sent++;
		ASSERT_EQ(-EAGAIN, n);
		/* And poll does not say that there is room when there is too little. */
		ready = port_ready(self->fd, POLLOUT, 200);
	} while (ready);
	for (;;) {
		n = do_read(self->fd, self->in, MiB);
		if (n == -EAGAIN) {
			if (got == sent)
				break;
			ASSERT_EQ(POLLIN, port_ready(self->fd, POLLIN, 10000));
			continue;
		}
		ASSERT_EQ(30000, n);
		got++;
	}
	EXPECT_EQ(sent, got);
	EXPECT_EQ(POLLOUT, port_ready(self->fd, POLLOUT, 10000));
	EXPECT_EQ(30000, do_write(self->fd, self->out, 30000));
}

TEST_F(packet, bad_address_takes_and_sends_no_packet)
{
	uint8_t *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, mprotect(map + 4096, 4096, PROT_NONE));
	ASSERT_EQ(-EFAULT, do_write(self->fd, map, 8192));
	ASSERT_EQ(3000, do_write(self->fd, self->out, 3000));
	EXPECT_EQ(-EFAULT, do_read(self->fd, map + 4000, 4000));
	ASSERT_EQ(3000, do_read(self->fd, self->in, 8192));
	EXPECT_EQ(0, memcmp(self->out, self->in, 3000));
}

TEST_F(packet, poll_waits_for_the_end)
{
	int writer;

	close(self->fd);
	self->fd = port_open(0, O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, port_mode(self->fd, FERRY_PORT_MODE_PACKET));
	writer = port_open(0, O_WRONLY);
	ASSERT_LE(0, writer);
	ASSERT_EQ(5000, do_write(writer, self->out, 5000));
	ASSERT_EQ(0, fsync(writer));
	EXPECT_EQ(0, port_ready(self->fd, POLLIN, 0));
	EXPECT_EQ(-EAGAIN, do_read(self->fd, self->in, 100));
	ASSERT_EQ(0, port_mode(writer, FERRY_PORT_MODE_PACKET));
	ASSERT_EQ(10, do_write(writer, self->out + 5000, 10));
	ASSERT_EQ(POLLIN, port_ready(self->fd, POLLIN, 10000));
	ASSERT_EQ(5010, do_read(self->fd, self->in, MiB));
	EXPECT_EQ(0, memcmp(self->out, self->in, 5010));
	close(writer);
}

/* Ends mean nothing to who reads bytes, and empty packets fill nothing up. */
TEST_F(packet, bytes_are_read_across_packets)
{
	int reader;

	close(self->fd);
	self->fd = port_open(0, O_WRONLY);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, port_mode(self->fd, FERRY_PORT_MODE_PACKET));
	reader = port_open(0, O_RDONLY);
	ASSERT_LE(0, reader);
	for (int i = 0; i < 1000; i++)
		ASSERT_EQ(0, do_write(self->fd, self->out, 0));
	for (int i = 0; i < 10; i++)
		ASSERT_EQ(100, do_write(self->fd, self->out + 100 * i, 100));
	ASSERT_EQ(1000, read_all(reader, self->in, 1000));
	EXPECT_EQ(0, memcmp(self->out, self->in, 1000));
	close(reader);
}

struct packets {
	pthread_t thread;
	int fd;
	int count;
	size_t len;
	int wrong;
};

static void *read_packets(void *data)
{
	struct packets *p = data;
	uint8_t *buf = malloc(65536), *want = malloc(65536);

	for (int i = 0; i < p->count; i++) {
		size_t size = 1 + i * 7919u % 60000;
		ssize_t n = do_read(p->fd, buf, 65536);

		pattern(want, size, i);
		p->wrong += n != (ssize_t)size || memcmp(buf, want, size);
	}
	free(buf);
	free(want);
	return NULL;
}

TEST_F(packet, many_packets_stay_apart_under_load)
{
	struct packets p = { .fd = self->fd, .count = 300 };

	ASSERT_EQ(0, pthread_create(&p.thread, NULL, read_packets, &p));
	for (int i = 0; i < p.count; i++) {
		size_t size = 1 + i * 7919u % 60000;

		pattern(self->out, size, i);
		ASSERT_EQ(size, do_write(self->fd, self->out, size));
	}
	ASSERT_EQ(0, pthread_join(p.thread, NULL));
	EXPECT_EQ(0, p.wrong);
}

/* A long one, its end, and numbered ones behind it. */
static void *write_long_and_numbers(void *data)
{
	struct packets *p = data;
	uint8_t *buf = calloc(1, p->len);

	p->wrong = do_write(p->fd, buf, p->len) != (ssize_t)p->len ||
		   port_mode(p->fd, FERRY_PORT_MODE_PACKET) || do_write(p->fd, buf, 0);
	for (int i = 0; i < p->count; i++)
		p->wrong += do_write(p->fd, &i, sizeof(i)) != sizeof(i);
	free(buf);
	return NULL;
}

/* While the blocks of one that was cut are given back, the device fills them again. */
TEST_F(packet, nothing_is_dropped_with_a_packet_that_was_cut)
{
	struct packets p = { .count = 300, .len = 2 * 1024 * 256 + 100 };
	int i, n;

	close(self->fd);
	ASSERT_EQ(0, port_set(0, "buffer_size", 256));
	ASSERT_EQ(0, port_set(0, "entries", 1024));
	self->fd = port_open(0, O_RDONLY);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, port_mode(self->fd, FERRY_PORT_MODE_PACKET));
	p.fd = port_open(0, O_WRONLY);
	ASSERT_LE(0, p.fd);
	ASSERT_EQ(0, pthread_create(&p.thread, NULL, write_long_and_numbers, &p));
	ASSERT_EQ(POLLIN, port_ready(self->fd, POLLIN, 30000));
	ASSERT_EQ(100, do_read(self->fd, self->in, 100));
	for (i = 0; i < p.count; i++) {
		ASSERT_EQ(POLLIN, port_ready(self->fd, POLLIN, 10000)) TH_LOG("packet %d", i);
		ASSERT_EQ(sizeof(n), do_read(self->fd, &n, sizeof(n)));
		ASSERT_EQ(i, n);
	}
	ASSERT_EQ(0, pthread_join(p.thread, NULL));
	EXPECT_EQ(0, p.wrong);
	close(p.fd);
	close(self->fd);
	self->fd = -1;
	ASSERT_EQ(0, port_set(0, "buffer_size", 4096));
	ASSERT_EQ(0, port_set(0, "entries", 64));
}

/* A write is what the mode was when it began, however long it takes. */
TEST_F(packet, mode_is_of_the_writes_that_begin_behind_it)
{
	struct mover w = {};
	long long packets;
	size_t got = 1;
	ssize_t n;
	int wr;

	ASSERT_EQ(0, port_control(self->fd, FERRY_PORT_IOC_SHUTDOWN, FERRY_PORT_TX));
	ASSERT_EQ(0, port_mode(self->fd, 0));
	wr = port_open(0, O_WRONLY);
	ASSERT_LE(0, wr);
	packets = port_get(0, "statistics/tx_packets");
	w.fd = wr;
	ASSERT_EQ(0, pthread_create(&w.thread, NULL, write_much, &w));
	/* It is amid it when this has come, as there is not so much room anywhere. */
	ASSERT_EQ(1, do_read(self->fd, self->in, 1));
	ASSERT_EQ(0, port_mode(wr, FERRY_PORT_MODE_PACKET));
	while (got < 2 * MiB) {
		n = do_read(self->fd, self->in, MiB);
		ASSERT_LT(0, n);
		got += n;
	}
	ASSERT_EQ(0, pthread_join(w.thread, NULL));
	EXPECT_EQ(2 * MiB, w.result);
	ASSERT_EQ(0, fsync(wr));
	EXPECT_EQ(packets, port_get(0, "statistics/tx_packets"));
	close(wr);
}

/* Of a writer whose packet found no room: the next one writes bytes. */
TEST_F(packet, next_writer_needs_no_more_room_than_its_own)
{
	int64_t since;
	int wr, n;

	ASSERT_EQ(0, port_control(self->fd, FERRY_PORT_IOC_SHUTDOWN, FERRY_PORT_TX));
	wr = port_open(0, O_WRONLY | O_NONBLOCK);
	ASSERT_LE(0, wr);
	ASSERT_EQ(0, port_mode(wr, FERRY_PORT_MODE_PACKET));
	/* Until one goes no further, since nobody reads: there is room for all but one. */
	do {
		ASSERT_LT(0, do_write(wr, self->out, self->info.buffer_size));
		since = now_ns();
		do {
			ASSERT_EQ(0, ioctl(wr, TIOCOUTQ, &n));
		} while (n && now_ns() < since + NSEC_PER_SEC);
	} while (!n);
	ASSERT_EQ(-EAGAIN, do_write(wr, self->out, self->info.max_packet));
	EXPECT_EQ(0, port_ready(wr, POLLOUT, 0));
	ASSERT_EQ(0, close(wr));
	wr = port_open(0, O_WRONLY | O_NONBLOCK);
	ASSERT_LE(0, wr);
	EXPECT_EQ(POLLOUT, port_ready(wr, POLLOUT, 0));
	ASSERT_EQ(0, ioctl(wr, TIOCOUTQ, &n));
	EXPECT_LT(0, n);
	ASSERT_EQ(0, port_control(wr, FERRY_PORT_IOC_FLUSH, FERRY_PORT_TX));
	close(wr);
}

TEST_HARNESS_MAIN
