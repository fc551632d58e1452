// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receiving: empty blocks for the device. ferry_receive.c has the theory.
 */
#include <linux/dma-mapping.h>

#include "ferry_port.h"
#include "ferry_trace.h"

#define FERRY_ALLOC_BUDGET	16	/* of FERRY_BUDGET blocks, allocated */
#define FERRY_RETRY		msecs_to_jiffies(20)

static void ferry_rx_post(struct ferry_rx *rx, struct ferry_block *block, u32 index)
{
	struct ferry_ring *ring = &rx->chan->ring;

	dma_sync_single_for_device(rx->port->fdev->parent, block->dma, rx->pool->size,
				   DMA_FROM_DEVICE);
	rx->posted[index & ring->mask] = block;
	*ferry_ring_sqe(ring, index) = (struct ferry_sqe){
		.op = FERRY_OP_RECV,
		.len = cpu_to_le32(rx->pool->size),
		.dst = cpu_to_le64(block->dma),
	};
}

/* An empty block; NULL: none now, and the work will try again. */
static struct ferry_block *ferry_rx_new(struct ferry_rx *rx, u32 *budget)
{
	struct ferry_block *block;
	bool reserved;

	block = list_first_entry_or_null(&rx->free, struct ferry_block, node);
	if (block) {
		list_del(&block->node);
		rx->nr_free--;
		return block;
	}
	if (!*budget) {
		mod_delayed_work(system_bh_wq, &rx->work, 0);
		return NULL;
	}
	(*budget)--;
	block = ferry_pool_get(rx->pool, &reserved);
	if (block) {
		rx->stats.refills++;
		rx->stats.reserve_refills += reserved;
		return block;
	}
	rx->hungry = true;
	queue_delayed_work(system_bh_wq, &rx->work, FERRY_RETRY);
	return NULL;
}

/* More than are needed, even where the ring was let run low: to the pool. */
static void ferry_rx_trim(struct ferry_rx *rx)
{
	const mempool_t *reserve = rx->pool->reserve;
	u32 size = ferry_rx_size(rx);
	u32 budget = FERRY_ALLOC_BUDGET;
	struct ferry_block *block;

	while (budget-- && rx->nr_free > size / 4 &&
	       (rx->nr_free > size / 2 || READ_ONCE(reserve->curr_nr) < reserve->min_nr)) {
		block = list_first_entry(&rx->free, struct ferry_block, node);
		list_del(&block->node);
		rx->nr_free--;
		ferry_pool_put(rx->pool, block);
	}
}

/**
 * ferry_rx_refill() - give the device empty blocks
 * @rx: direction; &ferry_chan.lock is held
 *
 * Some at a time, since it is not in a hurry while it has most of them, and they
 * share a doorbell.
 */
void ferry_rx_refill(struct ferry_rx *rx)
{
	struct ferry_chan *chan = rx->chan;
	struct ferry_ring *ring = &chan->ring;
	u32 size = ferry_rx_size(rx);
	u32 space = ferry_ring_space(ring);
	u32 most = min(space, FERRY_BUDGET);
	u32 budget = FERRY_ALLOC_BUDGET;
	struct ferry_block *block;
	u32 used, n;

	lockdep_assert_held(&chan->lock);

	if (space < size / 4 || chan->dead || chan->paused || rx->failed)
		return;
	rx->hungry = false;
	used = rx->nr_filled + size - space;
	for (n = 0; n < most && used + n < ferry_rx_limit(rx); n++) {
		block = ferry_rx_new(rx, &budget);
		if (!block)
			break;
		ferry_rx_post(rx, block, ring->tail + n);
	}
	if (n) {
		trace_ferry_submit(chan, ring->tail, n);
		ferry_ring_publish(ring, n);
	}
	if (n == most && n < space)
		mod_delayed_work(system_bh_wq, &rx->work, 0);
	if (ring->head != ring->tail) {
		rx->starving = false;
	} else if (rx->hungry && !rx->starving) {
		rx->starving = true;
		rx->stats.starved++;
	}
	ferry_rx_trim(rx);
}
