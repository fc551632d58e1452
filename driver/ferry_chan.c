// SPDX-License-Identifier: GPL-2.0-only
/*
 * Channels: memory, commands.
 */
#include <linux/bitfield.h>
#include <linux/dma-mapping.h>
#include <linux/iopoll.h>
#include <linux/pm_runtime.h>

#include "ferry.h"
#include "ferry_trace.h"

/**
 * DOC: Channels
 *
 * A channel goes from hand to hand::
 *
 *	free --claim--> claimed --start--> started --release--> free
 *	                   |                  |
 *	                   |         (reset failed)
 *	                   |                  v
 *	                   +------------ broken --recover--> free
 *
 * The claim bit says that a channel is not free, the owner in its configuration
 * whose it is, and a claimed channel keeps the device powered. While started it
 * has memory for its rings and a reference to the window table. Both stay until
 * a reset succeeded, whatever its owner does: a channel that does not answer is
 * left *broken*, with its memory, and the recover work tries again.
 *
 * The doorbell of a mapped queue is user space's, and so are its indices. Before a
 * command that makes the device ignore doorbells the channel takes it away (@hide
 * of its configuration) and then asks the device for HEAD and TAIL.
 *
 * A started channel is *dead* when nothing will complete any more: it halted,
 * or was reset under its owner's feet. The owner can still reap, and then only
 * release it.
 */

#define FERRY_RECOVER_PERIOD	(5 * HZ)

/*
 * Its owner holds it powered, so this is what a failed resume has left. Another
 * try that is under way may not have got to the clock yet.
 */
static bool ferry_chan_is_off(struct ferry_chan *chan)
{
	struct device *parent = chan->fdev->parent;

	return pm_runtime_status_suspended(parent) || !pm_runtime_active(parent);
}

/**
 * ferry_chan_reset() - stop at once, forget everything
 * @chan: channel; &ferry_chan.cmd_lock is held
 *
 * A channel that does not answer is broken from then on. May sleep.
 *
 * Return: 0 if it touches no memory any more, else an errno.
 */
int ferry_chan_reset(struct ferry_chan *chan)
{
	u32 status;
	int err;

	lockdep_assert_held(&chan->cmd_lock);

	/* What did not let go before may go on when it is clocked again. */
	if (ferry_chan_is_off(chan))
		return chan->broken ? -EIO : 0;
	/* Should the reset fail, nobody would answer its interrupts any more. */
	writel(0, chan->regs + FERRY_CHAN_IRQ_ENABLE);
	writel(FERRY_CHAN_CMD_RESET, chan->regs + FERRY_CHAN_CMD);
	err = readl_poll_timeout(chan->regs + FERRY_CHAN_STATUS, status,
				 ferry_chan_state(status) == FERRY_STATE_IDLE, FERRY_POLL_US,
				 chan->fdev->caps.reset_us + FERRY_SLACK_US);
	trace_ferry_reset(chan, err);
	if (err && !chan->broken) {
		chan->broken = true;
		dev_err(&chan->fdev->dev,
			"channel %u does not reset; its memory is kept until it does\n", chan->nr);
		queue_delayed_work(system_freezable_wq, &chan->fdev->recover,
				   FERRY_RECOVER_PERIOD);
	}
	if (!err)
		chan->broken = false;
	return err;
}

/**
 * ferry_chan_program() - configure an idle channel and set it going
 * @chan: channel; &ferry_chan.cmd_lock is held
 *
 * What was stopped before it had completed goes on.
 *
 * Return: 0, -ENODEV if the device is gone, or -EIO if the channel refuses.
 */
