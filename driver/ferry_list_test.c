// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of page lists: how a row names scattered memory.
 */
#include <kunit/test.h>
#include <kunit/visibility.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>

#include "ferry.h"
#include "ferry_list.h"

#define TEST_PIECES	4
#define MIN_SHIFT	12
#define MAX_SHIFT	30

struct list_test {
	struct scatterlist sg[TEST_PIECES];
	struct sg_table sgt;
	struct ferry_extent extent;
};

/* Only bus addresses and lengths are looked at. */
static int list_test_describe(struct list_test *lt, const u64 (*pieces)[2], u32 count, u64 offset,
			      u64 size, u32 max_shift)
{
	u32 i;

	sg_init_table(lt->sg, count);
	for (i = 0; i < count; i++) {
		sg_dma_address(&lt->sg[i]) = pieces[i][0];
		sg_dma_len(&lt->sg[i]) = pieces[i][1];
	}
	lt->sgt = (struct sg_table){ .sgl = lt->sg, .nents = count, .orig_nents = count };
	return ferry_list_describe(&lt->extent, &lt->sgt, offset, size, MIN_SHIFT, max_shift);
}

static u32 list_test_shift(const struct list_test *lt)
{
	return FIELD_GET(FERRY_ROW_FLAGS_PAGE_SHIFT, lt->extent.flags);
}

static void list_is_not_needed_for_memory_in_one_piece(struct kunit *test)
{
	static const u64 pieces[][2] = {
		{ 0x40001000, SZ_8K }, { 0x40003000, SZ_4K }, { 0x40004000, SZ_4K },
	};
	struct list_test lt;

	KUNIT_EXPECT_EQ(test, list_test_describe(&lt, pieces, 3, 5, 4 * SZ_4K - 7, 0), 0);
	KUNIT_EXPECT_EQ(test, lt.extent.flags, 0);
	KUNIT_EXPECT_EQ(test, lt.extent.base, 0x40001005);
	KUNIT_EXPECT_EQ(test, lt.extent.size, 4 * SZ_4K - 7);
	KUNIT_EXPECT_EQ(test, lt.extent.first, 0);
}

static void list_has_the_largest_page_that_fits_all_boundaries(struct kunit *test)
{
	static const u64 huge[][2] = {
		{ 0x40000000, SZ_2M }, { 0x80000000, SZ_4M }, { 0x60000000, SZ_2M },
	};
	static const u64 mixed[][2] = {
		{ 0x40000000, SZ_2M }, { 0x80000000, SZ_64K }, { 0x60000000, SZ_2M },
	};
	/* Where the memory as a whole begins and ends does not matter. */
	static const u64 ragged[][2] = {
		{ 0x401ff000, SZ_4K }, { 0x80000000, SZ_2M }, { 0x60000000, SZ_4K },
	};
	struct list_test lt;

	KUNIT_EXPECT_EQ(test, list_test_describe(&lt, huge, 3, 0, SZ_8M, MAX_SHIFT), 0);
	KUNIT_EXPECT_TRUE(test, lt.extent.flags & FERRY_ROW_FLAGS_LIST);
	KUNIT_EXPECT_EQ(test, list_test_shift(&lt), 21);
	KUNIT_EXPECT_EQ(test, list_test_describe(&lt, mixed, 3, 0, SZ_4M + SZ_64K, MAX_SHIFT), 0);
	KUNIT_EXPECT_EQ(test, list_test_shift(&lt), 16);
	KUNIT_EXPECT_EQ(test, list_test_describe(&lt, ragged, 3, 3, SZ_2M + SZ_4K, MAX_SHIFT), 0);
	KUNIT_EXPECT_EQ(test, list_test_shift(&lt), 21);
	KUNIT_EXPECT_EQ(test, lt.extent.first, 0x1ff003);
}

static void list_page_is_no_larger_than_the_device_takes(struct kunit *test)
{
	static const u64 pieces[][2] = { { 0x40000000, SZ_2M }, { 0x80000000, SZ_2M } };
	struct list_test lt;

	KUNIT_EXPECT_EQ(test, list_test_describe(&lt, pieces, 2, 0, SZ_4M, 16), 0);
	KUNIT_EXPECT_EQ(test, list_test_shift(&lt), 16);
	KUNIT_EXPECT_EQ(test, lt.extent.first, 0);
	/* The offset in the first page has to fit 32 bits. */
	KUNIT_EXPECT_EQ(test, list_test_describe(&lt, pieces, 2, 0, SZ_4M, 40), 0);
	KUNIT_EXPECT_EQ(test, list_test_shift(&lt), 21);
}

