/* SPDX-License-Identifier: GPL-2.0-only */
/* What ferry_fuzz calls: every ioctl of both kinds of file, and what else a file takes. */
#ifndef FERRY_FUZZ_CALLS_H
#define FERRY_FUZZ_CALLS_H

#include "ferry_fuzz.h"

/* What an ioctl is given. */
union argument {
	uint32_t size;
	int32_t number;
	struct ferry_info info;
	struct ferry_queue_create create;
	struct ferry_queue_handle handle;
	struct ferry_queue_wait wait;
	struct ferry_queue_arm arm;
	struct ferry_buf_alloc alloc;
	struct ferry_buf_free free;
	struct ferry_buf_register reg;
	struct ferry_buf_import import;
	struct ferry_buf_export export;
	struct ferry_submit submit;
	struct ferry_port_info port;
	struct ferry_port_control control;
};

/* @size is 0 for what has none in front. */
struct call {
	const char *name;
	int (*run)(struct fuzz *f, const struct call *call);
	unsigned long cmd;
	enum file_kind kind;
	uint32_t size;
	void (*fill)(struct fuzz *f, struct handles *h, union argument *a);
	int errnos[8];		/* that it has besides those of all ioctls */
	unsigned int one_in;	/* if it costs more than others */
	bool never_passes;
	bool never_fails;
};

static void fill_nothing(struct fuzz *f, struct handles *h, union argument *a)
{
}

/* So that there is room for another one. */
static void drop_queue(struct fuzz *f, const struct slot *s)
{
	uint32_t *queue = s->h->queue + rnd(&f->x) % HANDLES;

	queue_destroy(s->fd, __atomic_exchange_n(queue, 0, __ATOMIC_RELAXED));
}

static void fill_create(struct fuzz *f, struct handles *h, union argument *a)
{
	if (rnd(&f->x) & 3)
		drop_queue(f, f->used);
	a->create = (struct ferry_queue_create) {
		.flags = flags(f, FERRY_QUEUE_MAPPED), .order = PICK(f, 1, 2, 4, 4, 4, 6, 8, 8, 10, 17),
		.weight = PICK(f, 0, 0, 0, 1, 2, 100, 255, 256), .idle_usecs = zero(f),
	};
	if (rnd(&f->x) & 7)
		return;
	a->create.flags |= PICK(f, FERRY_QUEUE_SEND, FERRY_QUEUE_RECV);
	a->create.port_fd = a_slot_of(f, PORT)->fd;
}

static void fill_handle(struct fuzz *f, struct handles *h, union argument *a)
{
	a->handle = (struct ferry_queue_handle) { .queue = a_queue(f, h), .timeout_ns = zero(f) };
}

static void fill_flush(struct fuzz *f, struct handles *h, union argument *a)
{
	a->handle = (struct ferry_queue_handle) { .queue = a_queue(f, h), .timeout_ns = a_time(f) };
}

static void fill_wait(struct fuzz *f, struct handles *h, union argument *a)
{
	a->wait = (struct ferry_queue_wait) {
		.queue = a_queue(f, h), .seq = PICK(f, 0, 1, 2, 100, 1u << 31), .flags = zero(f),
		.timeout_ns = a_time(f),
	};
}

static void fill_arm(struct fuzz *f, struct handles *h, union argument *a)
{
	a->arm = (struct ferry_queue_arm) {
		.queue = a_queue(f, h), .seq = PICK(f, 0, 1, 2, 100, 1u << 31), .flags = zero(f),
		.eventfd = PICK(f, -1, f->slot[EVENT].fd, f->slot[rnd(&f->x) % SLOTS].fd),
		.reserved = zero(f),
	};
}

static void fill_alloc(struct fuzz *f, struct handles *h, union argument *a)
{
	a->alloc = (struct ferry_buf_alloc) {
		.flags = flags(f, FERRY_BUF_WC | FERRY_BUF_DEV_RO | FERRY_BUF_EXPORT),
		.reserved = zero(f), .length = PICK(f, 0, 1, 4096, ROOM, MiB, 1ULL << 40, -1ULL),
	};
}

