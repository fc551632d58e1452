// SPDX-License-Identifier: GPL-2.0-only
/*
 * Work: every operation against a software version of it, rings that wrap and
 * fill, and all the ways to wait for a completion. Nothing here sleeps to win
 * a race: what must be in flight is made too long to be over, and what must
 * have begun to wait is either seen waiting or allowed to be late.
 */
#include <sys/epoll.h>

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

/* Batches of every size, so that each slot is first, last and in the middle. */
TEST_F(ops, ring_wraps_many_times_without_losing_or_repeating)
{
	struct ferry_sqe *sqes = calloc(self->entries, sizeof(*sqes));
	struct ferry_cqe *cqes = calloc(self->entries, sizeof(*cqes));
	uint32_t seq = 0, nr = 1, wraps = 0;
	uint64_t value = 1;

	while (wraps < 100) {
		struct ferry_submit args = {
			.size = sizeof(args), .queue = self->queue, .nr_sqes = nr,
			.sqes = (uintptr_t)sqes, .cqes = (uintptr_t)cqes, .nr_cqes = self->entries,
			.min_cqes = nr, .timeout_ns = FOREVER,
		};

		for (uint32_t i = 0; i < nr; i++)
			sqes[i] = sqe(FERRY_OP_FILL, 8, 0, DST(8 * i), value + i);
		ASSERT_EQ(0, ferry_ioctl(self->fd, FERRY_IOC_SUBMIT, &args));
		ASSERT_EQ(nr, args.submitted);
		ASSERT_EQ(nr, args.reaped);
		ASSERT_EQ(seq, args.first);
		for (uint32_t i = 0; i < nr; i++) {
			uint64_t seen;

			memcpy(&seen, self->dst + 8 * i, 8);
			ASSERT_EQ(value + i, seen);
			ASSERT_EQ(seq + i + 1, cqe_seq(&cqes[i]));
			ASSERT_EQ(FERRY_OK, cqe_status(&cqes[i]));
		}
		value += nr;
		seq += nr;
		wraps = seq / self->entries;
		nr = nr == self->entries ? 1 : nr + 1;
	}
	free(sqes);
	free(cqes);
}

TEST_F(ops, full_ring_takes_what_fits_then_EAGAIN)
{
	struct ferry_sqe *sqes = calloc(self->entries + 5, sizeof(*sqes));
	struct ferry_cqe *cqes = calloc(self->entries, sizeof(*cqes));
	struct ferry_submit args = {
		.size = sizeof(args), .queue = self->queue, .sqes = (uintptr_t)sqes,
		.cqes = (uintptr_t)cqes,
	};
	const uint32_t half = self->entries / 2;

	ASSERT_EQ(half, submit(self->fd, self->queue, sqes, half));
	EXPECT_EQ(self->entries - half, submit(self->fd, self->queue, sqes, self->entries + 5));
	/* Completed is not enough: the slots are free when they are reaped. */
	ASSERT_EQ(0, queue_flush(self->fd, self->queue, FOREVER));
	EXPECT_EQ(-EAGAIN, submit(self->fd, self->queue, sqes, 1));
	EXPECT_EQ(-EAGAIN, submit(self->fd, self->queue, sqes, self->entries));

	/* With room for completions the call succeeds with those alone. */
	args.nr_sqes = 1;
	args.nr_cqes = 1;
	ASSERT_EQ(0, ferry_ioctl(self->fd, FERRY_IOC_SUBMIT, &args));
	EXPECT_EQ(0, args.submitted);
	EXPECT_EQ(1, args.reaped);
	for (uint32_t left = self->entries - 1; left; ) {
		int n = reap(self->fd, self->queue, cqes, self->entries, 1, FOREVER);

		ASSERT_LT(0, n);
		left -= n;
	}
	EXPECT_EQ(self->entries, submit(self->fd, self->queue, sqes, self->entries + 5));
	free(sqes);
	free(cqes);
}

