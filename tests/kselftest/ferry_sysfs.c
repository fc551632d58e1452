// SPDX-License-Identifier: GPL-2.0-only
/*
 * What sysfs and debugfs show, and the few attributes that can be written, as
 * in Documentation/ABI/testing/.
 */
#include "ferry_utils.h"

FIXTURE(sysfs)
{
	int fd;
	struct ferry_info info;
};

FIXTURE_SETUP(sysfs)
{
	ASSERT_EQ(0, find_device());
	self->fd = node_open();
	ASSERT_LE(0, self->fd) TH_LOG("%s: %s", device_node, strerror(-self->fd));
	ASSERT_EQ(0, ferry_info(self->fd, &self->info));
}

FIXTURE_TEARDOWN(sysfs)
{
	close(self->fd);
}

/* An attribute of the device (channel < 0) or of a channel. */
static const char *attr_path(int channel, const char *name)
{
	static char path[PATH_MAX];

	if (channel < 0)
		snprintf(path, sizeof(path), "%s/%s", device_class, name);
	else
		snprintf(path, sizeof(path), "%s/channel%d/%s", device_class, channel, name);
	return path;
}

static const char *text(int channel, const char *name)
{
	static char buf[4096];

	return read_file(attr_path(channel, name), buf, sizeof(buf)) ? "?" : buf;
}

static uint64_t number(int channel, const char *name)
{
	const char *value = text(channel, name);
	char *end;
	uint64_t ret = strtoull(value, &end, 10);

	return *end || end == value ? UINT64_MAX : ret;
}

static int set(int channel, const char *name, const char *value)
{
	return write_file(attr_path(channel, name), value);
}

TEST_F(sysfs, device_attributes_agree_with_info)
{
	char version[16];

	snprintf(version, sizeof(version), "%u.%u", self->info.version >> 16,
		 self->info.version & 0xffff);
	EXPECT_STREQ(version, text(-1, "version"));
	EXPECT_EQ(self->info.channels, number(-1, "channels"));
	EXPECT_EQ(self->info.ports, number(-1, "ports"));
	EXPECT_EQ(self->info.lines, number(-1, "lines"));
	EXPECT_EQ(self->info.max_len, number(-1, "max_length"));
	EXPECT_EQ(1u << self->info.min_order, number(-1, "min_entries"));
	EXPECT_EQ(1u << self->info.max_order, number(-1, "max_entries"));
	EXPECT_EQ(self->info.max_queues, number(-1, "max_queues_per_user"));
	EXPECT_LT(self->info.max_buffers, number(-1, "windows"));
	EXPECT_LE(32, number(-1, "address_bits"));
	EXPECT_GE(64, number(-1, "address_bits"));
	EXPECT_EQ(0, strncmp("nop copy fill crc32c copy_crc32c compare", text(-1, "operations"), 40));
	for (uint32_t c = 0; c < self->info.channels; c++)
		EXPECT_STREQ(self->info.user_mask >> c & 1 ? "user" :
			     self->info.port_mask >> c & 1 ? "port" : "reserved", text(c, "role"));
	EXPECT_STREQ("?", text(self->info.channels, "role"));
}

TEST_F(sysfs, channel_shows_whose_it_is_and_what_it_did)
{
	struct ferry_queue_create args = {
		.size = sizeof(args), .order = self->info.min_order + 1, .weight = 7,
	};
	struct ferry_cqe cqe;
	uint32_t buffer;
	uint64_t offset;
	int c;

	ASSERT_EQ(0, buf_alloc(self->fd, 8192, 0, &buffer, &offset));
	ASSERT_EQ(0, ferry_ioctl(self->fd, FERRY_IOC_QUEUE_CREATE, &args));
	c = args.channel;
	EXPECT_STREQ("running", text(c, "state"));
	EXPECT_EQ(getuid(), number(c, "owner_uid"));
	EXPECT_EQ(2u << self->info.min_order, number(c, "entries"));
	EXPECT_EQ(7, number(c, "weight"));
	EXPECT_EQ(0, number(c, "head"));
	EXPECT_EQ(0, number(c, "bytes"));
	EXPECT_STREQ("none", text(c, "error"));
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, run(self->fd, args.queue, sqe(FERRY_OP_FILL, 4096, 0,
							   FERRY_ADDR(buffer, 0), 0), &cqe));
	EXPECT_EQ(3, number(c, "head"));
	EXPECT_EQ(3, number(c, "tail"));
	EXPECT_EQ(3 * 4096, number(c, "bytes"));
	EXPECT_EQ(3, number(c, "doorbells"));
	EXPECT_EQ(0, number(c, "errors"));
	EXPECT_LT(0, number(c, "quanta"));
	EXPECT_GT(UINT32_MAX, number(c, "irqs"));
	ASSERT_EQ(0, run(self->fd, args.queue, sqe(FERRY_OP_FILL, 4096, 0,
						   FERRY_ADDR(buffer, 8000), 0), &cqe));
	EXPECT_EQ(FERRY_ERR_WINDOW_BOUNDS, cqe_status(&cqe));
	EXPECT_EQ(1, number(c, "errors"));
	EXPECT_NE(NULL, strstr(text(c, "error"), "WINDOW_BOUNDS entry 3 address 0x")) {
		TH_LOG("%s", text(c, "error"));
	}
	ASSERT_EQ(0, queue_destroy(self->fd, args.queue));
	EXPECT_STREQ("idle", text(c, "state"));
	EXPECT_STREQ("none", text(c, "owner_uid"));
	EXPECT_EQ(0, number(c, "entries"));
}

