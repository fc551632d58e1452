// SPDX-License-Identifier: GPL-2.0-only
/*
 * The contract of linux/ferry.h: what every ioctl does with a wrong size,
 * flag, reserved field, handle, pointer, length or count. Each wrong call must
 * give the errno that the header names and change nothing: neither the
 * argument, nor what INFO tells, nor the queue and buffer that the file has.
 */
#include "ferry_utils.h"

#include <stddef.h>

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

/* What every test starts with: a file with a queue and a buffer. */
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

struct call {
	const char *name;
	unsigned long cmd;
	size_t size;
};

#define CALL(name, type)	{ #name, FERRY_IOC_##name, sizeof(struct type) }

static const struct call calls[] = {
	CALL(INFO, ferry_info),
	CALL(QUEUE_CREATE, ferry_queue_create),
	CALL(QUEUE_DESTROY, ferry_queue_handle),
	CALL(QUEUE_FLUSH, ferry_queue_handle),
	CALL(QUEUE_CANCEL, ferry_queue_handle),
	CALL(BUF_ALLOC, ferry_buf_alloc),
	CALL(BUF_FREE, ferry_buf_free),
	CALL(SUBMIT, ferry_submit),
	CALL(WAIT, ferry_submit),
};

#define CALL_OF(nr)	(&calls[_IOC_NR(FERRY_IOC_##nr)])

static void env_open(struct __test_metadata *_metadata, struct env *e)
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

/* A call that would succeed. For those that use a handle up, make a new one. */
static void good_args(struct __test_metadata *_metadata, struct env *e,
		      const struct call *call, union any_args *args)
{
	uint64_t offset;

	memset(args, 0, sizeof(*args));
	args->size = call->size;
	switch (call->cmd) {
	case FERRY_IOC_INFO:
		break;
	case FERRY_IOC_QUEUE_CREATE:
		args->queue_create.order = e->order;
		break;
	case FERRY_IOC_QUEUE_DESTROY:
		ASSERT_EQ(0, queue_create(e->fd, e->order, &args->queue_handle.queue));
		ASSERT_EQ(0, ferry_info(e->fd, &e->info));
		break;
	case FERRY_IOC_QUEUE_FLUSH:
		args->queue_handle.queue = e->queue;
		args->queue_handle.timeout_ns = FOREVER;
		break;
	case FERRY_IOC_QUEUE_CANCEL:
		args->queue_handle.queue = e->queue;
		break;
	case FERRY_IOC_BUF_ALLOC:
		args->buf_alloc.length = 4096;
		break;
	case FERRY_IOC_BUF_FREE:
		ASSERT_EQ(0, buf_alloc(e->fd, 4096, 0, &args->buf_free.buffer, &offset));
		break;
	case FERRY_IOC_SUBMIT:
		args->submit.nr_sqes = 1;
		args->submit.sqes = (uintptr_t)&e->nop;
		/* fallthrough */
	case FERRY_IOC_WAIT:
		args->submit.queue = e->queue;
		args->submit.cqes = (uintptr_t)&e->cqe;
		args->submit.nr_cqes = 1;
		args->submit.timeout_ns = FOREVER;
		break;
	}
}

/* Give back what a successful call made, so that the next one finds room. */
static void undo(struct __test_metadata *_metadata, struct env *e,
		 const struct call *call, union any_args *args)
{
	struct ferry_cqe cqe;

	switch (call->cmd) {
	case FERRY_IOC_QUEUE_CREATE:
		ASSERT_EQ(0, queue_destroy(e->fd, args->queue_create.queue));
		break;
	case FERRY_IOC_BUF_ALLOC:
		ASSERT_EQ(0, buf_free(e->fd, args->buf_alloc.buffer));
		break;
	case FERRY_IOC_SUBMIT:
		if (!args->submit.reaped)
			ASSERT_EQ(1, reap(e->fd, e->queue, &cqe, 1, 1, FOREVER));
		break;
	}
}

