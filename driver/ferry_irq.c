// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts of channels, and who waits for them.
 */
#include <linux/bitfield.h>
#include <linux/sched.h>

#include "ferry.h"
#include "ferry_trace.h"

/**
 * DOC: Waiting
 *
 * A channel interrupts only when asked to: CQ_ARM names one index, and there is
 * one interrupt when everything before it has completed. The driver asks on
 * behalf of the waiter that needs least:
 *
 *	a waiter                        the handler
 *	--------                        -----------
 *	joins its wait queue            acknowledges
 *	ferry_chan_arm()                looks at the CQ
 *	looks at the CQ                 takes satisfied waiters off, notifies
 *	sleeps                          arms for the least of the rest
 *
 * The device compares as soon as it is asked, so a completion that came between
 * looking and asking is not lost. A waiter is taken off once it was notified;
 * who is not content then, arms again.
 *
 * Waiters are in a tree, the least first, and one that is a task is woken by itself:
 * any number of threads may wait on one queue, and an interrupt must cost no more
 * than what it brings. Indices wrap, but those that are not done are all within half
 * the range of HEAD. An owner who asks for others disorders his own waiters only.
 *
 * Without waiters nothing is armed, and completions cost no interrupt.
 *
 * An interrupt can be lost by a broken device. While there are waiters a timer
 * looks every second, so that a waiter is late then, and not stuck.
 */

#define FERRY_WATCH_PERIOD	HZ

static bool ferry_waiter_less(struct rb_node *a, const struct rb_node *b)
{
	return (s32)(rb_entry(a, struct ferry_waiter, node)->target -
		     rb_entry(b, struct ferry_waiter, node)->target) < 0;
}

static struct ferry_waiter *ferry_chan_least(const struct ferry_chan *chan)
{
	return rb_entry_safe(rb_first_cached(&chan->waiters), struct ferry_waiter, node);
}

/**
 * ferry_chan_disarm_locked() - do not ask any more, for who has the lock already
 * @chan: channel that @waiter was armed on; &ferry_chan.lock is held
 * @waiter: waiter
 */
void ferry_chan_disarm_locked(struct ferry_chan *chan, struct ferry_waiter *waiter)
{
	lockdep_assert_held(&chan->lock);

	if (!ferry_waiter_is_armed(waiter))
		return;
	rb_erase_cached(&waiter->node, &chan->waiters);
	RB_CLEAR_NODE(&waiter->node);
}

/* Take a waiter off because there is something new. It can't return before the lock is free. */
static void ferry_chan_wake_one(struct ferry_chan *chan, struct ferry_waiter *waiter)
{
	ferry_chan_disarm_locked(chan, waiter);
	if (waiter->task)
		wake_up_process(waiter->task);
}

/* Ask for the interrupt that the least of the waiters needs. */
static void ferry_chan_arm_least(struct ferry_chan *chan)
{
	struct ferry_waiter *waiter = ferry_chan_least(chan);
	u32 least;

	lockdep_assert_held(&chan->lock);

	if (!waiter)
		return;
	least = waiter->target;
	if (!timer_pending(&chan->watch))
		mod_timer(&chan->watch, jiffies + FERRY_WATCH_PERIOD);
	if (chan->armed && chan->armed_index == least)
		return;
	chan->armed = true;
	chan->armed_index = least;
	chan->late = false;
	writel(least, chan->regs + FERRY_CHAN_CQ_ARM);
}

/* Put a waiter on, or give one that is on another target. */
static void ferry_chan_expect(struct ferry_chan *chan, struct ferry_waiter *waiter, u32 target)
{
	ferry_chan_disarm_locked(chan, waiter);
	waiter->target = target;
	rb_add_cached(&waiter->node, &chan->waiters, ferry_waiter_less);
	ferry_chan_arm_least(chan);
}

/* Take off and notify the waiters that got what they want; all, on a dead channel. */
static void ferry_chan_wake(struct ferry_chan *chan)
{
	struct ferry_waiter *waiter;
	bool any = chan->dead;

	lockdep_assert_held(&chan->lock);

	while ((waiter = ferry_chan_least(chan)) &&
	       (chan->dead || ferry_ring_done(&chan->ring, waiter->target))) {
		ferry_chan_wake_one(chan, waiter);
		any = true;
	}
	if (any && chan->cfg.notify)
		chan->cfg.notify(chan->cfg.owner);
}

