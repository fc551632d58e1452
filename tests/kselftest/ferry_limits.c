// SPDX-License-Identifier: GPL-2.0-only
/*
 * The contract of linux/ferry.h for what only some ioctls have: orders,
 * weights, lengths, counts and arrays, each up to its limit and beyond. A wrong
 * call must give the errno that the header names and change nothing.
 */
#include "ferry_env.h"

FIXTURE(limit)
{
	struct env env;
};

FIXTURE_SETUP(limit)
{
	env_open(_metadata, &self->env);
}

FIXTURE_TEARDOWN(limit)
{
	close(self->env.fd);
}

TEST_F(limit, info_describes_a_device_that_can_be)
{
	struct env *e = &self->env;
	const struct ferry_info *info = &e->info;
	uint64_t all = info->channels == 64 ? ~0ULL : (1ULL << info->channels) - 1;

	EXPECT_EQ(sizeof(*info), info->size);
	EXPECT_EQ(1, info->version >> 16);
	EXPECT_GE(info->channels, 1);
	EXPECT_LE(info->channels, 64);
	EXPECT_LE(info->ports, 32);
	EXPECT_GE(info->lines, 1);
	EXPECT_LE(info->lines, 32);
	EXPECT_EQ(0x3f, info->ops & 0x3f);
	EXPECT_GE(info->max_len, 64 * KiB);
	EXPECT_LE(info->min_order, info->max_order);
	EXPECT_GE(info->max_buffers, 1);
	EXPECT_GE(info->max_queues, 1);
	EXPECT_EQ(1, info->queues);
	EXPECT_EQ(0, info->user_mask & info->kernel_mask);
	EXPECT_EQ(0, info->user_mask & info->port_mask);
	EXPECT_EQ(0, info->kernel_mask & info->port_mask);
	EXPECT_EQ(0, (info->user_mask | info->port_mask | info->kernel_mask) & ~all);
	EXPECT_EQ(0, info->busy_mask & ~all);
	EXPECT_NE(0, info->user_mask);
	EXPECT_NE(0, info->busy_mask & info->user_mask);
}

TEST_F(limit, info_follows_queues_as_they_come_and_go)
{
	struct env *e = &self->env;
	struct ferry_queue_create args = { .size = sizeof(args), .order = e->order };
	struct ferry_info info;

	ASSERT_EQ(0, ferry_ioctl(e->fd, FERRY_IOC_QUEUE_CREATE, &args));
	ASSERT_EQ(0, ferry_info(e->fd, &info));
	EXPECT_EQ(e->info.queues + 1, info.queues);
	EXPECT_EQ(0, e->info.busy_mask >> args.channel & 1);
	EXPECT_EQ(e->info.busy_mask | 1ULL << args.channel, info.busy_mask);
	EXPECT_EQ(1, info.user_mask >> args.channel & 1);
	ASSERT_EQ(0, queue_destroy(e->fd, args.queue));
	ASSERT_EQ(0, ferry_info(e->fd, &info));
	EXPECT_EQ(e->info.queues, info.queues);
	EXPECT_EQ(e->info.busy_mask, info.busy_mask);
}

TEST_F(limit, queue_order_out_of_range_is_EINVAL)
{
	struct env *e = &self->env;
	uint32_t bad[] = { 0, 32, 33, 64, 255, 256, INT32_MAX, UINT32_MAX,
			   e->order - 1, e->info.max_order + 1 };
	uint32_t queue;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (bad[i] >= e->order && bad[i] <= e->info.max_order)
			continue;
		EXPECT_EQ(-EINVAL, queue_create(e->fd, bad[i], &queue)) {
			TH_LOG("order %u", bad[i]);
		}
	}
	check_unchanged(_metadata, e);
}

TEST_F(limit, every_queue_order_in_range_gives_a_queue_that_holds_so_many)
{
	struct env *e = &self->env;

	for (uint32_t order = e->order; order <= e->info.max_order; order++) {
		uint32_t nr = 1u << order, queue;
		struct ferry_sqe *sqes = calloc(nr + 1, sizeof(*sqes));
		struct ferry_cqe *cqes = calloc(nr, sizeof(*cqes));

		ASSERT_EQ(0, queue_create(e->fd, order, &queue));
		EXPECT_EQ(nr, submit(e->fd, queue, sqes, nr + 1));
		EXPECT_EQ(-EAGAIN, submit(e->fd, queue, sqes, 1));
		EXPECT_EQ(nr, reap(e->fd, queue, cqes, nr, nr, FOREVER));
		EXPECT_EQ(nr, cqe_seq(&cqes[nr - 1]));
		ASSERT_EQ(0, queue_destroy(e->fd, queue));
		free(sqes);
		free(cqes);
	}
}

