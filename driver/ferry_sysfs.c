// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attributes of the device and of its channels, as in
 * Documentation/ABI/testing/sysfs-class-ferry. They only observe, but for
 * coalescing and the share of a user.
 */
#include <linux/bitfield.h>
#include <linux/cred.h>
#include <linux/kobject.h>
#include <linux/pm_runtime.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "ferry.h"

static struct ferry_dev *to_ferry_dev(struct device *dev)
{
	return container_of(dev, struct ferry_dev, dev);
}

static ssize_t version_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	u32 version = to_ferry_dev(dev)->caps.version;

	return sysfs_emit(buf, "%u.%u\n", ferry_major(version), ferry_minor(version));
}
static DEVICE_ATTR_RO(version);

static ssize_t channels_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", to_ferry_dev(dev)->caps.channels);
}
static DEVICE_ATTR_RO(channels);

static ssize_t ports_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", to_ferry_dev(dev)->caps.ports);
}
static DEVICE_ATTR_RO(ports);

static ssize_t lines_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", to_ferry_dev(dev)->caps.lines);
}
static DEVICE_ATTR_RO(lines);

static ssize_t operations_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	static const char * const names[] = {
		[FERRY_OP_NOP]		= "nop",
		[FERRY_OP_COPY]		= "copy",
		[FERRY_OP_FILL]		= "fill",
		[FERRY_OP_CRC32C]	= "crc32c",
		[FERRY_OP_COPY_CRC32C]	= "copy_crc32c",
		[FERRY_OP_COMPARE]	= "compare",
		[FERRY_OP_SEND]		= "send",
		[FERRY_OP_RECV]		= "recv",
	};
	u32 ops = to_ferry_dev(dev)->caps.ops;
	int len = 0;
	u32 op;

	for (op = 0; op < ARRAY_SIZE(names); op++)
		if (ops & BIT(op))
			len += sysfs_emit_at(buf, len, "%s%s", len ? " " : "", names[op]);
	return len + sysfs_emit_at(buf, len, "\n");
}
static DEVICE_ATTR_RO(operations);

static ssize_t address_bits_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", to_ferry_dev(dev)->caps.addr_width);
}
static DEVICE_ATTR_RO(address_bits);

static ssize_t max_length_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", to_ferry_dev(dev)->caps.max_len);
}
static DEVICE_ATTR_RO(max_length);

static ssize_t min_entries_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lu\n", BIT(to_ferry_dev(dev)->caps.min_order));
}
static DEVICE_ATTR_RO(min_entries);

static ssize_t max_entries_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lu\n", BIT(to_ferry_dev(dev)->caps.max_order));
}
static DEVICE_ATTR_RO(max_entries);

static ssize_t windows_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", to_ferry_dev(dev)->caps.rows);
}
static DEVICE_ATTR_RO(windows);

static ssize_t max_queues_per_user_show(struct device *dev, struct device_attribute *attr,
					char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(to_ferry_dev(dev)->max_queues));
}

static ssize_t max_queues_per_user_store(struct device *dev, struct device_attribute *attr,
					 const char *buf, size_t count)
{
	struct ferry_dev *fdev = to_ferry_dev(dev);
	u32 max;
	int err;

	err = kstrtou32(buf, 0, &max);
	if (err)
		return err;
	if (max > fdev->caps.channels)
		return -EINVAL;
	WRITE_ONCE(fdev->max_queues, max);
	return count;
}
static DEVICE_ATTR_RW(max_queues_per_user);

static ssize_t pinned_bytes_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n",
			  (u64)atomic64_read(&to_ferry_dev(dev)->pinned) << PAGE_SHIFT);
}
static DEVICE_ATTR_RO(pinned_bytes);

static struct attribute *ferry_dev_attrs[] = {
	&dev_attr_version.attr,
	&dev_attr_channels.attr,
	&dev_attr_ports.attr,
	&dev_attr_lines.attr,
	&dev_attr_operations.attr,
	&dev_attr_address_bits.attr,
	&dev_attr_max_length.attr,
	&dev_attr_min_entries.attr,
	&dev_attr_max_entries.attr,
	&dev_attr_windows.attr,
	&dev_attr_max_queues_per_user.attr,
	&dev_attr_pinned_bytes.attr,
	NULL
};

