// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registered memory: the device moves data in and out of a process's own pages,
 * of every kind, and touches nothing around them.
 */
#include "ferry_register.h"

FIXTURE(kind)
{
	int fd;
	uint32_t queue;
	struct ferry_info info;
	uint32_t order;
	size_t length;
	uint8_t *map;
};

FIXTURE_VARIANT(kind)
{
	enum kind kind;
};

FIXTURE_VARIANT_ADD(kind, anonymous) { .kind = ANONYMOUS };
FIXTURE_VARIANT_ADD(kind, huge_page) { .kind = THP };
FIXTURE_VARIANT_ADD(kind, shared) { .kind = SHARED };
FIXTURE_VARIANT_ADD(kind, memfd) { .kind = MEMFD };
FIXTURE_VARIANT_ADD(kind, memfd_private) { .kind = MEMFD_PRIVATE };
FIXTURE_VARIANT_ADD(kind, scattered) { .kind = SCATTERED };
FIXTURE_VARIANT_ADD(kind, tmpfs) { .kind = TMPFS };
FIXTURE_VARIANT_ADD(kind, hugetlb) { .kind = HUGETLB };

FIXTURE_SETUP(kind)
{
	/* Small pages are slow to make, one by one, and enough of them are many. */
	self->length = variant->kind == THP || variant->kind == HUGETLB ? HUGE : 256 * KiB;
	self->map = memory(variant->kind, self->length);
	if (self->map == MAP_FAILED)
		SKIP(return, "no memory of this kind: %s", strerror(errno));
	self->fd = ferry_open();
	ASSERT_LE(0, self->fd) TH_LOG("%s: %s", ferry_path(), strerror(-self->fd));
	ASSERT_EQ(0, ferry_info(self->fd, &self->info));
	/* More than even a fast device copies before the first can be revoked. */
	self->order = self->info.max_order < 9 ? self->info.max_order : 9;
	ASSERT_EQ(0, queue_create(self->fd, self->order, &self->queue));
}

FIXTURE_TEARDOWN(kind)
{
	close(self->fd);
	EXPECT_EQ(0, pinned_bytes());
	EXPECT_EQ(0, vm_pin());
	munmap(self->map, self->length);
}

/* What the device read is what it writes where it is told to, in memory of BUF_ALLOC. */
static bool device_sees(FIXTURE_DATA(kind) *self, uint32_t buffer, uint64_t seed)
{
	struct ferry_cqe cqe;
	uint32_t copy;
	uint8_t *map = buf_new(self->fd, self->length, 0, &copy);
	bool same;

	same = map && !run(self->fd, self->queue,
			   sqe(FERRY_OP_COPY, self->length, FERRY_ADDR(buffer, 0),
			       FERRY_ADDR(copy, 0), 0), &cqe) &&
	       cqe_status(&cqe) == FERRY_OK && has_words(map, self->length, seed);
	munmap(map, self->length);
	buf_free(self->fd, copy);
	return same;
}

TEST_F(kind, device_reads_what_the_process_wrote)
{
	uint32_t buffer;

	fill_words(self->map, self->length, 1);
	ASSERT_EQ(0, buf_register(self->fd, self->map, self->length, 0, &buffer));
	EXPECT_TRUE(device_sees(self, buffer, 1));
	/* What is written later is seen, too. */
	fill_words(self->map, self->length, 2);
	EXPECT_TRUE(device_sees(self, buffer, 2));
}