static void fill_free(struct fuzz *f, struct handles *h, union argument *a)
{
	a->free = (struct ferry_buf_free) { .buffer = a_buffer(f, h) };
}

static void fill_register(struct fuzz *f, struct handles *h, union argument *a)
{
	a->reg = (struct ferry_buf_register) {
		.flags = flags(f, FERRY_BUF_DEV_RO), .addr = a_pointer(f), .reserved = zero(f),
		.length = PICK(f, 0, 1, 100, 4095, 4096, ROOM / 2, ROOM, 16 * MiB, 1ULL << 40, -1ULL),
	};
}

static void fill_import(struct fuzz *f, struct handles *h, union argument *a)
{
	a->import = (struct ferry_buf_import) {
		.flags = flags(f, FERRY_BUF_DEV_RO), .reserved = zero(f),
		.fd = PICK(f, -1, f->slot[DMABUF].fd, f->slot[DMABUF].fd, f->slot[rnd(&f->x) % SLOTS].fd),
		.offset = PICK(f, 0, 0, 1, 4096, ROOM, -1ULL), .length = PICK(f, 0, 0, 1, 4096, ROOM, -1ULL),
	};
}

static void fill_export(struct fuzz *f, struct handles *h, union argument *a)
{
	a->export = (struct ferry_buf_export) { .flags = zero(f), .buffer = a_buffer(f, h) };
}

static void fill_submit(struct fuzz *f, struct handles *h, union argument *a)
{
	a->submit = (struct ferry_submit) {
		.queue = a_queue(f, h), .flags = zero(f), .reserved = zero(f), .sqes = a_pointer(f),
		.nr_sqes = PICK(f, 0, 1, 2, 16, 64), .cqes = a_pointer(f), .timeout_ns = a_time(f),
		.nr_cqes = PICK(f, 0, 1, 4, 64), .min_cqes = PICK(f, 0, 0, 0, 1, 4),
	};
	entries_write(f, h, a->submit.sqes, a->submit.nr_sqes);
}

static void fill_reap(struct fuzz *f, struct handles *h, union argument *a)
{
	fill_submit(f, h, a);
	a->submit.nr_sqes = zero(f);
}

static void fill_control(struct fuzz *f, struct handles *h, union argument *a)
{
	a->control = (struct ferry_port_control) { .flags = flags(f, 3) };
}

static void keep_queue(struct fuzz *f, struct slot *s, const struct ferry_queue_create *c)
{
	uint64_t x = rnd(&f->x), *offset = s->h->offset + (x >> 8 & (HANDLES - 1));
	uint32_t *queue = s->h->queue + (x & (HANDLES - 1));

	/* One more would be out of reach, and in everybody's way. */
	queue_destroy(s->fd, __atomic_exchange_n(queue, c->queue, __ATOMIC_RELAXED));
	if (c->sq_offset)
		*offset = PICK(f, c->sq_offset, c->cq_offset, c->doorbell_offset);
}

static void keep_buffer(struct fuzz *f, struct slot *s, uint32_t handle, uint64_t map)
{
	uint64_t x = rnd(&f->x);
	uint32_t *buffer = s->h->buffer + (x & (HANDLES - 1));

	buf_free(s->fd, __atomic_exchange_n(buffer, handle, __ATOMIC_RELAXED));
	if (map)
		s->h->offset[x >> 8 & (HANDLES - 1)] = map;
}

/* Most of the time: what is closed is an argument, too. */
static void forget(struct fuzz *f, uint32_t *of_file, uint32_t handle)
{
	for (int i = 0; i < HANDLES; i++)
		if (of_file[i] == handle && rnd(&f->x) & 7)
			of_file[i] = 0;
}

