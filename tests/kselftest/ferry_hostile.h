/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a hostile process has: memory, of which a part is registered at a time, queues that
 * others may have, too, and entries that are random or nearly valid.
 */
#ifndef FERRY_HOSTILE_H
#define FERRY_HOSTILE_H

#include "ferry_neighbour.h"

#define REGIONS		8
#define ROOM		(64 * KiB)
#define QUEUES		3
#define FAR		(1u << 30)

/* Memory of the hostile process. What is not registered may not change either. */
struct region {
	uint8_t *p;
	size_t first, length;
	uint32_t window;
	bool used, ro;
};

struct hostile {
	uint64_t x;
	int fd;
	struct mq q[QUEUES];
	bool has[QUEUES];
	bool inherited[QUEUES];	/* or bequeathed: a relative rings it, too */
	bool on_port[QUEUES];	/* a direction of port 0 */
	int port;
	struct region region[REGIONS];
	uint32_t allocated[2];
	bool shared;		/* somebody else has the file, too */
	uint64_t own;		/* seed of the region's patterns */
	uint32_t max_buffers, max_len, max_order;
	uint32_t ok;
};

static void region_check(struct hostile *h, struct region *r)
{
	uint64_t seed = r - h->region;
	size_t a = r->used && !r->ro ? r->first & -8UL : ROOM;
	size_t b = r->used && !r->ro ? (r->first + r->length + 7) & -8UL : ROOM;
	uint8_t edge[16];

	if (!has_words(r->p, a, seed) || !has_words(r->p + b, ROOM - b, seed + b / 8))
		fail("memory beside a registration, or that is not registered, has changed");
	if (a == ROOM)
		return;
	fill_words(edge, 8, seed + a / 8);
	if (memcmp(r->p + a, edge, r->first - a))
		fail("bytes before a registration have changed");
	fill_words(edge + 8, 8, seed + b / 8 - 1);
	if (memcmp(r->p + r->first + r->length, edge + 16 - (b - r->first - r->length),
		   b - r->first - r->length))
		fail("bytes behind a registration have changed");
}

/* When this returns the memory is no window's, and whatever runs, it stays as it is. */
static void region_free(struct hostile *h, struct region *r)
{
	int ret;

	if (!r->used)
		return;
	ret = buf_free(h->fd, r->window);
	if (ret && !(h->shared && ret == -ENOENT))
		fail("BUF_FREE of %u: %d", r->window, ret);
	region_check(h, r);
	r->used = false;
	fill_words(r->p, ROOM, r - h->region);
}

static void region_register(struct hostile *h, struct region *r)
{
	uint64_t x = rnd(&h->x);

	region_free(h, r);
	region_check(h, r);
	r->ro = !(x & 7);
	r->first = (x >> 3) % ROOM;
	r->length = 1 + (x >> 24) % (ROOM - r->first);
	if (x & 1ULL << 48) {	/* whole pages */
		r->first &= -(4 * KiB);
		r->length = ROOM - r->first;
	}
	r->used = !buf_register(h->fd, r->p + r->first, r->length, r->ro ? FERRY_BUF_DEV_RO : 0,
				&r->window);
	if (!r->used && !h->shared)
		fail("BUF_REGISTER: %s", strerror(errno));
}

/* An offset is of whatever queue has the channel now: a relative may have made a new one. */
static bool queue_map(struct mq *q)
{
	return !mq_map(q) && mq_wait(q, 0, 0) != -ENOENT;
}

static bool queue_open(struct hostile *h, int i)
{
	static const uint8_t weights[] = { 0, 0, 1, 2, 3, 7, 40, 255 };
	uint64_t x = rnd(&h->x);
	uint32_t order = x & 3 ? 8 : 1 + (x >> 2) % 10;
	uint32_t direction = x >> 8 & 1 ? FERRY_QUEUE_SEND : FERRY_QUEUE_RECV;

	if (order > h->max_order)
		order = h->max_order;
	h->on_port[i] = h->port >= 0 && !(x >> 9 & 3);
	if (h->on_port[i])
		h->has[i] = !mq_create_port(&h->q[i], h->fd, order, direction, h->port,
					    (x >> 16) % 1000);
	else
		h->has[i] = !mq_create(&h->q[i], h->fd, order, weights[x >> 32 & 7]);
	h->inherited[i] = false;
	/* A relative may have destroyed it already. */
	if (h->has[i] && !queue_map(&h->q[i])) {
		must(h->shared);
		_exit(0);
	}
	return h->has[i];
}

static void queue_close(struct hostile *h, int i)
{
	mq_unmap(&h->q[i]);
	queue_destroy(h->fd, h->q[i].args.queue);
	h->has[i] = false;
}

static uint32_t length_of(struct hostile *h, uint64_t x)
{
	uint64_t y = x >> 4;

	switch (x & 15) {
	case 0:
		return y;
	case 1:
		return 1u << (y & 31);
	case 2:
		return h->max_len - 1 + y % 3;
	case 3:
		return y % (2 * ROOM);
	case 4:
	case 5:
		return y % (8 * KiB);
	case 6:
		return 0;
	default:
		return y & 255;
	}
}

/*
 * Windows of its own, next to its own, or any; offsets within, at the ends, beyond them, and
 * such as would be in RAM.
 */
static uint64_t address_of(struct hostile *h, uint32_t len)
{
	uint64_t x = rnd(&h->x), y = x >> 16;
	struct region *r = &h->region[x & (REGIONS - 1)];
	uint64_t window, end = r->length;

	switch (x >> 3 & 15) {
	case 0:
		window = y;
		break;
	case 1:
		window = y % (h->max_buffers + 2);
		break;
	case 2:
		window = h->allocated[y & 1];
		end = ROOM;
		break;
	default:
		window = r->window;
	}
	window <<= FERRY_ADDR_WINDOW_SHIFT;
	y >>= 4;
	switch (x >> 7 & 15) {
	case 0:
		return window | (y & 0x3fffffff);	/* RAM, if it were added to anything */
	case 1:
		return window | (y & 0xffffffffffffULL);
	case 2:
		return window | ((1ULL << 48) - 1 - y % ROOM);
	case 3:
		return window | (end + y % ROOM);
	case 4:
	case 5:
		return window | ((end - len + y % 5 - 2) & 0xffffffffffffULL);
	default:
		return window | (end > len ? y % (end - len) : y % 64);
	}
}

static void entry_write(struct hostile *h, uint64_t *e, bool on_port)
{
	uint64_t x = rnd(&h->x), word[4];
	uint32_t len;

	if (!(x & 7)) {
		for (int i = 0; i < 4; i++)
			store(&e[i], rnd(&h->x));
		return;
	}
	len = length_of(h, x >> 24);
	word[0] = (on_port && x & 8 ? FERRY_OP_SEND + (x >> 8 & 1) : (x >> 8) % 9) |
		  (uint64_t)len << 32;
	word[1] = address_of(h, len);
	word[2] = address_of(h, len);
	word[3] = x;
	if (!(x >> 3 & 15))
		word[x >> 8 & 3] ^= 1ULL << (x >> 10 & 63);
	for (int i = 0; i < 4; i++)
		store(&e[i], word[i]);
}

#endif /* FERRY_HOSTILE_H */
