// SPDX-License-Identifier: GPL-2.0-only
/*
 * What mapped queues are compared with: the least that a driver of one's own is,
 * /dev/naive, an ioctl for each copy. It takes channel 0 of the device, before the
 * driver is loaded, in bypass mode; its memory is its own, and who waits spins.
 */
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/of_address.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "ferry_regs.h"
#include "linux/ferry.h"

#define ORDER		6	/* of the rings, so that each is within a page */
#define MEMORY_ORDER	9	/* pages: half is source, half is destination */
#define SPINS		1000000
#define NAIVE_BYTES	(PAGE_SIZE << MEMORY_ORDER)

static void __iomem *ctrl, *doorbell;
static struct ferry_sqe *sq;
static struct ferry_cqe *cq;
static void *memory;
static u32 tail;
static DEFINE_MUTEX(lock);

static long naive_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct ferry_sqe *request = kzalloc(sizeof(*request), GFP_KERNEL);
	u32 slot, spins;
	int err = -EFAULT;

	if (!request)
		return -ENOMEM;
	if (copy_from_user(request, (void __user *)arg, sizeof(*request)))
		goto out;
	err = -EINVAL;
	if (request->op != FERRY_OP_COPY || le32_to_cpu(request->len) > NAIVE_BYTES / 2)
		goto out;
	request->src = cpu_to_le64(virt_to_phys(memory));
	request->dst = cpu_to_le64(virt_to_phys(memory + NAIVE_BYTES / 2));
	mutex_lock(&lock);
	slot = tail % (1 << ORDER);
	sq[slot] = *request;
	tail++;
	writel(tail, doorbell);
	for (spins = 0; le32_to_cpu(READ_ONCE(cq[slot].seq)) != tail && spins < SPINS; spins++)
		cpu_relax();
	dma_rmb();
	err = spins == SPINS || cq[slot].status ? -EIO : 0;
	mutex_unlock(&lock);
out:
	kfree(request);
	return err;
}

static const struct file_operations naive_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = naive_ioctl,
};

static struct miscdevice naive_dev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "naive",
	.fops = &naive_fops,
};

static int __init naive_init(void)
{
	struct device_node *node = of_find_compatible_node(NULL, NULL, "qemu,ferry");
	void __iomem *chan;

	if (!node)
		return -ENODEV;
	ctrl = of_iomap(node, of_property_match_string(node, "reg-names", "ctrl"));
	doorbell = of_iomap(node, of_property_match_string(node, "reg-names", "doorbell"));
	of_node_put(node);
	sq = (void *)get_zeroed_page(GFP_KERNEL);
	cq = (void *)get_zeroed_page(GFP_KERNEL);
	memory = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, MEMORY_ORDER);
	/* The guest ends with what it measures: nothing is given back on an error. */
	if (!ctrl || !doorbell || !sq || !cq || !memory)
		return -ENOMEM;
	chan = ctrl + FERRY_CHAN(0);
	writel(lower_32_bits(virt_to_phys(sq)), chan + FERRY_CHAN_SQ_BASE_LO);
	writel(upper_32_bits(virt_to_phys(sq)), chan + FERRY_CHAN_SQ_BASE_HI);
	writel(lower_32_bits(virt_to_phys(cq)), chan + FERRY_CHAN_CQ_BASE_LO);
	writel(upper_32_bits(virt_to_phys(cq)), chan + FERRY_CHAN_CQ_BASE_HI);
	writel(ORDER << 8 | FERRY_CHAN_CONFIG_BYPASS, chan + FERRY_CHAN_CONFIG);
	writel(0, chan + FERRY_CHAN_INDEX_INIT);
	writel(1, chan + FERRY_CHAN_WEIGHT);
	writel(FERRY_CHAN_CMD_START, chan + FERRY_CHAN_CMD);
	if ((readl(chan + FERRY_CHAN_STATUS) & FERRY_CHAN_STATUS_STATE) != FERRY_STATE_RUNNING)
		return -EIO;
	return misc_register(&naive_dev);
}

static void __exit naive_exit(void)
{
	misc_deregister(&naive_dev);
	writel(FERRY_CHAN_CMD_RESET, ctrl + FERRY_CHAN(0) + FERRY_CHAN_CMD);
	while ((readl(ctrl + FERRY_CHAN(0) + FERRY_CHAN_STATUS) & FERRY_CHAN_STATUS_STATE) !=
	       FERRY_STATE_IDLE)
		udelay(1);
	free_pages((unsigned long)memory, MEMORY_ORDER);
	free_page((unsigned long)cq);
	free_page((unsigned long)sq);
	iounmap(doorbell);
	iounmap(ctrl);
}

module_init(naive_init);
module_exit(naive_exit);
MODULE_DESCRIPTION("The least driver of a Ferry device, to compare with");
MODULE_LICENSE("GPL");
