// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapped queues and their end: queues that are destroyed, processes that die, fork or
 * fill the rings with garbage, a system that sleeps, a device that goes. Whatever it
 * is, nobody else is hurt, and who polls finds out.
 */
#include "ferry_user_queue.h"

/* Rings and doorbell of a queue that is no more take what is written, and go nowhere. */
#define EXPECT_NOWHERE(q, why) do {								\
	EXPECT_EQ(why, load(&(q)->state->dead));							\
	EXPECT_EQ(0, touch((uint8_t *)(q)->sq, true));						\
	EXPECT_EQ(0, touch((uint8_t *)&(q)->cq[(q)->size - 1], false));				\
	EXPECT_EQ(0, touch((uint8_t *)(q)->doorbell, true));					\
	mq_push(q, NOP);									\
	mq_ring(q);										\
} while (0)

TEST_F(mapped, destroyed_queue_is_dead_and_its_doorbell_nobodys)
{
	uint32_t queue = self->q.args.queue;
	struct mq next;

	mq_push(&self->q, NOP);
	mq_ring(&self->q);
	ASSERT_EQ(0, queue_destroy(self->fd, queue));
	EXPECT_EQ(-ENOENT, mq_wait(&self->q, 1, FOREVER));
	EXPECT_EQ(-ENOENT, mq_arm(&self->q, 1, -1));
	EXPECT_EQ(-ENOENT, queue_cancel(self->fd, queue));
	EXPECT_EQ(-ENOENT, try_mmap(self->fd, self->q.args.doorbell_offset, 4096, PROT_READ, MAP_SHARED));
	EXPECT_NOWHERE(&self->q, FERRY_QUEUE_DESTROYED);

	/* Who has the channel now does not hear the old doorbell. */
	ASSERT_EQ(0, mq_open(&next, self->fd, ORDER));
	ASSERT_EQ(self->q.args.channel, next.args.channel);
	EXPECT_NE(queue, next.args.queue);
	mq_push(&next, NOP);
	for (int i = 0; i < 1000; i++)
		store(self->q.doorbell, i);
	EXPECT_EQ(-ETIME, mq_wait(&next, 1, 50 * NSEC_PER_MSEC));
	mq_ring(&next);
	EXPECT_EQ(FERRY_OK, mq_reap(&next, &self->cqe));
	EXPECT_EQ(FERRY_QUEUE_DESTROYED, load(&self->q.state->dead));
	EXPECT_EQ(0, load(&next.state->dead));
	mq_unmap(&self->q);
	EXPECT_EQ(FERRY_OK, mq_run(&next, NOP, &self->cqe));
}

/* Who polls a queue whose entries write to this memory. */
struct watcher {
	pthread_t thread;
	const struct mq *q;
	uint8_t *p;
	size_t length;
};

/* As soon as the queue is dead its memory is used again. */
static void *use_when_dead(void *data)
{
	struct watcher *w = data;

	while (!load(&w->q->state->dead))
		;
	memset(w->p, 0x5a, w->length);
	return NULL;
}

static void expect_dead_when_the_device_has_let_go(struct __test_metadata *_metadata, int fd,
						   bool unbind)
{
	const size_t length = 4 * MiB;
	struct watcher w = { .length = length / 2 };
	uint32_t buffer;
	struct mq q;

	w.q = &q;
	w.p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, w.p);
	if (buf_register(fd, w.p, length, 0, &buffer))
		SKIP(return, "memory that stays when the device goes can't be registered here");
	w.p += length / 2;
	ASSERT_EQ(0, mq_open(&q, fd, 8));
	mq_fill(&q, buffer, length);
	ASSERT_EQ(0, pthread_create(&w.thread, NULL, use_when_dead, &w));
	ASSERT_EQ(0, unbind ? unbind_device() : queue_destroy(fd, q.args.queue));
	ASSERT_EQ(0, pthread_join(w.thread, NULL));
	EXPECT_TRUE(all_bytes(w.p, length / 2, 0x5a));
	munmap(w.p - length / 2, length);
	mq_unmap(&q);
	ASSERT_EQ(0, unbind ? rebind_device() : buf_free(fd, buffer));
}

TEST_F(mapped, destroyed_queue_is_not_dead_before_the_device_lets_go)
{
	for (int round = 0; round < 20; round++)
		expect_dead_when_the_device_has_let_go(_metadata, self->fd, false);
}

