// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues: rings that wrap and fill, and all the ways to wait for a completion.
 * Nothing here sleeps to win a race: what must have begun to wait is either
 * seen waiting or allowed to be late.
 */
#include <sys/epoll.h>

#include "ferry_utils.h"

FIXTURE(queue)
{
	int fd;
	uint32_t queue;
	uint32_t entries;
	struct ferry_info info;
};

FIXTURE_SETUP(queue)
{
	self->fd = ferry_open();
	ASSERT_LE(0, self->fd) TH_LOG("%s: %s", ferry_path(), strerror(-self->fd));
	ASSERT_EQ(0, ferry_info(self->fd, &self->info));
	ASSERT_EQ(0, queue_create(self->fd, self->info.min_order, &self->queue));
	self->entries = 1u << self->info.min_order;
}

FIXTURE_TEARDOWN(queue)
{
	close(self->fd);
}

/* Batches of every size, so that each slot is first, last and in the middle. */
TEST_F(queue, ring_wraps_many_times_without_losing_or_repeating)
{
	struct ferry_sqe *sqes = calloc(self->entries, sizeof(*sqes));
	struct ferry_cqe *cqes = calloc(self->entries, sizeof(*cqes));
	uint32_t seq = 0, nr = 1, wraps = 0, buffer;
	uint8_t *map = buf_new(self->fd, 8 * self->entries, 0, &buffer);
	uint64_t value = 1;

	ASSERT_NE(NULL, map);
	while (wraps < 100) {
		struct ferry_submit args = {
			.size = sizeof(args), .queue = self->queue, .nr_sqes = nr,
			.sqes = (uintptr_t)sqes, .cqes = (uintptr_t)cqes, .nr_cqes = self->entries,
			.min_cqes = nr, .timeout_ns = FOREVER,
		};

		for (uint32_t i = 0; i < nr; i++)
			sqes[i] = sqe(FERRY_OP_FILL, 8, 0, FERRY_ADDR(buffer, 8 * i), value + i);
		ASSERT_EQ(0, ferry_ioctl(self->fd, FERRY_IOC_SUBMIT, &args));
		ASSERT_EQ(nr, args.submitted);
		ASSERT_EQ(nr, args.reaped);
		ASSERT_EQ(seq, args.first);
		for (uint32_t i = 0; i < nr; i++) {
			uint64_t seen;

			memcpy(&seen, map + 8 * i, 8);
			ASSERT_EQ(value + i, seen);
			ASSERT_EQ(seq + i + 1, cqe_seq(&cqes[i]));
			ASSERT_EQ(FERRY_OK, cqe_status(&cqes[i]));
		}
		value += nr;
		seq += nr;
		wraps = seq / self->entries;
		nr = nr == self->entries ? 1 : nr + 1;
	}
	free(sqes);
	free(cqes);
}

TEST_F(queue, full_ring_takes_what_fits_then_EAGAIN)
{
	struct ferry_sqe *sqes = calloc(self->entries + 5, sizeof(*sqes));
	struct ferry_cqe *cqes = calloc(self->entries, sizeof(*cqes));
	struct ferry_submit args = {
		.size = sizeof(args), .queue = self->queue, .sqes = (uintptr_t)sqes,
		.cqes = (uintptr_t)cqes,
	};
	const uint32_t half = self->entries / 2;

	ASSERT_EQ(half, submit(self->fd, self->queue, sqes, half));
	EXPECT_EQ(self->entries - half, submit(self->fd, self->queue, sqes, self->entries + 5));
	/* Completed is not enough: the slots are free when they are reaped. */
	ASSERT_EQ(0, queue_flush(self->fd, self->queue, FOREVER));
	EXPECT_EQ(-EAGAIN, submit(self->fd, self->queue, sqes, 1));
	EXPECT_EQ(-EAGAIN, submit(self->fd, self->queue, sqes, self->entries));

	/* With room for completions the call succeeds with those alone. */
	args.nr_sqes = 1;
	args.nr_cqes = 1;
	ASSERT_EQ(0, ferry_ioctl(self->fd, FERRY_IOC_SUBMIT, &args));
	EXPECT_EQ(0, args.submitted);
	EXPECT_EQ(1, args.reaped);
	for (uint32_t left = self->entries - 1; left; ) {
		int n = reap(self->fd, self->queue, cqes, self->entries, 1, FOREVER);

		ASSERT_LT(0, n);
		left -= n;
	}
	EXPECT_EQ(self->entries, submit(self->fd, self->queue, sqes, self->entries + 5));
	free(sqes);
	free(cqes);
}

