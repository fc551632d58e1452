/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A port in loopback whose SEND and RECV are a process's own: mapped queues on its
 * channels, from and to memory that the process has registered.
 */
#ifndef FERRY_USER_PORT_H
#define FERRY_USER_PORT_H

#include "ferry_stream.h"
#include "ferry_user_queue.h"
#include "ferry_register.h"

#define BYTES	(2 * MiB)
#define NEVER	FERRY_QUEUE_IDLE_NEVER

FIXTURE(port)
{
	int fd;
	int port;		/* has no direction */
	uint8_t *out, *in;	/* registered, BYTES each */
	uint32_t src, dst;
	struct ferry_info info;
	struct mq tx, rx;
	struct ferry_cqe cqe;
};

FIXTURE_SETUP(port)
{
	const char *why = no_ports();
	int fd;

	self->fd = -1;
	if (why)
		SKIP(return, "%s", why);
	/* Nothing of an earlier test. */
	fd = port_fresh(0, 0);
	ASSERT_LE(0, fd);
	close(fd);
	self->fd = node_open();
	ASSERT_LE(0, self->fd);
	self->port = port_open(0, O_ACCMODE);
	ASSERT_LE(0, self->port);
	self->out = memory(ANONYMOUS, BYTES);
	self->in = memory(ANONYMOUS, BYTES);
	ASSERT_NE(MAP_FAILED, self->out);
	ASSERT_NE(MAP_FAILED, self->in);
	ASSERT_EQ(0, buf_register(self->fd, self->out, BYTES, FERRY_BUF_DEV_RO, &self->src));
	ASSERT_EQ(0, buf_register(self->fd, self->in, BYTES, 0, &self->dst));
	ASSERT_EQ(0, ferry_info(self->fd, &self->info));
}

/* Give a queue back, with what is mapped of it. */
static inline int finish(struct mq *q)
{
	int ret = queue_destroy(q->fd, q->args.queue);

	mq_unmap(q);
	q->sq = NULL;
	return ret;
}

/* The port is a file again, whatever a queue has done with it. */
FIXTURE_TEARDOWN(port)
{
	char text[16] = "";
	int fd;

	if (self->fd < 0)
		return;
	/* A mapping would keep the file open, and so the port. */
	if (self->tx.sq)
		mq_unmap(&self->tx);
	if (self->rx.sq)
		mq_unmap(&self->rx);
	close(self->port);
	close(self->fd);
	munmap(self->out, BYTES);
	munmap(self->in, BYTES);
	EXPECT_EQ(0, pinned_bytes());
	fd = port_fresh(0, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(6, do_write(fd, "stream", 6));
	EXPECT_EQ(6, read_all(fd, text, 6));
	EXPECT_STREQ("stream", text);
	close(fd);
	EXPECT_EQ(0, read_file(port_attr(0, "opened"), text, sizeof(text)));
	EXPECT_STREQ("", text);
}

#define OPEN_TX()	ASSERT_EQ(0, mq_open_port(&self->tx, self->fd, FERRY_QUEUE_SEND, self->port, 0))
#define OPEN_RX(idle)	ASSERT_EQ(0, mq_open_port(&self->rx, self->fd, FERRY_QUEUE_RECV, self->port, idle))

#define SEND(at, len)	sqe(FERRY_OP_SEND, len, FERRY_ADDR(self->src, at), 0, 0)
#define RECV(at, len)	sqe(FERRY_OP_RECV, len, 0, FERRY_ADDR(self->dst, at), 0)

/* The next completion of a queue. */
#define EXPECT_NEXT(queue, status_, len_, flags_) do {						\
	EXPECT_EQ(status_, mq_reap(queue, &self->cqe));						\
	EXPECT_EQ(len_, cqe_len(&self->cqe));							\
	EXPECT_EQ(flags_, cqe_flags(&self->cqe));						\
} while (0)

/* Post one, and tell the device. */
static inline void post(struct mq *q, struct ferry_sqe entry)
{
	mq_push(q, entry);
	mq_ring(q);
}

/* Can this direction be had? */
static inline int try_port(int fd, uint32_t direction, int port)
{
	struct ferry_queue_create args = {
		.size = sizeof(args), .flags = FERRY_QUEUE_MAPPED | direction, .order = ORDER,
		.port_fd = port,
	};
	int ret = ferry_ioctl(fd, FERRY_IOC_QUEUE_CREATE, &args);

	return ret ? ret : queue_destroy(fd, args.queue);
}

#endif /* FERRY_USER_PORT_H */
