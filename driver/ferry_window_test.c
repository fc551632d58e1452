// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of window tables: every state between two of a row.
 */
#include <kunit/test.h>
#include <kunit/visibility.h>
#include <linux/slab.h>

#include "ferry.h"

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
	static const struct ferry_extent extent = { .base = 0x123456789000, .size = 0x5000 };

	return ferry_window_grant(&wt->tab, &wt->win[nr], &extent, FERRY_ROW_FLAGS_READ);
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

kunit_test_suite(window_suite);
