// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapped queues on the channels of a port: what ends a SEND or RECV that waits.
 */
#include "ferry_user_port.h"

/* In the debug guest of a busy host a suspend takes seconds. */
#define PATIENCE	120

/* Wait until the device has written a byte, which it does before the entry completes. */
static bool arrives(const uint8_t *byte, uint8_t value)
{
	int64_t end = now_ns() + LONG;

	while (load(byte) != value) {
		if (now_ns() > end)
			return false;
		sched_yield();
	}
	return true;
}

static bool becomes_pinned(long bytes)
{
	int64_t end = now_ns() + LONG;

	while (pinned_bytes() != bytes && now_ns() < end)
		sched_yield();
	return pinned_bytes() == bytes;
}

/* When BUF_FREE returns no byte is touched, though the RECV waits and data comes. */
TEST_F(port, freeing_ends_a_recv_that_waits)
{
	static const uint32_t first[] = { 0, 100 };

	OPEN_TX();
	OPEN_RX(NEVER);
	pattern(self->out, 4096, 5);
	for (size_t i = 0; i < ARRAY_SIZE(first); i++) {
		uint32_t buffer, had = first[i];
		uint8_t *map = memory(ANONYMOUS, 64 * KiB);
		int status;

		ASSERT_NE(MAP_FAILED, map);
		memset(map, 0x5a, 64 * KiB);
		/* No byte of the pattern, and so a sign of it. */
		map[99] = ~self->out[99];
		ASSERT_EQ(0, buf_register(self->fd, map, 64 * KiB, 0, &buffer));
		post(&self->rx, sqe(FERRY_OP_RECV, 64 * KiB, 0, FERRY_ADDR(buffer, 0), 0));
		if (had) {
			EXPECT_EQ(FERRY_OK, mq_run(&self->tx, SEND(0, had), &self->cqe));
			ASSERT_TRUE(arrives(&map[had - 1], self->out[had - 1]));
		}
		ASSERT_EQ(0, buf_free(self->fd, buffer));
		/* It is there already, but one that has nothing may not have begun. */
		EXPECT_TRUE(!had || mq_ready(&self->rx, self->rx.head));
		status = mq_reap(&self->rx, &self->cqe);
		if (had || status != FERRY_ERR_WINDOW_REVOKED)
			EXPECT_EQ(FERRY_ERR_CANCELLED, status);
		EXPECT_EQ(had, cqe_len(&self->cqe));
		EXPECT_EQ(0, memcmp(self->out, map, had));
		memset(map, 0xa5, 64 * KiB);
		/* Another one of the same window, behind it, does not wait at all. */
		EXPECT_EQ(FERRY_ERR_WINDOW_REVOKED, mq_run(&self->rx, sqe(FERRY_OP_RECV, 64 * KiB, 0,
			FERRY_ADDR(buffer, 0), 0), &self->cqe));
		EXPECT_EQ(FERRY_OK, mq_run(&self->tx, SEND(had, 4096 - had), &self->cqe));
		/* And what comes is for who is there. */
		EXPECT_EQ(FERRY_OK, mq_run(&self->rx, RECV(had, 4096 - had), &self->cqe));
		EXPECT_EQ(0, memcmp(self->out + had, self->in + had, 4096 - had));
		EXPECT_TRUE(all_bytes(map, 64 * KiB, 0xa5));
		munmap(map, 64 * KiB);
	}
}

/* A SEND that finds no room has given what it says, and nothing is lost of it. */
TEST_F(port, freeing_or_cancelling_ends_a_send_that_waits)
{
	for (int i = 0; i < 2; i++) {
		uint32_t buffer, given;

		OPEN_TX();
		OPEN_RX(NEVER);
		fill_words(self->out, BYTES, i);
		ASSERT_EQ(0, buf_register(self->fd, self->out, BYTES, FERRY_BUF_DEV_RO, &buffer));
		post(&self->tx, sqe(FERRY_OP_SEND, BYTES, FERRY_ADDR(buffer, 0), 0, 0));
		/* Some of it is through, and there is no room for all. */
		EXPECT_EQ(FERRY_OK, mq_run(&self->rx, RECV(0, 1000), &self->cqe));
		ASSERT_EQ(0, i ? queue_cancel(self->fd, self->tx.args.queue) :
				 buf_free(self->fd, buffer));
		ASSERT_EQ(FERRY_ERR_CANCELLED, mq_reap(&self->tx, &self->cqe));
		given = cqe_len(&self->cqe);
		ASSERT_LE(1000, given);
		ASSERT_GT(BYTES, given);
		memset(self->out + given, 0xee, 64);
		/* There still is none. */
		post(&self->tx, SEND(given, 64));
		EXPECT_EQ(FERRY_OK, mq_run(&self->rx, RECV(1000, given + 64 - 1000), &self->cqe));
		EXPECT_EQ(given + 64 - 1000, cqe_len(&self->cqe));
		EXPECT_NEXT(&self->tx, FERRY_OK, 64, 0);
		EXPECT_EQ(0, memcmp(self->out, self->in, given + 64));
		EXPECT_EQ(i ? 0 : -ENOENT, buf_free(self->fd, buffer));
		ASSERT_EQ(0, finish(&self->tx));
		ASSERT_EQ(0, finish(&self->rx));
	}
}

