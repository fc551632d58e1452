// SPDX-License-Identifier: GPL-2.0-only
/*
 * The contract of linux/ferry.h: what every ioctl does with a wrong size,
 * flag, reserved field, handle, pointer, length or count. Each wrong call must
 * give the errno that the header names and change nothing: neither the
 * argument, nor what INFO tells, nor the queue and buffer that the file has.
 */
#include "ferry_utils.h"

#define NO_HANDLE	0x7ffffff0u
#define ARGUMENT_CHANGED	10000

union any_args {
	uint32_t size;
	struct ferry_info info;
	struct ferry_queue_create queue_create;
	struct ferry_queue_handle queue_handle;
	struct ferry_buf_alloc buf_alloc;
	struct ferry_buf_free buf_free;
	struct ferry_submit submit;
	uint8_t bytes[4096];
};

FIXTURE(uapi)
{
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

/* One variant per ioctl: what it is called with when nothing is wrong. */
FIXTURE_VARIANT(uapi)
{
	unsigned long cmd;
	size_t size;
	bool has_handle;
	bool writes_back;
};

#define CALL(name, number, type, handle, out) \
	FIXTURE_VARIANT_ADD(uapi, name) { \
		.cmd = number, .size = sizeof(struct type), \
		.has_handle = handle, .writes_back = out, \
	}

CALL(info, FERRY_IOC_INFO, ferry_info, false, true);
CALL(queue_create, FERRY_IOC_QUEUE_CREATE, ferry_queue_create, false, true);
CALL(queue_destroy, FERRY_IOC_QUEUE_DESTROY, ferry_queue_handle, true, false);
CALL(queue_flush, FERRY_IOC_QUEUE_FLUSH, ferry_queue_handle, true, false);
CALL(queue_cancel, FERRY_IOC_QUEUE_CANCEL, ferry_queue_handle, true, false);
CALL(buf_alloc, FERRY_IOC_BUF_ALLOC, ferry_buf_alloc, false, true);
CALL(buf_free, FERRY_IOC_BUF_FREE, ferry_buf_free, true, false);
CALL(submit, FERRY_IOC_SUBMIT, ferry_submit, true, true);
CALL(wait, FERRY_IOC_WAIT, ferry_submit, true, true);

FIXTURE_SETUP(uapi)
{
	self->fd = ferry_open();
	ASSERT_LE(0, self->fd) TH_LOG("%s: %s", ferry_path(), strerror(-self->fd));
	ASSERT_EQ(0, ferry_info(self->fd, &self->info));
	self->order = self->info.min_order;
	ASSERT_EQ(0, queue_create(self->fd, self->order, &self->queue));
	self->map = buf_new(self->fd, 64 * KiB, 0, &self->buffer);
	ASSERT_NE(NULL, self->map);
	ASSERT_EQ(0, ferry_info(self->fd, &self->info));
	self->nop = sqe(FERRY_OP_NOP, 0, 0, 0, 0);
	self->unmapped = mmap(NULL, 2 * 64 * KiB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->unmapped);
}

FIXTURE_TEARDOWN(uapi)
{
	close(self->fd);
}

/* A call that would succeed. For those that use a handle up, make a new one. */
static void good_args(struct __test_metadata *_metadata, FIXTURE_DATA(uapi) *self,
		      const FIXTURE_VARIANT(uapi) *variant, union any_args *args)
{
	uint64_t offset;

	memset(args, 0, sizeof(*args));
	args->size = variant->size;
	switch (variant->cmd) {
	case FERRY_IOC_INFO:
		break;
	case FERRY_IOC_QUEUE_CREATE:
		args->queue_create.order = self->order;
		break;
	case FERRY_IOC_QUEUE_DESTROY:
		ASSERT_EQ(0, queue_create(self->fd, self->order, &args->queue_handle.queue));
		ASSERT_EQ(0, ferry_info(self->fd, &self->info));
		break;
	case FERRY_IOC_QUEUE_FLUSH:
		args->queue_handle.queue = self->queue;
		args->queue_handle.timeout_ns = FOREVER;
		break;
	case FERRY_IOC_QUEUE_CANCEL:
		args->queue_handle.queue = self->queue;
		break;
	case FERRY_IOC_BUF_ALLOC:
		args->buf_alloc.length = 4096;
		break;
	case FERRY_IOC_BUF_FREE:
		ASSERT_EQ(0, buf_alloc(self->fd, 4096, 0, &args->buf_free.buffer, &offset));
		break;
	case FERRY_IOC_SUBMIT:
		args->submit.nr_sqes = 1;
		args->submit.sqes = (uintptr_t)&self->nop;
		/* fallthrough */
	case FERRY_IOC_WAIT:
		args->submit.queue = self->queue;
		args->submit.cqes = (uintptr_t)&self->cqe;
		args->submit.nr_cqes = 1;
		args->submit.timeout_ns = FOREVER;
		break;
	}
}

/* Give back what a successful call made, so that the next one finds room. */
static void undo(struct __test_metadata *_metadata, FIXTURE_DATA(uapi) *self,
		 const FIXTURE_VARIANT(uapi) *variant, union any_args *args)
{
	struct ferry_cqe cqe;

	switch (variant->cmd) {
	case FERRY_IOC_QUEUE_CREATE:
		ASSERT_EQ(0, queue_destroy(self->fd, args->queue_create.queue));
		break;
	case FERRY_IOC_BUF_ALLOC:
		ASSERT_EQ(0, buf_free(self->fd, args->buf_alloc.buffer));
		break;
	case FERRY_IOC_SUBMIT:
		if (!args->submit.reaped)
			ASSERT_EQ(1, reap(self->fd, self->queue, &cqe, 1, 1, FOREVER));
		break;
	}
}

/* What a refused destroy or free has left over. */
static void drop_unused(FIXTURE_DATA(uapi) *self, const FIXTURE_VARIANT(uapi) *variant,
			uint32_t handle)
{
	if (variant->cmd == FERRY_IOC_QUEUE_DESTROY)
		queue_destroy(self->fd, handle);
	else if (variant->cmd == FERRY_IOC_BUF_FREE)
		buf_free(self->fd, handle);
}

/* Where the handle is in the argument of a call that takes one. */
static uint32_t *handle_of(const FIXTURE_VARIANT(uapi) *variant, union any_args *args)
{
	switch (variant->cmd) {
	case FERRY_IOC_BUF_FREE:
		return &args->buf_free.buffer;
	case FERRY_IOC_SUBMIT:
	case FERRY_IOC_WAIT:
		return &args->submit.queue;
	default:
		return &args->queue_handle.queue;
	}
}

/* The file's queue and buffer do what they did, and INFO tells the same. */
static void check_unchanged(struct __test_metadata *_metadata, FIXTURE_DATA(uapi) *self)
{
	struct ferry_info info;
	struct ferry_cqe cqe;

	ASSERT_EQ(0, ferry_info(self->fd, &info));
	EXPECT_EQ(0, memcmp(&info, &self->info, sizeof(info)));
	EXPECT_EQ(0, reap(self->fd, self->queue, &cqe, 1, 0, 0))
		TH_LOG("a completion that nobody asked for");
	ASSERT_EQ(0, run(self->fd, self->queue,
			 sqe(FERRY_OP_FILL, 64, 0, FERRY_ADDR(self->buffer, 0), 0), &cqe));
	EXPECT_EQ(FERRY_OK, cqe_status(&cqe));
	EXPECT_EQ(64, cqe_len(&cqe));
}

/* Why the call was refused; a refused call leaves its argument as it was. */
static int refusal(FIXTURE_DATA(uapi) *self, const FIXTURE_VARIANT(uapi) *variant,
		   union any_args *args)
{
	union any_args before = *args;
	int ret = ferry_ioctl(self->fd, variant->cmd, args);

	return memcmp(&before, args, sizeof(before)) ? ARGUMENT_CHANGED : -ret;
}

TEST_F(uapi, size_of_the_first_release_or_none_below_it)
{
	union any_args args;

	good_args(_metadata, self, variant, &args);
	for (uint32_t size = 0; size < variant->size; size++) {
		args.size = size;
		EXPECT_EQ(EINVAL, refusal(self, variant, &args)) {
			TH_LOG("size %u", size);
		}
	}
	check_unchanged(_metadata, self);

	args.size = variant->size;
	EXPECT_EQ(0, ferry_ioctl(self->fd, variant->cmd, &args));
	undo(_metadata, self, variant, &args);
}

TEST_F(uapi, larger_structure_with_a_zero_tail_is_taken)
{
	static const size_t more[] = { 1, 4, 8, 100, 2048 };

	for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
		union any_args args;

		good_args(_metadata, self, variant, &args);
		args.size = variant->size + more[i];
		EXPECT_EQ(0, ferry_ioctl(self->fd, variant->cmd, &args));
		/* What the kernel does not know it leaves alone, or zero. */
		EXPECT_TRUE(all_bytes(args.bytes + variant->size, more[i], 0));
		undo(_metadata, self, variant, &args);
	}
}

