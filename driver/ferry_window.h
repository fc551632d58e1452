/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Window tables: what memory the channels of an open file may touch.
 */
#ifndef FERRY_WINDOW_H
#define FERRY_WINDOW_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include "ferry_regs.h"

struct ferry_chan;
struct ferry_dev;
struct ferry_wintab;

/**
 * struct ferry_row - row of a window table, as the device reads it
 * @base: bus address of the memory, or of the directory of a page list
 * @size: bytes
 * @flags: FERRY_ROW_FLAGS_*
 * @first: offset of the first byte in the first page of a page list
 * @reserved: zero
 */
struct ferry_row {
	__le64	base;
	__le64	size;
	__le32	flags;
	__le32	first;
	__le64	reserved;
};

/**
 * struct ferry_extent - memory, as a row names it
 * @base: bus address, or that of the directory of a page list
 * @size: bytes, not zero
 * @first: offset of the first byte in the first page of a list
 * @flags: FERRY_ROW_FLAGS_LIST and _PAGE_SHIFT for a list, else 0
 */
struct ferry_extent {
	dma_addr_t base;
	u64 size;
	u32 first;
	u32 flags;
};

/**
 * struct ferry_window_ops - what changing a row needs of the hardware
 * @sync: make what was written to the table visible to the device before what
 *	is written next
 * @invalidate: make every channel that uses the table forget a row, and stop
 *	what uses it; 0, or an error if a channel may still touch the memory.
 *	May sleep
 *
 * The KUnit tests put their own here and look at every state in between.
 */
struct ferry_window_ops {
	void (*sync)(struct ferry_wintab *tab);
	int (*invalidate)(struct ferry_wintab *tab, u32 row);
};

/**
 * struct ferry_window - memory that a row describes; part of its owner
 * @row: number of the row
 * @node: in &ferry_wintab.stuck
 * @release: called once, when the device no longer touches the memory. May sleep
 */
struct ferry_window {
	u32 row;
	struct list_head node;
	void (*release)(struct ferry_window *win);
};

/**
 * struct ferry_wintab - window table
 * @ref: the open file's, and one of each channel that was started with it
 * @ops: hardware
 * @fdev: device
 * @rows: the rows
 * @dma: their bus address
 * @count: how many
 * @lock: protects the members below and the rows
 * @used: bit n: row n is in use
 * @next: where the next row is looked for, so that an address that is not up to date
 *	does not mean other memory at once
 * @chans: channels that were started with the table
 * @stuck: windows that could not be revoked
 */
struct ferry_wintab {
	struct kref ref;
	const struct ferry_window_ops *ops;
	struct ferry_dev *fdev;
	struct ferry_row *rows;
	dma_addr_t dma;
	u32 count;

	struct mutex lock;
	unsigned long *used;
	u32 next;
	struct list_head chans;
	struct list_head stuck;
};

int ferry_wintab_init(struct ferry_wintab *tab, const struct ferry_window_ops *ops,
		      struct ferry_row *rows, u32 count);
void ferry_wintab_fini(struct ferry_wintab *tab);
struct ferry_wintab *ferry_wintab_create(struct ferry_dev *fdev, u32 count);
void ferry_wintab_put(struct ferry_wintab *tab);
void ferry_wintab_attach(struct ferry_wintab *tab, struct ferry_chan *chan);
void ferry_wintab_detach(struct ferry_wintab *tab, struct ferry_chan *chan);

int ferry_window_grant(struct ferry_wintab *tab, struct ferry_window *win,
		       const struct ferry_extent *extent, u32 access);
int ferry_window_revoke(struct ferry_wintab *tab, struct ferry_window *win);

#endif /* FERRY_WINDOW_H */
