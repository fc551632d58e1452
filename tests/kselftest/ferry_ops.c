// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every operation against a software version of it, entries that are wrong,
 * and entries that depend on each other.
 */
#include "ferry_utils.h"

#define HALF		(128 * KiB)
#define SRC(offset)	FERRY_ADDR(self->buffer, offset)
#define DST(offset)	FERRY_ADDR(self->buffer, HALF + (offset))

FIXTURE(ops)
{
	int fd;
	uint32_t queue;
	uint32_t entries;
	uint32_t buffer;
	uint8_t *src;
	uint8_t *dst;
	uint8_t *expected;
	struct ferry_info info;
};

FIXTURE_SETUP(ops)
{
	self->fd = ferry_open();
	ASSERT_LE(0, self->fd) TH_LOG("%s: %s", ferry_path(), strerror(-self->fd));
	ASSERT_EQ(0, ferry_info(self->fd, &self->info));
	ASSERT_EQ(0, queue_create(self->fd, self->info.min_order, &self->queue));
	self->entries = 1u << self->info.min_order;
	self->src = buf_new(self->fd, 2 * HALF, 0, &self->buffer);
	ASSERT_NE(NULL, self->src);
	self->dst = self->src + HALF;
	self->expected = malloc(HALF);
	ASSERT_NE(NULL, self->expected);
	pattern(self->src, HALF, 1);
	pattern(self->dst, HALF, 2);
}

FIXTURE_TEARDOWN(ops)
{
	close(self->fd);
	free(self->expected);
}

/* Around every chunk, page and quantum that the datasheet knows. */
static const uint32_t sizes[] = {
	0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 255, 256, 257, 1000,
	4095, 4096, 4097, 8191, 8193, 16383, 16384, 16385, 32769, 65535, 65536, 65537, 100003,
};
static const uint32_t offsets[] = { 0, 1, 2, 7, 8, 63, 4095, 4097 };

#define FOR_EACH_SIZE_AND_OFFSETS(len, from, to) \
	for (size_t __i = 0; __i < ARRAY_SIZE(sizes) * ARRAY_SIZE(offsets); __i++) \
		for (uint32_t len = sizes[__i / ARRAY_SIZE(offsets)], \
		     from = offsets[__i % ARRAY_SIZE(offsets)], \
		     to = offsets[(__i * 5 + 3) % ARRAY_SIZE(offsets)], __once = 1; \
		     __once; __once = 0)

static void expect_done(struct __test_metadata *_metadata, const struct ferry_cqe *cqe,
			uint32_t len, uint32_t result)
{
	EXPECT_EQ(FERRY_OK, cqe_status(cqe));
	EXPECT_EQ(len, cqe_len(cqe));
	EXPECT_EQ(0, cqe_flags(cqe));
	EXPECT_EQ(result, cqe_result(cqe));
}

TEST_F(ops, nop_does_nothing_and_completes)
{
	struct ferry_cqe cqe;

	memcpy(self->expected, self->dst, HALF);
	for (uint32_t i = 0; i < 3 * self->entries; i++) {
		ASSERT_EQ(0, run(self->fd, self->queue, sqe(FERRY_OP_NOP, 0, ~0ULL, ~0ULL, ~0ULL), &cqe));
		expect_done(_metadata, &cqe, 0, 0);
		EXPECT_EQ(i + 1, cqe_seq(&cqe));
	}
	EXPECT_EQ(0, memcmp(self->expected, self->dst, HALF));
}

TEST_F(ops, copy_moves_these_bytes_and_no_others)
{
	struct ferry_cqe cqe;

	FOR_EACH_SIZE_AND_OFFSETS(len, from, to) {
		memcpy(self->expected, self->dst, HALF);
		memcpy(self->expected + to, self->src + from, len);
		ASSERT_EQ(0, run(self->fd, self->queue,
				 sqe(FERRY_OP_COPY, len, SRC(from), DST(to), 0), &cqe));
		expect_done(_metadata, &cqe, len, 0);
		ASSERT_EQ(0, memcmp(self->expected, self->dst, HALF)) {
			TH_LOG("%u bytes from %u to %u", len, from, to);
		}
		pattern(self->dst, HALF, len + from);
	}
}

