// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that others can use, too: an exporter of dma-bufs.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/iosys-map.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <kunit/visibility.h>

#include "ferry_compat.h"
#include "ferry_dmabuf.h"

/**
 * DOC: Exported memory
 *
 * Memory of the DMA API belongs to a device and has to be given back before the
 * driver lets go of that. Nobody can take a dma-buf away from those who have mapped
 * it, so what can be exported is made of ordinary pages. The device is one of those
 * who use them, by an attachment as anybody's (ferry_import.c); nothing here knows
 * it. So pages, mappings and attachments of others stay when it goes, and only the
 * module has to.
 *
 * Several devices map the same pages. Each mapping leaves the caches alone and is
 * then handed over on its own, so that a device which is not coherent sees what was
 * written, and the DMA API knows that the overlap is meant.
 */

/**
 * struct ferry_dmabuf - what a dma-buf of ours consists of
 * @pages: pieces, each of which is a compound page
 * @lock: protects @mappings
 * @mappings: list of struct ferry_dmabuf_mapping
 */
struct ferry_dmabuf {
	struct sg_table pages;
	struct mutex lock;
	struct list_head mappings;
};

/**
 * struct ferry_dmabuf_mapping - the pages as a device sees them
 * @node: in &ferry_dmabuf.mappings
 * @dev: device
 * @dir: what the device may do
 * @sgt: a copy of &ferry_dmabuf.pages, mapped
 */
struct ferry_dmabuf_mapping {
	struct list_head node;
	struct device *dev;
	enum dma_data_direction dir;
	struct sg_table sgt;
};

static struct ferry_dmabuf_mapping *ferry_dmabuf_copy(const struct ferry_dmabuf *mem,
						      struct device *dev)
{
	struct ferry_dmabuf_mapping *map;
	struct scatterlist *from, *to;
	u32 i;

	map = kzalloc(sizeof(*map), GFP_KERNEL);
	if (!map)
		return NULL;
	if (sg_alloc_table(&map->sgt, mem->pages.orig_nents, GFP_KERNEL)) {
		kfree(map);
		return NULL;
	}
	map->dev = dev;
	to = map->sgt.sgl;
	for_each_sgtable_sg(&mem->pages, from, i) {
		sg_set_page(to, sg_page(from), from->length, 0);
		to = sg_next(to);
	}
	return map;
}

static struct sg_table *ferry_dmabuf_map(struct dma_buf_attachment *attach,
					 enum dma_data_direction dir)
{
	struct ferry_dmabuf *mem = attach->dmabuf->priv;
	struct ferry_dmabuf_mapping *map;
	int err;

	map = ferry_dmabuf_copy(mem, attach->dev);
	if (!map)
		return ERR_PTR(-ENOMEM);
	map->dir = dir;
	err = dma_map_sgtable(map->dev, &map->sgt, dir, DMA_ATTR_SKIP_CPU_SYNC);
	if (err) {
		sg_free_table(&map->sgt);
		kfree(map);
		return ERR_PTR(err);
	}
	dma_sync_sgtable_for_device(map->dev, &map->sgt, dir);
	mutex_lock(&mem->lock);
	list_add_tail(&map->node, &mem->mappings);
	mutex_unlock(&mem->lock);
	return &map->sgt;
}

static void ferry_dmabuf_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
			       enum dma_data_direction dir)
{
	struct ferry_dmabuf_mapping *map = container_of(sgt, struct ferry_dmabuf_mapping, sgt);
	struct ferry_dmabuf *mem = attach->dmabuf->priv;

	mutex_lock(&mem->lock);
	list_del(&map->node);
	mutex_unlock(&mem->lock);
	dma_sync_sgtable_for_cpu(map->dev, sgt, dir);
	dma_unmap_sgtable(map->dev, sgt, dir, DMA_ATTR_SKIP_CPU_SYNC);
	sg_free_table(sgt);
	kfree(map);
}

/* What a mapping is synchronised for is its own direction, whatever the processor does. */
static int ferry_dmabuf_begin_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct ferry_dmabuf *mem = dmabuf->priv;
	struct ferry_dmabuf_mapping *map;

	mutex_lock(&mem->lock);
	list_for_each_entry(map, &mem->mappings, node)
		dma_sync_sgtable_for_cpu(map->dev, &map->sgt, map->dir);
	mutex_unlock(&mem->lock);
	return 0;
}

static int ferry_dmabuf_end_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct ferry_dmabuf *mem = dmabuf->priv;
	struct ferry_dmabuf_mapping *map;

	mutex_lock(&mem->lock);
	list_for_each_entry(map, &mem->mappings, node)
		dma_sync_sgtable_for_device(map->dev, &map->sgt, map->dir);
	mutex_unlock(&mem->lock);
	return 0;
}

/* The core has checked that the mapping lies within the dma-buf. */
static int ferry_dmabuf_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct ferry_dmabuf *mem = dmabuf->priv;
	unsigned long skip = vma->vm_pgoff << PAGE_SHIFT;
	unsigned long addr = vma->vm_start;
	struct scatterlist *sg;
	unsigned long length;
	u32 i;
	int err;

	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	for_each_sgtable_sg(&mem->pages, sg, i) {
		if (addr == vma->vm_end)
			break;
		if (skip >= sg->length) {
			skip -= sg->length;
			continue;
		}
		length = min(sg->length - skip, vma->vm_end - addr);
		err = remap_pfn_range(vma, addr, page_to_pfn(sg_page(sg)) + (skip >> PAGE_SHIFT),
				      length, vma->vm_page_prot);
		if (err)
			return err;
		addr += length;
		skip = 0;
	}
	return 0;
}

