/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ports: /dev/ferryNpK, a stream from and one to what is outside. What the files
 * that work on them share:
 *
 *	port       the port: nodes, who has which direction, settings
 *	loan       a direction in the hands of a mapped queue
 *	stream     the operations of an open file
 *	read       what was received, to the reader
 *	receive    RECV: blocks to the device and filled ones back
 *	transmit   SEND: from the writer to the device
 *	moderate   how many interrupts a stream costs
 *	block      memory of the entries
 *
 * Calls go down the list, completions come up by ferry_chan_config.notify.
 */
#ifndef FERRY_PORT_H
#define FERRY_PORT_H

#include <linux/cache.h>
#include <linux/dma-direction.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/mempool.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "ferry.h"

/* Bounds of the settings. */
#define FERRY_BLOCK_MIN		256
#define FERRY_BLOCK_MAX		SZ_32K
#define FERRY_ENTRIES_MIN	8
#define FERRY_ENTRIES_MAX	1024

/* Blocks that are taken out of a ring, or posted, in one go, with interrupts off. */
#define FERRY_BUDGET	64

/* What ends a read in packet mode: the end of a packet, and of the file. */
#define FERRY_ENDS		(FERRY_CQE_EOP | FERRY_CQE_HUP)

struct ferry_port;
struct iov_iter;

/**
 * struct ferry_block - memory of one entry of a port's channel
 * @node: in one of the lists of &struct ferry_rx; whose list, his block
 * @all: in &ferry_pool.blocks
 * @dma: bus address of @data, which stays mapped
 * @len: bytes received
 * @pos: bytes that the reader has taken
 * @flags: FERRY_CQE_EOP, FERRY_CQE_HUP: what is behind the last byte
 * @data: the bytes; they share no cache line with the rest, which is the CPU's
 */
struct ferry_block {
	struct list_head node;
	struct list_head all;
	dma_addr_t dma;
	u32 len;
	u32 pos;
	u32 flags;
	u8 data[] __aligned(ARCH_DMA_MINALIGN);
};

/**
 * struct ferry_pool - the blocks of a started channel
 * @port: port
 * @dir: who writes them
 * @size: bytes in a block
 * @reserve: gets more from the port's cache, and keeps some for when it has none
 * @refused: allocations that the cache has refused
 * @count: blocks in @blocks
 * @blocks: all blocks, wherever they are
 *
 * Lives until the device is out of the blocks: ferry_chan_config.let_go. What
 * changes is the channel's owner's, under &ferry_chan.lock if it receives.
 */
struct ferry_pool {
	struct ferry_port *port;
	enum dma_data_direction dir;
	u32 size;
	mempool_t *reserve;
	u32 refused;
	u32 count;
	struct list_head blocks;
};

/**
 * struct ferry_moderation - how often a stream may interrupt
 * @timer: samples the rate while there is one
 * @chan: channel
 * @level: index of a table of COALESCE values
 * @hold: samples for which a higher level is not tried again
 * @blocks: completions since the last sample
 * @irqs: interrupts since the last sample
 * @last: when the last interrupt came, unless @running
 * @running: @timer is
 * @adaptive: it adapts; otherwise the setting is pinned
 *
 * All under &ferry_chan.lock.
 */
struct ferry_moderation {
	struct hrtimer timer;
	struct ferry_chan *chan;
	u32 level;
	u32 hold;
	u32 blocks;
	u32 irqs;
	ktime_t last;
	bool running;
	bool adaptive;
};

/**
 * struct ferry_rx_stats - what has come to pass, for sysfs; kept over opens
 * @bytes: bytes received
 * @packets: ends of packet received
 * @hangups: ends of file received
 * @interrupts: notifications
 * @spurious: of these, the ones that found nothing
 * @refills: blocks that were allocated for one that waits for the reader
 * @reserve_refills: of these, from the reserve
 * @starved: times that the device had no block left since there was no memory
 * @retries: runs of the work that were due to a lack of memory
 * @truncated: packets that did not reach the reader whole
 * @errors: RECVs that failed
 */