TEST_F(queue, wait_reaps_no_more_than_there_is_room_for)
{
	struct ferry_sqe nops[4] = {};
	struct ferry_cqe cqes[4];

	ASSERT_EQ(4, submit(self->fd, self->queue, nops, 4));
	ASSERT_EQ(0, queue_flush(self->fd, self->queue, FOREVER));
	EXPECT_EQ(0, reap(self->fd, self->queue, cqes, 0, 0, 0));
	memset(cqes, 0xee, sizeof(cqes));
	EXPECT_EQ(3, reap(self->fd, self->queue, cqes, 3, 1, FOREVER));
	EXPECT_EQ(3, cqe_seq(&cqes[2]));
	EXPECT_TRUE(all_bytes(&cqes[3], sizeof(cqes[3]), 0xee));
	EXPECT_EQ(1, reap(self->fd, self->queue, cqes, 4, 1, FOREVER));
	EXPECT_EQ(4, cqe_seq(&cqes[0]));
	EXPECT_EQ(0, reap(self->fd, self->queue, cqes, 4, 0, FOREVER));
}

TEST_F(queue, wait_on_an_idle_queue_is_EAGAIN_or_ETIME)
{
	static const int64_t timeouts[] = { 1, 1000, 20 * NSEC_PER_MSEC };
	struct ferry_cqe cqe;
	int64_t start;

	EXPECT_EQ(-EAGAIN, reap(self->fd, self->queue, &cqe, 1, 1, 0));
	for (size_t i = 0; i < ARRAY_SIZE(timeouts); i++) {
		start = now_ns();
		EXPECT_EQ(-ETIME, reap(self->fd, self->queue, &cqe, 1, 1, timeouts[i]));
		EXPECT_LE(timeouts[i], now_ns() - start);
	}
}

TEST_F(queue, wait_that_times_out_keeps_what_it_got)
{
	struct ferry_sqe nops[2] = {};
	struct ferry_cqe cqes[8];
	int64_t start;

	ASSERT_EQ(2, submit(self->fd, self->queue, nops, 2));
	start = now_ns();
	EXPECT_EQ(2, reap(self->fd, self->queue, cqes, 8, 3, 20 * NSEC_PER_MSEC));
	EXPECT_LE(20 * NSEC_PER_MSEC, now_ns() - start);
	EXPECT_EQ(2, cqe_seq(&cqes[1]));
	/* And so does a submission. */
	struct ferry_submit args = {
		.size = sizeof(args), .queue = self->queue, .nr_sqes = 1, .sqes = (uintptr_t)nops,
		.cqes = (uintptr_t)cqes, .nr_cqes = 8, .min_cqes = 8, .timeout_ns = NSEC_PER_MSEC,
	};
	ASSERT_EQ(0, ferry_ioctl(self->fd, FERRY_IOC_SUBMIT, &args));
	EXPECT_EQ(1, args.submitted);
	EXPECT_EQ(2, args.first);
}

TEST_F(queue, read_returns_events_of_any_queue_as_many_as_fit)
{
	struct ferry_sqe nops[3] = {};
	struct ferry_event events[8];
	uint32_t queue, seen[2] = {};
	ssize_t n, total = 0;

	ASSERT_EQ(0, queue_create(self->fd, self->info.min_order, &queue));
	ASSERT_EQ(3, submit(self->fd, self->queue, nops, 3));
	ASSERT_EQ(3, submit(self->fd, queue, nops, 3));
	ASSERT_EQ(0, queue_flush(self->fd, self->queue, FOREVER));
	ASSERT_EQ(0, queue_flush(self->fd, queue, FOREVER));
	while (total < 6) {
		/* Two records and a half: two. */
		n = read(self->fd, events, 5 * sizeof(*events) / 2);
		ASSERT_LT(0, n);
		EXPECT_EQ(0, n % sizeof(*events));
		n /= sizeof(*events);
		EXPECT_GE(2, n);
		for (ssize_t i = 0; i < n; i++) {
			uint32_t which = events[i].queue == queue;

			EXPECT_TRUE(which || events[i].queue == self->queue);
			EXPECT_EQ(++seen[which], cqe_seq(&events[i].cqe));
		}
		total += n;
	}
	EXPECT_EQ(3, seen[0]);
	EXPECT_EQ(3, seen[1]);
}

