// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of rings: the test is the device.
 */
#include <kunit/test.h>
#include <kunit/visibility.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "ferry.h"
#include "ferry_compat.h"

#define TEST_ORDER	3
#define TEST_SIZE	((u32)BIT(TEST_ORDER))

/**
 * struct ring_test - rings whose device is the test
 * @ring: rings
 * @sq: submission slots
 * @cq: completion slots
 * @doorbell: what was rung last
 */
struct ring_test {
	struct ferry_ring ring;
	struct ferry_sqe sq[TEST_SIZE];
	struct ferry_cqe cq[TEST_SIZE];
	u32 doorbell;
};

static struct ring_test *ring_test_new(struct kunit *test, u32 first)
{
	struct ring_test *rt = kunit_kzalloc(test, sizeof(*rt), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, rt);
	/* What an earlier owner may have left. */
	memset(rt->cq, 0xff, sizeof(rt->cq));
	ferry_ring_init(&rt->ring, rt->sq, rt->cq, (void __iomem __force *)&rt->doorbell,
			TEST_ORDER, first);
	return rt;
}

/* What the device does when entry i is through. */
static void ring_test_complete(struct ring_test *rt, u32 i)
{
	struct ferry_cqe *cqe = ferry_ring_cqe(&rt->ring, i);

	cqe->status = FERRY_OK;
	cqe->len = cpu_to_le32(i);
	cqe->seq = cpu_to_le32(i + 1);
}

static u32 ring_test_len(struct ring_test *rt, u32 i)
{
	return le32_to_cpu(ferry_ring_cqe(&rt->ring, i)->len);
}

/* The device, all at once. */
static void ring_test_complete_all(struct ring_test *rt)
{
	u32 i;

	for (i = rt->ring.head; i != rt->ring.tail; i++)
		ring_test_complete(rt, i);
}

static void ring_starts_empty_at_any_index(struct kunit *test)
{
	static const u32 firsts[] = { 0, 1, TEST_SIZE - 1, TEST_SIZE, 0x7fffffff, U32_MAX - 2,
				      U32_MAX };
	struct ring_test *rt;
	u32 n, i;

	for (n = 0; n < ARRAY_SIZE(firsts); n++) {
		rt = ring_test_new(test, firsts[n]);
		KUNIT_EXPECT_EQ(test, ferry_ring_size(&rt->ring), TEST_SIZE);
		KUNIT_EXPECT_EQ(test, ferry_ring_space(&rt->ring), TEST_SIZE);
		KUNIT_EXPECT_EQ(test, ferry_ring_completed(&rt->ring, TEST_SIZE), 0);
		KUNIT_EXPECT_TRUE(test, ferry_ring_done(&rt->ring, firsts[n]));
		for (i = 0; i < TEST_SIZE; i++)
			KUNIT_EXPECT_FALSE(test, ferry_ring_ready(&rt->ring, firsts[n] + i));
	}
}

static void ring_publish_rings_once_with_tail(struct kunit *test)
{
	struct ring_test *rt = ring_test_new(test, 0);

	ferry_ring_publish(&rt->ring, 3);
	KUNIT_EXPECT_EQ(test, rt->doorbell, 3);
	KUNIT_EXPECT_EQ(test, ferry_ring_space(&rt->ring), TEST_SIZE - 3);
	ferry_ring_publish(&rt->ring, TEST_SIZE - 3);
	KUNIT_EXPECT_EQ(test, rt->doorbell, TEST_SIZE);
	KUNIT_EXPECT_EQ(test, ferry_ring_space(&rt->ring), 0);
}

static void ring_run_ends_where_it_wraps(struct kunit *test)
{
	struct ring_test *rt = ring_test_new(test, 0);

	KUNIT_EXPECT_EQ(test, ferry_ring_run(&rt->ring, 0, 100), TEST_SIZE);
	KUNIT_EXPECT_EQ(test, ferry_ring_run(&rt->ring, 5, 100), TEST_SIZE - 5);
	KUNIT_EXPECT_EQ(test, ferry_ring_run(&rt->ring, 5, 2), 2);
	KUNIT_EXPECT_EQ(test, ferry_ring_run(&rt->ring, U32_MAX, 4), 1);
	KUNIT_EXPECT_PTR_EQ(test, ferry_ring_sqe(&rt->ring, U32_MAX), &rt->sq[TEST_SIZE - 1]);
}

