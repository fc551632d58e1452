// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of dma-bufs, as buffers.
 */
#include <linux/device.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/file.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "ferry_buf.h"
#include "ferry_dmabuf.h"

/**
 * DOC: dma-bufs
 *
 * A buffer of BUF_IMPORT is attached and mapped as long as it has a window: who
 * attaches without move_notify pins. A buffer of BUF_ALLOC with FERRY_BUF_EXPORT is
 * the same thing, of a dma-buf that was made for it (ferry_dmabuf.c), and BUF_EXPORT
 * gives that one to others. Both go from the device before unbinding ends; the dma-buf
 * is its exporter's, and stays as long as anybody has it.
 *
 * Mapping waits, in BUF_IMPORT, for the fences of an exporter that has still to move
 * the memory. Other fences are neither waited for nor published, least of all for
 * entries: what a queue does ends when its owner and its peers like, and a dma_fence
 * must not depend on that. Who shares memory with a queue has to order the accesses.
 */

/**
 * struct ferry_import - a buffer of BUF_IMPORT, or one that can be exported
 * @buf: what all buffers have
 * @list: how its row names it
 * @dmabuf: whose memory it is, a reference
 * @attach: our attachment
 * @sgt: its mapping
 * @dir: what the device may do
 */
struct ferry_import {
	struct ferry_buf buf;
	struct ferry_list list;
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;
	enum dma_data_direction dir;
};

static struct ferry_import *to_ferry_import(struct ferry_buf *buf)
{
	return container_of(buf, struct ferry_import, buf);
}

static void ferry_import_detach(struct ferry_import *imp)
{
	struct device *dev = imp->attach->dev;

	dma_buf_unmap_attachment_unlocked(imp->attach, imp->sgt, imp->dir);
	dma_buf_detach(imp->dmabuf, imp->attach);
	put_device(dev);
}

/* The DMA API has these for what could not even be bounced. */
static int ferry_import_error(int err)
{
	return err == -EIO || err == -EREMOTEIO ? -EADDRNOTAVAIL : err;
}

static int ferry_import_attach_once(struct ferry_import *imp, enum dma_data_direction dir)
{
	struct device *dev = imp->buf.fdev->parent;
	int err;

	imp->attach = dma_buf_attach(imp->dmabuf, dev);
	if (IS_ERR(imp->attach))
		return ferry_import_error(PTR_ERR(imp->attach));
	imp->dir = dir;
	imp->sgt = dma_buf_map_attachment_unlocked(imp->attach, dir);
	if (IS_ERR(imp->sgt)) {
		err = PTR_ERR(imp->sgt);
		dma_buf_detach(imp->dmabuf, imp->attach);
		return ferry_import_error(err);
	}
	/* A buffer that the device never lets go of is lost; what it names must not be. */
	get_device(dev);
	if (!ferry_sgt_direct(dev, imp->sgt)) {
		ferry_import_detach(imp);
		return -EADDRNOTAVAIL;
	}
	return 0;
}

/*
 * Unmapping writes back what was bounced for a device that writes, over what others
 * may have written meanwhile. So look first as one that only reads; by an attachment
 * of its own, as exporters may keep the mapping of one. (Memory of an exporter that
 * moves it is mapped for both directions by attaching already. Nothing helps there.)
 */
static int ferry_import_attach(struct ferry_import *imp, bool writable)
{
	int err = ferry_import_attach_once(imp, DMA_TO_DEVICE);

	if (!err && writable) {
		ferry_import_detach(imp);
		err = ferry_import_attach_once(imp, DMA_BIDIRECTIONAL);
	}
	if (err == -EADDRNOTAVAIL)
		dev_notice_ratelimited(&imp->buf.fdev->dev,
				       "memory that the device does not reach can't be imported; use BUF_ALLOC\n");
	return err;
}

static void ferry_import_free(struct ferry_buf *buf)
{
	struct ferry_import *imp = to_ferry_import(buf);

	ferry_list_free(&imp->list, buf->fdev);
	ferry_import_detach(imp);
	dma_buf_put(imp->dmabuf);
	kfree(imp);
}

/* The pages need no device, so neither do the mappings. */
static int ferry_import_mmap(struct ferry_file *file, struct ferry_buf *buf,
			     struct vm_area_struct *vma)
{
	return dma_buf_mmap(to_ferry_import(buf)->dmabuf, vma, 0);
}

static const struct ferry_buf_ops ferry_import_ops = {
	.free = ferry_import_free,
};

static const struct ferry_buf_ops ferry_export_ops = {
	.free = ferry_import_free,
	.mmap = ferry_import_mmap,
};

/* Gets a reference to the dma-buf of its own. */
static struct ferry_import *ferry_import_create(struct ferry_dev *fdev, struct dma_buf *dmabuf,
						u64 offset, u64 length, bool writable,
						const struct ferry_buf_ops *ops)
{
	struct ferry_import *imp;
	int err;

	imp = kzalloc(sizeof(*imp), GFP_KERNEL_ACCOUNT);
	if (!imp)
		return ERR_PTR(-ENOMEM);
	ferry_buf_init(&imp->buf, fdev, ops);
	get_dma_buf(dmabuf);
	imp->dmabuf = dmabuf;
	err = ferry_import_attach(imp, writable);
	if (err)
		goto err_put;
	err = ferry_list_build(&imp->list, fdev, imp->sgt, offset, length);
	if (err)
		goto err_detach;
	return imp;

err_detach:
	ferry_import_detach(imp);
err_put:
	dma_buf_put(dmabuf);
	kfree(imp);
	return ERR_PTR(err);
}