TEST_F(uapi, larger_structure_with_a_tail_that_is_not_zero_is_E2BIG)
{
	static const size_t more[] = { 1, 4, 8, 100, 2048 };
	union any_args args;
	uint32_t handle;

	good_args(_metadata, self, variant, &args);
	handle = *handle_of(variant, &args);
	for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
		args.size = variant->size + more[i];
		args.bytes[args.size - 1] = 1;
		EXPECT_EQ(E2BIG, refusal(self, variant, &args));
		args.bytes[args.size - 1] = 0;
	}
	check_unchanged(_metadata, self);
	drop_unused(self, variant, handle);
}

TEST_F(uapi, tail_that_is_not_there_is_refused)
{
	uint8_t *page = mmap(NULL, 128 * KiB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	union any_args args, *edge;
	int ret;

	ASSERT_NE(MAP_FAILED, page);
	ASSERT_EQ(0, mprotect(page, 64 * KiB, PROT_READ | PROT_WRITE));
	good_args(_metadata, self, variant, &args);

	/* The structure ends with the page: fits, one byte more does not. */
	edge = (void *)(page + 64 * KiB - variant->size);
	memcpy(edge, &args, variant->size);
	edge->size = variant->size + 1;
	EXPECT_EQ(-EFAULT, ferry_ioctl(self->fd, variant->cmd, edge));
	edge->size = UINT32_MAX;
	ret = ferry_ioctl(self->fd, variant->cmd, edge);
	EXPECT_TRUE(ret == -EFAULT || ret == -E2BIG) TH_LOG("size UINT32_MAX: %d", ret);
	/* The structure is cut by the end of the page. */
	edge = (void *)(page + 64 * KiB - variant->size + 1);
	memcpy(edge, &args, variant->size - 1);
	EXPECT_EQ(-EFAULT, ferry_ioctl(self->fd, variant->cmd, edge));
	check_unchanged(_metadata, self);

	edge = (void *)(page + 64 * KiB - variant->size);
	memcpy(edge, &args, variant->size);
	EXPECT_EQ(0, ferry_ioctl(self->fd, variant->cmd, edge));
	memcpy(&args, edge, variant->size);
	undo(_metadata, self, variant, &args);
}

TEST_F(uapi, argument_pointer_that_is_not_accessible_is_EFAULT)
{
	void *const bad[] = {
		NULL, (void *)1, self->unmapped, (void *)-1L, (void *)-4096L,
		(void *)0xffff000000000000UL, (void *)0x0001000000000000UL,
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EFAULT, ferry_ioctl(self->fd, variant->cmd, bad[i])) {
			TH_LOG("pointer %p", bad[i]);
		}
	}
	check_unchanged(_metadata, self);
}