TEST_F(ops, wait_reaps_no_more_than_there_is_room_for)
{
	struct ferry_sqe nops[4] = {};
	struct ferry_cqe cqes[4];

	ASSERT_EQ(4, submit(self->fd, self->queue, nops, 4));
	ASSERT_EQ(0, queue_flush(self->fd, self->queue, FOREVER));
	EXPECT_EQ(0, reap(self->fd, self->queue, cqes, 0, 0, 0));
	memset(cqes, 0xee, sizeof(cqes));
	EXPECT_EQ(3, reap(self->fd, self->queue, cqes, 3, 1, FOREVER));
	EXPECT_EQ(3, cqe_seq(&cqes[2]));
	EXPECT_TRUE(all_bytes(&cqes[3], sizeof(cqes[3]), 0xee));
	EXPECT_EQ(1, reap(self->fd, self->queue, cqes, 4, 1, FOREVER));
	EXPECT_EQ(4, cqe_seq(&cqes[0]));
	EXPECT_EQ(0, reap(self->fd, self->queue, cqes, 4, 0, FOREVER));
}

TEST_F(ops, wait_on_an_idle_queue_is_EAGAIN_or_ETIME)
{
	static const int64_t timeouts[] = { 1, 1000, 20 * NSEC_PER_MSEC };
	struct ferry_cqe cqe;
	int64_t start;

	EXPECT_EQ(-EAGAIN, reap(self->fd, self->queue, &cqe, 1, 1, 0));
	for (size_t i = 0; i < ARRAY_SIZE(timeouts); i++) {
		start = now_ns();
		EXPECT_EQ(-ETIME, reap(self->fd, self->queue, &cqe, 1, 1, timeouts[i]));
		EXPECT_LE(timeouts[i], now_ns() - start);
	}
}

TEST_F(ops, wait_that_times_out_keeps_what_it_got)
{
	struct ferry_sqe nops[2] = {};
	struct ferry_cqe cqes[8];
	int64_t start;

	ASSERT_EQ(2, submit(self->fd, self->queue, nops, 2));
	start = now_ns();
	EXPECT_EQ(2, reap(self->fd, self->queue, cqes, 8, 3, 20 * NSEC_PER_MSEC));
	EXPECT_LE(20 * NSEC_PER_MSEC, now_ns() - start);
	EXPECT_EQ(2, cqe_seq(&cqes[1]));
	/* And so does a submission. */
	struct ferry_submit args = {
		.size = sizeof(args), .queue = self->queue, .nr_sqes = 1, .sqes = (uintptr_t)nops,
		.cqes = (uintptr_t)cqes, .nr_cqes = 8, .min_cqes = 8, .timeout_ns = NSEC_PER_MSEC,
	};
	ASSERT_EQ(0, ferry_ioctl(self->fd, FERRY_IOC_SUBMIT, &args));
	EXPECT_EQ(1, args.submitted);
	EXPECT_EQ(2, args.first);
}

TEST_F(ops, read_returns_events_of_any_queue_as_many_as_fit)
{
	struct ferry_sqe nops[3] = {};
	struct ferry_event events[8];
	uint32_t queue, seen[2] = {};
	ssize_t n, total = 0;

	ASSERT_EQ(0, queue_create(self->fd, self->info.min_order, &queue));
	ASSERT_EQ(3, submit(self->fd, self->queue, nops, 3));
	ASSERT_EQ(3, submit(self->fd, queue, nops, 3));
	ASSERT_EQ(0, queue_flush(self->fd, self->queue, FOREVER));
	ASSERT_EQ(0, queue_flush(self->fd, queue, FOREVER));
	while (total < 6) {
		/* Two records and a half: two. */
		n = read(self->fd, events, 5 * sizeof(*events) / 2);
		ASSERT_LT(0, n);
		EXPECT_EQ(0, n % sizeof(*events));
		n /= sizeof(*events);
		EXPECT_GE(2, n);
		for (ssize_t i = 0; i < n; i++) {
			uint32_t which = events[i].queue == queue;

			EXPECT_TRUE(which || events[i].queue == self->queue);
			EXPECT_EQ(++seen[which], cqe_seq(&events[i].cqe));
		}
		total += n;
	}
	EXPECT_EQ(3, seen[0]);
	EXPECT_EQ(3, seen[1]);
}

