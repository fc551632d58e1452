// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page lists: scattered memory that a window makes contiguous.
 */
#include <kunit/visibility.h>
#include <linux/bitops.h>
#include <linux/dma-mapping.h>
#include <linux/dmapool.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "ferry.h"
#include "ferry_list.h"

/**
 * DOC: Page lists
 *
 * A list has pages of one size, which the driver chooses for each: the largest
 * to which all boundaries within the memory are aligned. So a huge page is one
 * page of the list, and the device walks less. Memory that is in one piece needs
 * no list, wherever it begins and ends.
 *
 * Directory and leaves are blocks of 4 KiB of a pool of coherent memory, whatever
 * the kernel's page size. They are written before the row becomes valid and not
 * changed as long as it is.
 */

/* What the device reads of a list is bounded by this, see hardware.rst. */
static_assert(FERRY_LIST_ENTRIES * sizeof(__le64) == FERRY_LIST_BYTES);

/**
 * ferry_sgt_direct() - does the device see mapped memory itself, and no copy of it?
 * @dev: platform device, coherent
 * @sgt: the memory, mapped
 *
 * dma_need_sync() says "may be bounced" of a device behind an IOMMU that has ever
 * bounced anything, or where DMA-API debugging is on. Memory is refused then that
 * could be used; there is no way to know.
 *
 * Return: false if a piece may be bounced.
 */
bool ferry_sgt_direct(struct device *dev, const struct sg_table *sgt)
{
	struct scatterlist *sg;
	u32 i;

	for_each_sgtable_dma_sg(sgt, sg, i)
		if (dma_need_sync(dev, sg_dma_address(sg)))
			return false;
	return true;
}

/**
 * ferry_list_describe() - find out how a row can name memory
 * @extent: what goes into the row; base is set only if the memory is contiguous
 * @sgt: the memory, mapped
 * @offset: where in it the window begins
 * @size: bytes from there
 * @min_shift: least page shift
 * @max_shift: greatest page shift; 0 if there are no lists
 *
 * Return: 0; -EOPNOTSUPP: the memory is in pieces that no list can name; -EFBIG:
 * in more than a list has room for; -EINVAL: it ends before the window does.
 */
int ferry_list_describe(struct ferry_extent *extent, const struct sg_table *sgt, u64 offset,
			u64 size, u32 min_shift, u32 max_shift)
{
	u64 bounds = 0, pos = 0, end = 0;
	dma_addr_t base = 0;
	struct scatterlist *sg;
	u32 shift, i;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		if (pos >= offset + size)
			break;
		if (pos <= offset)
			base = sg_dma_address(sg) + (offset - pos);
		else if (sg_dma_address(sg) != end)
			bounds |= sg_dma_address(sg) | end;
		end = (u64)sg_dma_address(sg) + sg_dma_len(sg);
		pos += sg_dma_len(sg);
	}
	if (pos < offset + size)
		return -EINVAL;

	*extent = (struct ferry_extent){ .size = size };
	if (!bounds) {
		extent->base = base;
		return 0;
	}
	/* The offset in the first page is a field of 32 bits. */
	shift = min3((u32)__ffs64(bounds), max_shift, 31U);
	if (!shift || shift < min_shift)
		return -EOPNOTSUPP;
	extent->first = base & GENMASK_ULL(shift - 1, 0);
	if ((extent->first + size - 1) >> shift >= FERRY_LIST_MAX_PAGES)
		return -EFBIG;
	extent->flags = FERRY_ROW_FLAGS_LIST | FIELD_PREP(FERRY_ROW_FLAGS_PAGE_SHIFT, shift);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(ferry_list_describe);

static int ferry_list_alloc(struct ferry_list *list, struct dma_pool *pool, u32 pages)
{
	u32 count = DIV_ROUND_UP(pages, FERRY_LIST_ENTRIES);
	dma_addr_t dma;

	list->leaves = kvcalloc(count, sizeof(*list->leaves), GFP_KERNEL_ACCOUNT);
	if (!list->leaves)
		return -ENOMEM;
	list->dir = dma_pool_zalloc(pool, GFP_KERNEL_ACCOUNT | __GFP_NOWARN, &dma);
	if (!list->dir)
		return -ENOMEM;
	list->extent.base = dma;
	for (; list->nr_leaves < count; list->nr_leaves++) {
		list->leaves[list->nr_leaves] =
			dma_pool_zalloc(pool, GFP_KERNEL_ACCOUNT | __GFP_NOWARN, &dma);
		if (!list->leaves[list->nr_leaves])
			return -ENOMEM;
		list->dir[list->nr_leaves] = cpu_to_le64(dma);
	}
	return 0;
}

static void ferry_list_fill(struct ferry_list *list, const struct sg_table *sgt, u64 offset,
			    u32 pages)
{
	u64 step = BIT_ULL(FIELD_GET(FERRY_ROW_FLAGS_PAGE_SHIFT, list->extent.flags));
	struct scatterlist *sg;
	u64 addr, end, pos = 0;
	u32 page = 0;
	u32 i;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		addr = sg_dma_address(sg);
		end = addr + sg_dma_len(sg);
		pos += sg_dma_len(sg);
		if (pos <= offset)
			continue;
		/* What begins within a page goes on where the one before ended. */
		addr = page ? round_up(addr, step) :
			      round_down(end - (pos - offset), step);
		for (; addr < end && page < pages; addr += step, page++)
			list->leaves[page / FERRY_LIST_ENTRIES][page % FERRY_LIST_ENTRIES] =
				cpu_to_le64(addr);
	}
	WARN_ON(page != pages);
}

/**
 * ferry_list_build() - describe mapped memory, with a list if it needs one
 * @list: list
 * @fdev: device
 * @sgt: the memory
 * @offset: as for ferry_list_describe()
 * @size: likewise
 *
 * May sleep.
 *
 * Return: 0, -ENOMEM or as ferry_list_describe().
 */
int ferry_list_build(struct ferry_list *list, struct ferry_dev *fdev, const struct sg_table *sgt,
		     u64 offset, u64 size)
{
	u32 shift, pages;
	int err;

	*list = (struct ferry_list){};
	err = ferry_list_describe(&list->extent, sgt, offset, size, fdev->caps.min_shift,
				  fdev->caps.max_shift);
	if (err || !(list->extent.flags & FERRY_ROW_FLAGS_LIST))
		return err;
	shift = FIELD_GET(FERRY_ROW_FLAGS_PAGE_SHIFT, list->extent.flags);
	pages = ((list->extent.first + size - 1) >> shift) + 1;
	err = ferry_list_alloc(list, fdev->lists, pages);
	if (err)
		ferry_list_free(list, fdev);
	else
		ferry_list_fill(list, sgt, offset, pages);
	return err;
}

/**
 * ferry_list_free() - free a list
 * @list: list; no row names it any more
 * @fdev: device
 */
void ferry_list_free(struct ferry_list *list, struct ferry_dev *fdev)
{
	u32 i;

	for (i = 0; i < list->nr_leaves; i++)
		dma_pool_free(fdev->lists, list->leaves[i], le64_to_cpu(list->dir[i]));
	if (list->dir)
		dma_pool_free(fdev->lists, list->dir, list->extent.base);
	kvfree(list->leaves);
}