/* 1: done, 0: not yet, -EIO: never, -ENOENT: not the owner's channel any more. */
static int ferry_chan_look(struct ferry_chan *chan, u32 target, const void *owner)
{
	lockdep_assert_held(&chan->lock);

	if (!chan->live || chan->cfg.owner != owner)
		return -ENOENT;
	/* What was cut completes again, and whoever asks is told when it goes on. */
	if (chan->paused && !chan->dead)
		return 0;
	if (ferry_ring_done(&chan->ring, target))
		return 1;
	return chan->dead ? -EIO : 0;
}

/**
 * ferry_chan_done() - has everything before an index completed?
 * @chan: channel
 * @target: index
 * @owner: who asks
 *
 * Needs no lock of the owner's. Any context but hard interrupt.
 *
 * Return: 1 if it has, 0 if not yet, -EIO if it never will, -ENOENT if the
 * channel is not @owner's any more.
 */
int ferry_chan_done(struct ferry_chan *chan, u32 target, const void *owner)
{
	unsigned long flags;
	int ret;

	spin_lock_irqsave(&chan->lock, flags);
	ret = ferry_chan_look(chan, target, owner);
	spin_unlock_irqrestore(&chan->lock, flags);
	return ret;
}

/**
 * ferry_chan_arm() - ask to be notified, and look at the CQ again
 * @chan: channel
 * @waiter: waiter; its node is initialised
 * @target: notify when every index before this one has completed
 * @owner: who asks
 *
 * A waiter that is armed already may be armed again, with the same or another
 * target. The caller is on the wait queue that notify wakes. Any context but
 * hard interrupt.
 *
 * Return: 0: there will be a notification; else as ferry_chan_done().
 */
int ferry_chan_arm(struct ferry_chan *chan, struct ferry_waiter *waiter, u32 target,
		   const void *owner)
{
	unsigned long flags;
	int ret;

	spin_lock_irqsave(&chan->lock, flags);
	ret = ferry_chan_look(chan, target, owner);
	if (!ret) {
		ferry_chan_expect(chan, waiter, target);
		ret = ferry_chan_look(chan, target, owner);
	}
	spin_unlock_irqrestore(&chan->lock, flags);
	return ret;
}

/**
 * ferry_chan_arm_locked() - ask to be notified, for who has the lock already
 * @chan: channel of the caller; &ferry_chan.lock is held, perhaps by the notification
 *	that the caller is in
 * @waiter: waiter; its node is initialised
 * @target: notify when every index before this one has completed
 *
 * What completed between the caller's look and this call interrupts at once.
 *
 * Return: false: nothing will complete any more.
 */
bool ferry_chan_arm_locked(struct ferry_chan *chan, struct ferry_waiter *waiter, u32 target)
{
	lockdep_assert_held(&chan->lock);

	if (!chan->live || chan->dead)
		return false;
	ferry_chan_expect(chan, waiter, target);
	return true;
}

/**
 * ferry_chan_moderate() - hold interrupts back from now on
 * @chan: channel of the caller; &ferry_chan.lock is held
 * @coalesce: value of COALESCE
 *
 * Until the next start; &ferry_chan.coalesce stays.
 */
void ferry_chan_moderate(struct ferry_chan *chan, u32 coalesce)
{
	lockdep_assert_held(&chan->lock);

	if (chan->live && !chan->dead && !chan->paused)
		writel(coalesce, chan->regs + FERRY_CHAN_COALESCE);
}

/**
 * ferry_chan_arm_next() - ask to be notified of the next completion to come
 * @chan: channel
 * @waiter: waiter; its node is initialised
 * @owner: who asks; nothing happens if the channel is not theirs any more
 *
 * What has completed and is not reaped does not count: an edge-triggered poller
 * sleeps on while there is something to read, and has to be told of what comes
 * after it. So HEAD says where to begin. What completes between reading it and
 * arming interrupts at once. Any context but hard interrupt.
 */
