// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ports: /dev/ferryNpK, who has which direction, settings.
 */
#include <kunit/visibility.h>
#include <linux/bitfield.h>
#include <linux/bitmap.h>
#include <linux/log2.h>
#include <linux/slab.h>

#include "ferry_port.h"

/**
 * DOC: Ports
 *
 * A port owns two channels, which its registers name, and is a file of two
 * directions, each of which one open file can have. Who opens takes the
 * directions of the open mode; a channel is claimed as long as somebody has its
 * direction, or longer where there is something left to read or to send.
 *
 * The channels run with BYPASS: the entries are the driver's own, and name only
 * its blocks. So no row of a window table has to be written for each of them.
 *
 * A direction that nobody has can be lent to a mapped queue (ferry_loan.c).
 *
 * What a peer sent before anybody opens waits in the device. Therefore a device
 * with ports stays powered, and is reset channel by channel.
 */

static const struct ferry_port_config ferry_port_default = {
	.buffer_size = SZ_4K,
	.entries = 64,
	.coalesce_adaptive = 1,
	.coalesce_count = 1,
};

/**
 * to_ferry_port() - the port of a class device
 * @dev: ferryNpK
 *
 * Return: port.
 */
struct ferry_port *to_ferry_port(struct device *dev)
{
	return container_of(dev, struct ferry_port, dev);
}

/**
 * ferry_port_status() - PORT_STATUS
 * @port: port; the device is powered
 *
 * Return: FERRY_PORT_STATUS_*.
 */
u32 ferry_port_status(struct ferry_port *port)
{
	return readl(port->regs + FERRY_PORT_STATUS);
}

/**
 * ferry_port_set_idle_time() - when does a RECV that has some bytes complete?
 * @port: port
 * @usecs: when none have come for so long, or FERRY_QUEUE_IDLE_NEVER
 *
 * Any context.
 */
void ferry_port_set_idle_time(struct ferry_port *port, u32 usecs)
{
	writel(usecs == FERRY_QUEUE_IDLE_NEVER ? FERRY_PORT_IDLE_NEVER : usecs,
	       port->regs + FERRY_PORT_IDLE);
}

/**
 * ferry_port_set_idle() - likewise, of a port that is a file
 * @port: port; its receiving direction is the caller's
 * @packets: with its packet; otherwise after the time of the setting
 */
void ferry_port_set_idle(struct ferry_port *port, bool packets)
{
	ferry_port_set_idle_time(port, packets ? FERRY_QUEUE_IDLE_NEVER : port->config.idle_usecs);
}

/**
 * ferry_port_config_valid() - can a port have these settings?
 * @caps: device
 * @config: settings
 *
 * Return: true if it can.
 */
bool ferry_port_config_valid(const struct ferry_caps *caps, const struct ferry_port_config *config)
{
	return is_power_of_2(config->buffer_size) &&
	       config->buffer_size >= FERRY_BLOCK_MIN &&
	       config->buffer_size <= min_t(u32, caps->max_len, FERRY_BLOCK_MAX) &&
	       is_power_of_2(config->entries) &&
	       config->entries >= max_t(u32, BIT(caps->min_order), FERRY_ENTRIES_MIN) &&
	       config->entries <= min_t(u32, BIT(caps->max_order), FERRY_ENTRIES_MAX) &&
	       config->coalesce_adaptive <= 1 &&
	       config->coalesce_count && config->coalesce_count <= U16_MAX &&
	       config->coalesce_usecs <= U16_MAX &&
	       (config->coalesce_count == 1 || config->coalesce_usecs) &&
	       config->idle_usecs <= FERRY_PORT_IDLE_TIME_US;
}
EXPORT_SYMBOL_IF_KUNIT(ferry_port_config_valid);

/**
 * ferry_port_configure() - change the settings of an idle port
 * @port: port
 * @config: settings
 *
 * May sleep.
 *
 * Return: 0, -EINVAL, or -EBUSY if it is open, or something is left to read or send.
 */
int ferry_port_configure(struct ferry_port *port, const struct ferry_port_config *config)
{
	int err = -EBUSY;

	lockdep_assert_held(&port->lock);

	if (!ferry_port_config_valid(&port->fdev->caps, config))
		return -EINVAL;
	/* Also of a channel that does not answer, which keeps its blocks. */
	if (!atomic_read(&port->pools)) {
		if (config->buffer_size != port->config.buffer_size)
			ferry_block_uncache(port);
		port->config = *config;
		err = 0;
	}
	return err;
}

/**
 * ferry_port_forget_hangup() - whoever takes the receiving direction begins anew
 * @port: port; the device is powered
 *
 * A peer that left without leaving anything is nobody's end of file.
 */