static const char *const not_numbers[] = {
	"", "\n", " ", "x", "1x", "-1", "1.5", "0x", "4294967296", "18446744073709551617", "1 2",
};

TEST_F(sysfs, share_of_a_user_takes_only_what_makes_sense)
{
	uint32_t old = self->info.max_queues;
	char value[16];
	int ret;

	if (geteuid())
		SKIP(return, "needs root to write attributes");
	for (uint32_t max = 0; max <= self->info.channels; max++) {
		snprintf(value, sizeof(value), "%u\n", max);
		EXPECT_EQ(0, set(-1, "max_queues_per_user", value));
		EXPECT_EQ(max, number(-1, "max_queues_per_user"));
		ASSERT_EQ(0, ferry_info(self->fd, &self->info));
		EXPECT_EQ(max, self->info.max_queues);
	}
	snprintf(value, sizeof(value), "%u", self->info.channels + 1);
	EXPECT_EQ(-EINVAL, set(-1, "max_queues_per_user", value));
	for (size_t i = 1; i < ARRAY_SIZE(not_numbers); i++) {
		ret = set(-1, "max_queues_per_user", not_numbers[i]);
		EXPECT_TRUE(ret == -EINVAL || ret == -ERANGE) {
			TH_LOG("'%s': %d", not_numbers[i], ret);
		}
	}
	EXPECT_EQ(self->info.channels, number(-1, "max_queues_per_user"));
	snprintf(value, sizeof(value), "%u", old);
	EXPECT_EQ(0, set(-1, "max_queues_per_user", value));
}

TEST_F(sysfs, coalescing_takes_only_what_the_device_takes)
{
	static const char *const good[] = { "2", "100", "65535", "1" };
	static const char *const bad[] = { "0", "65536", "4294967295" };
	int c = 0, ret;

	if (geteuid())
		SKIP(return, "needs root to write attributes");
	ASSERT_EQ(1, number(c, "coalesce_count"));
	ASSERT_EQ(0, number(c, "coalesce_usecs"));
	/* A count without a time could hold back for ever. */
	EXPECT_EQ(-EINVAL, set(c, "coalesce_count", "2"));
	EXPECT_EQ(1, number(c, "coalesce_count"));
	EXPECT_EQ(0, set(c, "coalesce_usecs", "65535"));
	EXPECT_EQ(-EINVAL, set(c, "coalesce_usecs", "65536"));
	EXPECT_EQ(65535, number(c, "coalesce_usecs"));
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		EXPECT_EQ(0, set(c, "coalesce_count", good[i]));
		EXPECT_STREQ(good[i], text(c, "coalesce_count"));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, set(c, "coalesce_count", bad[i])) {
			TH_LOG("%s", bad[i]);
		}
	}
	for (size_t i = 1; i < ARRAY_SIZE(not_numbers); i++) {
		ret = set(c, "coalesce_count", not_numbers[i]);
		EXPECT_TRUE(ret == -EINVAL || ret == -ERANGE) {
			TH_LOG("count '%s': %d", not_numbers[i], ret);
		}
		ret = set(c, "coalesce_usecs", not_numbers[i]);
		EXPECT_TRUE(ret == -EINVAL || ret == -ERANGE) {
			TH_LOG("usecs '%s': %d", not_numbers[i], ret);
		}
	}
	EXPECT_EQ(1, number(c, "coalesce_count"));
	EXPECT_EQ(65535, number(c, "coalesce_usecs"));
	/* Nor may the time go while there is a count. */
	EXPECT_EQ(0, set(c, "coalesce_count", "8"));
	EXPECT_EQ(-EINVAL, set(c, "coalesce_usecs", "0"));
	EXPECT_EQ(0, set(c, "coalesce_count", "1"));
	EXPECT_EQ(0, set(c, "coalesce_usecs", "0"));
}

/* An error may name a bus address, which is nobody's business but root's. */
TEST_F(sysfs, error_is_for_root_and_the_rest_for_everybody)
{
	struct dirent *entry;
	struct stat st;
	DIR *dir;

	dir = opendir(attr_path(0, "."));
	ASSERT_NE(NULL, dir);
	while ((entry = readdir(dir))) {
		ASSERT_EQ(0, stat(attr_path(0, entry->d_name), &st));
		if (!S_ISREG(st.st_mode))
			continue;
		EXPECT_EQ(strcmp(entry->d_name, "error") ? 0444 : 0400, st.st_mode & 0555) {
			TH_LOG("%s", entry->d_name);
		}
	}
	closedir(dir);
}

static bool is_suspended(void)
{
	return !strcmp("suspended", text(-1, "device/power/runtime_status"));
}