/* The result cannot be delivered: nothing may be left that nobody can name. */
TEST_F(uapi, argument_that_is_read_only_leaves_nothing_behind)
{
	union any_args *args = mmap(NULL, 64 * KiB, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct ferry_info info;
	int ret;

	ASSERT_NE(MAP_FAILED, args);
	if (!variant->writes_back || variant->cmd == FERRY_IOC_SUBMIT ||
	    variant->cmd == FERRY_IOC_WAIT)
		SKIP(return, "the call returns nothing, or its effect is a submission");
	good_args(_metadata, self, variant, args);
	ASSERT_EQ(0, mprotect(args, 64 * KiB, PROT_READ));
	for (int i = 0; i < 3; i++) {
		ret = ferry_ioctl(self->fd, variant->cmd, args);
		EXPECT_EQ(-EFAULT, ret);
	}
	ASSERT_EQ(0, ferry_info(self->fd, &info));
	EXPECT_EQ(self->info.queues, info.queues);
	EXPECT_EQ(self->info.busy_mask, info.busy_mask);
	check_unchanged(_metadata, self);
}

TEST_F(uapi, handle_that_is_not_of_this_file_is_ENOENT)
{
	union any_args args;
	uint32_t good, gone, mine, *handle;
	uint64_t offset;
	int other;

	if (!variant->has_handle)
		SKIP(return, "the call takes no handle");

	good_args(_metadata, self, variant, &args);
	handle = handle_of(variant, &args);
	good = *handle;

	/* Never given out. */
	mine = variant->cmd == FERRY_IOC_BUF_FREE ? self->buffer : self->queue;
	for (int bit = -1; bit < 32; bit++) {
		uint32_t value = bit < 0 ? 0 : 1u << bit;

		if (value == good || value == mine)
			continue;
		*handle = value;
		EXPECT_EQ(ENOENT, refusal(self, variant, &args));
	}
	for (uint32_t k = 0; k < 3; k++) {
		static const uint32_t huge[] = { UINT32_MAX, INT32_MAX, NO_HANDLE };

		*handle = huge[k];
		EXPECT_EQ(ENOENT, refusal(self, variant, &args));
	}

	/* Of another open file of the same process: that one has none so far. */
	other = ferry_open();
	ASSERT_LE(0, other);
	*handle = good;
	EXPECT_EQ(-ENOENT, ferry_ioctl(other, variant->cmd, &args));
	close(other);

	/* Destroyed. */
	if (variant->cmd == FERRY_IOC_BUF_FREE) {
		ASSERT_EQ(0, buf_alloc(self->fd, 4096, 0, &gone, &offset));
		ASSERT_EQ(0, buf_free(self->fd, gone));
	} else {
		ASSERT_EQ(0, queue_create(self->fd, self->order, &gone));
		ASSERT_EQ(0, queue_destroy(self->fd, gone));
	}
	*handle = gone;
	EXPECT_EQ(ENOENT, refusal(self, variant, &args));

	check_unchanged(_metadata, self);
	drop_unused(self, variant, good);
}

TEST_F(uapi, unknown_flag_is_EOPNOTSUPP)
{
	union any_args args;
	uint32_t *flags, known = 0;

	good_args(_metadata, self, variant, &args);
	switch (variant->cmd) {
	case FERRY_IOC_QUEUE_CREATE:
		flags = &args.queue_create.flags;
		break;
	case FERRY_IOC_BUF_ALLOC:
		flags = &args.buf_alloc.flags;
		known = FERRY_BUF_WC | FERRY_BUF_DEV_RO;
		break;
	case FERRY_IOC_SUBMIT:
	case FERRY_IOC_WAIT:
		flags = &args.submit.flags;
		break;
	default:
		drop_unused(self, variant, *handle_of(variant, &args));
		SKIP(return, "the call has no flags");
	}
	for (int bit = 0; bit < 32; bit++) {
		if (known & 1u << bit)
			continue;
		*flags = 1u << bit;
		EXPECT_EQ(EOPNOTSUPP, refusal(self, variant, &args)) {
			TH_LOG("bit %d", bit);
		}
		*flags |= known;
		EXPECT_EQ(EOPNOTSUPP, refusal(self, variant, &args)) {
			TH_LOG("bit %d and the known ones", bit);
		}
	}
	check_unchanged(_metadata, self);
}

TEST_F(uapi, reserved_field_that_is_not_zero_is_EOPNOTSUPP)
{
	union any_args args;
	uint32_t handle;
	void *field;
	size_t size = sizeof(uint32_t);

	good_args(_metadata, self, variant, &args);
	handle = *handle_of(variant, &args);
	switch (variant->cmd) {
	case FERRY_IOC_QUEUE_DESTROY:
	case FERRY_IOC_QUEUE_CANCEL:
		field = &args.queue_handle.timeout_ns;
		size = sizeof(uint64_t);
		break;
	case FERRY_IOC_BUF_ALLOC:
		field = &args.buf_alloc.reserved;
		break;
	case FERRY_IOC_SUBMIT:
	case FERRY_IOC_WAIT:
		field = &args.submit.reserved;
		break;
	default:
		drop_unused(self, variant, handle);
		SKIP(return, "the call has no reserved field");
	}
	for (size_t bit = 0; bit < 8 * size; bit++) {
		memset(field, 0, size);
		((uint8_t *)field)[bit / 8] = 1 << bit % 8;
		EXPECT_EQ(EOPNOTSUPP, refusal(self, variant, &args)) {
			TH_LOG("bit %zu", bit);
		}
	}
	if (variant->cmd == FERRY_IOC_WAIT) {
		memset(field, 0, size);
		args.submit.nr_sqes = 1;
		args.submit.sqes = (uintptr_t)&self->nop;
		EXPECT_EQ(EOPNOTSUPP, refusal(self, variant, &args));
	}
	check_unchanged(_metadata, self);
	drop_unused(self, variant, handle);
}

TEST_F(uapi, command_with_another_encoding_is_ENOTTY)
{
	union any_args args;
	uint32_t handle;
	unsigned int nr = _IOC_NR(variant->cmd);

	good_args(_metadata, self, variant, &args);
	handle = *handle_of(variant, &args);
	EXPECT_EQ(-ENOTTY, ferry_ioctl(self->fd, _IOC(_IOC_READ, FERRY_IOC_MAGIC, nr, 4), &args));
	EXPECT_EQ(-ENOTTY, ferry_ioctl(self->fd, _IOC(_IOC_WRITE, FERRY_IOC_MAGIC, nr, 4), &args));
	EXPECT_EQ(-ENOTTY, ferry_ioctl(self->fd, _IO(FERRY_IOC_MAGIC + 1, nr), &args));
	EXPECT_EQ(-ENOTTY, ferry_ioctl(self->fd, _IO(0, nr), &args));
	drop_unused(self, variant, handle);
	check_unchanged(_metadata, self);
}

/* From here on: what only one ioctl has. */

FIXTURE(call)
{
	int fd;
	uint32_t queue;
	uint32_t buffer;
	uint8_t *map;
	struct ferry_info info;
};

FIXTURE_SETUP(call)
{
	self->fd = ferry_open();
	ASSERT_LE(0, self->fd) TH_LOG("%s: %s", ferry_path(), strerror(-self->fd));
	ASSERT_EQ(0, ferry_info(self->fd, &self->info));
	ASSERT_EQ(0, queue_create(self->fd, self->info.min_order, &self->queue));
	self->map = buf_new(self->fd, 64 * KiB, 0, &self->buffer);
	ASSERT_NE(NULL, self->map);
	ASSERT_EQ(0, ferry_info(self->fd, &self->info));
}

FIXTURE_TEARDOWN(call)
{
	close(self->fd);
}

static void expect_idle_and_working(struct __test_metadata *_metadata, FIXTURE_DATA(call) *self)
{
	struct ferry_info info;
	struct ferry_cqe cqe;

	ASSERT_EQ(0, ferry_info(self->fd, &info));
	EXPECT_EQ(0, memcmp(&info, &self->info, sizeof(info)));
	EXPECT_EQ(0, reap(self->fd, self->queue, &cqe, 1, 0, 0));
	ASSERT_EQ(0, run(self->fd, self->queue, sqe(FERRY_OP_NOP, 0, 0, 0, 0), &cqe));
	EXPECT_EQ(FERRY_OK, cqe_status(&cqe));
}

TEST_F(call, unknown_ioctl_is_ENOTTY)
{
	uint8_t args[256] = { sizeof(args) - 1 };

	for (unsigned int nr = _IOC_NR(FERRY_IOC_WAIT) + 1; nr < 256; nr++)
		EXPECT_EQ(-ENOTTY, ferry_ioctl(self->fd, _IO(FERRY_IOC_MAGIC, nr), args));
	expect_idle_and_working(_metadata, self);
}

TEST_F(call, info_describes_a_device_that_can_be)
{
	const struct ferry_info *info = &self->info;
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

TEST_F(call, info_follows_queues_as_they_come_and_go)
{
	struct ferry_queue_create args = { .size = sizeof(args), .order = self->info.min_order };
	struct ferry_info info;

	ASSERT_EQ(0, ferry_ioctl(self->fd, FERRY_IOC_QUEUE_CREATE, &args));
	ASSERT_EQ(0, ferry_info(self->fd, &info));
	EXPECT_EQ(self->info.queues + 1, info.queues);
	EXPECT_EQ(0, self->info.busy_mask >> args.channel & 1);
	EXPECT_EQ(self->info.busy_mask | 1ULL << args.channel, info.busy_mask);
	EXPECT_EQ(1, info.user_mask >> args.channel & 1);
	ASSERT_EQ(0, queue_destroy(self->fd, args.queue));
	ASSERT_EQ(0, ferry_info(self->fd, &info));
	EXPECT_EQ(self->info.queues, info.queues);
	EXPECT_EQ(self->info.busy_mask, info.busy_mask);
}

TEST_F(call, queue_order_out_of_range_is_EINVAL)
{
	uint32_t bad[] = { 0, 32, 33, 64, 255, 256, INT32_MAX, UINT32_MAX,
			   self->info.min_order - 1, self->info.max_order + 1 };
	uint32_t queue;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (bad[i] >= self->info.min_order && bad[i] <= self->info.max_order)
			continue;
		EXPECT_EQ(-EINVAL, queue_create(self->fd, bad[i], &queue)) {
			TH_LOG("order %u", bad[i]);
		}
	}
	expect_idle_and_working(_metadata, self);
}

TEST_F(call, every_queue_order_in_range_gives_a_queue_that_holds_so_many)
{
	for (uint32_t order = self->info.min_order; order <= self->info.max_order; order++) {
		uint32_t nr = 1u << order, queue;
		struct ferry_sqe *sqes = calloc(nr + 1, sizeof(*sqes));
		struct ferry_cqe *cqes = calloc(nr, sizeof(*cqes));

		ASSERT_EQ(0, queue_create(self->fd, order, &queue));
		EXPECT_EQ(nr, submit(self->fd, queue, sqes, nr + 1));
		EXPECT_EQ(-EAGAIN, submit(self->fd, queue, sqes, 1));
		EXPECT_EQ(nr, reap(self->fd, queue, cqes, nr, nr, FOREVER));
		EXPECT_EQ(nr, cqe_seq(&cqes[nr - 1]));
		ASSERT_EQ(0, queue_destroy(self->fd, queue));
		free(sqes);
		free(cqes);
	}
}

TEST_F(call, queue_weight_out_of_range_is_EINVAL)
{
	struct ferry_queue_create args = { .size = sizeof(args), .order = self->info.min_order };
	static const uint32_t bad[] = { 256, 257, 65536, INT32_MAX, UINT32_MAX };
	static const uint32_t good[] = { 0, 1, 2, 255 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		args.weight = bad[i];
		EXPECT_EQ(-EINVAL, ferry_ioctl(self->fd, FERRY_IOC_QUEUE_CREATE, &args));
	}
	expect_idle_and_working(_metadata, self);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		args.weight = good[i];
		ASSERT_EQ(0, ferry_ioctl(self->fd, FERRY_IOC_QUEUE_CREATE, &args));
		EXPECT_EQ(0, queue_destroy(self->fd, args.queue));
	}
}

