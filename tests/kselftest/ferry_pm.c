// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that goes away under its users, unbound from the driver, and a
 * system that suspends.
 */
#include "ferry_utils.h"

#include <sys/resource.h>

/* The device goes away. Every test leaves it as it found it. */
FIXTURE(unbind)
{
	int fd;
	uint32_t queue;
	uint32_t idle_queue;
	uint32_t buffer;
	uint8_t *map;
	struct ferry_info info;
};

FIXTURE_SETUP(unbind)
{
	if (geteuid())
		SKIP(return, "needs root to unbind a driver");
	if (find_device()) {
		/* An earlier test has failed half-way. */
		FILE *names = popen("ls /sys/bus/platform/devices | grep dma-controller", "r");

		ASSERT_NE(NULL, names);
		ASSERT_EQ(1, fscanf(names, "%255s", device_name));
		pclose(names);
		ASSERT_EQ(0, rebind_device());
	}
	self->fd = node_open();
	ASSERT_LE(0, self->fd) TH_LOG("%s: %s", device_node, strerror(-self->fd));
	ASSERT_EQ(0, ferry_info(self->fd, &self->info));
	self->queue = start_work(self->fd, &self->info, &self->buffer, &self->map);
	ASSERT_LE(0, (int)self->queue);
	ASSERT_EQ(0, queue_create(self->fd, self->info.min_order, &self->idle_queue));
}

FIXTURE_TEARDOWN(unbind)
{
	close(self->fd);
	if (find_device())
		rebind_device();
}

TEST_F(unbind, everything_that_is_open_answers_ENODEV)
{
	struct ferry_sqe nop = {};
	struct ferry_event event;
	struct ferry_cqe cqe;
	uint32_t handle;
	uint64_t offset;
	struct pollfd p = { .fd = self->fd, .events = POLLIN | POLLOUT };

	ASSERT_EQ(0, unbind_device());
	EXPECT_EQ(-ENODEV, ferry_info(self->fd, &self->info));
	EXPECT_EQ(-ENODEV, queue_create(self->fd, 4, &handle));
	EXPECT_EQ(-ENODEV, queue_flush(self->fd, self->queue, FOREVER));
	EXPECT_EQ(-ENODEV, queue_cancel(self->fd, self->queue));
	EXPECT_EQ(-ENODEV, queue_destroy(self->fd, self->queue));
	EXPECT_EQ(-ENODEV, buf_alloc(self->fd, 4096, 0, &handle, &offset));
	EXPECT_EQ(-ENODEV, buf_free(self->fd, self->buffer));
	EXPECT_EQ(-ENODEV, submit(self->fd, self->queue, &nop, 1));
	EXPECT_EQ(-ENODEV, reap(self->fd, self->queue, &cqe, 1, 1, FOREVER));
	EXPECT_EQ(-1, read(self->fd, &event, sizeof(event)));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(MAP_FAILED, buf_map(self->fd, 0, 4096));
	EXPECT_EQ(ENODEV, errno);
	ASSERT_EQ(1, poll(&p, 1, 0));
	EXPECT_EQ(POLLHUP, p.revents & POLLHUP);
	EXPECT_EQ(-1, access(device_node, F_OK));
	ASSERT_EQ(0, rebind_device());
}

TEST_F(unbind, mappings_are_taken_away)
{
	uint8_t *gone = self->map;

	EXPECT_EQ(0, touch(gone, false));
	ASSERT_EQ(0, unbind_device());
	EXPECT_EQ(SIGBUS, touch(gone, false));
	EXPECT_EQ(SIGBUS, touch(gone + MiB, false));
	EXPECT_EQ(0, munmap(gone, 4 * MiB));
	ASSERT_EQ(0, rebind_device());
}

struct sleeper {
	pthread_t thread;
	int fd;
	uint32_t queue;
	char how;
	int result;
};

