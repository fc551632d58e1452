// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading: what was received, to user space. How blocks go round is told in
 * ferry_receive.c.
 */
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>

#include "ferry_port.h"

/* Are all blocks full, so that no more gets in? */
static bool ferry_rx_is_cut(const struct ferry_rx *rx)
{
	const struct ferry_ring *ring = &rx->chan->ring;
	/* Without memory there may be no more of them for as long as it likes. */
	u32 all = rx->hungry ? ferry_rx_size(rx) : ferry_rx_limit(rx);

	return ring->head == ring->tail && rx->nr_filled >= all;
}

/**
 * ferry_rx_is_ready() - would a read return now?
 * @rx: direction; &ferry_chan.lock is held
 *
 * Return: true if it would.
 */
bool ferry_rx_is_ready(const struct ferry_rx *rx)
{
	lockdep_assert_held(&rx->chan->lock);

	if (rx->failed || rx->chan->dead)
		return true;
	if (READ_ONCE(rx->packets))
		return rx->ends != READ_ONCE(rx->ends_taken) || ferry_rx_is_cut(rx);
	/* Cut, there are only ends of packet: the reader has to throw them away. */
	return rx->filled != READ_ONCE(rx->taken) || rx->hups != READ_ONCE(rx->hups_taken) ||
	       ferry_rx_is_cut(rx);
}

/*
 * Take what has come out of the ring. Whoever reaps for himself and arms for what
 * comes next has taken the interrupt from who sleeps, so he wakes him. Interrupts
 * get their turn, so the lock is dropped; false: the channel was stopped meanwhile.
 */
static bool ferry_rx_collect(struct ferry_rx *rx)
{
	u32 reaped;

	while (ferry_rx_is_live(rx)) {
		reaped = ferry_rx_reap(rx);
		if (reaped && unlikely(rx->wanted || rx->fasync))
			ferry_rx_wake(rx);
		if (likely(reaped != FERRY_BUDGET))
			return true;
		spin_unlock_irq(&rx->chan->lock);
		spin_lock_irq(&rx->chan->lock);
	}
	return false;
}

/* Take what has come. */
static void ferry_rx_fetch(struct ferry_rx *rx)
{
	lockdep_assert_held(&rx->mutex);

	spin_lock_irq(&rx->chan->lock);
	ferry_rx_collect(rx);
	list_splice_tail_init(&rx->ready, &rx->mine);
	rx->ends_mine = rx->ends;
	spin_unlock_irq(&rx->chan->lock);
}

/* Likewise, and give back what was copied. 0, or -EIO: nothing more will come. */
static int ferry_rx_exchange(struct ferry_rx *rx)
{
	int err;

	lockdep_assert_held(&rx->mutex);

	spin_lock_irq(&rx->chan->lock);
	list_splice_init(&rx->done, &rx->free);
	rx->nr_free += rx->nr_done;
	rx->nr_filled -= rx->nr_done;
	rx->nr_done = 0;
	ferry_rx_collect(rx);
	list_splice_tail_init(&rx->ready, &rx->mine);
	rx->ends_mine = rx->ends;
	ferry_rx_refill(rx);
	ferry_rx_arm(rx);
	err = rx->failed || rx->chan->dead ? -EIO : 0;
	spin_unlock_irq(&rx->chan->lock);
	return err;
}

/* The reader is through with a block. */
static void ferry_rx_finish(struct ferry_rx *rx, struct ferry_block *block)
{
	WRITE_ONCE(rx->taken, rx->taken + block->len - block->pos);
	if (block->flags) {
		WRITE_ONCE(rx->ends_taken, rx->ends_taken + 1);
		if (block->flags & FERRY_CQE_HUP)
			WRITE_ONCE(rx->hups_taken, rx->hups_taken + 1);
	}
	list_move(&block->node, &rx->done);
	/* Who needs blocks gets them now: this reader may not come again without more. */
	if (++rx->nr_done >= ferry_rx_size(rx) / 4 ||
	    unlikely(READ_ONCE(rx->hungry) && list_empty(&rx->mine)))
		ferry_rx_exchange(rx);
}

