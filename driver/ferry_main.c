// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ferry DMA controller: the platform device. Resources, identity, reset.
 */
#include <linux/bitfield.h>
#include <linux/dma-mapping.h>
#include <linux/dmapool.h>
#include <linux/iopoll.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_reserved_mem.h>
#include <linux/platform_device.h>
#include <linux/pm_runtime.h>
#include <linux/property.h>
#include <linux/slab.h>

#include "ferry.h"

#define FERRY_MAJOR_KNOWN	1

static int ferry_reset_own_channels(struct ferry_dev *fdev)
{
	struct ferry_chan *chan;
	int ret = 0, err;
	u32 status, nr;

	for (nr = 0; nr < fdev->caps.channels; nr++) {
		chan = &fdev->chans[nr];
		if (chan->role == FERRY_ROLE_RESERVED)
			continue;
		writel(FERRY_CHAN_CMD_RESET, chan->regs + FERRY_CHAN_CMD);
		err = readl_poll_timeout(chan->regs + FERRY_CHAN_STATUS, status,
					 !(status & FERRY_CHAN_STATUS_STATE), FERRY_POLL_US,
					 fdev->caps.reset_us + FERRY_SLACK_US);
		ret = ret ?: err;
	}
	return ret;
}

/**
 * ferry_dev_wait() - wait until the device is READY
 * @fdev: device, powered
 *
 * May sleep.
 *
 * Return: 0, or -ETIMEDOUT past its bound.
 */
int ferry_dev_wait(struct ferry_dev *fdev)
{
	u32 status;

	return readl_poll_timeout(fdev->ctrl + FERRY_STATUS, status,
				  status & FERRY_STATUS_READY, FERRY_POLL_US,
				  fdev->caps.reset_us + FERRY_SLACK_US);
}

/**
 * ferry_dev_reset() - stop everything and put every register back
 * @fdev: device, powered; nobody uses a channel
 *
 * Channels that are somebody else's go on, and ports keep what they have received,
 * unless a channel needs more than its own reset. May sleep.
 *
 * Return: 0: the device touches no memory for us; -ETIMEDOUT: it did not become
 * ready.
 */
int ferry_dev_reset(struct ferry_dev *fdev)
{
	if (fdev->role_mask[FERRY_ROLE_RESERVED])
		return ferry_reset_own_channels(fdev);
	if (fdev->role_mask[FERRY_ROLE_PORT] && !ferry_reset_own_channels(fdev))
		return 0;

	writel(FERRY_CTRL_RESET, fdev->ctrl + FERRY_CTRL);
	return ferry_dev_wait(fdev);
}

static int ferry_read_caps(struct ferry_dev *fdev)
{
	struct device *dev = fdev->parent;
	struct ferry_caps *caps = &fdev->caps;
	void __iomem *ctrl = fdev->ctrl;
	u32 id = readl(ctrl + FERRY_ID);
	u32 val;

	if (id != FERRY_ID_VALUE)
		return dev_err_probe(dev, -ENODEV, "no ferry here: ID is %#x\n", id);
	caps->version = readl(ctrl + FERRY_VERSION);
	if (ferry_major(caps->version) != FERRY_MAJOR_KNOWN)
		return dev_err_probe(dev, -ENODEV, "unknown version %#x\n", caps->version);

	val = readl(ctrl + FERRY_CAP_COUNTS);
	caps->channels = FIELD_GET(FERRY_CAP_COUNTS_CHANNELS, val);
	caps->ports = FIELD_GET(FERRY_CAP_COUNTS_PORTS, val);
	caps->lines = FIELD_GET(FERRY_CAP_COUNTS_LINES, val);
	caps->ops = readl(ctrl + FERRY_CAP_OPS);
	val = readl(ctrl + FERRY_CAP_ADDR);
	caps->addr_width = FIELD_GET(FERRY_CAP_ADDR_WIDTH, val);
	caps->min_shift = FIELD_GET(FERRY_CAP_ADDR_MIN_SHIFT, val);
	if (readl(ctrl + FERRY_CAP_FEATURES) & FERRY_CAP_FEATURES_LIST)
		caps->max_shift = FIELD_GET(FERRY_CAP_ADDR_MAX_SHIFT, val);
	val = readl(ctrl + FERRY_CAP_RING);
	caps->min_order = FIELD_GET(FERRY_CAP_RING_MIN_ORDER, val);
	caps->max_order = FIELD_GET(FERRY_CAP_RING_MAX_ORDER, val);
	caps->rows = FIELD_GET(FERRY_CAP_WINDOWS_ROWS, readl(ctrl + FERRY_CAP_WINDOWS));
	caps->max_len = readl(ctrl + FERRY_CAP_LEN);
	caps->bypass = readl(ctrl + FERRY_CAP_FEATURES) & FERRY_CAP_FEATURES_BYPASS;
	val = readl(ctrl + FERRY_CAP_TIME);
	caps->reset_us = FIELD_GET(FERRY_CAP_TIME_RESET_US, val);
	caps->stop_us = FIELD_GET(FERRY_CAP_TIME_STOP_US, val);

	if (!caps->channels || caps->channels > FERRY_MAX_CHANNELS ||
	    !caps->lines || caps->lines > FERRY_MAX_LINES ||
	    caps->addr_width < 32 || caps->addr_width > 64 ||
	    caps->min_order > min(caps->max_order, FERRY_RING_MAX_ORDER) ||
	    caps->max_order > FIELD_MAX(FERRY_CHAN_CONFIG_RING_ORDER) ||
	    caps->rows < 2 || caps->ports > FERRY_MAX_PORTS)
		return dev_err_probe(dev, -ENODEV,
				     "impossible capabilities: %u channels, %u lines, %u address bits, orders %u to %u, %u windows, %u ports\n",
				     caps->channels, caps->lines, caps->addr_width,
				     caps->min_order, caps->max_order, caps->rows, caps->ports);
	caps->max_order = min(caps->max_order, FERRY_RING_MAX_ORDER);
	return 0;
}

