// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues: a channel in the hands of an open file.
 */
#include <linux/cred.h>
#include <linux/hrtimer.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "ferry.h"
#include "ferry_trace.h"

/**
 * DOC: Queues
 *
 * User space submits and reaps by ioctl and never sees the rings. Entries are
 * copied from its memory straight into the slots, in runs that end where the ring wraps, and
 * completions straight out of them. The driver does not look at an entry: the device
 * does, at its own copy, and the window table decides what it can name.
 *
 * A queue is found by handle with a reference, so that it can be destroyed while others
 * use it. @closed says so: whoever takes the lock, or wakes up, looks at it. The
 * channel structure stays as long as the device structure, so a late
 * ferry_chan_disarm() is harmless.
 */

/**
 * struct ferry_queue - a channel in the hands of an open file
 * @refs: the handle's, and one of each call that uses it
 * @rcu: frees it behind lookups
 * @file: open file
 * @chan: channel
 * @handle: handle
 * @closed: destroyed; the channel is no longer its own
 * @lock: submitting, reaping, cancelling, destroying: one at a time. User memory is
 *	accessed under it
 * @wait: who sleeps in WAIT, SUBMIT or FLUSH
 * @reader: armed for read(2) and poll(2)
 */
struct ferry_queue {
	refcount_t refs;
	struct rcu_head rcu;
	struct ferry_file *file;
	struct ferry_chan *chan;
	u32 handle;
	bool closed;
	struct mutex lock;
	wait_queue_head_t wait;
	struct ferry_waiter reader;
};

static struct ferry_queue *ferry_queue_get(struct ferry_file *file, u32 handle)
{
	struct ferry_queue *queue;

	rcu_read_lock();
	queue = xa_load(&file->queues, handle);
	if (queue && !refcount_inc_not_zero(&queue->refs))
		queue = NULL;
	rcu_read_unlock();
	return queue;
}

static void ferry_queue_put(struct ferry_queue *queue)
{
	if (refcount_dec_and_test(&queue->refs))
		kfree_rcu(queue, rcu);
}

/* Next queue at or behind *handle, with a reference; NULL at the end. */
static struct ferry_queue *ferry_queue_next(struct ferry_file *file, unsigned long *handle)
{
	struct ferry_queue *queue;

	rcu_read_lock();
	queue = xa_find(&file->queues, handle, ULONG_MAX, XA_PRESENT);
	while (queue && !refcount_inc_not_zero(&queue->refs))
		queue = xa_find_after(&file->queues, handle, ULONG_MAX, XA_PRESENT);
	rcu_read_unlock();
	return queue;
}

/* Called by the channel with its lock held, in any context. */
static void ferry_queue_notify(void *owner)
{
	struct ferry_queue *queue = owner;

	wake_up_all(&queue->wait);
	wake_up_all(&queue->file->wait);
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
	struct ferry_dev *fdev = file->fdev;
	struct ferry_chan_config cfg = {
		.tab = file->tab,
		.order = cmd->order,
		.weight = cmd->weight ?: 1,
		.notify = ferry_queue_notify,
	};
	struct ferry_queue *queue;
	int err;

	if (cmd->flags)
		return -EOPNOTSUPP;
	if (cmd->order < fdev->caps.min_order || cmd->order > fdev->caps.max_order ||
	    cfg.weight > FERRY_CHAN_WEIGHT_QUANTA)
		return -EINVAL;

	queue = kzalloc(sizeof(*queue), GFP_KERNEL_ACCOUNT);
	if (!queue)
		return -ENOMEM;
	refcount_set(&queue->refs, 1);
	queue->file = file;
	mutex_init(&queue->lock);
	init_waitqueue_head(&queue->wait);
	INIT_LIST_HEAD(&queue->reader.node);
	cfg.owner = queue;

	/* Cyclic, so that a handle that is not up to date does not mean another queue. */
	err = xa_alloc_cyclic(&file->queues, &queue->handle, XA_ZERO_ENTRY, xa_limit_31b,
			      &file->next_queue, GFP_KERNEL_ACCOUNT);
	if (err < 0)
		goto err_put;
	queue->chan = ferry_chan_claim(fdev, current_uid());
	if (IS_ERR(queue->chan)) {
		err = PTR_ERR(queue->chan);
		goto err_erase;
	}
	err = ferry_chan_start(queue->chan, &cfg);
	if (err)
		goto err_erase;

	cmd->queue = queue->handle;
	cmd->channel = queue->chan->nr;
	if (copy_to_user(arg, cmd, sizeof(*cmd))) {
		err = -EFAULT;
		goto err_release;
	}
	/* The slot was reserved, so this does not fail; now others can find it. */
	xa_store(&file->queues, queue->handle, queue, GFP_KERNEL);
	/* Who sleeps on the file did not ask this channel yet. */
	wake_up_all(&file->wait);
	return 0;

err_release:
	ferry_chan_release(queue->chan);
err_erase:
	xa_erase(&file->queues, queue->handle);
err_put:
	ferry_queue_put(queue);
	return err;
}

