// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers: memory that the device and several mappings share, for as long as
 * any of them needs it and no longer.
 */
#include "ferry_utils.h"

#include <sys/sysinfo.h>

FIXTURE(buf)
{
	int fd;
	uint32_t queue;
	struct ferry_info info;
};

FIXTURE_VARIANT(buf)
{
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(buf, coherent) { .flags = 0 };
FIXTURE_VARIANT_ADD(buf, write_combining) { .flags = FERRY_BUF_WC };
FIXTURE_VARIANT_ADD(buf, exported) { .flags = FERRY_BUF_EXPORT };

FIXTURE_SETUP(buf)
{
	self->fd = ferry_open();
	ASSERT_LE(0, self->fd) TH_LOG("%s: %s", ferry_path(), strerror(-self->fd));
	ASSERT_EQ(0, ferry_info(self->fd, &self->info));
	ASSERT_EQ(0, queue_create(self->fd, self->info.min_order, &self->queue));
}

FIXTURE_TEARDOWN(buf)
{
	close(self->fd);
}

static long page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

TEST_F(buf, memory_is_zeroed_even_when_it_is_used_again)
{
	uint32_t buffer;
	uint8_t *map;

	for (int i = 0; i < 20; i++) {
		size_t length = (1 + i % 5) * page_size();

		map = buf_new(self->fd, length, variant->flags, &buffer);
		ASSERT_NE(NULL, map);
		ASSERT_TRUE(all_bytes(map, length, 0));
		memset(map, 0xff, length);
		ASSERT_EQ(0, buf_free(self->fd, buffer));
		ASSERT_EQ(0, munmap(map, length));
	}
}

TEST_F(buf, length_is_rounded_up_to_pages_and_the_rest_is_zero_and_ours)
{
	static const size_t lengths[] = { 1, 2, 100, 4095, 4096, 4097, 10000, 65537 };
	uint32_t buffer;
	uint8_t *map;
	struct ferry_cqe cqe;

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		size_t page = page_size();
		size_t rounded = (lengths[i] + page - 1) / page * page;

		map = buf_new(self->fd, lengths[i], variant->flags, &buffer);
		ASSERT_NE(NULL, map);
		ASSERT_TRUE(all_bytes(map, rounded, 0));
		/* The device may use the whole pages, and not a byte more. */
		ASSERT_EQ(0, run(self->fd, self->queue,
				 sqe(FERRY_OP_FILL, rounded, 0, FERRY_ADDR(buffer, 0), ~0ULL), &cqe));
		EXPECT_EQ(FERRY_OK, cqe_status(&cqe));
		EXPECT_TRUE(all_bytes(map, rounded, 0xff));
		ASSERT_EQ(0, run(self->fd, self->queue,
				 sqe(FERRY_OP_FILL, rounded + 1, 0, FERRY_ADDR(buffer, 0), 0), &cqe));
		EXPECT_EQ(FERRY_ERR_WINDOW_BOUNDS, cqe_status(&cqe));
		ASSERT_EQ(0, buf_free(self->fd, buffer));
		munmap(map, rounded);
	}
}

TEST_F(buf, device_and_processor_see_what_the_other_wrote)
{
	size_t length = 256 * KiB;
	uint32_t buffer;
	uint8_t *map = buf_new(self->fd, length, variant->flags, &buffer);
	struct ferry_cqe cqe;

	ASSERT_NE(NULL, map);
	for (uint32_t i = 0; i < 20; i++) {
		pattern(map, length / 2, i);
		ASSERT_EQ(0, run(self->fd, self->queue,
				 sqe(FERRY_OP_COPY_CRC32C, length / 2, FERRY_ADDR(buffer, 0),
				     FERRY_ADDR(buffer, length / 2), 0), &cqe));
		ASSERT_EQ(FERRY_OK, cqe_status(&cqe));
		EXPECT_EQ(crc32c(0, map, length / 2), cqe_result(&cqe));
		EXPECT_EQ(0, memcmp(map, map + length / 2, length / 2));
	}
}