TEST_F(ops, copy_that_overlaps_behaves_as_memmove)
{
	static const int distances[] = { 1, 3, 64, 4096, 16383, 16384, 16385, 40000 };
	static const uint32_t lens[] = { 2, 100, 16384, 16385, 65536, 70001 };
	struct ferry_cqe cqe;

	for (size_t i = 0; i < ARRAY_SIZE(distances) * ARRAY_SIZE(lens) * 4; i++) {
		uint32_t len = lens[i / 4 % ARRAY_SIZE(lens)];
		uint32_t near = 1, far = 1 + distances[i / 4 / ARRAY_SIZE(lens)];
		uint32_t from = i & 1 ? near : far, to = i & 1 ? far : near;
		uint8_t op = i & 2 ? FERRY_OP_COPY : FERRY_OP_COPY_CRC32C;
		uint32_t crc = op == FERRY_OP_COPY ? 0 : crc32c(0, self->dst + from, len);

		memcpy(self->expected, self->dst, HALF);
		memmove(self->expected + to, self->expected + from, len);
		ASSERT_EQ(0, run(self->fd, self->queue, sqe(op, len, DST(from), DST(to), 0), &cqe));
		expect_done(_metadata, &cqe, len, crc);
		ASSERT_EQ(0, memcmp(self->expected, self->dst, HALF)) {
			TH_LOG("%u bytes from %u to %u", len, from, to);
		}
	}
}

TEST_F(ops, fill_repeats_the_eight_bytes_of_its_pattern)
{
	const uint64_t arg = 0x8877665544332211;
	struct ferry_cqe cqe;

	FOR_EACH_SIZE_AND_OFFSETS(len, from, to) {
		memcpy(self->expected, self->dst, HALF);
		for (uint32_t k = 0; k < len; k++)
			self->expected[to + k] = arg >> 8 * (k % 8);
		ASSERT_EQ(0, run(self->fd, self->queue,
				 sqe(FERRY_OP_FILL, len, from | ~0xffULL, DST(to), arg), &cqe));
		expect_done(_metadata, &cqe, len, 0);
		ASSERT_EQ(0, memcmp(self->expected, self->dst, HALF)) {
			TH_LOG("%u bytes to %u", len, to);
		}
	}
}

TEST_F(ops, crc32c_is_castagnoli_and_chains)
{
	struct ferry_cqe cqe;

	memcpy(self->src, "123456789", 9);
	ASSERT_EQ(0, run(self->fd, self->queue, sqe(FERRY_OP_CRC32C, 9, SRC(0), 0, 0), &cqe));
	expect_done(_metadata, &cqe, 9, 0xe3069283);

	FOR_EACH_SIZE_AND_OFFSETS(len, from, so_far) {
		ASSERT_EQ(0, run(self->fd, self->queue,
				 sqe(FERRY_OP_CRC32C, len, SRC(from), ~0ULL, so_far), &cqe));
		expect_done(_metadata, &cqe, len, crc32c(so_far, self->src + from, len));
	}

	/* In two pieces as in one. */
	ASSERT_EQ(0, run(self->fd, self->queue, sqe(FERRY_OP_CRC32C, 5000, SRC(0), 0, 0), &cqe));
	ASSERT_EQ(0, run(self->fd, self->queue,
			 sqe(FERRY_OP_CRC32C, 3001, SRC(5000), 0, cqe_result(&cqe)), &cqe));
	expect_done(_metadata, &cqe, 3001, crc32c(0, self->src, 8001));
}

TEST_F(ops, copy_crc32c_copies_and_sums_the_source)
{
	struct ferry_cqe cqe;

	FOR_EACH_SIZE_AND_OFFSETS(len, from, to) {
		memcpy(self->expected, self->dst, HALF);
		memcpy(self->expected + to, self->src + from, len);
		ASSERT_EQ(0, run(self->fd, self->queue,
				 sqe(FERRY_OP_COPY_CRC32C, len, SRC(from), DST(to), 7), &cqe));
		expect_done(_metadata, &cqe, len, crc32c(7, self->src + from, len));
		ASSERT_EQ(0, memcmp(self->expected, self->dst, HALF)) {
			TH_LOG("%u bytes from %u to %u", len, from, to);
		}
		pattern(self->dst, HALF, len + from);
	}
}