/* The handle is gone, so this runs once. */
static void ferry_queue_close(struct ferry_queue *queue)
{
	mutex_lock(&queue->lock);
	WRITE_ONCE(queue->closed, true);
	ferry_chan_release(queue->chan);
	mutex_unlock(&queue->lock);
	ferry_queue_notify(queue);
	ferry_queue_put(queue);
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

	if (cmd->timeout_ns)
		return -EOPNOTSUPP;
	queue = xa_erase(&file->queues, cmd->queue);
	if (!queue)
		return -ENOENT;
	ferry_queue_close(queue);
	return 0;
}

/**
 * ferry_queue_destroy_all() - close all queues of an open file
 * @file: open file; nobody can create any more
 */
void ferry_queue_destroy_all(struct ferry_file *file)
{
	struct ferry_queue *queue;
	unsigned long handle;

	xa_for_each(&file->queues, handle, queue) {
		xa_erase(&file->queues, handle);
		ferry_queue_close(queue);
	}
}

/**
 * ferry_queue_wake_all() - make everybody who sleeps on an open file look again
 * @file: open file
 */
void ferry_queue_wake_all(struct ferry_file *file)
{
	struct ferry_queue *queue;
	unsigned long handle;

	rcu_read_lock();
	xa_for_each(&file->queues, handle, queue)
		wake_up_all(&queue->wait);
	rcu_read_unlock();
	wake_up_all(&file->wait);
}

/**
 * struct ferry_deadline - until when a call waits
 * @at: CLOCK_MONOTONIC time, if @limited
 * @limited: there is a limit
 */
struct ferry_deadline {
	ktime_t at;
	bool limited;
};

static struct ferry_deadline ferry_deadline(s64 timeout_ns)
{
	return (struct ferry_deadline){
		.at = timeout_ns > 0 ? ktime_add_safe(ktime_get(), ns_to_ktime(timeout_ns)) : 0,
		.limited = timeout_ns >= 0,
	};
}

/*
 * Sleep until everything before @target has completed. Needs a reference, and
 * no lock. 0, or what ended it: -EINTR, -ETIME, -ENODEV, or as ferry_chan_done().
 */
static int ferry_queue_sleep(struct ferry_queue *queue, u32 target,
			     struct ferry_deadline deadline)
{
	struct ferry_waiter waiter = { .node = LIST_HEAD_INIT(waiter.node) };
	bool expired = false;
	DEFINE_WAIT(wait);
	int ret;

	might_sleep();

	for (;;) {
		prepare_to_wait(&queue->wait, &wait, TASK_INTERRUPTIBLE);
		ret = ferry_chan_arm(queue->chan, &waiter, target, queue);
		if (ret)
			break;
		if (READ_ONCE(queue->file->fdev->unplugged))
			ret = -ENODEV;
		else if (signal_pending(current))
			ret = -EINTR;
		else if (expired)
			ret = -ETIME;
		if (ret)
			break;
		expired = !schedule_hrtimeout_range(deadline.limited ? &deadline.at : NULL,
						    current->timer_slack_ns, HRTIMER_MODE_ABS);
	}
	finish_wait(&queue->wait, &wait);
	ferry_chan_disarm(queue->chan, &waiter);
	return min(ret, 0);
}

/* Take entries from user space, as many as fit. 0 or an errno. */
static int ferry_queue_push(struct ferry_queue *queue, struct ferry_submit *cmd)
{
	const struct ferry_sqe __user *sqes = u64_to_user_ptr(cmd->sqes);
	struct ferry_ring *ring = &queue->chan->ring;
	u32 first = ring->tail;
	u32 count, run;

	lockdep_assert_held(&queue->lock);

	if (unlikely(READ_ONCE(queue->chan->dead)))
		return -EIO;
	count = min(cmd->nr_sqes, ferry_ring_space(ring));
	if (!count)
		return cmd->nr_sqes ? -EAGAIN : 0;
	run = ferry_ring_run(ring, first, count);
	if (copy_from_user(ferry_ring_sqe(ring, first), sqes, run * sizeof(*sqes)))
		return -EFAULT;
	if (run < count && copy_from_user(ferry_ring_sqe(ring, first + run), sqes + run,
					  (count - run) * sizeof(*sqes)))
		return -EFAULT;
	ferry_ring_publish(ring, count);
	trace_ferry_submit(queue->chan, first, count);
	cmd->first = first;
	cmd->submitted = count;
	return 0;
}