static int ferry_map_ctrl(struct ferry_dev *fdev, struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct resource *res;

	res = platform_get_resource_byname(pdev, IORESOURCE_MEM, "ctrl");
	if (!res)
		return dev_err_probe(dev, -EINVAL, "no register range named ctrl\n");
	if (resource_size(res) < FERRY_CTRL_SIZE)
		return dev_err_probe(dev, -EINVAL, "ctrl aperture %pr is too small\n", res);
	if (!devm_request_mem_region(dev, res->start, resource_size(res), "ferry ctrl"))
		return dev_err_probe(dev, -EBUSY, "ctrl aperture %pr is in use\n", res);
	fdev->ctrl = devm_ioremap(dev, res->start, FERRY_CTRL_SIZE);
	if (!fdev->ctrl)
		return dev_err_probe(dev, -ENOMEM, "cannot map ctrl aperture %pr\n", res);
	return 0;
}

/*
 * The doorbell aperture is only claimed: its pages can be user space's. The
 * kernel maps no more of each than it rings.
 */
static int ferry_map_doorbells(struct ferry_dev *fdev, struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	void __iomem *doorbell;
	struct resource *res;
	u32 nr;

	res = platform_get_resource_byname(pdev, IORESOURCE_MEM, "doorbell");
	if (!res)
		return dev_err_probe(dev, -EINVAL, "no register range named doorbell\n");
	if (resource_size(res) < (resource_size_t)FERRY_DB_PAGE_SIZE * fdev->caps.channels)
		return dev_err_probe(dev, -EINVAL,
				     "doorbell aperture %pr is too small for %u channels\n",
				     res, fdev->caps.channels);
	if (!devm_request_mem_region(dev, res->start, resource_size(res), "ferry doorbell"))
		return dev_err_probe(dev, -EBUSY, "doorbell aperture %pr is in use\n", res);
	fdev->doorbells = res->start;

	for (nr = 0; nr < fdev->caps.channels; nr++) {
		doorbell = devm_ioremap(dev, res->start + FERRY_DB_SQ_TAIL(nr), sizeof(u32));
		if (!doorbell)
			return dev_err_probe(dev, -ENOMEM, "cannot map doorbell %u\n", nr);
		ferry_chan_init(&fdev->chans[nr], fdev, nr, doorbell);
	}
	return 0;
}

/* One interrupt for each line, or one for all. */
static int ferry_request_irqs(struct ferry_dev *fdev, struct platform_device *pdev)
{
	u32 lines = fdev->caps.lines;
	struct device *dev = &pdev->dev;
	struct ferry_irq *fi;
	char name[16];
	int count, irq, err;
	u32 i;

	count = platform_irq_count(pdev);
	if (count < 0)
		return dev_err_probe(dev, count, "cannot count the interrupts\n");
	if (count != 1 && count != lines)
		return dev_err_probe(dev, -EINVAL,
				     "%d interrupts given, and the device has %u lines (or 1 for all)\n",
				     count, lines);

	for (i = 0; i < count; i++) {
		fi = &fdev->irqs[i];
		fi->fdev = fdev;
		fi->first = i;
		fi->last = count == 1 ? lines - 1 : i;
		/* With a line of its own a channel's interrupt needs no look at who. */
		fi->only = -1;
		if (count == lines && i < fdev->caps.channels && i + lines >= fdev->caps.channels)
			fi->only = i;
		snprintf(name, sizeof(name), "line%u", i);
		irq = count == 1 ? platform_get_irq_optional(pdev, 0) :
				   platform_get_irq_byname_optional(pdev, name);
		if (irq < 0)
			return dev_err_probe(dev, irq, "no interrupt named %s\n", name);
		err = devm_request_irq(dev, irq, ferry_irq_handler, 0,
				       devm_kasprintf(dev, GFP_KERNEL, "ferry%d-%s", fdev->id,
						      name) ?: "ferry", fi);
		if (err)
			return dev_err_probe(dev, err, "cannot request interrupt %s\n", name);
		fi->irq = irq;
	}
	fdev->nr_irqs = count;
	return 0;
}

