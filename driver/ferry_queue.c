// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues: a channel in the hands of an open file.
 */
#include <linux/cred.h>
#include <linux/hrtimer.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "ferry_queue.h"

/**
 * DOC: Queues
 *
 * User space submits and reaps by ioctl and never sees the rings, unless the queue
 * is a mapped one (ferry_mapped.c). Entries are
 * copied from its memory straight into the slots, in runs that end where the
 * ring wraps, and completions straight out of them. The driver does not look at
 * an entry: the device does, at its own copy, and the window table decides what
 * it can name.
 *
 * A queue is found by handle with a reference, so that it can be destroyed
 * while others use it. @closed says so: whoever takes the lock, or wakes up,
 * looks at it. The channel structure stays as long as the device structure, so
 * a late ferry_chan_disarm() is harmless.
 */

/**
 * ferry_queue_next() - go over the queues of an open file
 * @file: open file
 * @slot: where to look from; out: where it was found
 *
 * Return: queue with a reference, or NULL if there are no more.
 */
struct ferry_queue *ferry_queue_next(struct ferry_file *file, u32 *slot)
{
	struct ferry_queue *queue = NULL;

	rcu_read_lock();
	for (; *slot < FERRY_MAX_CHANNELS; (*slot)++) {
		queue = rcu_dereference(file->queues[*slot]);
		if (queue && refcount_inc_not_zero(&queue->refs))
			break;
		queue = NULL;
	}
	rcu_read_unlock();
	return queue;
}

/* Called by the channel with its lock held, in any context. */
static void ferry_queue_notify(void *owner)
{
	struct ferry_queue *queue = owner;

	ferry_mapped_notify(queue);
	wake_up_all(&queue->file->wait);
}

/*
 * Likewise, when the channel of a port was stopped. An entry that waited was cut, and
 * its completion says how far it came; those behind it go on.
 */
static void ferry_queue_stopped(void *owner)
{
	struct ferry_queue *queue = owner;

	ferry_chan_adopt(queue->chan);
}

/* Likewise, when one that receives was started. The device may have been without power. */
static void ferry_queue_restarted(void *owner)
{
	struct ferry_queue *queue = owner;

	ferry_port_set_idle_time(queue->port, queue->idle_usecs);
	/* Waiters that are content are taken off by an interrupt, which comes at once. */
	ferry_queue_notify(queue);
}

/* 0 or the errno of the header. */
static int ferry_queue_check(const struct ferry_dev *fdev, const struct ferry_queue_create *cmd)
{
	u32 dirs = cmd->flags & (FERRY_QUEUE_SEND | FERRY_QUEUE_RECV);

	if (cmd->flags & ~(FERRY_QUEUE_MAPPED | FERRY_QUEUE_SEND | FERRY_QUEUE_RECV) ||
	    (!dirs && cmd->port_fd) || (!(dirs & FERRY_QUEUE_RECV) && cmd->idle_usecs))
		return -EOPNOTSUPP;
	if (cmd->order < fdev->caps.min_order || cmd->order > fdev->caps.max_order ||
	    cmd->weight > FERRY_CHAN_WEIGHT_QUANTA)
		return -EINVAL;
	if (cmd->flags && cmd->size < offsetofend(struct ferry_queue_create, cq_start))
		return -EINVAL;
	if (!dirs)
		return 0;
	/* A channel has one direction; and what waits for ever can't be waited for. */
	if (dirs == (FERRY_QUEUE_SEND | FERRY_QUEUE_RECV) || !(cmd->flags & FERRY_QUEUE_MAPPED) ||
	    cmd->size < offsetofend(struct ferry_queue_create, idle_usecs) ||
	    (cmd->idle_usecs > FERRY_PORT_IDLE_TIME_US &&
	     cmd->idle_usecs != FERRY_QUEUE_IDLE_NEVER))
		return -EINVAL;
	return 0;
}

static struct ferry_chan *ferry_queue_claim(struct ferry_queue *queue,
					    const struct ferry_queue_create *cmd)
{
	struct ferry_dev *fdev = queue->file->fdev;

	queue->idle_usecs = cmd->idle_usecs;
	if (cmd->flags & FERRY_QUEUE_RECV)
		return ferry_port_lend(fdev, cmd->port_fd, FMODE_READ, &queue->port);
	if (cmd->flags & FERRY_QUEUE_SEND)
		return ferry_port_lend(fdev, cmd->port_fd, FMODE_WRITE, &queue->port);
	return ferry_chan_claim(fdev, current_uid());
}

