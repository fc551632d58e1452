// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma-bufs: the device moves data in and out of those of others, and others use
 * those of BUF_EXPORT.
 */
#include "ferry_dmabuf.h"

#define LENGTH	(256 * KiB)

FIXTURE(exporter)
{
	int fd;
	uint32_t queue;
	struct ferry_info info;
	uint32_t order;
	int dmabuf;
	uint8_t *map;
};

FIXTURE_VARIANT(exporter)
{
	enum exporter exporter;
};

FIXTURE_VARIANT_ADD(exporter, udmabuf) { .exporter = UDMABUF };
FIXTURE_VARIANT_ADD(exporter, system_heap) { .exporter = HEAP };
FIXTURE_VARIANT_ADD(exporter, ours) { .exporter = OURS };

FIXTURE_SETUP(exporter)
{
	self->fd = -1;
	self->dmabuf = dmabuf_new(variant->exporter, LENGTH);
	if (self->dmabuf < 0)
		SKIP(return, "no such exporter here: %s", strerror(-self->dmabuf));
	self->map = dmabuf_map(self->dmabuf, LENGTH);
	ASSERT_NE(MAP_FAILED, self->map);
	self->fd = ferry_open();
	ASSERT_LE(0, self->fd) TH_LOG("%s: %s", ferry_path(), strerror(-self->fd));
	ASSERT_EQ(0, ferry_info(self->fd, &self->info));
	/* More than even a fast device copies before the first can be revoked. */
	self->order = self->info.max_order < 9 ? self->info.max_order : 9;
	ASSERT_EQ(0, queue_create(self->fd, self->order, &self->queue));
}

FIXTURE_TEARDOWN(exporter)
{
	close(self->fd);
	EXPECT_GE(0, dmabuf_count(true));
}

static int sync_cpu(int dmabuf, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags };

	return ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync) ? -errno : 0;
}