void ferry_chan_arm_next(struct ferry_chan *chan, struct ferry_waiter *waiter, const void *owner)
{
	unsigned long flags;
	u32 next;

	spin_lock_irqsave(&chan->lock, flags);
	/* No look at an index: the owner submits and reaps meanwhile. */
	if (chan->live && !chan->dead && chan->cfg.owner == owner) {
		next = readl(chan->regs + FERRY_CHAN_HEAD) + 1;
		/* Who else sleeps on this waiter is told of what the new target skips. */
		ferry_chan_wake(chan);
		ferry_chan_expect(chan, waiter, next);
	}
	spin_unlock_irqrestore(&chan->lock, flags);
}

/**
 * ferry_chan_disarm() - do not ask any more
 * @chan: channel that @waiter was armed on, whoever owns it now
 * @waiter: waiter
 *
 * An interrupt that was asked for may still come and finds nobody. Any context
 * but hard interrupt.
 */
void ferry_chan_disarm(struct ferry_chan *chan, struct ferry_waiter *waiter)
{
	unsigned long flags;

	spin_lock_irqsave(&chan->lock, flags);
	ferry_chan_disarm_locked(chan, waiter);
	spin_unlock_irqrestore(&chan->lock, flags);
}

/**
 * ferry_chan_rearm() - start over after the channel forgot what it was asked
 * @chan: channel that was started again
 *
 * Also notifies whoever can be content now. Any context but hard interrupt.
 */
void ferry_chan_rearm(struct ferry_chan *chan)
{
	unsigned long flags;

	spin_lock_irqsave(&chan->lock, flags);
	chan->armed = false;
	chan->paused = false;
	/* Who has something to do without a waiter, too. */
	if (chan->cfg.restarted)
		chan->cfg.restarted(chan->cfg.owner);
	else
		ferry_chan_wake(chan);
	ferry_chan_arm_least(chan);
	spin_unlock_irqrestore(&chan->lock, flags);
}

/**
 * ferry_chan_kill() - nothing will complete any more
 * @chan: channel
 * @why: for sysfs; a constant
 *
 * Notifies everybody. What has completed can still be reaped. Any context but
 * hard interrupt.
 */
void ferry_chan_kill(struct ferry_chan *chan, const char *why)
{
	unsigned long flags;

	spin_lock_irqsave(&chan->lock, flags);
	/* What came first is the reason. */
	if (!chan->dead)
		chan->killed = why;
	chan->dead = true;
	ferry_chan_wake(chan);
	spin_unlock_irqrestore(&chan->lock, flags);
}

/**
 * ferry_chan_orphan() - take a channel from its owner
 * @chan: channel
 *
 * When it returns the owner is not notified any more, nobody waits, and no
 * interrupt looks at the rings. May sleep.
 */
void ferry_chan_orphan(struct ferry_chan *chan)
{
	struct ferry_waiter *waiter;

	spin_lock_irq(&chan->lock);
	if (chan->cfg.ended)
		chan->cfg.ended(chan->cfg.owner);
	while ((waiter = ferry_chan_least(chan)))
		ferry_chan_wake_one(chan, waiter);
	chan->cfg.notify = NULL;
	chan->cfg.restarted = NULL;
	chan->cfg.owner = NULL;
	chan->armed = false;
	chan->live = false;
	spin_unlock_irq(&chan->lock);
	timer_delete_sync(&chan->watch);
}

/* The channel halted: latch why, tell the log and everybody who waits. */
static void ferry_chan_halt(struct ferry_chan *chan)
{
	lockdep_assert_held(&chan->lock);

	ferry_error_read(chan, &chan->error);
	trace_ferry_halt(chan, &chan->error);
	/* A bad tail is the owner's doing, who could fill the log with it. */
	if (chan->cfg.hide && chan->error.code == FERRY_ERR_BAD_TAIL)
		dev_dbg_ratelimited(&chan->fdev->dev, "channel %u halted: bad tail %u\n",
				    chan->nr, chan->error.index);
	else
		dev_err_ratelimited(&chan->fdev->dev,
				    "channel %u halted: %s at entry %u, address %#llx\n",
				    chan->nr, ferry_error_name(chan->error.code),
				    chan->error.index, chan->error.addr);
	writel(0, chan->regs + FERRY_CHAN_IRQ_ENABLE);
	chan->dead = true;
	ferry_chan_wake(chan);
}