/**
 * ferry_queue_create() - FERRY_IOC_QUEUE_CREATE
 * @file: open file
 * @cmd: argument, copied from user space
 * @arg: where it came from
 *
 * Return: 0 or the errno of the header.
 */
long ferry_queue_create(struct ferry_file *file, struct ferry_queue_create *cmd,
			void __user *arg)
{
	struct ferry_chan_config cfg = {
		.tab = file->tab,
		.order = cmd->order,
		.weight = cmd->weight ?: 1,
		.notify = ferry_queue_notify,
	};
	struct ferry_queue *queue;
	int err;

	err = ferry_queue_check(file->fdev, cmd);
	if (err)
		return err;
	queue = kzalloc(sizeof(*queue), GFP_KERNEL_ACCOUNT);
	if (!queue)
		return -ENOMEM;
	refcount_set(&queue->refs, 1);
	queue->file = file;
	mutex_init(&queue->lock);
	init_waitqueue_head(&queue->wait);
	ferry_waiter_init(&queue->reader, NULL);
	ferry_waiter_init(&queue->alarm, NULL);
	cfg.owner = queue;
	if (cmd->flags) {
		err = ferry_mapped_create(queue, &cfg);
		if (err)
			goto err_put;
	}

	queue->chan = ferry_queue_claim(queue, cmd);
	if (IS_ERR(queue->chan)) {
		err = PTR_ERR(queue->chan);
		goto err_put;
	}
	if (queue->port)
		cfg.stopped = ferry_queue_stopped;
	if (cmd->flags & FERRY_QUEUE_RECV)
		cfg.restarted = ferry_queue_restarted;
	/* The channel has a reference until it is out of the rings. */
	if (queue->mapped)
		refcount_inc(&queue->refs);
	err = ferry_chan_start(queue->chan, &cfg);
	if (err)
		goto err_put;

	/* Counted, so that a stale handle does not mean another queue for 2^26 more. */
	queue->handle = (u32)atomic_inc_return(&file->made) * FERRY_MAX_CHANNELS +
			queue->chan->nr;
	cmd->queue = queue->handle;
	cmd->channel = queue->chan->nr;
	cmd->sq_offset = 0;
	cmd->cq_offset = 0;
	cmd->doorbell_offset = 0;
	cmd->cq_start = 0;
	if (queue->mapped)
		ferry_mapped_describe(queue, cmd);
	err = ferry_put_arg(arg, cmd, sizeof(*cmd), cmd->size);
	if (err)
		goto err_release;
	/* The slot is the channel's, so it is free. Now others can find it. */
	rcu_assign_pointer(file->queues[queue->chan->nr], queue);
	/* Who sleeps on the file did not ask this channel yet. */
	wake_up_all(&file->wait);
	return 0;

err_release:
	ferry_chan_release(queue->chan);
err_put:
	ferry_queue_put(queue);
	return err;
}

/* Takes the handle away, with its reference. False if somebody else did. */
static bool ferry_queue_close(struct ferry_queue *queue)
{
	struct ferry_queue __rcu **slot = &queue->file->queues[queue->handle & FERRY_HANDLE_SLOT];

	/* From here on nobody finds it; who has found it looks at @closed. */
	if (unrcu_pointer(cmpxchg(slot, RCU_INITIALIZER(queue), NULL)) != queue)
		return false;
	mutex_lock(&queue->lock);
	WRITE_ONCE(queue->closed, true);
	queue->refused = -ENOENT;
	/* An entry that waits for a port has moved some bytes: it says how many. */
	if (queue->port)
		ferry_chan_park(queue->chan);
	ferry_chan_release(queue->chan);
	mutex_unlock(&queue->lock);
	wake_up_all(&queue->file->wait);
	ferry_queue_put(queue);
	return true;
}

/**
 * ferry_queue_destroy() - FERRY_IOC_QUEUE_DESTROY
 * @file: open file
 * @cmd: argument
 *
 * Return: 0 or the errno of the header.
 */
long ferry_queue_destroy(struct ferry_file *file, struct ferry_queue_handle *cmd)
{
	struct ferry_queue *queue;
	bool closed;

	if (cmd->timeout_ns)
		return -EOPNOTSUPP;
	queue = ferry_queue_get(file, cmd->queue);
	if (!queue)
		return -ENOENT;
	closed = ferry_queue_close(queue);
	ferry_queue_put(queue);
	return closed ? 0 : -ENOENT;
}

