// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that does not come back when it is powered, or does not let go of
 * memory. It has to be told to: in QEMU, x-fault=stuck-global-reset:nth=4 and
 * x-fault=stuck-invalidate;stuck-reset:count=2. Where it behaves, this is skipped,
 * unless FERRY_FAULT (power or buffer) says that it was told.
 */
#include "ferry_utils.h"

#define TRIES	8

static bool was_told(const char *fault)
{
	const char *told = getenv("FERRY_FAULT");

	return told && !strcmp(told, fault);
}

FIXTURE(fault)
{
	int fd;
	struct ferry_info info;
};

FIXTURE_SETUP(fault)
{
	ASSERT_EQ(0, find_device());
	self->fd = node_open();
	ASSERT_LE(0, self->fd) TH_LOG("%s: %s", device_node, strerror(-self->fd));
	ASSERT_EQ(0, ferry_info(self->fd, &self->info));
}

FIXTURE_TEARDOWN(fault)
{
	close(self->fd);
}

/* The first invalidation does not end, nor the first resets of a channel. So this goes first. */
TEST_F(fault, buffer_that_the_device_does_not_let_go_of_is_EIO)
{
	struct ferry_queue_create args = { .size = sizeof(args), .order = self->info.min_order };
	uint32_t other, queue;
	struct ferry_cqe cqe;
	char path[PATH_MAX];
	char state[16];
	uint8_t *map;
	int ret;

	if (ferry_ioctl(self->fd, FERRY_IOC_QUEUE_CREATE, &args)) {
		ASSERT_FALSE(was_told("buffer"));
		SKIP(return, "this device does not come back when it is powered");
	}
	map = buf_new(self->fd, 8192, 0, &other);
	ASSERT_NE(NULL, map);
	pattern(map, 8192, 1);
	ret = buf_free(self->fd, other);
	if (!ret) {
		ASSERT_FALSE(was_told("buffer"));
		SKIP(return, "this device lets go of memory");
	}
	EXPECT_EQ(-EIO, ret);
	EXPECT_EQ(-ENOENT, buf_free(self->fd, other));
	/* The mapping is good, the queue is not. */
	EXPECT_NE(0, crc32c(0, map, 8192));
	EXPECT_EQ(-EIO, run(self->fd, args.queue, sqe(FERRY_OP_NOP, 0, 0, 0, 0), &cqe));
	EXPECT_EQ(0, queue_destroy(self->fd, args.queue));

	/* Somebody tries again in the end, and then the channel is free. */
	snprintf(path, sizeof(path), "%s/channel%u/state", device_class, args.channel);
	do {
		sched_yield();
		ASSERT_EQ(0, read_file(path, state, sizeof(state)));
	} while (strcmp(state, "idle"));
	ASSERT_EQ(0, queue_create(self->fd, self->info.min_order, &queue));
	ASSERT_NE(NULL, buf_new(self->fd, 8192, 0, &other));
	ASSERT_EQ(0, run(self->fd, queue, sqe(FERRY_OP_FILL, 64, 0, FERRY_ADDR(other, 0), 0),
			 &cqe));
	EXPECT_EQ(FERRY_OK, cqe_status(&cqe));
}

static void *waiter(void *data)
{
	int *args = data;
	struct ferry_cqe cqe;

	args[2] = reap(args[0], args[1], &cqe, 1, 1, FOREVER);
	return NULL;
}

/* And this second, since the device is lost then. */
TEST_F(fault, device_that_does_not_resume_ends_waits_and_frees_what_it_had)
{
	uint32_t queue, buffer;
	struct ferry_cqe cqe;
	pthread_t thread;
	uint8_t *map;
	int ret = 0;

	if (geteuid() || access("/sys/power/pm_test", W_OK))
		SKIP(return, "this kernel has no /sys/power/pm_test, or we are not root");
	ASSERT_EQ(0, queue_create(self->fd, self->info.min_order, &queue));
	map = buf_new(self->fd, 8192, 0, &buffer);
	ASSERT_NE(NULL, map);
	for (int i = 0; i < TRIES && !ret; i++) {
		ASSERT_EQ(0, suspend_devices());
		ret = run(self->fd, queue, sqe(FERRY_OP_NOP, 0, 0, 0, 0), &cqe);
	}
	if (!ret) {
		ASSERT_FALSE(was_told("power"));
		SKIP(return, "this device always resumes");
	}
	EXPECT_EQ(-EIO, ret);
	int args[] = { self->fd, queue, 0 };

	ASSERT_EQ(0, pthread_create(&thread, NULL, waiter, args));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(-EIO, args[2]);
	EXPECT_EQ(-EIO, queue_cancel(self->fd, queue));
	EXPECT_EQ(0, buf_free(self->fd, buffer));
	EXPECT_EQ(0, queue_destroy(self->fd, queue));
	ASSERT_EQ(0, ferry_info(self->fd, &self->info));
	EXPECT_EQ(0, self->info.queues);
}

/* How often did the driver say that the device does not answer? */
static int count_attempts(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char record[8192];
	int count = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	/* EPIPE: records were lost to newer ones. */
	while ((n = read(fd, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		record[n > 0 ? n : 0] = 0;
		count += strstr(record, "does not become ready after it was powered") != NULL;
	}
	close(fd);
	return count;
}

/* Runtime PM remembers a failure, unless it is told to forget it. */
TEST_F(fault, every_claim_tries_to_power_the_device_again)
{
	uint32_t queue;
	int before, ret;

	ret = queue_create(self->fd, self->info.min_order, &queue);
	if (!ret) {
		ASSERT_FALSE(was_told("power"));
		SKIP(return, "this device comes back when it is powered");
	}
	EXPECT_EQ(-EIO, ret);
	before = count_attempts();
	ASSERT_LE(0, before);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(-EIO, queue_create(self->fd, self->info.min_order, &queue));
	EXPECT_EQ(before + 3, count_attempts());
	ASSERT_EQ(0, ferry_info(self->fd, &self->info));
	EXPECT_EQ(0, self->info.busy_mask & self->info.user_mask);
}

TEST_HARNESS_MAIN
