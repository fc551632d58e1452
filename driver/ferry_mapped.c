// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapped queues: rings and doorbell of a queue in the hands of user space.
 */
#include <linux/eventfd.h>
#include <linux/mm.h>

#include "ferry_queue.h"

/**
 * DOC: Mapped queues
 *
 * User space maps the SQ, the CQ (which it can't write) and the page of the channel's
 * doorbell. From then on the kernel is only asked to wait::
 *
 *	who                 SQ      CQ      doorbell  window table
 *	user space          write   read    write     -
 *	the device          read    write   -         read
 *	the kernel          -       cancel  go on     write
 *
 * So the device alone stands between a hostile owner and everybody else. It checks
 * the tail, fetches each entry once, and finds memory by windows only. The kernel
 * draws no conclusion from what user space can write: it never reads the SQ, it asks
 * the device for HEAD and TAIL where it needs them (ferry_chan_adopt()), and a wait
 * looks at the CQ.
 *
 * The SQ and the CQ are buffers without a window: a mapping keeps the memory, and
 * unbinding takes it (ferry_mem.c). The pages of a doorbell come by page fault, with
 * &ferry_chan.cmd_lock held, and are zapped with that lock held before the channel
 * stops to be the queue's, or ignores doorbells. Who comes while it is cancelled waits
 * for the lock; who comes when the channel is suspended, dead, or not the queue's
 * any more gets a page of memory that leads nowhere. As there are no other pages
 * of the doorbell than those that faults put there, no mapping in the making can be
 * missed.
 *
 * What replaces rings and doorbell when the device is gone is ordinary memory, so
 * that a process that polls without system calls finds out, and doesn't die of it:
 * a page of the queue's own that takes what is written, and one that all queues read.
 * That one says GONE where the state is. A completion that is read from it is
 * CANCELLED whatever else the reader has taken from the real one.
 */

/* Behind the state, both for the device and for the caches. */
#define FERRY_CQ_START		sizeof(struct ferry_queue_state)

/* What an offset for mmap(2) names, within the four of a queue */
enum ferry_mmap_what {
	FERRY_MMAP_SQ,
	FERRY_MMAP_CQ,
	FERRY_MMAP_DOORBELL,
	FERRY_MMAP_KINDS = 4,
};

static_assert(sizeof(struct ferry_queue_state) == 64);
static_assert(FERRY_MMAP_QUEUES + FERRY_MMAP_KINDS * FERRY_MAX_CHANNELS <= 4096);

/* Nobody writes to it, so all can share it. */
static struct page *ferry_gone_page;

static u64 ferry_mmap_offset(const struct ferry_queue *queue, enum ferry_mmap_what what)
{
	return (u64)(FERRY_MMAP_QUEUES + FERRY_MMAP_KINDS * queue->chan->nr + what) <<
	       FERRY_MMAP_SHIFT;
}

static u32 ferry_mapped_unplugged(const struct ferry_queue *queue)
{
	return READ_ONCE(queue->file->fdev->unplugged) ? FERRY_QUEUE_GONE : 0;
}

/* With the channel's lock: its owner can't let go of the state. */
static void ferry_mapped_tell(struct ferry_queue *queue, u32 why)
{
	lockdep_assert_held(&queue->chan->lock);

	if (queue->mapped && !queue->state->dead)
		WRITE_ONCE(queue->state->dead, why);
}

/**
 * ferry_queue_signal() - add to the eventfd of a queue what it waits for
 * @queue: queue; the lock of its channel is held
 * @end: there will be no completion any more
 *
 * Any context.
 */
void ferry_queue_signal(struct ferry_queue *queue, bool end)
{
	lockdep_assert_held(&queue->chan->lock);

	if (!queue->event_due || (!end && !ferry_ring_done(&queue->chan->ring, queue->seq)))
		return;
	queue->event_due = false;
	eventfd_signal(queue->event);
}

/**
 * ferry_mapped_notify() - something has completed, or will never do
 * @queue: queue; the lock of its channel is held
 *
 * Any context.
 */
void ferry_mapped_notify(struct ferry_queue *queue)
{
	if (queue->chan->dead)
		ferry_mapped_tell(queue, ferry_mapped_unplugged(queue) ?: FERRY_QUEUE_HALTED);
	ferry_queue_signal(queue, queue->chan->dead);
}

/*
 * Called by the channel with its lock held. Nothing will complete any more, and the
 * device is out of it: not before, since who polls counts as over what has not
 * completed then, and uses its memory again.
 */
static void ferry_mapped_ended(void *owner)
{
	struct ferry_queue *queue = owner;

	ferry_mapped_tell(queue, ferry_mapped_unplugged(queue) ?: FERRY_QUEUE_DESTROYED);
	ferry_queue_signal(queue, true);
}

