// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attributes of the ports, as in Documentation/ABI/testing/sysfs-class-ferry.
 */
#include <linux/sysfs.h>

#include "ferry_port.h"

static ssize_t rx_channel_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", to_ferry_port(dev)->rx.chan->nr);
}
static DEVICE_ATTR_RO(rx_channel);

static ssize_t tx_channel_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", to_ferry_port(dev)->tx.chan->nr);
}
static DEVICE_ATTR_RO(tx_channel);

static ssize_t connected_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	u32 status = ferry_port_status(to_ferry_port(dev));

	return sysfs_emit(buf, "%u\n", !!(status & FERRY_PORT_STATUS_CONNECTED));
}
static DEVICE_ATTR_RO(connected);

static ssize_t loopback_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	u32 status = ferry_port_status(to_ferry_port(dev));

	return sysfs_emit(buf, "%u\n", !!(status & FERRY_PORT_STATUS_LOOPBACK));
}
static DEVICE_ATTR_RO(loopback);

static ssize_t packets_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	u32 status = ferry_port_status(to_ferry_port(dev));

	return sysfs_emit(buf, "%u\n", !!(status & FERRY_PORT_STATUS_PACKETS));
}
static DEVICE_ATTR_RO(packets);

static ssize_t opened_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct ferry_port *port = to_ferry_port(dev);

	return sysfs_emit(buf, "%s%s%s%s%s\n", READ_ONCE(port->reader) ? "r" : "",
			  READ_ONCE(port->writer) ? "w" : "",
			  READ_ONCE(port->tx.lingering) ? "l" : "",
			  ferry_port_is_lent(port->rx.chan, READ_ONCE(port->rx.pool)) ? "R" : "",
			  ferry_port_is_lent(port->tx.chan, READ_ONCE(port->tx.pool)) ? "W" : "");
}
static DEVICE_ATTR_RO(opened);

static ssize_t rx_waiting_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct ferry_rx *rx = &to_ferry_port(dev)->rx;
	u32 waiting;

	/* What is in the ring has come, too. */
	ferry_rx_poll(rx, false);
	spin_lock_irq(&rx->chan->lock);
	waiting = rx->filled - READ_ONCE(rx->taken);
	spin_unlock_irq(&rx->chan->lock);
	return sysfs_emit(buf, "%u\n", waiting);
}
static DEVICE_ATTR_RO(rx_waiting);

static ssize_t tx_waiting_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct ferry_tx *tx = &to_ferry_port(dev)->tx;

	ferry_tx_update(tx);
	return sysfs_emit(buf, "%u\n", READ_ONCE(tx->queued) - READ_ONCE(tx->accepted));
}
static DEVICE_ATTR_RO(tx_waiting);

/**
 * struct ferry_setting - an attribute that is a setting
 * @attr: attribute
 * @offset: of the member of &struct ferry_port_config, a u32
 */
struct ferry_setting {
	struct device_attribute attr;
	size_t offset;
};

static u32 *ferry_setting_in(struct device_attribute *attr, struct ferry_port_config *config)
{
	return (void *)config + container_of(attr, struct ferry_setting, attr)->offset;
}

static ssize_t ferry_setting_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(*ferry_setting_in(attr,
								   &to_ferry_port(dev)->config)));
}

static ssize_t ferry_setting_store(struct device *dev, struct device_attribute *attr,
				   const char *buf, size_t count)
{
	struct ferry_port *port = to_ferry_port(dev);
	struct ferry_port_config config;
	u32 value;
	int err;

	err = kstrtou32(buf, 0, &value);
	if (err)
		return err;
	mutex_lock(&port->lock);
	config = port->config;
	*ferry_setting_in(attr, &config) = value;
	err = ferry_port_configure(port, &config);
	mutex_unlock(&port->lock);
	return err ?: count;
}

#define FERRY_SETTING(_name) \
	static struct ferry_setting setting_##_name = { \
		.attr = { \
			.attr = { .name = #_name, .mode = 0644 }, \
			.show = ferry_setting_show, \
			.store = ferry_setting_store, \
		}, \
		.offset = offsetof(struct ferry_port_config, _name), \
	}

FERRY_SETTING(buffer_size);
FERRY_SETTING(entries);
FERRY_SETTING(coalesce_adaptive);
FERRY_SETTING(coalesce_count);
FERRY_SETTING(coalesce_usecs);
FERRY_SETTING(idle_usecs);

