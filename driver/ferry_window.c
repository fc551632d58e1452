// SPDX-License-Identifier: GPL-2.0-only
/*
 * Window tables: what memory the channels of an open file may touch.
 */
#include <kunit/visibility.h>
#include <linux/bitmap.h>
#include <linux/dma-mapping.h>
#include <linux/slab.h>

#include "ferry.h"
#include "ferry_trace.h"

/**
 * DOC: Windows
 *
 * A row of the table is the only way for a channel to name memory. The device
 * may read a row at any time and may keep what it read while the row was valid.
 * So a row goes through these states, one store or one command apart::
 *
 *	empty     flags 0, nothing points here
 *	  | base, size, first; sync
 *	described flags 0
 *	  | flags with VALID (the doorbell's barrier makes it visible)
 *	granted
 *	  | flags 0; sync
 *	revoked   flags 0; channels may still use what they kept
 *	  | invalidate
 *	empty
 *
 * Memory belongs to the device from before "described" until the state is empty
 * again. If a channel does not answer an invalidation it is reset, and if even
 * that fails the window is *stuck*: its row is not used again, and its release
 * is called only when the table goes, which a channel that was not reset
 * prevents. So memory is never given back while the device may touch it.
 */

static_assert(sizeof(struct ferry_row) == FERRY_ROW_SIZE);
static_assert(offsetof(struct ferry_row, size) == FERRY_ROW_BYTES);
static_assert(offsetof(struct ferry_row, flags) == FERRY_ROW_FLAGS);
static_assert(offsetof(struct ferry_row, first) == FERRY_ROW_FIRST);
static_assert(offsetof(struct ferry_row, reserved) == FERRY_ROW_RESERVED);

static void ferry_window_sync(struct ferry_wintab *tab)
{
	/* Rows before what makes the device read them: flags, or a register. */
	dma_wmb();
}

static int ferry_window_invalidate(struct ferry_wintab *tab, u32 row)
{
	struct ferry_chan *chan;
	int ret = 0, err;

	lockdep_assert_held(&tab->lock);

	list_for_each_entry(chan, &tab->chans, tab_node) {
		err = ferry_chan_invalidate(chan, row);
		ret = ret ?: err;
	}
	return ret;
}

static const struct ferry_window_ops ferry_window_hw_ops = {
	.sync = ferry_window_sync,
	.invalidate = ferry_window_invalidate,
};

/**
 * ferry_wintab_init() - make an empty table in given memory
 * @tab: table, zeroed
 * @ops: hardware
 * @rows: zeroed memory of the rows
 * @count: number of rows; row 0 is never used
 *
 * Return: 0 or -ENOMEM.
 */
int ferry_wintab_init(struct ferry_wintab *tab, const struct ferry_window_ops *ops,
		      struct ferry_row *rows, u32 count)
{
	tab->used = bitmap_zalloc(count, GFP_KERNEL_ACCOUNT);
	if (!tab->used)
		return -ENOMEM;
	__set_bit(0, tab->used);
	kref_init(&tab->ref);
	mutex_init(&tab->lock);
	INIT_LIST_HEAD(&tab->chans);
	INIT_LIST_HEAD(&tab->stuck);
	tab->ops = ops;
	tab->rows = rows;
	tab->count = count;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(ferry_wintab_init);

/**
 * ferry_wintab_fini() - end the use of a table that no channel uses any more
 * @tab: table; all its windows were revoked
 *
 * Releases the windows that were stuck.
 */
void ferry_wintab_fini(struct ferry_wintab *tab)
{
	struct ferry_window *win, *next;

	WARN_ON(!list_empty(&tab->chans));
	list_for_each_entry_safe(win, next, &tab->stuck, node) {
		list_del(&win->node);
		__clear_bit(win->row, tab->used);
		win->release(win);
	}
	WARN_ON(bitmap_weight(tab->used, tab->count) != 1);
	bitmap_free(tab->used);
	mutex_destroy(&tab->lock);
}
EXPORT_SYMBOL_IF_KUNIT(ferry_wintab_fini);

/**
 * ferry_wintab_create() - allocate a table
 * @fdev: device
 * @count: number of rows, at most what the device can have
 *
 * Return: table with one reference, or ERR_PTR(-ENOMEM).
 */
struct ferry_wintab *ferry_wintab_create(struct ferry_dev *fdev, u32 count)
{
	struct ferry_wintab *tab;
	struct ferry_row *rows;