TEST_F(ops, read_with_O_NONBLOCK_is_EAGAIN_until_something_completes)
{
	int fd = ferry_open_flags(O_NONBLOCK);
	struct ferry_event event;
	struct ferry_sqe nop = {};
	uint32_t queue;

	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, read(fd, &event, sizeof(event)));
	EXPECT_EQ(EAGAIN, errno);
	ASSERT_EQ(0, queue_create(fd, self->info.min_order, &queue));
	EXPECT_EQ(-1, read(fd, &event, sizeof(event)));
	EXPECT_EQ(EAGAIN, errno);
	ASSERT_EQ(1, submit(fd, queue, &nop, 1));
	ASSERT_EQ(0, queue_flush(fd, queue, FOREVER));
	EXPECT_EQ(sizeof(event), read(fd, &event, sizeof(event)));
	EXPECT_EQ(queue, event.queue);
	EXPECT_EQ(-1, read(fd, &event, sizeof(event)));
	EXPECT_EQ(EAGAIN, errno);
	close(fd);
}

static short poll_now(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	return poll(&p, 1, timeout_ms) < 0 ? -1 : p.revents;
}

TEST_F(ops, poll_tells_completions_and_free_slots)
{
	struct ferry_sqe *nops = calloc(self->entries, sizeof(*nops));
	struct ferry_cqe *cqes = calloc(self->entries, sizeof(*cqes));
	int fd = ferry_open();
	uint32_t queue;

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, poll_now(fd, 0));
	ASSERT_EQ(0, queue_create(fd, self->info.min_order, &queue));
	EXPECT_EQ(POLLOUT, poll_now(fd, 0));
	ASSERT_EQ(1, submit(fd, queue, nops, 1));
	ASSERT_EQ(0, queue_flush(fd, queue, FOREVER));
	EXPECT_EQ(POLLIN | POLLOUT, poll_now(fd, 0));
	ASSERT_EQ(self->entries - 1, submit(fd, queue, nops, self->entries));
	ASSERT_EQ(0, queue_flush(fd, queue, FOREVER));
	EXPECT_EQ(POLLIN, poll_now(fd, 0));
	ASSERT_EQ(self->entries, reap(fd, queue, cqes, self->entries, 1, FOREVER));
	EXPECT_EQ(POLLOUT, poll_now(fd, 0));
	ASSERT_EQ(0, queue_destroy(fd, queue));
	EXPECT_EQ(0, poll_now(fd, 0));
	close(fd);
	free(nops);
	free(cqes);
}

/* The sleeper may come before or after the completion: both must wake it. */
TEST_F(ops, poll_wakes_for_every_single_completion)
{
	struct pollfd p = { .fd = self->fd, .events = POLLIN };
	struct ferry_sqe nop = {};
	struct ferry_cqe cqe;

	for (int i = 0; i < 2000; i++) {
		ASSERT_EQ(1, submit(self->fd, self->queue, &nop, 1));
		ASSERT_EQ(1, poll(&p, 1, -1));
		ASSERT_EQ(POLLIN, p.revents);
		ASSERT_EQ(1, reap(self->fd, self->queue, &cqe, 1, 1, 0));
		ASSERT_EQ(i + 1, cqe_seq(&cqe));
	}
}

TEST_F(ops, edge_triggered_epoll_wakes_for_what_comes_after_what_was_read)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	struct ferry_sqe nop = {};
	struct ferry_cqe cqe;
	int ep = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_GE(ep, 0);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->fd, &event));
	for (int i = 0; i < 500; i++) {
		ASSERT_EQ(1, submit(self->fd, self->queue, &nop, 1));
		ASSERT_EQ(1, epoll_wait(ep, &event, 1, -1));
		while (reap(self->fd, self->queue, &cqe, 1, 1, 0) == 1)
			;
		ASSERT_EQ(i + 1, cqe_seq(&cqe));
	}
	close(ep);
}

TEST_F(ops, blocking_read_wakes_for_every_single_completion)
{
	struct ferry_event event;
	struct ferry_sqe nop = {};

	for (int i = 0; i < 2000; i++) {
		ASSERT_EQ(1, submit(self->fd, self->queue, &nop, 1));
		ASSERT_EQ(sizeof(event), read(self->fd, &event, sizeof(event)));
		ASSERT_EQ(i + 1, cqe_seq(&event.cqe));
	}
}

enum how { BY_WAIT, BY_POLL, BY_READ };

struct worker {
	pthread_t thread;
	int fd;
	uint32_t queue;
	uint32_t reaped;
	enum how how;
	int result;
};

