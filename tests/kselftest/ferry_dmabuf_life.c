// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long a dma-buf, its mappings and its attachments last: as long as anybody has
 * one of them, whatever becomes of the others, of the file and of the device.
 */
#include "ferry_dmabuf.h"

#define LENGTH	(64 * KiB)
/* Of what is looked at often. */
#define HELD	4096

/* What is tried in many ways takes a while where the kernel watches itself. */
static bool often(void)
{
	return getenv("FERRY_EVERY_NTH");
}

/* What is given back when a task ends may be so a little after it was seen to. */
static bool nothing_is_left(int objects)
{
	int64_t end = now_ns() + 60 * NSEC_PER_SEC;

	while (dmabuf_count(true) > 0 || dmabuf_count(false) != objects) {
		if (now_ns() > end)
			return false;
		sched_yield();
	}
	return true;
}

TEST_F(dmabuf, parts_can_be_mapped_at_their_offsets)
{
	int fd = dmabuf_new(OURS, LENGTH);
	uint8_t *all = dmabuf_map(fd, LENGTH), *part;
	const int rw = PROT_READ | PROT_WRITE;
	size_t page = self->page;

	ASSERT_NE(MAP_FAILED, all);
	pattern(all, LENGTH, 4);
	for (size_t at = 0; at < LENGTH; at += page) {
		part = mmap(NULL, page, rw, MAP_SHARED, fd, at);
		ASSERT_NE(MAP_FAILED, part);
		EXPECT_EQ(0, memcmp(part, all + at, page));
		ASSERT_EQ(0, munmap(part, page));
	}
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 2 * page, rw, MAP_SHARED, fd, LENGTH - page));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, page, rw, MAP_SHARED, fd, LENGTH));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, LENGTH + page, rw, MAP_SHARED, fd, 0));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, page, rw, MAP_PRIVATE, fd, 0));
	EXPECT_EQ(EINVAL, errno);
	/* Unmapping a hole leaves the sides. */
	ASSERT_EQ(0, munmap(all + page, page));
	EXPECT_EQ(SIGSEGV, touch(all + page, false));
	EXPECT_EQ(0, touch(all, true));
	EXPECT_EQ(0, touch(all + 2 * page, true));
}

TEST_F(dmabuf, mapping_at_the_buffers_offset_holds_what_others_hold)
{
	uint32_t buffer, plain;
	uint64_t offset;
	uint8_t *map;

	ASSERT_EQ(0, buf_alloc(self->fd, LENGTH, FERRY_BUF_EXPORT, &buffer, &offset));
	EXPECT_EQ(MAP_FAILED, buf_map(self->fd, offset, LENGTH + self->page));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, LENGTH, PROT_READ, MAP_PRIVATE, self->fd, offset));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, buf_map(self->fd, offset + self->page, self->page));
	map = buf_map(self->fd, offset, self->page);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, buf_free(self->fd, buffer));
	EXPECT_EQ(0, touch(map, true));
	EXPECT_EQ(MAP_FAILED, buf_map(self->fd, offset, self->page));
	EXPECT_EQ(ENOENT, errno);
	/* Nor does another kind get in the way of it. */
	ASSERT_EQ(0, buf_alloc(self->fd, LENGTH, 0, &plain, &offset));
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(0xc3, map[0]);
	ASSERT_EQ(0, munmap(map, self->page));
	EXPECT_EQ(self->objects, dmabuf_count(false));
}

/*
 * What holds it: its buffer (f), its descriptor (d), a mapping (m), the buffer of another
 * file (i), and the file that made it (c). Each goes in its turn, in any order; as long as
 * one is left, it sees what all have seen.
 */
struct holders {
	int fd, other, dmabuf;
	uint32_t queue, other_queue, buffer, import;
	uint8_t *map;
	char left[6];
};

static int hold(struct holders *h, const struct ferry_info *info)
{
	uint64_t offset;

	h->fd = ferry_open();
	h->other = ferry_open();
	if (h->fd < 0 || h->other < 0 || queue_create(h->fd, info->min_order, &h->queue) ||
	    queue_create(h->other, info->min_order, &h->other_queue) ||
	    buf_alloc(h->fd, HELD, FERRY_BUF_EXPORT, &h->buffer, &offset))
		return -EIO;
	h->dmabuf = buf_export(h->fd, h->buffer);
	h->map = dmabuf_map(h->dmabuf, HELD);
	if (h->dmabuf < 0 || h->map == MAP_FAILED)
		return -EIO;
	memcpy(h->left, "fdmic", sizeof(h->left));
	return buf_import(h->other, h->dmabuf, 0, 0, 0, &h->import);
}

static bool holds(const struct holders *h, char what)
{
	return strchr(h->left, what);
}

static int let_go(struct holders *h, char what)
{
	memmove(strchr(h->left, what), strchr(h->left, what) + 1, strlen(strchr(h->left, what)));
	switch (what) {
	case 'f':
		return holds(h, 'c') ? buf_free(h->fd, h->buffer) : 0;
	case 'd':
		return close(h->dmabuf);
	case 'm':
		return munmap(h->map, HELD);
	case 'i':
		return close(h->other);
	default:
		return close(h->fd);
	}
}

