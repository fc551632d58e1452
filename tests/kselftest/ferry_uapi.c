// SPDX-License-Identifier: GPL-2.0-only
/*
 * The contract of linux/ferry.h that all ioctls share: what each does with a
 * wrong size, flag, reserved field, handle or argument pointer. Each wrong call
 * must give the errno that the header names and change nothing: neither the
 * argument, nor what INFO tells, nor the queue and buffer that the file has.
 */
#include "ferry_uapi.h"

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
VARIANT(queue_wait, FERRY_IOC_QUEUE_WAIT);
VARIANT(queue_arm, FERRY_IOC_QUEUE_ARM);
VARIANT(buf_register, FERRY_IOC_BUF_REGISTER);
VARIANT(buf_import, FERRY_IOC_BUF_IMPORT);
VARIANT(buf_export, FERRY_IOC_BUF_EXPORT);

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
	for (uint32_t size = 0; size < call->first; size++) {
		args.size = size;
		EXPECT_EQ(EINVAL, refusal(e, call, &args)) {
			TH_LOG("size %u", size);
		}
	}
	check_unchanged(_metadata, e);

	args.size = call->first;
	memset(args.bytes + call->first, 0xee, sizeof(args) - call->first);
	EXPECT_EQ(0, ferry_ioctl(e->fd, call->cmd, &args));
	EXPECT_TRUE(all_bytes(args.bytes + call->first, sizeof(args) - call->first, 0xee));
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

/* However much of it is zero: that would take the kernel long to find out. */
TEST_F(uapi, structure_larger_than_a_page_is_E2BIG)
{
	const struct call *call = &calls[variant->nr];
	struct env *e = &self->env;
	size_t page = sysconf(_SC_PAGESIZE);
	union any_args args, *large;
	uint32_t handle;

	good_args(_metadata, e, call, &args);
	handle = *handle_of(call, &args);
	large = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, large);
	memcpy(large, &args, call->size);
	for (size_t size = page + 1; size <= 2 * page; size += page - 1) {
		large->size = size;
		EXPECT_EQ(-E2BIG, ferry_ioctl(e->fd, call->cmd, large)) {
			TH_LOG("size %zu", size);
		}
	}
	large->size = UINT32_MAX;
	EXPECT_EQ(-E2BIG, ferry_ioctl(e->fd, call->cmd, large));
	check_unchanged(_metadata, e);
	drop_unused(_metadata, e, call, handle);

	good_args(_metadata, e, call, &args);
	memcpy(large, &args, call->size);
	large->size = page;
	EXPECT_EQ(0, ferry_ioctl(e->fd, call->cmd, large));
	memcpy(&args, large, call->size);
	undo(_metadata, e, call, &args);
}

TEST_F(uapi, nothing_is_written_behind_the_structure)
{
	const struct call *call = &calls[variant->nr];
	struct env *e = &self->env;
	union any_args args;

	good_args(_metadata, e, call, &args);
	memset(args.bytes + call->size, 0xee, sizeof(args) - call->size);
	EXPECT_EQ(0, ferry_ioctl(e->fd, call->cmd, &args));
	EXPECT_TRUE(all_bytes(args.bytes + call->size, sizeof(args) - call->size, 0xee));
	undo(_metadata, e, call, &args);
}

TEST_F(uapi, tail_that_is_not_there_is_refused)
{
	const struct call *call = &calls[variant->nr];
	struct env *e = &self->env;
	uint8_t *page = mmap(NULL, 128 * KiB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	union any_args args, *edge;

	ASSERT_NE(MAP_FAILED, page);
	ASSERT_EQ(0, mprotect(page, 64 * KiB, PROT_READ | PROT_WRITE));
	good_args(_metadata, e, call, &args);

	/* The structure ends with the page: fits, one byte more does not. */
	edge = (void *)(page + 64 * KiB - call->size);
	memcpy(edge, &args, call->size);
	edge->size = call->size + 1;
	EXPECT_EQ(-EFAULT, ferry_ioctl(e->fd, call->cmd, edge));
	edge->size = UINT32_MAX;
	EXPECT_EQ(-E2BIG, ferry_ioctl(e->fd, call->cmd, edge));
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
		CALL_OF(INFO), CALL_OF(QUEUE_CREATE), CALL_OF(BUF_ALLOC), CALL_OF(BUF_REGISTER),
		CALL_OF(BUF_IMPORT), CALL_OF(BUF_EXPORT),
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
		CALL_OF(BUF_FREE), CALL_OF(SUBMIT), CALL_OF(WAIT), CALL_OF(QUEUE_WAIT),
		CALL_OF(QUEUE_ARM), CALL_OF(BUF_EXPORT),
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
		mine = takes_buffer(call) ? e->buffer : e->queue;
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
		if (takes_buffer(call)) {
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
		CALL_OF(QUEUE_CREATE), CALL_OF(BUF_ALLOC), CALL_OF(BUF_REGISTER),
		CALL_OF(SUBMIT), CALL_OF(WAIT), CALL_OF(QUEUE_WAIT), CALL_OF(QUEUE_ARM),
		CALL_OF(BUF_IMPORT), CALL_OF(BUF_EXPORT),
	};
	struct env *e = &self->env;

	for (size_t i = 0; i < ARRAY_SIZE(takers); i++) {
		uint32_t *flags, known = 0;
		union any_args args;

		good_args(_metadata, e, takers[i], &args);
		switch (takers[i]->cmd) {
		case FERRY_IOC_QUEUE_CREATE:
			flags = &args.queue_create.flags;
			known = FERRY_QUEUE_MAPPED | FERRY_QUEUE_SEND | FERRY_QUEUE_RECV;
			break;
		case FERRY_IOC_QUEUE_WAIT:
			flags = &args.queue_wait.flags;
			break;
		case FERRY_IOC_QUEUE_ARM:
			flags = &args.queue_arm.flags;
			break;
		case FERRY_IOC_BUF_ALLOC:
			flags = &args.buf_alloc.flags;
			known = FERRY_BUF_WC | FERRY_BUF_DEV_RO | FERRY_BUF_EXPORT;
			break;
		case FERRY_IOC_BUF_REGISTER:
			flags = &args.buf_register.flags;
			known = FERRY_BUF_DEV_RO;
			break;
		case FERRY_IOC_BUF_IMPORT:
			flags = &args.buf_import.flags;
			known = FERRY_BUF_DEV_RO;
			break;
		case FERRY_IOC_BUF_EXPORT:
			flags = &args.buf_export.flags;
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
		FIELD(QUEUE_CREATE, ferry_queue_create, port_fd),
		FIELD(QUEUE_CREATE, ferry_queue_create, idle_usecs),
		FIELD(QUEUE_DESTROY, ferry_queue_handle, timeout_ns),
		FIELD(QUEUE_CANCEL, ferry_queue_handle, timeout_ns),
		FIELD(BUF_ALLOC, ferry_buf_alloc, reserved),
		FIELD(BUF_REGISTER, ferry_buf_register, reserved),
		FIELD(BUF_IMPORT, ferry_buf_import, reserved),
		FIELD(SUBMIT, ferry_submit, reserved),
		FIELD(WAIT, ferry_submit, reserved),
		FIELD(WAIT, ferry_submit, nr_sqes),
		FIELD(QUEUE_ARM, ferry_queue_arm, reserved),
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

	for (unsigned int nr = ARRAY_SIZE(calls); nr < 256; nr++)
		EXPECT_EQ(-ENOTTY, ferry_ioctl(e->fd, _IO(FERRY_IOC_MAGIC, nr), args));
	check_unchanged(_metadata, e);
}

TEST_HARNESS_MAIN