/* Reap by ioctl, read or poll until the queue is destroyed under us. */
static void *reaper(void *data)
{
	struct worker *w = data;
	struct ferry_event event;
	struct ferry_cqe cqe;

	for (;;) {
		struct pollfd p = { .fd = w->fd, .events = POLLIN };
		int n = -1;

		switch (w->how) {
		case BY_WAIT:
			n = reap(w->fd, w->queue, &cqe, 1, 1, FOREVER);
			break;
		case BY_POLL:
			n = poll(&p, 1, 10) < 0 ? -errno : 0;
			if (!n)
				n = reap(w->fd, w->queue, &cqe, 1, 0, 0);
			break;
		case BY_READ:
			n = read(w->fd, &event, sizeof(event));
			n = n < 0 ? -errno : n == sizeof(event) ? 1 : -EPROTO;
			break;
		}
		if (n < 0) {
			w->result = n;
			return NULL;
		}
		if (n)
			__atomic_add_fetch(&w->reaped, n, __ATOMIC_RELAXED);
	}
}

#define REAPERS	4

/*
 * The classic: with the least of all waiters armed, a completion that one of
 * them takes must not leave another asleep over the next. Each takes one at a
 * time here, and work is only added when all of it was reaped.
 */
static void feed_reapers(struct __test_metadata *_metadata, FIXTURE_DATA(ops) *self,
			 struct worker *w, int nr_workers)
{
	struct ferry_sqe nops[REAPERS] = {};
	uint32_t expected = 0, reaped;

	for (int i = 0; i < nr_workers; i++) {
		w[i].fd = self->fd;
		w[i].queue = self->queue;
		ASSERT_EQ(0, pthread_create(&w[i].thread, NULL, reaper, &w[i]));
	}
	for (int round = 0; round < 400; round++) {
		uint32_t nr = 1 + round % nr_workers;

		ASSERT_EQ(nr, submit(self->fd, self->queue, nops, nr));
		expected += nr;
		do {
			sched_yield();
			reaped = 0;
			for (int i = 0; i < nr_workers; i++)
				reaped += __atomic_load_n(&w[i].reaped, __ATOMIC_RELAXED);
		} while (reaped < expected);
		ASSERT_EQ(expected, reaped);
	}
}

TEST_F(ops, waiters_in_several_threads_lose_no_wake_up)
{
	struct worker w[REAPERS] = { [REAPERS - 1] = { .how = BY_POLL } };

	feed_reapers(_metadata, self, w, REAPERS);
	ASSERT_EQ(0, queue_destroy(self->fd, self->queue));
	for (int i = 0; i < REAPERS; i++) {
		ASSERT_EQ(0, pthread_join(w[i].thread, NULL));
		EXPECT_EQ(-ENOENT, w[i].result);
	}
}

TEST_F(ops, readers_in_several_threads_lose_no_wake_up)
{
	struct worker w[] = { { .how = BY_READ }, { .how = BY_READ }, { .how = BY_READ } };

	feed_reapers(_metadata, self, w, ARRAY_SIZE(w));
	/* The readers still sleep; the process ends with them, and so must the driver. */
}

static void *submitter(void *data)
{
	struct worker *w = data;

	for (int i = 0; i < 1000; ) {
		struct ferry_sqe nop = {};
		int n = submit(w->fd, w->queue, &nop, 1);

		if (n == 1) {
			i++;
		} else if (n == -EAGAIN) {
			sched_yield();
		} else {
			w->result = n;
			return NULL;
		}
	}
	return NULL;
}

TEST_F(ops, submitters_in_several_threads_share_a_queue)
{
	enum { THREADS = 3 };
	struct worker w[THREADS] = {};
	struct ferry_cqe cqe;

	for (int i = 0; i < THREADS; i++) {
		w[i].fd = self->fd;
		w[i].queue = self->queue;
		ASSERT_EQ(0, pthread_create(&w[i].thread, NULL, submitter, &w[i]));
	}
	for (uint32_t seq = 1; seq <= 1000 * THREADS; seq++) {
		ASSERT_EQ(1, reap(self->fd, self->queue, &cqe, 1, 1, FOREVER));
		ASSERT_EQ(seq, cqe_seq(&cqe));
		ASSERT_EQ(FERRY_OK, cqe_status(&cqe));
	}
	for (int i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_join(w[i].thread, NULL));
		EXPECT_EQ(0, w[i].result);
	}
	EXPECT_EQ(-EAGAIN, reap(self->fd, self->queue, &cqe, 1, 1, 0));
}

static void on_alarm(int sig)
{
}