TEST_F(mapped, unbound_queue_is_not_dead_before_the_device_lets_go)
{
	if (geteuid())
		SKIP(return, "needs root to unbind the device");
	for (int round = 0; round < 10; round++) {
		int fd = node_open();

		ASSERT_LE(0, fd);
		expect_dead_when_the_device_has_let_go(_metadata, fd, true);
		close(fd);
	}
}

static uint32_t next_random(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

static void *wait_one(void *data)
{
	struct waiter *w = data;

	w->result = mq_wait(w->q, w->first, FOREVER);
	return NULL;
}

/* Until the thread sleeps in its wait. */
static void until_it_sleeps(pid_t tid)
{
	char path[64], line[256], *state;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	for (;;) {
		if (read_file(path, line, sizeof(line)))
			return;
		state = strrchr(line, ')');
		if (state && state[2] == 'S')
			return;
		usleep(1000);
	}
}

TEST_F(mapped, destroy_wakes_who_waits)
{
	struct waiter w = { .q = &self->q, .first = 1 };
	char path[64];
	DIR *dir;
	struct dirent *entry;

	ASSERT_EQ(0, pthread_create(&w.thread, NULL, wait_one, &w));
	snprintf(path, sizeof(path), "/proc/self/task");
	dir = opendir(path);
	ASSERT_NE(NULL, dir);
	while ((entry = readdir(dir)))
		if (atoi(entry->d_name) && atoi(entry->d_name) != getpid())
			until_it_sleeps(atoi(entry->d_name));
	closedir(dir);
	ASSERT_EQ(0, queue_destroy(self->fd, self->q.args.queue));
	ASSERT_EQ(0, pthread_join(w.thread, NULL));
	EXPECT_EQ(-ENOENT, w.result);
}

/* A tail that goes back, or too far: the queue is dead, and says so to everybody. */
TEST_F(mapped, bad_tail_kills_this_queue_alone)
{
	static const uint32_t bad[] = { SIZE + 1, UINT32_MAX, 1u << 31 };
	int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct mq other;

	ASSERT_EQ(0, mq_open(&other, self->fd, ORDER));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct mq q;
		struct waiter w = { .q = &q, .first = 3 };

		ASSERT_EQ(0, mq_open(&q, self->fd, ORDER));
		EXPECT_EQ(FERRY_OK, mq_run(&q, NOP, &self->cqe));
		ASSERT_EQ(0, mq_arm(&q, 3, event));
		ASSERT_EQ(0, pthread_create(&w.thread, NULL, wait_one, &w));
		store(q.doorbell, 1 + bad[i]);
		ASSERT_EQ(0, pthread_join(w.thread, NULL));
		EXPECT_EQ(-EIO, w.result);
		EXPECT_EQ(FERRY_QUEUE_HALTED, load(&q.state->dead));
		EXPECT_EQ(1, event_count(event));
		EXPECT_EQ(POLLERR, poll_events(self->fd, POLLIN, 0));
		EXPECT_EQ(-EIO, mq_arm(&q, 3, event));
		EXPECT_EQ(-EIO, mq_wait(&q, 2, FOREVER));
		/* What had completed has. */
		EXPECT_EQ(0, mq_wait(&q, 1, FOREVER));
		EXPECT_EQ(-EIO, queue_cancel(self->fd, q.args.queue));
		mq_push(&q, NOP);
		mq_ring(&q);
		EXPECT_EQ(FERRY_OK, mq_run(&other, NOP, &self->cqe));
		EXPECT_WORKS(self);
		ASSERT_EQ(0, queue_destroy(self->fd, q.args.queue));
		EXPECT_EQ(FERRY_QUEUE_HALTED, load(&q.state->dead));
		mq_unmap(&q);
	}
	EXPECT_EQ(0, poll_events(self->fd, POLLIN, 0));
	close(event);
}