/* Over the point where the index wraps to 0, in batches that don't divide the ring. */
static void ring_goes_on_when_indices_wrap(struct kunit *test)
{
	struct ring_test *rt = ring_test_new(test, U32_MAX - TEST_SIZE - 2);
	u32 expect = rt->ring.head;
	u32 batch, run, got, i;

	for (batch = 0; batch < 8; batch++) {
		ferry_ring_publish(&rt->ring, 5);
		KUNIT_EXPECT_EQ(test, rt->doorbell, expect + 5);
		KUNIT_EXPECT_EQ(test, ferry_ring_completed(&rt->ring, 5), 0);
		KUNIT_EXPECT_FALSE(test, ferry_ring_done(&rt->ring, rt->ring.tail));
		ring_test_complete_all(rt);
		KUNIT_EXPECT_TRUE(test, ferry_ring_done(&rt->ring, rt->ring.tail));
		for (got = 0; got < 5; got += run) {
			run = ferry_ring_completed(&rt->ring, 5 - got);
			KUNIT_ASSERT_GT(test, run, 0);
			for (i = 0; i < run; i++, expect++)
				KUNIT_EXPECT_EQ(test, expect, ring_test_len(rt, expect));
			ferry_ring_reap(&rt->ring, run);
		}
		KUNIT_EXPECT_EQ(test, ferry_ring_space(&rt->ring), TEST_SIZE);
		KUNIT_EXPECT_TRUE(test, ferry_ring_done(&rt->ring, rt->ring.tail));
	}
}

static void ring_ignores_completions_of_the_lap_before(struct kunit *test)
{
	struct ring_test *rt = ring_test_new(test, 0);

	ferry_ring_publish(&rt->ring, TEST_SIZE);
	ring_test_complete_all(rt);
	ferry_ring_reap(&rt->ring, TEST_SIZE);
	ferry_ring_publish(&rt->ring, TEST_SIZE);
	KUNIT_EXPECT_EQ(test, ferry_ring_completed(&rt->ring, TEST_SIZE), 0);
	ring_test_complete(rt, TEST_SIZE);
	KUNIT_EXPECT_EQ(test, ferry_ring_completed(&rt->ring, TEST_SIZE), 1);
}

static void ring_stops_at_a_gap_in_the_completions(struct kunit *test)
{
	struct ring_test *rt = ring_test_new(test, 0);

	ferry_ring_publish(&rt->ring, 4);
	ring_test_complete(rt, 0);
	ring_test_complete(rt, 2);
	KUNIT_EXPECT_EQ(test, ferry_ring_completed(&rt->ring, 4), 1);
	KUNIT_EXPECT_EQ(test, ferry_ring_pending(&rt->ring), 1);
}

static void ring_completed_is_not_more_than_asked(struct kunit *test)
{
	struct ring_test *rt = ring_test_new(test, 0);

	ferry_ring_publish(&rt->ring, 4);
	ring_test_complete_all(rt);
	KUNIT_EXPECT_EQ(test, ferry_ring_completed(&rt->ring, 0), 0);
	KUNIT_EXPECT_EQ(test, ferry_ring_completed(&rt->ring, 3), 3);
}

/* STOP left the device in the middle: the rest is completed by the driver. */
static void ring_undo_makes_a_completion_one_to_come(struct kunit *test)
{
	struct ring_test *rt = ring_test_new(test, U32_MAX);

	ferry_ring_publish(&rt->ring, 3);
	ring_test_complete(rt, U32_MAX);
	ring_test_complete(rt, 0);
	KUNIT_EXPECT_EQ(test, ferry_ring_pending(&rt->ring), 1);
	ferry_ring_undo(&rt->ring, 0);
	KUNIT_EXPECT_EQ(test, ferry_ring_pending(&rt->ring), 0);
	KUNIT_EXPECT_FALSE(test, ferry_ring_done(&rt->ring, 1));
	/* Submitted again it completes in the same slot. */
	ring_test_complete(rt, 0);
	KUNIT_EXPECT_EQ(test, ferry_ring_pending(&rt->ring), 1);
	KUNIT_EXPECT_TRUE(test, ferry_ring_done(&rt->ring, 1));
}

