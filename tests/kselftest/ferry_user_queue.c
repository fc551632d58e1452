// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapped queues: a process moves data with its own rings and doorbell, and waits in
 * every way. Between an entry and its completion there is no system call, unless a
 * test is about that call.
 */
#include "ferry_user_queue.h"

#include <stddef.h>
#include <sys/epoll.h>

TEST_F(mapped, moves_data_past_the_end_of_the_rings_without_a_call)
{
	uint32_t head = 0;

	for (uint32_t i = 0; i < 5 * SIZE; i++) {
		pattern(self->map, 4096, i);
		ASSERT_EQ(FERRY_OK, mq_run(&self->q, sqe(FERRY_OP_COPY_CRC32C, 4096,
							 FERRY_ADDR(self->buffer, 0),
							 FERRY_ADDR(self->buffer, 8192), 0),
					   &self->cqe));
		EXPECT_EQ(i + 1, cqe_seq(&self->cqe));
		EXPECT_EQ(4096, cqe_len(&self->cqe));
		EXPECT_EQ(crc32c(0, self->map, 4096), cqe_result(&self->cqe));
		EXPECT_EQ(0, memcmp(self->map, self->map + 8192, 4096));
	}
	/* Full batches that wrap. */
	self->q.head = self->q.tail;
	for (int batch = 0; batch < 7; batch++) {
		head = self->q.head;
		for (uint32_t i = 0; i < SIZE - 3; i++)
			mq_push(&self->q, sqe(FERRY_OP_FILL, 8, 0,
					      FERRY_ADDR(self->buffer, 8 * i), head + i));
		mq_ring(&self->q);
		for (uint32_t i = 0; i < SIZE - 3; i++) {
			ASSERT_EQ(FERRY_OK, mq_reap(&self->q, &self->cqe));
			EXPECT_EQ(head + i + 1, cqe_seq(&self->cqe));
			EXPECT_EQ(head + i, ((uint64_t *)self->map)[i]);
		}
	}
	EXPECT_EQ(0, load(&self->q.state->dead));
}