/* True if the interrupt was this channel's. */
static bool ferry_chan_irq(struct ferry_chan *chan)
{
	unsigned long flags;
	u32 status;

	spin_lock_irqsave(&chan->lock, flags);
	if (!chan->live) {
		spin_unlock_irqrestore(&chan->lock, flags);
		return false;
	}
	/*
	 * If what was armed is in the CQ, that is the cause, and reading
	 * IRQ_STATUS can be saved: an ERROR that came as well holds the line up
	 * and is found the next time.
	 */
	if (chan->armed && ferry_ring_done(&chan->ring, chan->armed_index))
		status = FERRY_CHAN_IRQ_CQ;
	else
		status = readl(chan->regs + FERRY_CHAN_IRQ_STATUS);
	trace_ferry_irq(chan, status);
	if (status) {
		writel(status, chan->regs + FERRY_CHAN_IRQ_STATUS);
		chan->armed = false;
		if (status & FERRY_CHAN_IRQ_ERROR)
			ferry_chan_halt(chan);
		else
			ferry_chan_wake(chan);
		ferry_chan_arm_least(chan);
	}
	spin_unlock_irqrestore(&chan->lock, flags);
	return status;
}

/**
 * ferry_chan_watch() - timer: has an interrupt been lost?
 * @timer: &ferry_chan.watch
 *
 * An interrupt that is due and on its way is none; so a completion must have
 * been seen by two calls in a row.
 */
void ferry_chan_watch(struct timer_list *timer)
{
	struct ferry_chan *chan = container_of(timer, struct ferry_chan, watch);
	unsigned long flags;
	u32 status;

	spin_lock_irqsave(&chan->lock, flags);
	/* Stopped, it interrupts nobody. */
	if (!chan->live || chan->dead || chan->paused || RB_EMPTY_ROOT(&chan->waiters.rb_root))
		goto out_unlock;
	status = readl(chan->regs + FERRY_CHAN_STATUS);
	if (FIELD_GET(FERRY_CHAN_STATUS_STATE, status) == FERRY_STATE_HALTED) {
		ferry_chan_halt(chan);
	} else if (!ferry_ring_done(&chan->ring, chan->armed_index)) {
		chan->late = false;
	} else if (!chan->late) {
		chan->late = true;
	} else {
		dev_warn_ratelimited(&chan->fdev->dev, "channel %u: lost an interrupt\n", chan->nr);
		writel(FERRY_CHAN_IRQ_CQ, chan->regs + FERRY_CHAN_IRQ_STATUS);
		chan->armed = false;
		ferry_chan_wake(chan);
	}
	ferry_chan_arm_least(chan);
out_unlock:
	spin_unlock_irqrestore(&chan->lock, flags);
}

static u64 ferry_irq_pending(struct ferry_dev *fdev, u32 line)
{
	u64 pending = readl(fdev->ctrl + FERRY_IRQ_PENDING_LO(line));

	if (fdev->caps.channels > 32)
		pending |= (u64)readl(fdev->ctrl + FERRY_IRQ_PENDING_HI(line)) << 32;
	return pending;
}

/**
 * ferry_irq_handler() - interrupt of one or more lines
 * @irq: interrupt
 * @data: struct ferry_irq
 *
 * Plain: it only acknowledges, looks and wakes. Not ONESHOT, so PREEMPT_RT
 * makes a thread of it and its locks may sleep there.
 *
 * Return: IRQ_HANDLED if a channel on the lines had asked.
 */
irqreturn_t ferry_irq_handler(int irq, void *data)
{
	struct ferry_irq *fi = data;
	struct ferry_dev *fdev = fi->fdev;
	bool handled = false;
	u64 pending;
	u32 line, nr;

	if (fi->only >= 0)
		return IRQ_RETVAL(ferry_chan_irq(&fdev->chans[fi->only]));

	for (line = fi->first; line <= fi->last; line++) {
		for (pending = ferry_irq_pending(fdev, line); pending; pending &= pending - 1) {
			nr = __ffs64(pending);
			if (nr < fdev->caps.channels)
				handled |= ferry_chan_irq(&fdev->chans[nr]);
		}
	}
	return IRQ_RETVAL(handled);
}
