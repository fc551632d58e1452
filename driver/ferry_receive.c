// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receiving: RECV, filled blocks from the device, start and end.
 */
#include <linux/cred.h>
#include <linux/dma-mapping.h>
#include <linux/log2.h>

#include "ferry_port.h"
#include "ferry_trace.h"

/**
 * DOC: Receiving
 *
 * What comes is unsolicited: blocks wait in the ring for it, and when one is
 * filled another has to take its place at once. A block is always in one place,
 * and only that place's owner touches it::
 *
 *	            refill: sync for the device, doorbell
 *	  +------+ -----------------------------------> +--------+
 *	  | free |                                      | posted |  the device's
 *	  +------+ <------- nothing in it ------------- +--------+
 *	    ^  ^                                            | completion:
 *	    |  |                                            | sync for the CPU
 *	    |  +--- new: cache, or reserve                  v
 *	    |                                           +-------+
 *	    | given back, some at a time                | ready |  the lock's
 *	    |                                           +-------+
 *	  +------+                    +------+              | taken, all at once
 *	  | done | <---- copied ----- | mine | <------------+
 *	  +------+                    +------+   mine and done are the reader's
 *
 * While the reader keeps up, the same blocks go round and nothing is allocated.
 * The reader reaps the ring itself, so there is no interrupt either, but for
 * when it sleeps (@wanted). When it lags, a low-water mark interrupts, and the
 * handler replaces what is filled: from @free first, then by GFP_ATOMIC, then
 * from the mempool's reserve. It does so within a budget; the rest is done by a
 * work on the BH workqueue, which is where the handler's work belongs that is
 * not urgent but needs no process. If there is no memory at all the ring runs
 * low, and the work tries again every FERRY_RETRY; so does the reader whenever
 * it gives blocks back. As many blocks as the ring has slots are there from the
 * start and never taken away, so a reader that reads needs no memory at all, and
 * the stream always goes on.
 *
 * There are at most twice as many blocks filled or posted as the ring has slots.
 * Then none is replaced, the ring runs empty, and the device holds the sender off:
 * that is the back-pressure. A reader that is slower than the sender gives some
 * back at a time and posts as many: no interrupt, no memory, and the device has
 * as much to do as the reader.
 *
 * When the reader closes, the channel is stopped, and a RECV that runs completes
 * with what it has. If something was not read the direction is *parked* with it,
 * and goes on with the next reader; the sender is held off meanwhile.
 *
 * In packet mode a reader gets a packet when its end is there. One that is longer
 * than all blocks is cut when they are full, and its rest is dropped (@skip):
 * it would never get whole.
 */

static void ferry_rx_put_free(struct ferry_rx *rx, struct ferry_block *block)
{
	list_add(&block->node, &rx->free);
	rx->nr_free++;
}

/* A block has come back from the device: where does it belong? */
static void ferry_rx_filled(struct ferry_rx *rx, struct ferry_block *block,
			    const struct ferry_cqe *cqe)
{
	u32 status = le16_to_cpu(cqe->status);
	u32 flags = le16_to_cpu(cqe->flags) & FERRY_ENDS;
	u32 len = min(le32_to_cpu(cqe->len), rx->pool->size);

	rx->stats.bytes += len;
	/* The direction has ended. Bytes from behind that would read as if nothing was missing. */
	if (unlikely(rx->failed)) {
		ferry_rx_put_free(rx, block);
		return;
	}
	if (unlikely(status && status != FERRY_ERR_CANCELLED)) {
		rx->stats.errors++;
		rx->failed = true;
	}
	if (flags & FERRY_CQE_EOP)
		rx->stats.packets++;
	if (unlikely(flags & FERRY_CQE_HUP))
		rx->stats.hangups++;
	if (unlikely(rx->skip)) {
		len = 0;
		rx->skip = !flags;
		flags &= FERRY_CQE_HUP;
	}
	/* An empty packet is nothing to who reads bytes, but the mode can change. */
	if (!len && !flags) {
		ferry_rx_put_free(rx, block);
		return;
	}
	if (len)
		dma_sync_single_for_cpu(rx->port->fdev->parent, block->dma, len,
					DMA_FROM_DEVICE);
	block->len = len;
	block->pos = 0;
	block->flags = flags;
	list_add_tail(&block->node, &rx->ready);
	rx->nr_filled++;
	rx->filled += len;
	if (flags) {
		rx->ends++;
		rx->hups += !!(flags & FERRY_CQE_HUP);
	}
}