static void *sleeper(void *data)
{
	struct sleeper *s = data;
	struct ferry_event event;
	struct ferry_cqe cqe;
	struct pollfd p = { .fd = s->fd, .events = POLLPRI };

	/* Whatever comes first is taken; the end is what counts. */
	do {
		switch (s->how) {
		case 'w':
			s->result = reap(s->fd, s->queue, &cqe, 1, 1, FOREVER);
			break;
		case 'f':
			s->result = queue_flush(s->fd, s->queue, FOREVER);
			break;
		case 'r':
			s->result = read(s->fd, &event, sizeof(event)) < 0 ? -errno : 0;
			break;
		case 'p':
			s->result = poll(&p, 1, -1) < 0 ? -errno : 0;
			if (p.revents & POLLHUP)
				s->result = -ENODEV;
			break;
		}
	} while (s->result >= 0);
	return NULL;
}

TEST_F(unbind, whoever_waits_is_woken)
{
	struct sleeper s[] = {
		{ .how = 'w', .queue = self->idle_queue }, { .how = 'w', .queue = self->idle_queue },
		{ .how = 'f', .queue = self->queue }, { .how = 'r' }, { .how = 'p' },
	};

	for (size_t i = 0; i < ARRAY_SIZE(s); i++) {
		s[i].fd = self->fd;
		ASSERT_EQ(0, pthread_create(&s[i].thread, NULL, sleeper, &s[i]));
	}
	ASSERT_EQ(0, unbind_device());
	for (size_t i = 0; i < ARRAY_SIZE(s); i++) {
		ASSERT_EQ(0, pthread_join(s[i].thread, NULL));
		EXPECT_EQ(-ENODEV, s[i].result) {
			TH_LOG("sleeper %c", s[i].how);
		}
	}
	ASSERT_EQ(0, rebind_device());
}

TEST_F(unbind, device_that_comes_back_works_beside_the_dead_file)
{
	struct ferry_info info;
	uint32_t queue, buffer;
	struct ferry_cqe cqe;
	uint8_t *map;
	int fd;

	ASSERT_EQ(0, unbind_device());
	ASSERT_EQ(0, rebind_device());
	fd = node_open();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ferry_info(fd, &info));
	EXPECT_EQ(0, info.queues);
	EXPECT_EQ(0, info.busy_mask & info.user_mask);
	ASSERT_EQ(0, queue_create(fd, info.min_order, &queue));
	map = buf_new(fd, 4096, 0, &buffer);
	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, run(fd, queue, sqe(FERRY_OP_FILL, 4096, 0, FERRY_ADDR(buffer, 0), ~0ULL), &cqe));
	EXPECT_EQ(FERRY_OK, cqe_status(&cqe));
	EXPECT_TRUE(all_bytes(map, 4096, 0xff));
	EXPECT_EQ(-ENODEV, ferry_info(self->fd, &info));
	close(fd);
}

/* Use the device in every state that a file can be in, again and again. Does not return. */
static void open_and_work(unsigned int *rounds)
{
	/* This is never idle, and whoever unbinds has to get on. */
	setpriority(PRIO_PROCESS, 0, 19);
	for (unsigned int k = 0;; k++) {
		int fd = node_open();
		uint32_t buffer, queue;
		struct ferry_cqe cqes[16];
		uint8_t *map;

		if (fd < 0) {
			sched_yield();
			continue;
		}
		map = buf_new(fd, 256 * KiB, k & 1 ? FERRY_BUF_WC : 0, &buffer);
		if (!queue_create(fd, 4, &queue)) {
			make_busy(fd, queue, buffer, 256 * KiB, 16);
			reap(fd, queue, cqes, 16, 1 + k % 16, FOREVER);
		}
		if (map) {
			touch(map, false);
			munmap(map, 256 * KiB);
		}
		close(fd);
		__atomic_add_fetch(rounds, 1, __ATOMIC_RELAXED);
	}
}