/* What a refused destroy or free has left over. */
static void drop_unused(struct __test_metadata *_metadata, struct env *e,
			const struct call *call, uint32_t handle)
{
	if (call->cmd == FERRY_IOC_QUEUE_DESTROY)
		queue_destroy(e->fd, handle);
	else if (call->cmd == FERRY_IOC_BUF_FREE)
		buf_free(e->fd, handle);
	ASSERT_EQ(0, ferry_info(e->fd, &e->info));
}

/* Where the handle is in the argument of a call that takes one. */
static uint32_t *handle_of(const struct call *call, union any_args *args)
{
	switch (call->cmd) {
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
static void check_unchanged(struct __test_metadata *_metadata, struct env *e)
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

/* Why the call was refused; a refused call leaves its argument as it was. */
static int refusal(struct env *e, const struct call *call,
		   union any_args *args)
{
	union any_args before = *args;
	int ret = ferry_ioctl(e->fd, call->cmd, args);

	return memcmp(&before, args, sizeof(before)) ? ARGUMENT_CHANGED : -ret;
}

/* Once for each ioctl. */
FIXTURE(uapi)
{
	struct env env;
};

FIXTURE_VARIANT(uapi)
{
	unsigned int nr;
};

#define VARIANT(name, number) \
	FIXTURE_VARIANT_ADD(uapi, name) { .nr = _IOC_NR(number) }

VARIANT(info, FERRY_IOC_INFO);
VARIANT(queue_create, FERRY_IOC_QUEUE_CREATE);
VARIANT(queue_destroy, FERRY_IOC_QUEUE_DESTROY);
VARIANT(queue_flush, FERRY_IOC_QUEUE_FLUSH);
VARIANT(queue_cancel, FERRY_IOC_QUEUE_CANCEL);
VARIANT(buf_alloc, FERRY_IOC_BUF_ALLOC);
VARIANT(buf_free, FERRY_IOC_BUF_FREE);
VARIANT(submit, FERRY_IOC_SUBMIT);
VARIANT(wait, FERRY_IOC_WAIT);

FIXTURE_SETUP(uapi)
{
	env_open(_metadata, &self->env);
}

FIXTURE_TEARDOWN(uapi)
{
	close(self->env.fd);
}

TEST_F(uapi, size_of_the_first_release_or_none_below_it)
{
	const struct call *call = &calls[variant->nr];
	struct env *e = &self->env;
	union any_args args;

	good_args(_metadata, e, call, &args);
	for (uint32_t size = 0; size < call->size; size++) {
		args.size = size;
		EXPECT_EQ(EINVAL, refusal(e, call, &args)) {
			TH_LOG("size %u", size);
		}
	}
	check_unchanged(_metadata, e);

	args.size = call->size;
	EXPECT_EQ(0, ferry_ioctl(e->fd, call->cmd, &args));
	undo(_metadata, e, call, &args);
}

TEST_F(uapi, larger_structure_with_a_zero_tail_is_taken)
{
	const struct call *call = &calls[variant->nr];
	struct env *e = &self->env;
	static const size_t more[] = { 1, 4, 8, 100, 2048 };

	for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
		union any_args args;

		good_args(_metadata, e, call, &args);
		args.size = call->size + more[i];
		EXPECT_EQ(0, ferry_ioctl(e->fd, call->cmd, &args));
		/* What the kernel does not know it leaves alone, or zero. */
		EXPECT_TRUE(all_bytes(args.bytes + call->size, more[i], 0));
		undo(_metadata, e, call, &args);
	}
}

TEST_F(uapi, larger_structure_with_a_tail_that_is_not_zero_is_E2BIG)
{
	const struct call *call = &calls[variant->nr];
	struct env *e = &self->env;
	static const size_t more[] = { 1, 4, 8, 100, 2048 };
	union any_args args;
	uint32_t handle;

	good_args(_metadata, e, call, &args);
	handle = *handle_of(call, &args);
	for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
		args.size = call->size + more[i];
		args.bytes[args.size - 1] = 1;
		EXPECT_EQ(E2BIG, refusal(e, call, &args));
		args.bytes[args.size - 1] = 0;
	}
	check_unchanged(_metadata, e);
	drop_unused(_metadata, e, call, handle);
}

