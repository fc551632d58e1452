/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page lists: scattered memory that a window makes contiguous.
 */
#ifndef FERRY_LIST_H
#define FERRY_LIST_H

#include <linux/types.h>

#include "ferry_window.h"

struct device;
struct ferry_dev;
struct sg_table;

/**
 * struct ferry_list - a page list as the device reads it, and what it is a list of
 * @extent: what goes into the row; without FERRY_ROW_FLAGS_LIST the memory is
 *	contiguous, and nothing below is used
 * @dir: directory of leaves
 * @leaves: leaves, @nr_leaves of them
 * @nr_leaves: how many
 */
struct ferry_list {
	struct ferry_extent extent;
	__le64 *dir;
	__le64 **leaves;
	u32 nr_leaves;
};

int ferry_list_describe(struct ferry_extent *extent, const struct sg_table *sgt, u64 offset,
			u64 size, u32 min_shift, u32 max_shift);
int ferry_list_build(struct ferry_list *list, struct ferry_dev *fdev, const struct sg_table *sgt,
		     u64 offset, u64 size);
bool ferry_sgt_direct(struct device *dev, const struct sg_table *sgt);
void ferry_list_free(struct ferry_list *list, struct ferry_dev *fdev);

#endif /* FERRY_LIST_H */
