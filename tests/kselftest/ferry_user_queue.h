/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mapped queues, as a process drives them that has no library: rings, doorbell,
 * and the calls that wait.
 */
#ifndef FERRY_USER_QUEUE_H
#define FERRY_USER_QUEUE_H

#include "ferry_utils.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#define ORDER	4
#define SIZE	(1u << ORDER)
#define DB_SIZE	(64 * KiB)
/* No completion takes so long, on any device of these tests. */
#define LONG	(20 * NSEC_PER_SEC)

#define load(p)		__atomic_load_n(p, __ATOMIC_RELAXED)
#define store(p, value)	__atomic_store_n(p, value, __ATOMIC_RELAXED)

/* A mapped queue. */
struct mq {
	int fd;
	struct ferry_queue_create args;
	uint32_t size;
	struct ferry_sqe *sq;
	struct ferry_queue_state *state;
	struct ferry_cqe *cq;
	uint32_t *doorbell;
	size_t cq_bytes;
	uint32_t tail;
	uint32_t head;
};

static inline int mq_create(struct mq *q, int fd, uint32_t order, uint32_t weight)
{
	*q = (struct mq) {
		.fd = fd, .size = 1u << order,
		.args = {
			.size = sizeof(q->args), .flags = FERRY_QUEUE_MAPPED, .order = order,
			.weight = weight,
		},
	};
	return ferry_ioctl(fd, FERRY_IOC_QUEUE_CREATE, &q->args);
}

static inline int mq_map(struct mq *q)
{
	uint8_t *cq;

	q->cq_bytes = q->args.cq_start + q->size * sizeof(struct ferry_cqe);
	q->sq = mmap(NULL, q->size * sizeof(*q->sq), PROT_READ | PROT_WRITE, MAP_SHARED, q->fd,
		     q->args.sq_offset);
	if (q->sq == MAP_FAILED)
		return -errno;
	cq = mmap(NULL, q->cq_bytes, PROT_READ, MAP_SHARED, q->fd, q->args.cq_offset);
	if (cq == MAP_FAILED)
		return -errno;
	q->state = (void *)cq;
	q->cq = (void *)(cq + q->args.cq_start);
	q->doorbell = mmap(NULL, DB_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, q->fd,
			   q->args.doorbell_offset);
	return q->doorbell == MAP_FAILED ? -errno : 0;
}

static inline int mq_open(struct mq *q, int fd, uint32_t order)
{
	int ret = mq_create(q, fd, order, 0);

	return ret ? ret : mq_map(q);
}

/* A direction of a port: FERRY_QUEUE_SEND or _RECV. */
static inline int mq_create_port(struct mq *q, int fd, uint32_t order, uint32_t direction,
				 int port_fd, uint32_t idle_usecs)
{
	*q = (struct mq) {
		.fd = fd, .size = 1u << order,
		.args = {
			.size = sizeof(q->args), .flags = FERRY_QUEUE_MAPPED | direction,
			.order = order, .port_fd = port_fd, .idle_usecs = idle_usecs,
		},
	};
	return ferry_ioctl(fd, FERRY_IOC_QUEUE_CREATE, &q->args);
}

static inline int mq_open_port(struct mq *q, int fd, uint32_t direction, int port_fd,
			       uint32_t idle_usecs)
{
	int ret = mq_create_port(q, fd, ORDER, direction, port_fd, idle_usecs);

	return ret ? ret : mq_map(q);
}

static inline void mq_unmap(struct mq *q)
{
	munmap(q->sq, q->size * sizeof(*q->sq));
	munmap(q->state, q->cq_bytes);
	munmap(q->doorbell, DB_SIZE);
}

static inline void mq_push(struct mq *q, struct ferry_sqe entry)
{
	q->sq[q->tail++ % q->size] = entry;
}

/* A full barrier of the inner kind is too little for a device; this one is the outer. */
static inline void mq_ring(struct mq *q)
{
	__asm__ __volatile__("dmb osh" : : : "memory");
	store(q->doorbell, q->tail);
}

static inline bool mq_ready(const struct mq *q, uint32_t index)
{
	return le32toh(load(&q->cq[index % q->size].seq)) == index + 1;
}