/* What a RECV has taken when its queue is destroyed is told, and no more was taken. */
TEST_F(port, destroying_tells_what_was_moved)
{
	OPEN_TX();
	OPEN_RX(NEVER);
	pattern(self->out, 4096, 6);
	self->in[99] = ~self->out[99];
	post(&self->rx, RECV(0, 4096));
	EXPECT_EQ(FERRY_OK, mq_run(&self->tx, SEND(0, 100), &self->cqe));
	ASSERT_TRUE(arrives(&self->in[99], self->out[99]));
	ASSERT_EQ(0, queue_destroy(self->fd, self->rx.args.queue));
	EXPECT_EQ(FERRY_QUEUE_DESTROYED, load(&self->rx.state->dead));
	ASSERT_TRUE(mq_ready(&self->rx, 0));
	EXPECT_EQ(FERRY_ERR_CANCELLED, cqe_status(&self->rx.cq[0]));
	EXPECT_EQ(100, cqe_len(&self->rx.cq[0]));
	EXPECT_EQ(0, memcmp(self->out, self->in, 100));
	EXPECT_EQ(-ENOENT, finish(&self->rx));
	/* The rest is for the next, who may be a file. */
	EXPECT_EQ(FERRY_OK, mq_run(&self->tx, SEND(100, 3996), &self->cqe));
	close(self->port);
	self->port = port_open(0, O_RDONLY);
	ASSERT_LE(0, self->port);
	EXPECT_EQ(3996, read_all(self->port, self->in + 100, 3996));
	EXPECT_EQ(0, memcmp(self->out, self->in, 4096));
}

TEST_F(port, waits_as_any_mapped_queue)
{
	int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	OPEN_TX();
	OPEN_RX(0);
	post(&self->rx, RECV(0, 4096));
	EXPECT_EQ(-ETIME, mq_wait(&self->rx, 1, 20 * NSEC_PER_MSEC));
	ASSERT_EQ(0, mq_arm(&self->rx, 1, event));
	EXPECT_EQ(0, poll_events(self->fd, POLLIN, 0));
	post(&self->tx, SEND(0, 7));
	EXPECT_EQ(0, mq_wait(&self->rx, 1, LONG));
	EXPECT_EQ(POLLIN, poll_events(self->fd, POLLIN, LONG / NSEC_PER_MSEC));
	EXPECT_EQ(POLLIN, poll_events(event, POLLIN, LONG / NSEC_PER_MSEC));
	EXPECT_EQ(1, event_count(event));
	EXPECT_EQ(FERRY_OK, mq_reap(&self->rx, &self->cqe));
	EXPECT_EQ(7, cqe_len(&self->cqe));
	EXPECT_EQ(FERRY_CQE_IDLE, cqe_flags(&self->cqe));
	EXPECT_EQ(0, mq_wait(&self->tx, 1, LONG));
	close(event);
}

/* Killed while a RECV waits and a SEND has no room: all comes back. */
TEST_F(port, killed_while_it_waits)
{
	for (int i = 0; i < 3; i++) {
		int begun[2], status, fd;
		char c;
		pid_t pid;

		ASSERT_EQ(0, pipe(begun));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			uint8_t *map = memory(ANONYMOUS, MiB);
			uint32_t buffer;
			struct mq q;

			fd = node_open();
			if (buf_register(fd, map, MiB, 0, &buffer) ||
			    mq_open_port(&q, fd, i ? FERRY_QUEUE_SEND : FERRY_QUEUE_RECV, self->port,
					 0))
				_exit(1);
			post(&q, sqe(i ? FERRY_OP_SEND : FERRY_OP_RECV, MiB, FERRY_ADDR(buffer, 0),
				     FERRY_ADDR(buffer, 0), 0));
			if (write(begun[1], "x", 1) != 1)
				_exit(2);
			mq_wait(&q, 1, FOREVER);
			_exit(3);
		}
		ASSERT_EQ(1, read(begun[0], &c, 1));
		/* Before it sleeps, or behind that. */
		if (i & 1)
			usleep(20000);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status)) TH_LOG("exit status %d", WEXITSTATUS(status));
		/* A little after, perhaps; and the channel goes before the memory. */
		ASSERT_TRUE(becomes_pinned(2 * BYTES));
		fd = port_fresh(0, 0);
		EXPECT_LE(0, fd);
		EXPECT_EQ(5, do_write(fd, "after", 5));
		EXPECT_EQ(5, read_all(fd, self->in, 5));
		close(fd);
		close(begun[0]);
		close(begun[1]);
	}
}