static int ferry_import_grant(struct ferry_file *file, struct ferry_import *imp)
{
	u32 access = FERRY_ROW_FLAGS_READ;

	if (imp->dir == DMA_BIDIRECTIONAL)
		access |= FERRY_ROW_FLAGS_WRITE;
	return ferry_buf_grant(file, &imp->buf, &imp->list.extent, access);
}

static int ferry_import_dmabuf(struct ferry_file *file, struct ferry_buf_import *cmd,
			       struct dma_buf *dmabuf, void __user *arg)
{
	bool writable = !(cmd->flags & FERRY_BUF_DEV_RO);
	struct ferry_import *imp;
	int err;

	/* Who may not read or write by mmap(2) may not have the device do it. */
	if (!(dmabuf->file->f_mode & FMODE_READ) ||
	    (writable && !(dmabuf->file->f_mode & FMODE_WRITE)))
		return -EACCES;
	if (cmd->offset >= dmabuf->size || cmd->length > dmabuf->size - cmd->offset)
		return -EINVAL;
	if (!cmd->length)
		cmd->length = dmabuf->size - cmd->offset;

	imp = ferry_import_create(file->fdev, dmabuf, cmd->offset, cmd->length, writable,
				  &ferry_import_ops);
	if (IS_ERR(imp))
		return PTR_ERR(imp);
	err = ferry_import_grant(file, imp);
	if (err)
		goto err_put;
	cmd->buffer = imp->buf.win.row;
	err = ferry_put_arg(arg, cmd, sizeof(*cmd), cmd->size);
	if (err)
		goto err_withdraw;
	ferry_buf_publish(file, &imp->buf);
	return 0;

err_withdraw:
	ferry_buf_withdraw(file, &imp->buf);
err_put:
	ferry_buf_put(&imp->buf);
	return err;
}

/**
 * ferry_buf_import() - FERRY_IOC_BUF_IMPORT
 * @file: open file
 * @cmd: argument, copied from user space
 * @arg: where it came from
 *
 * Return: 0 or the errno of the header.
 */
long ferry_buf_import(struct ferry_file *file, struct ferry_buf_import *cmd, void __user *arg)
{
	struct dma_buf *dmabuf;
	int err;

	if (cmd->flags & ~FERRY_BUF_DEV_RO || cmd->reserved || !file->fdev->coherent)
		return -EOPNOTSUPP;
	dmabuf = dma_buf_get(cmd->fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	err = ferry_import_dmabuf(file, cmd, dmabuf, arg);
	dma_buf_put(dmabuf);
	return err;
}

/**
 * ferry_buf_alloc_export() - FERRY_IOC_BUF_ALLOC with FERRY_BUF_EXPORT
 * @file: open file
 * @cmd: argument, checked but for what only such memory can't be
 * @arg: where it came from
 *
 * Return: 0 or the errno of the header.
 */
long ferry_buf_alloc_export(struct ferry_file *file, struct ferry_buf_alloc *cmd,
			    void __user *arg)
{
	struct ferry_dev *fdev = file->fdev;
	u64 reach = min_not_zero(dma_get_mask(fdev->parent), fdev->parent->bus_dma_limit);
	size_t size = PAGE_ALIGN(cmd->length);
	struct ferry_import *imp;
	struct dma_buf *dmabuf;
	gfp_t zone = 0;
	int err;

	if (!fdev->coherent)
		return -EOPNOTSUPP;
	if (dma_get_required_mask(fdev->parent) > reach)
		zone = GFP_DMA32;
	dmabuf = ferry_dmabuf_create(size, zone);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	imp = ferry_import_create(fdev, dmabuf, 0, size, !(cmd->flags & FERRY_BUF_DEV_RO),
				  &ferry_export_ops);
	dma_buf_put(dmabuf);
	if (IS_ERR(imp))
		return PTR_ERR(imp);
	err = ferry_import_grant(file, imp);
	if (err)
		goto err_put;
	cmd->buffer = imp->buf.win.row;
	cmd->mmap_offset = (u64)cmd->buffer << FERRY_MMAP_SHIFT;
	err = ferry_put_arg(arg, cmd, sizeof(*cmd), cmd->size);
	if (err)
		goto err_withdraw;
	ferry_buf_publish(file, &imp->buf);
	return 0;

err_withdraw:
	ferry_buf_withdraw(file, &imp->buf);
err_put:
	ferry_buf_put(&imp->buf);
	return err;
}

static int ferry_export_fd(struct ferry_buf_export *cmd, struct dma_buf *dmabuf,
			   void __user *arg)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);
	int err;

	if (fd < 0)
		return fd;
	cmd->fd = fd;
	err = ferry_put_arg(arg, cmd, sizeof(*cmd), cmd->size);
	if (err) {
		put_unused_fd(fd);
		return err;
	}
	/* From here on it is user space's, so nothing may fail. */
	get_dma_buf(dmabuf);
	fd_install(fd, dmabuf->file);
	return 0;
}

/**
 * ferry_buf_export() - FERRY_IOC_BUF_EXPORT
 * @file: open file
 * @cmd: argument, copied from user space
 * @arg: where it came from
 *
 * Return: 0 or the errno of the header.
 */
long ferry_buf_export(struct ferry_file *file, struct ferry_buf_export *cmd, void __user *arg)
{
	struct ferry_buf *buf;
	int err = -EINVAL;

	if (cmd->flags)
		return -EOPNOTSUPP;
	buf = ferry_buf_get(file, cmd->buffer);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	if (buf->ops == &ferry_export_ops)
		err = ferry_export_fd(cmd, to_ferry_import(buf)->dmabuf, arg);
	ferry_buf_put(buf);
	return err;
}
