/* SPDX-License-Identifier: GPL-2.0-only */
/* What a process that makes random calls has, and values that are nearly right, or not at all. */
#ifndef FERRY_FUZZ_H
#define FERRY_FUZZ_H

#include "ferry_neighbour.h"
#include "ferry_stream.h"

#define HANDLES	4
#define MAPS	6
#define ROOM	(64 * KiB)

enum file_kind { FERRY, PORT, OTHER };

/* The first is shared with a relative, and always open. */
enum { COMMON, OWN, OWN_2, PORT_0, PORT_1, EVENT, PIPE, PLAIN, DMABUF, SLOTS };

/* What the driver gave out, in memory that is shared by those who share the file. */
struct handles {
	uint32_t queue[HANDLES];
	uint32_t buffer[HANDLES];
	uint64_t offset[HANDLES];
};

struct slot {
	int fd;
	enum file_kind kind;
	struct handles *h;
};

/* Room for a mapping of 1 MiB, and nothing behind it, or while there is none. */
struct map {
	uint8_t *p;
	size_t length;
	bool shared;	/* its first page */
};

struct fuzz {
	uint64_t x;
	size_t page;
	struct slot slot[SLOTS];
	const struct slot *used;	/* by the last call */
	struct handles *own;	/* SLOTS, of files that this process opened */
	struct handles childs[SLOTS];
	struct map map[MAPS];
	uint8_t *arg, *memory, *readonly;	/* ROOM each, and as much of nothing behind it */
	struct mq mq;
	struct slot mq_file;
	bool has_mq;
	int fail_fd;	/* /proc/self/fail-nth, or -1 */
	bool child;
};

static uint64_t pick(struct fuzz *f, const uint64_t *from, size_t n)
{
	uint64_t x = rnd(&f->x);

	return x & 15 ? from[(x >> 4) % n] : x >> 8;
}

/* One of the values, or any. */
#define PICK(f, ...) ({									\
	const uint64_t from_[] = { __VA_ARGS__ };					\
											\
	pick(f, from_, ARRAY_SIZE(from_));						\
})

static bool has_queue(const struct slot *s)
{
	for (int i = 0; i < HANDLES; i++)
		if (s->h->queue[i])
			return true;
	return false;
}

/* Of that kind most of the time; a user has few queues, and some files have none. */
static struct slot *a_slot_of(struct fuzz *f, enum file_kind kind)
{
	uint64_t x = rnd(&f->x);
	uint32_t i = x >> 8;
	struct slot *s = kind == FERRY ? &f->slot[COMMON + i % 3] : &f->slot[PORT_0 + i % 2];

	if (!(x & 31))
		s = &f->slot[i % SLOTS];
	else if (kind == FERRY && x & 0xe0)
		for (int n = 0; n < 2 && !has_queue(s); n++)
			s = &f->slot[COMMON + ++i % 3];
	return s;
}

/* The one that is called. */
static struct slot *a_slot(struct fuzz *f, enum file_kind kind)
{
	struct slot *s = a_slot_of(f, kind);

	f->used = s;
	return s;
}

/* Not one of those that are 0, if there are others. */
static uint32_t a_handle(struct fuzz *f, const uint32_t *of_file, const uint32_t *of_another)
{
	uint64_t x = rnd(&f->x);
	uint32_t i = x >> 8;

	if (!(x & 15))
		return x & 16 ? of_another[i % HANDLES] : x >> 32;
	for (int n = 0; n < HANDLES - 1 && !of_file[i % HANDLES]; n++)
		i++;
	return of_file[i % HANDLES];
}

static uint32_t a_queue(struct fuzz *f, const struct handles *h)
{
	return a_handle(f, h->queue, f->own[OWN].queue);
}

static uint32_t a_buffer(struct fuzz *f, const struct handles *h)
{
	return a_handle(f, h->buffer, f->own[OWN].buffer);
}

/* Which has been freed, some of the time. */
static uint64_t an_offset(struct fuzz *f, const struct handles *h)
{
	uint32_t i = rnd(&f->x);

	for (int n = 0; n < HANDLES - 1 && !h->offset[i % HANDLES]; n++)
		i++;
	return h->offset[i % HANDLES];
}

static struct map *a_map(struct fuzz *f)
{
	uint32_t i = rnd(&f->x) % MAPS;

	for (int n = 0; n < MAPS - 1 && !f->map[i].length; n++)
		i = (i + 1) % MAPS;
	return &f->map[i];
}

/* Only the beginning is left, in whole pages. */
static void map_cut(struct fuzz *f, struct map *m, size_t length)
{
	m->length = (length + f->page - 1) & -f->page;
	must(mmap(m->p + m->length, MiB + ROOM - m->length, PROT_NONE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
}

/* Memory that is there, that can't be written, that ends too soon, that is no memory. */
static uint64_t a_pointer(struct fuzz *f)
{
	uint64_t x = rnd(&f->x), at = (x >> 16) % ROOM;
	const struct map *m;

	switch (x & 31) {
	case 0:
		return (uintptr_t)f->readonly + at;
	case 1:
		return (uintptr_t)f->memory + ROOM + at;
	case 2:
		return (uintptr_t)f->memory + ROOM - (x >> 32) % 64;
	case 3:
		return PICK(f, 0, -1UL, 1UL << 63, 1UL << 48, 0xffff000000000000UL);
	case 4:
	case 5:
		m = a_map(f);
		return (uintptr_t)m->p + (m->length ? at % m->length & -8UL : 0);
	default:
		return (uintptr_t)f->memory + (x & 32 ? at & -64UL : at / 2);
	}
}

/* Without a limit it is a signal that ends a wait. */
static int64_t a_time(struct fuzz *f)
{
	return PICK(f, 0, 0, 1, 1000, 1000, 100 * 1000, 200 * 1000, -1UL);
}

static uint32_t flags(struct fuzz *f, uint32_t known)
{
	uint64_t x = rnd(&f->x);

	return x & 15 ? (x >> 8) & known : 1u << (x >> 8 & 31);
}

static uint32_t zero(struct fuzz *f)
{
	uint64_t x = rnd(&f->x);

	return x & 63 ? 0 : x >> 32;
}

static uint64_t an_address(struct fuzz *f, const struct handles *h)
{
	return FERRY_ADDR(a_buffer(f, h), PICK(f, 0, 1, 64, 4095, ROOM, 1UL << 47));
}

/* Only into memory of its own; elsewhere are entries as they come. */
static void entries_write(struct fuzz *f, const struct handles *h, uint64_t at, uint32_t n)
{
	struct ferry_sqe e;

	for (uint32_t i = 0; i < n && i < 64; i++, at += sizeof(e)) {
		if (at < (uintptr_t)f->memory || at > (uintptr_t)f->memory + ROOM - sizeof(e))
			return;
		e = sqe(PICK(f, 0, 1, 2, 3, 4, 5, 6, 7, 8), PICK(f, 0, 1, 64, 4096, ROOM, 16 * MiB),
			an_address(f, h), an_address(f, h), 0);
		memcpy((void *)at, &e, sizeof(e));
	}
}

static void fail_set(struct fuzz *f, unsigned int nth)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%u", nth);

	/* This may be what fails. */
	if (f->fail_fd >= 0 && pwrite(f->fail_fd, text, n, 0) < 0 && pwrite(f->fail_fd, text, n, 0) < 0)
		fail("fail-nth: %s", strerror(errno));
}

#endif /* FERRY_FUZZ_H */
