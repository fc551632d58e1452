/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Queues: what the files that work on them share.
 */
#ifndef FERRY_QUEUE_H
#define FERRY_QUEUE_H

#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/wait.h>

#include "ferry.h"

struct eventfd_ctx;

/* A handle is a slot of the file, and above it the number of queues made before. */
#define FERRY_HANDLE_SLOT	(FERRY_MAX_CHANNELS - 1)

/**
 * struct ferry_queue - a channel in the hands of an open file
 * @refs: the handle's, and one of each call that uses it
 * @rcu: frees it behind lookups
 * @file: open file
 * @chan: channel
 * @handle: handle; its slot is the number of the channel
 * @closed: destroyed; the channel is no longer its own
 * @refused: what SUBMIT and WAIT fail with, or 0
 * @lock: submitting, reaping, cancelling, destroying: one at a time. User memory is
 *	accessed under it
 * @wait: who sleeps in WAIT, SUBMIT or FLUSH
 * @reader: armed for read(2) and poll(2)
 * @mapped: user space has the rings and the doorbell
 * @sq: if @mapped: memory of the SQ
 * @cq: if @mapped: memory of @state and the CQ
 * @state: if @mapped: what user space reads; written under &ferry_chan.lock, while
 *	the channel is the queue's
 * @spare: if @mapped: what user space writes to when SQ or doorbell are gone
 * @alarm: armed for QUEUE_ARM, which sets the rest under &ferry_chan.lock
 * @armed: there was one
 * @seq: what it waits for
 * @event: what it signals, or NULL
 * @event_due: it has not been signalled
 * @port: port whose channel it has, or NULL
 * @idle_usecs: if it receives from @port: when a RECV that has some bytes completes
 */
struct ferry_queue {
	refcount_t refs;
	struct rcu_head rcu;
	struct ferry_file *file;
	struct ferry_chan *chan;
	u32 handle;
	bool closed;
	int refused;
	struct mutex lock;
	wait_queue_head_t wait;
	struct ferry_waiter reader;
	bool mapped;
	struct ferry_mem *sq;
	struct ferry_mem *cq;
	struct ferry_queue_state *state;
	struct page *spare;
	struct ferry_waiter alarm;
	bool armed;
	u32 seq;
	struct eventfd_ctx *event;
	bool event_due;
	struct ferry_port *port;
	u32 idle_usecs;
};

/**
 * struct ferry_deadline - until when a call waits
 * @at: CLOCK_MONOTONIC time, if @limited
 * @limited: there is a limit
 */
struct ferry_deadline {
	ktime_t at;
	bool limited;
};

/**
 * ferry_deadline() - until when a call waits
 * @timeout_ns: nanoseconds from now; negative: no limit
 *
 * Return: deadline.
 */
static inline struct ferry_deadline ferry_deadline(s64 timeout_ns)
{
	return (struct ferry_deadline){
		.at = timeout_ns > 0 ? ktime_add_safe(ktime_get(), ns_to_ktime(timeout_ns)) : 0,
		.limited = timeout_ns >= 0,
	};
}

/**
 * ferry_queue_get() - find a queue by handle
 * @file: open file
 * @handle: handle, any number
 *
 * Return: queue with a reference, or NULL.
 */
static inline struct ferry_queue *ferry_queue_get(struct ferry_file *file, u32 handle)
{
	struct ferry_queue *queue;

	rcu_read_lock();
	queue = rcu_dereference(file->queues[handle & FERRY_HANDLE_SLOT]);
	if (queue && (queue->handle != handle || !refcount_inc_not_zero(&queue->refs)))
		queue = NULL;
	rcu_read_unlock();
	return queue;
}

/* ferry_mapped.c */
int ferry_mapped_create(struct ferry_queue *queue, struct ferry_chan_config *cfg);
void ferry_mapped_free(struct ferry_queue *queue);
void ferry_mapped_describe(const struct ferry_queue *queue, struct ferry_queue_create *cmd);
void ferry_mapped_notify(struct ferry_queue *queue);
void ferry_queue_signal(struct ferry_queue *queue, bool end);

/**
 * ferry_queue_put() - give a reference back
 * @queue: queue
 *
 * May sleep.
 */
static inline void ferry_queue_put(struct ferry_queue *queue)
{
	if (refcount_dec_and_test(&queue->refs)) {
		ferry_mapped_free(queue);
		kfree_rcu(queue, rcu);
	}
}

/* ferry_queue.c */
struct ferry_queue *ferry_queue_next(struct ferry_file *file, u32 *slot);
int ferry_queue_sleep(struct ferry_queue *queue, u32 target, struct ferry_deadline deadline);
void ferry_queue_drained(struct ferry_queue *queue);

#endif /* FERRY_QUEUE_H */