TEST_F(buf, device_must_not_write_to_a_buffer_that_says_so)
{
	static const uint8_t writers[] = { FERRY_OP_COPY, FERRY_OP_FILL, FERRY_OP_COPY_CRC32C };
	uint32_t constant, normal;
	uint8_t *map = buf_new(self->fd, 8192, variant->flags | FERRY_BUF_DEV_RO, &constant);
	uint8_t *to = buf_new(self->fd, 8192, variant->flags, &normal);
	struct ferry_cqe cqe;

	ASSERT_NE(NULL, map);
	ASSERT_NE(NULL, to);
	pattern(map, 8192, 1);
	for (size_t i = 0; i < ARRAY_SIZE(writers); i++) {
		ASSERT_EQ(0, run(self->fd, self->queue,
				 sqe(writers[i], 4096, FERRY_ADDR(normal, 0),
				     FERRY_ADDR(constant, 0), 0), &cqe));
		EXPECT_EQ(FERRY_ERR_WINDOW_PERM, cqe_status(&cqe));
		EXPECT_EQ(0, cqe_len(&cqe));
	}
	/* Read it may, and the processor may write. */
	ASSERT_EQ(0, run(self->fd, self->queue,
			 sqe(FERRY_OP_COPY_CRC32C, 8192, FERRY_ADDR(constant, 0),
			     FERRY_ADDR(normal, 0), 0), &cqe));
	EXPECT_EQ(FERRY_OK, cqe_status(&cqe));
	EXPECT_EQ(0, memcmp(map, to, 8192));
}

TEST_F(buf, two_mappings_show_the_same_memory)
{
	uint32_t buffer;
	uint64_t offset;
	uint8_t *a, *b;

	ASSERT_EQ(0, buf_alloc(self->fd, 64 * KiB, variant->flags, &buffer, &offset));
	a = buf_map(self->fd, offset, 64 * KiB);
	b = buf_map(self->fd, offset, 64 * KiB);
	ASSERT_NE(MAP_FAILED, a);
	ASSERT_NE(MAP_FAILED, b);
	ASSERT_NE(a, b);
	pattern(a, 64 * KiB, 9);
	EXPECT_EQ(0, memcmp(a, b, 64 * KiB));
	munmap(a, 64 * KiB);
	b[0] ^= 1;
	a = buf_map(self->fd, offset, 64 * KiB);
	ASSERT_NE(MAP_FAILED, a);
	EXPECT_EQ(b[0], a[0]);
	EXPECT_EQ(0, memcmp(a, b, 64 * KiB));
}

TEST_F(buf, part_of_a_buffer_can_be_mapped)
{
	size_t page = page_size();
	uint32_t buffer;
	uint64_t offset;
	uint8_t *all, *part;

	ASSERT_EQ(0, buf_alloc(self->fd, 8 * page, variant->flags, &buffer, &offset));
	all = buf_map(self->fd, offset, 8 * page);
	ASSERT_NE(MAP_FAILED, all);
	pattern(all, 8 * page, 4);
	part = buf_map(self->fd, offset, 3 * page);
	ASSERT_NE(MAP_FAILED, part);
	EXPECT_EQ(0, memcmp(all, part, 3 * page));
	/* Unmapping a hole leaves the sides. */
	ASSERT_EQ(0, munmap(all + 3 * page, page));
	EXPECT_EQ(SIGSEGV, touch(all + 3 * page, false));
	EXPECT_EQ(0, touch(all + 2 * page, true));
	EXPECT_EQ(0, touch(all + 4 * page, true));
	EXPECT_EQ(0xc3, part[2 * page]);
}

TEST_F(buf, mmap_that_does_not_fit_a_buffer_is_refused)
{
	size_t page = page_size();
	uint32_t buffer, gone;
	uint64_t offset, gone_offset;
	const int rw = PROT_READ | PROT_WRITE;

	ASSERT_EQ(0, buf_alloc(self->fd, 4 * page, variant->flags, &buffer, &offset));
	ASSERT_EQ(0, buf_alloc(self->fd, page, variant->flags, &gone, &gone_offset));
	ASSERT_EQ(0, buf_free(self->fd, gone));

	EXPECT_EQ(MAP_FAILED, buf_map(self->fd, offset, 5 * page));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, buf_map(self->fd, offset, 1UL << 40));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, page, rw, MAP_PRIVATE, self->fd, offset));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, buf_map(self->fd, gone_offset, page));
	EXPECT_TRUE(errno == EINVAL || errno == ENOENT);
	EXPECT_EQ(MAP_FAILED, buf_map(self->fd, 0, page));
	EXPECT_TRUE(errno == EINVAL || errno == ENOENT);
	for (int bit = 12; bit < 63; bit++) {
		uint64_t wrong = offset ^ 1ULL << bit;
		void *map;

		if (wrong > offset && wrong < offset + 4 * page)
			continue;
		map = buf_map(self->fd, wrong, 4 * page);
		EXPECT_EQ(MAP_FAILED, map) {
			TH_LOG("offset %#llx", (unsigned long long)wrong);
		}
	}
}

