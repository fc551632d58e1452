// SPDX-License-Identifier: MIT
/* libferry: queues whose rings and doorbell the process has itself. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "internal.h"
#include "libferry-ring.h"

static size_t sq_bytes(const struct ferry_ring *ring)
{
	return (ring->mask + 1UL) * sizeof(struct ferry_sqe);
}

/* The state, what lies between, and the CQ. */
static size_t cq_bytes(const struct ferry_ring *ring)
{
	return (size_t)((const char *)(ring->cqes + ring->mask + 1) -
			(const char *)ring->state);
}

static void *ring_map(struct ferry *dev, uint64_t offset, size_t length, int prot)
{
	return mmap(NULL, length, prot, MAP_SHARED, dev->fd, (off_t)offset);
}

static int ring_call(struct ferry_ring *ring, unsigned long request)
{
	struct ferry_queue_handle arg = {
		.size = sizeof(arg),
		.queue = ring->handle,
	};

	return ferry_ioctl(ring->dev, request, &arg);
}

static int ring_open(struct ferry *dev, unsigned int entries,
		     struct ferry_queue_create *arg, struct ferry_ring **ring)
{
	struct ferry_ring *new;
	void *sq, *cq, *doorbell;
	size_t cq_length;
	int err;

	if (!entries)
		return -EINVAL;
	arg->size = sizeof(*arg);
	arg->order = dev->info.min_order;
	while (arg->order < 31 && 1U << arg->order < entries)
		arg->order++;
	if (arg->order > dev->info.max_order)
		return -EINVAL;

	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	err = ferry_ioctl(dev, FERRY_IOC_QUEUE_CREATE, arg);
	if (err)
		goto err_free;
	new->dev = dev;
	new->mask = (1U << arg->order) - 1;
	new->handle = arg->queue;
	new->channel = arg->channel;

	cq_length = arg->cq_start + (new->mask + 1UL) * sizeof(struct ferry_cqe);
	sq = ring_map(dev, arg->sq_offset, sq_bytes(new), PROT_READ | PROT_WRITE);
	if (sq == MAP_FAILED) {
		err = -errno;
		goto err_destroy;
	}
	cq = ring_map(dev, arg->cq_offset, cq_length, PROT_READ);
	if (cq == MAP_FAILED) {
		err = -errno;
		goto err_unmap_sq;
	}
	doorbell = ring_map(dev, arg->doorbell_offset, sizeof(uint32_t),
			    PROT_READ | PROT_WRITE);
	if (doorbell == MAP_FAILED) {
		err = -errno;
		goto err_unmap_cq;
	}
	new->sqes = sq;
	new->state = cq;
	new->cqes = (const struct ferry_cqe *)((const char *)cq + arg->cq_start);
	new->doorbell = doorbell;
	*ring = new;
	return 0;

err_unmap_cq:
	munmap(cq, cq_length);
err_unmap_sq:
	munmap(sq, sq_bytes(new));
err_destroy:
	ring_call(new, FERRY_IOC_QUEUE_DESTROY);
err_free:
	free(new);
	return err;
}

int ferry_ring_open(struct ferry *dev, unsigned int entries,
		    unsigned int weight, struct ferry_ring **ring)
{
	struct ferry_queue_create arg = {
		.flags = FERRY_QUEUE_MAPPED,
		.weight = weight,
	};

	return ring_open(dev, entries, &arg, ring);
}

int ferry_ring_open_port(struct ferry *dev, int port, unsigned int direction,
			 unsigned int entries, unsigned int weight,
			 uint32_t idle_usecs, struct ferry_ring **ring)
{
	struct ferry_queue_create arg = {
		.flags = FERRY_QUEUE_MAPPED | direction,
		.weight = weight,
		.port_fd = port,
		.idle_usecs = idle_usecs,
	};

	/* Else it would be any channel. */
	if (direction != FERRY_QUEUE_SEND && direction != FERRY_QUEUE_RECV)
		return -EINVAL;
	return ring_open(dev, entries, &arg, ring);
}

void ferry_ring_close(struct ferry_ring *ring)
{
	if (!ring)
		return;
	/* Fails only when the device is gone, and the channel with it. */
	ring_call(ring, FERRY_IOC_QUEUE_DESTROY);
	munmap(ring->doorbell, sizeof(uint32_t));
	munmap((void *)ring->state, cq_bytes(ring));
	munmap(ring->sqes, sq_bytes(ring));
	free(ring);
}

int ferry_ring_cancel(struct ferry_ring *ring)
{
	return ring_call(ring, FERRY_IOC_QUEUE_CANCEL);
}

int ferry_ring_sleep(struct ferry_ring *ring, uint32_t index,
		     int64_t timeout_ns)
{
	struct ferry_queue_wait arg = {
		.size = sizeof(arg),
		.queue = ring->handle,
		.seq = index + 1,
		.timeout_ns = timeout_ns,
	};

	return ferry_ioctl(ring->dev, FERRY_IOC_QUEUE_WAIT, &arg);
}

int ferry_ring_arm(struct ferry_ring *ring, uint32_t index, int eventfd)
{
	struct ferry_queue_arm arg = {
		.size = sizeof(arg),
		.queue = ring->handle,
		.seq = index + 1,
		.eventfd = eventfd,
	};

	return ferry_ioctl(ring->dev, FERRY_IOC_QUEUE_ARM, &arg);
}