static const struct attribute_group ferry_dev_group = {
	.attrs = ferry_dev_attrs,
};

const struct attribute_group *ferry_dev_groups[] = {
	&ferry_dev_group,
	NULL
};

/**
 * struct ferry_chan_kobj - sysfs directory of a channel
 * @kobj: directory
 * @chan: channel; there while the directory is
 */
struct ferry_chan_kobj {
	struct kobject kobj;
	struct ferry_chan *chan;
};

/**
 * struct ferry_chan_attr - an attribute of a channel
 * @attr: attribute
 * @registers: @show reads registers and needs power
 * @show: prints it
 * @store: takes it, or NULL
 */
struct ferry_chan_attr {
	struct attribute attr;
	bool registers;
	ssize_t (*show)(struct ferry_chan *chan, char *buf);
	ssize_t (*store)(struct ferry_chan *chan, const char *buf, size_t count);
};

#define FERRY_CHAN_ATTR_RO(_name) \
	static const struct ferry_chan_attr chan_attr_##_name = __ATTR_RO(_name)
#define FERRY_CHAN_ATTR_RW(_name) \
	static const struct ferry_chan_attr chan_attr_##_name = __ATTR_RW(_name)
#define FERRY_CHAN_ATTR_REG(_name, _mode) \
	static const struct ferry_chan_attr chan_attr_##_name = { \
		.attr = { .name = #_name, .mode = _mode }, \
		.registers = true, \
		.show = _name##_show, \
	}

static ssize_t role_show(struct ferry_chan *chan, char *buf)
{
	static const char * const names[] = {
		[FERRY_ROLE_USER]	= "user",
		[FERRY_ROLE_PORT]	= "port",
		[FERRY_ROLE_RESERVED]	= "reserved",
	};

	return sysfs_emit(buf, "%s\n", names[chan->role]);
}
FERRY_CHAN_ATTR_RO(role);

static ssize_t state_show(struct ferry_chan *chan, char *buf)
{
	static const char * const names[] = {
		[FERRY_STATE_IDLE]	= "idle",
		[FERRY_STATE_RUNNING]	= "running",
		[FERRY_STATE_STOPPING]	= "stopping",
		[FERRY_STATE_HALTED]	= "halted",
		[FERRY_STATE_RESETTING]	= "resetting",
	};
	u32 state = FIELD_GET(FERRY_CHAN_STATUS_STATE, readl(chan->regs + FERRY_CHAN_STATUS));

	if (READ_ONCE(chan->broken))
		return sysfs_emit(buf, "broken\n");
	return sysfs_emit(buf, "%s\n", state < ARRAY_SIZE(names) ? names[state] : "unknown");
}
FERRY_CHAN_ATTR_REG(state, 0444);

static ssize_t owner_uid_show(struct ferry_chan *chan, char *buf)
{
	if (!test_bit(chan->nr, chan->fdev->claimed))
		return sysfs_emit(buf, "none\n");
	return sysfs_emit(buf, "%u\n", from_kuid_munged(current_user_ns(), chan->uid));
}
FERRY_CHAN_ATTR_RO(owner_uid);

static ssize_t entries_show(struct ferry_chan *chan, char *buf)
{
	u32 config = readl(chan->regs + FERRY_CHAN_CONFIG);

	if (!test_bit(chan->nr, chan->fdev->claimed))
		return sysfs_emit(buf, "0\n");
	return sysfs_emit(buf, "%lu\n", BIT(FIELD_GET(FERRY_CHAN_CONFIG_RING_ORDER, config)));
}
FERRY_CHAN_ATTR_REG(entries, 0444);

static ssize_t ferry_show_reg(struct ferry_chan *chan, u32 reg, char *buf)
{
	return sysfs_emit(buf, "%u\n", readl(chan->regs + reg));
}

static ssize_t weight_show(struct ferry_chan *chan, char *buf)
{
	return ferry_show_reg(chan, FERRY_CHAN_WEIGHT, buf);
}
FERRY_CHAN_ATTR_REG(weight, 0444);