/* Who has the rings need not read them: the slot has what came a lap later. */
static void ring_done_sees_through_laps_that_nobody_read(struct kunit *test)
{
	struct ring_test *rt = ring_test_new(test, U32_MAX - TEST_SIZE);
	u32 i, seq;

	for (i = U32_MAX - TEST_SIZE; i != TEST_SIZE + 3; i++)
		ring_test_complete(rt, i);
	for (seq = U32_MAX - 3 * TEST_SIZE; seq != i + 1; seq++)
		KUNIT_EXPECT_TRUE(test, ferry_ring_done(&rt->ring, seq));
	for (; seq != 3 * TEST_SIZE; seq++)
		KUNIT_EXPECT_FALSE(test, ferry_ring_done(&rt->ring, seq));
}

static void ring_adopts_no_more_than_a_lap(struct kunit *test)
{
	struct ring_test *rt = ring_test_new(test, 0);

	ferry_ring_adopt(&rt->ring, U32_MAX - 1, 3);
	KUNIT_EXPECT_EQ(test, rt->ring.head, U32_MAX - 1);
	KUNIT_EXPECT_EQ(test, rt->ring.tail, 3);
	ferry_ring_adopt(&rt->ring, 5, TEST_SIZE + 7);
	KUNIT_EXPECT_EQ(test, rt->ring.head, 7);
	KUNIT_EXPECT_EQ(test, rt->ring.tail, TEST_SIZE + 7);
	/* It went on between the two reads. */
	ferry_ring_adopt(&rt->ring, 12, 10);
	KUNIT_EXPECT_EQ(test, rt->ring.head, 12);
	KUNIT_EXPECT_EQ(test, rt->ring.tail, 12);
}

static void ring_fill_completes_what_the_device_dropped(struct kunit *test)
{
	struct ring_test *rt = ring_test_new(test, U32_MAX - 1);
	struct ferry_cqe *cqe;
	u32 i;

	ferry_ring_publish(&rt->ring, 6);
	ring_test_complete(rt, U32_MAX - 1);
	ring_test_complete(rt, U32_MAX);
	KUNIT_EXPECT_EQ(test, ferry_ring_pending(&rt->ring), 0);
	ferry_ring_fill(&rt->ring, 0, FERRY_ERR_CANCELLED);
	KUNIT_EXPECT_EQ(test, ferry_ring_pending(&rt->ring), rt->ring.tail);
	KUNIT_EXPECT_EQ(test, ferry_ring_cqe(&rt->ring, U32_MAX)->status, FERRY_OK);
	for (i = 0; i < 4; i++) {
		cqe = ferry_ring_cqe(&rt->ring, i);
		KUNIT_EXPECT_EQ(test, le16_to_cpu(cqe->status), FERRY_ERR_CANCELLED);
		KUNIT_EXPECT_EQ(test, le32_to_cpu(cqe->len), 0);
		KUNIT_EXPECT_EQ(test, le32_to_cpu(cqe->seq), i + 1);
	}
	KUNIT_EXPECT_FALSE(test, ferry_ring_ready(&rt->ring, 4));
}

static struct kunit_case ring_cases[] = {
	KUNIT_CASE(ring_starts_empty_at_any_index),
	KUNIT_CASE(ring_publish_rings_once_with_tail),
	KUNIT_CASE(ring_run_ends_where_it_wraps),
	KUNIT_CASE(ring_goes_on_when_indices_wrap),
	KUNIT_CASE(ring_ignores_completions_of_the_lap_before),
	KUNIT_CASE(ring_stops_at_a_gap_in_the_completions),
	KUNIT_CASE(ring_completed_is_not_more_than_asked),
	KUNIT_CASE(ring_undo_makes_a_completion_one_to_come),
	KUNIT_CASE(ring_fill_completes_what_the_device_dropped),
	KUNIT_CASE(ring_done_sees_through_laps_that_nobody_read),
	KUNIT_CASE(ring_adopts_no_more_than_a_lap),
	{ }
};

static struct kunit_suite ring_suite = {
	.name = "ferry_ring",
	.test_cases = ring_cases,
};

kunit_test_suite(ring_suite);

FERRY_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);
MODULE_DESCRIPTION("KUnit tests of the Ferry driver");
MODULE_LICENSE("GPL");