TEST_F(call, queues_beyond_the_channels_are_ENOSPC)
{
	uint32_t queues[64], extra, nr = 0;
	struct ferry_info info;

	while (nr < 64 && !queue_create(self->fd, self->info.min_order, &queues[nr]))
		nr++;
	EXPECT_EQ(-ENOSPC, queue_create(self->fd, self->info.min_order, &extra));
	ASSERT_EQ(0, ferry_info(self->fd, &info));
	EXPECT_EQ(nr + 1, info.queues);
	if (geteuid() == 0)
		EXPECT_EQ(info.user_mask, info.busy_mask & info.user_mask);
	for (uint32_t i = 0; i < nr; i++) {
		for (uint32_t k = 0; k < i; k++)
			EXPECT_NE(queues[k], queues[i]);
		EXPECT_EQ(0, queue_destroy(self->fd, queues[i]));
	}
	expect_idle_and_working(_metadata, self);
}

TEST_F(call, buffer_length_out_of_range_is_EINVAL)
{
	static const uint64_t bad[] = {
		0, UINT64_MAX, UINT64_MAX - 4094, INT64_MAX, 1ULL << 63, 1ULL << 49,
		(1ULL << 48) + 1,
	};
	uint32_t buffer;
	uint64_t offset;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, buf_alloc(self->fd, bad[i], 0, &buffer, &offset)) {
			TH_LOG("length %#llx", (unsigned long long)bad[i]);
		}
	}
	expect_idle_and_working(_metadata, self);
}

