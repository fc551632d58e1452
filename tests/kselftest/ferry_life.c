// SPDX-License-Identifier: GPL-2.0-only
/*
 * How files end: processes that die with work in flight, descriptors that are
 * shared, users that take too much, a module that is asked to go. What a
 * process had is given back before wait(2) for it returns.
 */
#include "ferry_utils.h"

#include <linux/capability.h>
#include <sys/prctl.h>

#define USER_A	12345
#define USER_B	12346

FIXTURE(life)
{
	int fd;
	struct ferry_info info;
};

FIXTURE_SETUP(life)
{
	ASSERT_EQ(0, find_device());
	self->fd = node_open();
	ASSERT_LE(0, self->fd) TH_LOG("%s: %s", device_node, strerror(-self->fd));
	ASSERT_EQ(0, ferry_info(self->fd, &self->info));
	ASSERT_EQ(0, self->info.queues);
}

FIXTURE_TEARDOWN(life)
{
	close(self->fd);
}

static void expect_all_given_back(struct __test_metadata *_metadata, FIXTURE_DATA(life) *self)
{
	struct ferry_info info;

	ASSERT_EQ(0, ferry_info(self->fd, &info));
	EXPECT_EQ(self->info.busy_mask, info.busy_mask);
	EXPECT_EQ(0, info.queues);
}

TEST_F(life, exit_without_close_gives_everything_back)
{
	for (int i = 0; i < 10; i++) {
		pid_t pid = fork();
		int status;

		ASSERT_LE(0, pid);
		if (!pid) {
			uint32_t buffer;
			uint8_t *map;
			int fd = node_open();

			_exit(fd < 0 || start_work(fd, &self->info, &buffer, &map) < 0);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status);
		expect_all_given_back(_metadata, self);
	}
}

static void *wait_forever(void *data)
{
	struct ferry_cqe cqe;
	int *args = data;

	for (;;)
		if (reap(args[0], args[1], &cqe, 1, 1, FOREVER) < 0)
			return NULL;
}

/* All that a process can be in the middle of. Does not return. */
static void do_everything(const struct ferry_info *info, unsigned int seed)
{
	int fd = node_open(), args[2];
	uint32_t queue, buffer, order = info->min_order + seed % 4;
	struct ferry_cqe cqes[64];
	pthread_t thread;
	uint8_t *map;

	if (order > info->max_order)
		order = info->max_order;
	for (;;) {
		if (queue_create(fd, order, &queue))
			_exit(1);
		map = buf_new(fd, MiB, seed & 1 ? FERRY_BUF_WC : 0, &buffer);
		if (!map)
			_exit(2);
		args[0] = fd;
		args[1] = queue;
		if (seed % 3 == 0 && pthread_create(&thread, NULL, wait_forever, args))
			_exit(3);
		for (int i = 0; i < 4; i++) {
			make_busy(fd, queue, buffer, MiB, 1u << order);
			reap(fd, queue, cqes, 64, 1, NSEC_PER_MSEC);
			if (i == 2)
				queue_cancel(fd, queue);
		}
		if (seed & 2)
			queue_flush(fd, queue, FOREVER);
		munmap(map, MiB);
		if (seed & 4)
			buf_free(fd, buffer);
		if (queue_destroy(fd, queue))
			_exit(4);
		if (!(seed & 4))
			buf_free(fd, buffer);
		if (seed % 3 == 0)
			pthread_join(thread, NULL);
	}
}

TEST_F(life, killed_at_any_point_gives_everything_back)
{
	unsigned int seed = 1;

	for (int i = 0; i < 60; i++) {
		struct timespec random = {};
		pid_t pid = fork();
		int status;

		ASSERT_LE(0, pid);
		if (!pid)
			do_everything(&self->info, i);
		seed = seed * 1103515245 + 12345;
		/* Whatever the point is that this hits, all of them must be survived. */
		random.tv_nsec = (seed >> 8) % (20 * NSEC_PER_MSEC);
		nanosleep(&random, NULL);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status)) TH_LOG("exit status %d", WEXITSTATUS(status));
		expect_all_given_back(_metadata, self);
	}
}

