// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is allocated here for the device, and mapped to user space: buffers
 * of BUF_ALLOC, and the rings of mapped queues.
 */
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "ferry_buf.h"

/**
 * DOC: Allocated memory
 *
 * Mappings hold it as handle and window do, each with a reference.
 *
 * Unbinding can't wait for mappings. It zaps them, so that a later access is
 * SIGBUS, and takes the memory (@cpu is NULL then); the structure stays.
 *
 * A mapping that is just being made is not yet in the address space that
 * zapping looks through, though its page tables are filled. So each mapping is
 * on a list of its file before they are, and ferry_mem_zap() takes the
 * mmap_lock of everybody on the list once: who was in mmap(2) then, is through.
 */

/**
 * struct ferry_mem - memory that was allocated here: a buffer of BUF_ALLOC, or a ring
 * @buf: what all buffers have
 * @node: in &ferry_dev.bufs while it has memory
 * @cpu: address, NULL when unbinding took the memory; under &ferry_dev.bufs_lock
 * @dma: bus address
 * @size: bytes, whole pages
 * @attrs: DMA_ATTR_*
 * @spare: of a ring: page that is mapped when unbinding took the memory; a
 *	reference. NULL: SIGBUS
 * @read_only: cannot be mapped for writing
 */
struct ferry_mem {
	struct ferry_buf buf;
	struct list_head node;
	void *cpu;
	dma_addr_t dma;
	size_t size;
	unsigned long attrs;
	struct page *spare;
	bool read_only;
};

/**
 * struct ferry_map - a mapping of a buffer, with its copies by fork and munmap
 * @refs: number of these
 * @node: in &ferry_file.maps
 * @file: open file; the mapping holds it
 * @mem: buffer, a reference
 * @mm: address space it was made in, held by mmgrab()
 * @synced: ferry_mem_zap() has waited for its maker
 */
struct ferry_map {
	refcount_t refs;
	struct list_head node;
	struct ferry_file *file;
	struct ferry_mem *mem;
	struct mm_struct *mm;
	bool synced;
};

static struct ferry_mem *to_ferry_mem(struct ferry_buf *buf)
{
	return container_of(buf, struct ferry_mem, buf);
}

static void ferry_mem_free_memory(struct ferry_mem *mem)
{
	struct ferry_dev *fdev = mem->buf.fdev;

	lockdep_assert_held(&fdev->bufs_lock);

	dma_free_attrs(fdev->parent, mem->size, mem->cpu, mem->dma, mem->attrs);
	mem->cpu = NULL;
	list_del(&mem->node);
}

static void ferry_mem_free(struct ferry_buf *buf)
{
	struct ferry_mem *mem = to_ferry_mem(buf);

	mutex_lock(&buf->fdev->bufs_lock);
	if (mem->cpu)
		ferry_mem_free_memory(mem);
	mutex_unlock(&buf->fdev->bufs_lock);
	if (mem->spare)
		put_page(mem->spare);
	kfree(mem);
}

static int ferry_mem_mmap(struct ferry_file *file, struct ferry_buf *buf,
			  struct vm_area_struct *vma)
{
	return ferry_mem_map(file, to_ferry_mem(buf), vma);
}

static const struct ferry_buf_ops ferry_mem_ops = {
	.free = ferry_mem_free,
	.mmap = ferry_mem_mmap,
};

static struct ferry_mem *ferry_mem_create(struct ferry_dev *fdev, u64 length, u32 flags)
{
	struct ferry_mem *mem;

	mem = kzalloc(sizeof(*mem), GFP_KERNEL_ACCOUNT);
	if (!mem)
		return NULL;
	ferry_buf_init(&mem->buf, fdev, &ferry_mem_ops);
	mem->size = PAGE_ALIGN(length);
	/* One row names it; and behind an IOMMU, pages of many pieces are mapped otherwise. */
	mem->attrs = DMA_ATTR_FORCE_CONTIGUOUS;
	if (flags & FERRY_BUF_WC)
		mem->attrs |= DMA_ATTR_WRITE_COMBINE;
	mem->cpu = dma_alloc_attrs(fdev->parent, mem->size, &mem->dma,
				   GFP_KERNEL_ACCOUNT | __GFP_NOWARN, mem->attrs);
	if (!mem->cpu) {
		kfree(mem);
		return NULL;
	}
	mutex_lock(&fdev->bufs_lock);
	list_add_tail(&mem->node, &fdev->bufs);
	mutex_unlock(&fdev->bufs_lock);
	return mem;
}