TEST_F(ops, compare_finds_the_first_difference)
{
	struct ferry_cqe cqe;

	FOR_EACH_SIZE_AND_OFFSETS(len, from, to) {
		static const uint8_t where[] = { 0, 50, 99, 100 };

		memcpy(self->dst + to, self->src + from, len);
		ASSERT_EQ(0, run(self->fd, self->queue,
				 sqe(FERRY_OP_COMPARE, len, SRC(from), DST(to), ~0ULL), &cqe));
		expect_done(_metadata, &cqe, len, 0);
		for (size_t i = 0; len && i < ARRAY_SIZE(where); i++) {
			uint32_t at = (uint64_t)(len - 1) * where[i] / 100;

			/* A second difference, behind the first, does not count. */
			self->dst[to + len - 1] ^= 0x40;
			self->dst[to + at] ^= 0x81;
			ASSERT_EQ(0, run(self->fd, self->queue,
					 sqe(FERRY_OP_COMPARE, len, SRC(from), DST(to), 0), &cqe));
			EXPECT_EQ(FERRY_OK, cqe_status(&cqe));
			EXPECT_EQ(FERRY_CQE_MISMATCH, cqe_flags(&cqe));
			EXPECT_EQ(at, cqe_len(&cqe));
			EXPECT_EQ(self->dst[to + at] << 8 | self->src[from + at], cqe_result(&cqe));
			self->dst[to + at] ^= 0x81;
			self->dst[to + len - 1] ^= 0x40;
		}
	}
}

TEST_F(ops, longest_operation_works_and_one_byte_more_is_BAD_LEN)
{
	uint32_t len = self->info.max_len, buffer;
	struct ferry_cqe cqe;
	uint8_t *map = buf_new(self->fd, len, 0, &buffer);

	ASSERT_EQ(0, run(self->fd, self->queue, sqe(FERRY_OP_FILL, len + 1, 0, DST(0), 0), &cqe));
	EXPECT_EQ(FERRY_ERR_BAD_LEN, cqe_status(&cqe));
	ASSERT_EQ(0, run(self->fd, self->queue, sqe(FERRY_OP_FILL, UINT32_MAX, 0, DST(0), 0), &cqe));
	EXPECT_EQ(FERRY_ERR_BAD_LEN, cqe_status(&cqe));
	if (!map)
		SKIP(return, "no %u bytes in one buffer", len);
	ASSERT_EQ(0, run(self->fd, self->queue,
			 sqe(FERRY_OP_FILL, len, 0, FERRY_ADDR(buffer, 0), ~0ULL), &cqe));
	expect_done(_metadata, &cqe, len, 0);
	EXPECT_TRUE(all_bytes(map, len, 0xff));
}