TEST_F(mapped, failing_entry_fails_alone)
{
	static const struct {
		struct ferry_sqe entry;
		int status;
	} bad[] = {
		{ { .op = 0xee }, FERRY_ERR_BAD_OP },
		{ { .op = FERRY_OP_NOP, .flags = 0x80 }, FERRY_ERR_BAD_FIELD },
		{ { .op = FERRY_OP_COPY, .len = 64 }, FERRY_ERR_WINDOW_REVOKED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(bad[i].status, mq_run(&self->q, bad[i].entry, &self->cqe));
		EXPECT_WORKS(self);
	}
	EXPECT_EQ(FERRY_ERR_WINDOW_BOUNDS,
		  mq_run(&self->q, sqe(FERRY_OP_CRC32C, 64 * KiB, FERRY_ADDR(self->buffer, 1), 0, 0),
			 &self->cqe));
	EXPECT_WORKS(self);
}

TEST_F(mapped, every_order_and_weight_that_the_device_has)
{
	for (uint32_t order = self->info.min_order; order <= self->info.max_order; order++) {
		struct mq q;

		ASSERT_EQ(0, mq_create(&q, self->fd, order, 1 + order * 8 % 255));
		ASSERT_EQ(0, mq_map(&q));
		for (uint32_t i = 0; i < q.size; i++)
			mq_push(&q, NOP);
		mq_ring(&q);
		ASSERT_EQ(0, mq_wait(&q, q.size, LONG));
		for (uint32_t i = 0; i < q.size; i++)
			ASSERT_EQ(FERRY_OK, mq_reap(&q, &self->cqe));
		mq_unmap(&q);
		ASSERT_EQ(0, queue_destroy(self->fd, q.args.queue));
	}
}

TEST_F(mapped, refuses_what_it_should)
{
	struct ferry_queue_create args = {
		.size = sizeof(args), .flags = FERRY_QUEUE_MAPPED, .order = ORDER,
	};
	struct ferry_queue_wait wait = { .size = sizeof(wait), .queue = self->q.args.queue };
	struct ferry_queue_arm arm = {
		.size = sizeof(arm), .queue = self->q.args.queue, .eventfd = -1,
	};
	struct ferry_event event;
	struct ferry_sqe nop = NOP;
	uint32_t queue = self->q.args.queue, kernel;
	int fds[2];

	/* Offsets that nobody would get. */
	args.size = offsetof(struct ferry_queue_create, sq_offset);
	EXPECT_EQ(-EINVAL, ferry_ioctl(self->fd, FERRY_IOC_QUEUE_CREATE, &args));
	args.size = sizeof(args);
	args.flags = 8;
	EXPECT_EQ(-EOPNOTSUPP, ferry_ioctl(self->fd, FERRY_IOC_QUEUE_CREATE, &args));
	args.flags = FERRY_QUEUE_MAPPED;
	args.order = self->info.max_order + 1;
	EXPECT_EQ(-EINVAL, ferry_ioctl(self->fd, FERRY_IOC_QUEUE_CREATE, &args));
	args.order = ORDER;
	args.weight = 256;
	EXPECT_EQ(-EINVAL, ferry_ioctl(self->fd, FERRY_IOC_QUEUE_CREATE, &args));

	/* The kernel's calls, for this queue. */
	EXPECT_EQ(-EOPNOTSUPP, submit(self->fd, queue, &nop, 1));
	EXPECT_EQ(-EOPNOTSUPP, submit(self->fd, queue, NULL, 0));
	EXPECT_EQ(-EOPNOTSUPP, reap(self->fd, queue, &self->cqe, 1, 0, 0));
	EXPECT_EQ(-EOPNOTSUPP, queue_flush(self->fd, queue, 0));
	EXPECT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	EXPECT_EQ(-1, read(self->fd, &event, sizeof(event)));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(0, fcntl(self->fd, F_SETFL, 0));

	wait.flags = 1;
	EXPECT_EQ(-EOPNOTSUPP, ferry_ioctl(self->fd, FERRY_IOC_QUEUE_WAIT, &wait));
	wait.flags = 0;
	wait.queue += 64;
	EXPECT_EQ(-ENOENT, ferry_ioctl(self->fd, FERRY_IOC_QUEUE_WAIT, &wait));
	arm.flags = 1;
	EXPECT_EQ(-EOPNOTSUPP, ferry_ioctl(self->fd, FERRY_IOC_QUEUE_ARM, &arm));
	arm.flags = 0;
	arm.reserved = 1;
	EXPECT_EQ(-EOPNOTSUPP, ferry_ioctl(self->fd, FERRY_IOC_QUEUE_ARM, &arm));
	arm.reserved = 0;
	arm.eventfd = -2;
	EXPECT_EQ(-EBADF, ferry_ioctl(self->fd, FERRY_IOC_QUEUE_ARM, &arm));
	arm.eventfd = INT_MAX;
	EXPECT_EQ(-EBADF, ferry_ioctl(self->fd, FERRY_IOC_QUEUE_ARM, &arm));
	ASSERT_EQ(0, pipe(fds));
	arm.eventfd = fds[0];
	EXPECT_EQ(-EINVAL, ferry_ioctl(self->fd, FERRY_IOC_QUEUE_ARM, &arm));
	arm.eventfd = self->fd;
	EXPECT_EQ(-EINVAL, ferry_ioctl(self->fd, FERRY_IOC_QUEUE_ARM, &arm));
	arm.queue += 64;
	arm.eventfd = -1;
	EXPECT_EQ(-ENOENT, ferry_ioctl(self->fd, FERRY_IOC_QUEUE_ARM, &arm));

	/* A queue of the kernel's has nothing to map. */
	memset(&args, 0xff, sizeof(args));
	args.size = sizeof(args);
	args.flags = args.weight = args.port_fd = args.idle_usecs = 0;
	args.order = ORDER;
	ASSERT_EQ(0, ferry_ioctl(self->fd, FERRY_IOC_QUEUE_CREATE, &args));
	kernel = args.queue;
	EXPECT_EQ(0, args.sq_offset | args.cq_offset | args.doorbell_offset | args.cq_start);
	EXPECT_EQ(1, submit(self->fd, kernel, &nop, 1));
	EXPECT_EQ(0, queue_flush(self->fd, kernel, LONG));
	EXPECT_WORKS(self);
}

TEST_F(mapped, mmap_takes_what_is_there_and_nothing_else)
{
	const struct ferry_queue_create *args = &self->q.args;
	int rw = PROT_READ | PROT_WRITE, other;
	long page = sysconf(_SC_PAGESIZE);
	struct mq q;

	EXPECT_EQ(-EACCES, try_mmap(self->fd, args->cq_offset, self->q.cq_bytes, rw, MAP_SHARED));
	EXPECT_EQ(-EACCES, try_mmap(self->fd, args->cq_offset, page, PROT_WRITE, MAP_SHARED));
	EXPECT_EQ(-EINVAL, try_mmap(self->fd, args->cq_offset, self->q.cq_bytes, PROT_READ,
				    MAP_PRIVATE));
	EXPECT_EQ(-EINVAL, try_mmap(self->fd, args->sq_offset, page, rw, MAP_PRIVATE));
	EXPECT_EQ(-EINVAL, try_mmap(self->fd, args->doorbell_offset, page, rw, MAP_PRIVATE));
	EXPECT_EQ(-EINVAL, try_mmap(self->fd, args->sq_offset, MiB, rw, MAP_SHARED));
	EXPECT_EQ(-EINVAL, try_mmap(self->fd, args->cq_offset, MiB, PROT_READ, MAP_SHARED));
	EXPECT_EQ(-EINVAL, try_mmap(self->fd, args->doorbell_offset, 2 * DB_SIZE, rw, MAP_SHARED));
	/* The doorbell behind it is somebody else's. */
	EXPECT_EQ(-EINVAL, try_mmap(self->fd, args->doorbell_offset + DB_SIZE, page, rw, MAP_SHARED));
	EXPECT_EQ(-EINVAL, try_mmap(self->fd, args->sq_offset + page, page, rw, MAP_SHARED));
	EXPECT_EQ(-ENOENT, try_mmap(self->fd, args->doorbell_offset + (1ULL << 32), page, rw,
				    MAP_SHARED));
	EXPECT_EQ(-ENOENT, try_mmap(self->fd, args->sq_offset + (4ULL << 32), page, rw, MAP_SHARED));
	EXPECT_EQ(-ENOENT, try_mmap(self->fd, 4096ULL << 32, page, rw, MAP_SHARED));
	EXPECT_EQ(-ENOENT, try_mmap(self->fd, ~0ULL << 32, page, rw, MAP_SHARED));
	other = node_open();
	ASSERT_LE(0, other);
	EXPECT_EQ(-ENOENT, try_mmap(other, args->doorbell_offset, page, rw, MAP_SHARED));
	EXPECT_EQ(-ENOENT, try_mmap(other, args->cq_offset, page, PROT_READ, MAP_SHARED));
	close(other);
	/* A buffer by that number would be the CQ's. */
	EXPECT_EQ(-ENOENT, buf_free(self->fd, args->cq_offset >> 32));

	EXPECT_EQ(-1, mprotect(self->q.state, page, rw));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(SIGSEGV, touch((uint8_t *)self->q.state, true));
	EXPECT_EQ(MAP_FAILED, mremap(self->q.doorbell, DB_SIZE, 2 * DB_SIZE, MREMAP_MAYMOVE));

	/* Twice, and in pieces, is the same. */
	q = self->q;
	ASSERT_EQ(0, mq_map(&q));
	munmap((uint8_t *)q.doorbell + page, DB_SIZE - page);
	EXPECT_EQ(FERRY_OK, mq_run(&q, NOP, &self->cqe));
	mq_push(&self->q, NOP);
	self->q.head++;
	mq_unmap(&q);
	EXPECT_WORKS(self);
}

/* The rest of the doorbell's page is a hole. */
TEST_F(mapped, holes_of_the_doorbell_do_nothing)
{
	uint8_t *bytes = (void *)self->q.doorbell;

	mq_push(&self->q, NOP);
	for (size_t offset = 4; offset < DB_SIZE; offset += offset < 64 ? 4 : 1020) {
		store((uint32_t *)(bytes + offset), self->q.tail);
		EXPECT_EQ(0, load((uint32_t *)(bytes + offset)));
	}
	store(bytes, 1);
	store((uint16_t *)bytes, 1);
	store((uint64_t *)bytes, 1);
	EXPECT_EQ(0, load(self->q.doorbell));
	EXPECT_EQ(-ETIME, mq_wait(&self->q, 1, 50 * NSEC_PER_MSEC));
	mq_ring(&self->q);
	EXPECT_EQ(FERRY_OK, mq_reap(&self->q, &self->cqe));
	EXPECT_WORKS(self);
}

TEST_F(mapped, wait_returns_when_it_is_there_and_not_before)
{
	EXPECT_EQ(0, mq_wait(&self->q, 0, FOREVER));
	EXPECT_EQ(-ETIME, mq_wait(&self->q, 1, 0));
	EXPECT_EQ(-ETIME, mq_wait(&self->q, 1, NSEC_PER_MSEC));
	for (uint32_t i = 0; i < 3 * SIZE; i++) {
		mq_push(&self->q, NOP);
		mq_ring(&self->q);
		ASSERT_EQ(0, mq_wait(&self->q, i + 1, LONG));
		ASSERT_TRUE(mq_ready(&self->q, i));
		ASSERT_EQ(-ETIME, mq_wait(&self->q, i + 2, 0));
		/* Of laps before, and of before the first. */
		ASSERT_EQ(0, mq_wait(&self->q, i, FOREVER));
		ASSERT_EQ(0, mq_wait(&self->q, i - 3 * SIZE, FOREVER));
		self->q.head++;
	}
}

TEST_F(mapped, wait_for_what_was_overwritten_returns)
{
	/* A lap that nobody reads: its completions are lost, those of the next are there. */
	for (int lap = 0; lap < 3; lap++) {
		for (uint32_t i = 0; i < SIZE; i++)
			mq_push(&self->q, NOP);
		mq_ring(&self->q);
		ASSERT_EQ(0, mq_wait(&self->q, self->q.tail, LONG));
	}
	for (uint32_t seq = 0; seq <= self->q.tail; seq++)
		EXPECT_EQ(0, mq_wait(&self->q, seq, FOREVER));
	self->q.head = self->q.tail;
	EXPECT_WORKS(self);
}

static void *wait_for_each(void *data)
{
	struct waiter *w = data;

	for (uint32_t seq = w->first; seq <= w->last && !w->result; seq += w->step)
		w->result = mq_wait(w->q, seq, LONG);
	return NULL;
}

TEST_F(mapped, several_waiters_each_get_theirs)
{
	struct waiter w[4];
	uint32_t nr = 40 * SIZE;

	for (uint32_t i = 0; i < ARRAY_SIZE(w); i++) {
		w[i] = (struct waiter) { .q = &self->q, .first = i + 1, .step = 1 + 3 * i, .last = nr };
		ASSERT_EQ(0, pthread_create(&w[i].thread, NULL, wait_for_each, &w[i]));
	}
	for (uint32_t i = 0; i < nr; i++) {
		mq_push(&self->q, sqe(FERRY_OP_FILL, 4096, 0, FERRY_ADDR(self->buffer, 0), i));
		mq_ring(&self->q);
		if (i % 7 == 6)
			while (self->q.head != self->q.tail)
				ASSERT_EQ(FERRY_OK, mq_reap(&self->q, &self->cqe));
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(w); i++) {
		ASSERT_EQ(0, pthread_join(w[i].thread, NULL));
		EXPECT_EQ(0, w[i].result);
	}
}

TEST_F(mapped, wait_is_ended_by_a_signal)
{
	arm_signal();
	EXPECT_EQ(-EINTR, mq_wait(&self->q, 1, LONG));
	EXPECT_EQ(-EINTR, mq_wait(&self->q, 1, FOREVER));
	EXPECT_EQ(0, mq_wait(&self->q, 0, FOREVER));
}

TEST_F(mapped, poll_says_what_was_armed)
{
	EXPECT_EQ(0, poll_events(self->fd, POLLIN | POLLOUT, 0));
	for (uint32_t i = 0; i < 2 * SIZE; i++) {
		ASSERT_EQ(0, mq_arm(&self->q, i + 1, -1));
		ASSERT_EQ(0, poll_events(self->fd, POLLIN, 0));
		mq_push(&self->q, NOP);
		mq_ring(&self->q);
		ASSERT_EQ(POLLIN, poll_events(self->fd, POLLIN, LONG / NSEC_PER_MSEC));
		/* It stays so until another is armed. */
		ASSERT_EQ(POLLIN, poll_events(self->fd, POLLIN | POLLOUT, 0));
		ASSERT_EQ(FERRY_OK, mq_reap(&self->q, &self->cqe));
		ASSERT_EQ(POLLIN, poll_events(self->fd, POLLIN, 0));
	}
}

/* Told once for each time it is armed, though nothing else changed meanwhile. */
TEST_F(mapped, edge_triggered_epoll_is_told_each_time)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_LE(0, ep);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->fd, &ev));
	for (uint32_t i = 0; i < 10; i++) {
		ASSERT_EQ(0, mq_arm(&self->q, i + 1, -1));
		mq_push(&self->q, NOP);
		mq_ring(&self->q);
		ASSERT_EQ(1, epoll_wait(ep, &ev, 1, LONG / NSEC_PER_MSEC));
		ASSERT_EQ(FERRY_OK, mq_reap(&self->q, &self->cqe));
	}
	close(ep);
}