	tab = kzalloc(sizeof(*tab), GFP_KERNEL_ACCOUNT);
	if (!tab)
		return ERR_PTR(-ENOMEM);
	rows = dma_alloc_coherent(fdev->parent, array_size(count, sizeof(*rows)), &tab->dma,
				  GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!rows)
		goto err_free_tab;
	if (ferry_wintab_init(tab, &ferry_window_hw_ops, rows, count))
		goto err_free_rows;
	tab->fdev = fdev;
	return tab;

err_free_rows:
	dma_free_coherent(fdev->parent, array_size(count, sizeof(*rows)), rows, tab->dma);
err_free_tab:
	kfree(tab);
	return ERR_PTR(-ENOMEM);
}

static void ferry_wintab_free(struct kref *ref)
{
	struct ferry_wintab *tab = container_of(ref, struct ferry_wintab, ref);

	ferry_wintab_fini(tab);
	dma_free_coherent(tab->fdev->parent, array_size(tab->count, sizeof(*tab->rows)),
			  tab->rows, tab->dma);
	kfree(tab);
}

/**
 * ferry_wintab_put() - drop a reference to a table
 * @tab: table
 *
 * With the last one the table goes; before that every window was revoked. May
 * sleep. Only while the device is there.
 */
void ferry_wintab_put(struct ferry_wintab *tab)
{
	kref_put(&tab->ref, ferry_wintab_free);
}

/**
 * ferry_wintab_attach() - a channel is about to be started with the table
 * @tab: table; the channel gets a reference
 * @chan: channel
 */
void ferry_wintab_attach(struct ferry_wintab *tab, struct ferry_chan *chan)
{
	mutex_lock(&tab->lock);
	kref_get(&tab->ref);
	list_add_tail(&chan->tab_node, &tab->chans);
	mutex_unlock(&tab->lock);
}

/**
 * ferry_wintab_detach() - a channel was reset and forgot the table
 * @tab: table; the channel's reference is dropped
 * @chan: channel
 */
void ferry_wintab_detach(struct ferry_wintab *tab, struct ferry_chan *chan)
{
	mutex_lock(&tab->lock);
	list_del_init(&chan->tab_node);
	mutex_unlock(&tab->lock);
	ferry_wintab_put(tab);
}

/**
 * ferry_window_grant() - let the channels of a table touch memory
 * @tab: table
 * @win: window; its @release is set, the rest is filled in
 * @extent: memory
 * @access: FERRY_ROW_FLAGS_READ, _WRITE or both
 *
 * Submissions that are published after it returned can use the window.
 *
 * Return: 0, or -ENOSPC if every row is in use.
 */
int ferry_window_grant(struct ferry_wintab *tab, struct ferry_window *win,
		       const struct ferry_extent *extent, u32 access)
{
	u32 flags = extent->flags | access;
	struct ferry_row *row;
	u32 nr;

	mutex_lock(&tab->lock);
	nr = find_next_zero_bit(tab->used, tab->count, tab->next);
	if (nr >= tab->count)
		nr = find_first_zero_bit(tab->used, tab->count);
	if (nr >= tab->count) {
		mutex_unlock(&tab->lock);
		return -ENOSPC;
	}
	__set_bit(nr, tab->used);
	tab->next = nr + 1;
	win->row = nr;

	row = &tab->rows[nr];
	row->base = cpu_to_le64(extent->base);
	row->size = cpu_to_le64(extent->size);
	row->first = cpu_to_le32(extent->first);
	row->reserved = 0;
	tab->ops->sync(tab);
	WRITE_ONCE(row->flags, cpu_to_le32(flags | FERRY_ROW_FLAGS_VALID));
	trace_ferry_window(tab, nr, extent->base, extent->size, flags, "grant");
	mutex_unlock(&tab->lock);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(ferry_window_grant);

/**
 * ferry_window_revoke() - take memory away from the channels of a table
 * @tab: table
 * @win: window that was granted
 *
 * Operations that use the window end with FERRY_ERR_WINDOW_REVOKED. Calls the
 * window's @release once: before it returns in the ordinary case, later if a
 * channel could not be made to let go. May sleep for as long as the device's
 * bounds allow.
 *
 * Return: 0, or an errno if the device may still touch the memory.
 */
int ferry_window_revoke(struct ferry_wintab *tab, struct ferry_window *win)
{
	struct ferry_row *row = &tab->rows[win->row];
	int err;

	mutex_lock(&tab->lock);
	WRITE_ONCE(row->flags, 0);
	tab->ops->sync(tab);
	err = tab->ops->invalidate(tab, win->row);
	trace_ferry_window(tab, win->row, le64_to_cpu(row->base), le64_to_cpu(row->size), 0,
			   err ? "stuck" : "revoke");
	if (err) {
		list_add_tail(&win->node, &tab->stuck);
	} else {
		row->base = 0;
		row->size = 0;
		row->first = 0;
		__clear_bit(win->row, tab->used);
	}
	mutex_unlock(&tab->lock);
	if (!err)
		win->release(win);
	return err;
}
EXPORT_SYMBOL_IF_KUNIT(ferry_window_revoke);