TEST_F(uapi, tail_that_is_not_there_is_refused)
{
	const struct call *call = &calls[variant->nr];
	struct env *e = &self->env;
	uint8_t *page = mmap(NULL, 128 * KiB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	union any_args args, *edge;
	int ret;

	ASSERT_NE(MAP_FAILED, page);
	ASSERT_EQ(0, mprotect(page, 64 * KiB, PROT_READ | PROT_WRITE));
	good_args(_metadata, e, call, &args);

	/* The structure ends with the page: fits, one byte more does not. */
	edge = (void *)(page + 64 * KiB - call->size);
	memcpy(edge, &args, call->size);
	edge->size = call->size + 1;
	EXPECT_EQ(-EFAULT, ferry_ioctl(e->fd, call->cmd, edge));
	edge->size = UINT32_MAX;
	ret = ferry_ioctl(e->fd, call->cmd, edge);
	EXPECT_TRUE(ret == -EFAULT || ret == -E2BIG) TH_LOG("size UINT32_MAX: %d", ret);
	/* The structure is cut by the end of the page. */
	edge = (void *)(page + 64 * KiB - call->size + 1);
	memcpy(edge, &args, call->size - 1);
	EXPECT_EQ(-EFAULT, ferry_ioctl(e->fd, call->cmd, edge));
	check_unchanged(_metadata, e);

	edge = (void *)(page + 64 * KiB - call->size);
	memcpy(edge, &args, call->size);
	EXPECT_EQ(0, ferry_ioctl(e->fd, call->cmd, edge));
	memcpy(&args, edge, call->size);
	undo(_metadata, e, call, &args);
}

TEST_F(uapi, argument_pointer_that_is_not_accessible_is_EFAULT)
{
	const struct call *call = &calls[variant->nr];
	struct env *e = &self->env;
	void *const bad[] = {
		NULL, (void *)1, e->unmapped, (void *)-1L, (void *)-4096L,
		(void *)0xffff000000000000UL, (void *)0x0001000000000000UL,
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EFAULT, ferry_ioctl(e->fd, call->cmd, bad[i])) {
			TH_LOG("pointer %p", bad[i]);
		}
	}
	check_unchanged(_metadata, e);
}

/* The result cannot be delivered: nothing may be left that nobody can name. */
TEST_F(uapi, command_with_another_encoding_is_ENOTTY)
{
	const struct call *call = &calls[variant->nr];
	struct env *e = &self->env;
	union any_args args;
	uint32_t handle;
	unsigned int nr = _IOC_NR(call->cmd);

	good_args(_metadata, e, call, &args);
	handle = *handle_of(call, &args);
	EXPECT_EQ(-ENOTTY, ferry_ioctl(e->fd, _IOC(_IOC_READ, FERRY_IOC_MAGIC, nr, 4), &args));
	EXPECT_EQ(-ENOTTY, ferry_ioctl(e->fd, _IOC(_IOC_WRITE, FERRY_IOC_MAGIC, nr, 4), &args));
	EXPECT_EQ(-ENOTTY, ferry_ioctl(e->fd, _IO(FERRY_IOC_MAGIC + 1, nr), &args));
	EXPECT_EQ(-ENOTTY, ferry_ioctl(e->fd, _IO(FERRY_IOC_MAGIC - 1, nr), &args));
	drop_unused(_metadata, e, call, handle);
	check_unchanged(_metadata, e);
}

/* Once for those ioctls that have what is tested. */
FIXTURE(call)
{
	struct env env;
};

FIXTURE_SETUP(call)
{
	env_open(_metadata, &self->env);
}

FIXTURE_TEARDOWN(call)
{
	close(self->env.fd);
}

/* A result that cannot be delivered: nothing may be left that nobody can name. */
TEST_F(call, result_that_has_nowhere_to_go_leaves_nothing_behind)
{
	static const struct call *const makers[] = {
		CALL_OF(INFO), CALL_OF(QUEUE_CREATE), CALL_OF(BUF_ALLOC),
	};
	struct env *e = &self->env;
	union any_args *args = mmap(NULL, 64 * KiB, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, args);
	for (size_t i = 0; i < ARRAY_SIZE(makers); i++) {
		good_args(_metadata, e, makers[i], args);
		ASSERT_EQ(0, mprotect(args, 64 * KiB, PROT_READ));
		for (int k = 0; k < 3; k++)
			EXPECT_EQ(-EFAULT, ferry_ioctl(e->fd, makers[i]->cmd, args));
		ASSERT_EQ(0, mprotect(args, 64 * KiB, PROT_READ | PROT_WRITE));
	}
	check_unchanged(_metadata, e);
}

