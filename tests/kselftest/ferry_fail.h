/* SPDX-License-Identifier: GPL-2.0-only */
/* What /proc/PID/task/TID/fail-nth makes fail: every allocation and every access to user memory. */
#ifndef FERRY_FAIL_H
#define FERRY_FAIL_H

#include "ferry_utils.h"

static inline void fail_any(void)
{
	static const char *const knobs[][2] = {
		{ "failslab/ignore-gfp-wait", "N" },
		{ "fail_page_alloc/ignore-gfp-wait", "N" },
		{ "fail_page_alloc/ignore-gfp-highmem", "N" },
		{ "fail_page_alloc/min-order", "0" },
		{ "failslab/verbose", "0" },
		{ "fail_page_alloc/verbose", "0" },
		{ "fail_usercopy/verbose", "0" },
	};
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(knobs); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s", knobs[i][0]);
		write_file(path, knobs[i][1]);
	}
}

#endif /* FERRY_FAIL_H */