/* Called by the channel with its command lock held. */
static void ferry_mapped_hide(void *owner)
{
	struct ferry_queue *queue = owner;

	/* Not unmap_mapping_range(): where a long has 32 bits, it cuts the offset. */
	unmap_mapping_pages(queue->file->anon->f_mapping,
			    ferry_mmap_offset(queue, FERRY_MMAP_DOORBELL) >> PAGE_SHIFT,
			    FERRY_DB_PAGE_SIZE >> PAGE_SHIFT, true);
}

static void ferry_mapped_let_go(void *kept)
{
	ferry_queue_put(kept);
}

/**
 * ferry_mapped_create() - what a mapped queue has besides a channel
 * @queue: queue without a channel
 * @cfg: configuration of the channel; out: with the rings
 *
 * ferry_mapped_free() undoes it.
 *
 * Return: 0, -ENOMEM, or -EOPNOTSUPP if the doorbells do not lie on pages.
 */
int ferry_mapped_create(struct ferry_queue *queue, struct ferry_chan_config *cfg)
{
	struct ferry_dev *fdev = queue->file->fdev;
	size_t cq_size = FERRY_CQ_START + (sizeof(struct ferry_cqe) << cfg->order);
	dma_addr_t dma;
	void *cpu;

	/* A page of the kernel's must not have anything else in it. */
	if (!PAGE_ALIGNED(fdev->doorbells))
		return -EOPNOTSUPP;
	queue->mapped = true;
	queue->refused = -EOPNOTSUPP;
	queue->spare = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!queue->spare)
		return -ENOMEM;
	queue->sq = ferry_mem_create_ring(fdev, sizeof(struct ferry_sqe) << cfg->order,
					  queue->spare, false, &cfg->sq, &cfg->sq_dma);
	if (!queue->sq)
		return -ENOMEM;
	queue->cq = ferry_mem_create_ring(fdev, cq_size, ferry_gone_page, true, &cpu, &dma);
	if (!queue->cq)
		return -ENOMEM;
	queue->state = cpu;
	cfg->cq = cpu + FERRY_CQ_START;
	cfg->cq_dma = dma + FERRY_CQ_START;
	cfg->hide = ferry_mapped_hide;
	cfg->ended = ferry_mapped_ended;
	cfg->let_go = ferry_mapped_let_go;
	cfg->kept = queue;
	return 0;
}

/**
 * ferry_mapped_free() - free what a queue has for user space
 * @queue: queue that nobody has any more
 *
 * May sleep.
 */
void ferry_mapped_free(struct ferry_queue *queue)
{
	if (queue->event)
		eventfd_ctx_put(queue->event);
	if (queue->cq)
		ferry_mem_put(queue->cq);
	if (queue->sq)
		ferry_mem_put(queue->sq);
	if (queue->spare)
		put_page(queue->spare);
}

/**
 * ferry_mapped_describe() - say where user space finds a mapped queue
 * @queue: queue with a channel
 * @cmd: argument of QUEUE_CREATE
 */
void ferry_mapped_describe(const struct ferry_queue *queue, struct ferry_queue_create *cmd)
{
	cmd->sq_offset = ferry_mmap_offset(queue, FERRY_MMAP_SQ);
	cmd->cq_offset = ferry_mmap_offset(queue, FERRY_MMAP_CQ);
	cmd->doorbell_offset = ferry_mmap_offset(queue, FERRY_MMAP_DOORBELL);
	cmd->cq_start = FERRY_CQ_START;
}

/**
 * ferry_queue_wait_seq() - FERRY_IOC_QUEUE_WAIT
 * @file: open file
 * @cmd: argument
 *
 * Return: 0 or the errno of the header.
 */
long ferry_queue_wait_seq(struct ferry_file *file, struct ferry_queue_wait *cmd)
{
	struct ferry_queue *queue;
	int err;

	if (cmd->flags)
		return -EOPNOTSUPP;
	queue = ferry_queue_get(file, cmd->queue);
	if (!queue)
		return -ENOENT;
	err = ferry_queue_sleep(queue, cmd->seq, ferry_deadline(cmd->timeout_ns));
	ferry_queue_put(queue);
	return err;
}

/**
 * ferry_queue_arm() - FERRY_IOC_QUEUE_ARM
 * @file: open file
 * @cmd: argument
 *
 * Return: 0 or the errno of the header.
 */
long ferry_queue_arm(struct ferry_file *file, struct ferry_queue_arm *cmd)
{
	struct eventfd_ctx *event = NULL;
	struct ferry_queue *queue;
	struct ferry_chan *chan;
	int err = -ENOENT;

	if (cmd->flags || cmd->reserved)
		return -EOPNOTSUPP;
	queue = ferry_queue_get(file, cmd->queue);
	if (!queue)
		return -ENOENT;
	if (cmd->eventfd != -1) {
		event = eventfd_ctx_fdget(cmd->eventfd);
		if (IS_ERR(event)) {
			err = PTR_ERR(event);
			event = NULL;
			goto out_put;
		}
	}

	chan = queue->chan;
	spin_lock_irq(&chan->lock);
	if (!chan->live || chan->cfg.owner != queue)
		goto out_unlock;
	err = -EIO;
	if (chan->dead)
		goto out_unlock;
	err = 0;
	swap(queue->event, event);
	queue->event_due = queue->event;
	queue->seq = cmd->seq;
	WRITE_ONCE(queue->armed, true);
	if (ferry_ring_done(&chan->ring, cmd->seq)) {
		ferry_queue_signal(queue, false);
		wake_up_all(&file->wait);
	} else {
		/* What completes meanwhile interrupts at once. */
		ferry_chan_arm_locked(chan, &queue->alarm, cmd->seq);
	}
out_unlock:
	spin_unlock_irq(&chan->lock);
	if (event)
		eventfd_ctx_put(event);
out_put:
	ferry_queue_put(queue);
	return err;
}