static void arm_signal(void)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec often = { { 0, 5 * NSEC_PER_MSEC }, { 0, 5 * NSEC_PER_MSEC } };
	timer_t timer;

	/* It comes again and again, so none of them has to come at the right time. */
	sigaction(SIGUSR1, &sa, NULL);
	timer_create(CLOCK_MONOTONIC, &ev, &timer);
	timer_settime(timer, 0, &often, NULL);
}

TEST_F(ops, signal_ends_a_wait_with_EINTR)
{
	struct ferry_event event;
	struct ferry_cqe cqe;

	arm_signal();
	EXPECT_EQ(-EINTR, reap(self->fd, self->queue, &cqe, 1, 1, FOREVER));
	EXPECT_EQ(-EINTR, reap(self->fd, self->queue, &cqe, 1, 1, 3600 * NSEC_PER_SEC));
	EXPECT_EQ(-1, read(self->fd, &event, sizeof(event)));
	EXPECT_EQ(EINTR, errno);
}

TEST_F(ops, signal_does_not_take_away_what_was_submitted)
{
	struct ferry_sqe nop = {};
	struct ferry_cqe cqes[4];
	struct ferry_submit args = {
		.size = sizeof(args), .queue = self->queue, .nr_sqes = 1, .sqes = (uintptr_t)&nop,
		.cqes = (uintptr_t)cqes, .nr_cqes = 4, .min_cqes = 2, .timeout_ns = FOREVER,
	};
	uint32_t reaped = 0;

	arm_signal();
	ASSERT_EQ(0, ferry_ioctl(self->fd, FERRY_IOC_SUBMIT, &args));
	EXPECT_EQ(1, args.submitted);
	EXPECT_GE(1, args.reaped);
	for (reaped = args.reaped; !reaped; ) {
		int n = reap(self->fd, self->queue, cqes, 4, 1, FOREVER);

		ASSERT_TRUE(n == 1 || n == -EINTR);
		reaped = n == 1;
	}
	EXPECT_EQ(1, cqe_seq(&cqes[0]));
}

/* Work that lasts: see make_busy(). */
FIXTURE(busy)
{
	int fd;
	uint32_t queue;
	uint32_t entries;
	uint32_t buffer;
	size_t length;
	uint8_t *map;
	struct ferry_cqe *cqes;
	struct ferry_info info;
};

FIXTURE_SETUP(busy)
{
	uint32_t order;

	self->fd = ferry_open();
	ASSERT_LE(0, self->fd) TH_LOG("%s: %s", ferry_path(), strerror(-self->fd));
	ASSERT_EQ(0, ferry_info(self->fd, &self->info));
	order = self->info.max_order < 8 ? self->info.max_order : 8;
	ASSERT_EQ(0, queue_create(self->fd, order, &self->queue));
	self->entries = 1u << order;
	for (self->length = 8 * MiB; !self->map && self->length > MiB / 2; self->length /= 2)
		self->map = buf_new(self->fd, self->length, 0, &self->buffer);
	ASSERT_NE(NULL, self->map);
	self->length *= 2;
	pattern(self->map, self->length / 2, 3);
	self->cqes = calloc(self->entries, sizeof(*self->cqes));
	ASSERT_NE(NULL, self->cqes);
}

FIXTURE_TEARDOWN(busy)
{
	close(self->fd);
	free(self->cqes);
}

TEST_F(busy, flush_waits_for_all_of_it_and_reaps_nothing)
{
	ASSERT_EQ(0, queue_flush(self->fd, self->queue, 0));
	ASSERT_EQ(self->entries, make_busy(self->fd, self->queue, self->buffer, self->length,
					   self->entries));
	EXPECT_EQ(-ETIME, queue_flush(self->fd, self->queue, 0));
	EXPECT_EQ(-ETIME, queue_flush(self->fd, self->queue, NSEC_PER_MSEC));
	EXPECT_EQ(0, queue_flush(self->fd, self->queue, FOREVER));
	EXPECT_EQ(0, queue_flush(self->fd, self->queue, 0));
	/* They are all there, without waiting. */
	EXPECT_EQ(self->entries, reap(self->fd, self->queue, self->cqes, self->entries,
				      self->entries, 0));
	for (uint32_t i = 0; i < self->entries; i++) {
		EXPECT_EQ(FERRY_OK, cqe_status(&self->cqes[i]));
		EXPECT_EQ(i + 1, cqe_seq(&self->cqes[i]));
	}
	EXPECT_EQ(0, memcmp(self->map, self->map + self->length / 2, self->length / 2));
}

