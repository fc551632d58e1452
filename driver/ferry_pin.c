// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of a process, pinned for the device.
 */
#include <linux/cred.h>
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

#include "ferry_buf.h"

/**
 * DOC: Registered memory
 *
 * On the way up memory is charged, pinned, mapped for the device, described (a
 * page list, if it needs one) and granted; on the way down each is undone in the
 * opposite order. The window is revoked first, so nothing touches a page that is
 * being unpinned.
 *
 * Pages are pinned with FOLL_LONGTERM, since a registration lasts as long as the
 * process likes: they leave what memory management wants to be able to move
 * (ZONE_MOVABLE, CMA), and writable pages of files whose file system must know
 * who dirties them are refused. A fork gives pinned pages to the parent, and
 * copies to the child.
 *
 * They are charged to the user's locked_vm, as io_uring and iommufd do, and not to
 * the address space as vfio does. A user with many processes would otherwise have
 * the limit once in each; and the last close of a file may come when its address
 * space has gone, or belongs to somebody else. mm->pinned_vm, which /proc/PID/status
 * shows as VmPin, is only for looking at.
 *
 * A segment that has to be bounced is refused: what the device writes would be in
 * a copy. So mapping and unmapping have nothing to synchronise, and say so.
 */

#define FERRY_PIN_ATTRS	(DMA_ATTR_SKIP_CPU_SYNC | DMA_ATTR_NO_WARN)

/* What fits a page is pinned at a time, as pointers. */
#define FERRY_PIN_BATCH	(PAGE_SIZE / sizeof(struct page *))

/**
 * struct ferry_pin - a buffer of BUF_REGISTER
 * @buf: what all buffers have
 * @list: how its row names it
 * @pages: its pages, mapped for the device
 * @nr: number of pages
 * @dir: what the device may do
 * @user: who was charged, or NULL
 * @mm: whose pinned_vm counts them
 */
struct ferry_pin {
	struct ferry_buf buf;
	struct ferry_list list;
	struct sg_append_table pages;
	unsigned long nr;
	enum dma_data_direction dir;
	struct user_struct *user;
	struct mm_struct *mm;
};

static int ferry_pin_charge(struct ferry_pin *pin)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	struct user_struct *user = current_user();
	unsigned long sum, now;

	if (!capable(CAP_IPC_LOCK)) {
		now = atomic_long_read(&user->locked_vm);
		do {
			if (check_add_overflow(now, pin->nr, &sum) || sum > limit)
				return -ENOMEM;
		} while (!atomic_long_try_cmpxchg(&user->locked_vm, &now, sum));
		pin->user = get_uid(user);
	}
	pin->mm = current->mm;
	mmgrab(pin->mm);
	atomic64_add(pin->nr, &pin->mm->pinned_vm);
	atomic64_add(pin->nr, &pin->buf.fdev->pinned);
	return 0;
}

static void ferry_pin_uncharge(struct ferry_pin *pin)
{
	atomic64_sub(pin->nr, &pin->buf.fdev->pinned);
	atomic64_sub(pin->nr, &pin->mm->pinned_vm);
	mmdrop(pin->mm);
	if (pin->user) {
		atomic_long_sub(pin->nr, &pin->user->locked_vm);
		free_uid(pin->user);
	}
}

/* The device may have written to any of them. */
static void ferry_pin_put_pages(struct ferry_pin *pin)
{
	bool dirty = pin->dir == DMA_BIDIRECTIONAL;
	struct scatterlist *sg;
	u32 i;

	for_each_sgtable_sg(&pin->pages.sgt, sg, i) {
		unpin_user_page_range_dirty_lock(sg_page(sg), sg->length >> PAGE_SHIFT, dirty);
		cond_resched();
	}
	sg_free_append_table(&pin->pages);
}

static int ferry_pin_get_batches(struct ferry_pin *pin, unsigned long addr, struct page **batch)
{
	unsigned int flags = FOLL_LONGTERM | (pin->dir == DMA_BIDIRECTIONAL ? FOLL_WRITE : 0);
	unsigned long left = pin->nr;
	long got;
	int err;

	while (left) {
		cond_resched();
		if (fatal_signal_pending(current))
			return -EINTR;
		got = pin_user_pages_fast(addr, min(left, FERRY_PIN_BATCH), flags, batch);
		if (got < 0)
			return got;
		addr += got << PAGE_SHIFT;
		left -= got;
		err = sg_alloc_append_table_from_pages(&pin->pages, batch, got, 0,
						       got << PAGE_SHIFT,
						       dma_get_max_seg_size(pin->buf.fdev->parent),
						       left, GFP_KERNEL_ACCOUNT);
		if (err) {
			unpin_user_pages(batch, got);
			return err;
		}
	}
	return 0;
}

static int ferry_pin_get_pages(struct ferry_pin *pin, unsigned long addr)
{
	struct page **batch = (struct page **)__get_free_page(GFP_KERNEL_ACCOUNT);
	int err;

	if (!batch)
		return -ENOMEM;
	err = ferry_pin_get_batches(pin, addr & PAGE_MASK, batch);
	free_page((unsigned long)batch);
	if (err)
		ferry_pin_put_pages(pin);
	return err;
}