struct ferry_rx_stats {
	u64 bytes;
	u64 packets;
	u64 hangups;
	u64 interrupts;
	u64 spurious;
	u64 refills;
	u64 reserve_refills;
	u64 starved;
	u64 retries;
	u64 truncated;
	u64 errors;
};

/**
 * struct ferry_rx - the receiving direction of a port
 * @port: port
 * @chan: channel
 * @wait: readers and pollers
 * @fasync: who gets SIGIO
 * @mutex: one reader at a time; protects the members up to @pool. User memory
 *	is accessed under it
 * @mine: filled blocks that the reader took from @ready; their @pos moves
 * @done: empty blocks that the reader has not given back yet
 * @nr_done: blocks in @done
 * @taken: bytes that the reader took, modulo 2^32; for others to look at
 * @ends_mine: @ends when @mine was filled last
 * @ends_taken: packets and ends of file that the reader took
 * @hups_taken: ends of file that the reader took
 * @packets: a read returns one packet
 * @last_packet: true length of the last packet that was read
 * @eof: the last read was the end of file, and so is the next as long as nobody
 *	and nothing comes
 * @pool: blocks; NULL: not started. Under &ferry_port.lock and @mutex
 * @waiter: armed on @chan
 * @wanted: somebody sleeps until there is more; under &ferry_chan.lock, as what
 *	follows
 * @posted: block of each slot from head to tail
 * @free: empty blocks
 * @nr_free: blocks in @free
 * @ready: filled blocks in order, behind @mine
 * @nr_filled: blocks in @ready, @mine and @done
 * @filled: bytes received, modulo 2^32
 * @ends: ends of packet and of file received
 * @hups: ends of file received
 * @skip: a packet was cut; its rest is dropped as it comes
 * @hungry: no block could be allocated; @work is due
 * @starving: so the ring ran empty
 * @failed: a RECV failed: bytes may be missing
 * @work: what is over the budget of an interrupt, or waits for memory
 * @mod: interrupts
 * @stats: counters
 */
struct ferry_rx {
	struct ferry_port *port;
	struct ferry_chan *chan;
	wait_queue_head_t wait;
	struct fasync_struct *fasync;

	struct mutex mutex;
	struct list_head mine;
	struct list_head done;
	u32 nr_done;
	u32 taken;
	u32 ends_mine;
	u32 ends_taken;
	u32 hups_taken;
	bool packets;
	u32 last_packet;
	bool eof;
	struct ferry_pool *pool;

	struct ferry_waiter waiter;
	bool wanted;
	struct ferry_block **posted;
	struct list_head free;
	u32 nr_free;
	struct list_head ready;
	u32 nr_filled;
	u32 filled;
	u32 ends;
	u32 hups;
	bool skip;
	bool hungry;
	bool starving;
	bool failed;
	struct delayed_work work;
	struct ferry_moderation mod;
	struct ferry_rx_stats stats;
};

/**
 * struct ferry_tx_stats - what has come to pass, for sysfs; kept over opens
 * @bytes: bytes that the port has taken
 * @packets: packets that the port has taken
 * @interrupts: notifications
 * @overruns: times that the writer found no room
 * @errors: SENDs that failed
 */
struct ferry_tx_stats {
	u64 bytes;
	u64 packets;
	u64 interrupts;
	u64 overruns;
	u64 errors;
};

/**
 * struct ferry_tx - the sending direction of a port
 * @port: port
 * @chan: channel; its ring is used under @mutex
 * @wait: writers and pollers
 * @fasync: who gets SIGIO
 * @mutex: one writer at a time; protects the members up to @blocks. User
 *	memory is accessed under it
 * @packets: a write is one packet
 * @failed: a SEND failed: bytes may be missing
 * @queued: bytes given to the device, modulo 2^32
 * @accepted: bytes that the port has taken, modulo 2^32
 * @epoch: times that the channel was stopped: indices are of one epoch
 * @pool: blocks; NULL: not started. Under &ferry_port.lock and @mutex
 * @blocks: block of each slot
 * @need: slots that the write needs which found no room; else 1
 * @poller: armed for who polls, or wants a signal
 * @lingering: closed with SENDs outstanding; @retire releases the channel behind
 *	the last of them. Set under &ferry_port.lock and &ferry_chan.lock
 * @retire: work
 * @stats: counters; @interrupts under &ferry_chan.lock, the rest under @mutex, for
 *	which sysfs does not wait
 */
