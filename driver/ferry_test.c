// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of what needs no device: rings, window tables, error decoding,
 * settings and moderation of ports.
 */
#include <kunit/test.h>
#include <kunit/visibility.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "ferry.h"
#include "ferry_compat.h"
#include "ferry_port.h"

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
	{ }
};

static struct kunit_suite ring_suite = {
	.name = "ferry_ring",
	.test_cases = ring_cases,
};

#define TEST_ROWS	4
#define TEST_STEPS	8

/**
 * struct window_test - a table whose device looks at every step
 * @tab: table
 * @rows: its memory
 * @win: windows to play with
 * @released: how often each was released
 * @syncs: row 1 at each sync
 * @nr_syncs: how many
 * @invalidated: row at each invalidation
 * @at_invalidate: row 1 at the last invalidation
 * @nr_invalidated: how many
 * @stuck: what invalidating returns
 */
struct window_test {
	struct ferry_wintab tab;
	struct ferry_row rows[TEST_ROWS];
	struct ferry_window win[TEST_ROWS];
	u32 released[TEST_ROWS];
	struct ferry_row syncs[TEST_STEPS];
	u32 nr_syncs;
	u32 invalidated[TEST_STEPS];
	struct ferry_row at_invalidate;
	u32 nr_invalidated;
	int stuck;
};

/* Releases carry no context, so there is one test at a time. */
static struct window_test *window_test;

static void window_test_sync(struct ferry_wintab *tab)
{
	struct window_test *wt = container_of(tab, struct window_test, tab);

	if (wt->nr_syncs < TEST_STEPS)
		wt->syncs[wt->nr_syncs] = wt->rows[1];
	wt->nr_syncs++;
}

static int window_test_invalidate(struct ferry_wintab *tab, u32 row)
{
	struct window_test *wt = container_of(tab, struct window_test, tab);

	if (wt->nr_invalidated < TEST_STEPS)
		wt->invalidated[wt->nr_invalidated] = row;
	wt->at_invalidate = wt->rows[1];
	wt->nr_invalidated++;
	return wt->stuck;
}

static const struct ferry_window_ops window_test_ops = {
	.sync = window_test_sync,
	.invalidate = window_test_invalidate,
};

static void window_test_release(struct ferry_window *win)
{
	window_test->released[win - window_test->win]++;
}

static int window_test_init(struct kunit *test)
{
	struct window_test *wt = kunit_kzalloc(test, sizeof(*wt), GFP_KERNEL);
	u32 i;

	if (!wt)
		return -ENOMEM;
	for (i = 0; i < TEST_ROWS; i++)
		wt->win[i].release = window_test_release;
	test->priv = wt;
	window_test = wt;
	return ferry_wintab_init(&wt->tab, &window_test_ops, wt->rows, TEST_ROWS);
}

static int window_test_grant(struct window_test *wt, u32 nr)
{
	return ferry_window_grant(&wt->tab, &wt->win[nr], 0x123456789000, 0x5000,
				  FERRY_ROW_FLAGS_READ);
}

/* The device may look between the steps: it must find the whole row or none. */
static void window_empty_to_granted_describes_before_valid(struct kunit *test)
{
	struct window_test *wt = test->priv;
	struct ferry_row *row = &wt->rows[1];

	KUNIT_ASSERT_EQ(test, window_test_grant(wt, 1), 0);
	KUNIT_EXPECT_EQ(test, wt->win[1].row, 1);

	/* One sync, between the description and VALID; nothing to forget. */
	KUNIT_EXPECT_EQ(test, wt->nr_syncs, 1);
	KUNIT_EXPECT_EQ(test, wt->nr_invalidated, 0);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(wt->syncs[0].flags), 0);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(wt->syncs[0].base), 0x123456789000);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(wt->syncs[0].size), 0x5000);

	KUNIT_EXPECT_EQ(test, le32_to_cpu(row->flags),
			FERRY_ROW_FLAGS_VALID | FERRY_ROW_FLAGS_READ);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(row->reserved), 0);

	ferry_window_revoke(&wt->tab, &wt->win[1]);
	ferry_wintab_fini(&wt->tab);
}

static void window_granted_to_empty_invalidates_before_release(struct kunit *test)
{
	struct window_test *wt = test->priv;

	KUNIT_ASSERT_EQ(test, window_test_grant(wt, 1), 0);
	wt->nr_syncs = 0;
	ferry_window_revoke(&wt->tab, &wt->win[1]);

	/* One sync after VALID went, then one invalidation, of this row. */
	KUNIT_EXPECT_EQ(test, wt->nr_syncs, 1);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(wt->syncs[0].flags), 0);
	KUNIT_EXPECT_EQ(test, wt->nr_invalidated, 1);
	KUNIT_EXPECT_EQ(test, wt->invalidated[0], 1);
	/* The rest stands until the channels forgot it. */
	KUNIT_EXPECT_EQ(test, le64_to_cpu(wt->at_invalidate.base), 0x123456789000);
	KUNIT_EXPECT_EQ(test, wt->released[1], 1);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(wt->rows[1].base), 0);
	ferry_wintab_fini(&wt->tab);
	KUNIT_EXPECT_EQ(test, wt->released[1], 1);
}

