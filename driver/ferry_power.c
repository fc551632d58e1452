// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clock, reset line, runtime PM, suspend.
 */
#include <linux/clk.h>
#include <linux/pm_runtime.h>
#include <linux/reset.h>

#include "ferry.h"

/**
 * DOC: Power
 *
 * A claimed channel, and a register that is being read for sysfs or debugfs, hold
 * a reference. Without any the device is suspended and forgets everything; it
 * is reset when it comes back. Channels that are somebody else's keep it
 * powered for ever, and the reset line untouched. Ports keep it powered, too: what
 * a peer sends before anybody opens the port waits in the device, and stays
 * there over suspend, but not over hibernation.
 *
 * While it is suspended nobody looks at a register: the interrupts are disabled
 * and the timers of the channels off. A device that does not come back with
 * the system leaves channels that are claimed and have no power. They are dead,
 * and ferry_chan.c knows that there is nothing to stop then.
 */

#define FERRY_AUTOSUSPEND_MS	100

/**
 * ferry_power_stays() - does the device stay powered when nobody here needs it?
 * @fdev: device
 *
 * Who has the reserved channels may need it. What a port has received is lost
 * with its power, and its peer may send at any time.
 *
 * Return: true if it does.
 */
bool ferry_power_stays(const struct ferry_dev *fdev)
{
	return fdev->role_mask[FERRY_ROLE_RESERVED] || fdev->role_mask[FERRY_ROLE_PORT];
}

static int ferry_power_on(struct ferry_dev *fdev)
{
	int err;

	err = clk_prepare_enable(fdev->clk);
	if (err)
		return err;
	err = reset_control_deassert(fdev->reset);
	if (err)
		clk_disable_unprepare(fdev->clk);
	return err;
}

static void ferry_power_off(struct ferry_dev *fdev)
{
	/* A probe that fails before it knows the roles must leave it alone, too. */
	if ((fdev->role_mask[FERRY_ROLE_USER] || fdev->role_mask[FERRY_ROLE_PORT]) &&
	    !fdev->role_mask[FERRY_ROLE_RESERVED])
		reset_control_assert(fdev->reset);
	clk_disable_unprepare(fdev->clk);
}

static void ferry_put_power(void *data)
{
	struct ferry_dev *fdev = data;

	if (pm_runtime_status_suspended(fdev->parent))
		return;
	ferry_power_off(fdev);
	pm_runtime_set_suspended(fdev->parent);
}

/**
 * ferry_power_get() - take clock and reset line, and power the device
 * @fdev: device
 *
 * Probe only; undone with the other resources.
 *
 * Return: 0 or an errno, and the log has said why.
 */
int ferry_power_get(struct ferry_dev *fdev)
{
	struct device *dev = fdev->parent;
	int err;

	fdev->clk = devm_clk_get_optional(dev, NULL);
	if (IS_ERR(fdev->clk))
		return dev_err_probe(dev, PTR_ERR(fdev->clk), "cannot get the clock\n");
	fdev->reset = devm_reset_control_get_optional_exclusive(dev, NULL);
	if (IS_ERR(fdev->reset))
		return dev_err_probe(dev, PTR_ERR(fdev->reset), "cannot get the reset line\n");
	err = ferry_power_on(fdev);
	if (err)
		return dev_err_probe(dev, err, "cannot power the device\n");
	pm_runtime_set_active(dev);
	return devm_add_action_or_reset(dev, ferry_put_power, fdev);
}

/**
 * ferry_power_enable() - let the device be suspended when nobody needs it
 * @fdev: device, powered; the caller gets a reference
 */
void ferry_power_enable(struct ferry_dev *fdev)
{
	struct device *dev = fdev->parent;

	pm_runtime_get_noresume(dev);
	if (ferry_power_stays(fdev))
		pm_runtime_get_noresume(dev);
	pm_runtime_set_autosuspend_delay(dev, FERRY_AUTOSUSPEND_MS);
	pm_runtime_use_autosuspend(dev);
	pm_runtime_enable(dev);
}

