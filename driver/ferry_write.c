// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writing: what is to be sent, from user space. How blocks and slots go round is
 * told in ferry_transmit.c.
 */
#include <linux/dma-mapping.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>

#include "ferry_port.h"
#include "ferry_trace.h"

/* The index before which everything has to complete, for @need slots to be free. */
static u32 ferry_tx_room_at(const struct ferry_tx *tx, u32 need)
{
	return READ_ONCE(tx->chan->ring.tail) + need - ferry_tx_size(tx);
}

/* Fill free slots and ring. Bytes, or -EFAULT and nothing done. */
static ssize_t ferry_tx_put(struct ferry_tx *tx, struct iov_iter *from, bool packet)
{
	struct ferry_ring *ring = &tx->chan->ring;
	struct device *parent = tx->port->fdev->parent;
	u32 space = ferry_ring_space(ring);
	struct ferry_block *block;
	size_t want, n;
	ssize_t done = 0;
	u32 count = 0;
	u8 flags;

	do {
		block = tx->blocks[(ring->tail + count) & ring->mask];
		want = min_t(size_t, iov_iter_count(from), tx->pool->size);
		n = copy_from_iter(block->data, want, from);
		if (unlikely(n < want) && (!n || packet)) {
			/* A packet is whole or not there. */
			if (packet)
				count = 0;
			break;
		}
		flags = packet && !iov_iter_count(from) ? FERRY_SQE_EOP : 0;
		dma_sync_single_for_device(parent, block->dma, n, DMA_TO_DEVICE);
		*ferry_ring_sqe(ring, ring->tail + count) = (struct ferry_sqe){
			.op = FERRY_OP_SEND,
			.flags = flags,
			.len = cpu_to_le32(n),
			.src = cpu_to_le64(block->dma),
		};
		block->len = n;
		block->flags = flags;
		done += n;
		count++;
	} while (n == want && iov_iter_count(from) && count < space);

	if (!count)
		return -EFAULT;
	WRITE_ONCE(tx->queued, tx->queued + done);
	trace_ferry_submit(tx->chan, ring->tail, count);
	ferry_ring_publish(ring, count);
	return done;
}

/*
 * Wait until everything before an index has completed, or the ring has another
 * epoch: then the index means nothing any more, and the caller has to look anew.
 */
static int ferry_tx_sleep(struct ferry_tx *tx, u32 target, u32 epoch, struct file *filp)
{
	struct ferry_waiter waiter;
	DEFINE_WAIT(wait);
	int ret;

	ferry_waiter_init(&waiter, NULL);
	for (;;) {
		prepare_to_wait(&tx->wait, &wait, TASK_INTERRUPTIBLE);
		ret = ferry_chan_arm(tx->chan, &waiter, target, tx);
		if (ret)
			break;
		if (READ_ONCE(tx->port->fdev->unplugged))
			ret = -ENODEV;
		else if (READ_ONCE(tx->port->writer) != filp)
			ret = -EPIPE;
		else if (signal_pending(current))
			ret = -ERESTARTSYS;
		if (ret || READ_ONCE(tx->epoch) != epoch)
			break;
		schedule();
	}
	finish_wait(&tx->wait, &wait);
	ferry_chan_disarm(tx->chan, &waiter);
	/* The channel was stopped, and perhaps started again. */
	if (ret == -ENOENT && READ_ONCE(tx->epoch) != epoch)
		return 0;
	if (ret == -ENOENT)
		return -EPIPE;
	return min(ret, 0);
}

/* Can @filp write? */
static int ferry_tx_check(struct ferry_tx *tx, struct file *filp)
{
	lockdep_assert_held(&tx->mutex);

	if (READ_ONCE(tx->port->writer) != filp)
		return -EPIPE;
	return !tx->pool || tx->failed || READ_ONCE(tx->chan->dead) ? -EIO : 0;
}

/* Have @need free slots. May drop the lock meanwhile; on an errno it is held, too. */
static int ferry_tx_make_room(struct ferry_tx *tx, struct file *filp, u32 need, bool nonblock)
{
	bool overrun = false;
	u32 target, epoch;
	bool paused;
	int err;

	for (;;) {
		/* Not all who write are frozen in a suspend: the kernel may. */
		paused = READ_ONCE(tx->chan->paused);
		if (!paused && ferry_ring_space(&tx->chan->ring) >= need)
			return 0;
		ferry_tx_reap(tx);
		if (!paused && ferry_ring_space(&tx->chan->ring) >= need)
			return 0;
		target = ferry_tx_room_at(tx, need);
		if (!overrun)
			tx->stats.overruns++;
		overrun = true;
		WRITE_ONCE(tx->need, need);
		if (nonblock) {
			/* Who polls edge-triggered is told when there is room. */
			err = ferry_chan_arm(tx->chan, &tx->poller, target, tx);
			if (err != 1)
				return err ?: -EAGAIN;
			continue;
		}
		epoch = tx->epoch;
		mutex_unlock(&tx->mutex);
		err = ferry_tx_sleep(tx, target, epoch, filp);
		mutex_lock(&tx->mutex);
		err = err ?: ferry_tx_check(tx, filp);
		if (err)
			return err;
	}
}