/* Everything that a process can do to a queue that it has, in any order. */
TEST_F(mapped, garbage_in_the_rings_hurts_nobody_else)
{
	uint32_t x = 12345, dead = 0, ok = 0;
	uint8_t *guard = self->map + 32 * KiB;
	int hostile = node_open(), status;
	struct mq bad;

	ASSERT_LE(0, hostile);
	memset(guard, 0xa5, 32 * KiB);
	ASSERT_EQ(0, mq_open(&bad, hostile, ORDER));
	for (int i = 0; i < 500; i++) {
		for (size_t k = 0; k < SIZE * sizeof(*bad.sq) / 4; k++)
			store((uint32_t *)bad.sq + k, next_random(&x));
		/* Half of them would be taken, were it not for what is in them. */
		bad.tail = next_random(&x) & 1 ? bad.tail + next_random(&x) % (SIZE + 1)
					       : next_random(&x);
		if (i % 16)
			bad.tail = i % 16 * (SIZE / 2);
		mq_ring(&bad);
		mq_wait(&bad, next_random(&x), next_random(&x) % 100000);
		mq_arm(&bad, next_random(&x), -1);
		if (i % 64 == 5)
			queue_cancel(hostile, bad.args.queue);
		if (i % 32 == 0)
			EXPECT_WORKS(self);
		if (load(&bad.state->dead)) {
			dead++;
			ASSERT_EQ(0, queue_destroy(hostile, bad.args.queue));
			mq_unmap(&bad);
			ASSERT_EQ(0, mq_open(&bad, hostile, ORDER));
		} else {
			ok++;
		}
	}
	TH_LOG("%u times dead, %u alive", dead, ok);
	EXPECT_LT(0, dead);
	EXPECT_LT(0, ok);
	status = queue_destroy(hostile, bad.args.queue);
	EXPECT_EQ(0, status);
	close(hostile);
	EXPECT_TRUE(all_bytes(guard, 32 * KiB, 0xa5));
	EXPECT_WORKS(self);
}

TEST_F(mapped, child_gets_neither_rings_nor_doorbell)
{
	pid_t pid;
	int status;

	EXPECT_WORKS(self);
	/* Not even if the parent says so. */
	EXPECT_EQ(-1, madvise(self->q.sq, SIZE * sizeof(*self->q.sq), MADV_DOFORK));
	EXPECT_EQ(-1, madvise(self->q.state, self->q.cq_bytes, MADV_DOFORK));
	EXPECT_EQ(-1, madvise(self->q.doorbell, DB_SIZE, MADV_DOFORK));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct mq again = self->q;

		if (touch((uint8_t *)self->q.sq, false) != SIGSEGV ||
		    touch((uint8_t *)self->q.state, false) != SIGSEGV ||
		    touch((uint8_t *)self->q.doorbell, true) != SIGSEGV)
			_exit(1);
		/* It has the file, and so can map what it wants. */
		if (mq_map(&again) || mq_run(&again, NOP, &self->cqe))
			_exit(2);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	mq_push(&self->q, NOP);
	self->q.head++;
	EXPECT_WORKS(self);
}

/* Where a mapping was moved, there it is taken away. */
TEST_F(mapped, moved_mappings_work_and_end_like_others)
{
	struct mq *q = &self->q, old = *q;
	size_t sq_bytes = SIZE * sizeof(*q->sq);
	uint8_t *room = mmap(NULL, 3 * DB_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const int flags = MREMAP_MAYMOVE | MREMAP_FIXED;

	ASSERT_NE(MAP_FAILED, room);
	EXPECT_WORKS(self);
	q->doorbell = mremap(old.doorbell, DB_SIZE, DB_SIZE, flags, room);
	ASSERT_NE(MAP_FAILED, q->doorbell);
	q->sq = mremap(old.sq, sq_bytes, sq_bytes, flags, room + DB_SIZE);
	ASSERT_NE(MAP_FAILED, q->sq);
	q->state = mremap(old.state, q->cq_bytes, q->cq_bytes, flags, room + 2 * DB_SIZE);
	ASSERT_NE(MAP_FAILED, q->state);
	q->cq = (void *)((uint8_t *)q->state + q->args.cq_start);
	EXPECT_EQ(SIGSEGV, touch((uint8_t *)old.doorbell, true));
	EXPECT_EQ(SIGSEGV, touch((uint8_t *)old.sq, true));
	EXPECT_EQ(SIGSEGV, touch((uint8_t *)old.state, false));
	for (uint32_t i = 0; i < 2 * SIZE; i++)
		EXPECT_WORKS(self);
	ASSERT_EQ(0, queue_destroy(self->fd, q->args.queue));
	EXPECT_NOWHERE(q, FERRY_QUEUE_DESTROYED);
	ASSERT_EQ(0, mq_open(&old, self->fd, ORDER));
	for (int i = 0; i < 100; i++)
		store(q->doorbell, i);
	EXPECT_EQ(FERRY_OK, mq_run(&old, NOP, &self->cqe));
}

TEST_F(mapped, mappings_outlive_the_descriptor)
{
	int fd = node_open();
	struct ferry_info info;
	struct mq q;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_open(&q, fd, ORDER));
	ASSERT_EQ(0, close(fd));
	for (uint32_t i = 0; i < 2 * SIZE; i++)
		ASSERT_EQ(FERRY_OK, mq_run(&q, NOP, &self->cqe));
	mq_unmap(&q);
	/* The last one was the file's end. */
	ASSERT_EQ(0, ferry_info(self->fd, &info));
	EXPECT_EQ(self->info.queues + 1, info.queues);
}

