// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pauses: a channel that stops for a while, parked by its owner or while the
 * system sleeps, and then goes on where it was.
 */
#include <linux/iopoll.h>

#include "ferry.h"

#define FERRY_DRAIN_US		USEC_PER_SEC

/*
 * The channel is idle: its owner sees to what it has left behind. Once, since a
 * device that has lost its power meanwhile has nothing to say about that.
 */
static void ferry_chan_settle(struct ferry_chan *chan)
{
	if (chan->settled)
		return;
	chan->settled = true;
	spin_lock_irq(&chan->lock);
	chan->cfg.stopped(chan->cfg.owner);
	spin_unlock_irq(&chan->lock);
}

/* What would wait for ever is cut where it is. */
static int ferry_chan_pause(struct ferry_chan *chan)
{
	int err;

	spin_lock_irq(&chan->lock);
	chan->paused = true;
	spin_unlock_irq(&chan->lock);
	err = ferry_chan_stop(chan);
	if (!err)
		ferry_chan_settle(chan);
	return err;
}

/**
 * ferry_chan_park() - stop a channel until its owner goes on with it
 * @chan: channel that can be stopped at any time
 *
 * May sleep.
 *
 * Return: 0, or -EIO if it is dead, -ETIMEDOUT if it does not stop.
 */
int ferry_chan_park(struct ferry_chan *chan)
{
	int err = -EIO;

	mutex_lock(&chan->cmd_lock);
	if (chan->live && !READ_ONCE(chan->dead))
		err = ferry_chan_pause(chan);
	chan->parked = !err;
	mutex_unlock(&chan->cmd_lock);
	return err;
}

/*
 * What was submitted before may finish; then the device is asked to fetch no more.
 * User space is frozen, but whoever accesses its memory from elsewhere, and its
 * doorbell, is not.
 */
static int ferry_chan_drain(struct ferry_chan *chan)
{
	u32 head;
	int err;

	ferry_chan_adopt(chan);
	err = readl_poll_timeout(chan->regs + FERRY_CHAN_HEAD, head, head == chan->ring.tail,
				 FERRY_POLL_US, FERRY_DRAIN_US);
	if (!err)
		err = ferry_chan_stop(chan);
	if (!err)
		ferry_chan_adopt(chan);
	return err ? -EBUSY : 0;
}

/**
 * ferry_chan_suspend() - stop a channel, after it has finished unless it may wait for ever
 * @chan: channel; user space is frozen, and others find it paused
 *
 * May sleep for up to a second.
 *
 * Return: 0, or -EBUSY if it did not finish; it may be stopped nevertheless.
 */
int ferry_chan_suspend(struct ferry_chan *chan)
{
	int err = 0;

	mutex_lock(&chan->cmd_lock);
	/* Without its clock a dead channel's doorbell must not be there, either. */
	chan->hidden = true;
	if (chan->live && chan->cfg.hide)
		chan->cfg.hide(chan->cfg.owner);
	if (!chan->live || chan->dead || chan->parked)
		goto out_unlock;
	if (chan->cfg.stopped)
		err = ferry_chan_pause(chan) ? -EBUSY : 0;
	else
		err = ferry_chan_drain(chan);
out_unlock:
	mutex_unlock(&chan->cmd_lock);
	return err;
}

/**
 * ferry_chan_resume() - set a channel going that was suspended or had been about to
 * @chan: channel
 */
void ferry_chan_resume(struct ferry_chan *chan)
{
	u32 state;

	mutex_lock(&chan->cmd_lock);
	if (!chan->live || chan->dead || chan->parked)
		goto out_unlock;
	state = ferry_chan_state(readl(chan->regs + FERRY_CHAN_STATUS));
	/* It was not stopped. A halt has its interrupt, or the timer finds it. */
	if (state == FERRY_STATE_RUNNING || state == FERRY_STATE_HALTED) {
		if (chan->paused)
			ferry_chan_rearm(chan);
		goto out_unlock;
	}
	/*
	 * A stop that took too long may end any time. A reset does not tell how far
	 * an entry came that was waiting for a port.
	 */
	if (state != FERRY_STATE_IDLE && (ferry_chan_reset(chan) || chan->cfg.stopped)) {
		ferry_chan_kill(chan, "did not stop for suspend");
		goto out_unlock;
	}
	/* It has ended since. */
	if (chan->cfg.stopped)
		ferry_chan_settle(chan);
	if (ferry_chan_program(chan))
		ferry_chan_kill(chan, "did not start after suspend");
	else
		ferry_chan_rearm(chan);
out_unlock:
	/* What page faults have put in the doorbell's place makes room for it. */
	chan->hidden = false;
	if (chan->live && chan->cfg.hide)
		chan->cfg.hide(chan->cfg.owner);
	mutex_unlock(&chan->cmd_lock);
}

/**
 * ferry_chan_unpark() - set a channel going that was parked, or should have been
 * @chan: channel
 */
void ferry_chan_unpark(struct ferry_chan *chan)
{
	mutex_lock(&chan->cmd_lock);
	chan->parked = false;
	mutex_unlock(&chan->cmd_lock);
	ferry_chan_resume(chan);
}
