// SPDX-License-Identifier: GPL-2.0-only
/*
 * Submitting and reaping: the hot path.
 */
#include <linux/uaccess.h>

#include "ferry_queue.h"
#include "ferry_trace.h"

/**
 * DOC: Submitting
 *
 * One call takes entries, rings once and gives back the completions that are
 * there. Nothing is allocated, and nothing is looked at twice: a submission
 * costs one copy of each entry, one of each completion, one MMIO write.
 *
 * The copies of a single entry have a constant size: the compiler knows that
 * they fit, and CONFIG_HARDENED_USERCOPY need not find out what they point to,
 * which would be 140 instructions each.
 */

static __always_inline bool ferry_copy_sqes(struct ferry_sqe *to,
					    const struct ferry_sqe __user *from, u32 count)
{
	if (count == 1)
		return copy_from_user(to, from, sizeof(*to));
	return copy_from_user(to, from, count * sizeof(*to));
}

static __always_inline bool ferry_copy_cqes(struct ferry_cqe __user *to,
					    const struct ferry_cqe *from, u32 count)
{
	if (count == 1)
		return copy_to_user(to, from, sizeof(*to));
	return copy_to_user(to, from, count * sizeof(*to));
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
	if (ferry_copy_sqes(ferry_ring_sqe(ring, first), sqes, run))
		return -EFAULT;
	if (run < count && ferry_copy_sqes(ferry_ring_sqe(ring, first + run), sqes + run,
					   count - run))
		return -EFAULT;
	ferry_ring_publish(ring, count);
	trace_ferry_submit(queue->chan, first, count);
	cmd->first = first;
	cmd->submitted = count;
	return 0;
}

/* Give completions to user space, as many as there are and it has room for. */
static int ferry_queue_pull(struct ferry_queue *queue, struct ferry_submit *cmd)
{
	struct ferry_cqe __user *cqes = u64_to_user_ptr(cmd->cqes);
	struct ferry_ring *ring = &queue->chan->ring;
	bool full = !ferry_ring_space(ring);
	u32 head, run;
	int err = 0;

	lockdep_assert_held(&queue->lock);

	while (cmd->reaped < cmd->nr_cqes) {
		head = ring->head;
		run = ferry_ring_completed(ring, cmd->nr_cqes - cmd->reaped);
		if (!run)
			break;
		if (ferry_copy_cqes(cqes + cmd->reaped, ferry_ring_cqe(ring, head), run)) {
			err = -EFAULT;
			break;
		}
		ferry_ring_reap(ring, run);
		trace_ferry_complete(queue->chan, head, run);
		cmd->reaped += run;
	}
	if (unlikely(full) && cmd->reaped)
		ferry_queue_drained(queue);
	return err;
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
	int err;

	if (unlikely(cmd->flags || cmd->reserved))
		return -EOPNOTSUPP;
	if (unlikely(cmd->min_cqes > cmd->nr_cqes))
		return -EINVAL;
	queue = ferry_queue_get(file, cmd->queue);
	if (!queue)
		return -ENOENT;
	/* Nearly always free, and then there is no need to think of sleeping. */
	if (!mutex_trylock(&queue->lock) && mutex_lock_interruptible(&queue->lock)) {
		err = -ERESTARTSYS;
		goto out_put;
	}
	cmd->submitted = 0;
	cmd->reaped = 0;
	err = queue->refused;
	if (likely(!err)) {
		cmd->first = queue->chan->ring.tail;
		if (push)
			err = ferry_queue_push(queue, cmd);
		if (err != -EFAULT)
			err = ferry_queue_reap(queue, cmd, err);
	}
	mutex_unlock(&queue->lock);

	if (cmd->submitted || cmd->reaped)
		err = 0;
	/* All of it was there in the first release, so this is within the caller's size. */
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
long ferry_queue_submit(struct ferry_file *file, struct ferry_submit *cmd,
			struct ferry_submit __user *arg)
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
long ferry_queue_wait(struct ferry_file *file, struct ferry_submit *cmd,
		      struct ferry_submit __user *arg)
{
	if (cmd->nr_sqes)
		return -EOPNOTSUPP;
	return ferry_queue_transfer(file, cmd, arg, false);
}