static void list_that_can_not_be_is_refused(struct kunit *test)
{
	static const u64 pieces[][2] = { { 0x40000000, SZ_4K }, { 0x80000000, SZ_4K } };
	static const u64 odd[][2] = { { 0x40000000, SZ_2K }, { 0x80000000, SZ_4K } };
	struct list_test lt;

	KUNIT_EXPECT_EQ(test, list_test_describe(&lt, pieces, 2, 0, SZ_8K, 0), -EOPNOTSUPP);
	KUNIT_EXPECT_EQ(test, list_test_describe(&lt, odd, 2, 0, SZ_4K + SZ_2K, MAX_SHIFT),
			-EOPNOTSUPP);
}

static void list_has_room_for_so_many_pages_and_no_more(struct kunit *test)
{
	static const u64 most = (u64)FERRY_LIST_MAX_PAGES * SZ_4K;
	static const u64 pieces[][2] = {
		{ 0x40000000, SZ_4K }, { 0x100000000, SZ_2G }, { 0x200000000, SZ_4K },
	};
	struct list_test lt;

	KUNIT_EXPECT_EQ(test, list_test_describe(&lt, pieces, 3, 0, most, MAX_SHIFT), 0);
	KUNIT_EXPECT_EQ(test, list_test_shift(&lt), MIN_SHIFT);
	KUNIT_EXPECT_EQ(test, list_test_describe(&lt, pieces, 3, 0, most + 1, MAX_SHIFT), -EFBIG);
	/* A page more, since it begins within the first. */
	KUNIT_EXPECT_EQ(test, list_test_describe(&lt, pieces, 3, 1, most, MAX_SHIFT), -EFBIG);
	KUNIT_EXPECT_EQ(test, list_test_describe(&lt, pieces, 3, 1, most - 1, MAX_SHIFT), 0);
}

/* Of a dma-buf a window may be any part; pieces around it do not count. */
static void list_is_of_the_pieces_that_the_window_is_in(struct kunit *test)
{
	static const u64 pieces[][2] = {
		{ 0x40001000, SZ_4K }, { 0x80000000, SZ_2M },
		{ 0x60000000, SZ_2M }, { 0x50003000, SZ_4K },
	};
	struct list_test lt;

	/* In the second alone, from its first byte to its last, or less. */
	KUNIT_EXPECT_EQ(test, list_test_describe(&lt, pieces, 4, SZ_4K, SZ_2M, 0), 0);
	KUNIT_EXPECT_EQ(test, lt.extent.flags, 0);
	KUNIT_EXPECT_EQ(test, lt.extent.base, 0x80000000);
	KUNIT_EXPECT_EQ(test, list_test_describe(&lt, pieces, 4, SZ_2M + SZ_4K - 1, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, lt.extent.base, 0x801fffff);
	/* From the second to the third. */
	KUNIT_EXPECT_EQ(test, list_test_describe(&lt, pieces, 4, SZ_4K + 5, 2 * SZ_2M - 5,
						 MAX_SHIFT), 0);
	KUNIT_EXPECT_EQ(test, list_test_shift(&lt), 21);
	KUNIT_EXPECT_EQ(test, lt.extent.first, 5);
	/* In the last. */
	KUNIT_EXPECT_EQ(test, list_test_describe(&lt, pieces, 4, SZ_4K + 2 * SZ_2M + 7, 9, 0), 0);
	KUNIT_EXPECT_EQ(test, lt.extent.base, 0x50003007);
	/* A byte more than there is. */
	KUNIT_EXPECT_EQ(test, list_test_describe(&lt, pieces, 4, SZ_4K, 2 * SZ_2M + SZ_4K + 1,
						 MAX_SHIFT), -EINVAL);
	KUNIT_EXPECT_EQ(test, list_test_describe(&lt, pieces, 4, 2 * SZ_2M + 2 * SZ_4K, 1,
						 MAX_SHIFT), -EINVAL);
}

static struct kunit_case list_cases[] = {
	KUNIT_CASE(list_is_not_needed_for_memory_in_one_piece),
	KUNIT_CASE(list_has_the_largest_page_that_fits_all_boundaries),
	KUNIT_CASE(list_page_is_no_larger_than_the_device_takes),
	KUNIT_CASE(list_that_can_not_be_is_refused),
	KUNIT_CASE(list_has_room_for_so_many_pages_and_no_more),
	KUNIT_CASE(list_is_of_the_pieces_that_the_window_is_in),
	{ }
};

static struct kunit_suite list_suite = {
	.name = "ferry_list",
	.test_cases = list_cases,
};

kunit_test_suite(list_suite);