TEST_F(queue, read_with_O_NONBLOCK_is_EAGAIN_until_something_completes)
{
	int fd = ferry_open_flags(O_NONBLOCK);
	struct ferry_event event;
	struct ferry_sqe nop = {};
	uint32_t queue;

	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, read(fd, &event, sizeof(event)));
	EXPECT_EQ(EAGAIN, errno);
	ASSERT_EQ(0, queue_create(fd, self->info.min_order, &queue));
	EXPECT_EQ(-1, read(fd, &event, sizeof(event)));
	EXPECT_EQ(EAGAIN, errno);
	ASSERT_EQ(1, submit(fd, queue, &nop, 1));
	ASSERT_EQ(0, queue_flush(fd, queue, FOREVER));
	EXPECT_EQ(sizeof(event), read(fd, &event, sizeof(event)));
	EXPECT_EQ(queue, event.queue);
	EXPECT_EQ(-1, read(fd, &event, sizeof(event)));
	EXPECT_EQ(EAGAIN, errno);
	close(fd);
}

static short poll_now(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	return poll(&p, 1, timeout_ms) < 0 ? -1 : p.revents;
}

TEST_F(queue, poll_tells_completions_and_free_slots)
{
	struct ferry_sqe *nops = calloc(self->entries, sizeof(*nops));
	struct ferry_cqe *cqes = calloc(self->entries, sizeof(*cqes));
	int fd = ferry_open();
	uint32_t queue;

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, poll_now(fd, 0));
	ASSERT_EQ(0, queue_create(fd, self->info.min_order, &queue));
	EXPECT_EQ(POLLOUT, poll_now(fd, 0));
	ASSERT_EQ(1, submit(fd, queue, nops, 1));
	ASSERT_EQ(0, queue_flush(fd, queue, FOREVER));
	EXPECT_EQ(POLLIN | POLLOUT, poll_now(fd, 0));
	ASSERT_EQ(self->entries - 1, submit(fd, queue, nops, self->entries));
	ASSERT_EQ(0, queue_flush(fd, queue, FOREVER));
	EXPECT_EQ(POLLIN, poll_now(fd, 0));
	ASSERT_EQ(self->entries, reap(fd, queue, cqes, self->entries, 1, FOREVER));
	EXPECT_EQ(POLLOUT, poll_now(fd, 0));
	ASSERT_EQ(0, queue_destroy(fd, queue));
	EXPECT_EQ(0, poll_now(fd, 0));
	close(fd);
	free(nops);
	free(cqes);
}

/* The sleeper may come before or after the completion: both must wake it. */
TEST_F(queue, poll_wakes_for_every_single_completion)
{
	struct pollfd p = { .fd = self->fd, .events = POLLIN };
	struct ferry_sqe nop = {};
	struct ferry_cqe cqe;

	for (int i = 0; i < 2000; i++) {
		ASSERT_EQ(1, submit(self->fd, self->queue, &nop, 1));
		ASSERT_EQ(1, poll(&p, 1, -1));
		ASSERT_EQ(POLLIN, p.revents);
		ASSERT_EQ(1, reap(self->fd, self->queue, &cqe, 1, 1, 0));
		ASSERT_EQ(i + 1, cqe_seq(&cqe));
	}
}

TEST_F(queue, edge_triggered_epoll_wakes_for_what_comes_after_what_was_read)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct ferry_sqe nop = {};
	struct ferry_cqe cqe;
	int ep = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_GE(ep, 0);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->fd, &event));
	for (int i = 0; i < 500; i++) {
		ASSERT_EQ(1, submit(self->fd, self->queue, &nop, 1));
		ASSERT_EQ(1, epoll_wait(ep, &event, 1, -1));
		while (reap(self->fd, self->queue, &cqe, 1, 1, 0) == 1)
			;
		ASSERT_EQ(i + 1, cqe_seq(&cqe));
	}
	close(ep);
}

/* What was reaped before the memory for the rest turned out to be missing makes room, too. */
TEST_F(queue, room_is_told_even_when_reaping_ends_early)
{
	struct epoll_event event = { .events = EPOLLOUT | EPOLLET };
	const uint32_t half = self->entries / 2;
	struct ferry_sqe *nops = calloc(self->entries, sizeof(*nops));
	size_t page = sysconf(_SC_PAGESIZE);
	uint8_t *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	struct ferry_cqe *cqes = (void *)(map + page - half * sizeof(*cqes));
	int ep = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_LE(0, ep);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_GE(page, half * sizeof(*cqes));
	/* Full, and with the end of the ring in the middle. */
	ASSERT_EQ(half, submit(self->fd, self->queue, nops, half));
	ASSERT_EQ(half, reap(self->fd, self->queue, cqes, half, half, FOREVER));
	ASSERT_EQ(self->entries, submit(self->fd, self->queue, nops, self->entries));
	ASSERT_EQ(0, queue_flush(self->fd, self->queue, FOREVER));
	ASSERT_EQ(0, mprotect(map + page, page, PROT_NONE));
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->fd, &event));
	ASSERT_EQ(0, epoll_wait(ep, &event, 1, 0));
	EXPECT_EQ(half, reap(self->fd, self->queue, cqes, self->entries, half, FOREVER));
	EXPECT_EQ(1, epoll_wait(ep, &event, 1, 0));
	EXPECT_EQ(EPOLLOUT, event.events);
	free(nops);
	close(ep);
}