static int ferry_dmabuf_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct ferry_dmabuf *mem = dmabuf->priv;
	unsigned long nr = dmabuf->size >> PAGE_SHIFT;
	struct sg_page_iter iter;
	unsigned long i = 0;
	struct page **pages;
	void *addr;

	pages = kvmalloc_array(nr, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	for_each_sgtable_page(&mem->pages, &iter, 0)
		pages[i++] = sg_page_iter_page(&iter);
	addr = vmap(pages, nr, VM_MAP, PAGE_KERNEL);
	kvfree(pages);
	if (!addr)
		return -ENOMEM;
	iosys_map_set_vaddr(map, addr);
	return 0;
}

static void ferry_dmabuf_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	vunmap(map->vaddr);
}

static void ferry_dmabuf_free(struct ferry_dmabuf *mem)
{
	struct scatterlist *sg;
	u32 i;

	for_each_sgtable_sg(&mem->pages, sg, i)
		__free_pages(sg_page(sg), get_order(sg->length));
	sg_free_table(&mem->pages);
	mutex_destroy(&mem->lock);
	kfree(mem);
}

static void ferry_dmabuf_release(struct dma_buf *dmabuf)
{
	ferry_dmabuf_free(dmabuf->priv);
}

static const struct dma_buf_ops ferry_dmabuf_ops = {
	.map_dma_buf = ferry_dmabuf_map,
	.unmap_dma_buf = ferry_dmabuf_unmap,
	.begin_cpu_access = ferry_dmabuf_begin_cpu_access,
	.end_cpu_access = ferry_dmabuf_end_cpu_access,
	.mmap = ferry_dmabuf_mmap,
	.vmap = ferry_dmabuf_vmap,
	.vunmap = ferry_dmabuf_vunmap,
	.release = ferry_dmabuf_release,
};

/* The largest piece that there is, and no larger than the one before. */
static struct page *ferry_dmabuf_get_piece(unsigned long left, u32 *order, gfp_t gfp)
{
	struct page *page;

	*order = min(*order, ilog2(left));
	gfp |= GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN;
	for (; *order; (*order)--) {
		page = alloc_pages(gfp | __GFP_COMP | __GFP_NORETRY, *order);
		if (page)
			return page;
	}
	/* A caller who wants too much is told so, and nobody is killed for it. */
	return alloc_pages(gfp | __GFP_RETRY_MAYFAIL, 0);
}

static int ferry_dmabuf_get_pages(struct list_head *pages, unsigned long nr, gfp_t gfp)
{
	u32 order = MAX_PAGE_ORDER;
	struct page *page;
	int count = 0;

	while (nr) {
		cond_resched();
		if (fatal_signal_pending(current))
			return -EINTR;
		page = ferry_dmabuf_get_piece(nr, &order, gfp);
		if (!page)
			return -ENOMEM;
		list_add_tail(&page->lru, pages);
		nr -= 1UL << order;
		count++;
	}
	return count;
}

static struct ferry_dmabuf *ferry_dmabuf_alloc(size_t size, gfp_t gfp)
{
	struct ferry_dmabuf *mem;
	struct page *page, *next;
	struct scatterlist *sg;
	LIST_HEAD(pages);
	int count, err;

	mem = kzalloc(sizeof(*mem), GFP_KERNEL_ACCOUNT);
	if (!mem)
		return ERR_PTR(-ENOMEM);
	count = ferry_dmabuf_get_pages(&pages, size >> PAGE_SHIFT, gfp);
	err = count < 0 ? count : sg_alloc_table(&mem->pages, count, GFP_KERNEL_ACCOUNT);
	sg = mem->pages.sgl;
	list_for_each_entry_safe(page, next, &pages, lru) {
		list_del(&page->lru);
		if (err) {
			__free_pages(page, compound_order(page));
			continue;
		}
		sg_set_page(sg, page, page_size(page), 0);
		sg = sg_next(sg);
	}
	if (err) {
		kfree(mem);
		return ERR_PTR(err);
	}
	mutex_init(&mem->lock);
	INIT_LIST_HEAD(&mem->mappings);
	return mem;
}

/**
 * ferry_dmabuf_create() - allocate memory that can be exported
 * @size: bytes, whole pages
 * @gfp: zone that it has to be in, or 0
 *
 * Zeroed, in few pieces. May sleep.
 *
 * Return: dma-buf, or ERR_PTR() of -ENOMEM or, if the caller is being killed, -EINTR.
 */
struct dma_buf *ferry_dmabuf_create(size_t size, gfp_t gfp)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct ferry_dmabuf *mem;
	struct dma_buf *dmabuf;

	if (size >> PAGE_SHIFT > totalram_pages())
		return ERR_PTR(-ENOMEM);
	mem = ferry_dmabuf_alloc(size, gfp);
	if (IS_ERR(mem))
		return ERR_CAST(mem);
	info.ops = &ferry_dmabuf_ops;
	info.size = size;
	info.flags = O_RDWR;
	info.priv = mem;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf))
		ferry_dmabuf_free(mem);
	return dmabuf;
}
EXPORT_SYMBOL_IF_KUNIT(ferry_dmabuf_create);

FERRY_IMPORT_NS(DMA_BUF);