/* The CRC as each of those sees it that can tell. */
static bool all_see(const struct holders *h, uint32_t crc)
{
	struct ferry_cqe cqe;

	if (holds(h, 'm') && crc32c(0, h->map, HELD) != crc)
		return false;
	if (holds(h, 'f') && holds(h, 'c') &&
	    (run(h->fd, h->queue, sqe(FERRY_OP_CRC32C, HELD, FERRY_ADDR(h->buffer, 0), 0, 0),
		 &cqe) || cqe_result(&cqe) != crc))
		return false;
	return !holds(h, 'i') ||
	       (!run(h->other, h->other_queue,
		     sqe(FERRY_OP_CRC32C, HELD, FERRY_ADDR(h->import, 0), 0, 0), &cqe) &&
		cqe_result(&cqe) == crc);
}

TEST_F(dmabuf, any_order_of_letting_go_works)
{
	const int stride = often() ? 1 : 29;

	for (int order = 0; order < 5 * 4 * 3 * 2; order += stride) {
		struct holders h;
		uint32_t crc;

		ASSERT_EQ(0, hold(&h, &self->info));
		pattern(h.map, HELD, order);
		crc = crc32c(0, h.map, HELD);
		for (int n = 5, rest = order; n; rest /= n, n--) {
			EXPECT_TRUE(all_see(&h, crc)) {
				TH_LOG("order %d, left %s", order, h.left);
			}
			ASSERT_EQ(0, let_go(&h, h.left[rest % n]));
		}
		ASSERT_EQ(self->objects, dmabuf_count(false));
	}
}

TEST_F(dmabuf, child_shares_the_mapping_and_keeps_it)
{
	int fd = dmabuf_new(OURS, LENGTH), go[2], status;
	uint8_t *map = dmabuf_map(fd, LENGTH);
	pid_t pid;
	char c;

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, pipe(go));
	memset(map, 1, LENGTH);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(go[1]);
		if (!all_bytes(map, LENGTH, 1))
			_exit(1);
		map[1] = 2;
		close(fd);
		if (read(go[0], &c, 1) != 1)
			_exit(2);
		/* The parent has closed and unmapped it. */
		_exit(map[1] != 2 || map[2] != 3);
	}
	while (__atomic_load_n(&map[1], __ATOMIC_RELAXED) != 2)
		sched_yield();
	map[2] = 3;
	ASSERT_EQ(0, munmap(map, LENGTH));
	ASSERT_EQ(0, close(fd));
	EXPECT_EQ(self->objects + (self->objects >= 0), dmabuf_count(false));
	ASSERT_EQ(1, write(go[1], "x", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(nothing_is_left(self->objects));
}

/* One of each exporter in turn, where there is such. */
static int dmabuf_in_turn(unsigned int turn)
{
	int fd = dmabuf_new(turn % 3, LENGTH);

	return fd < 0 ? dmabuf_new(OURS, LENGTH) : fd;
}

/* Imported, in use, mapped, exported; and nobody will ever free it. */
static int use_everything(const struct ferry_info *info, int dmabuf)
{
	int fd = ferry_open();
	uint32_t queue, buffer, ours;

	if (dmabuf < 0 || fd < 0 || queue_create(fd, info->min_order, &queue))
		return -EIO;
	if (dmabuf_map(dmabuf, LENGTH) == MAP_FAILED ||
	    !buf_new(fd, LENGTH, FERRY_BUF_EXPORT, &ours) || buf_export(fd, ours) < 0 ||
	    buf_import(fd, dmabuf, 0, 0, 0, &buffer))
		return -EIO;
	if (make_busy(fd, queue, buffer, LENGTH, 1u << info->min_order) < 0)
		return -EIO;
	return fd;
}

TEST_F(dmabuf, exit_and_exec_leave_nothing_attached)
{
	for (int i = 0; i < 4; i++) {
		pid_t pid = fork();
		int status;

		ASSERT_LE(0, pid);
		if (!pid) {
			if (use_everything(&self->info, dmabuf_in_turn(i)) < 0)
				_exit(1);
			if (i < 2)
				_exit(0);
			execl("/bin/busybox", "true", NULL);
			_exit(2);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status);
		EXPECT_TRUE(nothing_is_left(self->objects));
	}
}

/* Without an end, until somebody comes with SIGKILL. */
static void import_forever(const struct ferry_info *info, unsigned int seed)
{
	struct ferry_cqe cqes[64];
	uint32_t queue, buffer;
	int fd = ferry_open();

	if (queue_create(fd, info->min_order, &queue))
		_exit(1);
	for (;; seed++) {
		int dmabuf = dmabuf_in_turn(seed);

		if (dmabuf < 0 || buf_import(fd, dmabuf, 0, 0, 0, &buffer))
			_exit(2);
		make_busy(fd, queue, buffer, LENGTH, 1u << info->min_order);
		if (seed % 4)
			close(dmabuf);
		reap(fd, queue, cqes, ARRAY_SIZE(cqes), seed % 2, NSEC_PER_MSEC);
		if (buf_free(fd, buffer))
			_exit(3);
		if (seed % 4 == 0)
			close(dmabuf);
		while (reap(fd, queue, cqes, ARRAY_SIZE(cqes), 0, 0) > 0)
			;
	}
}

TEST_F(dmabuf, killed_at_any_point_leaves_nothing_attached)
{
	unsigned int seed = 1;

	for (int i = 0; i < (often() ? 100 : 4); i++) {
		struct timespec random = {};
		pid_t pid = fork();
		int status;

		ASSERT_LE(0, pid);
		if (!pid)
			import_forever(&self->info, i);
		seed = seed * 1103515245 + 12345;
		/* Whatever the point is that this hits, all of them must be survived. */
		random.tv_nsec = (seed >> 8) % (30 * NSEC_PER_MSEC);
		nanosleep(&random, NULL);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status)) TH_LOG("exit status %d", WEXITSTATUS(status));
		EXPECT_TRUE(nothing_is_left(self->objects));
	}
}

