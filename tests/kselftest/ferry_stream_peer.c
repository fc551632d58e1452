// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ports whose peer comes and leaves: what a reader sees of it. The peers are at
 * this program's command, by way of port 2 (tests/stream/obey.py). Port 1 has
 * packets, port 0 has none.
 */
#include "ferry_stream.h"
#include "ferry_user_queue.h"

#include <sys/epoll.h>

FIXTURE(peer)
{
	int fd;
	int master;
	uint8_t buf[16384];
};

FIXTURE_VARIANT(peer)
{
	unsigned int port;
	uint32_t mode;
};

FIXTURE_VARIANT_ADD(peer, bytes)
{
	.port = 0,
};

FIXTURE_VARIANT_ADD(peer, bytes_of_frames)
{
	.port = 1,
};

FIXTURE_VARIANT_ADD(peer, packets)
{
	.port = 1,
	.mode = FERRY_PORT_MODE_PACKET,
};

static int port_reopen(int fd, unsigned int port, uint32_t mode)
{
	int ret;

	if (fd >= 0)
		close(fd);
	fd = port_open(port, O_RDONLY);
	if (fd < 0)
		return fd;
	ret = port_mode(fd, mode);
	return ret ? ret : fd;
}

/* What a read that need not wait for long gives. */
static ssize_t take(int fd, void *buf)
{
	if (port_ready(fd, POLLIN, 5000) <= 0)
		return -ETIME;
	return do_read(fd, buf, 100);
}

/* Tell the peer, and wait until it has done so, and the port knows. */
static int tell(int master, const char *command, unsigned int port, const char *text)
{
	int64_t end = now_ns() + 30 * NSEC_PER_SEC;
	bool there = strcmp(command, "leave");
	char line[64], answer[64];
	ssize_t n;

	n = snprintf(line, sizeof(line), "%s %u%s%s\n", command, port, *text ? " " : "", text);
	if (write_all(master, line, n) != n || port_ready(master, POLLIN, 30000) <= 0 ||
	    read_all(master, answer, n) != n || memcmp(line, answer, n))
		return -EPROTO;
	while (port_get(port, "connected") != there)
		if (now_ns() > end)
			return -ETIME;
	return 0;
}

FIXTURE_SETUP(peer)
{
	struct ferry_port_info info;

	self->fd = -1;
	self->master = -1;
	if (find_device() || access(port_node(2), F_OK))
		SKIP(return, "needs a device with three ports");
	self->master = port_open(2, O_RDWR);
	ASSERT_LE(0, self->master);
	ASSERT_EQ(0, port_info(self->master, &info));
	if (info.flags & FERRY_PORT_LOOPBACK)
		SKIP(return, "needs peers that do as they are told");
	/* Of a test that has failed. */
	ASSERT_EQ(0, port_control(self->master, FERRY_PORT_IOC_FLUSH, FERRY_PORT_RX));
	ASSERT_EQ(0, tell(self->master, "leave", variant->port, ""));
	self->fd = port_fresh(variant->port, 0);
	ASSERT_LE(0, self->fd);
	self->fd = port_reopen(self->fd, variant->port, variant->mode);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(peer)
{
	if (self->fd >= 0)
		close(self->fd);
	if (self->master >= 0)
		close(self->master);
}

#define connect_peer()	tell(self->master, "connect", variant->port, "")
#define leave()		tell(self->master, "leave", variant->port, "")
#define say(text)	tell(self->master, "send", variant->port, text)

TEST_F(peer, end_of_file_stays_until_another_peer_comes)
{
	struct ferry_port_info info;
	int p[2];

	ASSERT_EQ(0, pipe(p));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, connect_peer());
		/* Nobody has left: this waits. */
		EXPECT_EQ(0, port_ready(self->fd, POLLIN | POLLRDHUP, 0));
		set_nonblock(self->fd, true);
		EXPECT_EQ(-EAGAIN, do_read(self->fd, self->buf, 100));
		set_nonblock(self->fd, false);
		ASSERT_EQ(0, say("abc"));
		ASSERT_EQ(3, take(self->fd, self->buf));
		ASSERT_EQ(0, leave());
		EXPECT_EQ(0, take(self->fd, self->buf));
		EXPECT_EQ(0, take(self->fd, self->buf));
		EXPECT_EQ(POLLIN | POLLRDHUP, port_ready(self->fd, POLLIN | POLLRDHUP, 0));
		EXPECT_EQ(0, splice(self->fd, NULL, p[1], NULL, 100, 0));
		set_nonblock(self->fd, true);
		EXPECT_EQ(0, do_read(self->fd, self->buf, 100));
		set_nonblock(self->fd, false);
		ASSERT_EQ(0, port_info(self->fd, &info));
		EXPECT_EQ(FERRY_PORT_EOF, info.flags & (FERRY_PORT_EOF | FERRY_PORT_CONNECTED));
		EXPECT_EQ(0, info.readable);
	}
	close(p[0]);
	close(p[1]);
}

