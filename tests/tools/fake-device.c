// SPDX-License-Identifier: GPL-2.0-only
/*
 * A Ferry device in the process itself, so that the command and the library can
 * be tested on any host. Linked with -Wl,--wrap for open and ioctl: a path
 * "fake:NAME=VALUE,..." opens it, and its buffers lie in a memfd.
 *
 *	lag=N		the N youngest operations complete only when waited for
 *	partial=N	a wait that must sleep gives N completions at most
 *	max_len=N, max_buffers=N, max_order=N, ops=MASK, user_mask=MASK,
 *	busy_mask=MASK	what INFO says, and what holds
 *	queue_errno=N, buf_errno=N, submit_errno=N, wait_errno=N
 *			what these calls fail with
 *	free_errno=N	what BUF_FREE says when it has freed a buffer
 *	flip=N		the result of operation N is wrong
 *	spoil=N		operation N writes a wrong last byte
 *	status=S, at=N	operation N completes with status S
 *
 * Operations take effect when they complete, not when they are submitted: a
 * buffer that is used again too early shows. A mapped queue works while it is
 * waited for.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

#define MAX_BUFFERS	4096
#define NONE		UINT64_MAX

int __real_open(const char *path, int flags, ...);
int __real_open64(const char *path, int flags, ...);
int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_ioctl(int fd, unsigned long request, void *arg);

static struct {
	uint64_t lag, partial, max_len, max_buffers, max_order, ops;
	uint64_t user_mask, busy_mask, queue_errno, buf_errno, submit_errno;
	uint64_t wait_errno, free_errno, open_errno;
	uint64_t flip, spoil, status, at;
} knob = {
	.lag = 2, .partial = NONE, .max_len = 16 << 20, .max_buffers = 64,
	.max_order = 10, .ops = 0x3f, .user_mask = 0x7f, .busy_mask = 0x3,
	.flip = NONE, .spoil = NONE, .at = NONE,
};

static const struct {
	const char *name;
	uint64_t *value;
} knobs[] = {
	{ "lag", &knob.lag }, { "partial", &knob.partial },
	{ "max_len", &knob.max_len }, { "max_buffers", &knob.max_buffers },
	{ "max_order", &knob.max_order }, { "ops", &knob.ops },
	{ "user_mask", &knob.user_mask }, { "busy_mask", &knob.busy_mask },
	{ "queue_errno", &knob.queue_errno }, { "buf_errno", &knob.buf_errno },
	{ "submit_errno", &knob.submit_errno }, { "wait_errno", &knob.wait_errno },
	{ "free_errno", &knob.free_errno }, { "open_errno", &knob.open_errno },
	{ "flip", &knob.flip }, { "spoil", &knob.spoil },
	{ "status", &knob.status }, { "at", &knob.at },
};

static int device_fd = -1;
static uint64_t device_end;		/* of the memfd */

static struct {
	uint8_t *data;
	uint64_t length;
	uint32_t flags;
	int registered;
	uint64_t skipped;		/* of an imported one: in front of @data */
} buffers[MAX_BUFFERS];
static unsigned int nr_buffers;

static struct ferry_sqe *ring;		/* of the one queue */
static uint32_t ring_size;
static uint32_t tail, head, reaped;	/* submitted, executed, reaped */
static struct ferry_cqe *done;
static uint32_t *doorbell;
static int mapped;

static int open_fake(const char *options)
{
	char *copy = strdup(options), *item, *rest = copy;
	size_t i;

	while ((item = strsep(&rest, ",")) != NULL && *item) {
		char *value = strchr(item, '=');

		for (i = 0; value && i < sizeof(knobs) / sizeof(knobs[0]); i++)
			if (!strncmp(knobs[i].name, item, (size_t)(value - item)) &&
			    knobs[i].name[value - item] == '\0')
				break;
		if (!value || i == sizeof(knobs) / sizeof(knobs[0])) {
			fprintf(stderr, "fake device: no knob '%s'\n", item);
			abort();
		}
		*knobs[i].value = strtoull(value + 1, NULL, 0);
	}
	free(copy);
	if (knob.open_errno) {
		errno = (int)knob.open_errno;
		return -1;
	}
	device_fd = memfd_create("ferry", MFD_CLOEXEC);
	return device_fd;
}

int __wrap_open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	if (!strncmp(path, "fake:", 5))
		return open_fake(path + 5);
	return __real_open(path, flags, mode);
}

