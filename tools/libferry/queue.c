// SPDX-License-Identifier: MIT
/*
 * libferry: queues.
 *
 * Entries are prepared in an array of the library's and handed to the kernel
 * as it is. A queue counts what is outstanding, from get_sqe to reap, so the
 * array is never longer than what the kernel has slots for, and SUBMIT takes
 * all of it.
 */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

struct ferry_queue {
	struct ferry *dev;
	struct ferry_sqe *sqes;		/* taken and not yet submitted */
	unsigned int nr_sqes;
	unsigned int entries;
	unsigned int outstanding;	/* taken and not yet reaped */
	uint32_t next;			/* index of the next entry taken */
	uint32_t handle;
	uint32_t channel;
};

int ferry_queue_create(struct ferry *dev, unsigned int entries,
		       unsigned int weight, struct ferry_queue **queue)
{
	struct ferry_queue_create arg = {
		.size = sizeof(arg),
		.order = dev->info.min_order,
		.weight = weight,
	};
	struct ferry_queue *new;
	int err;

	if (!entries)
		return -EINVAL;
	while (arg.order < 31 && 1U << arg.order < entries)
		arg.order++;
	if (arg.order > dev->info.max_order)
		return -EINVAL;

	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	new->dev = dev;
	new->entries = 1U << arg.order;
	new->sqes = calloc(new->entries, sizeof(*new->sqes));
	if (!new->sqes) {
		err = -ENOMEM;
		goto err_free;
	}
	err = ferry_ioctl(dev, FERRY_IOC_QUEUE_CREATE, &arg);
	if (err)
		goto err_free_sqes;
	new->handle = arg.queue;
	new->channel = arg.channel;
	*queue = new;
	return 0;

err_free_sqes:
	free(new->sqes);
err_free:
	free(new);
	return err;
}

static int queue_call(struct ferry_queue *queue, unsigned long request,
		      int64_t timeout_ns)
{
	struct ferry_queue_handle arg = {
		.size = sizeof(arg),
		.queue = queue->handle,
		.timeout_ns = timeout_ns,
	};

	return ferry_ioctl(queue->dev, request, &arg);
}

void ferry_queue_destroy(struct ferry_queue *queue)
{
	if (!queue)
		return;
	/* Fails only when the device is gone, and the channel with it. */
	queue_call(queue, FERRY_IOC_QUEUE_DESTROY, 0);
	free(queue->sqes);
	free(queue);
}

int ferry_queue_flush(struct ferry_queue *queue, int64_t timeout_ns)
{
	return queue_call(queue, FERRY_IOC_QUEUE_FLUSH, timeout_ns);
}

int ferry_queue_cancel(struct ferry_queue *queue)
{
	return queue_call(queue, FERRY_IOC_QUEUE_CANCEL, 0);
}

unsigned int ferry_queue_entries(const struct ferry_queue *queue)
{
	return queue->entries;
}

unsigned int ferry_queue_channel(const struct ferry_queue *queue)
{
	return queue->channel;
}

struct ferry_sqe *ferry_queue_get_sqe(struct ferry_queue *queue,
				      uint32_t *index)
{
	if (queue->outstanding == queue->entries)
		return NULL;
	queue->outstanding++;
	if (index)
		*index = queue->next;
	queue->next++;
	return &queue->sqes[queue->nr_sqes++];
}

/* SUBMIT when there are entries, else WAIT; keeps the books of both. */
static int queue_enter(struct ferry_queue *queue, struct ferry_submit *arg)
{
	int err;

	arg->size = sizeof(*arg);
	arg->queue = queue->handle;
	err = ferry_ioctl(queue->dev,
			  arg->nr_sqes ? FERRY_IOC_SUBMIT : FERRY_IOC_WAIT, arg);
	if (err)
		return err;
	queue->outstanding -= arg->reaped;
	if (arg->submitted) {
		queue->nr_sqes -= arg->submitted;
		memmove(queue->sqes, queue->sqes + arg->submitted,
			queue->nr_sqes * sizeof(*queue->sqes));
	}
	return 0;
}

int ferry_queue_submit(struct ferry_queue *queue)
{
	struct ferry_submit arg = {
		.nr_sqes = queue->nr_sqes,
		.sqes = (uintptr_t)queue->sqes,
	};
	int err;

	if (!queue->nr_sqes)
		return 0;
	err = queue_enter(queue, &arg);
	return err ? err : (int)arg.submitted;
}

int ferry_queue_submit_and_wait(struct ferry_queue *queue,
				struct ferry_cqe *cqes, unsigned int nr_cqes,
				unsigned int min_cqes, int64_t timeout_ns)
{
	struct ferry_submit arg = {
		.nr_sqes = queue->nr_sqes,
		.sqes = (uintptr_t)queue->sqes,
		.cqes = (uintptr_t)cqes,
		.nr_cqes = nr_cqes,
		.min_cqes = min_cqes,
		.timeout_ns = timeout_ns,
	};
	int err;

	err = queue_enter(queue, &arg);
	return err ? err : (int)arg.reaped;
}

int ferry_queue_wait(struct ferry_queue *queue, struct ferry_cqe *cqes,
		     unsigned int nr_cqes, unsigned int min_cqes,
		     int64_t timeout_ns)
{
	struct ferry_submit arg = {
		.cqes = (uintptr_t)cqes,
		.nr_cqes = nr_cqes,
		.min_cqes = min_cqes,
		.timeout_ns = timeout_ns,
	};
	int err;

	err = queue_enter(queue, &arg);
	return err ? err : (int)arg.reaped;
}