struct ferry_tx {
	struct ferry_port *port;
	struct ferry_chan *chan;
	wait_queue_head_t wait;
	struct fasync_struct *fasync;

	struct mutex mutex;
	bool packets;
	bool failed;
	u32 queued;
	u32 accepted;
	u32 epoch;
	struct ferry_pool *pool;
	struct ferry_block **blocks;
	u32 need;

	struct ferry_waiter poller;
	bool lingering;
	struct work_struct retire;
	struct ferry_tx_stats stats;
};

/**
 * struct ferry_port_config - settings of a port, each named as its attribute
 * @buffer_size: bytes of a block
 * @entries: slots of each ring
 * @coalesce_adaptive: 1: interrupts of the receiving direction adapt to the load
 * @coalesce_count: completions to wait for, unless they adapt
 * @coalesce_usecs: time to wait for them
 * @idle_usecs: time after which a RECV that has some bytes does not wait for more
 */
struct ferry_port_config {
	u32 buffer_size;
	u32 entries;
	u32 coalesce_adaptive;
	u32 coalesce_count;
	u32 coalesce_usecs;
	u32 idle_usecs;
};

/**
 * struct ferry_port - a port
 * @fdev: device; a reference is held
 * @dev: class device ferryNpK; its release frees this structure
 * @cdev: character device; open files hold it, and so @dev
 * @node: in &ferry_dev.ports
 * @added: it is published
 * @nr: number of the port
 * @regs: its block of registers
 * @lock: opening, closing, settings; protects the members from here on
 * @down: the device is gone, and the port's channels with it
 * @reader: who has the receiving direction
 * @writer: who has the sending direction
 * @config: settings
 * @cache: blocks of the size in @config; made when first needed
 * @pools: pools that have blocks of @cache
 * @rx: receiving direction
 * @tx: sending direction
 */
struct ferry_port {
	struct ferry_dev *fdev;
	struct device dev;
	struct cdev cdev;
	struct list_head node;
	bool added;
	u32 nr;
	void __iomem *regs;

	struct mutex lock;
	bool down;
	struct file *reader;
	struct file *writer;
	struct ferry_port_config config;
	struct kmem_cache *cache;
	atomic_t pools;
	struct ferry_rx rx;
	struct ferry_tx tx;
};

/**
 * ferry_rx_size() - slots of the ring
 * @rx: direction, started
 *
 * Return: a power of two.
 */
static inline u32 ferry_rx_size(const struct ferry_rx *rx)
{
	return ferry_ring_size(&rx->chan->ring);
}

/**
 * ferry_tx_size() - slots of the ring
 * @tx: direction, started
 *
 * Return: a power of two.
 */
static inline u32 ferry_tx_size(const struct ferry_tx *tx)
{
	return ferry_ring_size(&tx->chan->ring);
}

/**
 * ferry_rx_limit() - blocks that may be filled and not read, or posted
 * @rx: direction, started
 *
 * Return: how many.
 */
static inline u32 ferry_rx_limit(const struct ferry_rx *rx)
{
	return 2 * ferry_rx_size(rx);
}

/**
 * ferry_rx_is_live() - is the ring of the channel this direction's?
 * @rx: direction; &ferry_chan.lock is held
 *
 * Return: false if it is not started, or a mapped queue has it.
 */
static inline bool ferry_rx_is_live(const struct ferry_rx *rx)
{
	return rx->chan->live && rx->chan->cfg.owner == rx;
}