int ferry_chan_program(struct ferry_chan *chan)
{
	struct ferry_wintab *tab = chan->cfg.tab;
	void __iomem *regs = chan->regs;
	u32 first = ferry_ring_pending(&chan->ring);
	struct ferry_error error;
	u32 status;

	lockdep_assert_held(&chan->cmd_lock);

	/* Shutdown passes this lock once, and nothing runs behind it. */
	if (READ_ONCE(chan->fdev->unplugged))
		return -ENODEV;
	chan->settled = false;
	writel(lower_32_bits(chan->cfg.sq_dma), regs + FERRY_CHAN_SQ_BASE_LO);
	writel(upper_32_bits(chan->cfg.sq_dma), regs + FERRY_CHAN_SQ_BASE_HI);
	writel(lower_32_bits(chan->cfg.cq_dma), regs + FERRY_CHAN_CQ_BASE_LO);
	writel(upper_32_bits(chan->cfg.cq_dma), regs + FERRY_CHAN_CQ_BASE_HI);
	if (tab) {
		writel(lower_32_bits(tab->dma), regs + FERRY_CHAN_WT_BASE_LO);
		writel(upper_32_bits(tab->dma), regs + FERRY_CHAN_WT_BASE_HI);
		writel(tab->count, regs + FERRY_CHAN_WT_COUNT);
	}
	writel(FIELD_PREP(FERRY_CHAN_CONFIG_RING_ORDER, chan->cfg.order) |
	       (tab ? 0 : FERRY_CHAN_CONFIG_BYPASS), regs + FERRY_CHAN_CONFIG);
	writel(first, regs + FERRY_CHAN_INDEX_INIT);
	writel(chan->cfg.weight, regs + FERRY_CHAN_WEIGHT);
	writel(chan->coalesce, regs + FERRY_CHAN_COALESCE);
	writel(FERRY_CHAN_IRQ_CQ | FERRY_CHAN_IRQ_ERROR, regs + FERRY_CHAN_IRQ_ENABLE);
	writel(FERRY_CHAN_CMD_START, regs + FERRY_CHAN_CMD);

	status = readl(regs + FERRY_CHAN_STATUS);
	if (ferry_chan_state(status) == FERRY_STATE_RUNNING) {
		if (first != chan->ring.tail)
			ferry_ring_publish(&chan->ring, 0);
		return 0;
	}
	ferry_error_read(chan, &error);
	dev_err(&chan->fdev->dev, "channel %u does not start: status %#x, %s, address %#llx\n",
		chan->nr, status, ferry_error_name(error.code), error.addr);
	return -EIO;
}

/**
 * ferry_chan_stop() - end the running entry and fetch no more
 * @chan: channel; &ferry_chan.cmd_lock is held
 *
 * May sleep.
 *
 * Return: 0 if it is idle and touches no memory, -EIO if it has halted, whose
 * interrupt tells the rest, or -ETIMEDOUT.
 */
int ferry_chan_stop(struct ferry_chan *chan)
{
	u32 status, state;
	int err;

	lockdep_assert_held(&chan->cmd_lock);

	writel(FERRY_CHAN_CMD_STOP, chan->regs + FERRY_CHAN_CMD);
	err = readl_poll_timeout(chan->regs + FERRY_CHAN_STATUS, status,
				 (state = ferry_chan_state(status)) == FERRY_STATE_IDLE ||
				 state == FERRY_STATE_HALTED, FERRY_POLL_US,
				 chan->fdev->caps.stop_us + FERRY_SLACK_US);
	return err ?: state == FERRY_STATE_HALTED ? -EIO : 0;
}

/**
 * ferry_chan_init() - set up what a channel is before anybody claims it
 * @chan: channel, zeroed
 * @fdev: device
 * @nr: number
 * @doorbell: its SQ_TAIL
 */
void ferry_chan_init(struct ferry_chan *chan, struct ferry_dev *fdev, u32 nr,
		     void __iomem *doorbell)
{
	chan->fdev = fdev;
	chan->nr = nr;
	chan->regs = fdev->ctrl + FERRY_CHAN(nr);
	chan->doorbell = doorbell;
	chan->coalesce = FIELD_PREP(FERRY_CHAN_COALESCE_COUNT, 1);
	mutex_init(&chan->cmd_lock);
	spin_lock_init(&chan->lock);
	INIT_LIST_HEAD(&chan->tab_node);
	chan->waiters = RB_ROOT_CACHED;
	timer_setup(&chan->watch, ferry_chan_watch, 0);
}

static size_t ferry_chan_sq_bytes(const struct ferry_chan *chan)
{
	return sizeof(struct ferry_sqe) << chan->cfg.order;
}