/**
 * ferry_power_disable() - undo ferry_power_enable()
 * @fdev: device; the caller's reference goes, too
 */
void ferry_power_disable(struct ferry_dev *fdev)
{
	struct device *dev = fdev->parent;

	pm_runtime_disable(dev);
	pm_runtime_dont_use_autosuspend(dev);
	if (ferry_power_stays(fdev))
		pm_runtime_put_noidle(dev);
	pm_runtime_put_noidle(dev);
}

/**
 * ferry_power_hold() - power the device, and keep it so
 * @fdev: device
 *
 * pm_runtime_put_autosuspend() gives it back. May sleep.
 *
 * Return: 0 or an errno, and nothing is held then.
 */
int ferry_power_hold(struct ferry_dev *fdev)
{
	int err = pm_runtime_resume_and_get(fdev->parent);

	/* The failure would stick; the next try may succeed. */
	if (err)
		pm_runtime_set_suspended(fdev->parent);
	return err;
}

static int ferry_runtime_suspend(struct device *dev)
{
	struct ferry_dev *fdev = dev_get_drvdata(dev);
	u32 i, nr;

	/* Handlers start timers, so they come first. */
	for (i = 0; i < fdev->nr_irqs; i++)
		disable_irq(fdev->irqs[i].irq);
	for_each_set_bit(nr, fdev->claimed, fdev->caps.channels)
		timer_delete_sync(&fdev->chans[nr].watch);
	ferry_power_off(fdev);
	return 0;
}

static int ferry_runtime_resume(struct device *dev)
{
	struct ferry_dev *fdev = dev_get_drvdata(dev);
	int err;
	u32 i;

	err = ferry_power_on(fdev);
	if (err)
		return err;
	err = ferry_dev_reset(fdev);
	if (err) {
		dev_err(dev, "the device does not become ready after it was powered\n");
		ferry_power_off(fdev);
		return err;
	}
	for (i = 0; i < fdev->nr_irqs; i++)
		enable_irq(fdev->irqs[i].irq);
	return 0;
}

static void ferry_resume_chans(struct ferry_dev *fdev)
{
	u32 nr;

	for_each_set_bit(nr, fdev->claimed, fdev->caps.channels)
		ferry_chan_resume(&fdev->chans[nr]);
}

/* What is running may finish; if it takes too long, the system stays awake. */
static int ferry_suspend(struct device *dev)
{
	struct ferry_dev *fdev = dev_get_drvdata(dev);
	int err = 0;
	u32 nr;

	for_each_set_bit(nr, fdev->claimed, fdev->caps.channels) {
		err = ferry_chan_suspend(&fdev->chans[nr]);
		if (err) {
			dev_info(dev, "channel %u does not finish; staying awake\n", nr);
			goto err_resume;
		}
	}
	if (ferry_power_stays(fdev))
		return 0;
	err = pm_runtime_force_suspend(dev);
	if (err)
		goto err_resume;
	return 0;

err_resume:
	ferry_resume_chans(fdev);
	return err;
}

static int ferry_resume(struct device *dev)
{
	struct ferry_dev *fdev = dev_get_drvdata(dev);
	u32 nr;
	int err;

	/* Hibernation takes its power nevertheless. */
	err = ferry_power_stays(fdev) ? ferry_dev_wait(fdev) : pm_runtime_force_resume(dev);
	if (err) {
		/* Nothing will complete: who waits is told. */
		for_each_set_bit(nr, fdev->claimed, fdev->caps.channels)
			ferry_chan_kill(&fdev->chans[nr], "the device did not resume");
		return err;
	}
	ferry_resume_chans(fdev);
	return 0;
}

const struct dev_pm_ops ferry_pm_ops = {
	SYSTEM_SLEEP_PM_OPS(ferry_suspend, ferry_resume)
	RUNTIME_PM_OPS(ferry_runtime_suspend, ferry_runtime_resume, NULL)
};