/* Spin for the next completion. Returns its status, or -ETIME, or -EIO of a dead queue. */
static inline int mq_reap(struct mq *q, struct ferry_cqe *cqe)
{
	int64_t end = now_ns() + LONG;

	while (!mq_ready(q, q->head)) {
		if (load(&q->state->dead))
			return -EIO;
		if (now_ns() > end)
			return -ETIME;
		sched_yield();
	}
	__asm__ __volatile__("dmb oshld" : : : "memory");
	*cqe = q->cq[q->head++ % q->size];
	return cqe_status(cqe);
}

static inline int mq_run(struct mq *q, struct ferry_sqe entry, struct ferry_cqe *cqe)
{
	mq_push(q, entry);
	mq_ring(q);
	return mq_reap(q, cqe);
}

static inline int mq_wait(const struct mq *q, uint32_t seq, int64_t timeout_ns)
{
	struct ferry_queue_wait args = {
		.size = sizeof(args), .queue = q->args.queue, .seq = seq, .timeout_ns = timeout_ns,
	};

	return ferry_ioctl(q->fd, FERRY_IOC_QUEUE_WAIT, &args);
}

static inline int mq_arm(const struct mq *q, uint32_t seq, int event)
{
	struct ferry_queue_arm args = {
		.size = sizeof(args), .queue = q->args.queue, .seq = seq, .eventfd = event,
	};

	return ferry_ioctl(q->fd, FERRY_IOC_QUEUE_ARM, &args);
}

static inline int poll_events(int fd, short events, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int n = poll(&p, 1, timeout_ms);

	return n < 0 ? -errno : p.revents;
}

/* What the queue has of work that takes a while, for tests that end it: fills the ring. */
static inline void mq_fill(struct mq *q, uint32_t buffer, size_t length)
{
	for (uint32_t i = 0; i < q->size; i++)
		mq_push(q, sqe(FERRY_OP_COPY, length / 2, FERRY_ADDR(buffer, 0),
			       FERRY_ADDR(buffer, length / 2), 0));
	mq_ring(q);
}

static inline int event_count(int event)
{
	uint64_t count;

	if (read(event, &count, sizeof(count)) != sizeof(count))
		return -errno;
	return count;
}

static inline int try_mmap(int fd, uint64_t offset, size_t length, int prot, int flags)
{
	void *p = mmap(NULL, length, prot, flags, fd, offset);

	if (p == MAP_FAILED)
		return -errno;
	munmap(p, length);
	return 0;
}

struct waiter {
	pthread_t thread;
	const struct mq *q;
	uint32_t first, step, last;
	int result;
};

FIXTURE(mapped)
{
	int fd;
	struct ferry_info info;
	uint32_t buffer;
	uint8_t *map;
	struct mq q;
	struct ferry_cqe cqe;
};

FIXTURE_SETUP(mapped)
{
	ASSERT_EQ(0, find_device());
	self->fd = node_open();
	ASSERT_LE(0, self->fd) TH_LOG("%s: %s", device_node, strerror(-self->fd));
	ASSERT_EQ(0, ferry_info(self->fd, &self->info));
	ASSERT_GE(ORDER, (int)self->info.min_order);
	self->map = buf_new(self->fd, 64 * KiB, 0, &self->buffer);
	ASSERT_NE(NULL, self->map);
	ASSERT_EQ(0, mq_open(&self->q, self->fd, ORDER));
}

FIXTURE_TEARDOWN(mapped)
{
	close(self->fd);
}

#define NOP	sqe(FERRY_OP_NOP, 0, 0, 0, 0)

/* The queue works, whatever was done to it before. */
#define EXPECT_WORKS(self) do {									\
	uint8_t b_ = (self)->map[0] + 1;							\
	EXPECT_EQ(FERRY_OK, mq_run(&(self)->q, sqe(FERRY_OP_FILL, 64, 0,			\
			FERRY_ADDR((self)->buffer, 0), b_ * 0x0101010101010101ULL), &(self)->cqe)); \
	EXPECT_TRUE(all_bytes((self)->map, 64, b_));						\
} while (0)

#endif /* FERRY_USER_QUEUE_H */