TEST_F(peer, what_the_next_peer_sent_comes_behind_the_end)
{
	ASSERT_EQ(0, connect_peer());
	ASSERT_EQ(0, leave());
	ASSERT_EQ(0, take(self->fd, self->buf));
	/* Come and gone before anybody looks. */
	ASSERT_EQ(0, connect_peer());
	ASSERT_EQ(0, say("abcdefg"));
	ASSERT_EQ(0, leave());
	ASSERT_EQ(7, take(self->fd, self->buf));
	EXPECT_EQ(0, take(self->fd, self->buf));
	EXPECT_EQ(0, take(self->fd, self->buf));
}

TEST_F(peer, who_opens_anew_waits_for_the_next_peer)
{
	ASSERT_EQ(0, connect_peer());
	ASSERT_EQ(0, say("abc"));
	ASSERT_EQ(3, take(self->fd, self->buf));
	ASSERT_EQ(0, leave());
	ASSERT_EQ(0, take(self->fd, self->buf));
	self->fd = port_reopen(self->fd, variant->port, variant->mode);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(0, port_ready(self->fd, POLLIN | POLLRDHUP, 0));
	set_nonblock(self->fd, true);
	EXPECT_EQ(-EAGAIN, do_read(self->fd, self->buf, 100));
	set_nonblock(self->fd, false);
	ASSERT_EQ(0, connect_peer());
	ASSERT_EQ(0, say("de"));
	EXPECT_EQ(2, take(self->fd, self->buf));
	/* What is left is the next one's, and so is the end behind it. */
	ASSERT_EQ(0, say("fgh"));
	ASSERT_EQ(0, leave());
	ASSERT_EQ(POLLIN, port_ready(self->fd, POLLIN, 10000));
	self->fd = port_reopen(self->fd, variant->port, variant->mode);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(3, take(self->fd, self->buf));
	EXPECT_EQ(0, take(self->fd, self->buf));
	EXPECT_EQ(0, take(self->fd, self->buf));
}

static void *read_it(void *data)
{
	struct mover *m = data;
	uint8_t byte;

	m->result = do_read(m->fd, &byte, 1);
	return NULL;
}

/* Also who does not sleep yet when another one takes it. */
TEST_F(peer, everybody_who_sleeps_gets_the_end)
{
	struct mover r[3];

	for (int round = 0; round < 50; round++) {
		ASSERT_EQ(0, connect_peer());
		/* The end of the last one is over. */
		set_nonblock(self->fd, true);
		ASSERT_EQ(-EAGAIN, do_read(self->fd, self->buf, 1));
		set_nonblock(self->fd, false);
		for (int i = 0; i < 3; i++) {
			r[i] = (struct mover){ .fd = self->fd, .result = -1 };
			ASSERT_EQ(0, pthread_create(&r[i].thread, NULL, read_it, &r[i]));
		}
		ASSERT_EQ(0, leave());
		for (int i = 0; i < 3; i++) {
			ASSERT_EQ(0, ended(r[i].thread)) TH_LOG("round %d", round);
			EXPECT_EQ(0, r[i].result);
		}
	}
}

/* What is left of a peer is its end alone: that is not for who opens next. */
TEST_F(peer, end_that_was_not_read_is_not_the_next_readers)
{
	long long hangups = port_get(variant->port, "statistics/rx_hangups");
	int64_t end = now_ns() + 30 * NSEC_PER_SEC;

	ASSERT_EQ(0, connect_peer());
	ASSERT_EQ(0, say("abc"));
	ASSERT_EQ(3, take(self->fd, self->buf));
	ASSERT_EQ(0, leave());
	/* Whoever looks has it taken out of the ring. */
	while (port_get(variant->port, "statistics/rx_hangups") == hangups)
		ASSERT_LT(now_ns(), end);
	self->fd = port_reopen(self->fd, variant->port, variant->mode);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(0, port_ready(self->fd, POLLIN | POLLRDHUP, 0));
	set_nonblock(self->fd, true);
	EXPECT_EQ(-EAGAIN, do_read(self->fd, self->buf, 1));
	set_nonblock(self->fd, false);
}

/* How to wait for the next peer without opening the port anew. */
TEST_F(peer, edge_trigger_tells_of_what_comes_behind_the_end)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	set_nonblock(self->fd, true);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->fd, &ev));
	ASSERT_EQ(0, connect_peer());
	EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	ASSERT_EQ(0, leave());
	ASSERT_EQ(1, epoll_wait(ep, &ev, 1, 10000));
	EXPECT_EQ(EPOLLIN | EPOLLRDHUP, ev.events);
	EXPECT_EQ(0, do_read(self->fd, self->buf, 100));
	EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 100));
	ASSERT_EQ(0, connect_peer());
	ASSERT_EQ(0, say("x"));
	ASSERT_EQ(1, epoll_wait(ep, &ev, 1, 10000));
	EXPECT_EQ(1, do_read(self->fd, self->buf, 100));
	EXPECT_EQ(-EAGAIN, do_read(self->fd, self->buf, 100));
	ASSERT_EQ(0, leave());
	ASSERT_EQ(1, epoll_wait(ep, &ev, 1, 10000));
	EXPECT_EQ(0, do_read(self->fd, self->buf, 100));
	close(ep);
}