TEST_F(queue, blocking_read_wakes_for_every_single_completion)
{
	struct ferry_event event;
	struct ferry_sqe nop = {};

	for (int i = 0; i < 2000; i++) {
		ASSERT_EQ(1, submit(self->fd, self->queue, &nop, 1));
		ASSERT_EQ(sizeof(event), read(self->fd, &event, sizeof(event)));
		ASSERT_EQ(i + 1, cqe_seq(&event.cqe));
	}
}

#define REAPERS	4

/*
 * The classic: with the least of all waiters armed, a completion that one of
 * them takes must not leave another asleep over the next. Each takes one at a
 * time here, and work is only added when all of it was reaped.
 */
static void feed_reapers(struct __test_metadata *_metadata, FIXTURE_DATA(queue) *self,
			 struct worker *w, int nr_workers)
{
	struct ferry_sqe nops[REAPERS] = {};
	uint32_t expected = 0, reaped;

	for (int i = 0; i < nr_workers; i++) {
		w[i].fd = self->fd;
		w[i].queue = self->queue;
		ASSERT_EQ(0, pthread_create(&w[i].thread, NULL, reaper, &w[i]));
	}
	for (int round = 0; round < 400; round++) {
		uint32_t nr = 1 + round % nr_workers;

		ASSERT_EQ(nr, submit(self->fd, self->queue, nops, nr));
		expected += nr;
		do {
			sched_yield();
			reaped = 0;
			for (int i = 0; i < nr_workers; i++)
				reaped += __atomic_load_n(&w[i].reaped, __ATOMIC_RELAXED);
		} while (reaped < expected);
		ASSERT_EQ(expected, reaped);
	}
}

TEST_F(queue, waiters_in_several_threads_lose_no_wake_up)
{
	struct worker w[REAPERS] = { [REAPERS - 1] = { .how = BY_POLL } };

	feed_reapers(_metadata, self, w, REAPERS);
	ASSERT_EQ(0, queue_destroy(self->fd, self->queue));
	for (int i = 0; i < REAPERS; i++) {
		ASSERT_EQ(0, pthread_join(w[i].thread, NULL));
		EXPECT_EQ(-ENOENT, w[i].result);
	}
}

TEST_F(queue, readers_in_several_threads_lose_no_wake_up)
{
	struct worker w[] = { { .how = BY_READ }, { .how = BY_READ }, { .how = BY_READ } };

	feed_reapers(_metadata, self, w, ARRAY_SIZE(w));
	/* The readers still sleep; the process ends with them, and so must the driver. */
}

static void *poller(void *data)
{
	struct worker *w = data;
	struct pollfd p = { .fd = w->fd, .events = POLLIN };

	/* It only looks; what there is, is the reader's. */
	while (!__atomic_load_n(&w->result, __ATOMIC_RELAXED))
		poll(&p, 1, 0);
	return NULL;
}

/* A file has one waiter for both: one that polls must not move it past a reader. */
TEST_F(queue, poller_takes_no_wake_up_from_a_reader)
{
	struct worker reading = { .fd = self->fd, .how = BY_READ };
	struct worker polling = { .fd = self->fd };
	struct ferry_sqe nop = {};

	ASSERT_EQ(0, pthread_create(&reading.thread, NULL, reaper, &reading));
	ASSERT_EQ(0, pthread_create(&polling.thread, NULL, poller, &polling));
	for (uint32_t i = 1; i <= 1500; i++) {
		ASSERT_EQ(1, submit(self->fd, self->queue, &nop, 1));
		while (__atomic_load_n(&reading.reaped, __ATOMIC_RELAXED) < i)
			sched_yield();
	}
	__atomic_store_n(&polling.result, 1, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(polling.thread, NULL));
}