/* Power is for registers; what the driver knows costs nobody a reset. */
TEST_F(sysfs, attributes_that_need_no_register_wake_nothing)
{
	static const char *const quiet[] = {
		"role", "owner_uid", "coalesce_count", "coalesce_usecs",
	};

	if (strcmp("?", text(-1, "device/power/runtime_status")) == 0)
		SKIP(return, "this kernel does not tell whether a device is suspended");
	if (self->info.port_mask)
		SKIP(return, "a device with ports is never suspended");
	while (!is_suspended())
		sched_yield();
	for (size_t i = 0; i < ARRAY_SIZE(quiet); i++)
		EXPECT_STRNE("?", text(0, quiet[i]));
	if (!geteuid())
		EXPECT_EQ(0, set(0, "coalesce_count", "1"));
	EXPECT_TRUE(is_suspended());
	EXPECT_STREQ("idle", text(0, "state"));
	EXPECT_FALSE(is_suspended());
}

/* Whoever waits for less than the count is told when the time is over. */
TEST_F(sysfs, coalescing_delays_waiters_and_forgets_none)
{
	struct ferry_queue_create args = {
		.size = sizeof(args), .order = self->info.min_order,
	};
	struct ferry_cqe cqes[4];
	uint32_t buffer, seq = 0;
	uint64_t offset;
	int c;

	if (geteuid())
		SKIP(return, "needs root to write attributes");
	ASSERT_EQ(0, buf_alloc(self->fd, 2 * MiB, 0, &buffer, &offset));
	ASSERT_EQ(0, ferry_ioctl(self->fd, FERRY_IOC_QUEUE_CREATE, &args));
	c = args.channel;
	ASSERT_EQ(0, set(c, "coalesce_usecs", "500"));
	ASSERT_EQ(0, set(c, "coalesce_count", "64"));
	for (int i = 0; i < 100; i++) {
		int nr = 1 + i % 4;

		ASSERT_EQ(nr, make_busy(self->fd, args.queue, buffer, 2 * MiB, nr));
		ASSERT_EQ(nr, reap(self->fd, args.queue, cqes, nr, nr, FOREVER));
		seq += nr;
		ASSERT_EQ(seq, cqe_seq(&cqes[nr - 1]));
	}
	EXPECT_EQ(0, set(c, "coalesce_count", "1"));
	EXPECT_EQ(0, set(c, "coalesce_usecs", "0"));
}

/* Read every file below a directory once; how many could not be? */
static int read_all(const char *dir, int *files)
{
	char path[PATH_MAX], buf[4096];
	struct dirent *entry;
	DIR *d = opendir(dir);
	int failed = 0, ret;

	while (d && (entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		if (entry->d_type == DT_DIR) {
			failed += read_all(path, files);
			continue;
		}
		if (entry->d_type != DT_REG || access(path, R_OK))
			continue;
		ret = read_file(path, buf, sizeof(buf));
		/* What has nothing to tell answers EIO. */
		failed += ret && ret != -EIO;
		(*files)++;
	}
	if (d)
		closedir(d);
	return failed;
}

TEST_F(sysfs, everything_can_be_read_idle_and_busy)
{
	char debugfs[PATH_MAX], buf[4096];
	uint32_t queue, buffer;
	uint64_t offset;
	int files = 0;

	snprintf(debugfs, sizeof(debugfs), "/sys/kernel/debug/ferry/%s", strrchr(device_node, '/') + 1);
	ASSERT_EQ(0, buf_alloc(self->fd, 4 * MiB, 0, &buffer, &offset));
	ASSERT_EQ(0, queue_create(self->fd, 5, &queue));
	ASSERT_EQ(32, make_busy(self->fd, queue, buffer, 4 * MiB, 32));
	EXPECT_EQ(0, read_all(device_class, &files));
	EXPECT_LT(20, files);
	if (geteuid() || access(debugfs, R_OK))
		return;
	files = 0;
	EXPECT_EQ(0, read_all(debugfs, &files));
	EXPECT_LT(8, files);
	snprintf(debugfs + strlen(debugfs), 16, "/regs");
	ASSERT_EQ(0, read_file(debugfs, buf, sizeof(buf)));
	EXPECT_NE(NULL, strstr(buf, "0x59525246"));
}

TEST_F(sysfs, readers_survive_a_device_that_comes_and_goes)
{
	pid_t pids[2];
	int status;

	if (geteuid())
		SKIP(return, "needs root to unbind a driver");
	close(self->fd);
	for (int i = 0; i < 2; i++) {
		pids[i] = fork();
		ASSERT_LE(0, pids[i]);
		while (!pids[i]) {
			int files = 0;

			read_all(i ? "/sys/kernel/debug/ferry" : device_class, &files);
			if (!files)
				sched_yield();
		}
	}
	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(0, unbind_device());
		ASSERT_EQ(0, rebind_device());
	}
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, kill(pids[i], SIGKILL));
		ASSERT_EQ(pids[i], waitpid(pids[i], &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
	}
	self->fd = node_open();
	EXPECT_LE(0, self->fd);
}

TEST_HARNESS_MAIN