TEST_F(mapped, eventfd_is_signalled_once_by_what_was_armed)
{
	int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), second;

	ASSERT_LE(0, event);
	for (uint32_t i = 0; i < 2 * SIZE; i++) {
		ASSERT_EQ(0, mq_arm(&self->q, self->q.tail + 2, event));
		mq_push(&self->q, NOP);
		mq_ring(&self->q);
		ASSERT_EQ(FERRY_OK, mq_reap(&self->q, &self->cqe));
		ASSERT_EQ(-EAGAIN, event_count(event));
		mq_push(&self->q, NOP);
		mq_push(&self->q, NOP);
		mq_ring(&self->q);
		ASSERT_EQ(POLLIN, poll_events(event, POLLIN, LONG / NSEC_PER_MSEC));
		ASSERT_EQ(1, event_count(event));
		ASSERT_EQ(FERRY_OK, mq_reap(&self->q, &self->cqe));
		ASSERT_EQ(FERRY_OK, mq_reap(&self->q, &self->cqe));
		ASSERT_EQ(-EAGAIN, event_count(event));
	}
	/* What is there already. */
	ASSERT_EQ(0, mq_arm(&self->q, self->q.tail, event));
	EXPECT_EQ(1, event_count(event));
	/* Another one takes its place, and the old one can be closed. */
	ASSERT_EQ(0, mq_arm(&self->q, self->q.tail + 1, event));
	second = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	ASSERT_EQ(0, mq_arm(&self->q, self->q.tail + 1, second));
	close(second);
	EXPECT_WORKS(self);
	EXPECT_EQ(-EAGAIN, event_count(event));
	/* None. */
	ASSERT_EQ(0, mq_arm(&self->q, self->q.tail + 1, event));
	ASSERT_EQ(0, mq_arm(&self->q, self->q.tail + 1, -1));
	EXPECT_WORKS(self);
	EXPECT_EQ(-EAGAIN, event_count(event));
	/* The end of the queue is told, too. */
	ASSERT_EQ(0, mq_arm(&self->q, self->q.tail + 1, event));
	ASSERT_EQ(0, queue_destroy(self->fd, self->q.args.queue));
	EXPECT_EQ(1, event_count(event));
	close(event);
}