/* Memory that nobody has touched yet is made for the purpose. */
TEST_F(kind, process_reads_what_the_device_wrote)
{
	size_t half = self->length / 2;
	struct ferry_cqe cqe;
	uint32_t buffer;

	ASSERT_EQ(0, buf_register(self->fd, self->map, self->length, 0, &buffer));
	ASSERT_EQ(0, run(self->fd, self->queue,
			 sqe(FERRY_OP_FILL, self->length, 0, FERRY_ADDR(buffer, 0),
			     0x0101010101010101ULL * 0x5a), &cqe));
	ASSERT_EQ(FERRY_OK, cqe_status(&cqe));
	EXPECT_TRUE(all_bytes(self->map, self->length, 0x5a));
	fill_words(self->map, half, 3);
	ASSERT_EQ(0, run(self->fd, self->queue,
			 sqe(FERRY_OP_COPY, half, FERRY_ADDR(buffer, 0), FERRY_ADDR(buffer, half), 0),
			 &cqe));
	ASSERT_EQ(FERRY_OK, cqe_status(&cqe));
	EXPECT_TRUE(has_words(self->map + half, half, 3));
}

/* Neither beginning nor end need be a page's, and the device is held to both. */
TEST_F(kind, window_is_these_bytes_and_no_other)
{
	const struct {
		size_t start, length;
	} ranges[] = {
		{ 0, 1 }, { 1, 1 }, { 4095, 1 }, { 4095, 2 }, { 123, 4096 }, { 4000, 10000 },
		{ 65535, 65538 }, { self->length / 2 - 5000, 10001 }, { 7, self->length - 9 },
	};
	struct ferry_cqe cqe;
	uint32_t buffer;

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		size_t start = ranges[i].start, length = ranges[i].length;

		memset(self->map, 0x11, self->length);
		ASSERT_EQ(0, buf_register(self->fd, self->map + start, length, 0, &buffer));
		ASSERT_EQ(0, run(self->fd, self->queue,
				 sqe(FERRY_OP_FILL, length, 0, FERRY_ADDR(buffer, 0), ~0ULL), &cqe));
		ASSERT_EQ(FERRY_OK, cqe_status(&cqe));
		EXPECT_TRUE(all_bytes(self->map, start, 0x11));
		EXPECT_TRUE(all_bytes(self->map + start, length, 0xff));
		EXPECT_TRUE(all_bytes(self->map + start + length, self->length - start - length,
				      0x11));
		ASSERT_EQ(0, run(self->fd, self->queue,
				 sqe(FERRY_OP_FILL, 1, 0, FERRY_ADDR(buffer, length), 0), &cqe));
		EXPECT_EQ(FERRY_ERR_WINDOW_BOUNDS, cqe_status(&cqe));
		ASSERT_EQ(0, run(self->fd, self->queue,
				 sqe(FERRY_OP_FILL, length + 1, 0, FERRY_ADDR(buffer, 0), 0), &cqe));
		EXPECT_EQ(FERRY_ERR_WINDOW_BOUNDS, cqe_status(&cqe));
		EXPECT_TRUE(all_bytes(self->map + start, length, 0xff));
		ASSERT_EQ(0, buf_free(self->fd, buffer));
	}
}

TEST_F(kind, device_must_not_write_to_memory_that_says_so)
{
	struct ferry_cqe cqe;
	uint32_t buffer;

	fill_words(self->map, self->length, 4);
	ASSERT_EQ(0, buf_register(self->fd, self->map, self->length, FERRY_BUF_DEV_RO, &buffer));
	ASSERT_EQ(0, run(self->fd, self->queue,
			 sqe(FERRY_OP_FILL, 4096, 0, FERRY_ADDR(buffer, 0), 0), &cqe));
	EXPECT_EQ(FERRY_ERR_WINDOW_PERM, cqe_status(&cqe));
	EXPECT_TRUE(device_sees(self, buffer, 4));
}

