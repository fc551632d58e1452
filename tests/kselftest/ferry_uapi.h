/* SPDX-License-Identifier: GPL-2.0-only */
/* Every ioctl of /dev/ferryN, with an argument that it takes, and what undoes it. */
#ifndef FERRY_UAPI_H
#define FERRY_UAPI_H

#include "ferry_env.h"

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
	struct ferry_buf_register buf_register;
	struct ferry_buf_import buf_import;
	struct ferry_buf_export buf_export;
	struct ferry_submit submit;
	struct ferry_queue_wait queue_wait;
	struct ferry_queue_arm queue_arm;
	uint8_t bytes[4096];
};

struct call {
	const char *name;
	unsigned long cmd;
	size_t size, first;	/* of this release, and of the first */
};

#define CALL(name, type)	{ #name, FERRY_IOC_##name, sizeof(struct type), sizeof(struct type) }
#define CALL_GROWN(name, type, member) \
	{ #name, FERRY_IOC_##name, sizeof(struct type), offsetof(struct type, member) }

static const struct call calls[] = {
	CALL_GROWN(INFO, ferry_info, pinned),
	CALL_GROWN(QUEUE_CREATE, ferry_queue_create, sq_offset),
	CALL(QUEUE_DESTROY, ferry_queue_handle),
	CALL(QUEUE_FLUSH, ferry_queue_handle),
	CALL(QUEUE_CANCEL, ferry_queue_handle),
	CALL(BUF_ALLOC, ferry_buf_alloc),
	CALL(BUF_FREE, ferry_buf_free),
	CALL(SUBMIT, ferry_submit),
	CALL(WAIT, ferry_submit),
	CALL(QUEUE_WAIT, ferry_queue_wait),
	CALL(QUEUE_ARM, ferry_queue_arm),
	CALL(BUF_REGISTER, ferry_buf_register),
	CALL(BUF_IMPORT, ferry_buf_import),
	CALL(BUF_EXPORT, ferry_buf_export),
};

#define CALL_OF(nr)	(&calls[_IOC_NR(FERRY_IOC_##nr)])

static uint8_t registered[4096];

/* A dma-buf of another file, which is closed. */
static inline int any_dmabuf(void)
{
	static int dmabuf = -1;
	int fd = dmabuf < 0 ? ferry_open() : -1;
	uint64_t offset;
	uint32_t buffer;

	if (fd < 0)
		return dmabuf;
	if (!buf_alloc(fd, 64 * KiB, FERRY_BUF_EXPORT, &buffer, &offset))
		dmabuf = buf_export(fd, buffer);
	close(fd);
	return dmabuf;
}

/* Whether the handle that it takes is a buffer's. */
static inline bool takes_buffer(const struct call *call)
{
	return call->cmd == FERRY_IOC_BUF_FREE || call->cmd == FERRY_IOC_BUF_EXPORT;
}

/* A call that would succeed. For those that use a handle up, make a new one. */
static inline void good_args(struct __test_metadata *_metadata, struct env *e,
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
	case FERRY_IOC_BUF_REGISTER:
		args->buf_register.addr = (uintptr_t)registered;
		args->buf_register.length = sizeof(registered);
		break;
	case FERRY_IOC_BUF_IMPORT:
		args->buf_import.fd = any_dmabuf();
		break;
	case FERRY_IOC_BUF_EXPORT:
		ASSERT_EQ(0, buf_alloc(e->fd, 4096, FERRY_BUF_EXPORT, &args->buf_export.buffer,
				       &offset));
		ASSERT_EQ(0, ferry_info(e->fd, &e->info));
		break;
	case FERRY_IOC_BUF_FREE:
		ASSERT_EQ(0, buf_alloc(e->fd, 4096, 0, &args->buf_free.buffer, &offset));
		ASSERT_EQ(0, ferry_info(e->fd, &e->info));
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
	case FERRY_IOC_QUEUE_WAIT:
		args->queue_wait.queue = e->queue;
		break;
	case FERRY_IOC_QUEUE_ARM:
		args->queue_arm.queue = e->queue;
		args->queue_arm.eventfd = -1;
		break;
	}
}

/* Give back what a successful call made, so that the next one finds room. */
static inline void undo(struct __test_metadata *_metadata, struct env *e,
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
	case FERRY_IOC_BUF_REGISTER:
		ASSERT_EQ(0, buf_free(e->fd, args->buf_register.buffer));
		break;
	case FERRY_IOC_BUF_IMPORT:
		ASSERT_EQ(0, buf_free(e->fd, args->buf_import.buffer));
		break;
	case FERRY_IOC_BUF_EXPORT:
		ASSERT_EQ(0, close(args->buf_export.fd));
		ASSERT_EQ(0, buf_free(e->fd, args->buf_export.buffer));
		break;
	case FERRY_IOC_SUBMIT:
		if (!args->submit.reaped)
			ASSERT_EQ(1, reap(e->fd, e->queue, &cqe, 1, 1, FOREVER));
		break;
	}
}

/* What a refused destroy or free has left over. */
static inline void drop_unused(struct __test_metadata *_metadata, struct env *e,
			       const struct call *call, uint32_t handle)
{
	if (call->cmd == FERRY_IOC_QUEUE_DESTROY)
		queue_destroy(e->fd, handle);
	else if (takes_buffer(call))
		buf_free(e->fd, handle);
	ASSERT_EQ(0, ferry_info(e->fd, &e->info));
}

/* Where the handle is in the argument of a call that takes one. */
static inline uint32_t *handle_of(const struct call *call, union any_args *args)
{
	switch (call->cmd) {
	case FERRY_IOC_BUF_FREE:
		return &args->buf_free.buffer;
	case FERRY_IOC_BUF_EXPORT:
		return &args->buf_export.buffer;
	case FERRY_IOC_SUBMIT:
	case FERRY_IOC_WAIT:
		return &args->submit.queue;
	default:
		return &args->queue_handle.queue;
	}
}

/* Why the call was refused; a refused call leaves its argument as it was. */
static inline int refusal(struct env *e, const struct call *call, union any_args *args)
{
	union any_args before = *args;
	int ret = ferry_ioctl(e->fd, call->cmd, args);

	return memcmp(&before, args, sizeof(before)) ? ARGUMENT_CHANGED : -ret;
}

#endif /* FERRY_UAPI_H */