void ferry_port_forget_hangup(struct ferry_port *port)
{
	if (ferry_port_status(port) & FERRY_PORT_STATUS_HUP &&
	    !readl(port->regs + FERRY_PORT_RX_LEVEL))
		writel(FERRY_PORT_CMD_FLUSH_RX, port->regs + FERRY_PORT_CMD);
}

static int ferry_port_open_rx(struct ferry_port *port)
{
	int err;

	mutex_lock(&port->rx.mutex);
	/* What a reader has left comes before it. */
	if (!port->rx.pool)
		ferry_port_forget_hangup(port);
	port->rx.packets = false;
	/* As in the mode of bytes: what is left of a packet that was cut is no less. */
	spin_lock_irq(&port->rx.chan->lock);
	port->rx.skip = false;
	spin_unlock_irq(&port->rx.chan->lock);
	ferry_port_set_idle(port, false);
	err = ferry_rx_start(&port->rx);
	mutex_unlock(&port->rx.mutex);
	return err;
}

static int ferry_port_open_tx(struct ferry_port *port)
{
	int err;

	mutex_lock(&port->tx.mutex);
	port->tx.packets = false;
	err = ferry_tx_start(&port->tx);
	mutex_unlock(&port->tx.mutex);
	return err;
}

/**
 * ferry_port_open() - take the directions of an open file
 * @port: port; &ferry_port.lock is held
 * @filp: open file
 *
 * Return: 0, -EBUSY if somebody has one of them, -ENODEV, or what starting a
 * channel fails with.
 */
int ferry_port_open(struct ferry_port *port, struct file *filp)
{
	int err;

	lockdep_assert_held(&port->lock);

	if (port->down)
		return -ENODEV;
	/* Before anything is started: busy changes nothing. */
	if (filp->f_mode & FMODE_READ &&
	    (port->reader || ferry_port_is_lent(port->rx.chan, port->rx.pool)))
		return -EBUSY;
	if (filp->f_mode & FMODE_WRITE &&
	    (port->writer || ferry_port_is_lent(port->tx.chan, port->tx.pool)))
		return -EBUSY;
	if (filp->f_mode & FMODE_READ) {
		err = ferry_port_open_rx(port);
		if (err)
			return err;
		WRITE_ONCE(port->reader, filp);
	}
	if (filp->f_mode & FMODE_WRITE) {
		err = ferry_port_open_tx(port);
		if (err)
			goto err_close;
		WRITE_ONCE(port->writer, filp);
	}
	return 0;

err_close:
	ferry_port_close(port, filp, FMODE_READ);
	return err;
}

/**
 * ferry_port_close() - give directions back
 * @port: port; &ferry_port.lock is held
 * @filp: open file
 * @dirs: which, if it has them: FMODE_READ, FMODE_WRITE
 *
 * What was received and not read is kept for the next; what was written is sent.
 * Whoever sleeps in a call on @filp returns. May sleep.
 */
void ferry_port_close(struct ferry_port *port, struct file *filp, fmode_t dirs)
{
	struct ferry_rx *rx = &port->rx;
	struct ferry_tx *tx = &port->tx;

	lockdep_assert_held(&port->lock);

	if (dirs & FMODE_READ && port->reader == filp) {
		WRITE_ONCE(port->reader, NULL);
		wake_up_all(&rx->wait);
		fasync_helper(-1, filp, 0, &rx->fasync);
		mutex_lock(&rx->mutex);
		if (rx->pool && !ferry_rx_park(rx))
			ferry_rx_stop(rx);
		mutex_unlock(&rx->mutex);
	}
	if (dirs & FMODE_WRITE && port->writer == filp) {
		WRITE_ONCE(port->writer, NULL);
		wake_up_all(&tx->wait);
		fasync_helper(-1, filp, 0, &tx->fasync);
		mutex_lock(&tx->mutex);
		if (tx->pool && !ferry_tx_linger(tx))
			ferry_tx_stop(tx);
		mutex_unlock(&tx->mutex);
	}
}

