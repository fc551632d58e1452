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
 * @lock: submitting, reaping, cancelling, destroying: one at a time. User memory is
 *	accessed under it
 * @wait: who sleeps in WAIT, SUBMIT or FLUSH
 * @reader: armed for read(2) and poll(2)
 */
struct ferry_queue {
	refcount_t refs;
	struct rcu_head rcu;
	struct ferry_file *file;
	struct ferry_chan *chan;
	u32 handle;
	bool closed;
	struct mutex lock;
	wait_queue_head_t wait;
	struct ferry_waiter reader;
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

/**
 * ferry_queue_put() - give a reference back
 * @queue: queue
 */
static inline void ferry_queue_put(struct ferry_queue *queue)
{
	if (refcount_dec_and_test(&queue->refs))
		kfree_rcu(queue, rcu);
}

/* ferry_queue.c */
struct ferry_queue *ferry_queue_next(struct ferry_file *file, u32 *slot);
int ferry_queue_sleep(struct ferry_queue *queue, u32 target, struct ferry_deadline deadline);
void ferry_queue_drained(struct ferry_queue *queue);

#endif /* FERRY_QUEUE_H */