/**
 * ferry_mem_create_ring() - memory of a mapped queue's ring
 * @fdev: device
 * @size: bytes
 * @spare: page that is mapped when the memory is gone; gets a reference
 * @read_only: it cannot be mapped for writing
 * @cpu: out: address, valid until unbinding took the memory
 * @dma: out: bus address
 *
 * No window names it, so only the rings' own registers lead the device to it.
 *
 * ferry_mem_put() gives it back.
 *
 * Return: memory, or NULL.
 */
struct ferry_mem *ferry_mem_create_ring(struct ferry_dev *fdev, size_t size, struct page *spare,
					bool read_only, void **cpu, dma_addr_t *dma)
{
	struct ferry_mem *mem = ferry_mem_create(fdev, size, 0);

	if (!mem)
		return NULL;
	get_page(spare);
	mem->spare = spare;
	mem->read_only = read_only;
	*cpu = mem->cpu;
	*dma = mem->dma;
	return mem;
}

/**
 * ferry_mem_put() - drop a reference to memory that was allocated here
 * @mem: memory
 *
 * May sleep.
 */
void ferry_mem_put(struct ferry_mem *mem)
{
	ferry_buf_put(&mem->buf);
}

/**
 * ferry_buf_alloc() - FERRY_IOC_BUF_ALLOC
 * @file: open file
 * @cmd: argument, copied from user space
 * @arg: where it came from
 *
 * Return: 0 or the errno of the header.
 */
long ferry_buf_alloc(struct ferry_file *file, struct ferry_buf_alloc *cmd, void __user *arg)
{
	struct ferry_dev *fdev = file->fdev;
	u32 access = FERRY_ROW_FLAGS_READ;
	struct ferry_extent extent = {};
	struct ferry_mem *mem;
	int err;

	if (cmd->flags & ~(FERRY_BUF_WC | FERRY_BUF_DEV_RO | FERRY_BUF_EXPORT) || cmd->reserved)
		return -EOPNOTSUPP;
	if (!cmd->length || cmd->length > BIT_ULL(FERRY_ADDR_WINDOW_SHIFT) ||
	    cmd->length - 1 > dma_get_mask(fdev->parent) || cmd->length > SIZE_MAX - PAGE_SIZE)
		return -EINVAL;
	if (cmd->flags & FERRY_BUF_EXPORT)
		return ferry_buf_alloc_export(file, cmd, arg);
	/* Behind its last byte the offset would be another buffer's, or a doorbell's. */
	if (cmd->length > BIT_ULL(FERRY_MMAP_SHIFT))
		return -EINVAL;
	if (cmd->length >> PAGE_SHIFT > totalram_pages())
		return -ENOMEM;

	mem = ferry_mem_create(fdev, cmd->length, cmd->flags);
	if (!mem)
		return -ENOMEM;
	if (!(cmd->flags & FERRY_BUF_DEV_RO))
		access |= FERRY_ROW_FLAGS_WRITE;
	extent.base = mem->dma;
	extent.size = mem->size;
	err = ferry_buf_grant(file, &mem->buf, &extent, access);
	if (err)
		goto err_put;

	cmd->buffer = mem->buf.win.row;
	cmd->mmap_offset = (u64)cmd->buffer << FERRY_MMAP_SHIFT;
	err = ferry_put_arg(arg, cmd, sizeof(*cmd), cmd->size);
	if (err)
		goto err_withdraw;
	ferry_buf_publish(file, &mem->buf);
	return 0;

err_withdraw:
	ferry_buf_withdraw(file, &mem->buf);
err_put:
	ferry_mem_put(mem);
	return err;
}

/**
 * ferry_mem_unplug() - take the memory of the buffers that outlive the device
 * @fdev: device; all mappings were zapped
 * @quiet: the device touches nothing any more
 *
 * What is left is still mapped, or stuck with a broken channel. If the device
 * is not quiet it is lost, as ferry_chan_unplug() says.
 */
void ferry_mem_unplug(struct ferry_dev *fdev, bool quiet)
{
	struct ferry_mem *mem, *next;

	mutex_lock(&fdev->bufs_lock);
	list_for_each_entry_safe(mem, next, &fdev->bufs, node) {
		if (quiet) {
			ferry_mem_free_memory(mem);
			continue;
		}
		mem->cpu = NULL;
		list_del(&mem->node);
	}
	mutex_unlock(&fdev->bufs_lock);
}