/* The offset belongs to the file, not to the world. */
TEST_F(buf, mmap_of_another_files_buffer_is_refused)
{
	uint32_t buffer;
	uint64_t offset;
	int other = ferry_open();

	ASSERT_LE(0, other);
	ASSERT_EQ(0, buf_alloc(self->fd, 4096, variant->flags, &buffer, &offset));
	EXPECT_EQ(MAP_FAILED, buf_map(other, offset, 4096));
	EXPECT_TRUE(errno == EINVAL || errno == ENOENT);
	close(other);
}

TEST_F(buf, protection_of_a_mapping_holds)
{
	uint32_t buffer;
	uint64_t offset;
	uint8_t *map;
	int fd;

	ASSERT_EQ(0, buf_alloc(self->fd, 4096, variant->flags, &buffer, &offset));
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, self->fd, offset);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(0, touch(map, false));
	EXPECT_EQ(SIGSEGV, touch(map, true));
	/* The file is open for writing, so the mapping may become so. */
	ASSERT_EQ(0, mprotect(map, 4096, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, touch(map, true));
	ASSERT_EQ(0, mprotect(map, 4096, PROT_NONE));
	EXPECT_EQ(SIGSEGV, touch(map, false));

	/* One that is open for reading only gives no writable mapping. */
	fd = open(ferry_path(), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (!buf_alloc(fd, 4096, variant->flags, &buffer, &offset)) {
		EXPECT_EQ(MAP_FAILED, buf_map(fd, offset, 4096));
		EXPECT_EQ(EACCES, errno);
		map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, offset);
		if (map != MAP_FAILED)
			EXPECT_EQ(-1, mprotect(map, 4096, PROT_READ | PROT_WRITE));
	}
	close(fd);
}

TEST_F(buf, mapping_cannot_grow_beyond_the_buffer)
{
	size_t page = page_size();
	uint32_t buffer;
	uint8_t *map = buf_new(self->fd, 2 * page, variant->flags, &buffer);
	uint8_t *grown;

	ASSERT_NE(NULL, map);
	memset(map, 0x77, 2 * page);
	grown = mremap(map, 2 * page, 8 * page, MREMAP_MAYMOVE);
	if (grown == MAP_FAILED)
		return;
	for (int i = 2; i < 8; i++)
		EXPECT_EQ(SIGBUS, touch(grown + i * page, false));
}

TEST_F(buf, mapping_moves_and_shrinks)
{
	size_t page = page_size(), length = 4 * page;
	uint32_t buffer;
	uint64_t offset;
	uint8_t *map, *moved, *other;

	ASSERT_EQ(0, buf_alloc(self->fd, length, variant->flags, &buffer, &offset));
	map = buf_map(self->fd, offset, length);
	other = buf_map(self->fd, offset, length);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_NE(MAP_FAILED, other);
	pattern(map, length, 8);
	moved = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	moved = mremap(map, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, moved);
	ASSERT_NE(MAP_FAILED, moved);
	EXPECT_EQ(SIGSEGV, touch(map, false));
	EXPECT_EQ(0, memcmp(moved, other, length));
	ASSERT_EQ(moved, mremap(moved, length, page, 0));
	EXPECT_EQ(SIGSEGV, touch(moved + page, false));
	EXPECT_EQ(0, touch(moved, true));
	EXPECT_EQ(0xc3, other[0]);
	/* What is left of it keeps the memory. */
	ASSERT_EQ(0, munmap(other, length));
	ASSERT_EQ(0, buf_free(self->fd, buffer));
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(0xc3, moved[0]);
	EXPECT_EQ(0, touch(moved, true));
	ASSERT_EQ(0, munmap(moved, page));
}

