// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the decoding of errors.
 */
#include <kunit/test.h>
#include <kunit/visibility.h>

#include "ferry.h"

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

kunit_test_suite(error_suite);
