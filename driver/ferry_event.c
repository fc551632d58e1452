// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events: completions of all queues of an open file, by read(2) and poll(2).
 */
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>

#include "ferry_queue.h"
#include "ferry_trace.h"

/* Bytes of events copied from one queue, 0 if it has none, or an errno. */
static ssize_t ferry_queue_read_one(struct ferry_queue *queue, struct iov_iter *to)
{
	struct ferry_event event = { .queue = queue->handle };
	struct ferry_ring *ring = &queue->chan->ring;
	ssize_t bytes = 0;
	bool full, dead;

	/* What it has completed is where its owner looks for it. */
	if (queue->mapped)
		return 0;
	if (mutex_lock_interruptible(&queue->lock))
		return -ERESTARTSYS;
	if (queue->closed)
		goto out_unlock;
	full = !ferry_ring_space(ring);
	/* Once it is dead nothing more comes, so look at that first. */
	dead = READ_ONCE(queue->chan->dead);
	while (iov_iter_count(to) >= sizeof(event) && ferry_ring_completed(ring, 1)) {
		event.cqe = *ferry_ring_cqe(ring, ring->head);
		if (!copy_to_iter_full(&event, sizeof(event), to)) {
			bytes = bytes ?: -EFAULT;
			break;
		}
		trace_ferry_complete(queue->chan, ring->head, 1);
		ferry_ring_reap(ring, 1);
		bytes += sizeof(event);
	}
	if (full && bytes > 0)
		ferry_queue_drained(queue);
	if (!bytes && dead)
		bytes = -EIO;
out_unlock:
	mutex_unlock(&queue->lock);
	return bytes;
}

/* One turn over the queues, beginning where the last one ended. */
static ssize_t ferry_queue_read_all(struct ferry_file *file, struct iov_iter *to)
{
	u32 start = READ_ONCE(file->read_next);
	u32 slot = start;
	struct ferry_queue *queue;
	bool wrapped = false;
	ssize_t bytes = 0;
	ssize_t err = 0;
	ssize_t ret;

	while (iov_iter_count(to) >= sizeof(struct ferry_event)) {
		queue = ferry_queue_next(file, &slot);
		if (wrapped && (!queue || slot >= start)) {
			if (queue)
				ferry_queue_put(queue);
			break;
		}
		if (!queue) {
			wrapped = true;
			slot = 0;
			continue;
		}
		ret = ferry_queue_read_one(queue, to);
		ferry_queue_put(queue);
		slot++;
		if (ret > 0)
			bytes += ret;
		else if (ret)
			err = ret;
		if (ret == -EFAULT || ret == -ERESTARTSYS)
			break;
	}
	WRITE_ONCE(file->read_next, slot);
	return bytes ?: err;
}

/* Ask each queue to tell of its next completion. True: look, don't sleep. */
static bool ferry_queue_arm_readers(struct ferry_file *file)
{
	struct ferry_queue *queue;
	u32 slot = 0;
	bool look = false;
	int ret;

	for (; (queue = ferry_queue_next(file, &slot)); slot++) {
		if (queue->mapped) {
			ferry_queue_put(queue);
			continue;
		}
		ret = ferry_chan_arm(queue->chan, &queue->reader,
				     READ_ONCE(queue->chan->ring.head) + 1, queue);
		look |= ret && ret != -ENOENT;
		ferry_queue_put(queue);
	}
	return look;
}

/**
 * ferry_queue_read() - completions of any queue of an open file, as events
 * @file: open file
 * @to: where they go
 * @nonblock: do not wait for the first
 *
 * Return: bytes, a multiple of the size of an event, or the errno of the header.
 */
ssize_t ferry_queue_read(struct ferry_file *file, struct iov_iter *to, bool nonblock)
{
	/* Not prepare_to_wait(): arming may drop the last reference to a queue, and so sleep. */
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	ssize_t ret;

	if (iov_iter_count(to) < sizeof(struct ferry_event))
		return -EINVAL;
	for (;;) {
		ret = ferry_queue_read_all(file, to);
		if (ret)
			return ret;
		if (nonblock)
			return -EAGAIN;

		add_wait_queue(&file->wait, &wait);
		if (READ_ONCE(file->fdev->unplugged))
			ret = -ENODEV;
		else if (signal_pending(current))
			ret = -ERESTARTSYS;
		else if (!ferry_queue_arm_readers(file))
			wait_woken(&wait, TASK_INTERRUPTIBLE, MAX_SCHEDULE_TIMEOUT);
		remove_wait_queue(&file->wait, &wait);
		if (ret)
			return ret;
	}
}

/* QUEUE_ARM has said what it waits for, and armed it. */
static __poll_t ferry_queue_poll_mapped(struct ferry_queue *queue)
{
	struct ferry_chan *chan = queue->chan;
	__poll_t mask = 0;

	spin_lock_irq(&chan->lock);
	if (chan->live && chan->cfg.owner == queue) {
		if (queue->armed && ferry_ring_done(&chan->ring, queue->seq))
			mask |= EPOLLIN | EPOLLRDNORM;
		if (chan->dead)
			mask |= EPOLLERR;
	}
	spin_unlock_irq(&chan->lock);
	return mask;
}

/**
 * ferry_queue_poll() - what the queues of an open file are ready for
 * @file: open file; the caller is on its wait queue
 * @arm: wake the caller when that changes
 *
 * Return: EPOLLIN, EPOLLOUT, EPOLLERR as the header says.
 */
__poll_t ferry_queue_poll(struct ferry_file *file, bool arm)
{
	struct ferry_queue *queue;
	__poll_t mask = 0;
	u32 slot = 0;
	int ret;

	for (; (queue = ferry_queue_next(file, &slot)); slot++) {
		if (queue->mapped) {
			mask |= ferry_queue_poll_mapped(queue);
			ferry_queue_put(queue);
			continue;
		}
		/* First ask, then look: what comes between the two is not lost. */
		if (arm)
			ferry_chan_arm_next(queue->chan, &queue->reader, queue);
		ret = ferry_chan_done(queue->chan, READ_ONCE(queue->chan->ring.head) + 1, queue);
		if (ret == 1)
			mask |= EPOLLIN | EPOLLRDNORM;
		/* -ENOENT: destroyed meanwhile, and its channel perhaps a stranger's. */
		if (ret != -ENOENT && READ_ONCE(queue->chan->dead))
			mask |= EPOLLERR;
		else if (ret != -ENOENT && ferry_ring_space(&queue->chan->ring))
			mask |= EPOLLOUT | EPOLLWRNORM;
		ferry_queue_put(queue);
	}
	return mask;
}