/* Rings away, and doorbells in the middle of it. Does not return. */
static void work_without_end(void)
{
	uint32_t buffer, x = getpid();
	struct mq q;
	int fd = node_open();
	uint8_t *map = buf_new(fd, MiB, 0, &buffer);
	struct ferry_cqe cqe;

	if (!map)
		_exit(1);
	for (;;) {
		if (mq_open(&q, fd, ORDER))
			_exit(2);
		for (int i = 0; i < 6; i++) {
			mq_fill(&q, buffer, next_random(&x) & 1 ? MiB : 512);
			if (next_random(&x) & 1)
				mq_arm(&q, q.tail, -1);
			if (next_random(&x) & 1)
				mq_wait(&q, q.tail, FOREVER);
			while (q.head != q.tail)
				if (mq_reap(&q, &cqe) < 0)
					_exit(3);
		}
		mq_unmap(&q);
		if (queue_destroy(fd, q.args.queue))
			_exit(4);
	}
}

TEST_F(mapped, killed_at_any_point_gives_everything_back)
{
	struct ferry_info before, info;
	uint32_t seed = 7;

	ASSERT_EQ(0, ferry_info(self->fd, &before));
	for (int i = 0; i < 40; i++) {
		struct timespec random = { .tv_nsec = next_random(&seed) % (20 * NSEC_PER_MSEC) };
		pid_t pid = fork();
		int status;

		ASSERT_LE(0, pid);
		if (!pid)
			work_without_end();
		nanosleep(&random, NULL);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status)) TH_LOG("exit status %d", WEXITSTATUS(status));
		ASSERT_EQ(0, ferry_info(self->fd, &info));
		EXPECT_EQ(before.busy_mask, info.busy_mask);
		EXPECT_EQ(before.queues, info.queues);
	}
	EXPECT_WORKS(self);
}

TEST_F(mapped, suspend_with_a_mapped_doorbell_loses_nothing)
{
	if (geteuid() || access("/sys/power/pm_test", W_OK))
		SKIP(return, "this kernel has no /sys/power/pm_test, or we are not root");
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t head = self->q.head;

		EXPECT_WORKS(self);
		if (i & 1)
			ASSERT_EQ(0, mq_arm(&self->q, self->q.tail + 2, -1));
		/* Some that may not have completed. */
		mq_push(&self->q, sqe(FERRY_OP_FILL, 4096, 0, FERRY_ADDR(self->buffer, 4096), i));
		mq_ring(&self->q);
		ASSERT_EQ(0, suspend_devices());
		ASSERT_EQ(0, load(&self->q.state->dead));
		ASSERT_EQ(FERRY_OK, mq_reap(&self->q, &self->cqe));
		EXPECT_EQ(head + 2, cqe_seq(&self->cqe));
		EXPECT_EQ(i, ((uint64_t *)(self->map + 4096))[511]);
		if (i & 1)
			EXPECT_EQ(0, poll_events(self->fd, POLLIN, 0));
		EXPECT_WORKS(self);
		if (i & 1)
			EXPECT_EQ(POLLIN, poll_events(self->fd, POLLIN, LONG / NSEC_PER_MSEC));
	}
}