TEST_F(busy, flush_is_interrupted_by_a_signal)
{
	ASSERT_EQ(self->entries, make_busy(self->fd, self->queue, self->buffer, self->length,
					   self->entries));
	arm_signal();
	EXPECT_EQ(-EINTR, queue_flush(self->fd, self->queue, FOREVER));
}

TEST_F(busy, timeout_of_any_size_is_a_timeout)
{
	static const int64_t timeouts[] = {
		INT64_MAX, INT64_MAX - 1, 1LL << 62, 3600 * NSEC_PER_SEC, -1, -2, INT64_MIN,
	};

	for (size_t i = 0; i < ARRAY_SIZE(timeouts); i++) {
		ASSERT_EQ(4, make_busy(self->fd, self->queue, self->buffer, self->length, 4));
		ASSERT_EQ(0, queue_flush(self->fd, self->queue, timeouts[i])) {
			TH_LOG("%lld", (long long)timeouts[i]);
		}
		ASSERT_EQ(4, make_busy(self->fd, self->queue, self->buffer, self->length, 4));
		ASSERT_EQ(8, reap(self->fd, self->queue, self->cqes, 8, 8, timeouts[i])) {
			TH_LOG("%lld", (long long)timeouts[i]);
		}
	}
}

static void expect_cancelled_tail(struct __test_metadata *_metadata, FIXTURE_DATA(busy) *self,
				  uint32_t first, uint32_t nr)
{
	uint32_t cancelled = 0;

	for (uint32_t i = 0; i < nr; i++) {
		const struct ferry_cqe *cqe = &self->cqes[i];

		ASSERT_EQ(first + i + 1, cqe_seq(cqe));
		if (cqe_status(cqe) == FERRY_OK) {
			EXPECT_EQ(self->length / 2, cqe_len(cqe));
			EXPECT_EQ(0, cancelled);
			continue;
		}
		EXPECT_EQ(FERRY_ERR_CANCELLED, cqe_status(cqe));
		EXPECT_GE(cancelled ? 0 : self->length / 2, cqe_len(cqe));
		cancelled++;
	}
	EXPECT_LT(0, cancelled);
}

TEST_F(busy, cancel_completes_everything_once_and_the_queue_goes_on)
{
	uint32_t first = 0;
	struct ferry_cqe cqe;

	ASSERT_EQ(0, queue_cancel(self->fd, self->queue));
	for (int round = 0; round < 5; round++) {
		ASSERT_EQ(self->entries, make_busy(self->fd, self->queue, self->buffer,
						   self->length, self->entries));
		ASSERT_EQ(0, queue_cancel(self->fd, self->queue));
		/* All have completed by now. */
		EXPECT_EQ(0, queue_flush(self->fd, self->queue, 0));
		ASSERT_EQ(self->entries, reap(self->fd, self->queue, self->cqes, self->entries,
					      self->entries, 0));
		expect_cancelled_tail(_metadata, self, first, self->entries);
		first += self->entries;
		ASSERT_EQ(0, queue_cancel(self->fd, self->queue));
		ASSERT_EQ(0, run(self->fd, self->queue,
				 sqe(FERRY_OP_CRC32C, 4096, FERRY_ADDR(self->buffer, 0), 0, 0), &cqe));
		EXPECT_EQ(FERRY_OK, cqe_status(&cqe));
		EXPECT_EQ(crc32c(0, self->map, 4096), cqe_result(&cqe));
		EXPECT_EQ(++first, cqe_seq(&cqe));
	}
}

TEST_F(busy, cancelled_copy_has_moved_as_many_bytes_as_it_says)
{
	size_t half = self->length / 2;
	uint32_t i, len;

	for (int round = 0; round < 5; round++) {
		for (i = 0; i < self->entries; i++)
			self->cqes[i].seq = 0;
		memset(self->map + half, 0, half);
		ASSERT_EQ(1, make_busy(self->fd, self->queue, self->buffer, self->length, 1));
		ASSERT_EQ(0, queue_cancel(self->fd, self->queue));
		ASSERT_EQ(1, reap(self->fd, self->queue, self->cqes, 1, 1, 0));
		len = cqe_len(&self->cqes[0]);
		if (cqe_status(&self->cqes[0]) == FERRY_OK)
			EXPECT_EQ(half, len);
		EXPECT_EQ(0, memcmp(self->map, self->map + half, len));
	}
}