TEST_F(exporter, device_and_processor_see_what_the_other_wrote)
{
	size_t half = LENGTH / 2;
	struct ferry_cqe cqe;
	uint32_t buffer;

	EXPECT_TRUE(all_bytes(self->map, LENGTH, 0));
	ASSERT_EQ(0, buf_import(self->fd, self->dmabuf, 0, 0, 0, &buffer));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, sync_cpu(self->dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
		fill_words(self->map, half, i);
		ASSERT_EQ(0, sync_cpu(self->dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
		ASSERT_EQ(0, run(self->fd, self->queue,
				 sqe(FERRY_OP_COPY, half, FERRY_ADDR(buffer, 0),
				     FERRY_ADDR(buffer, half), 0), &cqe));
		ASSERT_EQ(FERRY_OK, cqe_status(&cqe));
		ASSERT_EQ(0, sync_cpu(self->dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
		EXPECT_TRUE(has_words(self->map + half, half, i));
		ASSERT_EQ(0, sync_cpu(self->dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
	}
	EXPECT_EQ(-EINVAL, sync_cpu(self->dmabuf, ~0ULL));
}

/* Neither beginning nor end need be a page's, and the device is held to both. */
TEST_F(exporter, window_is_these_bytes_and_no_other)
{
	static const struct {
		size_t start, length;
	} ranges[] = {
		{ 0, 1 }, { 1, 1 }, { 4095, 2 }, { 123, 4096 }, { 4096, 4096 }, { 65535, 65538 },
		{ 100000, 12345 }, { LENGTH - 1, 1 }, { 20480, LENGTH - 20480 }, { 7, LENGTH - 9 },
	};
	struct ferry_cqe cqe;
	uint32_t buffer;

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		size_t start = ranges[i].start, length = ranges[i].length;

		memset(self->map, 0x11, LENGTH);
		ASSERT_EQ(0, buf_import(self->fd, self->dmabuf, start, length, 0, &buffer));
		ASSERT_EQ(0, run(self->fd, self->queue,
				 sqe(FERRY_OP_FILL, length, 0, FERRY_ADDR(buffer, 0), ~0ULL), &cqe));
		ASSERT_EQ(FERRY_OK, cqe_status(&cqe));
		EXPECT_TRUE(all_bytes(self->map, start, 0x11));
		EXPECT_TRUE(all_bytes(self->map + start, length, 0xff));
		EXPECT_TRUE(all_bytes(self->map + start + length, LENGTH - start - length, 0x11));
		ASSERT_EQ(0, run(self->fd, self->queue,
				 sqe(FERRY_OP_FILL, 1, 0, FERRY_ADDR(buffer, length), 0), &cqe));
		EXPECT_EQ(FERRY_ERR_WINDOW_BOUNDS, cqe_status(&cqe));
		ASSERT_EQ(0, buf_free(self->fd, buffer));
	}
}

TEST_F(exporter, length_is_told_and_has_to_lie_within)
{
	struct ferry_buf_import args = {
		.size = sizeof(args), .fd = self->dmabuf, .offset = 1000,
	};
	static const struct {
		uint64_t offset, length;
	} wrong[] = {
		{ LENGTH, 0 }, { LENGTH, 1 }, { 0, LENGTH + 1 }, { 1, LENGTH }, { LENGTH - 1, 2 },
		{ UINT64_MAX, 0 }, { UINT64_MAX, 2 }, { 1, UINT64_MAX }, { 1ULL << 63, 1 },
	};
	uint32_t buffer;

	ASSERT_EQ(0, ferry_ioctl(self->fd, FERRY_IOC_BUF_IMPORT, &args));
	EXPECT_EQ(LENGTH - 1000, args.length);
	ASSERT_EQ(0, buf_free(self->fd, args.buffer));
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		EXPECT_EQ(-EINVAL, buf_import(self->fd, self->dmabuf, wrong[i].offset,
					      wrong[i].length, 0, &buffer));
	EXPECT_GE(0, dmabuf_count(true));
}

TEST_F(exporter, device_must_not_write_to_memory_that_says_so)
{
	struct ferry_cqe cqe;
	uint32_t buffer;

	pattern(self->map, LENGTH, 4);
	ASSERT_EQ(0, buf_import(self->fd, self->dmabuf, 0, 0, FERRY_BUF_DEV_RO, &buffer));
	ASSERT_EQ(0, run(self->fd, self->queue,
			 sqe(FERRY_OP_FILL, 4096, 0, FERRY_ADDR(buffer, 0), 0), &cqe));
	EXPECT_EQ(FERRY_ERR_WINDOW_PERM, cqe_status(&cqe));
	ASSERT_EQ(0, run(self->fd, self->queue,
			 sqe(FERRY_OP_CRC32C, LENGTH, FERRY_ADDR(buffer, 0), 0, 0), &cqe));
	EXPECT_EQ(crc32c(0, self->map, LENGTH), cqe_result(&cqe));
}

/* DMA-debug looks whether an access is announced for what was mapped. */
TEST_F(dmabuf, accesses_of_the_processor_are_announced_as_the_device_maps)
{
	static const uint64_t ways[] = { DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW };
	uint32_t constant, normal;
	int fd = dmabuf_new(OURS, 64 * KiB);

	ASSERT_EQ(0, buf_import(self->fd, fd, 0, 0, FERRY_BUF_DEV_RO, &constant));
	ASSERT_EQ(0, buf_import(self->fd, fd, 0, 0, 0, &normal));
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		EXPECT_EQ(0, sync_cpu(fd, DMA_BUF_SYNC_START | ways[i]));
		EXPECT_EQ(0, sync_cpu(fd, DMA_BUF_SYNC_END | ways[i]));
	}
	close(fd);
}

TEST_F(exporter, freeing_revokes_it_from_work_in_flight)
{
	uint32_t entries = 1u << self->order, buffer;
	struct ferry_cqe *cqes = calloc(entries, sizeof(*cqes));
	int attached = dmabuf_count(true);
	bool revoked = false;

	ASSERT_NE(NULL, cqes);
	/* On a slow host the device may be done before the kernel comes to it. */
	for (int round = 0; round < 2 || (!revoked && round < 50); round++) {
		ASSERT_EQ(0, buf_import(self->fd, self->dmabuf, 0, 0, 0, &buffer));
		ASSERT_EQ(entries, make_busy(self->fd, self->queue, buffer, LENGTH, entries));
		ASSERT_EQ(0, buf_free(self->fd, buffer));
		EXPECT_EQ(attached, dmabuf_count(true));
		/* Not a byte of it is touched any more. */
		memset(self->map, round, LENGTH);
		ASSERT_EQ(entries, reap(self->fd, self->queue, cqes, entries, entries, FOREVER));
		EXPECT_TRUE(all_bytes(self->map, LENGTH, round));
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

TEST_F(exporter, import_keeps_the_memory_without_fd_and_mapping)
{
	struct ferry_cqe cqe;
	uint32_t buffer, crc;

	pattern(self->map, LENGTH, 6);
	crc = crc32c(0, self->map, LENGTH);
	ASSERT_EQ(0, buf_import(self->fd, self->dmabuf, 0, 0, 0, &buffer));
	ASSERT_EQ(0, munmap(self->map, LENGTH));
	ASSERT_EQ(0, close(self->dmabuf));
	ASSERT_EQ(0, run(self->fd, self->queue,
			 sqe(FERRY_OP_CRC32C, LENGTH, FERRY_ADDR(buffer, 0), 0, 0), &cqe));
	EXPECT_EQ(crc, cqe_result(&cqe));
	EXPECT_EQ(0, buf_free(self->fd, buffer));
}

/* What one file writes the other reads, without a copy between them. */
TEST_F(exporter, files_share_it)
{
	struct ferry_cqe cqe;
	uint32_t here, there, queue;
	int other = ferry_open();

	ASSERT_LE(0, other);
	ASSERT_EQ(0, queue_create(other, self->info.min_order, &queue));
	ASSERT_EQ(0, buf_import(self->fd, self->dmabuf, 0, 0, 0, &here));
	ASSERT_EQ(0, buf_import(other, self->dmabuf, 4096, 4096, 0, &there));
	ASSERT_EQ(0, run(self->fd, self->queue,
			 sqe(FERRY_OP_FILL, LENGTH, 0, FERRY_ADDR(here, 0), 0x42), &cqe));
	ASSERT_EQ(FERRY_OK, cqe_status(&cqe));
	ASSERT_EQ(0, run(other, queue, sqe(FERRY_OP_FILL, 1, 0, FERRY_ADDR(there, 1), 0x99), &cqe));
	ASSERT_EQ(FERRY_OK, cqe_status(&cqe));
	EXPECT_EQ(0x99, self->map[4097]);
	ASSERT_EQ(0, close(other));
	ASSERT_EQ(0, run(self->fd, self->queue,
			 sqe(FERRY_OP_CRC32C, LENGTH, FERRY_ADDR(here, 0), 0, 0), &cqe));
	EXPECT_EQ(crc32c(0, self->map, LENGTH), cqe_result(&cqe));
}

TEST_F(exporter, an_import_has_no_mapping_and_no_export)
{
	uint32_t buffer;

	ASSERT_EQ(0, buf_import(self->fd, self->dmabuf, 0, 0, 0, &buffer));
	EXPECT_EQ(MAP_FAILED, buf_map(self->fd, (uint64_t)buffer << 32, 4096));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-EINVAL, buf_export(self->fd, buffer));
}

TEST_F(dmabuf, what_is_no_dmabuf_is_refused)
{
	uint32_t buffer;
	uint64_t offset;
	int memfd = memfd_create("plain", MFD_CLOEXEC);

	EXPECT_EQ(-EBADF, buf_import(self->fd, -1, 0, 0, 0, &buffer));
	EXPECT_EQ(-EBADF, buf_import(self->fd, 9999, 0, 0, 0, &buffer));
	EXPECT_EQ(-EINVAL, buf_import(self->fd, memfd, 0, 0, 0, &buffer));
	EXPECT_EQ(-EINVAL, buf_import(self->fd, self->fd, 0, 0, 0, &buffer));
	ASSERT_EQ(0, buf_alloc(self->fd, 4096, 0, &buffer, &offset));
	EXPECT_EQ(-EINVAL, buf_export(self->fd, buffer));
	ASSERT_EQ(0, buf_register(self->fd, self, 1, 0, &buffer));
	EXPECT_EQ(-EINVAL, buf_export(self->fd, buffer));
	close(memfd);
}

TEST_F(dmabuf, device_may_do_what_the_descriptor_allows_and_no_more)
{
	int reading = dmabuf_of_heap(4096, O_RDONLY);
	int writing = dmabuf_of_heap(4096, O_WRONLY);
	uint32_t buffer;

	if (reading < 0)
		SKIP(return, "no heap: %s", strerror(-reading));
	EXPECT_EQ(-EACCES, buf_import(self->fd, reading, 0, 0, 0, &buffer));
	EXPECT_EQ(0, buf_import(self->fd, reading, 0, 0, FERRY_BUF_DEV_RO, &buffer));
	ASSERT_LE(0, writing);
	EXPECT_EQ(-EACCES, buf_import(self->fd, writing, 0, 0, 0, &buffer));
	EXPECT_EQ(-EACCES, buf_import(self->fd, writing, 0, 0, FERRY_BUF_DEV_RO, &buffer));
}

TEST_F(dmabuf, imports_beyond_max_buffers_are_ENOSPC)
{
	int fd = dmabuf_new(OURS, 4096);
	uint32_t buffer;
	uint64_t offset;

	ASSERT_LE(0, fd);
	for (uint32_t i = 0; i < self->info.max_buffers; i++)
		ASSERT_EQ(0, buf_alloc(self->fd, 1, 0, &buffer, &offset));
	EXPECT_EQ(-ENOSPC, buf_import(self->fd, fd, 0, 0, 0, &buffer));
	EXPECT_GE(0, dmabuf_count(true));
	EXPECT_EQ(-ENOSPC, buf_alloc(self->fd, 1, FERRY_BUF_EXPORT, &buffer, &offset));
	ASSERT_EQ(0, buf_free(self->fd, 1));
	EXPECT_EQ(0, buf_import(self->fd, fd, 0, 0, 0, &buffer));
}

/* What is mapped at the buffer's own offset is the dma-buf. */
TEST_F(dmabuf, buffer_and_export_are_the_same_memory)
{
	static const size_t lengths[] = { 1, 4096, 12345, 64 * KiB, 3 * MiB + 4096, 24 * MiB };
	struct ferry_cqe cqe;

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		size_t length = (lengths[i] + self->page - 1) / self->page * self->page;
		uint32_t buffer;
		uint8_t *map, *other;
		int fd, again;

		map = buf_new(self->fd, lengths[i], FERRY_BUF_EXPORT, &buffer);
		ASSERT_NE(NULL, map) TH_LOG("length %zu: %s", lengths[i], strerror(errno));
		fd = buf_export(self->fd, buffer);
		ASSERT_LE(0, fd);
		EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
		EXPECT_EQ((off_t)length, lseek(fd, 0, SEEK_END));
		again = buf_export(self->fd, buffer);
		ASSERT_LE(0, again);
		other = dmabuf_map(again, length);
		ASSERT_NE(MAP_FAILED, other);
		EXPECT_TRUE(all_bytes(other, length, 0));
		fill_words(map, length, i);
		EXPECT_TRUE(has_words(other, length, i));
		ASSERT_EQ(0, run(self->fd, self->queue,
				 sqe(FERRY_OP_COPY, 1, FERRY_ADDR(buffer, 0),
				     FERRY_ADDR(buffer, length - 1), 0), &cqe));
		EXPECT_EQ(FERRY_OK, cqe_status(&cqe));
		EXPECT_EQ(map[0], other[length - 1]);
		ASSERT_EQ(0, run(self->fd, self->queue,
				 sqe(FERRY_OP_FILL, 1, 0, FERRY_ADDR(buffer, length), 0), &cqe));
		EXPECT_EQ(FERRY_ERR_WINDOW_BOUNDS, cqe_status(&cqe));
		close(fd);
		close(again);
		munmap(map, length);
		ASSERT_EQ(0, buf_free(self->fd, buffer));
		EXPECT_EQ(0, touch(other, true));
		munmap(other, length);
		EXPECT_EQ(self->objects, dmabuf_count(false));
	}
}

TEST_F(dmabuf, device_only_reads_an_export_that_says_so)
{
	struct ferry_cqe cqe;
	uint32_t buffer;
	uint8_t *map = buf_new(self->fd, 4096, FERRY_BUF_EXPORT | FERRY_BUF_DEV_RO | FERRY_BUF_WC,
			       &buffer);

	ASSERT_NE(NULL, map);
	map[0] = 1;
	ASSERT_EQ(0, run(self->fd, self->queue,
			 sqe(FERRY_OP_FILL, 1, 0, FERRY_ADDR(buffer, 0), 0), &cqe));
	EXPECT_EQ(FERRY_ERR_WINDOW_PERM, cqe_status(&cqe));
	EXPECT_EQ(1, map[0]);
}

/* It is memory of a device to those who pin pages. */
TEST_F(dmabuf, mapping_of_an_export_can_not_be_registered)
{
	int fd = dmabuf_new(OURS, 64 * KiB);
	uint8_t *map = dmabuf_map(fd, 64 * KiB);
	uint32_t buffer;

	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(-EFAULT, buf_register(self->fd, map, 64 * KiB, 0, &buffer));
	EXPECT_EQ(0, vm_pin());
}

TEST_F(dmabuf, export_without_a_free_fd_is_EMFILE)
{
	uint32_t buffer;
	uint64_t offset;
	int fd = self->fd, last = -1, next;

	ASSERT_EQ(0, buf_alloc(fd, 4096, FERRY_BUF_EXPORT, &buffer, &offset));
	while ((next = dup(fd)) >= 0)
		last = next;
	EXPECT_EQ(-EMFILE, buf_export(fd, buffer));
	ASSERT_EQ(0, close(last));
	EXPECT_EQ(last, buf_export(fd, buffer));
	ASSERT_EQ(0, close_range(fd, ~0U, 0));
}

/* For boots in which nothing can be imported: FERRY_REGISTER is the errno. */
TEST_F(dmabuf, memory_that_the_device_does_not_see_is_refused)
{
	const char *expected = getenv("FERRY_REGISTER");
	int fd = dmabuf_new(UDMABUF, 64 * KiB);
	uint32_t buffer;
	uint64_t offset;
	uint8_t *map;

	if (!expected || fd < 0)
		SKIP(return, "for a device that bounces, or is not coherent");
	map = dmabuf_map(fd, 64 * KiB);
	ASSERT_NE(MAP_FAILED, map);
	memset(map, 0x33, 64 * KiB);
	EXPECT_EQ(-atoi(expected), buf_import(self->fd, fd, 0, 0, 0, &buffer));
	EXPECT_EQ(-atoi(expected), buf_import(self->fd, fd, 5, 100, FERRY_BUF_DEV_RO, &buffer));
	EXPECT_TRUE(all_bytes(map, 64 * KiB, 0x33));
	/* What can be exported is such memory, too. */
	EXPECT_EQ(-atoi(expected), buf_alloc(self->fd, 64 * KiB, FERRY_BUF_EXPORT, &buffer, &offset));
	EXPECT_EQ(self->objects + (self->objects >= 0), dmabuf_count(false));
	EXPECT_GE(0, dmabuf_count(true));
}

TEST_HARNESS_MAIN
