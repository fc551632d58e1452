/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests of the contract start with, and what no refused call may change. */
#ifndef FERRY_ENV_H
#define FERRY_ENV_H

#include "ferry_utils.h"

/* A file with a queue and a buffer. */
struct env {
	int fd;
	uint32_t order;
	uint32_t queue;
	uint32_t buffer;
	uint8_t *map;
	struct ferry_info info;
	struct ferry_sqe nop;
	struct ferry_cqe cqe;
	void *unmapped;
};

static inline void env_open(struct __test_metadata *_metadata, struct env *e)
{
	e->fd = ferry_open();
	ASSERT_LE(0, e->fd) TH_LOG("%s: %s", ferry_path(), strerror(-e->fd));
	ASSERT_EQ(0, ferry_info(e->fd, &e->info));
	e->order = e->info.min_order;
	ASSERT_EQ(0, queue_create(e->fd, e->order, &e->queue));
	e->map = buf_new(e->fd, 64 * KiB, 0, &e->buffer);
	ASSERT_NE(NULL, e->map);
	ASSERT_EQ(0, ferry_info(e->fd, &e->info));
	e->nop = sqe(FERRY_OP_NOP, 0, 0, 0, 0);
	e->unmapped = mmap(NULL, 2 * 64 * KiB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, e->unmapped);
}

/* The file's queue and buffer do what they did, and INFO tells the same. */
static inline void check_unchanged(struct __test_metadata *_metadata, struct env *e)
{
	struct ferry_info info;
	struct ferry_cqe cqe;

	ASSERT_EQ(0, ferry_info(e->fd, &info));
	EXPECT_EQ(0, memcmp(&info, &e->info, sizeof(info)));
	EXPECT_EQ(0, reap(e->fd, e->queue, &cqe, 1, 0, 0))
		TH_LOG("a completion that nobody asked for");
	ASSERT_EQ(0, run(e->fd, e->queue,
			 sqe(FERRY_OP_FILL, 64, 0, FERRY_ADDR(e->buffer, 0), 0), &cqe));
	EXPECT_EQ(FERRY_OK, cqe_status(&cqe));
	EXPECT_EQ(64, cqe_len(&cqe));
}

#endif /* FERRY_ENV_H */