TEST_F(mapped, queue_of_the_kernels_can_be_waited_for_and_armed)
{
	int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct ferry_sqe nop = NOP;
	struct mq q = { .fd = self->fd };

	ASSERT_EQ(0, queue_create(self->fd, ORDER, &q.args.queue));
	for (uint32_t i = 0; i < 3 * SIZE; i++) {
		ASSERT_EQ(0, mq_arm(&q, i + 1, event));
		ASSERT_EQ(-ETIME, mq_wait(&q, i + 1, 0));
		ASSERT_EQ(1, submit(self->fd, q.args.queue, &nop, 1));
		ASSERT_EQ(0, mq_wait(&q, i + 1, LONG));
		ASSERT_EQ(POLLIN, poll_events(event, POLLIN, LONG / NSEC_PER_MSEC));
		ASSERT_EQ(1, event_count(event));
		ASSERT_EQ(1, reap(self->fd, q.args.queue, &self->cqe, 1, 1, LONG));
		ASSERT_EQ(0, mq_wait(&q, i + 1, LONG));
	}
	close(event);
}

TEST_F(mapped, cancel_completes_what_is_outstanding_and_goes_on)
{
	uint8_t *map;
	uint32_t buffer;

	map = buf_new(self->fd, 4 * MiB, 0, &buffer);
	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, queue_cancel(self->fd, self->q.args.queue));
	for (int round = 0; round < 4; round++) {
		uint32_t seq = self->q.tail;

		mq_fill(&self->q, buffer, 4 * MiB);
		ASSERT_EQ(0, queue_cancel(self->fd, self->q.args.queue));
		for (uint32_t i = 0; i < SIZE; i++) {
			int status = mq_reap(&self->q, &self->cqe);

			ASSERT_TRUE(status == FERRY_OK || status == FERRY_ERR_CANCELLED) {
				TH_LOG("%d", status);
			}
			EXPECT_EQ(++seq, cqe_seq(&self->cqe));
		}
		EXPECT_WORKS(self);
	}
}