TEST_F(ops, bad_entry_fails_alone_and_says_why)
{
	uint32_t gone, read_only;
	uint64_t offset;
	struct ferry_sqe flags = sqe(FERRY_OP_COPY, 8, SRC(0), DST(0), 0);
	struct ferry_sqe reserved = flags;
	struct ferry_cqe cqe;

	ASSERT_EQ(0, buf_alloc(self->fd, 4096, FERRY_BUF_DEV_RO, &read_only, &offset));
	ASSERT_EQ(0, buf_alloc(self->fd, 4096, 0, &gone, &offset));
	ASSERT_EQ(0, buf_free(self->fd, gone));
	flags.flags = 1;
	reserved.reserved = htole16(0x8000);

	const struct {
		struct ferry_sqe sqe;
		uint16_t status, or_status;
	} bad[] = {
		{ sqe(8, 0, 0, 0, 0), FERRY_ERR_BAD_OP },
		{ sqe(255, 0, 0, 0, 0), FERRY_ERR_BAD_OP },
		{ flags, FERRY_ERR_BAD_FIELD },
		{ reserved, FERRY_ERR_BAD_FIELD },
		{ sqe(FERRY_OP_CRC32C, 8, SRC(0), 0, 1ULL << 32), FERRY_ERR_BAD_FIELD },
		{ sqe(FERRY_OP_COPY_CRC32C, 8, SRC(0), DST(0), 1ULL << 63), FERRY_ERR_BAD_FIELD },
		{ sqe(FERRY_OP_NOP, 1, 0, 0, 0), FERRY_ERR_BAD_LEN },
		{ sqe(FERRY_OP_COPY, 8, FERRY_ADDR(0xffff, 0), DST(0), 0),
		  FERRY_ERR_BAD_WINDOW, FERRY_ERR_WINDOW_REVOKED },
		{ sqe(FERRY_OP_COPY, 8, SRC(0), FERRY_ADDR(0xffff, 0), 0),
		  FERRY_ERR_BAD_WINDOW, FERRY_ERR_WINDOW_REVOKED },
		{ sqe(FERRY_OP_COPY, 8, FERRY_ADDR(gone, 0), DST(0), 0),
		  FERRY_ERR_WINDOW_REVOKED, FERRY_ERR_BAD_WINDOW },
		{ sqe(FERRY_OP_FILL, 8, 0, FERRY_ADDR(read_only, 0), 0), FERRY_ERR_WINDOW_PERM },
		{ sqe(FERRY_OP_COPY, 8, SRC(2 * HALF), DST(0), 0), FERRY_ERR_WINDOW_BOUNDS },
		{ sqe(FERRY_OP_COPY, 8, SRC(2 * HALF - 7), DST(0), 0), FERRY_ERR_WINDOW_BOUNDS },
		{ sqe(FERRY_OP_COPY, 8, SRC(0), DST(HALF - 7), 0), FERRY_ERR_WINDOW_BOUNDS },
		{ sqe(FERRY_OP_COPY, 8, SRC(0), SRC((1ULL << 48) - 8), 0), FERRY_ERR_WINDOW_BOUNDS },
		{ sqe(FERRY_OP_COPY, 8, SRC((1ULL << 48) - 1), DST(0), 0), FERRY_ERR_WINDOW_BOUNDS },
	};

	memcpy(self->expected, self->dst, HALF);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ASSERT_EQ(0, run(self->fd, self->queue, bad[i].sqe, &cqe));
		if (!bad[i].or_status || cqe_status(&cqe) != bad[i].or_status) {
			EXPECT_EQ(bad[i].status, cqe_status(&cqe)) {
				TH_LOG("entry %zu", i);
			}
		}
		EXPECT_EQ(0, cqe_len(&cqe));
		EXPECT_EQ(0, cqe_result(&cqe));
		ASSERT_EQ(0, run(self->fd, self->queue, sqe(FERRY_OP_CRC32C, 9, SRC(0), 0, 0), &cqe));
		expect_done(_metadata, &cqe, 9, crc32c(0, self->src, 9));
	}
	EXPECT_EQ(0, memcmp(self->expected, self->dst, HALF));
	/* Exactly up to the end is in bounds. */
	ASSERT_EQ(0, run(self->fd, self->queue,
			 sqe(FERRY_OP_COPY, 8, SRC(0), DST(HALF - 8), 0), &cqe));
	expect_done(_metadata, &cqe, 8, 0);
}

TEST_F(ops, reserved_stream_operations_are_refused_where_there_is_no_port)
{
	struct ferry_cqe cqe;

	for (uint8_t op = FERRY_OP_SEND; op <= FERRY_OP_RECV; op++) {
		if (self->info.ops & 1u << op)
			SKIP(return, "the device has ports");
		ASSERT_EQ(0, run(self->fd, self->queue, sqe(op, 8, SRC(0), DST(0), 0), &cqe));
		EXPECT_EQ(FERRY_ERR_BAD_OP, cqe_status(&cqe));
	}
}

/* Neither by number nor by guess: another file's memory cannot be named. */
TEST_F(ops, buffer_of_another_file_cannot_be_touched)
{
	int other = ferry_open();
	uint32_t queue, nr_bad = 0;
	struct ferry_cqe cqe;

	ASSERT_LE(0, other);
	ASSERT_EQ(0, queue_create(other, self->info.min_order, &queue));
	memcpy(self->expected, self->src, HALF);
	for (uint32_t window = 0; window < 0x10000; window = window < 64 ? window + 1 : 2 * window) {
		ASSERT_EQ(0, run(other, queue,
				 sqe(FERRY_OP_FILL, 64, 0, FERRY_ADDR(window, 0), 0), &cqe));
		nr_bad += cqe_status(&cqe) != FERRY_OK;
		EXPECT_TRUE(cqe_status(&cqe) == FERRY_ERR_BAD_WINDOW ||
			    cqe_status(&cqe) == FERRY_ERR_WINDOW_REVOKED) {
			TH_LOG("window %u: status %u", window, cqe_status(&cqe));
		}
		ASSERT_EQ(0, run(other, queue,
				 sqe(FERRY_OP_CRC32C, 64, FERRY_ADDR(window, 0), 0, 0), &cqe));
		EXPECT_NE(FERRY_OK, cqe_status(&cqe));
	}
	EXPECT_NE(0, nr_bad);
	EXPECT_EQ(0, memcmp(self->expected, self->src, HALF));
	close(other);
}

