// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transmitting: SEND, from a writer to the device.
 */
#include <linux/cred.h>
#include <linux/dma-mapping.h>
#include <linux/log2.h>

#include "ferry_port.h"
#include "ferry_trace.h"

/**
 * DOC: Transmitting
 *
 * Each slot of the ring has a block of its own. A writer copies into the blocks
 * behind the tail, gives them to the device with one doorbell, and is held off
 * when there is no free slot: that is all of the flow control. A slot is free
 * again when the writer has reaped its completion, which it does when it needs
 * room; nobody is interrupted for that, unless somebody sleeps.
 *
 * The bytes of a write(2) that has returned are the port's business. A file that is
 * closed leaves the channel running until all of them are sent (*lingering*);
 * who opens the port meanwhile goes on behind them::
 *
 *	stopped --open--> open --close, all sent--> stopped
 *	                  ^  |                         ^
 *	             open |  | close                   | all sent: notify, work
 *	                  |  v                         |
 *	                lingering ---------------------+
 */

/* How long a writer that sleeps waits for half of the ring, when there is some room. */
#define FERRY_TX_USECS		100

/**
 * ferry_tx_reap() - take back what was sent
 * @tx: direction, started; its mutex is held
 */
void ferry_tx_reap(struct ferry_tx *tx)
{
	struct ferry_ring *ring = &tx->chan->ring;
	const struct ferry_block *block;
	const struct ferry_cqe *cqe;
	u32 run, i;

	lockdep_assert_held(&tx->mutex);

	while ((run = ferry_ring_completed(ring, ferry_tx_size(tx)))) {
		/* The last of them may be one that was cut, and is not for a writer to see. */
		if (unlikely(READ_ONCE(tx->chan->paused)))
			break;
		for (i = ring->head; i != ring->head + run; i++) {
			cqe = ferry_ring_cqe(ring, i);
			block = tx->blocks[i & ring->mask];
			tx->stats.bytes += block->len;
			if (unlikely(cqe->status)) {
				/* Of which the port has not taken all. */
				tx->stats.bytes -= le32_to_cpu(ferry_ring_sqe(ring, i)->len) -
						   le32_to_cpu(cqe->len);
				tx->stats.errors++;
				tx->failed = true;
			} else if (block->flags) {
				tx->stats.packets++;
			}
			WRITE_ONCE(tx->accepted, tx->accepted + block->len);
		}
		trace_ferry_complete(tx->chan, ring->head, run);
		ferry_ring_reap(ring, run);
	}
}

/**
 * ferry_tx_update() - count what was sent, unless a writer is about to
 * @tx: direction
 *
 * Does not wait for user memory, as a writer may do for long.
 */
void ferry_tx_update(struct ferry_tx *tx)
{
	if (!mutex_trylock(&tx->mutex))
		return;
	if (tx->pool)
		ferry_tx_reap(tx);
	mutex_unlock(&tx->mutex);
}

/* Called by the channel with its lock held, in any context. */
static void ferry_tx_notify(void *owner)
{
	struct ferry_tx *tx = owner;

	tx->stats.interrupts++;
	wake_up_all(&tx->wait);
	kill_fasync(&tx->fasync, SIGIO, POLL_OUT);
	if (tx->lingering)
		queue_work(system_freezable_wq, &tx->retire);
}

/*
 * Likewise. The entry that STOP has cut takes up its slot again, with what it has
 * not given; those behind it have no completion anyhow.
 */
static void ferry_tx_stopped(void *owner)
{
	struct ferry_tx *tx = owner;
	struct ferry_ring *ring = &tx->chan->ring;
	u32 cut = ferry_ring_pending(ring) - 1;
	const struct ferry_cqe *cqe = ferry_ring_cqe(ring, cut);
	struct ferry_sqe *sqe = ferry_ring_sqe(ring, cut);
	u32 given;

	if (cut + 1 == ring->head || le16_to_cpu(cqe->status) != FERRY_ERR_CANCELLED)
		return;
	given = min(le32_to_cpu(cqe->len), le32_to_cpu(sqe->len));
	le64_add_cpu(&sqe->src, given);
	le32_add_cpu(&sqe->len, -given);
	ferry_ring_undo(ring, cut);
}

/**
 * ferry_tx_linger() - the writer has closed: may the channel be stopped?
 * @tx: direction, started; &ferry_port.lock and @tx's mutex are held
 *
 * Return: false if it may; true: it will be when all is sent.
 */
bool ferry_tx_linger(struct ferry_tx *tx)
{
	struct ferry_chan *chan = tx->chan;

	lockdep_assert_held(&tx->port->lock);
	lockdep_assert_held(&tx->mutex);

	ferry_tx_reap(tx);
	spin_lock_irq(&chan->lock);
	tx->lingering = chan->ring.head != chan->ring.tail &&
			ferry_chan_arm_locked(chan, &tx->poller, chan->ring.tail);
	spin_unlock_irq(&chan->lock);
	return tx->lingering;
}