/* A full queue has room again: tell who polls for that. */
static void ferry_queue_drained(struct ferry_queue *queue)
{
	if (wq_has_sleeper(&queue->file->wait))
		wake_up_all(&queue->file->wait);
}

/* Give completions to user space, as many as there are and it has room for. */
static int ferry_queue_pull(struct ferry_queue *queue, struct ferry_submit *cmd)
{
	struct ferry_cqe __user *cqes = u64_to_user_ptr(cmd->cqes);
	struct ferry_ring *ring = &queue->chan->ring;
	bool full = !ferry_ring_space(ring);
	u32 head, run;

	lockdep_assert_held(&queue->lock);

	while (cmd->reaped < cmd->nr_cqes) {
		head = ring->head;
		run = ferry_ring_completed(ring, cmd->nr_cqes - cmd->reaped);
		if (!run)
			break;
		if (copy_to_user(cqes + cmd->reaped, ferry_ring_cqe(ring, head),
				 run * sizeof(*cqes)))
			return -EFAULT;
		ferry_ring_reap(ring, run);
		trace_ferry_complete(queue->chan, head, run);
		cmd->reaped += run;
	}
	if (unlikely(full) && cmd->reaped)
		ferry_queue_drained(queue);
	return 0;
}

/* Reap, and wait while it is not enough. @err: what came of submitting. */
static int ferry_queue_reap(struct ferry_queue *queue, struct ferry_submit *cmd, int err)
{
	struct ferry_ring *ring = &queue->chan->ring;
	struct ferry_deadline deadline;
	bool waited = false;
	int wait_err = 0;
	u32 target;
	bool dead;
	int ret;

	lockdep_assert_held(&queue->lock);

	for (;;) {
		/* Once it is dead nothing more comes, so look at that first. */
		dead = READ_ONCE(queue->chan->dead);
		ret = ferry_queue_pull(queue, cmd);
		if (ret)
			return ret;
		if (unlikely(dead))
			return -EIO;
		if (cmd->reaped >= cmd->min_cqes)
			return err;
		if (wait_err)
			return wait_err;
		if (!cmd->timeout_ns)
			return -EAGAIN;

		if (!waited)
			deadline = ferry_deadline(cmd->timeout_ns);
		waited = true;
		target = ring->head + min(cmd->min_cqes - cmd->reaped, ferry_ring_size(ring));
		mutex_unlock(&queue->lock);
		wait_err = ferry_queue_sleep(queue, target, deadline);
		mutex_lock(&queue->lock);
		if (queue->closed)
			return -ENOENT;
	}
}

static long ferry_queue_transfer(struct ferry_file *file, struct ferry_submit *cmd,
				 struct ferry_submit __user *arg, bool push)
{
	struct ferry_queue *queue;
	int err = 0;

	if (unlikely(cmd->flags || cmd->reserved))
		return -EOPNOTSUPP;
	if (unlikely(cmd->min_cqes > cmd->nr_cqes))
		return -EINVAL;
	queue = ferry_queue_get(file, cmd->queue);
	if (!queue)
		return -ENOENT;
	if (mutex_lock_interruptible(&queue->lock)) {
		err = -EINTR;
		goto out_put;
	}
	cmd->submitted = 0;
	cmd->reaped = 0;
	cmd->first = queue->closed ? 0 : queue->chan->ring.tail;
	if (queue->closed)
		err = -ENOENT;
	else if (push)
		err = ferry_queue_push(queue, cmd);
	if (err != -ENOENT && err != -EFAULT)
		err = ferry_queue_reap(queue, cmd, err);
	mutex_unlock(&queue->lock);

	if (cmd->submitted || cmd->reaped)
		err = 0;
	if (!err && copy_to_user(&arg->submitted, &cmd->submitted,
				 offsetofend(struct ferry_submit, first) -
				 offsetof(struct ferry_submit, submitted)))
		err = -EFAULT;
out_put:
	ferry_queue_put(queue);
	return err;
}

/**
 * ferry_queue_submit() - FERRY_IOC_SUBMIT
 * @file: open file
 * @cmd: argument, copied from user space
 * @arg: where it came from
 *
 * Return: 0 or the errno of the header.
 */
