// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapped queues on the channels of a port: what they move, and who may have them.
 */
#include "ferry_user_port.h"

#include <stddef.h>

static struct ferry_sqe with_end(struct ferry_sqe entry)
{
	entry.flags = FERRY_SQE_EOP;
	return entry;
}

static const char *opened(void)
{
	static char text[16];

	return read_file(port_attr(0, "opened"), text, sizeof(text)) ? "?" : text;
}

static bool becomes_opened(const char *text)
{
	int64_t end = now_ns() + LONG;

	while (strcmp(opened(), text) && now_ns() < end)
		sched_yield();
	return !strcmp(opened(), text);
}

TEST_F(port, moves_registered_memory_both_ways)
{
	uint32_t sent = 0, done = 0, n = 0;

	OPEN_TX();
	OPEN_RX(NEVER);
	EXPECT_STREQ("RW", opened());
	/* Nobody needs the file of the port any more. */
	close(self->port);
	self->port = -1;
	fill_words(self->out, BYTES, 1);
	/* Each way as long as it is: one entry, and with pieces on the other side. */
	post(&self->rx, RECV(0, MiB));
	for (uint32_t at = 0; at < MiB; at += MiB / SIZE)
		mq_push(&self->tx, SEND(at, MiB / SIZE));
	mq_ring(&self->tx);
	EXPECT_NEXT(&self->rx, FERRY_OK, MiB, 0);
	for (uint32_t i = 0; i < SIZE; i++)
		EXPECT_NEXT(&self->tx, FERRY_OK, MiB / SIZE, 0);
	post(&self->tx, SEND(MiB, MiB));
	for (uint32_t at = MiB; at < BYTES; at += MiB / SIZE)
		mq_push(&self->rx, RECV(at, MiB / SIZE));
	mq_ring(&self->rx);
	for (uint32_t i = 0; i < SIZE; i++)
		EXPECT_NEXT(&self->rx, FERRY_OK, MiB / SIZE, 0);
	EXPECT_NEXT(&self->tx, FERRY_OK, MiB, 0);
	EXPECT_EQ(0, memcmp(self->out, self->in, BYTES));

	/* Any length at any byte, as it comes. */
	ASSERT_EQ(0, finish(&self->rx));
	self->port = port_open(0, O_ACCMODE);
	ASSERT_LE(0, self->port);
	OPEN_RX(0);
	memset(self->in, 0, BYTES);
	while (done < 256 * KiB) {
		uint32_t len = 1 + n++ * 3001 % 20000;

		if (sent < 256 * KiB) {
			post(&self->tx, SEND(sent, len));
			sent += len;
		}
		post(&self->rx, RECV(done, sent - done));
		ASSERT_EQ(FERRY_OK, mq_reap(&self->rx, &self->cqe));
		ASSERT_LT(0, cqe_len(&self->cqe));
		done += cqe_len(&self->cqe);
		if (self->tx.head != self->tx.tail)
			EXPECT_EQ(FERRY_OK, mq_reap(&self->tx, &self->cqe));
	}
	EXPECT_EQ(0, memcmp(self->out, self->in, done));
}

TEST_F(port, packets_keep_their_ends)
{
	OPEN_TX();
	OPEN_RX(NEVER);
	fill_words(self->out, BYTES, 2);
	/* A packet of two SENDs, an empty one, and one that is longer than what takes it. */
	mq_push(&self->tx, SEND(0, 1000));
	mq_push(&self->tx, with_end(SEND(1000, 500)));
	mq_push(&self->tx, with_end(SEND(0, 0)));
	mq_push(&self->tx, with_end(SEND(1500, 300)));
	mq_ring(&self->tx);
	for (uint32_t i = 0; i < 4; i++)
		mq_push(&self->rx, RECV(i * 4096, i < 2 ? 4096 : 200));
	mq_ring(&self->rx);
	EXPECT_NEXT(&self->rx, FERRY_OK, 1500, FERRY_CQE_EOP);
	EXPECT_NEXT(&self->rx, FERRY_OK, 0, FERRY_CQE_EOP);
	EXPECT_NEXT(&self->rx, FERRY_OK, 200, 0);
	EXPECT_NEXT(&self->rx, FERRY_OK, 100, FERRY_CQE_EOP);
	EXPECT_EQ(0, memcmp(self->out, self->in, 1500));
	EXPECT_EQ(0, memcmp(self->out + 1500, self->in + 2 * 4096, 200));
	EXPECT_EQ(0, memcmp(self->out + 1700, self->in + 3 * 4096, 100));
}