TEST_F(call, handle_that_is_not_of_this_file_is_ENOENT)
{
	static const struct call *const takers[] = {
		CALL_OF(QUEUE_DESTROY), CALL_OF(QUEUE_FLUSH), CALL_OF(QUEUE_CANCEL),
		CALL_OF(BUF_FREE), CALL_OF(SUBMIT), CALL_OF(WAIT),
	};
	static const uint32_t huge[] = { UINT32_MAX, INT32_MAX, NO_HANDLE };
	struct env *e = &self->env;

	for (size_t i = 0; i < ARRAY_SIZE(takers); i++) {
		const struct call *call = takers[i];
		uint32_t good, gone, mine, *handle;
		union any_args args;
		uint64_t offset;
		int other;

		good_args(_metadata, e, call, &args);
		handle = handle_of(call, &args);
		good = *handle;

		/* Never given out. */
		mine = call->cmd == FERRY_IOC_BUF_FREE ? e->buffer : e->queue;
		for (int bit = -1; bit < 32; bit++) {
			*handle = bit < 0 ? 0 : 1u << bit;
			if (*handle != good && *handle != mine)
				EXPECT_EQ(ENOENT, refusal(e, call, &args));
		}
		for (size_t k = 0; k < ARRAY_SIZE(huge); k++) {
			*handle = huge[k];
			EXPECT_EQ(ENOENT, refusal(e, call, &args));
		}

		/* Of another open file of the same process: that one has none so far. */
		other = ferry_open();
		ASSERT_LE(0, other);
		*handle = good;
		EXPECT_EQ(-ENOENT, ferry_ioctl(other, call->cmd, &args));
		close(other);

		/* Destroyed. */
		if (call->cmd == FERRY_IOC_BUF_FREE) {
			ASSERT_EQ(0, buf_alloc(e->fd, 4096, 0, &gone, &offset));
			ASSERT_EQ(0, buf_free(e->fd, gone));
		} else {
			ASSERT_EQ(0, queue_create(e->fd, e->order, &gone));
			ASSERT_EQ(0, queue_destroy(e->fd, gone));
		}
		*handle = gone;
		EXPECT_EQ(ENOENT, refusal(e, call, &args));
		check_unchanged(_metadata, e);
		drop_unused(_metadata, e, call, good);
	}
}

TEST_F(call, unknown_flag_is_EOPNOTSUPP)
{
	static const struct call *const takers[] = {
		CALL_OF(QUEUE_CREATE), CALL_OF(BUF_ALLOC), CALL_OF(SUBMIT), CALL_OF(WAIT),
	};
	struct env *e = &self->env;

	for (size_t i = 0; i < ARRAY_SIZE(takers); i++) {
		uint32_t *flags, known = 0;
		union any_args args;

		good_args(_metadata, e, takers[i], &args);
		switch (takers[i]->cmd) {
		case FERRY_IOC_QUEUE_CREATE:
			flags = &args.queue_create.flags;
			break;
		case FERRY_IOC_BUF_ALLOC:
			flags = &args.buf_alloc.flags;
			known = FERRY_BUF_WC | FERRY_BUF_DEV_RO;
			break;
		default:
			flags = &args.submit.flags;
			break;
		}
		for (int bit = 0; bit < 32; bit++) {
			if (known & 1u << bit)
				continue;
			*flags = 1u << bit;
			EXPECT_EQ(EOPNOTSUPP, refusal(e, takers[i], &args)) {
				TH_LOG("%s: bit %d", takers[i]->name, bit);
			}
			*flags |= known;
			EXPECT_EQ(EOPNOTSUPP, refusal(e, takers[i], &args)) {
				TH_LOG("%s: bit %d and the known ones", takers[i]->name, bit);
			}
		}
		check_unchanged(_metadata, e);
	}
}

