// SPDX-License-Identifier: GPL-2.0-only
/*
 * The two rings of a channel: what is too long for the header.
 */
#include <kunit/visibility.h>
#include <linux/build_bug.h>
#include <linux/stddef.h>

#include "ferry_ring.h"

static_assert(sizeof(struct ferry_sqe) == FERRY_SQE_SIZE);
static_assert(offsetof(struct ferry_sqe, reserved) == FERRY_SQE_RESERVED);
static_assert(offsetof(struct ferry_sqe, len) == FERRY_SQE_LEN);
static_assert(offsetof(struct ferry_sqe, src) == FERRY_SQE_SRC);
static_assert(offsetof(struct ferry_sqe, dst) == FERRY_SQE_DST);
static_assert(offsetof(struct ferry_sqe, arg) == FERRY_SQE_ARG);
static_assert(sizeof(struct ferry_cqe) == FERRY_CQE_SIZE);
static_assert(offsetof(struct ferry_cqe, len) == FERRY_CQE_LEN);
static_assert(offsetof(struct ferry_cqe, status) == FERRY_CQE_STATUS);
static_assert(offsetof(struct ferry_cqe, flags) == FERRY_CQE_FLAGS);
static_assert(offsetof(struct ferry_cqe, seq) == FERRY_CQE_SEQ);

/**
 * ferry_ring_init() - make two empty rings
 * @ring: ring
 * @sq: memory of the SQ, 32 bytes << @order
 * @cq: memory of the CQ, 16 bytes << @order
 * @doorbell: SQ_TAIL of the channel
 * @order: log2 of the number of slots
 * @first: index of the first entry, as in INDEX_INIT
 *
 * Every completion slot gets a seq that cannot be its next one: the next seq
 * of a slot is its index plus one, so the plain index will do. The device must
 * be idle.
 */
void ferry_ring_init(struct ferry_ring *ring, void *sq, void *cq, void __iomem *doorbell,
		     u32 order, u32 first)
{
	u32 i;

	ring->sq = sq;
	ring->cq = cq;
	ring->doorbell = doorbell;
	ring->mask = BIT(order) - 1;
	ring->head = first;
	ring->tail = first;
	for (i = first; i != first + ferry_ring_size(ring); i++)
		WRITE_ONCE(ferry_ring_cqe(ring, i)->seq, cpu_to_le32(i));
}
EXPORT_SYMBOL_IF_KUNIT(ferry_ring_init);

/**
 * ferry_ring_completed() - contiguous completions that can be read
 * @ring: ring
 * @max: look for no more than these
 *
 * For the owner. What it returns may be read, and the data behind it.
 *
 * Return: completions from head on, less than there are where the ring wraps.
 */
u32 ferry_ring_completed(const struct ferry_ring *ring, u32 max)
{
	u32 n = 0;

	max = ferry_ring_run(ring, ring->head, max);
	while (n < max && ferry_ring_ready(ring, ring->head + n))
		n++;
	/* seq before the rest of the completion, and before the data. */
	if (n)
		dma_rmb();
	return n;
}
EXPORT_SYMBOL_IF_KUNIT(ferry_ring_completed);

/**
 * ferry_ring_pending() - first entry without a completion
 * @ring: ring
 *
 * For the owner. After a stop this is where the device left off.
 *
 * Return: an index from head to tail.
 */
u32 ferry_ring_pending(const struct ferry_ring *ring)
{
	u32 index = ring->head;

	while (index != ring->tail && ferry_ring_ready(ring, index))
		index++;
	return index;
}
EXPORT_SYMBOL_IF_KUNIT(ferry_ring_pending);

/**
 * ferry_ring_undo() - forget the last completion, as if its entry were still to come
 * @ring: ring
 * @index: the one before ferry_ring_pending(), not yet reaped
 *
 * For the owner, while the device is idle.
 */
void ferry_ring_undo(struct ferry_ring *ring, u32 index)
{
	WRITE_ONCE(ferry_ring_cqe(ring, index)->seq, cpu_to_le32(index));
}
EXPORT_SYMBOL_IF_KUNIT(ferry_ring_undo);

/**
 * ferry_ring_fill() - complete entries that the device will not complete
 * @ring: ring
 * @first: first of them, as told by ferry_ring_pending(); the last is before tail
 * @status: FERRY_ERR_*
 *
 * For the owner, while the device is idle. Within a completion seq comes last
 * here too, since others may poll it.
 */
void ferry_ring_fill(struct ferry_ring *ring, u32 first, u32 status)
{
	struct ferry_cqe *cqe;
	u32 i;

	for (i = first; i != ring->tail; i++) {
		cqe = ferry_ring_cqe(ring, i);
		cqe->result = 0;
		cqe->len = 0;
		cqe->status = cpu_to_le16(status);
		cqe->flags = 0;
		dma_wmb();
		WRITE_ONCE(cqe->seq, cpu_to_le32(i + 1));
	}
}
EXPORT_SYMBOL_IF_KUNIT(ferry_ring_fill);

/**
 * ferry_ring_adopt() - take the device's word for where a mapped queue is
 * @ring: ring
 * @head: HEAD
 * @tail: TAIL, read before @head
 *
 * A completion is in its slot before HEAD shows it, and gives way to an entry then.
 * So tail may be more than a ring ahead; what lies further back has completed.
 */
void ferry_ring_adopt(struct ferry_ring *ring, u32 head, u32 tail)
{
	/* The device can have got further since. */
	if ((s32)(tail - head) < 0)
		tail = head;
	if (tail - head > ferry_ring_size(ring))
		head = tail - ferry_ring_size(ring);
	WRITE_ONCE(ring->head, head);
	WRITE_ONCE(ring->tail, tail);
}
EXPORT_SYMBOL_IF_KUNIT(ferry_ring_adopt);