TEST_F(port, other_direction_can_be_a_file)
{
	int fd = port_open(0, O_RDONLY);

	ASSERT_LE(0, fd);
	OPEN_TX();
	EXPECT_STREQ("rW", opened());
	fill_words(self->out, BYTES, 3);
	ASSERT_EQ(0, port_mode(fd, FERRY_PORT_MODE_PACKET));
	post(&self->tx, with_end(SEND(5, 10000)));
	EXPECT_EQ(10000, do_read(fd, self->in, 20000));
	EXPECT_EQ(0, memcmp(self->out + 5, self->in, 10000));
	EXPECT_NEXT(&self->tx, FERRY_OK, 10000, 0);
	close(fd);
	ASSERT_EQ(0, finish(&self->tx));

	OPEN_RX(NEVER);
	fd = port_open(0, O_WRONLY);
	ASSERT_LE(0, fd);
	/* What the file does with its own direction is nothing to the queue. */
	ASSERT_EQ(0, port_control(fd, FERRY_PORT_IOC_FLUSH, FERRY_PORT_TX));
	post(&self->rx, RECV(0, 6000));
	EXPECT_EQ(2000, do_write(fd, self->out, 2000));
	EXPECT_EQ(0, fsync(fd));
	EXPECT_EQ(4000, do_write(fd, self->out + 2000, 4000));
	EXPECT_NEXT(&self->rx, FERRY_OK, 6000, 0);
	EXPECT_EQ(0, memcmp(self->out, self->in, 6000));
	close(fd);
}

TEST_F(port, is_busy_both_ways)
{
	static const uint32_t dirs[] = { FERRY_QUEUE_SEND, FERRY_QUEUE_RECV };
	static const int modes[] = { O_WRONLY, O_RDONLY };
	struct mq q;
	int fd;

	for (int i = 0; i < 2; i++) {
		/* A file has it: the queue waits, and can have the other one. */
		fd = port_open(0, modes[i]);
		ASSERT_LE(0, fd);
		EXPECT_EQ(-EBUSY, try_port(self->fd, dirs[i], self->port));
		EXPECT_EQ(-EBUSY, try_port(self->fd, dirs[i], fd));
		EXPECT_EQ(0, try_port(self->fd, dirs[!i], self->port));
		/* It gives it up, and so serves to ask for it. */
		ASSERT_EQ(0, port_control(fd, FERRY_PORT_IOC_SHUTDOWN,
					  i ? FERRY_PORT_RX : FERRY_PORT_TX));
		EXPECT_EQ(0, try_port(self->fd, dirs[i], fd));
		EXPECT_EQ(-EACCES, try_port(self->fd, dirs[!i], fd));
		close(fd);

		/* A queue has it: nobody else gets it, nor both. */
		ASSERT_EQ(0, mq_open_port(&q, self->fd, dirs[i], self->port, 0));
		EXPECT_EQ(-EBUSY, try_port(self->fd, dirs[i], self->port));
		EXPECT_EQ(-EBUSY, port_open(0, modes[i]));
		EXPECT_EQ(-EBUSY, port_open(0, O_RDWR));
		fd = port_open(0, modes[!i]);
		EXPECT_LE(0, fd);
		EXPECT_STREQ(i ? "wR" : "rW", opened());
		close(fd);
		ASSERT_EQ(0, finish(&q));
		fd = port_open(0, O_RDWR);
		EXPECT_LE(0, fd);
		EXPECT_EQ(0, port_control(fd, FERRY_PORT_IOC_FLUSH, FERRY_PORT_RX | FERRY_PORT_TX));
		close(fd);
	}
}