static size_t ferry_chan_cq_bytes(const struct ferry_chan *chan)
{
	return sizeof(struct ferry_cqe) << chan->cfg.order;
}

static int ferry_chan_alloc_rings(struct ferry_chan *chan)
{
	struct device *parent = chan->fdev->parent;
	gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_NOWARN;
	struct ferry_chan_config *cfg = &chan->cfg;

	chan->ring.sq = cfg->sq ?: dma_alloc_coherent(parent, ferry_chan_sq_bytes(chan),
						      &cfg->sq_dma, gfp);
	if (!chan->ring.sq)
		return -ENOMEM;
	chan->ring.cq = cfg->cq ?: dma_alloc_coherent(parent, ferry_chan_cq_bytes(chan),
						      &cfg->cq_dma, gfp);
	if (chan->ring.cq)
		return 0;
	dma_free_coherent(parent, ferry_chan_sq_bytes(chan), chan->ring.sq, cfg->sq_dma);
	return -ENOMEM;
}

static void ferry_chan_let_go(struct ferry_chan *chan)
{
	if (chan->cfg.let_go)
		chan->cfg.let_go(chan->cfg.kept);
	ferry_chan_unclaim(chan);
}

/* The channel was reset: what it had is the kernel's again. */
static void ferry_chan_free(struct ferry_chan *chan)
{
	struct device *parent = chan->fdev->parent;

	if (chan->cfg.tab)
		ferry_wintab_detach(chan->cfg.tab, chan);
	if (!chan->cfg.cq)
		dma_free_coherent(parent, ferry_chan_cq_bytes(chan), chan->ring.cq,
				  chan->cfg.cq_dma);
	if (!chan->cfg.sq)
		dma_free_coherent(parent, ferry_chan_sq_bytes(chan), chan->ring.sq,
				  chan->cfg.sq_dma);
	ferry_chan_let_go(chan);
}

/**
 * ferry_chan_release() - stop a channel at once and give it back
 * @chan: channel that was started
 *
 * What has not completed never will. Bounded by the device's reset time; if the
 * channel does not answer, its memory stays with it until the recover work
 * succeeds. May sleep.
 */
void ferry_chan_release(struct ferry_chan *chan)
{
	bool broken;

	mutex_lock(&chan->cmd_lock);
	if (chan->cfg.hide)
		chan->cfg.hide(chan->cfg.owner);
	ferry_chan_reset(chan);
	ferry_chan_orphan(chan);
	/* Once broken and released, the channel is the recover work's. */
	broken = chan->broken;
	chan->released = true;
	mutex_unlock(&chan->cmd_lock);
	if (!broken)
		ferry_chan_free(chan);
}

/**
 * ferry_chan_recover() - work: reset the channels that did not, free what they kept
 * @work: &ferry_dev.recover
 */
void ferry_chan_recover(struct work_struct *work)
{
	struct ferry_dev *fdev = container_of(to_delayed_work(work), struct ferry_dev, recover);
	struct ferry_chan *chan;
	bool again = false;
	bool ours;
	u32 nr;

	for_each_set_bit(nr, fdev->claimed, fdev->caps.channels) {
		chan = &fdev->chans[nr];
		mutex_lock(&chan->cmd_lock);
		ours = chan->broken && chan->released;
		if (chan->broken && ferry_chan_reset(chan)) {
			ours = false;
			again = true;
		}
		mutex_unlock(&chan->cmd_lock);
		if (!ours)
			continue;
		dev_info(&fdev->dev, "channel %u is back\n", nr);
		ferry_chan_free(chan);
	}
	if (again)
		queue_delayed_work(system_freezable_wq, &fdev->recover, FERRY_RECOVER_PERIOD);
}

/**
 * ferry_chan_unplug() - part with a channel that is still broken
 * @chan: channel, released by its owner; the recover work is off
 * @quiet: a global reset succeeded, so the device touches nothing any more
 *
 * If not even that helped, or the device has no power to be reset, the memory
 * is lost on purpose: better than handing it to somebody while the device writes
 * to it.
 *
 * Return: true if the channel touches no memory any more.
 */