/**
 * ferry_rx_reap() - take filled blocks out of the ring
 * @rx: direction; &ferry_chan.lock is held
 *
 * Return: how many; FERRY_BUDGET: there may be more.
 */
u32 ferry_rx_reap(struct ferry_rx *rx)
{
	struct ferry_ring *ring = &rx->chan->ring;
	u32 budget = FERRY_BUDGET;
	u32 done = 0;
	u32 most, run, i;

	lockdep_assert_held(&rx->chan->lock);

	do {
		most = ferry_ring_run(ring, ring->head, budget - done);
		run = ferry_ring_completed(ring, most);
		if (!run)
			break;
		for (i = ring->head; i != ring->head + run; i++)
			ferry_rx_filled(rx, rx->posted[i & ring->mask], ferry_ring_cqe(ring, i));
		trace_ferry_complete(rx->chan, ring->head, run);
		ferry_ring_reap(ring, run);
		done += run;
	} while (run == most && done < budget);
	rx->mod.blocks += done;
	return done;
}

/**
 * ferry_rx_arm() - ask for the interrupt that is needed
 * @rx: direction; &ferry_chan.lock is held
 *
 * For the next block if somebody sleeps for it, or else when the device runs low.
 * While nobody sleeps and nothing can be posted, none: who gives blocks back
 * looks for himself.
 */
void ferry_rx_arm(struct ferry_rx *rx)
{
	struct ferry_ring *ring = &rx->chan->ring;
	u32 posted = ring->tail - ring->head;
	u32 low = ferry_rx_size(rx) / 4;
	u32 target = ring->head + 1;

	lockdep_assert_held(&rx->chan->lock);

	if (!posted)
		return;
	if (!rx->wanted && !rx->fasync) {
		if (posted <= low)
			return;
		target = ring->tail - low;
		/* Low enough: the mark moves with the tail, but not each time. */
		if (ferry_waiter_is_armed(&rx->waiter) && target - rx->waiter.target < low)
			return;
	}
	ferry_chan_arm_locked(rx->chan, &rx->waiter, target);
}

/**
 * ferry_rx_wake() - wake whoever can go on
 * @rx: direction; &ferry_chan.lock is held
 */
void ferry_rx_wake(struct ferry_rx *rx)
{
	lockdep_assert_held(&rx->chan->lock);

	if (!ferry_rx_is_ready(rx))
		return;
	rx->wanted = false;
	wake_up_all(&rx->wait);
	kill_fasync(&rx->fasync, SIGIO, POLL_IN);
}

/* All that there is to do when something has come, or when there may be memory. */
static u32 ferry_rx_service(struct ferry_rx *rx)
{
	u32 reaped;

	reaped = ferry_rx_reap(rx);
	if (reaped == FERRY_BUDGET)
		mod_delayed_work(system_bh_wq, &rx->work, 0);
	ferry_rx_refill(rx);
	ferry_rx_wake(rx);
	ferry_rx_arm(rx);
	return reaped;
}

/* Called by the channel with its lock held, in any context. */
static void ferry_rx_notify(void *owner)
{
	struct ferry_rx *rx = owner;

	rx->stats.interrupts++;
	ferry_moderation_irq(&rx->mod);
	if (!ferry_rx_service(rx))
		rx->stats.spurious++;
}

/*
 * Likewise, when the channel was started, too. The device has no block, and nothing
 * that was asked for will come.
 */