static int call_ioctl(struct fuzz *f, const struct call *call)
{
	struct slot *s = a_slot(f, call->kind);
	union argument a = {}, *at;
	uint64_t x = rnd(&f->x);
	uint32_t size = call->size ?: sizeof(a.number);
	int ret;

	call->fill(f, s->h, &a);
	if (call->size)
		a.size = x & 15 ? size : PICK(f, 0, 4, 8, 24, size - 1, size + 8, 4096, 4097);
	/* Behind it is nothing, or what was there before. */
	at = (union argument *)(f->arg + (x & 16 ? ROOM - (size + 7) / 8 * 8 : 0));
	memcpy(at, &a, size);
	if (!(x >> 8 & 15)) {
		at = (void *)a_pointer(f);
		return ferry_ioctl(s->fd, call->cmd, at);
	}
	if (x >> 16 & 1)
		fail_set(f, 1 + (x >> 32) % 40);
	ret = ferry_ioctl(s->fd, call->cmd, at);
	fail_set(f, 0);
	if (ret || s->kind != FERRY)
		return ret;
	switch (call->cmd) {
	case FERRY_IOC_QUEUE_CREATE:
		keep_queue(f, s, &at->create);
		break;
	case FERRY_IOC_QUEUE_DESTROY:
		forget(f, s->h->queue, at->handle.queue);
		break;
	case FERRY_IOC_BUF_ALLOC:
		keep_buffer(f, s, at->alloc.buffer, at->alloc.mmap_offset);
		break;
	case FERRY_IOC_BUF_FREE:
		forget(f, s->h->buffer, at->free.buffer);
		break;
	case FERRY_IOC_BUF_REGISTER:
		keep_buffer(f, s, at->reg.buffer, 0);
		break;
	case FERRY_IOC_BUF_IMPORT:
		keep_buffer(f, s, at->import.buffer, 0);
		break;
	case FERRY_IOC_BUF_EXPORT:
		close(f->slot[DMABUF].fd);
		f->slot[DMABUF].fd = at->export.fd;
		break;
	}
	return 0;
}

static int call_bad_ioctl(struct fuzz *f, const struct call *call)
{
	uint64_t x = rnd(&f->x);
	uint32_t cmd = x & 3 ? _IO(FERRY_IOC_MAGIC, (x & 8 ? 0x0e : 0x24) + (x >> 8) % 18) :
		       x & 4 ? _IOWR(FERRY_IOC_MAGIC, x >> 8 & 15, struct ferry_info) : (x >> 8) << 16;

	return ferry_ioctl(a_slot(f, call->kind)->fd, cmd, (void *)a_pointer(f));
}

static int call_mmap(struct fuzz *f, const struct call *call)
{
	struct slot *s = a_slot(f, call->kind);
	uint64_t x = rnd(&f->x), offset = an_offset(f, s->h);
	size_t length = PICK(f, f->page, f->page, 16 * KiB, ROOM, MiB, 1) & (2 * MiB - 1);
	struct map *m = &f->map[(x >> 48) % MAPS];
	int prot = x >> 16 & 3 ? PROT_READ | (x >> 18 & 1 ? PROT_WRITE : 0) : x >> 20 & 7;
	int how = x >> 24 & 7 ? MAP_SHARED : MAP_PRIVATE;

	if (!(x >> 8 & 7))
		offset = PICK(f, 0, f->page, 1UL << 40, 1UL << 62) & -f->page;
	if (length > MiB)
		return -EINVAL;
	if (mmap(m->p, length, prot, how | MAP_FIXED, s->fd, offset) == MAP_FAILED) {
		int err = errno;

		/* It may have had to make room first. */
		map_cut(f, m, 0);
		return -err;
	}
	m->shared = how == MAP_SHARED;
	map_cut(f, m, length);
	return 0;
}