bool ferry_chan_unplug(struct ferry_chan *chan, bool quiet)
{
	if (!chan->broken)
		return true;
	if (!quiet) {
		/* The platform device stays, and may have another driver. */
		pm_runtime_put_noidle(chan->fdev->parent);
		dev_err(&chan->fdev->dev, "channel %u: lost the memory that it may still write to\n",
			chan->nr);
		return false;
	}
	chan->broken = false;
	ferry_chan_free(chan);
	return true;
}

/**
 * ferry_chan_start() - give a claimed channel its memory and set it going
 * @chan: channel
 * @cfg: configuration, copied
 *
 * The first entry has the index 0. On failure the channel is free again. May
 * sleep.
 *
 * Return: 0, -ENOMEM, -ENODEV if the device is gone, or -EIO if it refused.
 */
int ferry_chan_start(struct ferry_chan *chan, const struct ferry_chan_config *cfg)
{
	int err;

	chan->cfg = *cfg;
	err = ferry_chan_alloc_rings(chan);
	if (err) {
		ferry_chan_let_go(chan);
		return err;
	}
	if (cfg->tab)
		ferry_wintab_attach(cfg->tab, chan);

	mutex_lock(&chan->cmd_lock);
	chan->released = false;
	chan->parked = false;
	chan->hidden = false;
	ferry_ring_init(&chan->ring, chan->ring.sq, chan->ring.cq, chan->doorbell, cfg->order, 0);
	spin_lock_irq(&chan->lock);
	chan->dead = false;
	/* Who shares the owner may look and ask already; nothing is submitted yet. */
	chan->paused = true;
	chan->armed = false;
	chan->error = (struct ferry_error){};
	chan->killed = NULL;
	chan->live = true;
	spin_unlock_irq(&chan->lock);
	err = ferry_chan_program(chan);
	if (!err)
		ferry_chan_rearm(chan);
	mutex_unlock(&chan->cmd_lock);
	if (err)
		ferry_chan_release(chan);
	return err;
}

/**
 * ferry_chan_adopt() - find out how far the owner of a mapped queue has got
 * @chan: channel, powered; &ferry_chan.cmd_lock is held
 *
 * It may get further meanwhile, unless the doorbell is hidden. The device tells,
 * and not the rings: user space writes to them. Nothing happens where the indices
 * are the kernel's.
 */
void ferry_chan_adopt(struct ferry_chan *chan)
{
	u32 tail;

	lockdep_assert_held(&chan->cmd_lock);

	if (!chan->cfg.hide)
		return;
	tail = readl(chan->regs + FERRY_CHAN_TAIL);
	ferry_ring_adopt(&chan->ring, readl(chan->regs + FERRY_CHAN_HEAD), tail);
}

/**
 * ferry_chan_may_ring() - may user space have the doorbell of a channel now?
 * @chan: channel; &ferry_chan.cmd_lock is held while it gets it
 * @owner: who asks
 *
 * Return: false if the channel is not theirs, dead, or suspended.
 */
bool ferry_chan_may_ring(struct ferry_chan *chan, const void *owner)
{
	lockdep_assert_held(&chan->cmd_lock);

	return chan->live && chan->cfg.owner == owner && !READ_ONCE(chan->dead) && !chan->hidden;
}

/**
 * ferry_chan_cancel() - complete everything that is outstanding now
 * @chan: channel; its owner neither submits nor reaps meanwhile
 *
 * The running entry ends with FERRY_ERR_CANCELLED and its true count, those
 * behind it with FERRY_ERR_CANCELLED and nothing done. If the channel doesn't
 * stop within its bound it is reset, and the running entry counts as nothing
 * done too. May sleep.
 *
 * Return: 0, or -EIO (-ENODEV if the device is gone) if the channel is dead now.
 */