TEST_F(ops, one_buffer_serves_every_queue_of_its_file)
{
	uint32_t queue;
	struct ferry_cqe cqe;

	ASSERT_EQ(0, queue_create(self->fd, self->info.min_order, &queue));
	ASSERT_EQ(0, run(self->fd, queue, sqe(FERRY_OP_COPY, 5000, SRC(1), DST(3), 0), &cqe));
	expect_done(_metadata, &cqe, 5000, 0);
	EXPECT_EQ(0, memcmp(self->src + 1, self->dst + 3, 5000));
	/* And a queue that was made before the buffer. */
	ASSERT_EQ(0, run(self->fd, self->queue, sqe(FERRY_OP_COMPARE, 5000, SRC(1), DST(3), 0), &cqe));
	expect_done(_metadata, &cqe, 5000, 0);
}

TEST_F(ops, entries_of_a_queue_see_what_those_before_them_wrote)
{
	const struct ferry_sqe chain[] = {
		sqe(FERRY_OP_FILL, 4096, 0, DST(0), 0x0101010101010101),
		sqe(FERRY_OP_COPY, 4096, DST(0), DST(4096), 0),
		sqe(FERRY_OP_COPY, 8192, DST(0), DST(8192), 0),
		sqe(FERRY_OP_COMPARE, 8192, DST(0), DST(8192), 0),
	};
	struct ferry_cqe cqes[ARRAY_SIZE(chain)];
	uint32_t nr = ARRAY_SIZE(chain);

	for (int round = 0; round < 50; round++) {
		memset(self->dst, 0xee, 16 * KiB);
		for (uint32_t done = 0; done < nr; ) {
			int n = submit(self->fd, self->queue, chain + done, nr - done);

			ASSERT_LT(0, n);
			ASSERT_EQ(n, reap(self->fd, self->queue, cqes + done, n, n, FOREVER));
			done += n;
		}
		EXPECT_EQ(FERRY_OK, cqe_status(&cqes[nr - 1]));
		EXPECT_EQ(0, cqe_flags(&cqes[nr - 1]));
		ASSERT_TRUE(all_bytes(self->dst, 16 * KiB, 1));
	}
}

/* Copies, checked byte by byte, by several processes with several queues each. */
static int copy_in_a_loop(uint32_t seed)
{
	enum { QUEUES = 2, ROUNDS = 60, SIZE = 20000 };
	uint32_t queues[QUEUES], buffer;
	int fd = ferry_open();
	struct ferry_cqe cqe;
	struct ferry_info info;
	uint8_t *map;

	if (fd < 0 || ferry_info(fd, &info))
		return 1;
	for (int q = 0; q < QUEUES; q++)
		if (queue_create(fd, info.min_order, &queues[q]))
			return 2;
	map = buf_new(fd, 2 * QUEUES * SIZE, 0, &buffer);
	if (!map)
		return 3;
	for (int round = 0; round < ROUNDS; round++) {
		for (int q = 0; q < QUEUES; q++) {
			uint32_t from = 2 * q * SIZE, to = from + SIZE;
			struct ferry_sqe copy = sqe(FERRY_OP_COPY_CRC32C, SIZE,
						    FERRY_ADDR(buffer, from), FERRY_ADDR(buffer, to), 0);

			pattern(map + from, SIZE, seed + round * QUEUES + q);
			if (submit(fd, queues[q], &copy, 1) != 1)
				return 4;
		}
		for (int q = 0; q < QUEUES; q++) {
			uint8_t *from = map + 2 * q * SIZE;

			if (reap(fd, queues[q], &cqe, 1, 1, FOREVER) != 1)
				return 5;
			if (cqe_status(&cqe) || cqe_result(&cqe) != crc32c(0, from, SIZE))
				return 6;
			if (memcmp(from, from + SIZE, SIZE))
				return 7;
		}
	}
	close(fd);
	return 0;
}

TEST(two_processes_with_two_queues_each_do_not_disturb_each_other)
{
	pid_t pids[2];
	int status;

	for (int i = 0; i < 2; i++) {
		pids[i] = fork();
		ASSERT_LE(0, pids[i]);
		if (!pids[i])
			_exit(copy_in_a_loop(1000 * (i + 1)));
	}
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(pids[i], waitpid(pids[i], &status, 0));
		EXPECT_EQ(0, status);
	}
}

TEST_HARNESS_MAIN