static void *submitter(void *data)
{
	struct worker *w = data;

	for (int i = 0; i < 1000; ) {
		struct ferry_sqe nop = {};
		int n = submit(w->fd, w->queue, &nop, 1);

		if (n == 1) {
			i++;
		} else if (n == -EAGAIN) {
			sched_yield();
		} else {
			w->result = n;
			return NULL;
		}
	}
	return NULL;
}

TEST_F(queue, submitters_in_several_threads_share_a_queue)
{
	enum { THREADS = 3 };
	struct worker w[THREADS] = {};
	struct ferry_cqe cqe;

	for (int i = 0; i < THREADS; i++) {
		w[i].fd = self->fd;
		w[i].queue = self->queue;
		ASSERT_EQ(0, pthread_create(&w[i].thread, NULL, submitter, &w[i]));
	}
	for (uint32_t seq = 1; seq <= 1000 * THREADS; seq++) {
		ASSERT_EQ(1, reap(self->fd, self->queue, &cqe, 1, 1, FOREVER));
		ASSERT_EQ(seq, cqe_seq(&cqe));
		ASSERT_EQ(FERRY_OK, cqe_status(&cqe));
	}
	for (int i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_join(w[i].thread, NULL));
		EXPECT_EQ(0, w[i].result);
	}
	EXPECT_EQ(-EAGAIN, reap(self->fd, self->queue, &cqe, 1, 1, 0));
}

TEST_F(queue, signal_ends_a_wait_with_EINTR)
{
	struct ferry_event event;
	struct ferry_cqe cqe;

	arm_signal();
	EXPECT_EQ(-EINTR, reap(self->fd, self->queue, &cqe, 1, 1, FOREVER));
	EXPECT_EQ(-EINTR, reap(self->fd, self->queue, &cqe, 1, 1, 3600 * NSEC_PER_SEC));
	EXPECT_EQ(-1, read(self->fd, &event, sizeof(event)));
	EXPECT_EQ(EINTR, errno);
}

static int late_fd;
static uint32_t late_queue;
static int signals;

/* Nothing is there to wait for until a wait was interrupted several times. */
static void submit_late(int sig)
{
	struct ferry_sqe nop = {};

	if (__atomic_add_fetch(&signals, 1, __ATOMIC_RELAXED) == 5)
		submit(late_fd, late_queue, &nop, 1);
}

TEST_F(queue, signal_with_SA_RESTART_ends_only_a_wait_with_a_limit)
{
	struct sigaction sa = { .sa_handler = submit_late, .sa_flags = SA_RESTART };
	struct ferry_event event;
	struct ferry_cqe cqe;

	late_fd = self->fd;
	late_queue = self->queue;
	arm_signal();
	ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
	__atomic_store_n(&signals, 0, __ATOMIC_RELAXED);
	EXPECT_EQ(sizeof(event), read(self->fd, &event, sizeof(event)));
	EXPECT_LE(5, __atomic_load_n(&signals, __ATOMIC_RELAXED));
	__atomic_store_n(&signals, 0, __ATOMIC_RELAXED);
	EXPECT_EQ(1, reap(self->fd, self->queue, &cqe, 1, 1, FOREVER));
	EXPECT_EQ(2, cqe_seq(&cqe));
	EXPECT_LE(5, __atomic_load_n(&signals, __ATOMIC_RELAXED));
	__atomic_store_n(&signals, 5, __ATOMIC_RELAXED);
	EXPECT_EQ(-EINTR, reap(self->fd, self->queue, &cqe, 1, 1, 3600 * NSEC_PER_SEC));
}

TEST_F(queue, signal_does_not_take_away_what_was_submitted)
{
	struct ferry_sqe nop = {};
	struct ferry_cqe cqes[4];
	struct ferry_submit args = {
		.size = sizeof(args), .queue = self->queue, .nr_sqes = 1, .sqes = (uintptr_t)&nop,
		.cqes = (uintptr_t)cqes, .nr_cqes = 4, .min_cqes = 2, .timeout_ns = FOREVER,
	};
	uint32_t reaped = 0;

	arm_signal();
	ASSERT_EQ(0, ferry_ioctl(self->fd, FERRY_IOC_SUBMIT, &args));
	EXPECT_EQ(1, args.submitted);
	EXPECT_GE(1, args.reaped);
	for (reaped = args.reaped; !reaped; ) {
		int n = reap(self->fd, self->queue, cqes, 4, 1, FOREVER);

		ASSERT_TRUE(n == 1 || n == -EINTR);
		reaped = n == 1;
	}
	EXPECT_EQ(1, cqe_seq(&cqes[0]));
}

TEST_HARNESS_MAIN