long ferry_queue_submit(struct ferry_file *file, struct ferry_submit *cmd, void __user *arg)
{
	return ferry_queue_transfer(file, cmd, arg, true);
}

/**
 * ferry_queue_wait() - FERRY_IOC_WAIT
 * @file: open file
 * @cmd: argument, copied from user space
 * @arg: where it came from
 *
 * Return: 0 or the errno of the header.
 */
long ferry_queue_wait(struct ferry_file *file, struct ferry_submit *cmd, void __user *arg)
{
	if (cmd->nr_sqes)
		return -EOPNOTSUPP;
	return ferry_queue_transfer(file, cmd, arg, false);
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
	err = mutex_lock_interruptible(&queue->lock);
	if (err)
		goto out_put;
	err = queue->closed ? -ENOENT : ferry_chan_cancel(queue->chan);
	mutex_unlock(&queue->lock);
out_put:
	ferry_queue_put(queue);
	return err;
}

/* Bytes of events copied from one queue, 0 if it has none, or an errno. */
static ssize_t ferry_queue_read_one(struct ferry_queue *queue, struct iov_iter *to)
{
	struct ferry_event event = { .queue = queue->handle };
	struct ferry_ring *ring = &queue->chan->ring;
	ssize_t bytes = 0;
	bool full;

	if (mutex_lock_interruptible(&queue->lock))
		return -EINTR;
	if (queue->closed)
		goto out_unlock;
	full = !ferry_ring_space(ring);
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
	if (!bytes && READ_ONCE(queue->chan->dead))
		bytes = -EIO;
out_unlock:
	mutex_unlock(&queue->lock);
	return bytes;
}

/* One turn over the queues, beginning where the last one ended. */
static ssize_t ferry_queue_read_all(struct ferry_file *file, struct iov_iter *to)
{
	unsigned long start = READ_ONCE(file->read_next);
	unsigned long handle = start;
	struct ferry_queue *queue;
	bool wrapped = false;
	ssize_t bytes = 0;
	ssize_t err = 0;
	ssize_t ret;

	while (iov_iter_count(to) >= sizeof(struct ferry_event)) {
		queue = ferry_queue_next(file, &handle);
		if (wrapped && (!queue || handle >= start)) {
			if (queue)
				ferry_queue_put(queue);
			break;
		}
		if (!queue) {
			wrapped = true;
			handle = 0;
			continue;
		}
		ret = ferry_queue_read_one(queue, to);
		ferry_queue_put(queue);
		handle++;
		if (ret > 0)
			bytes += ret;
		else if (ret)
			err = ret;
		if (ret == -EFAULT || ret == -EINTR)
			break;
	}
	WRITE_ONCE(file->read_next, handle);
	return bytes ?: err;
}

/* Ask for a notification of the next completion of every queue. True: look, don't sleep. */
static bool ferry_queue_arm_readers(struct ferry_file *file)
{
	struct ferry_queue *queue;
	unsigned long handle = 0;
	bool look = false;
	int ret;

	for (; (queue = ferry_queue_next(file, &handle)); handle++) {
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
	DEFINE_WAIT(wait);
	ssize_t ret;

	if (iov_iter_count(to) < sizeof(struct ferry_event))
		return -EINVAL;
	for (;;) {
		ret = ferry_queue_read_all(file, to);
		if (ret)
			return ret;
		if (nonblock)
			return -EAGAIN;

		prepare_to_wait(&file->wait, &wait, TASK_INTERRUPTIBLE);
		if (READ_ONCE(file->fdev->unplugged))
			ret = -ENODEV;
		else if (signal_pending(current))
			ret = -EINTR;
		else if (!ferry_queue_arm_readers(file))
			schedule();
		finish_wait(&file->wait, &wait);
		if (ret)
			return ret;
	}
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
	unsigned long handle = 0;
	__poll_t mask = 0;

	for (; (queue = ferry_queue_next(file, &handle)); handle++) {
		if (ferry_chan_done(queue->chan, READ_ONCE(queue->chan->ring.head) + 1,
				    queue) == 1)
			mask |= EPOLLIN | EPOLLRDNORM;
		if (READ_ONCE(queue->chan->dead))
			mask |= EPOLLERR;
		else if (ferry_ring_space(&queue->chan->ring))
			mask |= EPOLLOUT | EPOLLWRNORM;
		ferry_queue_put(queue);
	}
	if (arm && !(mask & EPOLLIN) && ferry_queue_arm_readers(file))
		mask |= ferry_queue_poll(file, false);
	return mask;
}