TEST_F(kind, freeing_revokes_it_from_work_in_flight)
{
	uint32_t entries = 1u << self->order, buffer;
	struct ferry_cqe *cqes = calloc(entries, sizeof(*cqes));
	bool revoked = false;

	ASSERT_NE(NULL, cqes);
	/* On a slow host the device may be done before the kernel comes to it. */
	for (int round = 0; round < 2 || (!revoked && round < 50); round++) {
		ASSERT_EQ(0, buf_register(self->fd, self->map, self->length, 0, &buffer));
		ASSERT_EQ(entries, make_busy(self->fd, self->queue, buffer, self->length, entries));
		ASSERT_EQ(0, buf_free(self->fd, buffer));
		/* Not a byte of it is touched any more. */
		memset(self->map, round, self->length);
		EXPECT_EQ(0, vm_pin());
		ASSERT_EQ(entries, reap(self->fd, self->queue, cqes, entries, entries, FOREVER));
		EXPECT_TRUE(all_bytes(self->map, self->length, round));
		for (uint32_t i = 0; i < entries; i++) {
			if (cqe_status(&cqes[i]) == FERRY_OK)
				continue;
			EXPECT_EQ(FERRY_ERR_WINDOW_REVOKED, cqe_status(&cqes[i]));
			revoked = true;
		}
	}
	EXPECT_TRUE(revoked);
	free(cqes);
}

/* What is registered is the pages, not the addresses. */
TEST_F(kind, pages_stay_when_the_mapping_goes)
{
	struct ferry_cqe cqe;
	uint32_t buffer;

	fill_words(self->map, self->length, 5);
	ASSERT_EQ(0, buf_register(self->fd, self->map, self->length, 0, &buffer));
	ASSERT_EQ(0, munmap(self->map, self->length));
	EXPECT_TRUE(device_sees(self, buffer, 5));
	ASSERT_EQ(0, run(self->fd, self->queue,
			 sqe(FERRY_OP_FILL, self->length, 0, FERRY_ADDR(buffer, 0), 0), &cqe));
	EXPECT_EQ(FERRY_OK, cqe_status(&cqe));
	EXPECT_EQ(0, buf_free(self->fd, buffer));
}

/* The parent keeps its pages, whoever writes first. */
TEST_F(kind, fork_leaves_the_parent_its_pages)
{
	struct ferry_cqe cqe;
	int go[2], status;
	uint32_t buffer;
	pid_t pid;
	char c;

	memset(self->map, 1, self->length);
	ASSERT_EQ(0, buf_register(self->fd, self->map, self->length, 0, &buffer));
	ASSERT_EQ(0, pipe(go));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(go[1]);
		_exit(read(go[0], &c, 1) == 1 ? 0 : 1);
	}
	/* With the child alive, every page would be copied on a write. */
	fill_words(self->map, self->length, 7);
	EXPECT_TRUE(device_sees(self, buffer, 7));
	ASSERT_EQ(0, run(self->fd, self->queue,
			 sqe(FERRY_OP_FILL, self->length, 0, FERRY_ADDR(buffer, 0), ~0ULL), &cqe));
	EXPECT_TRUE(all_bytes(self->map, self->length, 0xff));
	ASSERT_EQ(1, write(go[1], "x", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F(kind, memory_can_be_registered_more_than_once)
{
	uint32_t buffers[3];
	struct ferry_cqe cqe;

	memset(self->map, 6, self->length);
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, buf_register(self->fd, self->map + i, self->length / 2, 0, &buffers[i]));
	EXPECT_NE(buffers[0], buffers[1]);
	ASSERT_EQ(0, run(self->fd, self->queue,
			 sqe(FERRY_OP_FILL, 1, 0, FERRY_ADDR(buffers[0], 2), 0xab), &cqe));
	ASSERT_EQ(FERRY_OK, cqe_status(&cqe));
	ASSERT_EQ(0, buf_free(self->fd, buffers[0]));
	ASSERT_EQ(0, run(self->fd, self->queue,
			 sqe(FERRY_OP_COPY, 1, FERRY_ADDR(buffers[2], 0), FERRY_ADDR(buffers[1], 4),
			     0), &cqe));
	ASSERT_EQ(FERRY_OK, cqe_status(&cqe));
	EXPECT_EQ(0xab, self->map[5]);
}

TEST_HARNESS_MAIN
