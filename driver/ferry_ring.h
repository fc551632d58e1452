/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The two rings of a channel: indices, slots and barriers.
 *
 * Indices are free-running 32-bit numbers; slot i is i modulo the size. One
 * owner at a time submits and reaps (the queue's lock sees to it); the others
 * may only ask ferry_ring_done() and ferry_ring_ready().
 *
 * The rings of a mapped queue are user space's. It can write any byte of the SQ
 * at any time, and none of the CQ. head and tail are then what the device said
 * when it was asked last, see ferry_ring_adopt().
 *
 *	head            next completion to reap
 *	tail            next entry to submit
 *	tail - head     outstanding: submitted, not reaped; at most the size
 *
 * Barriers and their partners in the device (hardware.rst, "Ordering"):
 * ferry_ring_publish() orders entries before the doorbell (rules 1 and 2);
 * ferry_ring_completed() orders seq before the rest of the completion and the
 * data (rules 3 and 4).
 */
#ifndef FERRY_RING_H
#define FERRY_RING_H

#include <asm/barrier.h>
#include <linux/compiler.h>
#include <linux/io.h>
#include <linux/minmax.h>
#include <linux/types.h>

#include <linux/ferry.h>

/* Greatest log2 of the size of a ring whose size in bytes fits 32 bits. */
#define FERRY_RING_MAX_ORDER	26U

/**
 * struct ferry_ring - SQ and CQ of a channel
 * @sq: slots of the submission queue
 * @cq: slots of the completion queue
 * @doorbell: SQ_TAIL
 * @mask: number of slots, minus one
 * @head: next completion to reap
 * @tail: next entry to submit
 */
struct ferry_ring {
	struct ferry_sqe *sq;
	struct ferry_cqe *cq;
	void __iomem *doorbell;
	u32 mask;
	u32 head;
	u32 tail;
};

void ferry_ring_init(struct ferry_ring *ring, void *sq, void *cq, void __iomem *doorbell,
		     u32 order, u32 first);
u32 ferry_ring_completed(const struct ferry_ring *ring, u32 max);
u32 ferry_ring_pending(const struct ferry_ring *ring);
void ferry_ring_undo(struct ferry_ring *ring, u32 index);
void ferry_ring_fill(struct ferry_ring *ring, u32 first, u32 status);
void ferry_ring_adopt(struct ferry_ring *ring, u32 head, u32 tail);

/**
 * ferry_ring_size() - number of slots
 * @ring: ring
 *
 * Return: a power of two.
 */
static inline u32 ferry_ring_size(const struct ferry_ring *ring)
{
	return ring->mask + 1;
}

/**
 * ferry_ring_space() - free slots
 * @ring: ring
 *
 * Exact for the owner, a hint for others.
 *
 * Return: entries that can be submitted now.
 */
static inline u32 ferry_ring_space(const struct ferry_ring *ring)
{
	return ferry_ring_size(ring) - (READ_ONCE(ring->tail) - READ_ONCE(ring->head));
}

/**
 * ferry_ring_run() - contiguous slots from an index
 * @ring: ring
 * @index: first index
 * @want: slots wanted
 *
 * Return: at most @want, less where the ring wraps.
 */
static inline u32 ferry_ring_run(const struct ferry_ring *ring, u32 index, u32 want)
{
	return min(want, ferry_ring_size(ring) - (index & ring->mask));
}

/**
 * ferry_ring_sqe() - slot of an entry
 * @ring: ring
 * @index: index, from tail to before tail plus the free slots
 *
 * Return: the slot, for the owner to write.
 */
static inline struct ferry_sqe *ferry_ring_sqe(const struct ferry_ring *ring, u32 index)
{
	return &ring->sq[index & ring->mask];
}

/**
 * ferry_ring_cqe() - slot of a completion
 * @ring: ring
 * @index: index
 *
 * Return: the slot; to be read only behind ferry_ring_completed().
 */
static inline struct ferry_cqe *ferry_ring_cqe(const struct ferry_ring *ring, u32 index)
{
	return &ring->cq[index & ring->mask];
}

/**
 * ferry_ring_publish() - submit the entries written behind tail
 * @ring: ring
 * @count: how many; at most the free slots. 0: those of a channel that was started
 *	again
 *
 * The only MMIO access of a submission.
 */
static inline void ferry_ring_publish(struct ferry_ring *ring, u32 count)
{
	u32 tail = ring->tail + count;

	WRITE_ONCE(ring->tail, tail);
	/*
	 * Entries, window rows and data before the index that lets them be read.
	 * dma_wmb() orders memory with memory only; writel() orders it with the
	 * register, for the same instructions on arm64.
	 */
	writel(tail, ring->doorbell);
}

/**
 * ferry_ring_reap() - give slots back whose completions were read
 * @ring: ring
 * @count: how many; at most what ferry_ring_completed() said
 */
static inline void ferry_ring_reap(struct ferry_ring *ring, u32 count)
{
	WRITE_ONCE(ring->head, ring->head + count);
}

/**
 * ferry_ring_ready() - is the completion of an index in its slot?
 * @ring: ring
 * @index: index, not yet reaped
 *
 * Orders nothing. Any context.
 *
 * Return: true if it is.
 */
static inline bool ferry_ring_ready(const struct ferry_ring *ring, u32 index)
{
	return le32_to_cpu(READ_ONCE(ferry_ring_cqe(ring, index)->seq)) == index + 1;
}

/**
 * ferry_ring_done() - has everything before an index completed?
 * @ring: ring
 * @target: index
 *
 * Completions come in order, so the slot of the one before @target tells: it has
 * that completion, or one of a later lap (who maps the rings may submit over what
 * it has not read). For a channel that was armed this is false no longer than the
 * device's own comparison of HEAD is, whatever @target is. Any context.
 *
 * Return: true if it has.
 */
static inline bool ferry_ring_done(const struct ferry_ring *ring, u32 target)
{
	u32 seq = le32_to_cpu(READ_ONCE(ferry_ring_cqe(ring, target - 1)->seq));

	return (s32)(seq - target) >= 0;
}

#endif /* FERRY_RING_H */