/* Open files in other processes, in every state, while the device comes and goes. */
TEST_F(unbind, processes_survive_a_device_that_comes_and_goes)
{
	unsigned int *rounds = mmap(NULL, sizeof(*rounds), PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned int before;
	pid_t pids[3];
	int status;

	ASSERT_NE(MAP_FAILED, rounds);
	close(self->fd);
	for (int i = 0; i < 3; i++) {
		pids[i] = fork();
		ASSERT_LE(0, pids[i]);
		if (!pids[i])
			open_and_work(rounds);
	}
	for (int i = 0; i < 12; i++) {
		/* When one is done, the others are amid something. */
		before = __atomic_load_n(rounds, __ATOMIC_RELAXED);
		while (__atomic_load_n(rounds, __ATOMIC_RELAXED) == before)
			usleep(1000);
		ASSERT_EQ(0, unbind_device());
		ASSERT_EQ(0, rebind_device());
	}
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, kill(pids[i], SIGKILL));
		ASSERT_EQ(pids[i], waitpid(pids[i], &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
	}
	self->fd = node_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ferry_info(self->fd, &self->info));
	EXPECT_EQ(0, self->info.busy_mask & self->info.user_mask);
}

FIXTURE(suspend)
{
	int fd;
	struct ferry_info info;
};

FIXTURE_SETUP(suspend)
{
	ASSERT_EQ(0, find_device());
	self->fd = node_open();
	ASSERT_LE(0, self->fd) TH_LOG("%s: %s", device_node, strerror(-self->fd));
	ASSERT_EQ(0, ferry_info(self->fd, &self->info));
}

FIXTURE_TEARDOWN(suspend)
{
	close(self->fd);
}

TEST_F(suspend, suspend_keeps_queues_and_buffers)
{
	uint32_t queue, buffer;
	struct ferry_cqe cqe;
	uint8_t *map;

	if (geteuid() || access("/sys/power/pm_test", W_OK))
		SKIP(return, "this kernel has no /sys/power/pm_test, or we are not root");
	ASSERT_EQ(0, queue_create(self->fd, self->info.min_order, &queue));
	map = buf_new(self->fd, 8192, 0, &buffer);
	ASSERT_NE(NULL, map);
	pattern(map, 8192, 8);
	for (uint32_t i = 0; i < 3; i++) {
		ASSERT_EQ(0, run(self->fd, queue, sqe(FERRY_OP_CRC32C, 8192, FERRY_ADDR(buffer, 0),
						      0, 0), &cqe));
		EXPECT_EQ(FERRY_OK, cqe_status(&cqe));
		EXPECT_EQ(crc32c(0, map, 8192), cqe_result(&cqe));
		EXPECT_EQ(i + 1, cqe_seq(&cqe));
		ASSERT_EQ(0, suspend_devices());
	}
}

TEST_F(suspend, suspend_with_work_in_flight_is_refused_or_loses_nothing)
{
	uint32_t buffer, nr = 0;
	struct ferry_cqe cqes[64];
	uint8_t *map;
	int queue, ret;

	if (geteuid() || access("/sys/power/pm_test", W_OK))
		SKIP(return, "this kernel has no /sys/power/pm_test, or we are not root");
	queue = start_work(self->fd, &self->info, &buffer, &map);
	ASSERT_LE(0, queue);
	ret = suspend_devices();
	EXPECT_TRUE(ret == 0 || ret == -EBUSY) TH_LOG("%d", ret);
	ASSERT_EQ(0, queue_flush(self->fd, queue, FOREVER));
	while (nr < 64) {
		int n = reap(self->fd, queue, cqes, 64, 1, NSEC_PER_SEC);

		if (n == -ETIME)
			break;
		ASSERT_LT(0, n);
		for (int i = 0; i < n; i++) {
			EXPECT_EQ(FERRY_OK, cqe_status(&cqes[i]));
			EXPECT_EQ(++nr, cqe_seq(&cqes[i]));
		}
	}
	EXPECT_EQ(self->info.max_order < 6 ? 1u << self->info.max_order : 64, nr);
}

TEST_HARNESS_MAIN