static void ferry_doorbell_open(struct vm_area_struct *vma)
{
	struct ferry_queue *queue = vma->vm_private_data;

	refcount_inc(&queue->refs);
}

static void ferry_doorbell_close(struct vm_area_struct *vma)
{
	ferry_queue_put(vma->vm_private_data);
}

static vm_fault_t ferry_doorbell_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct ferry_queue *queue = vma->vm_private_data;
	struct ferry_chan *chan = queue->chan;
	u64 first = ferry_mmap_offset(queue, FERRY_MMAP_DOORBELL) >> PAGE_SHIFT;
	phys_addr_t page = chan->fdev->doorbells + FERRY_DB_SQ_TAIL(chan->nr);
	vm_fault_t ret;

	mutex_lock(&chan->cmd_lock);
	if (ferry_chan_may_ring(chan, queue))
		ret = vmf_insert_pfn_prot(vma, vmf->address,
					  PHYS_PFN(page) + vmf->pgoff - first,
					  pgprot_device(vma->vm_page_prot));
	else
		ret = vmf_insert_pfn(vma, vmf->address, page_to_pfn(queue->spare));
	mutex_unlock(&chan->cmd_lock);
	return ret;
}

static const struct vm_operations_struct ferry_doorbell_ops = {
	.open = ferry_doorbell_open,
	.close = ferry_doorbell_close,
	.fault = ferry_doorbell_fault,
};

static int ferry_doorbell_mmap(struct ferry_queue *queue, struct vm_area_struct *vma)
{
	if (vma->vm_end - vma->vm_start > FERRY_DB_PAGE_SIZE)
		return -EINVAL;
	refcount_inc(&queue->refs);
	vma->vm_ops = &ferry_doorbell_ops;
	vma->vm_private_data = queue;
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY);
	return 0;
}

/**
 * ferry_queue_mmap() - mmap(2) of what a mapped queue has
 * @file: open file
 * @vma: mapping, at an offset that QUEUE_CREATE gave
 *
 * The caller holds mmap_lock and is between ferry_dev_enter() and _exit().
 *
 * Return: 0, -EINVAL, -EACCES, -ENOENT or -ENOMEM as the header says.
 */
int ferry_queue_mmap(struct ferry_file *file, struct vm_area_struct *vma)
{
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 nr = (offset >> FERRY_MMAP_SHIFT) - FERRY_MMAP_QUEUES;
	u32 slot = nr / FERRY_MMAP_KINDS;
	struct ferry_queue *queue = NULL;
	int err = -ENOENT;

	/* As in ferry_buf_mmap(). */
	if (!(vma->vm_flags & VM_MAYSHARE) || lower_32_bits(offset))
		return -EINVAL;
	if (nr < FERRY_MMAP_KINDS * FERRY_MAX_CHANNELS)
		queue = ferry_queue_next(file, &slot);
	if (!queue)
		return -ENOENT;
	if (slot != nr / FERRY_MMAP_KINDS || !queue->mapped)
		goto out_put;

	switch (nr % FERRY_MMAP_KINDS) {
	case FERRY_MMAP_SQ:
		err = ferry_mem_map(file, queue->sq, vma);
		break;
	case FERRY_MMAP_CQ:
		err = ferry_mem_map(file, queue->cq, vma);
		break;
	case FERRY_MMAP_DOORBELL:
		err = ferry_doorbell_mmap(queue, vma);
		break;
	}
out_put:
	ferry_queue_put(queue);
	return err;
}

/**
 * ferry_mapped_init() - what all mapped queues share, at module load
 *
 * Return: 0 or -ENOMEM.
 */
int ferry_mapped_init(void)
{
	struct ferry_queue_state *state;
	struct ferry_cqe *cqes;
	u32 i;

	ferry_gone_page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!ferry_gone_page)
		return -ENOMEM;
	state = page_address(ferry_gone_page);
	cqes = page_address(ferry_gone_page);
	for (i = 0; i < PAGE_SIZE / sizeof(*cqes); i++)
		cqes[i].status = cpu_to_le16(FERRY_ERR_CANCELLED);
	/* Where a completion has its result, which is none. */
	state->dead = FERRY_QUEUE_GONE;
	return 0;
}

/**
 * ferry_mapped_exit() - undo ferry_mapped_init()
 */
void ferry_mapped_exit(void)
{
	put_page(ferry_gone_page);
}