TEST_F(peer, flush_forgets_the_end)
{
	ASSERT_EQ(0, connect_peer());
	ASSERT_EQ(0, leave());
	ASSERT_EQ(0, take(self->fd, self->buf));
	ASSERT_EQ(0, port_control(self->fd, FERRY_PORT_IOC_FLUSH, FERRY_PORT_RX));
	set_nonblock(self->fd, true);
	EXPECT_EQ(-EAGAIN, do_read(self->fd, self->buf, 100));
	EXPECT_EQ(0, port_ready(self->fd, POLLIN | POLLRDHUP, 0));
}

/* An empty packet is not the end, and half of a packet goes with its peer. */
TEST_F(peer, packet_that_was_not_finished_ends_with_its_peer)
{
	struct ferry_port_info info;

	if (!variant->mode)
		SKIP(return, "of packets only");
	ASSERT_EQ(0, connect_peer());
	ASSERT_EQ(0, say("-"));
	ASSERT_EQ(0, say("abc"));
	ASSERT_EQ(0, say("+def"));
	ASSERT_EQ(0, leave());
	EXPECT_EQ(0, take(self->fd, self->buf));
	ASSERT_EQ(0, port_info(self->fd, &info));
	EXPECT_EQ(0, info.flags & FERRY_PORT_EOF);
	EXPECT_EQ(3, take(self->fd, self->buf));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(0, take(self->fd, self->buf));
		ASSERT_EQ(0, port_info(self->fd, &info));
		EXPECT_EQ(FERRY_PORT_EOF, info.flags & FERRY_PORT_EOF);
	}
	ASSERT_EQ(0, connect_peer());
	ASSERT_EQ(0, say("gh"));
	EXPECT_EQ(2, take(self->fd, self->buf));
	EXPECT_EQ(0, memcmp("gh", self->buf, 2));
	ASSERT_EQ(0, leave());
	EXPECT_EQ(0, take(self->fd, self->buf));
}

/* A mapped queue instead of a file: the mark of the end is in its completions. */
TEST_F(peer, mapped_queue_is_told_of_each_end)
{
	int device = node_open(), port = port_open(variant->port, O_ACCMODE);
	uint32_t buffer;
	uint8_t *map = buf_new(device, 4096, 0, &buffer);
	struct ferry_sqe recv = sqe(FERRY_OP_RECV, 4096, 0, FERRY_ADDR(buffer, 0), 0);
	struct ferry_cqe cqe;
	struct mq q;

	ASSERT_NE(NULL, map);
	ASSERT_LE(0, port);
	close(self->fd);
	self->fd = -1;
	/* Who came and went before, and left nothing, is nobody's end. */
	ASSERT_EQ(0, connect_peer());
	ASSERT_EQ(0, leave());
	ASSERT_EQ(0, mq_open_port(&q, device, FERRY_QUEUE_RECV, port, FERRY_QUEUE_IDLE_NEVER));
	for (int i = 0; i < 3; i++) {
		mq_push(&q, recv);
		mq_ring(&q);
		ASSERT_EQ(0, connect_peer());
		ASSERT_EQ(0, say("hello"));
		ASSERT_EQ(0, leave());
		ASSERT_EQ(FERRY_OK, mq_reap(&q, &cqe));
		EXPECT_EQ(5, cqe_len(&cqe));
		EXPECT_EQ(0, memcmp(map, "hello", 5));
		EXPECT_EQ(variant->port ? FERRY_CQE_EOP : FERRY_CQE_HUP, cqe_flags(&cqe));
		if (variant->port) {
			EXPECT_EQ(FERRY_OK, mq_run(&q, recv, &cqe));
			EXPECT_EQ(0, cqe_len(&cqe));
			EXPECT_EQ(FERRY_CQE_HUP, cqe_flags(&cqe));
		}
		/* Once told, it is not told again. */
		mq_push(&q, recv);
		mq_ring(&q);
		EXPECT_EQ(-ETIME, mq_wait(&q, q.tail, 20 * NSEC_PER_MSEC));
		ASSERT_EQ(0, queue_cancel(device, q.args.queue));
		EXPECT_EQ(FERRY_ERR_CANCELLED, mq_reap(&q, &cqe));
		EXPECT_EQ(0, cqe_len(&cqe));
	}
	mq_unmap(&q);
	munmap(map, 4096);
	close(port);
	close(device);
}

TEST_HARNESS_MAIN