int __wrap_open64(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	return __wrap_open(path, flags, mode);
}

/* The memory that an address names; or a status. */
static unsigned int resolve(uint64_t address, uint32_t len, int write,
			    uint8_t **data)
{
	uint64_t window = address >> FERRY_ADDR_WINDOW_SHIFT;
	uint64_t offset = address & ((1ULL << FERRY_ADDR_WINDOW_SHIFT) - 1);

	if (window >= nr_buffers)
		return FERRY_ERR_BAD_WINDOW;
	if (!buffers[window].data)
		return FERRY_ERR_WINDOW_REVOKED;
	if (write && buffers[window].flags & FERRY_BUF_DEV_RO)
		return FERRY_ERR_WINDOW_PERM;
	if (offset > buffers[window].length ||
	    len > buffers[window].length - offset)
		return FERRY_ERR_WINDOW_BOUNDS;
	*data = buffers[window].data + offset;
	return FERRY_OK;
}

static unsigned int execute(const struct ferry_sqe *sqe, uint32_t index,
			    struct ferry_cqe *cqe)
{
	uint32_t len = le32toh(sqe->len), result = 0, i;
	uint64_t arg = le64toh(sqe->arg);
	uint8_t *src = NULL, *dst = NULL;
	unsigned int status = FERRY_OK;
	unsigned int op = sqe->op;

	if (index == knob.at)
		return (unsigned int)knob.status;
	if (op > FERRY_OP_COMPARE)
		return FERRY_ERR_BAD_OP;
	if (len > knob.max_len)
		return FERRY_ERR_BAD_LEN;
	if (op != FERRY_OP_FILL && op != FERRY_OP_NOP)
		status = resolve(le64toh(sqe->src), len, 0, &src);
	if (!status && op != FERRY_OP_CRC32C && op != FERRY_OP_NOP)
		status = resolve(le64toh(sqe->dst), len,
				 op != FERRY_OP_COMPARE, &dst);
	if (status)
		return status;

	if (op == FERRY_OP_COPY || op == FERRY_OP_COPY_CRC32C)
		memmove(dst, src, len);
	if (op == FERRY_OP_CRC32C || op == FERRY_OP_COPY_CRC32C)
		result = ferry_crc32c_table((uint32_t)arg, src, len);
	if (op == FERRY_OP_FILL)
		for (i = 0; i < len; i++)
			dst[i] = (uint8_t)(arg >> 8 * (i % 8));
	if (op == FERRY_OP_COMPARE) {
		for (i = 0; i < len && src[i] == dst[i]; i++)
			;
		if (i < len) {
			result = (uint32_t)dst[i] << 8 | src[i];
			cqe->flags = htole16(FERRY_CQE_MISMATCH);
			len = i;
		}
	}
	if (index == knob.spoil && dst)
		dst[len - 1] ^= 1;
	cqe->result = htole32(index == knob.flip ? result ^ 1 : result);
	cqe->len = htole32(len);
	return FERRY_OK;
}

static void execute_next(void)
{
	struct ferry_cqe cqe = { .seq = htole32(head + 1) };

	cqe.status = htole16((uint16_t)execute(&ring[head % ring_size], head,
					       &cqe));
	done[head++ % ring_size] = cqe;
}

static int submit(struct ferry_submit *arg)
{
	const struct ferry_sqe *sqes = (void *)(uintptr_t)arg->sqes;
	struct ferry_cqe *cqes = (void *)(uintptr_t)arg->cqes;
	uint32_t least;

	if (knob.submit_errno)
		return (int)knob.submit_errno;
	if (arg->flags || arg->reserved)
		return EOPNOTSUPP;
	if (arg->min_cqes > arg->nr_cqes)
		return EINVAL;
	arg->first = tail;
	arg->submitted = 0;
	while (arg->submitted < arg->nr_sqes && tail - reaped < ring_size)
		ring[tail++ % ring_size] = sqes[arg->submitted++];
	if (arg->nr_sqes && !arg->submitted)
		return EAGAIN;

	while (tail - head > knob.lag)
		execute_next();
	least = arg->min_cqes < knob.partial ? arg->min_cqes :
					       (uint32_t)knob.partial;
	while (head != tail && head - reaped < least)
		execute_next();
	arg->reaped = 0;
	while (arg->reaped < arg->nr_cqes && reaped != head)
		cqes[arg->reaped++] = done[reaped++ % ring_size];
	if (!arg->reaped && !arg->submitted && arg->min_cqes)
		return arg->timeout_ns ? ETIME : EAGAIN;
	return 0;
}