/* With the mutexes of the directions: who comes meanwhile waits until they are back. */
static int ferry_port_flush_locked(struct ferry_port *port, fmode_t dirs)
{
	int tx_err = 0;
	int err = 0;
	u32 cmd = 0;

	if (dirs & FMODE_WRITE && port->tx.pool)
		ferry_tx_stop(&port->tx);
	if (dirs & FMODE_READ && port->rx.pool)
		ferry_rx_stop(&port->rx);
	if (dirs & FMODE_WRITE)
		cmd |= FERRY_PORT_CMD_FLUSH_TX;
	if (dirs & FMODE_READ)
		cmd |= FERRY_PORT_CMD_FLUSH_RX;
	writel(cmd, port->regs + FERRY_PORT_CMD);
	/* It has happened when this returns. */
	ferry_port_status(port);
	if (dirs & FMODE_READ) {
		ferry_port_set_idle(port, port->rx.packets);
		err = ferry_rx_start(&port->rx);
		/* Who polls is told what read would say. */
		if (err)
			WRITE_ONCE(port->rx.failed, true);
		wake_up_all(&port->rx.wait);
		kill_fasync(&port->rx.fasync, SIGIO, POLL_IN);
	}
	if (dirs & FMODE_WRITE) {
		tx_err = ferry_tx_start(&port->tx);
		if (tx_err)
			WRITE_ONCE(port->tx.failed, true);
		wake_up_all(&port->tx.wait);
		kill_fasync(&port->tx.fasync, SIGIO, POLL_OUT);
	}
	return tx_err ?: err;
}

/**
 * ferry_port_flush() - drop what is under way
 * @port: port; &ferry_port.lock is held
 * @dirs: which, all of which the caller has: FMODE_READ, FMODE_WRITE
 *
 * In the driver and in the device. In loopback what one direction has in the
 * device is the other's, too. Whoever sleeps on one of them looks again: what he
 * was armed for is gone. May sleep.
 *
 * Return: 0; -ERESTARTSYS, and nothing is done; or what starting a channel fails
 * with; then every further call on the direction fails.
 */
int ferry_port_flush(struct ferry_port *port, fmode_t dirs)
{
	int err = -ERESTARTSYS;

	lockdep_assert_held(&port->lock);

	/* Both, or none, as for the mode. */
	if (dirs & FMODE_READ && mutex_lock_interruptible(&port->rx.mutex))
		return err;
	if (dirs & FMODE_WRITE && mutex_lock_interruptible(&port->tx.mutex))
		goto out_unlock_rx;
	err = ferry_port_flush_locked(port, dirs);
	if (dirs & FMODE_WRITE)
		mutex_unlock(&port->tx.mutex);
out_unlock_rx:
	if (dirs & FMODE_READ)
		mutex_unlock(&port->rx.mutex);
	return err;
}

static void ferry_port_release(struct device *dev)
{
	struct ferry_port *port = to_ferry_port(dev);

	put_device(&port->fdev->dev);
	kfree(port);
}

static const struct device_type ferry_port_type = {
	.name = "port",
	.groups = ferry_port_groups,
};

static struct ferry_port *ferry_port_create(struct ferry_dev *fdev, u32 nr, u32 tx, u32 rx)
{
	struct ferry_port *port;
	int err;

	port = kzalloc(sizeof(*port), GFP_KERNEL);
	if (!port)
		return ERR_PTR(-ENOMEM);
	port->fdev = fdev;
	port->nr = nr;
	port->regs = fdev->ctrl + FERRY_PORT(nr);
	mutex_init(&port->lock);
	port->config = ferry_port_default;
	port->config.buffer_size = min_t(u32, port->config.buffer_size,
					 rounddown_pow_of_two(fdev->caps.max_len));
	port->config.entries = clamp_t(u32, port->config.entries, BIT(fdev->caps.min_order),
				       BIT(fdev->caps.max_order));
	ferry_rx_init(&port->rx, port, &fdev->chans[rx]);
	ferry_tx_init(&port->tx, port, &fdev->chans[tx]);

	get_device(&fdev->dev);
	device_initialize(&port->dev);
	port->dev.type = &ferry_port_type;
	port->dev.parent = &fdev->dev;
	port->dev.release = ferry_port_release;
	ferry_cdev_set_node(&port->dev, fdev, nr);
	cdev_init(&port->cdev, &ferry_stream_fops);
	port->cdev.owner = THIS_MODULE;
	err = dev_set_name(&port->dev, "%sp%u", dev_name(&fdev->dev), nr);
	if (err) {
		put_device(&port->dev);
		return ERR_PTR(err);
	}
	return port;
}

static void ferry_ports_put(void *data)
{
	struct ferry_dev *fdev = data;
	struct ferry_port *port, *next;

	list_for_each_entry_safe(port, next, &fdev->ports, node) {
		list_del(&port->node);
		put_device(&port->dev);
	}
}

/**
 * ferry_ports_init() - find the ports and their channels
 * @fdev: device, powered; its channels have roles, but for those of ports
 *
 * Probe only; undone with the other resources.
 *
 * Return: 0 or an errno, and the log has said why.
 */