/* More than there is, but no more than could be: refused, quickly and quietly. */
TEST_F(call, buffer_larger_than_memory_is_refused)
{
	static const uint64_t much[] = { 1ULL << 36, 1ULL << 40, 1ULL << 47 };
	uint32_t buffer;
	uint64_t offset;
	int ret;

	for (size_t i = 0; i < ARRAY_SIZE(much); i++) {
		ret = buf_alloc(self->fd, much[i], 0, &buffer, &offset);
		EXPECT_TRUE(ret == -ENOMEM || ret == -EINVAL) {
			TH_LOG("%d", ret);
		}
	}
	expect_idle_and_working(_metadata, self);
}

TEST_F(call, entries_that_are_not_readable_are_EFAULT)
{
	struct ferry_submit args = { .size = sizeof(args), .queue = self->queue, .nr_sqes = 1 };
	static const uint64_t bad[] = {
		0, 1, UINT64_MAX, UINT64_MAX - 63, 0xffff000000000000, 0x0001000000000000,
		1ULL << 63,
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		args.sqes = bad[i];
		EXPECT_EQ(-EFAULT, ferry_ioctl(self->fd, FERRY_IOC_SUBMIT, &args)) {
			TH_LOG("pointer %#llx", (unsigned long long)bad[i]);
		}
	}
	expect_idle_and_working(_metadata, self);
}