/* Memory that mmap(2) of the device finds at @offset. */
static void *add_memory(uint64_t length, __u64 *offset)
{
	void *data;

	*offset = device_end;
	length = (length + 4095) & ~4095ULL;
	if (ftruncate(device_fd, (off_t)(device_end + length)) < 0)
		return NULL;
	data = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED,
		    device_fd, (off_t)device_end);
	device_end += length;
	return data == MAP_FAILED ? NULL : data;
}

static int buf_alloc(struct ferry_buf_alloc *arg)
{
	uint64_t length = (arg->length + 4095) & ~4095ULL;
	unsigned int i, used = 0;
	void *data;

	for (i = 0; i < nr_buffers; i++)
		used += buffers[i].data != NULL;
	if (knob.buf_errno)
		return (int)knob.buf_errno;
	if (!arg->length)
		return EINVAL;
	if (used == knob.max_buffers || nr_buffers == MAX_BUFFERS)
		return ENOSPC;
	data = add_memory(length, &arg->mmap_offset);
	if (!data)
		return ENOMEM;
	buffers[nr_buffers].data = data;
	buffers[nr_buffers].length = length;
	buffers[nr_buffers].flags = arg->flags;
	arg->buffer = nr_buffers++;
	return 0;
}

static int buf_register(struct ferry_buf_register *arg)
{
	if (knob.buf_errno)
		return (int)knob.buf_errno;
	if (!arg->length)
		return EINVAL;
	if (nr_buffers == MAX_BUFFERS)
		return ENOSPC;
	buffers[nr_buffers].data = (uint8_t *)(uintptr_t)arg->addr;
	buffers[nr_buffers].length = arg->length;
	buffers[nr_buffers].flags = arg->flags;
	buffers[nr_buffers].registered = 1;
	arg->buffer = nr_buffers++;
	return 0;
}

/* Any file is good enough for a dma-buf. */
static int buf_import(struct ferry_buf_import *arg)
{
	struct stat st;
	void *data;

	if (knob.buf_errno)
		return (int)knob.buf_errno;
	if (fstat(arg->fd, &st))
		return EBADF;
	if (arg->offset >= (uint64_t)st.st_size ||
	    arg->length > (uint64_t)st.st_size - arg->offset)
		return EINVAL;
	if (nr_buffers == MAX_BUFFERS)
		return ENOSPC;
	if (!arg->length)
		arg->length = (uint64_t)st.st_size - arg->offset;
	data = mmap(NULL, arg->offset + arg->length, PROT_READ | PROT_WRITE,
		    MAP_SHARED, arg->fd, 0);
	if (data == MAP_FAILED)
		return ENOMEM;
	buffers[nr_buffers].data = (uint8_t *)data + arg->offset;
	buffers[nr_buffers].length = arg->length;
	buffers[nr_buffers].flags = arg->flags;
	buffers[nr_buffers].skipped = arg->offset;
	arg->buffer = nr_buffers++;
	return 0;
}

/* What the descriptor leads to is all buffers. */
static int buf_export(struct ferry_buf_export *arg)
{
	if (arg->buffer >= nr_buffers || !buffers[arg->buffer].data)
		return ENOENT;
	if (!(buffers[arg->buffer].flags & FERRY_BUF_EXPORT))
		return EINVAL;
	arg->fd = fcntl(device_fd, F_DUPFD_CLOEXEC, 0);
	return arg->fd < 0 ? EMFILE : 0;
}

static int buf_free(const struct ferry_buf_free *arg)
{
	if (arg->buffer >= nr_buffers || !buffers[arg->buffer].data)
		return ENOENT;
	if (!buffers[arg->buffer].registered)
		munmap(buffers[arg->buffer].data - buffers[arg->buffer].skipped,
		       buffers[arg->buffer].length + buffers[arg->buffer].skipped);
	buffers[arg->buffer].data = NULL;
	return (int)knob.free_errno;
}