/* Bytes, wherever packets end; 0 at the end of file; -EAGAIN if there is nothing. */
static ssize_t ferry_rx_take_bytes(struct ferry_rx *rx, struct iov_iter *to)
{
	struct ferry_block *block;
	ssize_t done = 0;
	size_t want, n;
	int err;

	while (iov_iter_count(to)) {
		block = list_first_entry_or_null(&rx->mine, struct ferry_block, node);
		if (!block) {
			ferry_rx_fetch(rx);
			if (!list_empty(&rx->mine))
				continue;
			err = ferry_rx_exchange(rx);
			if (!list_empty(&rx->mine))
				continue;
			return done ?: err ?: -EAGAIN;
		}
		want = min_t(size_t, iov_iter_count(to), block->len - block->pos);
		n = copy_to_iter(block->data + block->pos, want, to);
		block->pos += n;
		WRITE_ONCE(rx->taken, rx->taken + n);
		done += n;
		if (n < want)
			return done ?: -EFAULT;
		if (block->pos < block->len)
			break;
		/* The end of file is a read's of its own. */
		if (block->flags & FERRY_CQE_HUP && done)
			break;
		WRITE_ONCE(rx->eof, block->flags & FERRY_CQE_HUP);
		ferry_rx_finish(rx, block);
		if (rx->eof)
			return 0;
	}
	return done;
}

/* Is there a packet in @mine? 0, or why not. */
static int ferry_rx_find_packet(struct ferry_rx *rx)
{
	int err;

	if (rx->ends_mine == rx->ends_taken)
		ferry_rx_fetch(rx);
	if (rx->ends_mine != rx->ends_taken)
		return 0;
	err = ferry_rx_exchange(rx);
	if (rx->ends_mine != rx->ends_taken)
		return 0;
	if (err)
		return err;
	err = -EAGAIN;
	spin_lock_irq(&rx->chan->lock);
	if (rx->ends == rx->ends_mine && ferry_rx_is_cut(rx)) {
		list_splice_tail_init(&rx->ready, &rx->mine);
		rx->skip = true;
		err = 0;
	}
	spin_unlock_irq(&rx->chan->lock);
	return err;
}

/* A packet, as much as there is room for; the rest is dropped. */
static ssize_t ferry_rx_take_packet(struct ferry_rx *rx, struct iov_iter *to)
{
	struct ferry_block *block, *next, *last = NULL;
	size_t done = 0;
	u32 len = 0, n;
	u32 end = 0;
	int err;

	err = ferry_rx_find_packet(rx);
	if (err)
		return err;
	/* First copied, then taken: if the copy fails the packet is still there. */
	list_for_each_entry(block, &rx->mine, node) {
		n = min_t(size_t, iov_iter_count(to), block->len - block->pos);
		if (n && !(block->flags & FERRY_CQE_HUP) &&
		    copy_to_iter(block->data + block->pos, n, to) != n)
			return -EFAULT;
		done += n;
		len += block->len - block->pos;
		end = block->flags;
		last = block;
		if (end)
			break;
	}
	/* Of one that was cut @last has no end, and what comes meanwhile lies behind it. */
	list_for_each_entry_safe(block, next, &rx->mine, node) {
		ferry_rx_finish(rx, block);
		if (block == last)
			break;
	}
	rx->last_packet = len;
	/* It was cut by the peer's end: nobody has all of it. */
	WRITE_ONCE(rx->eof, end & FERRY_CQE_HUP);
	if (rx->eof)
		done = 0;
	if (done < len || !end) {
		spin_lock_irq(&rx->chan->lock);
		rx->stats.truncated++;
		spin_unlock_irq(&rx->chan->lock);
	}
	return done;
}

/*
 * Is the end of file still where the last read has met it? As that of a FIFO. What
 * came before this look is in the ring, unless a RECV is still to tell of its end.
 */
static bool ferry_rx_is_at_end(struct ferry_rx *rx)
{
	return READ_ONCE(rx->eof) &&
	       !(ferry_port_status(rx->port) & (FERRY_PORT_STATUS_CONNECTED |
						FERRY_PORT_STATUS_HUP));
}

/* Be woken when there is more. True: there is already. */
static bool ferry_rx_ask(struct ferry_rx *rx)
{
	bool ready = true;

	spin_lock_irq(&rx->chan->lock);
	if (ferry_rx_collect(rx)) {
		ferry_rx_refill(rx);
		rx->wanted = true;
		ferry_rx_arm(rx);
		/* Another reader may have met the end since the caller's look. */
		ready = ferry_rx_is_ready(rx) || ferry_rx_is_at_end(rx);
	}
	spin_unlock_irq(&rx->chan->lock);
	return ready;
}