static struct attribute *ferry_port_attrs[] = {
	&dev_attr_rx_channel.attr,
	&dev_attr_tx_channel.attr,
	&dev_attr_connected.attr,
	&dev_attr_loopback.attr,
	&dev_attr_packets.attr,
	&dev_attr_opened.attr,
	&dev_attr_rx_waiting.attr,
	&dev_attr_tx_waiting.attr,
	&setting_buffer_size.attr.attr,
	&setting_entries.attr.attr,
	&setting_coalesce_adaptive.attr.attr,
	&setting_coalesce_count.attr.attr,
	&setting_coalesce_usecs.attr.attr,
	&setting_idle_usecs.attr.attr,
	NULL
};

static const struct attribute_group ferry_port_group = {
	.attrs = ferry_port_attrs,
};

/**
 * struct ferry_counter - an attribute that is a counter
 * @attr: attribute
 * @rx: of the receiving direction
 * @offset: of the member of &struct ferry_rx_stats or &struct ferry_tx_stats, a u64
 */
struct ferry_counter {
	struct device_attribute attr;
	bool rx;
	size_t offset;
};

static ssize_t ferry_counter_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct ferry_counter *counter = container_of(attr, struct ferry_counter, attr);
	struct ferry_port *port = to_ferry_port(dev);
	u64 value;

	/* What was moved is counted when it is looked at, unless somebody has done so. */
	if (counter->rx) {
		ferry_rx_poll(&port->rx, false);
		spin_lock_irq(&port->rx.chan->lock);
		value = *(u64 *)((void *)&port->rx.stats + counter->offset);
		spin_unlock_irq(&port->rx.chan->lock);
	} else {
		ferry_tx_update(&port->tx);
		spin_lock_irq(&port->tx.chan->lock);
		value = READ_ONCE(*(u64 *)((void *)&port->tx.stats + counter->offset));
		spin_unlock_irq(&port->tx.chan->lock);
	}
	return sysfs_emit(buf, "%llu\n", value);
}

#define FERRY_RX_COUNTER(_name) \
	static struct ferry_counter counter_rx_##_name = { \
		.attr = __ATTR(rx_##_name, 0444, ferry_counter_show, NULL), \
		.rx = true, \
		.offset = offsetof(struct ferry_rx_stats, _name), \
	}
#define FERRY_TX_COUNTER(_name) \
	static struct ferry_counter counter_tx_##_name = { \
		.attr = __ATTR(tx_##_name, 0444, ferry_counter_show, NULL), \
		.offset = offsetof(struct ferry_tx_stats, _name), \
	}

FERRY_RX_COUNTER(bytes);
FERRY_RX_COUNTER(packets);
FERRY_RX_COUNTER(hangups);
FERRY_RX_COUNTER(interrupts);
FERRY_RX_COUNTER(spurious);
FERRY_RX_COUNTER(refills);
FERRY_RX_COUNTER(reserve_refills);
FERRY_RX_COUNTER(starved);
FERRY_RX_COUNTER(retries);
FERRY_RX_COUNTER(truncated);
FERRY_RX_COUNTER(errors);
FERRY_TX_COUNTER(bytes);
FERRY_TX_COUNTER(packets);
FERRY_TX_COUNTER(interrupts);
FERRY_TX_COUNTER(overruns);
FERRY_TX_COUNTER(errors);

static struct attribute *ferry_port_counters[] = {
	&counter_rx_bytes.attr.attr,
	&counter_rx_packets.attr.attr,
	&counter_rx_hangups.attr.attr,
	&counter_rx_interrupts.attr.attr,
	&counter_rx_spurious.attr.attr,
	&counter_rx_refills.attr.attr,
	&counter_rx_reserve_refills.attr.attr,
	&counter_rx_starved.attr.attr,
	&counter_rx_retries.attr.attr,
	&counter_rx_truncated.attr.attr,
	&counter_rx_errors.attr.attr,
	&counter_tx_bytes.attr.attr,
	&counter_tx_packets.attr.attr,
	&counter_tx_interrupts.attr.attr,
	&counter_tx_overruns.attr.attr,
	&counter_tx_errors.attr.attr,
	NULL
};

static const struct attribute_group ferry_port_counter_group = {
	.name = "statistics",
	.attrs = ferry_port_counters,
};

const struct attribute_group *ferry_port_groups[] = {
	&ferry_port_group,
	&ferry_port_counter_group,
	NULL
};
