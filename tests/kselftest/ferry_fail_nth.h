/* SPDX-License-Identifier: GPL-2.0-only */
/* What makes the n-th allocation or access to user memory fail, n going up. */
#ifndef FERRY_FAIL_NTH_H
#define FERRY_FAIL_NTH_H

#include "ferry_fail.h"

#define MAX_NTH	3000

struct state {
	int witness;			/* another open file, to look with */
	int nth_fd;
	int fd;
	uint32_t queue;
	uint32_t buffer;
	uint64_t offset;
	uint8_t *map;
	struct ferry_cqe cqe;
	struct ferry_info info;
};

/**
 * struct step - what is swept
 * @prepare: brings about the state from which @act starts; never fails
 * @act: returns 0 or -errno
 * @check: holds after a failed @act, too; NULL: that @act works now
 */
struct step {
	int (*prepare)(struct state *s);
	int (*act)(struct state *s);
	int (*check)(struct state *s, int ret);
};

FIXTURE(fail_nth)
{
	struct state s;
	bool available;
};

FIXTURE_SETUP(fail_nth)
{
	char path[PATH_MAX];

	self->s.fd = -1;
	snprintf(path, sizeof(path), "/proc/self/task/%ld/fail-nth", syscall(SYS_gettid));
	self->s.nth_fd = open(path, O_RDWR | O_CLOEXEC);
	if (self->s.nth_fd < 0 || access("/sys/kernel/debug/failslab", F_OK))
		SKIP(return, "no fault injection: not the debug guest, or not root");
	self->available = true;
	fail_any();
	self->s.witness = ferry_open();
	ASSERT_LE(0, self->s.witness);
	ASSERT_EQ(0, ferry_info(self->s.witness, &self->s.info));
}

FIXTURE_TEARDOWN(fail_nth)
{
	close(self->s.witness);
}

static int set_nth(struct state *s, unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	return pwrite(s->nth_fd, text, len, 0) == len ? 0 : -errno;
}

/* Did it happen? Reading and clearing can be what it happens to. */
static bool nth_is_left(struct state *s)
{
	char text[16] = "";
	ssize_t n = pread(s->nth_fd, text, sizeof(text) - 1, 0);
	bool left = n < 0 || atoi(text) > 0;

	if (set_nth(s, 0))
		set_nth(s, 0);
	return left;
}

static int start_file(struct state *s)
{
	s->fd = ferry_open();
	return s->fd < 0 ? s->fd : 0;
}

static int start_queue(struct state *s)
{
	int ret = start_file(s);

	return ret ? ret : queue_create(s->fd, s->info.min_order, &s->queue);
}

static int start_buffer(struct state *s)
{
	int ret = start_queue(s);

	return ret ? ret : buf_alloc(s->fd, 64 * KiB, 0, &s->buffer, &s->offset);
}

static int start_mapping(struct state *s)
{
	int ret = start_buffer(s);

	if (ret)
		return ret;
	s->map = buf_map(s->fd, s->offset, 64 * KiB);
	return s->map == MAP_FAILED ? -errno : 0;
}

static void finish(struct state *s)
{
	if (s->map && s->map != MAP_FAILED)
		munmap(s->map, 64 * KiB);
	s->map = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/* Nothing is held once the file is closed. */
static bool all_given_back(struct state *s)
{
	struct ferry_info info;

	return !ferry_info(s->witness, &info) && !info.queues &&
	       info.busy_mask == s->info.busy_mask;
}

static void sweep(struct __test_metadata *_metadata, struct state *s, const struct step *step)
{
	bool left = false;
	unsigned int nth, failed = 0;
	int ret;

	for (nth = 1; !left; nth++) {
		ASSERT_GT(MAX_NTH, nth);
		if (step->prepare)
			ASSERT_EQ(0, step->prepare(s));
		ASSERT_EQ(0, set_nth(s, nth));
		ret = step->act(s);
		left = nth_is_left(s);
		failed += ret < 0;
		if (left)
			ASSERT_EQ(0, ret);
		/* -EIO and such would mean that the device was blamed for it. */
		ASSERT_TRUE(ret == 0 || ret == -ENOMEM || ret == -EFAULT || ret == -ENFILE ||
			    ret == -EAGAIN || ret == -EINTR) {
			TH_LOG("failure %u: %s", nth, strerror(-ret));
		}
		if (step->check) {
			ASSERT_EQ(0, step->check(s, ret)) {
				TH_LOG("after failure %u (%d)", nth, ret);
			}
		} else if (ret) {
			ASSERT_EQ(0, step->act(s)) {
				TH_LOG("again, after failure %u (%d)", nth, ret);
			}
		}
		finish(s);
		ASSERT_TRUE(all_given_back(s));
	}
	TH_LOG("%u places to fail, %u failures seen", nth - 2, failed);
}

#endif /* FERRY_FAIL_NTH_H */
