// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claims: who has which channel.
 */
#include <linux/capability.h>
#include <linux/pm_runtime.h>

#include "ferry.h"

/**
 * ferry_chan_held() - user channels that a user holds
 * @fdev: device
 * @uid: user
 *
 * Exact with &ferry_dev.share_lock held, a hint without.
 *
 * Return: how many.
 */
u32 ferry_chan_held(struct ferry_dev *fdev, kuid_t uid)
{
	u32 held = 0;
	u32 nr;

	for_each_set_bit(nr, fdev->claimed, fdev->caps.channels)
		held += fdev->chans[nr].role == FERRY_ROLE_USER &&
			uid_eq(fdev->chans[nr].uid, uid);
	return held;
}

static int ferry_chan_find(struct ferry_dev *fdev)
{
	u32 nr;

	for (nr = 0; nr < fdev->caps.channels; nr++)
		if (fdev->role_mask[FERRY_ROLE_USER] & BIT_ULL(nr) &&
		    !test_and_set_bit(nr, fdev->claimed))
			return nr;
	return -ENOSPC;
}

/**
 * ferry_chan_claim() - take a free user channel
 * @fdev: device
 * @uid: for whom; a user who has their share already needs CAP_SYS_RESOURCE
 *
 * The device is powered from now on. Give it back with ferry_chan_release(), or
 * have ferry_chan_start() do so. May sleep.
 *
 * Return: channel, or ERR_PTR(): -ENOSPC none free or the share used up, -EIO the
 * device could not be powered.
 */
struct ferry_chan *ferry_chan_claim(struct ferry_dev *fdev, kuid_t uid)
{
	int nr = -ENOSPC;

	mutex_lock(&fdev->share_lock);
	if (ferry_chan_held(fdev, uid) < fdev->max_queues || capable(CAP_SYS_RESOURCE))
		nr = ferry_chan_find(fdev);
	if (nr >= 0)
		fdev->chans[nr].uid = uid;
	mutex_unlock(&fdev->share_lock);
	if (nr < 0)
		return ERR_PTR(nr);

	if (ferry_power_hold(fdev)) {
		clear_bit(nr, fdev->claimed);
		return ERR_PTR(-EIO);
	}
	return &fdev->chans[nr];
}

/**
 * ferry_chan_claim_port() - take a channel of a port
 * @chan: channel
 * @uid: for whom
 *
 * As ferry_chan_claim(), but it counts for no share.
 *
 * Return: 0, -EBUSY if it is claimed, or -EIO if it does not answer, or the device
 * could not be powered.
 */
int ferry_chan_claim_port(struct ferry_chan *chan, kuid_t uid)
{
	if (test_and_set_bit(chan->nr, chan->fdev->claimed))
		return READ_ONCE(chan->broken) ? -EIO : -EBUSY;
	chan->uid = uid;
	if (!ferry_power_hold(chan->fdev))
		return 0;
	clear_bit(chan->nr, chan->fdev->claimed);
	return -EIO;
}

/**
 * ferry_chan_unclaim() - give a channel back that was claimed
 * @chan: channel, not started
 */
void ferry_chan_unclaim(struct ferry_chan *chan)
{
	struct ferry_dev *fdev = chan->fdev;

	pm_runtime_mark_last_busy(fdev->parent);
	pm_runtime_put_autosuspend(fdev->parent);
	clear_bit(chan->nr, fdev->claimed);
}
