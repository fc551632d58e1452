// SPDX-License-Identifier: GPL-2.0-only
/*
 * debugfs: ferry/ferryN/ with registers, rings and window tables. No ABI.
 */
#include <linux/debugfs.h>
#include <linux/dma-mapping.h>
#include <linux/pm_runtime.h>
#include <linux/seq_file.h>

#include "ferry_port.h"

static struct dentry *ferry_debugfs_root;

#define FERRY_DUMP(_reg) { .name = #_reg, .offset = FERRY_##_reg }

static const struct debugfs_reg32 ferry_global_dump[] = {
	FERRY_DUMP(ID),
	FERRY_DUMP(VERSION),
	FERRY_DUMP(CAP_COUNTS),
	FERRY_DUMP(CAP_OPS),
	FERRY_DUMP(CAP_ADDR),
	FERRY_DUMP(CAP_RING),
	FERRY_DUMP(CAP_WINDOWS),
	FERRY_DUMP(CAP_LEN),
	FERRY_DUMP(CAP_TIME),
	FERRY_DUMP(CAP_QUANTUM),
	FERRY_DUMP(CAP_COST),
	FERRY_DUMP(CAP_FEATURES),
	FERRY_DUMP(CAP_FIFO),
	FERRY_DUMP(TIME_LO),
	FERRY_DUMP(TIME_HI),
	FERRY_DUMP(STATUS),
	FERRY_DUMP(ACTIVE_LO),
	FERRY_DUMP(ACTIVE_HI),
};

static const struct debugfs_reg32 ferry_chan_dump[] = {
	FERRY_DUMP(CHAN_STATUS),
	FERRY_DUMP(CHAN_CONFIG),
	FERRY_DUMP(CHAN_WEIGHT),
	FERRY_DUMP(CHAN_SQ_BASE_LO),
	FERRY_DUMP(CHAN_SQ_BASE_HI),
	FERRY_DUMP(CHAN_CQ_BASE_LO),
	FERRY_DUMP(CHAN_CQ_BASE_HI),
	FERRY_DUMP(CHAN_WT_BASE_LO),
	FERRY_DUMP(CHAN_WT_BASE_HI),
	FERRY_DUMP(CHAN_WT_COUNT),
	FERRY_DUMP(CHAN_INDEX_INIT),
	FERRY_DUMP(CHAN_HEAD),
	FERRY_DUMP(CHAN_TAIL),
	FERRY_DUMP(CHAN_CQ_ARM),
	FERRY_DUMP(CHAN_COALESCE),
	FERRY_DUMP(CHAN_IRQ_STATUS),
	FERRY_DUMP(CHAN_IRQ_ENABLE),
	FERRY_DUMP(CHAN_ERR_STATUS),
	FERRY_DUMP(CHAN_ERR_INDEX),
	FERRY_DUMP(CHAN_ERR_ADDR_LO),
	FERRY_DUMP(CHAN_ERR_ADDR_HI),
	FERRY_DUMP(CHAN_BYTES_LO),
	FERRY_DUMP(CHAN_BYTES_HI),
	FERRY_DUMP(CHAN_ERRORS),
	FERRY_DUMP(CHAN_DOORBELLS),
	FERRY_DUMP(CHAN_IRQS),
	FERRY_DUMP(CHAN_QUANTA),
};

static const struct debugfs_reg32 ferry_port_dump[] = {
	FERRY_DUMP(PORT_STATUS),
	FERRY_DUMP(PORT_CHANNELS),
	FERRY_DUMP(PORT_IDLE),
	FERRY_DUMP(PORT_TX_LEVEL),
	FERRY_DUMP(PORT_RX_LEVEL),
	FERRY_DUMP(PORT_TX_BYTES_LO),
	FERRY_DUMP(PORT_TX_BYTES_HI),
	FERRY_DUMP(PORT_RX_BYTES_LO),
	FERRY_DUMP(PORT_RX_BYTES_HI),
	FERRY_DUMP(PORT_TX_PACKETS),
	FERRY_DUMP(PORT_RX_PACKETS),
	FERRY_DUMP(PORT_HANGUPS),
	FERRY_DUMP(PORT_TX_DROPPED),
};

static int ferry_dump_regs(struct seq_file *seq, struct ferry_dev *fdev, void __iomem *base,
			   const struct debugfs_reg32 *regs, int count)
{
	int err;

	err = ferry_power_hold(fdev);
	if (err)
		return err;
	debugfs_print_regs32(seq, regs, count, base, "");
	pm_runtime_put_autosuspend(fdev->parent);
	return 0;
}

static int ferry_regs_show(struct seq_file *seq, void *unused)
{
	struct ferry_dev *fdev = seq->private;

	return ferry_dump_regs(seq, fdev, fdev->ctrl, ferry_global_dump,
			       ARRAY_SIZE(ferry_global_dump));
}
DEFINE_SHOW_ATTRIBUTE(ferry_regs);

static int ferry_chan_regs_show(struct seq_file *seq, void *unused)
{
	struct ferry_chan *chan = seq->private;

	return ferry_dump_regs(seq, chan->fdev, chan->regs, ferry_chan_dump,
			       ARRAY_SIZE(ferry_chan_dump));
}
DEFINE_SHOW_ATTRIBUTE(ferry_chan_regs);