static void *free_any(void *data)
{
	int fd = *(int *)data;

	for (int i = 0; i < (often() ? 10000 : 300); i++)
		buf_free(fd, 1 + i % 63);
	return NULL;
}

/* Handles that are guessed while they are made, mapped and exported are freed once. */
TEST_F(dmabuf, handles_freed_by_others_at_any_time_leave_nothing)
{
	struct ferry_info info;
	pthread_t thread;
	uint32_t buffer;
	uint64_t offset;

	ASSERT_EQ(0, pthread_create(&thread, NULL, free_any, &self->fd));
	for (int i = 0; i < (often() ? 1000 : 30); i++) {
		uint8_t *map;
		int fd;

		ASSERT_EQ(0, buf_alloc(self->fd, LENGTH, FERRY_BUF_EXPORT, &buffer, &offset));
		map = buf_map(self->fd, offset, LENGTH);
		fd = buf_export(self->fd, buffer);
		if (map != MAP_FAILED) {
			EXPECT_EQ(0, touch(map, true));
			munmap(map, LENGTH);
		}
		if (fd >= 0)
			close(fd);
		else
			EXPECT_EQ(-ENOENT, fd);
		buf_free(self->fd, buffer);
	}
	pthread_join(thread, NULL);
	ASSERT_EQ(0, ferry_info(self->fd, &info));
	EXPECT_EQ(0, info.buffers);
	EXPECT_EQ(self->objects, dmabuf_count(false));
}

/* The pages need no device: mappings stay, and the next device can have them. */
TEST_F(dmabuf, export_outlives_the_device)
{
	struct ferry_cqe cqe;
	uint32_t buffer, other, queue, crc;
	uint8_t *map, *mapped;
	int dmabuf, fd;

	ASSERT_EQ(0, find_device());
	mapped = buf_new(self->fd, LENGTH, FERRY_BUF_EXPORT, &buffer);
	ASSERT_NE(NULL, mapped);
	dmabuf = buf_export(self->fd, buffer);
	ASSERT_LE(0, dmabuf);
	map = dmabuf_map(dmabuf, LENGTH);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, buf_import(self->fd, dmabuf, 0, 0, 0, &other));
	ASSERT_LE(0, make_busy(self->fd, self->queue, other, LENGTH, 1u << self->info.min_order));

	ASSERT_EQ(0, unbind_device());
	EXPECT_GE(0, dmabuf_count(true));
	pattern(map, LENGTH, 3);
	crc = crc32c(0, map, LENGTH);
	EXPECT_EQ(0, memcmp(map, mapped, LENGTH));
	EXPECT_EQ(-ENODEV, buf_import(self->fd, dmabuf, 0, 0, 0, &other));
	EXPECT_EQ(-ENODEV, buf_export(self->fd, buffer));
	ASSERT_EQ(0, rebind_device());
	EXPECT_EQ(crc, crc32c(0, map, LENGTH));

	fd = node_open();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, queue_create(fd, self->info.min_order, &queue));
	ASSERT_EQ(0, buf_import(fd, dmabuf, 0, 0, 0, &other));
	ASSERT_EQ(0, run(fd, queue, sqe(FERRY_OP_CRC32C, LENGTH, FERRY_ADDR(other, 0), 0, 0), &cqe));
	EXPECT_EQ(crc, cqe_result(&cqe));
	close(fd);
	close(dmabuf);
	munmap(map, LENGTH);
	EXPECT_EQ(self->objects + (self->objects >= 0), dmabuf_count(false));
	munmap(mapped, LENGTH);
	EXPECT_EQ(self->objects, dmabuf_count(false));
}

/* Its operations are the module's code. */
TEST_F(dmabuf, module_stays_as_long_as_an_export)
{
	int dmabuf = dmabuf_new(OURS, LENGTH);

	ASSERT_LE(0, dmabuf);
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(-1, syscall(SYS_delete_module, "ferry", O_NONBLOCK));
	EXPECT_EQ(EWOULDBLOCK, errno);
	close(dmabuf);
}

TEST_HARNESS_MAIN