TEST_F(busy, cancel_wakes_who_waits_for_the_cancelled)
{
	struct worker w = { .fd = self->fd, .queue = self->queue, .how = BY_WAIT };

	ASSERT_EQ(self->entries, make_busy(self->fd, self->queue, self->buffer, self->length,
					   self->entries));
	ASSERT_EQ(0, pthread_create(&w.thread, NULL, reaper, &w));
	ASSERT_EQ(0, queue_cancel(self->fd, self->queue));
	while (__atomic_load_n(&w.reaped, __ATOMIC_RELAXED) < self->entries)
		sched_yield();
	ASSERT_EQ(0, queue_destroy(self->fd, self->queue));
	ASSERT_EQ(0, pthread_join(w.thread, NULL));
	EXPECT_EQ(-ENOENT, w.result);
	EXPECT_EQ(self->entries, w.reaped);
}

TEST_F(busy, destroy_with_work_in_flight_stops_the_device)
{
	struct ferry_info info;
	uint32_t queue;

	for (int round = 0; round < 10; round++) {
		ASSERT_EQ(0, queue_create(self->fd, self->info.min_order, &queue));
		ASSERT_LT(0, make_busy(self->fd, queue, self->buffer, self->length, 64));
		ASSERT_EQ(0, queue_destroy(self->fd, queue));
		/* The device writes no more: what is put there stays. */
		memset(self->map + self->length / 2, 0x5a, self->length / 2);
		ASSERT_TRUE(all_bytes(self->map + self->length / 2, self->length / 2, 0x5a));
	}
	ASSERT_EQ(0, ferry_info(self->fd, &info));
	EXPECT_EQ(1, info.queues);
}

TEST_F(busy, freeing_a_buffer_revokes_it_from_work_in_flight)
{
	uint32_t victim;
	size_t length = self->length, half;
	uint8_t *map = NULL;
	bool revoked = false;

	while (!map && length >= MiB) {
		length /= 2;
		map = buf_new(self->fd, length, 0, &victim);
	}
	ASSERT_NE(NULL, map);
	half = length / 2;
	ASSERT_EQ(self->entries, make_busy(self->fd, self->queue, victim, length, self->entries));
	ASSERT_EQ(0, buf_free(self->fd, victim));
	/* The mapping is still ours, and the device keeps its hands off it. */
	memset(map, 0xa5, length);
	ASSERT_EQ(self->entries, reap(self->fd, self->queue, self->cqes, self->entries,
				      self->entries, FOREVER));
	for (uint32_t i = 0; i < self->entries; i++) {
		if (cqe_status(&self->cqes[i]) == FERRY_OK) {
			EXPECT_FALSE(revoked);
			EXPECT_EQ(half, cqe_len(&self->cqes[i]));
			continue;
		}
		EXPECT_EQ(FERRY_ERR_WINDOW_REVOKED, cqe_status(&self->cqes[i]));
		if (revoked)
			EXPECT_EQ(0, cqe_len(&self->cqes[i]));
		revoked = true;
	}
	EXPECT_TRUE(revoked);
	EXPECT_TRUE(all_bytes(map, length, 0xa5));
	munmap(map, length);
}

TEST_F(busy, busy_queue_does_not_hold_up_another)
{
	uint32_t queue;
	struct ferry_cqe cqe;

	ASSERT_EQ(0, queue_create(self->fd, self->info.min_order, &queue));
	ASSERT_EQ(self->entries, make_busy(self->fd, self->queue, self->buffer, self->length,
					   self->entries));
	for (int i = 0; i < 10; i++) {
		ASSERT_EQ(0, run(self->fd, queue, sqe(FERRY_OP_NOP, 0, 0, 0, 0), &cqe));
		EXPECT_EQ(FERRY_OK, cqe_status(&cqe));
	}
	EXPECT_EQ(-ETIME, queue_flush(self->fd, self->queue, 0)) {
		TH_LOG("the other queue only got its turn when this one was done");
	}
	ASSERT_EQ(0, queue_cancel(self->fd, self->queue));
	ASSERT_EQ(self->entries, reap(self->fd, self->queue, self->cqes, self->entries,
				      self->entries, 0));
	expect_cancelled_tail(_metadata, self, 0, self->entries);
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