static void ferry_pin_unmap(struct ferry_pin *pin)
{
	dma_unmap_sgtable(pin->buf.fdev->parent, &pin->pages.sgt, pin->dir, FERRY_PIN_ATTRS);
}

static int ferry_pin_map(struct ferry_pin *pin)
{
	struct device *dev = pin->buf.fdev->parent;
	int err;

	err = dma_map_sgtable(dev, &pin->pages.sgt, pin->dir, FERRY_PIN_ATTRS);
	if (!err && !ferry_sgt_direct(dev, &pin->pages.sgt)) {
		ferry_pin_unmap(pin);
		err = -EIO;
	}
	/* The DMA API has EIO for what could not even be bounced. */
	if (err != -EIO)
		return err;
	dev_notice_ratelimited(&pin->buf.fdev->dev,
			       "memory that the device does not reach can't be registered; use BUF_ALLOC\n");
	return -EADDRNOTAVAIL;
}

static void ferry_pin_free(struct ferry_buf *buf)
{
	struct ferry_pin *pin = container_of(buf, struct ferry_pin, buf);

	ferry_list_free(&pin->list, buf->fdev);
	ferry_pin_unmap(pin);
	ferry_pin_put_pages(pin);
	ferry_pin_uncharge(pin);
	kfree(pin);
}

static u64 ferry_pin_bytes(const struct ferry_buf *buf)
{
	return (u64)container_of(buf, struct ferry_pin, buf)->nr << PAGE_SHIFT;
}

static const struct ferry_buf_ops ferry_pin_ops = {
	.free = ferry_pin_free,
	.pinned = ferry_pin_bytes,
};

static struct ferry_pin *ferry_pin_create(struct ferry_dev *fdev, unsigned long addr, u64 length,
					  bool writable)
{
	struct ferry_pin *pin;
	int err;

	pin = kzalloc(sizeof(*pin), GFP_KERNEL_ACCOUNT);
	if (!pin)
		return ERR_PTR(-ENOMEM);
	ferry_buf_init(&pin->buf, fdev, &ferry_pin_ops);
	pin->nr = (offset_in_page(addr) + length + PAGE_SIZE - 1) >> PAGE_SHIFT;
	pin->dir = writable ? DMA_BIDIRECTIONAL : DMA_TO_DEVICE;

	err = ferry_pin_charge(pin);
	if (err)
		goto err_free;
	err = ferry_pin_get_pages(pin, addr);
	if (err)
		goto err_uncharge;
	err = ferry_pin_map(pin);
	if (err)
		goto err_put_pages;
	err = ferry_list_build(&pin->list, fdev, &pin->pages.sgt, offset_in_page(addr), length);
	if (err)
		goto err_unmap;
	return pin;

err_unmap:
	ferry_pin_unmap(pin);
err_put_pages:
	ferry_pin_put_pages(pin);
err_uncharge:
	ferry_pin_uncharge(pin);
err_free:
	kfree(pin);
	return ERR_PTR(err);
}

/**
 * ferry_buf_register() - FERRY_IOC_BUF_REGISTER
 * @file: open file
 * @cmd: argument, copied from user space
 * @arg: where it came from
 *
 * Return: 0 or the errno of the header.
 */
long ferry_buf_register(struct ferry_file *file, struct ferry_buf_register *cmd, void __user *arg)
{
	bool writable = !(cmd->flags & FERRY_BUF_DEV_RO);
	u32 access = FERRY_ROW_FLAGS_READ;
	struct ferry_pin *pin;
	unsigned long end;
	int err;

	if (cmd->flags & ~FERRY_BUF_DEV_RO || cmd->reserved || !file->fdev->coherent)
		return -EOPNOTSUPP;
	if (!cmd->length || cmd->addr > ULONG_MAX || cmd->length > ULONG_MAX ||
	    check_add_overflow((unsigned long)cmd->addr, (unsigned long)cmd->length, &end))
		return -EINVAL;
	/* Page counts of the scatterlist are of 32 bits. */
	if (cmd->length > (u64)INT_MAX << PAGE_SHIFT)
		return -EFBIG;

	pin = ferry_pin_create(file->fdev, cmd->addr, cmd->length, writable);
	if (IS_ERR(pin))
		return PTR_ERR(pin);
	if (writable)
		access |= FERRY_ROW_FLAGS_WRITE;
	err = ferry_buf_grant(file, &pin->buf, &pin->list.extent, access);
	if (err)
		goto err_put;

	cmd->buffer = pin->buf.win.row;
	err = ferry_put_arg(arg, cmd, sizeof(*cmd), cmd->size);
	if (err)
		goto err_withdraw;
	ferry_buf_publish(file, &pin->buf);
	return 0;

err_withdraw:
	ferry_buf_withdraw(file, &pin->buf);
err_put:
	ferry_buf_put(&pin->buf);
	return err;
}