/* A page of it, so that a part stays. */
static int call_munmap(struct fuzz *f, const struct call *call)
{
	struct map *m = a_map(f);
	size_t at = PICK(f, 0, f->page, 1) & (ROOM - 1);

	if (at + f->page > m->length)
		return -EINVAL;
	if (!at)
		m->shared = false;
	return mmap(m->p + at, f->page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	       MAP_FAILED ? -errno : 0;
}

static int call_mremap(struct fuzz *f, const struct call *call)
{
	struct map *m = a_map(f), *to = &f->map[rnd(&f->x) % MAPS];
	size_t length = PICK(f, f->page, 2 * f->page, m->length, m->length, 2 * m->length);
	uint64_t x = rnd(&f->x);
	/* The kernel warns of a copy of what is not shared. */
	size_t from = x & 7 || !m->shared ? m->length : 0;
	int how = x & 8 ? MREMAP_MAYMOVE | MREMAP_FIXED | (x & 0x70 ? 0 : MREMAP_DONTUNMAP) : 0;
	bool moved = how & MREMAP_FIXED;

	if (!m->length || length > MiB)
		return -EINVAL;
	if (mremap(m->p, from, length, how, to->p) == MAP_FAILED) {
		int err = errno;

		if (moved && length < from)
			map_cut(f, m, length);
		if (moved)
			map_cut(f, to, 0);
		return -err;
	}
	if (!moved)
		to = m;
	to->shared = m->shared;
	map_cut(f, to, length);
	if (moved && from)
		map_cut(f, m, 0);
	return 0;
}

static int call_touch(struct fuzz *f, const struct call *call)
{
	struct map *m = a_map(f);
	uint64_t x = rnd(&f->x);

	return m->length && !touch(m->p + (x >> 8) % m->length, x & 1) ? 0 : -EFAULT;
}

static int call_read(struct fuzz *f, const struct call *call)
{
	void *buf = (void *)a_pointer(f);
	int fd = a_slot(f, call->kind)->fd;
	ssize_t n = rnd(&f->x) & 7 ? read(fd, buf, PICK(f, 0, 1, 24, 240, 4096, ROOM) & 0xfffff) :
		    pread(fd, buf, 24, PICK(f, 0, 24, 1ULL << 40));

	return n < 0 ? -errno : 0;
}

static int call_write(struct fuzz *f, const struct call *call)
{
	const void *buf = (void *)a_pointer(f);
	ssize_t n = write(a_slot(f, call->kind)->fd, buf, PICK(f, 0, 1, 100, 4096, 2 * ROOM) & 0xfffff);

	return n < 0 ? -errno : 0;
}

static int call_fsync(struct fuzz *f, const struct call *call)
{
	return fsync(a_slot(f, call->kind)->fd) ? -errno : 0;
}

static int call_poll(struct fuzz *f, const struct call *call)
{
	uint64_t x = rnd(&f->x);
	struct pollfd p[2] = {
		{ .fd = a_slot(f, call->kind)->fd, .events = x }, { .fd = f->slot[PORT_0].fd, .events = x >> 16 },
	};

	return poll(x >> 32 & 7 ? p : (void *)a_pointer(f), 2, x >> 40 & 1) < 0 ? -errno : 0;
}

static int call_open(struct fuzz *f, const struct call *call)
{
	unsigned int i = call->kind == FERRY ? OWN + rnd(&f->x) % 2 : PORT_0 + rnd(&f->x) % 2;
	struct slot *s = &f->slot[i];
	uint64_t x = rnd(&f->x);
	int fd = call->kind == FERRY ? open(device_node, O_RDWR | O_CLOEXEC | (x & 1 ? O_NONBLOCK : 0)) :
		 port_open(x >> 8 & 7 ? 0 : x >> 16 & 1, (x >> 32 & 3) | (x & 3 ? O_NONBLOCK : 0));

	if (fd < 0)
		return call->kind == FERRY ? -errno : fd;
	/* Nor may another descriptor of it keep what nobody knows of any more. */
	for (unsigned int n = OWN; n <= PORT_1; n++) {
		if (n != i && f->slot[n].h != &f->own[i])
			continue;
		close(f->slot[n].fd);
		f->slot[n].fd = -1;
	}
	memset(&f->own[i], 0, sizeof(f->own[i]));
	*s = (struct slot) { fd, call->kind, &f->own[i] };
	return 0;
}

static int call_close(struct fuzz *f, const struct call *call)
{
	struct slot *s = &f->slot[OWN + rnd(&f->x) % (PORT_1 - OWN + 1)];
	int ret = close(s->fd) ? -errno : 0;

	s->fd = -1;
	return ret;
}

/* One more descriptor of a file, in place of another one. */
static int call_dup(struct fuzz *f, const struct call *call)
{
	struct slot *from = a_slot(f, FERRY), *to = &f->slot[OWN + rnd(&f->x) % 2];
	int fd = dup(from->fd);

	if (fd < 0)
		return -errno;
	close(to->fd);
	*to = (struct slot) { fd, from->kind, from->h };
	return 0;
}

/* As the library uses it, but for what it writes. */
static int call_ring(struct fuzz *f, const struct call *call)
{
	uint64_t x = rnd(&f->x);
	int ret;

	if (!f->has_mq) {
		if (x & 1)
			drop_queue(f, &f->slot[OWN]);
		f->mq_file = f->slot[OWN];
		ret = mq_open(&f->mq, f->mq_file.fd, ORDER);
		f->has_mq = !ret;
		if (f->mq.args.queue)
			keep_queue(f, &f->mq_file, &f->mq.args);
		return ret;
	}
	entries_write(f, f->mq_file.h, (uintptr_t)f->memory, SIZE);
	memcpy(f->mq.sq, f->memory, SIZE * sizeof(*f->mq.sq));
	f->mq.tail += x & 31 ? 1 + x % SIZE : x >> 8;
	mq_ring(&f->mq);
	ret = mq_wait(&f->mq, f->mq.tail, NSEC_PER_MSEC);
	if (!load(&f->mq.state->dead) && ret != -ENOENT && ret != -EBADF && ret != -ENOTTY &&
	    x >> 40 & 15)
		return ret;
	queue_destroy(f->mq.fd, f->mq.args.queue);
	mq_unmap(&f->mq);
	f->has_mq = false;
	return ret;
}

/* What runs in a child, which has the files, and none of the queues' mappings. */
static void fuzz_child(struct fuzz *f);

static int call_fork(struct fuzz *f, const struct call *call)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid)
		fuzz_child(f);
	return 0;
}