static ssize_t ferry_tx_write_locked(struct ferry_tx *tx, struct file *filp,
				     struct iov_iter *from, bool nonblock)
{
	/* The mode may change while it waits for room. */
	bool packet = tx->packets;
	u32 need = 1;
	ssize_t done = 0;
	ssize_t ret;

	ret = ferry_tx_check(tx, filp);
	if (ret)
		return ret;
	if (packet) {
		if (iov_iter_count(from) > (size_t)ferry_tx_size(tx) * tx->pool->size)
			return -EMSGSIZE;
		need = max_t(u32, DIV_ROUND_UP(iov_iter_count(from), tx->pool->size), 1);
	}
	do {
		ret = ferry_tx_make_room(tx, filp, need, nonblock);
		if (ret)
			break;
		WRITE_ONCE(tx->need, 1);
		ret = ferry_tx_put(tx, from, packet);
		if (ret < 0)
			break;
		done += ret;
	} while (iov_iter_count(from));
	return done ?: ret;
}

/**
 * ferry_tx_write() - write(2)
 * @tx: direction
 * @filp: open file
 * @from: what to send
 * @nonblock: do not wait for room
 * @nowait: nor for another writer
 *
 * Return: bytes, or the errno of the header.
 */
ssize_t ferry_tx_write(struct ferry_tx *tx, struct file *filp, struct iov_iter *from,
		       bool nonblock, bool nowait)
{
	ssize_t ret;

	if (!iov_iter_count(from) && !READ_ONCE(tx->packets))
		return 0;
	if (!mutex_trylock(&tx->mutex)) {
		if (nowait)
			return -EAGAIN;
		if (mutex_lock_interruptible(&tx->mutex))
			return -ERESTARTSYS;
	}
	ret = ferry_tx_write_locked(tx, filp, from, nonblock);
	mutex_unlock(&tx->mutex);
	return ret;
}

/**
 * ferry_tx_sync() - fsync(2): wait until the port has taken what was written
 * @tx: direction
 * @filp: open file
 *
 * Return: 0 or the errno of the header.
 */
int ferry_tx_sync(struct ferry_tx *tx, struct file *filp)
{
	u32 target, epoch;
	int err;

	if (mutex_lock_interruptible(&tx->mutex))
		return -ERESTARTSYS;
	err = ferry_tx_check(tx, filp);
	target = tx->chan->ring.tail;
	epoch = tx->epoch;
	mutex_unlock(&tx->mutex);
	if (!err)
		err = ferry_tx_sleep(tx, target, epoch, filp);
	if (err)
		return err;
	mutex_lock(&tx->mutex);
	if (tx->pool)
		ferry_tx_reap(tx);
	if (READ_ONCE(tx->port->writer) != filp)
		err = -EPIPE;
	else if (tx->failed || tx->epoch != epoch)
		err = -EIO;
	mutex_unlock(&tx->mutex);
	return err;
}

/**
 * ferry_tx_poll() - is there room to write?
 * @tx: direction, in the caller's hands
 * @arm: wake the caller, who is on @tx's wait queue, when there is
 *
 * Return: EPOLLOUT, EPOLLERR as the header says.
 */
__poll_t ferry_tx_poll(struct ferry_tx *tx, bool arm)
{
	u32 target = ferry_tx_room_at(tx, READ_ONCE(tx->need));
	int ret;

	if (arm)
		ret = ferry_chan_arm(tx->chan, &tx->poller, target, tx);
	else
		ret = ferry_chan_done(tx->chan, target, tx);
	if (!ret)
		return 0;
	/* What fails at once can be tried at once. */
	if (READ_ONCE(tx->failed) || (ret != -ENOENT && READ_ONCE(tx->chan->dead)))
		return EPOLLOUT | EPOLLWRNORM | EPOLLERR;
	return EPOLLOUT | EPOLLWRNORM;
}

/**
 * ferry_tx_queued() - TIOCOUTQ
 * @tx: direction
 *
 * Return: bytes that were written, and that the port has not taken yet, or
 * -ERESTARTSYS.
 */
int ferry_tx_queued(struct ferry_tx *tx)
{
	int queued;

	if (mutex_lock_interruptible(&tx->mutex))
		return -ERESTARTSYS;
	if (tx->pool)
		ferry_tx_reap(tx);
	queued = tx->queued - tx->accepted;
	mutex_unlock(&tx->mutex);
	return queued;
}