static void window_row_zero_is_never_granted(struct kunit *test)
{
	struct window_test *wt = test->priv;
	u32 i;

	for (i = 1; i < TEST_ROWS; i++) {
		KUNIT_ASSERT_EQ(test, window_test_grant(wt, i), 0);
		KUNIT_EXPECT_EQ(test, wt->win[i].row, i);
	}
	KUNIT_EXPECT_EQ(test, window_test_grant(wt, 0), -ENOSPC);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(wt->rows[0].flags), 0);
	for (i = 1; i < TEST_ROWS; i++)
		ferry_window_revoke(&wt->tab, &wt->win[i]);
	ferry_wintab_fini(&wt->tab);
}

/* An address that is not up to date must not mean other memory at once. */
static void window_revoked_row_is_used_again_as_late_as_possible(struct kunit *test)
{
	struct window_test *wt = test->priv;

	KUNIT_ASSERT_EQ(test, window_test_grant(wt, 1), 0);
	KUNIT_ASSERT_EQ(test, window_test_grant(wt, 2), 0);
	ferry_window_revoke(&wt->tab, &wt->win[1]);
	KUNIT_ASSERT_EQ(test, window_test_grant(wt, 3), 0);
	KUNIT_EXPECT_EQ(test, wt->win[3].row, 3);
	KUNIT_ASSERT_EQ(test, window_test_grant(wt, 1), 0);
	KUNIT_EXPECT_EQ(test, wt->win[1].row, 1);
	KUNIT_EXPECT_EQ(test, window_test_grant(wt, 0), -ENOSPC);
	ferry_window_revoke(&wt->tab, &wt->win[1]);
	ferry_window_revoke(&wt->tab, &wt->win[2]);
	ferry_window_revoke(&wt->tab, &wt->win[3]);
	ferry_wintab_fini(&wt->tab);
}

/* A channel does not let go: the memory stays, and the row, until the table goes. */
static void window_stuck_is_kept_until_the_table_goes(struct kunit *test)
{
	struct window_test *wt = test->priv;

	KUNIT_ASSERT_EQ(test, window_test_grant(wt, 1), 0);
	wt->stuck = -ETIMEDOUT;
	KUNIT_EXPECT_NE(test, ferry_window_revoke(&wt->tab, &wt->win[1]), 0);
	KUNIT_EXPECT_EQ(test, wt->released[1], 0);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(wt->rows[1].flags), 0);
	wt->stuck = 0;
	KUNIT_ASSERT_EQ(test, window_test_grant(wt, 2), 0);
	KUNIT_EXPECT_EQ(test, wt->win[2].row, 2);
	KUNIT_EXPECT_EQ(test, ferry_window_revoke(&wt->tab, &wt->win[2]), 0);
	KUNIT_EXPECT_EQ(test, wt->released[1], 0);
	ferry_wintab_fini(&wt->tab);
	KUNIT_EXPECT_EQ(test, wt->released[1], 1);
}

static struct kunit_case window_cases[] = {
	KUNIT_CASE(window_empty_to_granted_describes_before_valid),
	KUNIT_CASE(window_granted_to_empty_invalidates_before_release),
	KUNIT_CASE(window_row_zero_is_never_granted),
	KUNIT_CASE(window_revoked_row_is_used_again_as_late_as_possible),
	KUNIT_CASE(window_stuck_is_kept_until_the_table_goes),
	{ }
};

static struct kunit_suite window_suite = {
	.name = "ferry_window",
	.init = window_test_init,
	.test_cases = window_cases,
};

static void error_names_are_those_of_the_datasheet(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, ferry_error_name(0), "OK");
	KUNIT_EXPECT_STREQ(test, ferry_error_name(1), "BAD_OP");
	KUNIT_EXPECT_STREQ(test, ferry_error_name(10), "CANCELLED");
	KUNIT_EXPECT_STREQ(test, ferry_error_name(16), "BAD_CONFIG");
	KUNIT_EXPECT_STREQ(test, ferry_error_name(19), "CQ_WRITE");
}

static void error_without_a_name_is_unknown(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, ferry_error_name(11), "UNKNOWN");
	KUNIT_EXPECT_STREQ(test, ferry_error_name(15), "UNKNOWN");
	KUNIT_EXPECT_STREQ(test, ferry_error_name(20), "UNKNOWN");
	KUNIT_EXPECT_STREQ(test, ferry_error_name(U32_MAX), "UNKNOWN");
}

static void error_is_decoded_only_when_valid(struct kunit *test)
{
	struct ferry_error error;

	ferry_error_decode(&error, 0x40000013, 7, 1, 2);
	KUNIT_EXPECT_EQ(test, error.code, 0);
	KUNIT_EXPECT_FALSE(test, error.halt);

	ferry_error_decode(&error, 0xc0000013, 7, 0x89abcdef, 0x01234567);
	KUNIT_EXPECT_EQ(test, error.code, FERRY_ERR_CQ_WRITE);
	KUNIT_EXPECT_TRUE(test, error.halt);
	KUNIT_EXPECT_EQ(test, error.index, 7);
	KUNIT_EXPECT_EQ(test, error.addr, 0x0123456789abcdef);

	ferry_error_decode(&error, 0x80000008, 9, 0, 0);
	KUNIT_EXPECT_EQ(test, error.code, FERRY_ERR_WINDOW_BOUNDS);
	KUNIT_EXPECT_FALSE(test, error.halt);
}