TEST_F(limit, queue_weight_out_of_range_is_EINVAL)
{
	struct env *e = &self->env;
	struct ferry_queue_create args = { .size = sizeof(args), .order = e->order };
	static const uint32_t bad[] = { 256, 257, 65536, INT32_MAX, UINT32_MAX };
	static const uint32_t good[] = { 0, 1, 2, 255 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		args.weight = bad[i];
		EXPECT_EQ(-EINVAL, ferry_ioctl(e->fd, FERRY_IOC_QUEUE_CREATE, &args));
	}
	check_unchanged(_metadata, e);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		args.weight = good[i];
		ASSERT_EQ(0, ferry_ioctl(e->fd, FERRY_IOC_QUEUE_CREATE, &args));
		EXPECT_EQ(0, queue_destroy(e->fd, args.queue));
	}
}

TEST_F(limit, queues_beyond_the_channels_are_ENOSPC)
{
	struct env *e = &self->env;
	uint32_t queues[64], extra, nr = 0;
	struct ferry_info info;

	while (nr < 64 && !queue_create(e->fd, e->order, &queues[nr]))
		nr++;
	EXPECT_EQ(-ENOSPC, queue_create(e->fd, e->order, &extra));
	ASSERT_EQ(0, ferry_info(e->fd, &info));
	EXPECT_EQ(nr + 1, info.queues);
	if (geteuid() == 0)
		EXPECT_EQ(info.user_mask, info.busy_mask & info.user_mask);
	for (uint32_t i = 0; i < nr; i++) {
		for (uint32_t k = 0; k < i; k++)
			EXPECT_NE(queues[k], queues[i]);
		EXPECT_EQ(0, queue_destroy(e->fd, queues[i]));
	}
	check_unchanged(_metadata, e);
}

TEST_F(limit, buffer_length_out_of_range_is_EINVAL)
{
	struct env *e = &self->env;
	static const uint64_t bad[] = {
		0, UINT64_MAX, UINT64_MAX - 4094, INT64_MAX, 1ULL << 63, 1ULL << 49,
		(1ULL << 48) + 1, (4ULL << 30) + 1,
	};
	uint32_t buffer;
	uint64_t offset;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, buf_alloc(e->fd, bad[i], 0, &buffer, &offset)) {
			TH_LOG("length %#llx", (unsigned long long)bad[i]);
		}
	}
	check_unchanged(_metadata, e);
}

/* More than there is, but no more than could be: refused, quickly and quietly. */
TEST_F(limit, buffer_larger_than_memory_is_refused)
{
	struct env *e = &self->env;
	static const uint64_t much[] = { 1ULL << 32, 1ULL << 36, 1ULL << 40, 1ULL << 47 };
	uint32_t buffer;
	uint64_t offset;
	int ret;

	for (size_t i = 0; i < ARRAY_SIZE(much); i++) {
		ret = buf_alloc(e->fd, much[i], 0, &buffer, &offset);
		EXPECT_TRUE(ret == -ENOMEM || ret == -EINVAL) {
			TH_LOG("%d", ret);
		}
	}
	check_unchanged(_metadata, e);
}

TEST_F(limit, entries_that_are_not_readable_are_EFAULT)
{
	struct env *e = &self->env;
	struct ferry_submit args = { .size = sizeof(args), .queue = e->queue, .nr_sqes = 1 };
	static const uint64_t bad[] = {
		0, 1, UINT64_MAX, UINT64_MAX - 63, 0xffff000000000000, 0x0001000000000000,
		1ULL << 63,
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		args.sqes = bad[i];
		EXPECT_EQ(-EFAULT, ferry_ioctl(e->fd, FERRY_IOC_SUBMIT, &args)) {
			TH_LOG("pointer %#llx", (unsigned long long)bad[i]);
		}
	}
	check_unchanged(_metadata, e);
}