static int ferry_port_regs_show(struct seq_file *seq, void *unused)
{
	struct ferry_port *port = seq->private;

	return ferry_dump_regs(seq, port->fdev, port->regs, ferry_port_dump,
			       ARRAY_SIZE(ferry_port_dump));
}
DEFINE_SHOW_ATTRIBUTE(ferry_port_regs);

/* The slots that are outstanding. The owner does not stand still meanwhile. */
static int ferry_chan_ring_show(struct seq_file *seq, void *unused)
{
	struct ferry_chan *chan = seq->private;
	struct ferry_ring *ring = &chan->ring;
	struct ferry_sqe *sqe;
	struct ferry_cqe *cqe;
	u32 i, tail;

	mutex_lock(&chan->cmd_lock);
	if (!chan->live)
		goto out_unlock;
	/* A dead channel may have no power. */
	if (!READ_ONCE(chan->dead))
		ferry_chan_adopt(chan);
	i = READ_ONCE(ring->head);
	tail = READ_ONCE(ring->tail);
	seq_printf(seq, "head %u tail %u size %u\n", i, tail, ferry_ring_size(ring));
	for (; i != tail; i++) {
		sqe = ferry_ring_sqe(ring, i);
		seq_printf(seq, "%u: op %u flags %#x len %u src %#llx dst %#llx arg %#llx", i,
			   sqe->op, sqe->flags, le32_to_cpu(sqe->len), le64_to_cpu(sqe->src),
			   le64_to_cpu(sqe->dst), le64_to_cpu(sqe->arg));
		cqe = ferry_ring_cqe(ring, i);
		if (ferry_ring_ready(ring, i)) {
			dma_rmb();
			seq_printf(seq, " -> %s len %u result %#x flags %#x",
				   ferry_error_name(le16_to_cpu(cqe->status)),
				   le32_to_cpu(cqe->len), le32_to_cpu(cqe->result),
				   le16_to_cpu(cqe->flags));
		}
		seq_putc(seq, '\n');
	}
out_unlock:
	mutex_unlock(&chan->cmd_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(ferry_chan_ring);

static int ferry_chan_windows_show(struct seq_file *seq, void *unused)
{
	struct ferry_chan *chan = seq->private;
	struct ferry_wintab *tab;
	struct ferry_row *row;
	u32 nr;

	mutex_lock(&chan->cmd_lock);
	/* The channel of a port has none, unless a mapped queue has it. */
	if (!chan->live || !chan->cfg.tab)
		goto out_unlock;
	tab = chan->cfg.tab;
	for_each_set_bit(nr, tab->used, tab->count) {
		row = &tab->rows[nr];
		if (nr)
			seq_printf(seq, "%u: base %#llx size %#llx flags %#x first %u\n", nr,
				   le64_to_cpu(row->base), le64_to_cpu(row->size),
				   le32_to_cpu(row->flags), le32_to_cpu(row->first));
	}
out_unlock:
	mutex_unlock(&chan->cmd_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(ferry_chan_windows);

/**
 * ferry_debugfs_add() - add the files of a device
 * @fdev: device
 */
void ferry_debugfs_add(struct ferry_dev *fdev)
{
	struct ferry_port *port;
	struct dentry *dir;
	char name[24];
	u32 nr;

	fdev->debugfs = debugfs_create_dir(dev_name(&fdev->dev), ferry_debugfs_root);
	debugfs_create_file("regs", 0400, fdev->debugfs, fdev, &ferry_regs_fops);
	for (nr = 0; nr < fdev->caps.channels; nr++) {
		snprintf(name, sizeof(name), "channel%u", nr);
		dir = debugfs_create_dir(name, fdev->debugfs);
		debugfs_create_file("regs", 0400, dir, &fdev->chans[nr], &ferry_chan_regs_fops);
		debugfs_create_file("ring", 0400, dir, &fdev->chans[nr], &ferry_chan_ring_fops);
		debugfs_create_file("windows", 0400, dir, &fdev->chans[nr],
				    &ferry_chan_windows_fops);
	}
	list_for_each_entry(port, &fdev->ports, node) {
		snprintf(name, sizeof(name), "port%u", port->nr);
		dir = debugfs_create_dir(name, fdev->debugfs);
		debugfs_create_file("regs", 0400, dir, port, &ferry_port_regs_fops);
	}
}

/**
 * ferry_debugfs_remove() - remove the files of a device
 * @fdev: device
 *
 * Waits for whoever reads one.
 */
void ferry_debugfs_remove(struct ferry_dev *fdev)
{
	debugfs_remove(fdev->debugfs);
}

/**
 * ferry_debugfs_init() - make the directory of all devices, at module load
 */
void ferry_debugfs_init(void)
{
	ferry_debugfs_root = debugfs_create_dir("ferry", NULL);
}

/**
 * ferry_debugfs_exit() - undo ferry_debugfs_init()
 */
void ferry_debugfs_exit(void)
{
	debugfs_remove(ferry_debugfs_root);
}