static void ferry_tx_retire(struct work_struct *work)
{
	struct ferry_tx *tx = container_of(work, struct ferry_tx, retire);

	mutex_lock(&tx->port->lock);
	mutex_lock(&tx->mutex);
	if (tx->lingering && !ferry_tx_linger(tx))
		ferry_tx_stop(tx);
	mutex_unlock(&tx->mutex);
	mutex_unlock(&tx->port->lock);
}

/**
 * ferry_tx_init() - at probe
 * @tx: direction, zeroed
 * @port: port
 * @chan: channel
 */
void ferry_tx_init(struct ferry_tx *tx, struct ferry_port *port, struct ferry_chan *chan)
{
	tx->port = port;
	tx->chan = chan;
	init_waitqueue_head(&tx->wait);
	mutex_init(&tx->mutex);
	ferry_waiter_init(&tx->poller, NULL);
	INIT_WORK(&tx->retire, ferry_tx_retire);
}

static int ferry_tx_fill_pool(struct ferry_tx *tx, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++) {
		tx->blocks[i] = ferry_pool_add(tx->pool);
		if (!tx->blocks[i])
			return -ENOMEM;
	}
	return 0;
}

/* Is the channel still running for a file that was closed? Then go on with it. */
static bool ferry_tx_resume(struct ferry_tx *tx)
{
	struct ferry_chan *chan = tx->chan;
	bool lives;

	if (!tx->lingering)
		return false;
	ferry_tx_reap(tx);
	/* What the last writer lacked or lost is not this one's. */
	WRITE_ONCE(tx->need, 1);
	WRITE_ONCE(tx->failed, false);
	spin_lock_irq(&chan->lock);
	tx->lingering = false;
	lives = !chan->dead;
	spin_unlock_irq(&chan->lock);
	if (!lives)
		ferry_tx_stop(tx);
	return lives;
}

/**
 * ferry_tx_start() - make ready to send
 * @tx: direction, stopped or lingering; &ferry_port.lock and @tx's mutex are held
 *
 * May sleep.
 *
 * Return: 0, or the errno of open(2).
 */
int ferry_tx_start(struct ferry_tx *tx)
{
	struct ferry_port *port = tx->port;
	struct ferry_chan_config cfg = {
		.order = ilog2(port->config.entries),
		.weight = 1,
		.stopped = ferry_tx_stopped,
		.notify = ferry_tx_notify,
		.owner = tx,
		.let_go = ferry_pool_destroy,
	};
	bool adaptive = port->config.coalesce_adaptive;
	u32 count = adaptive ? port->config.entries / 2 : port->config.coalesce_count;
	u32 usecs = adaptive ? FERRY_TX_USECS : port->config.coalesce_usecs;
	u32 size = port->config.entries;
	int err = -ENOMEM;

	lockdep_assert_held(&port->lock);
	lockdep_assert_held(&tx->mutex);

	if (ferry_tx_resume(tx))
		return 0;
	WRITE_ONCE(tx->failed, false);
	tx->queued = 0;
	tx->accepted = 0;
	tx->need = 1;
	tx->blocks = kcalloc(size, sizeof(*tx->blocks), GFP_KERNEL_ACCOUNT);
	if (!tx->blocks)
		return -ENOMEM;
	tx->pool = ferry_pool_create(port, DMA_TO_DEVICE, 0);
	if (!tx->pool)
		goto err_free_blocks;
	err = ferry_tx_fill_pool(tx, size);
	if (err)
		goto err_destroy_pool;
	err = ferry_chan_claim_port(tx->chan, current_uid());
	if (err)
		goto err_destroy_pool;
	ferry_chan_set_coalesce(tx->chan, &count, &usecs);
	cfg.kept = tx->pool;
	err = ferry_chan_start(tx->chan, &cfg);
	/* The channel lets go of the pool then. */
	if (err)
		goto err_forget_pool;
	return 0;

err_destroy_pool:
	ferry_pool_destroy(tx->pool);
err_forget_pool:
	tx->pool = NULL;
err_free_blocks:
	kfree(tx->blocks);
	tx->blocks = NULL;
	return err;
}

/**
 * ferry_tx_stop() - send no more, and drop what the port has not taken
 * @tx: direction, started; &ferry_port.lock and @tx's mutex are held
 *
 * May sleep.
 */
void ferry_tx_stop(struct ferry_tx *tx)
{
	lockdep_assert_held(&tx->port->lock);
	lockdep_assert_held(&tx->mutex);

	/* Who finds the channel gone, or another, sees that. */
	WRITE_ONCE(tx->epoch, tx->epoch + 1);
	/* The blocks go with it, or later if the device does not let go. */
	ferry_chan_release(tx->chan);
	tx->lingering = false;
	WRITE_ONCE(tx->accepted, tx->queued);
	tx->pool = NULL;
	kfree(tx->blocks);
	tx->blocks = NULL;
}