static int ferry_rx_sleep(struct ferry_rx *rx, struct file *filp)
{
	DEFINE_WAIT(wait);
	int err = 0;

	prepare_to_wait(&rx->wait, &wait, TASK_INTERRUPTIBLE);
	if (READ_ONCE(rx->port->fdev->unplugged))
		err = -ENODEV;
	else if (signal_pending(current))
		err = -ERESTARTSYS;
	else if (!ferry_rx_ask(rx) && READ_ONCE(rx->port->reader) == filp)
		schedule();
	finish_wait(&rx->wait, &wait);
	return err;
}

/**
 * ferry_rx_read() - read(2)
 * @rx: direction
 * @filp: open file
 * @to: where it goes
 * @nonblock: do not wait for data
 * @nowait: nor for another reader
 *
 * Return: bytes; 0: end of file, or an empty packet; or the errno of the header.
 */
ssize_t ferry_rx_read(struct ferry_rx *rx, struct file *filp, struct iov_iter *to, bool nonblock,
		      bool nowait)
{
	bool at_end;
	ssize_t ret;

	if (!iov_iter_count(to))
		return 0;
	for (;;) {
		if (!mutex_trylock(&rx->mutex)) {
			if (nowait)
				return -EAGAIN;
			if (mutex_lock_interruptible(&rx->mutex))
				return -ERESTARTSYS;
		}
		/* Before the ring: it may hold all of a peer that came and left since. */
		at_end = ferry_rx_is_at_end(rx);
		if (READ_ONCE(rx->port->reader) != filp)
			ret = 0;
		else if (!rx->pool)
			ret = -EIO;
		else if (rx->packets)
			ret = ferry_rx_take_packet(rx, to);
		else
			ret = ferry_rx_take_bytes(rx, to);
		if (unlikely(rx->eof) && ret) {
			if (ret == -EAGAIN && at_end)
				ret = 0;
			else
				WRITE_ONCE(rx->eof, false);
		}
		mutex_unlock(&rx->mutex);
		if (ret != -EAGAIN)
			return ret;
		/* Who polls edge-triggered is told of what comes from now on. */
		if (nonblock && !ferry_rx_ask(rx))
			return -EAGAIN;
		if (!nonblock)
			ret = ferry_rx_sleep(rx, filp);
		else
			ret = fatal_signal_pending(current) ? -ERESTARTSYS : 0;
		if (ret)
			return ret;
	}
}

/**
 * ferry_rx_poll() - is there something to read?
 * @rx: direction, in the caller's hands
 * @arm: wake the caller, who is on @rx's wait queue, when there is more
 *
 * Return: EPOLLIN, EPOLLRDHUP, EPOLLERR as the header says.
 */
__poll_t ferry_rx_poll(struct ferry_rx *rx, bool arm)
{
	struct ferry_chan *chan = rx->chan;
	__poll_t mask = 0;
	bool at_end;

	spin_lock_irq(&chan->lock);
	/* As in ferry_rx_read(). */
	at_end = ferry_rx_is_at_end(rx);
	if (ferry_rx_collect(rx)) {
		ferry_rx_refill(rx);
		if (arm)
			rx->wanted = true;
		ferry_rx_arm(rx);
		if (ferry_rx_is_ready(rx))
			mask = EPOLLIN | EPOLLRDNORM;
		else if (unlikely(at_end))
			mask = EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
		if (rx->hups != READ_ONCE(rx->hups_taken))
			mask |= EPOLLRDHUP;
		if (rx->failed || chan->dead)
			mask |= EPOLLERR;
	} else if (READ_ONCE(rx->failed)) {
		mask = EPOLLIN | EPOLLRDNORM | EPOLLERR;
	}
	spin_unlock_irq(&chan->lock);
	return mask;
}

/**
 * ferry_rx_readable() - FIONREAD
 * @rx: direction
 *
 * Return: bytes that can be read now, in packet mode those of the next packet, or
 * -ERESTARTSYS.
 */
int ferry_rx_readable(struct ferry_rx *rx)
{
	struct ferry_block *block;
	int len = 0;

	if (mutex_lock_interruptible(&rx->mutex))
		return -ERESTARTSYS;
	if (!rx->pool)
		goto out_unlock;
	ferry_rx_exchange(rx);
	if (rx->packets && rx->ends_mine == rx->ends_taken)
		goto out_unlock;
	list_for_each_entry(block, &rx->mine, node) {
		len += block->len - block->pos;
		if (block->flags & (rx->packets ? FERRY_ENDS : FERRY_CQE_HUP))
			break;
	}
out_unlock:
	mutex_unlock(&rx->mutex);
	return len;
}