/* The second of two entries is not there: none, or the first, but as it says. */
TEST_F(call, entries_that_are_cut_off_are_not_half_taken)
{
	uint8_t *page = mmap(NULL, 128 * KiB, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct ferry_submit args = { .size = sizeof(args), .queue = self->queue, .nr_sqes = 2 };
	struct ferry_cqe cqes[2];
	int ret;

	ASSERT_NE(MAP_FAILED, page);
	ASSERT_EQ(0, mprotect(page + 64 * KiB, 64 * KiB, PROT_NONE));
	for (uint32_t cut = 32; cut > 0; cut -= 8) {
		args.sqes = (uintptr_t)page + 64 * KiB - 64 + cut;
		args.submitted = 0;
		ret = ferry_ioctl(self->fd, FERRY_IOC_SUBMIT, &args);
		if (ret) {
			EXPECT_EQ(-EFAULT, ret);
			EXPECT_EQ(0, args.submitted);
		} else {
			EXPECT_EQ(1, args.submitted);
			EXPECT_EQ(1, reap(self->fd, self->queue, cqes, 2, 1, FOREVER));
		}
	}
	expect_idle_and_working(_metadata, self);
}

TEST_F(call, entries_more_than_the_ring_holds_are_not_read)
{
	uint32_t nr = 1u << self->info.min_order;
	size_t size = nr * sizeof(struct ferry_sqe);
	uint8_t *page = mmap(NULL, 128 * KiB, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct ferry_submit args = { .size = sizeof(args), .queue = self->queue };
	struct ferry_cqe *cqes = calloc(nr, sizeof(*cqes));

	ASSERT_NE(MAP_FAILED, page);
	ASSERT_LE(size, 64 * KiB);
	ASSERT_EQ(0, mprotect(page + 64 * KiB, 64 * KiB, PROT_NONE));
	args.sqes = (uintptr_t)page + 64 * KiB - size;
	args.nr_sqes = UINT32_MAX;
	ASSERT_EQ(0, ferry_ioctl(self->fd, FERRY_IOC_SUBMIT, &args));
	EXPECT_EQ(nr, args.submitted);
	EXPECT_EQ(nr, reap(self->fd, self->queue, cqes, nr, nr, FOREVER));
	expect_idle_and_working(_metadata, self);
}

TEST_F(call, completions_with_nowhere_to_go_are_not_lost)
{
	static const uint64_t bad[] = { 0, 1, UINT64_MAX, 0xffff000000000000, 1ULL << 63 };
	struct ferry_submit args = {
		.size = sizeof(args), .queue = self->queue, .nr_cqes = 1, .min_cqes = 1,
		.timeout_ns = FOREVER,
	};
	const struct ferry_sqe nop = {};
	struct ferry_cqe cqe;
	void *read_only = mmap(NULL, 64 * KiB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, read_only);
	ASSERT_EQ(1, submit(self->fd, self->queue, &nop, 1));
	ASSERT_EQ(0, queue_flush(self->fd, self->queue, FOREVER));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		args.cqes = bad[i];
		EXPECT_EQ(-EFAULT, ferry_ioctl(self->fd, FERRY_IOC_WAIT, &args)) {
			TH_LOG("pointer %#llx", (unsigned long long)bad[i]);
		}
	}
	args.cqes = (uintptr_t)read_only;
	EXPECT_EQ(-EFAULT, ferry_ioctl(self->fd, FERRY_IOC_WAIT, &args));
	EXPECT_EQ(1, reap(self->fd, self->queue, &cqe, 1, 1, FOREVER));
	EXPECT_EQ(1, cqe_seq(&cqe));
	expect_idle_and_working(_metadata, self);
}

TEST_F(call, counts_that_contradict_each_other_are_EINVAL)
{
	struct ferry_sqe nop = {};
	struct ferry_cqe cqes[2];
	struct ferry_submit args = {
		.size = sizeof(args), .queue = self->queue, .cqes = (uintptr_t)cqes,
	};
	static const struct { uint32_t nr, min; } bad[] = {
		{ 0, 1 }, { 1, 2 }, { 2, UINT32_MAX }, { 0, UINT32_MAX }, { INT32_MAX, 1u << 31 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		args.nr_cqes = bad[i].nr;
		args.min_cqes = bad[i].min;
		args.nr_sqes = 0;
		args.sqes = 0;
		EXPECT_EQ(-EINVAL, ferry_ioctl(self->fd, FERRY_IOC_WAIT, &args));
		EXPECT_EQ(-EINVAL, ferry_ioctl(self->fd, FERRY_IOC_SUBMIT, &args));
		/* Not even with something to submit: refused before it is. */
		args.nr_sqes = 1;
		args.sqes = (uintptr_t)&nop;
		EXPECT_EQ(-EINVAL, ferry_ioctl(self->fd, FERRY_IOC_SUBMIT, &args));
	}
	expect_idle_and_working(_metadata, self);
}

TEST_F(call, submit_and_wait_of_nothing_succeed_with_nothing)
{
	struct ferry_submit args = { .size = sizeof(args), .queue = self->queue };

	ASSERT_EQ(0, ferry_ioctl(self->fd, FERRY_IOC_SUBMIT, &args));
	EXPECT_EQ(0, args.submitted);
	EXPECT_EQ(0, args.reaped);
	ASSERT_EQ(0, ferry_ioctl(self->fd, FERRY_IOC_WAIT, &args));
	EXPECT_EQ(0, args.reaped);
	expect_idle_and_working(_metadata, self);
}

TEST_F(call, what_comes_back_does_not_depend_on_what_was_there)
{
	struct ferry_queue_create create;
	struct ferry_buf_alloc alloc;
	struct ferry_submit args;
	struct ferry_info info;

	memset(&info, 0xaa, sizeof(info));
	info.size = sizeof(info);
	ASSERT_EQ(0, ferry_ioctl(self->fd, FERRY_IOC_INFO, &info));
	EXPECT_EQ(0, memcmp(&info, &self->info, sizeof(info)));

	memset(&create, 0xaa, sizeof(create));
	create.size = sizeof(create);
	create.flags = create.weight = 0;
	create.order = self->info.min_order;
	ASSERT_EQ(0, ferry_ioctl(self->fd, FERRY_IOC_QUEUE_CREATE, &create));
	EXPECT_LT(create.channel, self->info.channels);
	EXPECT_EQ(0, queue_destroy(self->fd, create.queue));

	memset(&alloc, 0xaa, sizeof(alloc));
	alloc.size = sizeof(alloc);
	alloc.flags = alloc.reserved = 0;
	alloc.length = 1;
	ASSERT_EQ(0, ferry_ioctl(self->fd, FERRY_IOC_BUF_ALLOC, &alloc));
	EXPECT_EQ(0, buf_free(self->fd, alloc.buffer));

	memset(&args, 0, sizeof(args));
	args.size = sizeof(args);
	args.queue = self->queue;
	args.submitted = args.reaped = args.first = 0xaaaaaaaa;
	ASSERT_EQ(0, ferry_ioctl(self->fd, FERRY_IOC_WAIT, &args));
	EXPECT_EQ(0, args.submitted);
	EXPECT_EQ(0, args.reaped);
}

TEST_F(call, read_into_too_small_a_buffer_is_EINVAL)
{
	const struct ferry_sqe nop = {};
	struct ferry_event event;

	ASSERT_EQ(1, submit(self->fd, self->queue, &nop, 1));
	ASSERT_EQ(0, queue_flush(self->fd, self->queue, FOREVER));
	for (size_t size = 1; size < sizeof(event); size++) {
		EXPECT_EQ(-1, read(self->fd, &event, size));
		EXPECT_EQ(EINVAL, errno);
	}
	EXPECT_EQ(-1, syscall(SYS_read, self->fd, NULL, sizeof(event)));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(sizeof(event), read(self->fd, &event, sizeof(event)));
	EXPECT_EQ(self->queue, event.queue);
	EXPECT_EQ(0, event.reserved);
	EXPECT_EQ(1, cqe_seq(&event.cqe));
	expect_idle_and_working(_metadata, self);
}

TEST_F(call, write_to_the_device_is_refused)
{
	EXPECT_EQ(-1, write(self->fd, self, 16));
	EXPECT_EQ(EINVAL, errno);
	expect_idle_and_working(_metadata, self);
}

TEST_F(call, destroying_twice_is_ENOENT)
{
	uint32_t queue, buffer;
	uint64_t offset;

	ASSERT_EQ(0, queue_create(self->fd, self->info.min_order, &queue));
	ASSERT_EQ(0, queue_destroy(self->fd, queue));
	EXPECT_EQ(-ENOENT, queue_destroy(self->fd, queue));
	ASSERT_EQ(0, buf_alloc(self->fd, 4096, 0, &buffer, &offset));
	ASSERT_EQ(0, buf_free(self->fd, buffer));
	EXPECT_EQ(-ENOENT, buf_free(self->fd, buffer));
	expect_idle_and_working(_metadata, self);
}

TEST_HARNESS_MAIN
