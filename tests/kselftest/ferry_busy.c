// SPDX-License-Identifier: GPL-2.0-only
/*
 * Work that lasts: what flushing, cancelling, destroying a queue and freeing a
 * buffer do to it. Nothing here sleeps to win a race: what must be in flight
 * is made too long to be over.
 */
#include "ferry_utils.h"

/* See make_busy(). */
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

/* Where all of the machine stands still for a while, a round says nothing. */
TEST_F(busy, busy_queue_does_not_hold_up_another)
{
	bool busy = false;
	uint32_t queue;
	struct ferry_cqe cqe;

	ASSERT_EQ(0, queue_create(self->fd, self->info.min_order, &queue));
	for (int round = 0; round < 10 && !busy; round++) {
		ASSERT_EQ(self->entries, make_busy(self->fd, self->queue, self->buffer,
						   self->length, self->entries));
		for (int i = 0; i < 10; i++) {
			ASSERT_EQ(0, run(self->fd, queue, sqe(FERRY_OP_NOP, 0, 0, 0, 0), &cqe));
			EXPECT_EQ(FERRY_OK, cqe_status(&cqe));
		}
		busy = queue_flush(self->fd, self->queue, 0) == -ETIME;
		ASSERT_EQ(0, queue_cancel(self->fd, self->queue));
		ASSERT_EQ(self->entries, reap(self->fd, self->queue, self->cqes, self->entries,
					      self->entries, 0));
	}
	EXPECT_TRUE(busy) {
		TH_LOG("the other queue only got its turn when this one was done");
	}
}

TEST_HARNESS_MAIN