/* The child may be without it, if the parent says so. */
TEST_F(buf, mapping_is_the_parents_alone_if_it_says_so)
{
	uint32_t buffer;
	uint8_t *map = buf_new(self->fd, 64 * KiB, variant->flags, &buffer);
	int status;
	pid_t pid;

	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, madvise(map, 64 * KiB, MADV_DONTFORK));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(touch(map, false) != SIGSEGV);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, touch(map, true));
}

TEST_F(buf, mapping_outlives_free_and_close)
{
	size_t length = 64 * KiB;
	uint32_t buffer;
	uint8_t *map = buf_new(self->fd, length, variant->flags, &buffer);

	ASSERT_NE(NULL, map);
	pattern(map, length, 5);
	uint32_t crc = crc32c(0, map, length);

	ASSERT_EQ(0, buf_free(self->fd, buffer));
	EXPECT_EQ(crc, crc32c(0, map, length));
	EXPECT_EQ(0, touch(map, true));

	/* Memory that was given out again would show here. */
	for (int i = 0; i < 50; i++) {
		uint32_t other;
		uint8_t *fresh = buf_new(self->fd, length, variant->flags, &other);

		ASSERT_NE(NULL, fresh);
		memset(fresh, 0xff, length);
		ASSERT_EQ(0, buf_free(self->fd, other));
		munmap(fresh, length);
	}
	map[0] = 0;
	pattern(map, 1, 5);
	EXPECT_EQ(crc, crc32c(0, map, length));
	ASSERT_EQ(0, munmap(map, length));
}

TEST_F(buf, mapping_outlives_the_last_close)
{
	size_t length = 64 * KiB;
	int fd = ferry_open();
	uint32_t buffer, crc;
	uint8_t *map;

	ASSERT_LE(0, fd);
	map = buf_new(fd, length, variant->flags, &buffer);
	ASSERT_NE(NULL, map);
	pattern(map, length, 6);
	crc = crc32c(0, map, length);
	ASSERT_EQ(0, close(fd));
	EXPECT_EQ(crc, crc32c(0, map, length));
	EXPECT_EQ(0, touch(map, true));
	ASSERT_EQ(0, munmap(map, length));
}

