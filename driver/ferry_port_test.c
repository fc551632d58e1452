// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of ports: settings and moderation.
 */
#include <kunit/test.h>
#include <kunit/visibility.h>

#include "ferry_port.h"

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

kunit_test_suite(port_suite);
