/* SPDX-License-Identifier: MIT */
/*
 * libferry: queues whose rings and doorbell the process has itself.
 *
 * Nothing here but opening, sleeping and cancelling is a system call. The loop:
 * take entries with ferry_ring_get_sqe(), prepare each with a ferry_prep_*() call of
 * libferry.h, ring once with ferry_ring_submit(), then take completions with
 * ferry_ring_peek() and give their slots back with ferry_ring_seen(). Entries
 * complete in the order in which they were taken.
 *
 * Threads: calls on one ring need a lock of the caller's, but for ferry_ring_sleep(),
 * ferry_ring_arm() and ferry_ring_cancel(), which any thread may call.
 *
 * fork(): the child does not get the ring, and crashes if it uses it.
 *
 * When the device goes, nothing crashes that is only in here: ferry_ring_dead() tells,
 * and no further completion says FERRY_OK.
 */
#ifndef LIBFERRY_RING_H
#define LIBFERRY_RING_H

#include <libferry.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct ferry_ring - a queue and where this process is with it
 * @sqes: slots of the SQ
 * @cqes: slots of the CQ; read only
 * @doorbell: register; write only
 * @state: tells when it is dead; read only
 * @mask: number of slots, less one
 * @head: index of the next completion to take
 * @tail: index of the next entry to take
 * @handle: the queue in <linux/ferry.h>
 * @channel: its channel, that of its directory in sysfs
 * @dev: device
 *
 * Made by ferry_ring_open() only. All of it can be read, and none but what the
 * functions below change is to be written.
 */
struct ferry_ring {
	struct ferry_sqe *sqes;
	const struct ferry_cqe *cqes;
	uint32_t *doorbell;
	const struct ferry_queue_state *state;
	uint32_t mask;
	uint32_t head;
	uint32_t tail;
	uint32_t handle;
	uint32_t channel;
	struct ferry *dev;
};

/**
 * ferry_ring_open() - claim a channel, and map what it has
 * @dev: device
 * @entries: operations to have outstanding; rounded up to a power of two and
 *	to the least that the device can do
 * @weight: share of the device, 1 to 255 quanta in a turn; 0 for 1
 * @ring: out: the ring
 *
 * Return: as ferry_queue_create(), or -EOPNOTSUPP if the kernel or the device can't.
 */
int ferry_ring_open(struct ferry *dev, unsigned int entries,
		    unsigned int weight, struct ferry_ring **ring);

/**
 * ferry_ring_open_port() - claim a direction of a port, and map what its channel has
 * @dev: device
 * @port: descriptor of a file of the port, opened for that direction or with the
 *	mode 3; can be closed afterwards
 * @direction: FERRY_QUEUE_SEND or FERRY_QUEUE_RECV
 * @entries: as for ferry_ring_open()
 * @weight: likewise
 * @idle_usecs: to receive: how long without more until a RECV that has some bytes
 *	completes; 0: at once; FERRY_QUEUE_IDLE_NEVER; else 0
 * @ring: out: the ring
 *
 * For ferry_prep_send() or ferry_prep_recv(). Nobody else has the direction until it
 * is closed. The entry that waits for the port when the system is suspended completes
 * with FERRY_ERR_CANCELLED and its true count. Use ferry_ring_cancel() to know
 * that before ferry_ring_close().
 *
 * Return: as ferry_ring_open(); -EBADF or -EINVAL for @port; -EACCES if it was not
 * opened for that; -EBUSY if somebody has the direction; -EIO if the port does
 * not answer.
 */
int ferry_ring_open_port(struct ferry *dev, int port, unsigned int direction,
			 unsigned int entries, unsigned int weight,
			 uint32_t idle_usecs, struct ferry_ring **ring);

/**
 * ferry_ring_close() - cancel what runs, and give the channel back
 * @ring: ring; or NULL
 */
void ferry_ring_close(struct ferry_ring *ring);

/**
 * ferry_ring_sleep() - sleep until a completion is there
 * @ring: ring
 * @index: index of the entry
 * @timeout_ns: how long, nanoseconds; negative: no limit
 *
 * A system call, and where it does not return at once an interrupt. Without the
 * completion before it an entry never completes, so one call waits for a batch.
 *
 * Return: 0; -ETIME; -EINTR; -EIO if the queue is dead; -ENODEV.
 */
int ferry_ring_sleep(struct ferry_ring *ring, uint32_t index,
		     int64_t timeout_ns);

/**
 * ferry_ring_arm() - have a completion told by an eventfd, or by poll(2)
 * @ring: ring
 * @index: index of the entry
 * @eventfd: eventfd to signal once; -1: none
 *
 * From now on poll(2) of ferry_fd() says POLLIN while that completion is there. Takes
 * the place of what was armed before.
 *
 * Return: 0; -EBADF or -EINVAL for @eventfd; -EIO if the queue is dead; -ENODEV.
 */
int ferry_ring_arm(struct ferry_ring *ring, uint32_t index, int eventfd);

/**
 * ferry_ring_cancel() - drop what has not completed
 * @ring: ring
 *
 * As ferry_queue_cancel().
 *
 * Return: 0, -EINTR, -EIO or -ENODEV.
 */
int ferry_ring_cancel(struct ferry_ring *ring);