/* dma-channel-mask says which channels are ours; without it all are. */
static int ferry_assign_roles(struct ferry_dev *fdev)
{
	u64 all = GENMASK_ULL(fdev->caps.channels - 1, 0);
	struct device_node *np = fdev->parent->of_node;
	u32 words[2] = {};
	u64 mask = all;
	int count;
	u32 nr;

	count = of_property_read_variable_u32_array(np, "dma-channel-mask", words, 1, 2);
	if (count >= 0)
		mask = words[0] | (u64)words[1] << 32;
	else if (count != -EINVAL)
		return dev_err_probe(fdev->parent, count, "bad dma-channel-mask\n");
	if (!(mask & all) || mask & ~all)
		return dev_err_probe(fdev->parent, -EINVAL,
				     "dma-channel-mask %#llx does not fit %u channels\n", mask,
				     fdev->caps.channels);

	for (nr = 0; nr < fdev->caps.channels; nr++)
		fdev->chans[nr].role = mask & BIT_ULL(nr) ? FERRY_ROLE_USER : FERRY_ROLE_RESERVED;
	fdev->role_mask[FERRY_ROLE_USER] = mask;
	fdev->role_mask[FERRY_ROLE_RESERVED] = all & ~mask;
	return 0;
}

static void ferry_put_dev(void *data)
{
	struct ferry_dev *fdev = data;

	put_device(&fdev->dev);
}

static void ferry_release_memory(void *data)
{
	of_reserved_mem_device_release(data);
}

static int ferry_get_memory(struct ferry_dev *fdev)
{
	struct device *dev = fdev->parent;
	int err;

	err = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(fdev->caps.addr_width));
	if (err)
		return dev_err_probe(dev, err, "cannot address memory with %u bits\n",
				     fdev->caps.addr_width);
	/* Memory of processes is mapped in pieces as large as it comes. */
	dma_set_max_seg_size(dev, UINT_MAX);
	fdev->coherent = device_get_dma_attr(dev) == DEV_DMA_COHERENT;
	err = of_reserved_mem_device_init(dev);
	if (err == -ENODEV)
		return 0;
	if (err)
		return dev_err_probe(dev, err, "cannot use the reserved memory\n");
	return devm_add_action_or_reset(dev, ferry_release_memory, dev);
}

/* Take everything away from user space, and from the device. */
static void ferry_unplug(struct ferry_dev *fdev, bool powered)
{
	bool broken = false;
	bool quiet;
	u32 nr;

	ferry_sysfs_remove(fdev);
	ferry_ports_del(fdev);
	ferry_cdev_unplug(fdev);
	ferry_ports_unplug(fdev);
	cancel_delayed_work_sync(&fdev->recover);
	/* The last word: whatever was broken lets go now, or never. */
	quiet = powered && !ferry_dev_reset(fdev);
	for (nr = 0; nr < fdev->caps.channels; nr++)
		broken |= !ferry_chan_unplug(&fdev->chans[nr], quiet);
	ferry_ports_free(fdev);
	ferry_mem_unplug(fdev, !broken);
}