int ferry_chan_cancel(struct ferry_chan *chan)
{
	int err = -EIO;

	mutex_lock(&chan->cmd_lock);
	if (READ_ONCE(chan->dead))
		goto out_unlock;
	/* Who rings meanwhile waits in the page fault, so that no entry is lost. */
	if (chan->cfg.hide)
		chan->cfg.hide(chan->cfg.owner);
	err = ferry_chan_stop(chan);
	ferry_chan_adopt(chan);
	if (err == -EIO)
		goto out_unlock;
	if (err) {
		dev_warn_ratelimited(&chan->fdev->dev, "channel %u does not stop; resetting it\n",
				     chan->nr);
		if (ferry_chan_reset(chan)) {
			ferry_chan_kill(chan, "did not stop");
			goto out_unlock;
		}
	}
	err = -EIO;
	if (READ_ONCE(chan->dead))
		goto out_unlock;
	ferry_ring_fill(&chan->ring, ferry_ring_pending(&chan->ring), FERRY_ERR_CANCELLED);
	err = ferry_chan_program(chan);
	if (err)
		ferry_chan_kill(chan, "did not start again");
	else
		ferry_chan_rearm(chan);
out_unlock:
	mutex_unlock(&chan->cmd_lock);
	return err;
}

/**
 * ferry_chan_invalidate() - make a channel forget a row that was cleared
 * @chan: channel that was started with the row's table
 * @row: number of the row
 *
 * What uses the row ends with FERRY_ERR_WINDOW_REVOKED. A channel that does not
 * answer is reset, and dead then. May sleep.
 *
 * Return: 0 if the channel touches the row's memory no more, else -ETIMEDOUT.
 */
int ferry_chan_invalidate(struct ferry_chan *chan, u32 row)
{
	void __iomem *regs = chan->regs;
	u32 status;
	int err;

	mutex_lock(&chan->cmd_lock);
	err = -ETIMEDOUT;
	if (chan->broken)
		goto out_unlock;
	err = 0;
	if (ferry_chan_is_off(chan))
		goto out_unlock;
	writel(row, regs + FERRY_CHAN_WIN_INVALIDATE);
	err = readl_poll_timeout(regs + FERRY_CHAN_STATUS, status,
				 !(status & FERRY_CHAN_STATUS_INVAL_BUSY), FERRY_POLL_US,
				 chan->fdev->caps.stop_us + FERRY_SLACK_US);
	if (err) {
		dev_err_ratelimited(&chan->fdev->dev,
				    "channel %u does not let go of window %u; resetting it\n",
				    chan->nr, row);
		/* Who is told that it has ended may use the memory again. */
		err = ferry_chan_reset(chan);
		ferry_chan_kill(chan, "did not let go of a window");
	}
out_unlock:
	mutex_unlock(&chan->cmd_lock);
	return err;
}

/**
 * ferry_chan_set_coalesce() - hold interrupts back
 * @chan: channel
 * @count: completions to wait for, 1 to 65535; NULL: as before
 * @usecs: time to wait for them, 0 to 65535 microseconds; NULL: as before
 *
 * Kept for whoever claims the channel next. May sleep.
 *
 * Return: 0, or -EINVAL: out of range, or a count above 1 without a time.
 */
int ferry_chan_set_coalesce(struct ferry_chan *chan, const u32 *count, const u32 *usecs)
{
	int err = -EINVAL;
	u32 n, us;

	mutex_lock(&chan->cmd_lock);
	n = count ? *count : FIELD_GET(FERRY_CHAN_COALESCE_COUNT, chan->coalesce);
	us = usecs ? *usecs : FIELD_GET(FERRY_CHAN_COALESCE_TIME_US, chan->coalesce);
	if (!n || n > U16_MAX || us > U16_MAX || (n > 1 && !us))
		goto out_unlock;
	WRITE_ONCE(chan->coalesce, FIELD_PREP(FERRY_CHAN_COALESCE_COUNT, n) |
				   FIELD_PREP(FERRY_CHAN_COALESCE_TIME_US, us));
	/* A dead channel may have no power, and needs none. */
	spin_lock_irq(&chan->lock);
	if (chan->live && !chan->dead)
		writel(chan->coalesce, chan->regs + FERRY_CHAN_COALESCE);
	spin_unlock_irq(&chan->lock);
	err = 0;
out_unlock:
	mutex_unlock(&chan->cmd_lock);
	return err;
}