/**
 * ferry_queue_destroy_all() - close all queues of an open file
 * @file: open file; nobody can create any more
 */
void ferry_queue_destroy_all(struct ferry_file *file)
{
	struct ferry_queue *queue;
	u32 slot = 0;

	for (; (queue = ferry_queue_next(file, &slot)); slot++) {
		ferry_queue_close(queue);
		ferry_queue_put(queue);
	}
}

/**
 * ferry_queue_wake_all() - let everybody on an open file see that the device is gone
 * @file: open file
 *
 * Rings and doorbells still work; who polls them is told when they do not.
 */
void ferry_queue_wake_all(struct ferry_file *file)
{
	struct ferry_queue *queue;
	u32 slot = 0;

	for (; (queue = ferry_queue_next(file, &slot)); slot++) {
		wake_up_all(&queue->wait);
		ferry_queue_put(queue);
	}
	wake_up_all(&file->wait);
}

/**
 * ferry_queue_sleep() - wait until everything before an index has completed
 * @queue: queue; the caller has a reference, and no lock
 * @target: index
 * @deadline: until when
 *
 * Return: 0, or what ended it: -ERESTARTSYS (-EINTR if there is a limit, which
 * would begin anew), -ETIME, -ENODEV, -EIO if the channel is dead, -ENOENT if
 * the queue was destroyed.
 */
int ferry_queue_sleep(struct ferry_queue *queue, u32 target, struct ferry_deadline deadline)
{
	struct ferry_waiter waiter;
	bool expired = false;
	DEFINE_WAIT(wait);
	int ret;

	might_sleep();
	ferry_waiter_init(&waiter, current);
	for (;;) {
		prepare_to_wait(&queue->wait, &wait, TASK_INTERRUPTIBLE);
		ret = ferry_chan_arm(queue->chan, &waiter, target, queue);
		if (ret)
			break;
		if (READ_ONCE(queue->file->fdev->unplugged))
			ret = -ENODEV;
		else if (signal_pending(current))
			ret = deadline.limited ? -EINTR : -ERESTARTSYS;
		else if (expired)
			ret = -ETIME;
		if (ret)
			break;
		expired = !schedule_hrtimeout_range(deadline.limited ? &deadline.at : NULL,
						    current->timer_slack_ns, HRTIMER_MODE_ABS);
	}
	finish_wait(&queue->wait, &wait);
	ferry_chan_disarm(queue->chan, &waiter);
	if (ret < 0)
		return ret;
	/* What was waited for is read behind this; ferry_ring_ready() orders nothing. */
	dma_rmb();
	return 0;
}

/**
 * ferry_queue_drained() - a full queue has room again: tell who polls for that
 * @queue: queue
 */
void ferry_queue_drained(struct ferry_queue *queue)
{
	if (wq_has_sleeper(&queue->file->wait))
		wake_up_all(&queue->file->wait);
}

/**
 * ferry_queue_flush() - FERRY_IOC_QUEUE_FLUSH
 * @file: open file
 * @cmd: argument
 *
 * Return: 0 or the errno of the header.
 */
long ferry_queue_flush(struct ferry_file *file, struct ferry_queue_handle *cmd)
{
	struct ferry_queue *queue = ferry_queue_get(file, cmd->queue);
	int err;

	if (!queue)
		return -ENOENT;
	/* Only its owner knows how far it was submitted. */
	if (queue->mapped)
		err = -EOPNOTSUPP;
	else
		err = ferry_queue_sleep(queue, READ_ONCE(queue->chan->ring.tail),
					ferry_deadline(cmd->timeout_ns));
	ferry_queue_put(queue);
	return err;
}

/**
 * ferry_queue_cancel() - FERRY_IOC_QUEUE_CANCEL
 * @file: open file
 * @cmd: argument
 *
 * Return: 0 or the errno of the header.
 */
long ferry_queue_cancel(struct ferry_file *file, struct ferry_queue_handle *cmd)
{
	struct ferry_queue *queue;
	int err;

	if (cmd->timeout_ns)
		return -EOPNOTSUPP;
	queue = ferry_queue_get(file, cmd->queue);
	if (!queue)
		return -ENOENT;
	if (mutex_lock_interruptible(&queue->lock)) {
		err = -ERESTARTSYS;
		goto out_put;
	}
	err = queue->closed ? -ENOENT : ferry_chan_cancel(queue->chan);
	mutex_unlock(&queue->lock);
out_put:
	ferry_queue_put(queue);
	return err;
}