static int ferry_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct ferry_caps *caps;
	struct ferry_dev *fdev;
	int err;

	fdev = ferry_cdev_alloc(dev);
	if (IS_ERR(fdev))
		return dev_err_probe(dev, PTR_ERR(fdev), "cannot allocate a device\n");
	/* First in, last out: interrupts and mappings go before what they use. */
	err = devm_add_action_or_reset(dev, ferry_put_dev, fdev);
	if (err)
		return err;
	INIT_DELAYED_WORK(&fdev->recover, ferry_chan_recover);
	platform_set_drvdata(pdev, fdev);

	err = ferry_power_get(fdev);
	if (err)
		return err;
	err = ferry_map_ctrl(fdev, pdev);
	if (err)
		return err;
	err = ferry_read_caps(fdev);
	if (err)
		return err;
	caps = &fdev->caps;
	fdev->chans = kcalloc(caps->channels, sizeof(*fdev->chans), GFP_KERNEL);
	if (!fdev->chans)
		return -ENOMEM;
	err = ferry_map_doorbells(fdev, pdev);
	if (err)
		return err;
	err = ferry_get_memory(fdev);
	if (err)
		return err;
	fdev->lists = dmam_pool_create("ferry lists", dev, FERRY_LIST_BYTES, FERRY_LIST_BYTES, 0);
	if (!fdev->lists)
		return -ENOMEM;
	err = ferry_assign_roles(fdev);
	if (err)
		return err;
	err = ferry_ports_init(fdev);
	if (err)
		return err;
	/* One user cannot take all. */
	fdev->max_queues = DIV_ROUND_UP(hweight64(fdev->role_mask[FERRY_ROLE_USER]), 2);

	err = ferry_dev_wait(fdev);
	if (!err)
		err = ferry_dev_reset(fdev);
	if (err)
		return dev_err_probe(dev, err, "the device does not become ready\n");
	err = ferry_request_irqs(fdev, pdev);
	if (err)
		return err;

	ferry_power_enable(fdev);
	err = ferry_cdev_add(fdev);
	if (err) {
		dev_err_probe(dev, err, "cannot add the character device\n");
		goto err_disable_power;
	}
	err = ferry_sysfs_add(fdev);
	if (err) {
		dev_err_probe(dev, err, "cannot add the channels to sysfs\n");
		goto err_unplug;
	}
	err = ferry_ports_add(fdev);
	if (err) {
		dev_err_probe(dev, err, "cannot add the ports\n");
		goto err_unplug;
	}
	ferry_debugfs_add(fdev);
	ferry_cdev_announce(fdev);

	dev_info(dev, "ferry%d: version %u.%u, %u channels (%u for users), %u ports, %u windows, %u interrupts\n",
		 fdev->id, ferry_major(caps->version), ferry_minor(caps->version),
		 caps->channels, (u32)hweight64(fdev->role_mask[FERRY_ROLE_USER]), caps->ports,
		 caps->rows, fdev->nr_irqs);
	pm_runtime_mark_last_busy(dev);
	pm_runtime_put_autosuspend(dev);
	return 0;

err_unplug:
	ferry_unplug(fdev, true);
err_disable_power:
	ferry_power_disable(fdev);
	return err;
}

static void ferry_remove(struct platform_device *pdev)
{
	struct ferry_dev *fdev = platform_get_drvdata(pdev);
	struct device *dev = &pdev->dev;
	bool powered;

	/* If it can't be powered, only what was broken before could still run. */
	powered = !ferry_power_hold(fdev);
	if (!powered)
		pm_runtime_get_noresume(dev);
	ferry_debugfs_remove(fdev);
	ferry_unplug(fdev, powered);
	ferry_power_disable(fdev);
}

/* The machine goes down: leave no DMA behind, and tell users that it is over. */
static void ferry_shutdown(struct platform_device *pdev)
{
	struct ferry_dev *fdev = platform_get_drvdata(pdev);
	u32 nr;

	ferry_cdev_shutdown(fdev);
	/* Who was about to start a channel has done so, or will be refused. */
	for (nr = 0; nr < fdev->caps.channels; nr++) {
		mutex_lock(&fdev->chans[nr].cmd_lock);
		mutex_unlock(&fdev->chans[nr].cmd_lock);
	}
	if (pm_runtime_get_if_active(&pdev->dev) != 0)
		ferry_dev_reset(fdev);
	/* Who polls makes no call that would fail. */
	for (nr = 0; nr < fdev->caps.channels; nr++)
		ferry_chan_kill(&fdev->chans[nr], "shut down");
}

static const struct of_device_id ferry_of_match[] = {
	{ .compatible = "qemu,ferry" },
	{ }
};
MODULE_DEVICE_TABLE(of, ferry_of_match);

static struct platform_driver ferry_driver = {
	.probe = ferry_probe,
	.remove = ferry_remove,
	.shutdown = ferry_shutdown,
	.driver = {
		.name = "ferry",
		.of_match_table = ferry_of_match,
		.pm = pm_ptr(&ferry_pm_ops),
	},
};

static int __init ferry_init(void)
{
	int err;

	err = ferry_mapped_init();
	if (err)
		return err;
	err = ferry_cdev_init();
	if (err)
		goto err_exit_mapped;
	ferry_debugfs_init();
	err = platform_driver_register(&ferry_driver);
	if (err)
		goto err_exit;
	return 0;

err_exit:
	ferry_debugfs_exit();
	ferry_cdev_exit();
err_exit_mapped:
	ferry_mapped_exit();
	return err;
}
module_init(ferry_init);

static void __exit ferry_exit(void)
{
	platform_driver_unregister(&ferry_driver);
	ferry_debugfs_exit();
	ferry_cdev_exit();
	ferry_mapped_exit();
}
module_exit(ferry_exit);

MODULE_DESCRIPTION("Ferry DMA controller");
MODULE_LICENSE("GPL");