static void ferry_rx_restarted(void *owner)
{
	struct ferry_rx *rx = owner;

	ferry_chan_disarm_locked(rx->chan, &rx->waiter);
	/* The device may have been without power; COALESCE is as at the start, too. */
	ferry_port_set_idle(rx->port, rx->packets);
	rx->mod.level = 0;
	rx->mod.hold = 0;
	ferry_rx_service(rx);
}

/* Likewise. What the device has left behind is empty. */
static void ferry_rx_stopped(void *owner)
{
	struct ferry_rx *rx = owner;
	struct ferry_ring *ring = &rx->chan->ring;

	ferry_ring_fill(ring, ferry_ring_pending(ring), FERRY_ERR_CANCELLED);
}

static void ferry_rx_work(struct work_struct *work)
{
	struct ferry_rx *rx = container_of(to_delayed_work(work), struct ferry_rx, work);
	unsigned long flags;

	spin_lock_irqsave(&rx->chan->lock, flags);
	if (ferry_rx_is_live(rx)) {
		rx->stats.retries += rx->hungry;
		ferry_rx_service(rx);
	}
	spin_unlock_irqrestore(&rx->chan->lock, flags);
}

/**
 * ferry_rx_init() - at probe
 * @rx: direction, zeroed
 * @port: port
 * @chan: channel
 */
void ferry_rx_init(struct ferry_rx *rx, struct ferry_port *port, struct ferry_chan *chan)
{
	rx->port = port;
	rx->chan = chan;
	init_waitqueue_head(&rx->wait);
	mutex_init(&rx->mutex);
	INIT_LIST_HEAD(&rx->mine);
	INIT_LIST_HEAD(&rx->done);
	INIT_LIST_HEAD(&rx->free);
	INIT_LIST_HEAD(&rx->ready);
	ferry_waiter_init(&rx->waiter, NULL);
	INIT_DELAYED_WORK(&rx->work, ferry_rx_work);
	ferry_moderation_init(&rx->mod, chan);
}

/* As if nothing had ever come. */
static void ferry_rx_clear(struct ferry_rx *rx)
{
	INIT_LIST_HEAD(&rx->mine);
	INIT_LIST_HEAD(&rx->done);
	INIT_LIST_HEAD(&rx->free);
	INIT_LIST_HEAD(&rx->ready);
	rx->nr_done = 0;
	rx->nr_free = 0;
	rx->nr_filled = 0;
	rx->taken = 0;
	rx->filled = 0;
	rx->ends = 0;
	rx->ends_mine = 0;
	rx->ends_taken = 0;
	rx->hups = 0;
	rx->hups_taken = 0;
	rx->eof = false;
	rx->last_packet = 0;
	rx->wanted = false;
	rx->skip = false;
	rx->hungry = false;
	rx->starving = false;
	rx->failed = false;
}

static int ferry_rx_fill_pool(struct ferry_rx *rx, u32 count)
{
	struct ferry_block *block;

	while (count--) {
		block = ferry_pool_add(rx->pool);
		if (!block)
			return -ENOMEM;
		ferry_rx_put_free(rx, block);
	}
	return 0;
}

/* Go on where ferry_rx_park() has left off. False: start anew. */
static bool ferry_rx_unpark(struct ferry_rx *rx)
{
	struct ferry_chan *chan = rx->chan;
	bool lives;

	if (!rx->pool)
		return false;
	ferry_chan_unpark(chan);
	spin_lock_irq(&chan->lock);
	lives = !chan->dead;
	spin_unlock_irq(&chan->lock);
	if (!lives) {
		ferry_rx_stop(rx);
		return false;
	}
	/* Of the last reader's last read. */
	WRITE_ONCE(rx->eof, false);
	WRITE_ONCE(rx->last_packet, 0);
	return true;
}

/**
 * ferry_rx_start() - begin to receive
 * @rx: direction, stopped or parked; &ferry_port.lock and @rx's mutex are held
 *
 * May sleep.
 *
 * Return: 0, or the errno of open(2).
 */