/* ferry_port.c */
struct ferry_port *to_ferry_port(struct device *dev);
bool ferry_port_config_valid(const struct ferry_caps *caps,
			     const struct ferry_port_config *config);
int ferry_port_configure(struct ferry_port *port, const struct ferry_port_config *config);
int ferry_port_open(struct ferry_port *port, struct file *filp);
void ferry_port_close(struct ferry_port *port, struct file *filp, fmode_t dirs);
int ferry_port_flush(struct ferry_port *port, fmode_t dirs);
u32 ferry_port_status(struct ferry_port *port);
void ferry_port_set_idle(struct ferry_port *port, bool packets);
void ferry_port_forget_hangup(struct ferry_port *port);

/* ferry_loan.c */
bool ferry_port_is_lent(const struct ferry_chan *chan, const struct ferry_pool *pool);

/* ferry_stream.c */
extern const struct file_operations ferry_stream_fops;

/* ferry_stream_ioctl.c */
long ferry_stream_ioctl(struct file *filp, unsigned int cmd, unsigned long arg);

/* ferry_read.c */
ssize_t ferry_rx_read(struct ferry_rx *rx, struct file *filp, struct iov_iter *to, bool nonblock,
		      bool nowait);
__poll_t ferry_rx_poll(struct ferry_rx *rx, bool arm);
int ferry_rx_readable(struct ferry_rx *rx);
bool ferry_rx_is_ready(const struct ferry_rx *rx);

/* ferry_receive.c */
void ferry_rx_init(struct ferry_rx *rx, struct ferry_port *port, struct ferry_chan *chan);
int ferry_rx_start(struct ferry_rx *rx);
bool ferry_rx_park(struct ferry_rx *rx);
void ferry_rx_stop(struct ferry_rx *rx);
u32 ferry_rx_reap(struct ferry_rx *rx);
void ferry_rx_arm(struct ferry_rx *rx);
void ferry_rx_wake(struct ferry_rx *rx);

/* ferry_refill.c */
void ferry_rx_refill(struct ferry_rx *rx);

/* ferry_write.c */
ssize_t ferry_tx_write(struct ferry_tx *tx, struct file *filp, struct iov_iter *from,
		       bool nonblock, bool nowait);
int ferry_tx_sync(struct ferry_tx *tx, struct file *filp);
__poll_t ferry_tx_poll(struct ferry_tx *tx, bool arm);
int ferry_tx_queued(struct ferry_tx *tx);

/* ferry_transmit.c */
void ferry_tx_init(struct ferry_tx *tx, struct ferry_port *port, struct ferry_chan *chan);
int ferry_tx_start(struct ferry_tx *tx);
void ferry_tx_stop(struct ferry_tx *tx);
bool ferry_tx_linger(struct ferry_tx *tx);
void ferry_tx_reap(struct ferry_tx *tx);
void ferry_tx_update(struct ferry_tx *tx);

/* ferry_moderate.c */
void ferry_moderation_init(struct ferry_moderation *mod, struct ferry_chan *chan);
void ferry_moderation_start(struct ferry_moderation *mod, const struct ferry_port_config *config);
void ferry_moderation_stop(struct ferry_moderation *mod);
void ferry_moderation_irq(struct ferry_moderation *mod);
u32 ferry_moderation_next(u32 level, u32 *hold, u32 blocks, u32 irqs);
u32 ferry_moderation_coalesce(u32 level);

/* ferry_block.c */
int ferry_block_cache(struct ferry_port *port);
void ferry_block_uncache(struct ferry_port *port);
struct ferry_pool *ferry_pool_create(struct ferry_port *port, enum dma_data_direction dir,
				     u32 reserve);
void ferry_pool_destroy(void *pool);
struct ferry_block *ferry_pool_add(struct ferry_pool *pool);
struct ferry_block *ferry_pool_get(struct ferry_pool *pool, bool *reserved);
void ferry_pool_put(struct ferry_pool *pool, struct ferry_block *block);

#endif /* FERRY_PORT_H */