TEST_F(life, duplicated_descriptor_keeps_the_file)
{
	uint32_t queue, buffer;
	struct ferry_cqe cqe;
	uint8_t *map;
	int fd = node_open(), copy;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, queue_create(fd, self->info.min_order, &queue));
	map = buf_new(fd, 4096, 0, &buffer);
	ASSERT_NE(NULL, map);
	copy = dup(fd);
	ASSERT_LE(0, copy);
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(0, run(copy, queue, sqe(FERRY_OP_FILL, 4096, 0, FERRY_ADDR(buffer, 0), ~0ULL),
			 &cqe));
	EXPECT_EQ(FERRY_OK, cqe_status(&cqe));
	EXPECT_TRUE(all_bytes(map, 4096, 0xff));
	ASSERT_EQ(0, close(copy));
	/* The mapping holds the memory, and not the queue. */
	EXPECT_EQ(0xff, map[4095]);
	munmap(map, 4096);
	expect_all_given_back(_metadata, self);
}

TEST_F(life, child_shares_the_queue_and_keeps_it_when_the_parent_closes)
{
	uint32_t queue, buffer;
	struct ferry_cqe cqe;
	uint8_t *map;
	int fd = node_open(), status, go[2];
	pid_t pid;
	char c;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, pipe(go));
	ASSERT_EQ(0, queue_create(fd, self->info.min_order, &queue));
	map = buf_new(fd, 4096, 0, &buffer);
	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, run(fd, queue, sqe(FERRY_OP_FILL, 64, 0, FERRY_ADDR(buffer, 0), 1), &cqe));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(go[1]);
		if (read(go[0], &c, 1) != 1)
			_exit(1);
		if (run(fd, queue, sqe(FERRY_OP_FILL, 4096, 0, FERRY_ADDR(buffer, 0), ~0ULL), &cqe))
			_exit(2);
		_exit(cqe_status(&cqe) || cqe_seq(&cqe) != 2 || !all_bytes(map, 4096, 0xff) ? 3 : 0);
	}
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(1, write(go[1], "x", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(all_bytes(map, 4096, 0xff));
	munmap(map, 4096);
	expect_all_given_back(_metadata, self);
}

struct guesser {
	pthread_t thread;
	int fd;
	uint32_t order;
	uint32_t *last;
	const bool *stop;
};

static void *make_handles(void *data)
{
	struct guesser *g = data;
	uint32_t queue, buffer;
	uint64_t offset;

	while (!__atomic_load_n(g->stop, __ATOMIC_RELAXED)) {
		if (!queue_create(g->fd, g->order, &queue)) {
			__atomic_store_n(g->last, queue, __ATOMIC_RELAXED);
			queue_destroy(g->fd, queue);
		}
		if (!buf_alloc(g->fd, 4096, 0, &buffer, &offset))
			buf_free(g->fd, buffer);
	}
	return NULL;
}

static void *guess_handles(void *data)
{
	struct guesser *g = data;
	struct ferry_sqe nop = {};

	while (!__atomic_load_n(g->stop, __ATOMIC_RELAXED)) {
		uint32_t last = __atomic_load_n(g->last, __ATOMIC_RELAXED);

		for (uint32_t i = 0; i < 6; i++) {
			submit(g->fd, last + i, &nop, 1);
			queue_destroy(g->fd, last + i);
			buf_free(g->fd, i);
		}
	}
	return NULL;
}

/*
 * Handles are small numbers, so another thread can name one before the call
 * that makes it has returned. Two objects must not end up under one handle,
 * nor one under none: what is forgotten so is not given back on close.
 */
TEST_F(life, handles_guessed_while_they_are_made_are_not_lost)
{
	struct guesser g[4] = {};
	uint32_t last = 0;
	bool stop = false;
	int64_t end;
	int fd;

	for (int round = 0; round < 3; round++) {
		fd = node_open();
		ASSERT_LE(0, fd);
		stop = false;
		for (size_t i = 0; i < ARRAY_SIZE(g); i++) {
			g[i] = (struct guesser) {
				.fd = fd, .order = self->info.min_order, .last = &last, .stop = &stop,
			};
			ASSERT_EQ(0, pthread_create(&g[i].thread, NULL,
						    i < 3 ? make_handles : guess_handles, &g[i]));
		}
		end = now_ns() + NSEC_PER_SEC;
		while (now_ns() < end)
			sched_yield();
		__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
		for (size_t i = 0; i < ARRAY_SIZE(g); i++)
			ASSERT_EQ(0, pthread_join(g[i].thread, NULL));
		ASSERT_EQ(0, close(fd));
		expect_all_given_back(_metadata, self);
	}
}

static int drop_capability(int cap)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return -errno;
	data[cap / 32].effective &= ~(1u << cap % 32);
	data[cap / 32].permitted &= ~(1u << cap % 32);
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

/* Take queues, in a process of its own, until there are no more; how many? */
static int greedy(const struct ferry_info *info, uid_t uid, bool privileged, int hold, int done)
{
	uint32_t queue;
	int fd, nr = 0, ret;
	char c;

	if (uid && setuid(uid))
		_exit(200);
	if (!uid && !privileged && drop_capability(CAP_SYS_RESOURCE))
		_exit(201);
	fd = node_open();
	if (fd < 0)
		_exit(202);
	while (!(ret = queue_create(fd, info->min_order, &queue)))
		nr++;
	if (ret != -ENOSPC)
		_exit(203);
	if (hold >= 0) {
		/* Say so, then keep them until told. */
		if (write(done, "x", 1) != 1 || read(hold, &c, 1) != 1)
			_exit(204);
	}
	_exit(nr);
}

static int take_queues(const struct ferry_info *info, uid_t uid, bool privileged)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		greedy(info, uid, privileged, -1, -1);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

TEST_F(life, user_gets_its_share_of_queues_and_leaves_the_rest_to_others)
{
	int users = __builtin_popcountll(self->info.user_mask), status;
	int cap = (int)self->info.max_queues < users ? (int)self->info.max_queues : users;
	int hold[2], done[2];
	struct stat old;
	pid_t pid;
	char c;

	if (geteuid())
		SKIP(return, "needs root to become several users");
	ASSERT_EQ(0, stat(device_node, &old));
	ASSERT_EQ(0, chmod(device_node, 0666));
	ASSERT_EQ(0, pipe(hold));
	ASSERT_EQ(0, pipe(done));

	EXPECT_EQ(cap, take_queues(&self->info, USER_A, false));
	EXPECT_EQ(cap, take_queues(&self->info, 0, false)) TH_LOG("root without CAP_SYS_RESOURCE");
	EXPECT_EQ(users, take_queues(&self->info, 0, true)) TH_LOG("root with CAP_SYS_RESOURCE");

	/* One process of A holds its share: nothing for another of A, something for B. */
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		greedy(&self->info, USER_A, false, hold[0], done[1]);
	ASSERT_EQ(1, read(done[0], &c, 1));
	EXPECT_EQ(0, take_queues(&self->info, USER_A, false));
	EXPECT_EQ(cap < users - cap ? cap : users - cap, take_queues(&self->info, USER_B, false));
	ASSERT_EQ(1, write(hold[1], "x", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(cap, WEXITSTATUS(status));

	/* And all of it comes back. */
	EXPECT_EQ(cap, take_queues(&self->info, USER_A, false));
	EXPECT_EQ(0, chmod(device_node, old.st_mode & 07777));
	expect_all_given_back(_metadata, self);
	EXPECT_LT(cap, users) TH_LOG("one user can take every channel");
}

TEST_F(life, module_in_use_cannot_be_unloaded)
{
	uint32_t buffer;
	uint8_t *map = buf_new(self->fd, 4096, 0, &buffer);

	if (geteuid())
		SKIP(return, "needs root to unload a module");
	ASSERT_NE(NULL, map);
	EXPECT_EQ(-1, syscall(SYS_delete_module, "ferry", O_NONBLOCK));
	EXPECT_TRUE(errno == EWOULDBLOCK || errno == EBUSY) TH_LOG("%s", strerror(errno));
	ASSERT_EQ(0, access(device_node, F_OK));
	EXPECT_EQ(0, ferry_info(self->fd, &self->info));

	/* A mapping alone keeps it as well. */
	ASSERT_EQ(0, close(self->fd));
	EXPECT_EQ(-1, syscall(SYS_delete_module, "ferry", O_NONBLOCK));
	EXPECT_TRUE(errno == EWOULDBLOCK || errno == EBUSY) TH_LOG("%s", strerror(errno));
	EXPECT_EQ(0, map[0]);
	ASSERT_EQ(0, munmap(map, 4096));
	self->fd = -1;
}

TEST_HARNESS_MAIN