static void ferry_vma_open(struct vm_area_struct *vma)
{
	struct ferry_map *map = vma->vm_private_data;

	refcount_inc(&map->refs);
}

static void ferry_vma_close(struct vm_area_struct *vma)
{
	struct ferry_map *map = vma->vm_private_data;

	if (!refcount_dec_and_test(&map->refs))
		return;
	spin_lock(&map->file->maps_lock);
	list_del(&map->node);
	spin_unlock(&map->file->maps_lock);
	ferry_mem_put(map->mem);
	mmdrop(map->mm);
	kfree(map);
}

/* All pages are mapped by mmap(2), so a fault means that they were zapped. */
static vm_fault_t ferry_vma_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct ferry_map *map = vma->vm_private_data;

	if (!map->mem->spare || !(vma->vm_flags & VM_PFNMAP))
		return VM_FAULT_SIGBUS;
	/* Ordinary memory, whatever the ring was. */
	return vmf_insert_pfn_prot(vma, vmf->address, page_to_pfn(map->mem->spare),
				   vm_get_page_prot(vma->vm_flags));
}

static const struct vm_operations_struct ferry_vma_ops = {
	.open = ferry_vma_open,
	.close = ferry_vma_close,
	.fault = ferry_vma_fault,
};

/**
 * ferry_mem_map() - map memory that was allocated here
 * @file: open file that it belongs to
 * @mem: memory
 * @vma: mapping, which gets a reference
 *
 * As ferry_buf_mmap().
 *
 * Return: 0, -EINVAL, -ENOMEM or -EACCES as the header says.
 */
int ferry_mem_map(struct ferry_file *file, struct ferry_mem *mem, struct vm_area_struct *vma)
{
	unsigned long pgoff = vma->vm_pgoff;
	struct ferry_map *map;
	int err;

	if (vma->vm_end - vma->vm_start > mem->size)
		return -EINVAL;
	if (mem->read_only && vma->vm_flags & VM_WRITE)
		return -EACCES;
	map = kzalloc(sizeof(*map), GFP_KERNEL_ACCOUNT);
	if (!map)
		return -ENOMEM;
	if (mem->read_only)
		vm_flags_clear(vma, VM_MAYWRITE);
	if (mem->spare)
		vm_flags_set(vma, VM_DONTCOPY);
	kref_get(&mem->buf.ref);
	refcount_set(&map->refs, 1);
	map->file = file;
	map->mem = mem;
	map->mm = vma->vm_mm;
	mmgrab(map->mm);
	spin_lock(&file->maps_lock);
	list_add_tail(&map->node, &file->maps);
	spin_unlock(&file->maps_lock);
	vma->vm_ops = &ferry_vma_ops;
	vma->vm_private_data = map;

	/* For the DMA API the offset is within the buffer. */
	vma->vm_pgoff = 0;
	err = dma_mmap_attrs(file->fdev->parent, vma, mem->cpu, mem->dma, mem->size, mem->attrs);
	vma->vm_pgoff = pgoff;
	if (err)
		ferry_vma_close(vma);
	return err;
}

/* The mm of a mapping whose maker may still be in mmap(2), grabbed; or NULL. */
static struct mm_struct *ferry_mem_unsynced(struct ferry_file *file)
{
	struct mm_struct *mm = NULL;
	struct ferry_map *map;

	spin_lock(&file->maps_lock);
	list_for_each_entry(map, &file->maps, node) {
		if (map->synced)
			continue;
		map->synced = true;
		mm = map->mm;
		mmgrab(mm);
		break;
	}
	spin_unlock(&file->maps_lock);
	return mm;
}

/**
 * ferry_mem_zap() - make every mapping of an open file inaccessible
 * @file: open file; nobody can call mmap(2) on it any more
 *
 * A later access is SIGBUS. Takes mmap_lock; may sleep.
 */
void ferry_mem_zap(struct ferry_file *file)
{
	struct mm_struct *mm;

	while ((mm = ferry_mem_unsynced(file))) {
		if (mmget_not_zero(mm)) {
			mmap_read_lock(mm);
			mmap_read_unlock(mm);
			/* The last one tears an address space down: not under our locks. */
			mmput_async(mm);
		}
		mmdrop(mm);
	}
	unmap_mapping_range(file->anon->f_mapping, 0, 0, 1);
}
