// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers: memory that the device may touch, by handle.
 */
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/xarray.h>

#include "ferry_buf.h"

/**
 * DOC: Buffers
 *
 * A buffer is held by its handle (until BUF_FREE or close) and by its window (until
 * the device let go), each with a reference. The memory goes back with the last
 * one. Memory that was allocated here can be mapped, and is held by mappings, too
 * (ferry_mem.c); any other buffer is given back by BUF_FREE before it returns,
 * unless the device does not let go. What can be exported may outlive its buffer
 * (ferry_dmabuf.c).
 */

static void ferry_buf_release(struct kref *ref)
{
	struct ferry_buf *buf = container_of(ref, struct ferry_buf, ref);

	buf->ops->free(buf);
}

/**
 * ferry_buf_put() - drop a reference to a buffer
 * @buf: buffer
 *
 * With the last one it is freed. May sleep.
 */
void ferry_buf_put(struct ferry_buf *buf)
{
	kref_put(&buf->ref, ferry_buf_release);
}

static void ferry_buf_window_release(struct ferry_window *win)
{
	ferry_buf_put(container_of(win, struct ferry_buf, win));
}

/**
 * ferry_buf_init() - begin a buffer
 * @buf: buffer, zeroed; the caller has the one reference, which is to be the handle's
 * @fdev: device
 * @ops: what kind it is
 */
void ferry_buf_init(struct ferry_buf *buf, struct ferry_dev *fdev,
		    const struct ferry_buf_ops *ops)
{
	kref_init(&buf->ref);
	buf->ops = ops;
	buf->fdev = fdev;
	buf->win.release = ferry_buf_window_release;
}

/**
 * ferry_buf_grant() - give a buffer a window and a handle
 * @file: open file
 * @buf: buffer
 * @extent: its memory
 * @access: FERRY_ROW_FLAGS_READ, _WRITE or both
 *
 * Nobody finds the handle before ferry_buf_publish(), though the device knows the
 * window.
 *
 * Return: 0, -ENOSPC or -ENOMEM.
 */
int ferry_buf_grant(struct ferry_file *file, struct ferry_buf *buf,
		    const struct ferry_extent *extent, u32 access)
{
	int err;

	kref_get(&buf->ref);
	err = ferry_window_grant(file->tab, &buf->win, extent, access);
	if (err) {
		ferry_buf_put(buf);
		return err;
	}
	err = xa_reserve(&file->bufs, buf->win.row, GFP_KERNEL_ACCOUNT);
	if (err)
		ferry_window_revoke(file->tab, &buf->win);
	return err;
}

/**
 * ferry_buf_publish() - let the calls of a file find a buffer
 * @file: open file
 * @buf: buffer that was granted; the caller's reference is the handle's now
 */
void ferry_buf_publish(struct ferry_file *file, struct ferry_buf *buf)
{
	/* The slot was reserved, so this does not fail. */
	xa_store(&file->bufs, buf->win.row, buf, GFP_KERNEL);
}

/**
 * ferry_buf_withdraw() - undo ferry_buf_grant()
 * @file: open file
 * @buf: buffer that was not published
 */
void ferry_buf_withdraw(struct ferry_file *file, struct ferry_buf *buf)
{
	xa_release(&file->bufs, buf->win.row);
	ferry_window_revoke(file->tab, &buf->win);
}

/* The handle is gone, so this runs once. */
static int ferry_buf_close(struct ferry_file *file, struct ferry_buf *buf)
{
	int err = ferry_window_revoke(file->tab, &buf->win);

	ferry_buf_put(buf);
	return err;
}

/**
 * ferry_buf_get() - find a buffer that can be mapped
 * @file: open file
 * @handle: its handle
 *
 * Of no other kind there are references but the handle's and the window's.
 *
 * Return: buffer with a reference, for ferry_buf_put(); ERR_PTR() of -ENOENT, or of
 * -EINVAL if it is of another kind.
 */
struct ferry_buf *ferry_buf_get(struct ferry_file *file, unsigned long handle)
{
	struct ferry_buf *buf;

	/* The lock holds off BUF_FREE, and so the end of the handle's reference. */
	xa_lock(&file->bufs);
	buf = xa_load(&file->bufs, handle);
	if (!buf)
		buf = ERR_PTR(-ENOENT);
	else if (!buf->ops->mmap)
		buf = ERR_PTR(-EINVAL);
	else
		kref_get(&buf->ref);
	xa_unlock(&file->bufs);
	return buf;
}

/**
 * ferry_buf_mmap() - mmap(2) of a buffer
 * @file: open file
 * @vma: mapping, at the mmap_offset of the buffer
 *
 * The caller holds mmap_lock and is between ferry_dev_enter() and _exit().
 *
 * Return: 0, -EINVAL, -ENOENT or -ENOMEM as the header says.
 */
int ferry_buf_mmap(struct ferry_file *file, struct vm_area_struct *vma)
{
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 handle = offset >> FERRY_MMAP_SHIFT;
	struct ferry_buf *buf;
	int err;

	/* Not VM_SHARED, which a file that is only open for reading never gets. */
	if (!(vma->vm_flags & VM_MAYSHARE) || offset != handle << FERRY_MMAP_SHIFT)
		return -EINVAL;
	buf = ferry_buf_get(file, handle);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	err = buf->ops->mmap(file, buf, vma);
	ferry_buf_put(buf);
	return err;
}

/**
 * ferry_buf_free() - FERRY_IOC_BUF_FREE
 * @file: open file
 * @cmd: argument
 *
 * Return: 0 or the errno of the header.
 */
long ferry_buf_free(struct ferry_file *file, struct ferry_buf_free *cmd)
{
	struct ferry_buf *buf = xa_load(&file->bufs, cmd->buffer);

	/* Not xa_erase(): a slot that is only reserved yet is not ours to free. */
	if (!buf || xa_cmpxchg(&file->bufs, cmd->buffer, buf, NULL, GFP_KERNEL) != buf)
		return -ENOENT;
	return ferry_buf_close(file, buf) ? -EIO : 0;
}

/**
 * ferry_buf_free_all() - close all buffers of an open file
 * @file: open file; nobody can allocate any more
 */
void ferry_buf_free_all(struct ferry_file *file)
{
	struct ferry_buf *buf;
	unsigned long handle;

	xa_for_each(&file->bufs, handle, buf) {
		xa_erase(&file->bufs, handle);
		ferry_buf_close(file, buf);
	}
}

/**
 * ferry_buf_count() - what the handles of an open file stand for
 * @file: open file
 * @pinned: bytes of memory that it has registered
 *
 * Return: number of handles.
 */
u32 ferry_buf_count(struct ferry_file *file, u64 *pinned)
{
	struct ferry_buf *buf;
	unsigned long handle;
	u32 count = 0;

	*pinned = 0;
	/* The lock holds off BUF_FREE. */
	xa_lock(&file->bufs);
	xa_for_each(&file->bufs, handle, buf) {
		count++;
		if (buf->ops->pinned)
			*pinned += buf->ops->pinned(buf);
	}
	xa_unlock(&file->bufs);
	return count;
}