struct canceller {
	pthread_t thread;
	const struct mq *q;
	bool stop;
	int result;
};

static void *cancel_often(void *data)
{
	struct canceller *c = data;

	while (!c->result && !__atomic_load_n(&c->stop, __ATOMIC_RELAXED))
		c->result = queue_cancel(c->q->fd, c->q->args.queue);
	return NULL;
}

/* A doorbell that is rung while the device would ignore it. */
TEST_F(mapped, no_doorbell_is_lost_to_a_cancel)
{
	struct canceller c = { .q = &self->q };

	ASSERT_EQ(0, pthread_create(&c.thread, NULL, cancel_often, &c));
	for (uint32_t i = 0; i < 300; i++) {
		int status = mq_run(&self->q, NOP, &self->cqe);

		ASSERT_TRUE(status == FERRY_OK || status == FERRY_ERR_CANCELLED) {
			TH_LOG("entry %u: %d", i, status);
		}
		ASSERT_EQ(i + 1, cqe_seq(&self->cqe));
	}
	__atomic_store_n(&c.stop, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(c.thread, NULL));
	EXPECT_EQ(0, c.result);
	EXPECT_WORKS(self);
}

TEST_F(mapped, free_of_a_buffer_reaches_a_queue_that_uses_it)
{
	uint32_t buffer;
	uint8_t *map = buf_new(self->fd, 4 * MiB, 0, &buffer);
	uint8_t before;

	ASSERT_NE(NULL, map);
	mq_fill(&self->q, buffer, 4 * MiB);
	ASSERT_EQ(0, buf_free(self->fd, buffer));
	before = map[4 * MiB - 1] = 0x5a;
	for (uint32_t i = 0; i < SIZE; i++) {
		int status = mq_reap(&self->q, &self->cqe);

		ASSERT_TRUE(status == FERRY_OK || status == FERRY_ERR_WINDOW_REVOKED) {
			TH_LOG("%d", status);
		}
	}
	EXPECT_EQ(before, map[4 * MiB - 1]);
	EXPECT_WORKS(self);
}

TEST_HARNESS_MAIN