static struct kunit_case error_cases[] = {
	KUNIT_CASE(error_names_are_those_of_the_datasheet),
	KUNIT_CASE(error_without_a_name_is_unknown),
	KUNIT_CASE(error_is_decoded_only_when_valid),
	{ }
};

static struct kunit_suite error_suite = {
	.name = "ferry_error",
	.test_cases = error_cases,
};

static void load_raises_the_level_to_the_highest(struct kunit *test)
{
	u32 hold = 0;
	u32 level = 0;
	int i;

	for (i = 0; i < 10; i++)
		level = ferry_moderation_next(level, &hold, 1000, 100);
	KUNIT_EXPECT_EQ(test, level, 3);
	KUNIT_EXPECT_EQ(test, hold, 0);
}

static void few_blocks_lower_the_level_step_by_step(struct kunit *test)
{
	u32 hold = 0;

	KUNIT_EXPECT_EQ(test, ferry_moderation_next(3, &hold, 4, 1), 2);
	KUNIT_EXPECT_EQ(test, ferry_moderation_next(2, &hold, 0, 0), 1);
	KUNIT_EXPECT_EQ(test, ferry_moderation_next(1, &hold, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, ferry_moderation_next(0, &hold, 0, 0), 0);
}

/* One block an interrupt, however long it was held back: the sender waits for us. */
static void who_waits_for_answers_is_not_delayed(struct kunit *test)
{
	u32 hold = 0;
	u32 level, held = 0, i;

	level = ferry_moderation_next(0, &hold, 20, 20);
	KUNIT_EXPECT_EQ(test, level, 1);
	level = ferry_moderation_next(level, &hold, 5, 5);
	KUNIT_EXPECT_EQ(test, level, 0);
	/* It is tried again, but seldom. */
	for (i = 0; i < 1000; i++) {
		level = ferry_moderation_next(level, &hold, 20, 20);
		held += level != 0;
	}
	KUNIT_EXPECT_GT(test, held, 0);
	KUNIT_EXPECT_LT(test, held, 100);
}

/* The device refuses a count above 1 that no time ends. */
static void levels_are_what_the_device_takes(struct kunit *test)
{
	u32 level, value, count, usecs, last = 0;

	KUNIT_EXPECT_EQ(test, ferry_moderation_coalesce(0),
			FIELD_PREP(FERRY_CHAN_COALESCE_COUNT, 1));
	for (level = 0; level < 6; level++) {
		value = ferry_moderation_coalesce(level);
		count = FIELD_GET(FERRY_CHAN_COALESCE_COUNT, value);
		usecs = FIELD_GET(FERRY_CHAN_COALESCE_TIME_US, value);
		KUNIT_EXPECT_GE(test, count, max(last, 1));
		KUNIT_EXPECT_TRUE(test, count == 1 || usecs);
		last = count;
	}
}

static void settings_fit_the_device(struct kunit *test)
{
	const struct ferry_caps caps = { .min_order = 2, .max_order = 8, .max_len = SZ_16K };
	const struct ferry_port_config good = {
		.buffer_size = SZ_4K, .entries = 64, .coalesce_count = 1,
	};
	struct ferry_port_config config = good;

	KUNIT_EXPECT_TRUE(test, ferry_port_config_valid(&caps, &config));
	config.buffer_size = SZ_32K;
	KUNIT_EXPECT_FALSE(test, ferry_port_config_valid(&caps, &config));
	config = good;
	config.entries = 512;
	KUNIT_EXPECT_FALSE(test, ferry_port_config_valid(&caps, &config));
	config.entries = 4;
	KUNIT_EXPECT_FALSE(test, ferry_port_config_valid(&caps, &config));
	config = good;
	config.coalesce_count = 2;
	KUNIT_EXPECT_FALSE(test, ferry_port_config_valid(&caps, &config));
	config.coalesce_usecs = 1;
	KUNIT_EXPECT_TRUE(test, ferry_port_config_valid(&caps, &config));
}

static struct kunit_case port_cases[] = {
	KUNIT_CASE(load_raises_the_level_to_the_highest),
	KUNIT_CASE(few_blocks_lower_the_level_step_by_step),
	KUNIT_CASE(who_waits_for_answers_is_not_delayed),
	KUNIT_CASE(levels_are_what_the_device_takes),
	KUNIT_CASE(settings_fit_the_device),
	{ }
};

static struct kunit_suite port_suite = {
	.name = "ferry_port",
	.test_cases = port_cases,
};

kunit_test_suites(&ring_suite, &window_suite, &error_suite, &port_suite);

FERRY_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);
MODULE_DESCRIPTION("KUnit tests of the Ferry driver");
MODULE_LICENSE("GPL");