/* What waits for a port keeps no system awake: it is cut, and what is behind it goes on. */
TEST_F_TIMEOUT(port, suspend_cuts_what_waits, PATIENCE)
{
	uint32_t given;

	if (geteuid() || access("/sys/power/pm_test", W_OK))
		SKIP(return, "this kernel has no /sys/power/pm_test, or we are not root");
	OPEN_TX();
	OPEN_RX(NEVER);
	pattern(self->out, MiB, 7);
	/* One has some bytes, one will have the rest. */
	self->in[99] = ~self->out[99];
	mq_push(&self->rx, RECV(0, 4096));
	mq_push(&self->rx, RECV(100, 3996));
	mq_ring(&self->rx);
	EXPECT_EQ(FERRY_OK, mq_run(&self->tx, SEND(0, 100), &self->cqe));
	ASSERT_TRUE(arrives(&self->in[99], self->out[99]));
	EXPECT_EQ(0, mq_arm(&self->rx, self->rx.tail, -1));
	ASSERT_EQ(0, suspend_devices());
	ASSERT_EQ(0, load(&self->rx.state->dead));
	EXPECT_NEXT(&self->rx, FERRY_ERR_CANCELLED, 100, 0);
	EXPECT_FALSE(mq_ready(&self->rx, self->rx.head));
	/* It still waits for all of it. */
	EXPECT_EQ(FERRY_OK, mq_run(&self->tx, SEND(100, 1000), &self->cqe));
	EXPECT_EQ(FERRY_OK, mq_run(&self->tx, SEND(1100, 2996), &self->cqe));
	EXPECT_NEXT(&self->rx, FERRY_OK, 3996, 0);
	EXPECT_EQ(0, memcmp(self->out, self->in, 4096));

	/* A SEND without room, and one behind it. */
	mq_push(&self->tx, SEND(0, MiB));
	mq_push(&self->tx, SEND(0, 10));
	mq_ring(&self->tx);
	ASSERT_EQ(0, suspend_devices());
	ASSERT_EQ(FERRY_ERR_CANCELLED, mq_reap(&self->tx, &self->cqe));
	given = cqe_len(&self->cqe);
	ASSERT_GT(MiB, given);
	EXPECT_EQ(FERRY_OK, mq_run(&self->rx, RECV(0, given + 10), &self->cqe));
	EXPECT_NEXT(&self->tx, FERRY_OK, 10, 0);
	EXPECT_EQ(0, memcmp(self->out, self->in, given));
	EXPECT_EQ(0, memcmp(self->out, self->in + given, 10));
}

static void *wait_forever(void *data)
{
	struct waiter *w = data;

	w->result = mq_wait(w->q, w->first, FOREVER);
	return NULL;
}

TEST_F(port, unbinding_ends_it)
{
	struct waiter w = { .q = &self->rx, .first = 1 };

	if (geteuid())
		SKIP(return, "needs root to unbind the device");
	OPEN_TX();
	OPEN_RX(0);
	post(&self->rx, RECV(0, 4096));
	post(&self->tx, NOP);
	EXPECT_EQ(FERRY_OK, mq_reap(&self->tx, &self->cqe));
	ASSERT_EQ(0, pthread_create(&w.thread, NULL, wait_forever, &w));
	ASSERT_EQ(0, unbind_device());
	ASSERT_EQ(0, pthread_join(w.thread, NULL));
	EXPECT_EQ(-ENODEV, w.result);
	EXPECT_EQ(FERRY_QUEUE_GONE, load(&self->rx.state->dead));
	memset(self->in, 0x77, BYTES);
	ASSERT_EQ(0, rebind_device());
	/* A file of the old device is no file of the new one's port. */
	close(self->fd);
	self->fd = node_open();
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(-EINVAL, try_port(self->fd, FERRY_QUEUE_RECV, self->port));
	EXPECT_TRUE(all_bytes(self->in, BYTES, 0x77));
}

TEST_HARNESS_MAIN
