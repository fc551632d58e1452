/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Buffers: what the kinds of them have in common.
 */
#ifndef FERRY_BUF_H
#define FERRY_BUF_H

#include <linux/kref.h>
#include <linux/types.h>

#include "ferry.h"
#include "ferry_list.h"

struct ferry_buf;
struct vm_area_struct;

/**
 * struct ferry_buf_ops - a kind of buffer
 * @free: give back the memory and the structure, when nobody holds it any more.
 *	May sleep
 * @pinned: bytes of a process's memory that it holds; NULL: none
 * @mmap: map it from its beginning on, as ferry_buf_mmap(); NULL: it can't be
 */
struct ferry_buf_ops {
	void (*free)(struct ferry_buf *buf);
	u64 (*pinned)(const struct ferry_buf *buf);
	int (*mmap)(struct ferry_file *file, struct ferry_buf *buf, struct vm_area_struct *vma);
};

/**
 * struct ferry_buf - memory for the device
 * @ref: handle, window; of some kinds others, too
 * @ops: what kind it is
 * @fdev: device
 * @win: window; its row is the handle
 */
struct ferry_buf {
	struct kref ref;
	const struct ferry_buf_ops *ops;
	struct ferry_dev *fdev;
	struct ferry_window win;
};

void ferry_buf_init(struct ferry_buf *buf, struct ferry_dev *fdev,
		    const struct ferry_buf_ops *ops);
struct ferry_buf *ferry_buf_get(struct ferry_file *file, unsigned long handle);
void ferry_buf_put(struct ferry_buf *buf);
int ferry_buf_grant(struct ferry_file *file, struct ferry_buf *buf,
		    const struct ferry_extent *extent, u32 access);
void ferry_buf_publish(struct ferry_file *file, struct ferry_buf *buf);
void ferry_buf_withdraw(struct ferry_file *file, struct ferry_buf *buf);

#endif /* FERRY_BUF_H */