static int queue_create(struct ferry_queue_create *arg)
{
	struct ferry_queue_state *state;

	if (knob.queue_errno)
		return (int)knob.queue_errno;
	if (arg->flags & ~FERRY_QUEUE_MAPPED)
		return EOPNOTSUPP;
	if (arg->order < 1 || arg->order > knob.max_order || arg->weight > 255)
		return EINVAL;
	if (!(knob.user_mask & ~knob.busy_mask) || ring)
		return ENOSPC;
	ring_size = 1U << arg->order;
	arg->cq_start = sizeof(struct ferry_queue_state);
	ring = add_memory(ring_size * sizeof(*ring), &arg->sq_offset);
	state = add_memory(arg->cq_start + ring_size * sizeof(*done), &arg->cq_offset);
	doorbell = add_memory(sizeof(*doorbell), &arg->doorbell_offset);
	if (!ring || !state || !doorbell)
		return ENOMEM;
	done = (struct ferry_cqe *)(state + 1);
	mapped = !!(arg->flags & FERRY_QUEUE_MAPPED);
	tail = 0;
	head = 0;
	reaped = 0;
	arg->queue = 7;
	arg->channel = (uint32_t)__builtin_ctzll(knob.user_mask & ~knob.busy_mask);
	return 0;
}

static int queue_call(unsigned long request,
		      const struct ferry_queue_handle *arg)
{
	if (!ring || arg->queue != 7)
		return ENOENT;
	if (request == FERRY_IOC_QUEUE_FLUSH) {
		while (head != tail)
			execute_next();
		return 0;
	}
	while (head != tail) {
		done[head % ring_size] = (struct ferry_cqe){
			.seq = htole32(head + 1),
			.status = htole16(FERRY_ERR_CANCELLED),
		};
		head++;
	}
	if (request == FERRY_IOC_QUEUE_DESTROY)
		ring = NULL;
	return 0;
}

static int queue_wait(const struct ferry_queue_wait *arg)
{
	if (knob.wait_errno)
		return (int)knob.wait_errno;
	if (!ring || arg->queue != 7)
		return ENOENT;
	if (!mapped)
		return EOPNOTSUPP;
	tail = le32toh(*doorbell);
	while (head != tail && (int32_t)(head - arg->seq) < 0)
		execute_next();
	while (tail - head > knob.lag && tail - head <= ring_size)
		execute_next();
	return (int32_t)(head - arg->seq) < 0 ? ETIME : 0;
}

static int info(struct ferry_info *arg)
{
	*arg = (struct ferry_info){
		.size = arg->size,
		.version = 0x10000,
		.channels = 8,
		.lines = 8,
		.ops = (uint32_t)knob.ops,
		.max_len = (uint32_t)knob.max_len,
		.min_order = 1,
		.max_order = (uint32_t)knob.max_order,
		.max_buffers = (uint32_t)knob.max_buffers,
		.max_queues = 3,
		.queues = ring ? 1 : 0,
		.user_mask = knob.user_mask,
		.kernel_mask = 0x80,
		.busy_mask = knob.busy_mask,
	};
	return 0;
}

static int dispatch(unsigned long request, void *arg)
{
	switch (request) {
	case FERRY_IOC_INFO:
		return info(arg);
	case FERRY_IOC_QUEUE_CREATE:
		return queue_create(arg);
	case FERRY_IOC_QUEUE_DESTROY:
	case FERRY_IOC_QUEUE_FLUSH:
	case FERRY_IOC_QUEUE_CANCEL:
		return queue_call(request, arg);
	case FERRY_IOC_QUEUE_WAIT:
		return queue_wait(arg);
	case FERRY_IOC_BUF_ALLOC:
		return buf_alloc(arg);
	case FERRY_IOC_BUF_REGISTER:
		return buf_register(arg);
	case FERRY_IOC_BUF_IMPORT:
		return buf_import(arg);
	case FERRY_IOC_BUF_EXPORT:
		return buf_export(arg);
	case FERRY_IOC_BUF_FREE:
		return buf_free(arg);
	case FERRY_IOC_SUBMIT:
		return ((struct ferry_submit *)arg)->nr_sqes ? submit(arg) : EINVAL;
	case FERRY_IOC_WAIT:
		return ((struct ferry_submit *)arg)->nr_sqes ? EINVAL : submit(arg);
	}
	return ENOTTY;
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	int err;

	if (fd < 0 || fd != device_fd)
		return __real_ioctl(fd, request, arg);
	err = dispatch(request, arg);
	if (!err)
		return 0;
	errno = err;
	return -1;
}