/*
 * The barriers between this processor and the device, as the kernel's mb() of the outer domain and
 * dma_rmb(): the device need not be in the domain that those of C11 reach. Elsewhere
 * __sync_synchronize() need not order memory before a device's register, so it is no substitute.
 */
#if defined(__aarch64__)
#define ferry_ring_mb()		__asm__ __volatile__("dmb osh" : : : "memory")
#define ferry_ring_rmb()	__asm__ __volatile__("dmb oshld" : : : "memory")
#elif defined(__x86_64__)
/* Before a store, loads and stores are in order anyhow. */
#define ferry_ring_mb()		__asm__ __volatile__("" : : : "memory")
#define ferry_ring_rmb()	__asm__ __volatile__("" : : : "memory")
#else
#error "libferry-ring.h does not know the barriers of this processor: add them here"
#endif

/**
 * ferry_ring_get_sqe() - take the next free entry
 * @ring: ring
 *
 * It is the slot of the SQ itself. Its index is @tail of the ring before the call,
 * what ferry_cqe_index() of the completion will be. Prepare each one.
 *
 * Return: an entry to prepare, or NULL when none is free.
 */
static inline struct ferry_sqe *ferry_ring_get_sqe(struct ferry_ring *ring)
{
	uint32_t tail = ring->tail;

	if (__builtin_expect(tail - ring->head > ring->mask, 0))
		return NULL;
	ring->tail = tail + 1;
	return &ring->sqes[tail & ring->mask];
}

/**
 * ferry_ring_submit() - submit the entries that were taken
 * @ring: ring
 *
 * One register write, for as many as there are.
 */
static inline void ferry_ring_submit(struct ferry_ring *ring)
{
	/*
	 * Entries, and data in buffers, before the index that lets the device read
	 * them; and what was read of a buffer that it may write to again. Pairs with the
	 * device's fetch behind SQ_TAIL.
	 */
	ferry_ring_mb();
	__atomic_store_n(ring->doorbell, htole32(ring->tail), __ATOMIC_RELAXED);
}

/**
 * ferry_ring_ready() - are there so many completions to take?
 * @ring: ring
 * @nr: how many, from 1 to the number of slots
 *
 * Return: not 0 if they are. They can be read then, and the data behind them.
 */
static inline int ferry_ring_ready(const struct ferry_ring *ring,
				   unsigned int nr)
{
	uint32_t seq = ring->head + nr;
	const struct ferry_cqe *cqe = &ring->cqes[(seq - 1) & ring->mask];

	if (le32toh(__atomic_load_n(&cqe->seq, __ATOMIC_RELAXED)) != seq)
		return 0;
	/*
	 * seq before the rest of the completion, those before it, and the data. Pairs
	 * with the device's write of seq behind all of these.
	 */
	ferry_ring_rmb();
	return 1;
}

/**
 * ferry_ring_cqe() - a completion that is there
 * @ring: ring
 * @nr: which, from 0 to before what ferry_ring_ready() was asked for
 *
 * Return: the completion, valid until ferry_ring_seen().
 */
static inline const struct ferry_cqe *ferry_ring_cqe(const struct ferry_ring *ring,
						     unsigned int nr)
{
	return &ring->cqes[(ring->head + nr) & ring->mask];
}

/**
 * ferry_ring_peek() - the next completion
 * @ring: ring
 *
 * Return: the completion, valid until ferry_ring_seen(); NULL if it is not there yet.
 */
static inline const struct ferry_cqe *ferry_ring_peek(const struct ferry_ring *ring)
{
	return ferry_ring_ready(ring, 1) ? ferry_ring_cqe(ring, 0) : NULL;
}

/**
 * ferry_ring_seen() - give slots back whose completions were read
 * @ring: ring
 * @nr: how many
 */
static inline void ferry_ring_seen(struct ferry_ring *ring, unsigned int nr)
{
	ring->head += nr;
}

/**
 * ferry_ring_dead() - will there be no completion any more?
 * @ring: ring
 *
 * For who polls: look at it every so often.
 *
 * Return: FERRY_QUEUE_*, 0 for no.
 */
static inline unsigned int ferry_ring_dead(const struct ferry_ring *ring)
{
	unsigned int dead = __atomic_load_n(&ring->state->dead, __ATOMIC_RELAXED);

	/* What has completed before is seen by who looks for it after this. */
	if (dead)
		ferry_ring_rmb();
	return dead;
}

/**
 * ferry_ring_wait() - wait until there is enough to take
 * @ring: ring
 * @nr: how many completions, from 1 to the number of slots
 * @timeout_ns: how long, nanoseconds; negative: no limit
 *
 * If they are there it is no system call, else it sleeps.
 *
 * Return: 0, and they can be read; else as ferry_ring_sleep().
 */
static inline int ferry_ring_wait(struct ferry_ring *ring, unsigned int nr,
				  int64_t timeout_ns)
{
	int err;

	if (ferry_ring_ready(ring, nr))
		return 0;
	err = ferry_ring_sleep(ring, ring->head + nr - 1, timeout_ns);
	/* As in ferry_ring_ready(); the kernel has looked at seq. */
	ferry_ring_rmb();
	return err;
}

#ifdef __cplusplus
}
#endif

#endif /* LIBFERRY_RING_H */