TEST_F(buf, mapping_is_shared_with_a_child_and_outlives_the_parents)
{
	size_t length = 16 * KiB;
	uint32_t buffer;
	uint8_t *map = buf_new(self->fd, length, variant->flags, &buffer);
	int status, go[2];
	char c;
	pid_t pid;

	ASSERT_NE(NULL, map);
	ASSERT_EQ(0, pipe(go));
	memset(map, 1, length);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(go[1]);
		if (!all_bytes(map, length, 1))
			_exit(1);
		map[1] = 2;
		if (read(go[0], &c, 1) != 1)
			_exit(2);
		/* The parent has freed and unmapped it. */
		if (map[1] != 2 || map[2] != 3)
			_exit(3);
		memset(map, 4, length);
		_exit(munmap(map, length) ? 5 : 0);
	}
	while (__atomic_load_n(&map[1], __ATOMIC_RELAXED) != 2)
		sched_yield();
	map[2] = 3;
	ASSERT_EQ(0, buf_free(self->fd, buffer));
	ASSERT_EQ(0, munmap(map, length));
	ASSERT_EQ(1, write(go[1], "x", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* A number that is given out again must not bring the old memory back. */
TEST_F(buf, handle_that_is_used_again_names_the_new_memory)
{
	struct ferry_cqe cqe;

	for (uint32_t i = 0; i < 100; i++) {
		uint32_t buffer;
		uint8_t *map = buf_new(self->fd, 4096, variant->flags, &buffer);

		ASSERT_NE(NULL, map);
		ASSERT_EQ(0, run(self->fd, self->queue,
				 sqe(FERRY_OP_FILL, 4096, 0, FERRY_ADDR(buffer, 0), i), &cqe));
		ASSERT_EQ(FERRY_OK, cqe_status(&cqe));
		ASSERT_EQ(i, map[0]);
		ASSERT_EQ(0, buf_free(self->fd, buffer));
		ASSERT_EQ(0, run(self->fd, self->queue,
				 sqe(FERRY_OP_FILL, 4096, 0, FERRY_ADDR(buffer, 0), ~0ULL), &cqe));
		EXPECT_NE(FERRY_OK, cqe_status(&cqe));
		EXPECT_EQ(i, map[0]);
		munmap(map, 4096);
	}
}

/* Free, unmap and close come in every order; whichever is last frees. */
TEST_F(buf, every_order_of_letting_go_works)
{
	for (int order = 0; order < 6; order++) {
		static const char *const orders[] = { "fuc", "fcu", "ufc", "uc", "cu", "c" };
		int fd = ferry_open();
		uint32_t buffer;
		uint8_t *map;

		ASSERT_LE(0, fd);
		map = buf_new(fd, 16 * KiB, variant->flags, &buffer);
		ASSERT_NE(NULL, map);
		memset(map, order, 16 * KiB);
		for (const char *step = orders[order]; *step; step++) {
			switch (*step) {
			case 'f':
				ASSERT_EQ(0, buf_free(fd, buffer));
				break;
			case 'u':
				ASSERT_EQ(0, munmap(map, 16 * KiB));
				map = NULL;
				break;
			case 'c':
				ASSERT_EQ(0, close(fd));
				break;
			}
			if (map)
				ASSERT_TRUE(all_bytes(map, 16 * KiB, order));
		}
	}
}

/* Many buffers, and much memory. */
FIXTURE(many)
{
	int fd;
	struct ferry_info info;
};

FIXTURE_VARIANT(many)
{
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(many, coherent) { .flags = 0 };
FIXTURE_VARIANT_ADD(many, write_combining) { .flags = FERRY_BUF_WC };

FIXTURE_SETUP(many)
{
	self->fd = ferry_open();
	ASSERT_LE(0, self->fd) TH_LOG("%s: %s", ferry_path(), strerror(-self->fd));
	ASSERT_EQ(0, ferry_info(self->fd, &self->info));
}

FIXTURE_TEARDOWN(many)
{
	close(self->fd);
}

TEST_F(many, buffers_beyond_max_buffers_are_ENOSPC)
{
	uint32_t max = self->info.max_buffers, nr = 0;
	uint32_t *buffers = calloc(max + 1, sizeof(*buffers));
	uint64_t offset;
	int ret = 0;

	ASSERT_NE(NULL, buffers);
	while (nr <= max) {
		ret = buf_alloc(self->fd, 1, variant->flags, &buffers[nr], &offset);
		if (ret)
			break;
		nr++;
	}
	EXPECT_EQ(-ENOSPC, ret);
	EXPECT_EQ(max, nr);
	/* Any of them that is freed makes room for one, and no two are the same. */
	for (uint32_t i = 0; i < nr; i += 97) {
		ASSERT_EQ(0, buf_free(self->fd, buffers[i]));
		ASSERT_EQ(0, buf_alloc(self->fd, 1, variant->flags, &buffers[i], &offset));
		EXPECT_EQ(-ENOSPC, buf_alloc(self->fd, 1, variant->flags, &buffers[nr], &offset));
	}
	for (uint32_t i = 0; i < nr; i++) {
		ASSERT_LT(buffers[i], 1u << 16);
		for (uint32_t k = i + 1; k < nr; k += 7)
			ASSERT_NE(buffers[i], buffers[k]);
	}
	/* The rest is for close(). */
	free(buffers);
}

TEST_F(many, memory_is_given_back)
{
	enum { ROUNDS = 100 };
	struct sysinfo before, after;
	uint32_t buffer;
	uint64_t offset;

	ASSERT_EQ(0, sysinfo(&before));
	for (int i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, buf_alloc(self->fd, MiB, variant->flags, &buffer, &offset));
		/* Half of it is for close(). */
		if (i % 2) {
			ASSERT_EQ(0, buf_free(self->fd, buffer));
			continue;
		}
		close(self->fd);
		self->fd = ferry_open();
		ASSERT_LE(0, self->fd);
	}
	ASSERT_EQ(0, sysinfo(&after));
	/* If it were not, it would be missing here; others use some, too. */
	EXPECT_LT(before.freeram * before.mem_unit,
		  after.freeram * after.mem_unit + ROUNDS / 4 * MiB);
}

TEST_HARNESS_MAIN