static ssize_t head_show(struct ferry_chan *chan, char *buf)
{
	return ferry_show_reg(chan, FERRY_CHAN_HEAD, buf);
}
FERRY_CHAN_ATTR_REG(head, 0444);

static ssize_t tail_show(struct ferry_chan *chan, char *buf)
{
	return ferry_show_reg(chan, FERRY_CHAN_TAIL, buf);
}
FERRY_CHAN_ATTR_REG(tail, 0444);

static ssize_t bytes_show(struct ferry_chan *chan, char *buf)
{
	u32 lo, hi, again = readl(chan->regs + FERRY_CHAN_BYTES_HI);

	do {
		hi = again;
		lo = readl(chan->regs + FERRY_CHAN_BYTES_LO);
		again = readl(chan->regs + FERRY_CHAN_BYTES_HI);
	} while (hi != again);
	return sysfs_emit(buf, "%llu\n", (u64)hi << 32 | lo);
}
FERRY_CHAN_ATTR_REG(bytes, 0444);

static ssize_t errors_show(struct ferry_chan *chan, char *buf)
{
	return ferry_show_reg(chan, FERRY_CHAN_ERRORS, buf);
}
FERRY_CHAN_ATTR_REG(errors, 0444);

static ssize_t doorbells_show(struct ferry_chan *chan, char *buf)
{
	return ferry_show_reg(chan, FERRY_CHAN_DOORBELLS, buf);
}
FERRY_CHAN_ATTR_REG(doorbells, 0444);

static ssize_t irqs_show(struct ferry_chan *chan, char *buf)
{
	return ferry_show_reg(chan, FERRY_CHAN_IRQS, buf);
}
FERRY_CHAN_ATTR_REG(irqs, 0444);

static ssize_t quanta_show(struct ferry_chan *chan, char *buf)
{
	return ferry_show_reg(chan, FERRY_CHAN_QUANTA, buf);
}
FERRY_CHAN_ATTR_REG(quanta, 0444);

/* Why it died, if it did, even when it was reset since; else what is latched now. */
static ssize_t error_show(struct ferry_chan *chan, char *buf)
{
	struct ferry_error error;
	const char *killed;

	spin_lock_irq(&chan->lock);
	killed = chan->killed;
	error = chan->error;
	if (!error.code)
		ferry_error_read(chan, &error);
	spin_unlock_irq(&chan->lock);
	if (killed)
		return sysfs_emit(buf, "killed: %s\n", killed);
	if (!error.code)
		return sysfs_emit(buf, "none\n");
	return sysfs_emit(buf, "%s%s entry %u address %#llx\n", error.halt ? "halt " : "",
			  ferry_error_name(error.code), error.index, error.addr);
}

/* Not everybody's: there may be a bus address in it. */
FERRY_CHAN_ATTR_REG(error, 0400);

static ssize_t coalesce_count_show(struct ferry_chan *chan, char *buf)
{
	u32 count = FIELD_GET(FERRY_CHAN_COALESCE_COUNT, READ_ONCE(chan->coalesce));

	return sysfs_emit(buf, "%u\n", count);
}

static ssize_t coalesce_count_store(struct ferry_chan *chan, const char *buf, size_t count)
{
	u32 value;
	int err;

	err = kstrtou32(buf, 0, &value);
	if (err)
		return err;
	err = ferry_chan_set_coalesce(chan, &value, NULL);
	return err ?: count;
}
FERRY_CHAN_ATTR_RW(coalesce_count);

static ssize_t coalesce_usecs_show(struct ferry_chan *chan, char *buf)
{
	u32 usecs = FIELD_GET(FERRY_CHAN_COALESCE_TIME_US, READ_ONCE(chan->coalesce));

	return sysfs_emit(buf, "%u\n", usecs);
}

static ssize_t coalesce_usecs_store(struct ferry_chan *chan, const char *buf, size_t count)
{
	u32 value;
	int err;

	err = kstrtou32(buf, 0, &value);
	if (err)
		return err;
	err = ferry_chan_set_coalesce(chan, NULL, &value);
	return err ?: count;
}
FERRY_CHAN_ATTR_RW(coalesce_usecs);