TEST_F(mapped, suspend_of_a_dead_queue_is_no_obstacle)
{
	if (geteuid() || access("/sys/power/pm_test", W_OK))
		SKIP(return, "this kernel has no /sys/power/pm_test, or we are not root");
	store(self->q.doorbell, 12345);
	EXPECT_EQ(-EIO, mq_wait(&self->q, 1, FOREVER));
	ASSERT_EQ(0, suspend_devices());
	EXPECT_NOWHERE(&self->q, FERRY_QUEUE_HALTED);
	ASSERT_EQ(0, suspend_devices());
	EXPECT_NOWHERE(&self->q, FERRY_QUEUE_HALTED);
}

struct poller {
	pthread_t thread;
	struct mq *q;
	struct ferry_cqe cqe;
	int result;
};

/* Moves NOPs until the state says that it is over; asks the kernel for nothing. */
static void *poll_until_dead(void *data)
{
	struct poller *p = data;

	while ((p->result = mq_run(p->q, NOP, &p->cqe)) == FERRY_OK)
		;
	return NULL;
}

TEST_F(mapped, unbinding_tells_pollers_and_leaves_no_stray_access)
{
	struct waiter w = { .q = &self->q, .first = 1 << 30 };
	struct poller p = { .q = &self->q };
	int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), fd;
	struct mq unmapped, next;

	if (geteuid())
		SKIP(return, "needs root to unbind the device");
	ASSERT_EQ(0, mq_create(&unmapped, self->fd, ORDER, 0));
	ASSERT_EQ(0, mq_arm(&self->q, 1 << 30, event));
	ASSERT_EQ(0, pthread_create(&w.thread, NULL, wait_one, &w));
	ASSERT_EQ(0, pthread_create(&p.thread, NULL, poll_until_dead, &p));
	while (__atomic_load_n(&self->q.head, __ATOMIC_RELAXED) < 100)
		sched_yield();
	ASSERT_EQ(0, unbind_device());
	ASSERT_EQ(0, pthread_join(w.thread, NULL));
	EXPECT_EQ(-ENODEV, w.result);
	ASSERT_EQ(0, pthread_join(p.thread, NULL));
	EXPECT_TRUE(p.result == -EIO || p.result == FERRY_ERR_CANCELLED) TH_LOG("%d", p.result);
	EXPECT_EQ(1, event_count(event));
	EXPECT_NOWHERE(&self->q, FERRY_QUEUE_GONE);
	EXPECT_EQ(SIGSEGV, touch((uint8_t *)self->q.state, true));
	EXPECT_EQ(-ENODEV, mq_wait(&self->q, 0, 0));
	EXPECT_EQ(-ENODEV, mq_arm(&self->q, 0, -1));
	EXPECT_EQ(-ENODEV, mq_map(&unmapped));

	/* What comes back is another device. */
	ASSERT_EQ(0, rebind_device());
	fd = node_open();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mq_open(&next, fd, ORDER));
	mq_push(&next, NOP);
	EXPECT_NOWHERE(&self->q, FERRY_QUEUE_GONE);
	EXPECT_EQ(-ETIME, mq_wait(&next, 1, 50 * NSEC_PER_MSEC));
	mq_ring(&next);
	EXPECT_EQ(FERRY_OK, mq_reap(&next, &self->cqe));
	close(fd);
	close(event);
	mq_unmap(&next);
	mq_unmap(&self->q);
}

/* No limit but that of the user's queues: what a queue has is counted, and comes back. */
TEST_F(mapped, counts_as_any_queue)
{
	struct ferry_info info;
	struct mq q[64];
	uint32_t nr = 0;
	int ret;

	while (!(ret = mq_open(&q[nr], self->fd, ORDER)))
		nr++;
	EXPECT_EQ(-ENOSPC, ret);
	ASSERT_EQ(0, ferry_info(self->fd, &info));
	EXPECT_EQ(self->info.queues + 1 + nr, info.queues);
	for (uint32_t i = 0; i < nr; i++) {
		EXPECT_EQ(FERRY_OK, mq_run(&q[i], NOP, &self->cqe));
		ASSERT_EQ(0, queue_destroy(self->fd, q[i].args.queue));
	}
	ASSERT_EQ(0, mq_open(&q[0], self->fd, ORDER));
	EXPECT_EQ(FERRY_OK, mq_run(&q[0], NOP, &self->cqe));
	EXPECT_WORKS(self);
}

TEST_HARNESS_MAIN