#define FIELD(call, type, field) \
	{ CALL_OF(call), #field, offsetof(struct type, field), \
	  sizeof(((struct type *)NULL)->field) }

TEST_F(call, field_that_must_be_zero_and_is_not_is_EOPNOTSUPP)
{
	static const struct {
		const struct call *call;
		const char *name;
		size_t offset, size;
	} fields[] = {
		FIELD(QUEUE_DESTROY, ferry_queue_handle, timeout_ns),
		FIELD(QUEUE_CANCEL, ferry_queue_handle, timeout_ns),
		FIELD(BUF_ALLOC, ferry_buf_alloc, reserved),
		FIELD(SUBMIT, ferry_submit, reserved),
		FIELD(WAIT, ferry_submit, reserved),
		FIELD(WAIT, ferry_submit, nr_sqes),
	};
	struct env *e = &self->env;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		union any_args args;
		uint8_t *field = args.bytes + fields[i].offset;

		good_args(_metadata, e, fields[i].call, &args);
		for (size_t bit = 0; bit < 8 * fields[i].size; bit++) {
			memset(field, 0, fields[i].size);
			field[bit / 8] = 1 << bit % 8;
			EXPECT_EQ(EOPNOTSUPP, refusal(e, fields[i].call, &args)) {
				TH_LOG("%s.%s: bit %zu", fields[i].call->name, fields[i].name, bit);
			}
		}
		check_unchanged(_metadata, e);
		drop_unused(_metadata, e, fields[i].call, *handle_of(fields[i].call, &args));
	}
}

TEST_F(call, unknown_ioctl_is_ENOTTY)
{
	struct env *e = &self->env;
	uint8_t args[256] = { sizeof(args) - 1 };

	for (unsigned int nr = _IOC_NR(FERRY_IOC_WAIT) + 1; nr < 256; nr++)
		EXPECT_EQ(-ENOTTY, ferry_ioctl(e->fd, _IO(FERRY_IOC_MAGIC, nr), args));
	check_unchanged(_metadata, e);
}

TEST_F(call, info_describes_a_device_that_can_be)
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

TEST_F(call, info_follows_queues_as_they_come_and_go)
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

TEST_F(call, queue_order_out_of_range_is_EINVAL)
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

TEST_F(call, every_queue_order_in_range_gives_a_queue_that_holds_so_many)
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

TEST_F(call, queue_weight_out_of_range_is_EINVAL)
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

TEST_F(call, queues_beyond_the_channels_are_ENOSPC)
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

TEST_F(call, buffer_length_out_of_range_is_EINVAL)
{
	struct env *e = &self->env;
	static const uint64_t bad[] = {
		0, UINT64_MAX, UINT64_MAX - 4094, INT64_MAX, 1ULL << 63, 1ULL << 49,
		(1ULL << 48) + 1,
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
TEST_F(call, buffer_larger_than_memory_is_refused)
{
	struct env *e = &self->env;
	static const uint64_t much[] = { 1ULL << 36, 1ULL << 40, 1ULL << 47 };
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

TEST_F(call, entries_that_are_not_readable_are_EFAULT)
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
TEST_F(call, entries_that_are_cut_off_are_not_half_taken)
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

TEST_F(call, entries_more_than_the_ring_holds_are_not_read)
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

TEST_F(call, completions_with_nowhere_to_go_are_not_lost)
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

TEST_F(call, counts_that_contradict_each_other_are_EINVAL)
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

TEST_F(call, submit_and_wait_of_nothing_succeed_with_nothing)
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

TEST_F(call, what_comes_back_does_not_depend_on_what_was_there)
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
	create.flags = create.weight = 0;
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

TEST_F(call, read_into_too_small_a_buffer_is_EINVAL)
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

TEST_F(call, write_to_the_device_is_refused)
{
	struct env *e = &self->env;

	EXPECT_EQ(-1, write(e->fd, self, 16));
	EXPECT_EQ(EINVAL, errno);
	check_unchanged(_metadata, e);
}

TEST_F(call, destroying_twice_is_ENOENT)
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