int ferry_ports_init(struct ferry_dev *fdev)
{
	struct device *parent = fdev->parent;
	struct ferry_port *port;
	bool usable = fdev->caps.bypass && fdev->caps.max_len >= FERRY_BLOCK_MIN;
	u32 nr, channels, tx, rx;
	u64 pair, all = 0;
	int err;

	err = devm_add_action_or_reset(parent, ferry_ports_put, fdev);
	if (err)
		return err;
	for (nr = 0; nr < fdev->caps.ports; nr++) {
		channels = readl(fdev->ctrl + FERRY_PORT(nr) + FERRY_PORT_CHANNELS);
		tx = FIELD_GET(FERRY_PORT_CHANNELS_TX, channels);
		rx = FIELD_GET(FERRY_PORT_CHANNELS_RX, channels);
		if (tx >= fdev->caps.channels || rx >= fdev->caps.channels || tx == rx)
			return dev_err_probe(parent, -ENODEV,
					     "port %u has impossible channels, %u and %u\n",
					     nr, tx, rx);
		pair = BIT_ULL(tx) | BIT_ULL(rx);
		if (all & pair)
			return dev_err_probe(parent, -ENODEV,
					     "port %u has the channels of another, %u and %u\n",
					     nr, tx, rx);
		all |= pair;
		/* Who may have a queue may not talk to a peer for that. */
		fdev->role_mask[FERRY_ROLE_USER] &= ~pair;
		if (fdev->chans[tx].role == FERRY_ROLE_USER)
			fdev->chans[tx].role = FERRY_ROLE_PORT;
		if (fdev->chans[rx].role == FERRY_ROLE_USER)
			fdev->chans[rx].role = FERRY_ROLE_PORT;
		/* dma-channel-mask has given it to somebody else, or one half of it. */
		if (!usable || fdev->role_mask[FERRY_ROLE_RESERVED] & pair)
			continue;
		port = ferry_port_create(fdev, nr, tx, rx);
		if (IS_ERR(port))
			return dev_err_probe(parent, PTR_ERR(port), "cannot make port %u\n", nr);
		list_add_tail(&port->node, &fdev->ports);
		fdev->role_mask[FERRY_ROLE_PORT] |= pair;
	}
	if (fdev->caps.ports && !usable) {
		dev_warn(parent, "ports are of no use without BYPASS, or with entries so short\n");
		fdev->caps.ports = 0;
	}
	return 0;
}

/**
 * ferry_ports_add() - publish the ports
 * @fdev: device, published
 *
 * Return: 0 or an errno, and none is published then.
 */
int ferry_ports_add(struct ferry_dev *fdev)
{
	struct ferry_port *port;
	int err;

	list_for_each_entry(port, &fdev->ports, node) {
		err = cdev_device_add(&port->cdev, &port->dev);
		if (err)
			return err;
		port->added = true;
	}
	return 0;
}

/**
 * ferry_ports_del() - take the nodes of the ports away
 * @fdev: device
 */
void ferry_ports_del(struct ferry_dev *fdev)
{
	struct ferry_port *port;

	list_for_each_entry(port, &fdev->ports, node)
		if (port->added)
			cdev_device_del(&port->cdev, &port->dev);
}

/**
 * ferry_ports_wake() - make everybody who sleeps on a port look again
 * @fdev: device
 */
void ferry_ports_wake(struct ferry_dev *fdev)
{
	struct ferry_port *port;

	list_for_each_entry(port, &fdev->ports, node) {
		wake_up_all(&port->rx.wait);
		wake_up_all(&port->tx.wait);
		kill_fasync(&port->rx.fasync, SIGIO, POLL_HUP);
		kill_fasync(&port->tx.fasync, SIGIO, POLL_HUP);
	}
}

/**
 * ferry_ports_unplug() - stop the ports, whoever has them open
 * @fdev: device; nobody is in a call any more
 *
 * May sleep.
 */
void ferry_ports_unplug(struct ferry_dev *fdev)
{
	struct ferry_port *port;

	list_for_each_entry(port, &fdev->ports, node) {
		mutex_lock(&port->lock);
		port->down = true;
		mutex_lock(&port->rx.mutex);
		if (port->rx.pool)
			ferry_rx_stop(&port->rx);
		mutex_unlock(&port->rx.mutex);
		mutex_lock(&port->tx.mutex);
		if (port->tx.pool)
			ferry_tx_stop(&port->tx);
		mutex_unlock(&port->tx.mutex);
		mutex_unlock(&port->lock);
		cancel_work_sync(&port->tx.retire);
	}
}

/**
 * ferry_ports_free() - free what the ports have kept for the next open
 * @fdev: device; its channels have let go of what they will
 */
void ferry_ports_free(struct ferry_dev *fdev)
{
	struct ferry_port *port;

	list_for_each_entry(port, &fdev->ports, node) {
		mutex_lock(&port->lock);
		ferry_block_uncache(port);
		mutex_unlock(&port->lock);
	}
}