#define IOCTL(name, kind, type, fill, ...) \
	{ #name, call_ioctl, name, kind, sizeof(type), fill, .errnos = { __VA_ARGS__ } }

static const struct call calls[] = {
	IOCTL(FERRY_IOC_INFO, FERRY, struct ferry_info, fill_nothing),
	IOCTL(FERRY_IOC_QUEUE_CREATE, FERRY, struct ferry_queue_create, fill_create, ENOSPC, EBADF, EACCES, EBUSY),
	{ "FERRY_IOC_QUEUE_DESTROY", call_ioctl, FERRY_IOC_QUEUE_DESTROY, FERRY,
	  sizeof(struct ferry_queue_handle), fill_handle, .errnos = { ENOENT }, .one_in = 2 },
	IOCTL(FERRY_IOC_QUEUE_FLUSH, FERRY, struct ferry_queue_handle, fill_flush, ENOENT, ETIME, EIO),
	IOCTL(FERRY_IOC_QUEUE_CANCEL, FERRY, struct ferry_queue_handle, fill_handle, ENOENT, EIO),
	IOCTL(FERRY_IOC_BUF_ALLOC, FERRY, struct ferry_buf_alloc, fill_alloc, ENOSPC),
	IOCTL(FERRY_IOC_BUF_FREE, FERRY, struct ferry_buf_free, fill_free, ENOENT),
	IOCTL(FERRY_IOC_SUBMIT, FERRY, struct ferry_submit, fill_submit, ENOENT, EAGAIN, ETIME, EIO),
	IOCTL(FERRY_IOC_WAIT, FERRY, struct ferry_submit, fill_reap, ENOENT, EAGAIN, ETIME, EIO),
	IOCTL(FERRY_IOC_QUEUE_WAIT, FERRY, struct ferry_queue_wait, fill_wait, ENOENT, ETIME, EIO),
	IOCTL(FERRY_IOC_QUEUE_ARM, FERRY, struct ferry_queue_arm, fill_arm, ENOENT, EBADF, EIO),
	IOCTL(FERRY_IOC_BUF_REGISTER, FERRY, struct ferry_buf_register, fill_register, ENOSPC, EFBIG),
	IOCTL(FERRY_IOC_BUF_IMPORT, FERRY, struct ferry_buf_import, fill_import, ENOSPC, EBADF, EACCES),
	IOCTL(FERRY_IOC_BUF_EXPORT, FERRY, struct ferry_buf_export, fill_export, ENOENT, EMFILE, ENFILE),
	{ "no ioctl", call_bad_ioctl, .kind = FERRY, .errnos = { ENOTTY }, .never_passes = true },
	{ "mmap", call_mmap, .kind = FERRY, .errnos = { EACCES, ENOENT } },
	{ "munmap", call_munmap, .kind = FERRY },
	{ "mremap", call_mremap, .kind = FERRY },
	{ "touch", call_touch, .kind = FERRY },
	{ "read", call_read, .kind = FERRY, .errnos = { EAGAIN, EIO, ESPIPE } },
	{ "write", call_write, .kind = FERRY, .never_passes = true },
	{ "poll", call_poll, .kind = FERRY },
	{ "open", call_open, .kind = FERRY, .errnos = { ENFILE }, .one_in = 4, .never_fails = true },
	{ "dup", call_dup, .kind = FERRY, .errnos = { EBADF }, .one_in = 4, .never_fails = true },
	{ "close", call_close, .kind = FERRY, .errnos = { EBADF }, .one_in = 8 },
	{ "ring", call_ring, .kind = FERRY, .errnos = { ENOENT, ENOSPC, ETIME, EIO, EBADF, ENOTTY } },
	{ "fork", call_fork, .kind = FERRY, .errnos = { EAGAIN }, .one_in = 8, .never_fails = true },
	IOCTL(FERRY_PORT_IOC_INFO, PORT, struct ferry_port_info, fill_nothing),
	IOCTL(FERRY_PORT_IOC_MODE, PORT, struct ferry_port_control, fill_control, EPIPE),
	IOCTL(FERRY_PORT_IOC_SHUTDOWN, PORT, struct ferry_port_control, fill_control, EPIPE),
	IOCTL(FERRY_PORT_IOC_FLUSH, PORT, struct ferry_port_control, fill_control, EPIPE),
	{ "FIONREAD", call_ioctl, FIONREAD, PORT, 0, fill_nothing },
	{ "TIOCOUTQ", call_ioctl, TIOCOUTQ, PORT, 0, fill_nothing },
	{ "no ioctl of ports", call_bad_ioctl, .kind = PORT, .errnos = { ENOTTY }, .never_passes = true },
	{ "port open", call_open, .kind = PORT, .errnos = { EBUSY } },
	{ "port read", call_read, .kind = PORT, .errnos = { EAGAIN, EBADF, ESPIPE } },
	{ "port write", call_write, .kind = PORT, .errnos = { EAGAIN, EBADF, EPIPE, EMSGSIZE } },
	{ "port fsync", call_fsync, .kind = PORT, .errnos = { EPIPE, EIO } },
	{ "port poll", call_poll, .kind = PORT },
};

#endif /* FERRY_FUZZ_CALLS_H */