static const struct attribute * const ferry_chan_attrs[] = {
	&chan_attr_role.attr,
	&chan_attr_state.attr,
	&chan_attr_owner_uid.attr,
	&chan_attr_entries.attr,
	&chan_attr_weight.attr,
	&chan_attr_head.attr,
	&chan_attr_tail.attr,
	&chan_attr_bytes.attr,
	&chan_attr_errors.attr,
	&chan_attr_doorbells.attr,
	&chan_attr_irqs.attr,
	&chan_attr_quanta.attr,
	&chan_attr_error.attr,
	&chan_attr_coalesce_count.attr,
	&chan_attr_coalesce_usecs.attr,
	NULL
};

static struct ferry_chan *to_ferry_chan(struct kobject *kobj)
{
	return container_of(kobj, struct ferry_chan_kobj, kobj)->chan;
}

static ssize_t ferry_chan_attr_show(struct kobject *kobj, struct attribute *attr, char *buf)
{
	struct ferry_chan_attr *chan_attr = container_of(attr, struct ferry_chan_attr, attr);
	struct ferry_chan *chan = to_ferry_chan(kobj);
	ssize_t ret;

	if (!chan_attr->registers)
		return chan_attr->show(chan, buf);
	ret = ferry_power_hold(chan->fdev);
	if (ret)
		return ret;
	ret = chan_attr->show(chan, buf);
	pm_runtime_put_autosuspend(chan->fdev->parent);
	return ret;
}

static ssize_t ferry_chan_attr_store(struct kobject *kobj, struct attribute *attr,
				     const char *buf, size_t count)
{
	struct ferry_chan_attr *chan_attr = container_of(attr, struct ferry_chan_attr, attr);

	return chan_attr->store ? chan_attr->store(to_ferry_chan(kobj), buf, count) : -EIO;
}

static const struct sysfs_ops ferry_chan_sysfs_ops = {
	.show = ferry_chan_attr_show,
	.store = ferry_chan_attr_store,
};

static void ferry_chan_kobj_release(struct kobject *kobj)
{
	kfree(container_of(kobj, struct ferry_chan_kobj, kobj));
}

static const struct kobj_type ferry_chan_ktype = {
	.sysfs_ops = &ferry_chan_sysfs_ops,
	.release = ferry_chan_kobj_release,
};

static struct kobject *ferry_chan_kobj_create(struct ferry_chan *chan)
{
	struct ferry_chan_kobj *ck;
	int err;

	ck = kzalloc(sizeof(*ck), GFP_KERNEL);
	if (!ck)
		return ERR_PTR(-ENOMEM);
	ck->chan = chan;
	err = kobject_init_and_add(&ck->kobj, &ferry_chan_ktype, &chan->fdev->dev.kobj,
				   "channel%u", chan->nr);
	if (!err)
		err = sysfs_create_files(&ck->kobj, ferry_chan_attrs);
	if (err) {
		kobject_put(&ck->kobj);
		return ERR_PTR(err);
	}
	return &ck->kobj;
}

/**
 * ferry_sysfs_add() - add the directories of the channels
 * @fdev: device, published
 *
 * Return: 0 or an errno, and nothing is there then.
 */
int ferry_sysfs_add(struct ferry_dev *fdev)
{
	struct kobject *kobj;
	u32 nr;

	for (nr = 0; nr < fdev->caps.channels; nr++) {
		kobj = ferry_chan_kobj_create(&fdev->chans[nr]);
		if (IS_ERR(kobj)) {
			ferry_sysfs_remove(fdev);
			return PTR_ERR(kobj);
		}
		fdev->chans_kobj[nr] = kobj;
	}
	return 0;
}

/**
 * ferry_sysfs_remove() - remove the directories of the channels
 * @fdev: device
 *
 * Waits for whoever reads or writes an attribute.
 */
void ferry_sysfs_remove(struct ferry_dev *fdev)
{
	u32 nr;

	for (nr = 0; nr < fdev->caps.channels; nr++) {
		if (!fdev->chans_kobj[nr])
			continue;
		kobject_del(fdev->chans_kobj[nr]);
		kobject_put(fdev->chans_kobj[nr]);
		fdev->chans_kobj[nr] = NULL;
	}
}