int ferry_rx_start(struct ferry_rx *rx)
{
	struct ferry_port *port = rx->port;
	struct ferry_chan_config cfg = {
		.order = ilog2(port->config.entries),
		.weight = 1,
		.stopped = ferry_rx_stopped,
		.notify = ferry_rx_notify,
		.restarted = ferry_rx_restarted,
		.owner = rx,
		.let_go = ferry_pool_destroy,
	};
	u32 size = port->config.entries;
	int err = -ENOMEM;

	lockdep_assert_held(&port->lock);
	lockdep_assert_held(&rx->mutex);

	if (ferry_rx_unpark(rx))
		return 0;
	/* A flush that could not start again has failed it. */
	WRITE_ONCE(rx->failed, false);
	rx->posted = kcalloc(size, sizeof(*rx->posted), GFP_KERNEL_ACCOUNT);
	if (!rx->posted)
		return -ENOMEM;
	rx->pool = ferry_pool_create(port, DMA_FROM_DEVICE, max(size / 8, 4));
	if (!rx->pool)
		goto err_free_posted;
	err = ferry_rx_fill_pool(rx, size);
	if (err)
		goto err_destroy_pool;
	err = ferry_chan_claim_port(rx->chan, current_uid());
	if (err)
		goto err_destroy_pool;
	ferry_moderation_start(&rx->mod, &port->config);
	cfg.kept = rx->pool;
	err = ferry_chan_start(rx->chan, &cfg);
	/* The channel lets go of the pool then. */
	if (err)
		goto err_forget_pool;
	return 0;

err_destroy_pool:
	ferry_pool_destroy(rx->pool);
err_forget_pool:
	rx->pool = NULL;
	ferry_rx_clear(rx);
err_free_posted:
	kfree(rx->posted);
	rx->posted = NULL;
	return err;
}

/**
 * ferry_rx_park() - the reader has closed: stop, and keep what was not read
 * @rx: direction, started; &ferry_port.lock and @rx's mutex are held
 *
 * Return: false if there is nothing to keep, and ferry_rx_stop() can follow.
 */
bool ferry_rx_park(struct ferry_rx *rx)
{
	struct ferry_chan *chan = rx->chan;
	bool left;

	lockdep_assert_held(&rx->port->lock);
	lockdep_assert_held(&rx->mutex);

	/* Stopped, not reset: that would lose what the running RECV has taken. */
	left = !ferry_chan_park(chan);
	spin_lock_irq(&chan->lock);
	while (ferry_rx_reap(rx) == FERRY_BUDGET) {
		spin_unlock_irq(&chan->lock);
		spin_lock_irq(&chan->lock);
	}
	/* No interrupt will come for what was completed by hand. */
	ferry_chan_disarm_locked(rx->chan, &rx->waiter);
	rx->wanted = false;
	/* An end with nothing before it is not the next reader's; an empty packet may be. */
	left = left && !chan->dead && !rx->failed &&
	       (rx->filled != rx->taken ||
		(rx->packets && rx->ends - rx->hups != rx->ends_taken - rx->hups_taken));
	spin_unlock_irq(&chan->lock);
	cancel_delayed_work_sync(&rx->work);
	return left;
}

/**
 * ferry_rx_stop() - receive no more, and drop what nobody has read
 * @rx: direction, started; &ferry_port.lock and @rx's mutex are held
 *
 * May sleep.
 */
void ferry_rx_stop(struct ferry_rx *rx)
{
	lockdep_assert_held(&rx->port->lock);
	lockdep_assert_held(&rx->mutex);

	/* The blocks go with it, or later if the device does not let go. */
	ferry_chan_release(rx->chan);
	cancel_delayed_work_sync(&rx->work);
	ferry_moderation_stop(&rx->mod);
	rx->pool = NULL;
	kfree(rx->posted);
	rx->posted = NULL;
	ferry_rx_clear(rx);
}