/* Written and not sent, received and not read: it is not lost, and so nobody gets by. */
TEST_F(port, what_the_driver_still_has_comes_first)
{
	size_t left = 0;
	ssize_t n;
	int fd;

	fd = port_open(0, O_WRONLY | O_NONBLOCK);
	ASSERT_LE(0, fd);
	pattern(self->out, MiB, 4);
	while (port_ready(fd, POLLOUT, 200) > 0 && (n = do_write(fd, self->out + left, 4000)) > 0)
		left += n;
	close(fd);
	EXPECT_STREQ("l", opened());
	EXPECT_EQ(-EBUSY, try_port(self->fd, FERRY_QUEUE_SEND, self->port));
	/* The queue drains what the file has sent. */
	OPEN_RX(NEVER);
	post(&self->rx, RECV(0, left));
	EXPECT_NEXT(&self->rx, FERRY_OK, left, 0);
	EXPECT_EQ(0, memcmp(self->out, self->in, left));
	ASSERT_TRUE(becomes_opened("R"));
	OPEN_TX();
	ASSERT_EQ(0, finish(&self->rx));

	fd = port_open(0, O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(FERRY_OK, mq_run(&self->tx, SEND(0, 3000), &self->cqe));
	EXPECT_LT(0, port_ready(fd, POLLIN, 30000));
	close(fd);
	EXPECT_EQ(-EBUSY, try_port(self->fd, FERRY_QUEUE_RECV, self->port));
	fd = port_open(0, O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(3000, read_all(fd, self->in, 3000));
	close(fd);
	EXPECT_EQ(0, try_port(self->fd, FERRY_QUEUE_RECV, self->port));
}

TEST_F(port, bad_arguments_have_their_errno)
{
	struct ferry_queue_create good = {
		.size = sizeof(good), .flags = FERRY_QUEUE_MAPPED | FERRY_QUEUE_RECV,
		.order = ORDER, .port_fd = self->port, .idle_usecs = 1048575,
	};
	int null = open("/dev/null", O_RDWR), path = open(port_node(0), O_PATH);
	struct {
		int err;
		struct ferry_queue_create args;
	} bad[] = {
		{ -EBADF, good }, { -EBADF, good }, { -EINVAL, good }, { -EINVAL, good },
		{ -EINVAL, good }, { -EINVAL, good }, { -EINVAL, good }, { -EINVAL, good },
		{ -EINVAL, good }, { -EOPNOTSUPP, good }, { -EOPNOTSUPP, good }, { -EOPNOTSUPP, good },
	};
	struct ferry_info info;

	bad[0].args.port_fd = -1;
	bad[1].args.port_fd = path;
	bad[2].args.port_fd = null;
	bad[3].args.port_fd = self->fd;
	bad[4].args.flags |= FERRY_QUEUE_SEND;
	bad[5].args.flags = FERRY_QUEUE_RECV;
	bad[6].args.idle_usecs = 1048576;
	bad[7].args.idle_usecs = NEVER - 1;
	bad[8].args.size = offsetof(struct ferry_queue_create, idle_usecs);
	bad[9].args.flags = FERRY_QUEUE_MAPPED | FERRY_QUEUE_SEND;
	bad[10].args.flags = FERRY_QUEUE_MAPPED;
	bad[10].args.idle_usecs = 0;
	bad[11].args.flags |= 0x8;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(bad[i].err, ferry_ioctl(self->fd, FERRY_IOC_QUEUE_CREATE, &bad[i].args))
			TH_LOG("%zu", i);
	}
	/* None of them has claimed anything, and it is nobody's share that this is. */
	ASSERT_EQ(0, ferry_ioctl(self->fd, FERRY_IOC_QUEUE_CREATE, &good));
	ASSERT_EQ(0, ferry_info(self->fd, &info));
	EXPECT_EQ(self->info.busy_mask | 1ULL << good.channel, info.busy_mask);
	EXPECT_TRUE(info.port_mask >> good.channel & 1);
	EXPECT_EQ(self->info.queues, info.queues);
	ASSERT_EQ(0, queue_destroy(self->fd, good.queue));
	/* What a channel can't do is still its owner's error alone. */
	OPEN_TX();
	EXPECT_EQ(FERRY_ERR_BAD_OP, mq_run(&self->tx, RECV(0, 1), &self->cqe));
	EXPECT_EQ(FERRY_ERR_WINDOW_PERM, mq_run(&self->tx, sqe(FERRY_OP_COPY, 1,
		FERRY_ADDR(self->dst, 0), FERRY_ADDR(self->src, 0), 0), &self->cqe));
	EXPECT_EQ(FERRY_ERR_BAD_WINDOW, mq_run(&self->tx, sqe(FERRY_OP_SEND, 1,
		FERRY_ADDR(0xffff, 0), 0, 0), &self->cqe));
	close(null);
	close(path);
}

TEST_HARNESS_MAIN