/* The second of two entries is not there: none, or the first, but as it says. */
TEST_F(limit, entries_that_are_cut_off_are_not_half_taken)
{
	struct env *e = &self->env;
	uint8_t *page = mmap(NULL, 128 * KiB, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct ferry_submit args = { .size = sizeof(args), .queue = e->queue, .nr_sqes = 2 };
	struct ferry_cqe cqes[2];
	int ret;

	ASSERT_NE(MAP_FAILED, page);
	ASSERT_EQ(0, mprotect(page + 64 * KiB, 64 * KiB, PROT_NONE));
	for (uint32_t cut = 32; cut > 0; cut -= 8) {
		args.sqes = (uintptr_t)page + 64 * KiB - 64 + cut;
		args.submitted = 0;
		ret = ferry_ioctl(e->fd, FERRY_IOC_SUBMIT, &args);
		if (ret) {
			EXPECT_EQ(-EFAULT, ret);
			EXPECT_EQ(0, args.submitted);
		} else {
			EXPECT_EQ(1, args.submitted);
			EXPECT_EQ(1, reap(e->fd, e->queue, cqes, 2, 1, FOREVER));
		}
	}
	check_unchanged(_metadata, e);
}

TEST_F(limit, entries_more_than_the_ring_holds_are_not_read)
{
	struct env *e = &self->env;
	uint32_t nr = 1u << e->order;
	size_t size = nr * sizeof(struct ferry_sqe);
	uint8_t *page = mmap(NULL, 128 * KiB, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct ferry_submit args = { .size = sizeof(args), .queue = e->queue };
	struct ferry_cqe *cqes = calloc(nr, sizeof(*cqes));

	ASSERT_NE(MAP_FAILED, page);
	ASSERT_LE(size, 64 * KiB);
	ASSERT_EQ(0, mprotect(page + 64 * KiB, 64 * KiB, PROT_NONE));
	args.sqes = (uintptr_t)page + 64 * KiB - size;
	args.nr_sqes = UINT32_MAX;
	ASSERT_EQ(0, ferry_ioctl(e->fd, FERRY_IOC_SUBMIT, &args));
	EXPECT_EQ(nr, args.submitted);
	EXPECT_EQ(nr, reap(e->fd, e->queue, cqes, nr, nr, FOREVER));
	check_unchanged(_metadata, e);
}

TEST_F(limit, completions_with_nowhere_to_go_are_not_lost)
{
	struct env *e = &self->env;
	static const uint64_t bad[] = { 0, 1, UINT64_MAX, 0xffff000000000000, 1ULL << 63 };
	struct ferry_submit args = {
		.size = sizeof(args), .queue = e->queue, .nr_cqes = 1, .min_cqes = 1,
		.timeout_ns = FOREVER,
	};
	const struct ferry_sqe nop = {};
	struct ferry_cqe cqe;
	void *read_only = mmap(NULL, 64 * KiB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, read_only);
	ASSERT_EQ(1, submit(e->fd, e->queue, &nop, 1));
	ASSERT_EQ(0, queue_flush(e->fd, e->queue, FOREVER));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		args.cqes = bad[i];
		EXPECT_EQ(-EFAULT, ferry_ioctl(e->fd, FERRY_IOC_WAIT, &args)) {
			TH_LOG("pointer %#llx", (unsigned long long)bad[i]);
		}
	}
	args.cqes = (uintptr_t)read_only;
	EXPECT_EQ(-EFAULT, ferry_ioctl(e->fd, FERRY_IOC_WAIT, &args));
	EXPECT_EQ(1, reap(e->fd, e->queue, &cqe, 1, 1, FOREVER));
	EXPECT_EQ(1, cqe_seq(&cqe));
	check_unchanged(_metadata, e);
}

TEST_F(limit, counts_that_contradict_each_other_are_EINVAL)
{
	struct env *e = &self->env;
	struct ferry_sqe nop = {};
	struct ferry_cqe cqes[2];
	struct ferry_submit args = {
		.size = sizeof(args), .queue = e->queue, .cqes = (uintptr_t)cqes,
	};
	static const struct { uint32_t nr, min; } bad[] = {
		{ 0, 1 }, { 1, 2 }, { 2, UINT32_MAX }, { 0, UINT32_MAX }, { INT32_MAX, 1u << 31 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		args.nr_cqes = bad[i].nr;
		args.min_cqes = bad[i].min;
		args.nr_sqes = 0;
		args.sqes = 0;
		EXPECT_EQ(-EINVAL, ferry_ioctl(e->fd, FERRY_IOC_WAIT, &args));
		EXPECT_EQ(-EINVAL, ferry_ioctl(e->fd, FERRY_IOC_SUBMIT, &args));
		/* Not even with something to submit: refused before it is. */
		args.nr_sqes = 1;
		args.sqes = (uintptr_t)&nop;
		EXPECT_EQ(-EINVAL, ferry_ioctl(e->fd, FERRY_IOC_SUBMIT, &args));
	}
	check_unchanged(_metadata, e);
}

TEST_F(limit, submit_and_wait_of_nothing_succeed_with_nothing)
{
	struct env *e = &self->env;
	struct ferry_submit args = { .size = sizeof(args), .queue = e->queue };

	ASSERT_EQ(0, ferry_ioctl(e->fd, FERRY_IOC_SUBMIT, &args));
	EXPECT_EQ(0, args.submitted);
	EXPECT_EQ(0, args.reaped);
	ASSERT_EQ(0, ferry_ioctl(e->fd, FERRY_IOC_WAIT, &args));
	EXPECT_EQ(0, args.reaped);
	check_unchanged(_metadata, e);
}

TEST_F(limit, what_comes_back_does_not_depend_on_what_was_there)
{
	struct env *e = &self->env;
	struct ferry_queue_create create;
	struct ferry_buf_alloc alloc;
	struct ferry_submit args;
	struct ferry_info info;

	memset(&info, 0xaa, sizeof(info));
	info.size = sizeof(info);
	ASSERT_EQ(0, ferry_ioctl(e->fd, FERRY_IOC_INFO, &info));
	EXPECT_EQ(0, memcmp(&info, &e->info, sizeof(info)));

	memset(&create, 0xaa, sizeof(create));
	create.size = sizeof(create);
	create.flags = create.weight = create.port_fd = create.idle_usecs = 0;
	create.order = e->order;
	ASSERT_EQ(0, ferry_ioctl(e->fd, FERRY_IOC_QUEUE_CREATE, &create));
	EXPECT_LT(create.channel, e->info.channels);
	EXPECT_EQ(0, queue_destroy(e->fd, create.queue));

	memset(&alloc, 0xaa, sizeof(alloc));
	alloc.size = sizeof(alloc);
	alloc.flags = alloc.reserved = 0;
	alloc.length = 1;
	ASSERT_EQ(0, ferry_ioctl(e->fd, FERRY_IOC_BUF_ALLOC, &alloc));
	EXPECT_EQ(0, buf_free(e->fd, alloc.buffer));

	memset(&args, 0, sizeof(args));
	args.size = sizeof(args);
	args.queue = e->queue;
	args.submitted = args.reaped = args.first = 0xaaaaaaaa;
	ASSERT_EQ(0, ferry_ioctl(e->fd, FERRY_IOC_WAIT, &args));
	EXPECT_EQ(0, args.submitted);
	EXPECT_EQ(0, args.reaped);
}

TEST_F(limit, read_into_too_small_a_buffer_is_EINVAL)
{
	struct env *e = &self->env;
	const struct ferry_sqe nop = {};
	struct ferry_event event;

	ASSERT_EQ(1, submit(e->fd, e->queue, &nop, 1));
	ASSERT_EQ(0, queue_flush(e->fd, e->queue, FOREVER));
	for (size_t size = 1; size < sizeof(event); size++) {
		EXPECT_EQ(-1, read(e->fd, &event, size));
		EXPECT_EQ(EINVAL, errno);
	}
	EXPECT_EQ(-1, syscall(SYS_read, e->fd, NULL, sizeof(event)));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(sizeof(event), read(e->fd, &event, sizeof(event)));
	EXPECT_EQ(e->queue, event.queue);
	EXPECT_EQ(0, event.reserved);
	EXPECT_EQ(1, cqe_seq(&event.cqe));
	check_unchanged(_metadata, e);
}

TEST_F(limit, write_to_the_device_is_refused)
{
	struct env *e = &self->env;

	EXPECT_EQ(-1, write(e->fd, self, 16));
	EXPECT_EQ(EINVAL, errno);
	check_unchanged(_metadata, e);
}

TEST_F(limit, destroying_twice_is_ENOENT)
{
	struct env *e = &self->env;
	uint32_t queue, buffer;
	uint64_t offset;

	ASSERT_EQ(0, queue_create(e->fd, e->order, &queue));
	ASSERT_EQ(0, queue_destroy(e->fd, queue));
	EXPECT_EQ(-ENOENT, queue_destroy(e->fd, queue));
	ASSERT_EQ(0, buf_alloc(e->fd, 4096, 0, &buffer, &offset));
	ASSERT_EQ(0, buf_free(e->fd, buffer));
	EXPECT_EQ(-ENOENT, buf_free(e->fd, buffer));
	check_unchanged(_metadata, e);
}

TEST_HARNESS_MAIN
