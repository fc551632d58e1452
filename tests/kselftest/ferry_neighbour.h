/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who shares a device with somebody hostile: processes of other users that move data
 * and check every result, and memory of every kind that nobody may touch.
 */
#ifndef FERRY_NEIGHBOUR_H
#define FERRY_NEIGHBOUR_H

#include "ferry_stream.h"
#include "ferry_user_queue.h"
#include "ferry_register.h"

#include <grp.h>
#include <stdarg.h>
#include <sys/prctl.h>

#define NEIGHBOURS	2
#define UID_HOSTILE	1000
#define UID_NEIGHBOUR	1001	/* and up */

/* What all the processes of a test see. */
struct world {
	uint64_t done;		/* what the hostile ones have done */
	uint32_t stop;
	uint32_t failed;	/* who finds something wrong first says why */
	char why[256];
	uint64_t moved[NEIGHBOURS];
	uint64_t streamed;
	uint64_t samples;	/* of shares */
	uint64_t contended;	/* of these, with work of others meanwhile */
	uint64_t dead;		/* queues that were halted */
	uint64_t ok;		/* entries of the hostile ones that did something */
};

static struct world *world;

static inline void add(uint64_t *counter, uint64_t n)
{
	__atomic_add_fetch(counter, n, __ATOMIC_RELAXED);
}

static inline __attribute__((format(printf, 1, 2), noreturn)) void fail(const char *format, ...)
{
	va_list args;

	if (!__atomic_exchange_n(&world->failed, 1, __ATOMIC_ACQ_REL)) {
		va_start(args, format);
		vsnprintf(world->why, sizeof(world->why), format, args);
		va_end(args);
	}
	_exit(1);
}

#define must(condition)	do { if (!(condition)) fail("%s:%d: " #condition, __FILE__, __LINE__); } while (0)

/* splitmix64: any seed will do. */
static inline uint64_t rnd(uint64_t *x)
{
	uint64_t z = *x += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static inline uint64_t number_of_env(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

/* The seed of a run: FERRY_SEED repeats one. */
static inline uint64_t seed_of_run(void)
{
	return number_of_env("FERRY_SEED", now_ns() / 1000);
}

/* Who may open the device and its first ports */
static inline int let_everybody(mode_t mode, unsigned int ports)
{
	int ret = chmod(device_node, mode);

	for (unsigned int i = 0; i < 2 && i < ports && !ret; i++)
		ret = chmod(port_node(i), mode);
	return ret;
}

/* An ordinary user from now on, whose share of queues and of locked memory is limited. */
static inline void become(uid_t uid)
{
	if (!geteuid()) {
		must(!setgroups(0, NULL) && !setgid(uid) && !setuid(uid));
		/* So that a debugger, and what is like one, is still possible. */
		prctl(PR_SET_DUMPABLE, 1);
	}
	/* Nobody outlives who stops them, whatever that dies of. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	must(getppid() != 1);
}

/*
 * A neighbour: operations of all kinds in memory of its own, registered and allocated.
 * What they should leave behind is computed beside them, for all of that memory, and
 * a failing one, a wrong result and a byte that differs end the test.
 */
struct neighbour {
	int fd;
	struct mq q;
	uint32_t queue;		/* if not mapped */
	bool mapped;
	uint8_t *src, *dst, *expected;
	uint32_t src_window, dst_window;
	uint64_t x;
};

#define NB_ROOM		(32 * KiB)
#define NB_MOST		(4 * KiB)

static inline void neighbour_open(struct neighbour *n, int nr, uint64_t seed)
{
	uint8_t *memory;

	*n = (struct neighbour) { .mapped = nr & 1, .x = seed };
	n->fd = node_open();
	must(n->fd >= 0);
	if (n->mapped)
		must(!mq_open(&n->q, n->fd, ORDER));
	else
		must(!queue_create(n->fd, ORDER, &n->queue));
	/* Begins and ends within a page. */
	memory = malloc(NB_ROOM + KiB);
	must(memory);
	n->src = memory + 123;
	n->dst = buf_new(n->fd, NB_ROOM, 0, &n->dst_window);
	n->expected = malloc(NB_ROOM);
	must(n->dst && n->expected);
	memset(n->dst, nr, NB_ROOM);
	memset(n->expected, nr, NB_ROOM);
	pattern(n->src, NB_ROOM, nr);
	must(!buf_register(n->fd, n->src, NB_ROOM, FERRY_BUF_DEV_RO, &n->src_window));
}

static inline void neighbour_run(struct neighbour *n, struct ferry_sqe entry, struct ferry_cqe *cqe)
{
	int ret = n->mapped ? mq_run(&n->q, entry, cqe) : run(n->fd, n->queue, entry, cqe);

	if (ret || cqe_status(cqe) || cqe_len(cqe) != le32toh(entry.len))
		fail("neighbour: op %u of %u bytes: %d, status %u, %u bytes", entry.op,
		     le32toh(entry.len), ret, cqe_status(cqe), cqe_len(cqe));
}

static inline void neighbour_step(struct neighbour *n)
{
	uint64_t r = rnd(&n->x);
	uint32_t len = 1 + r % NB_MOST, from = (r >> 16) % (NB_ROOM - NB_MOST);
	uint32_t to = (r >> 32) % (NB_ROOM - NB_MOST), op = 1 + (r >> 48) % 5;
	uint64_t src = FERRY_ADDR(n->src_window, from), dst = FERRY_ADDR(n->dst_window, to);
	uint64_t arg = op == FERRY_OP_FILL ? (r >> 56) * 0x0101010101010101ULL : 0;
	struct ferry_cqe cqe;

	if (op == FERRY_OP_CRC32C)
		dst = 0;
	if (op == FERRY_OP_FILL)
		src = 0;
	if (op == FERRY_OP_COMPARE) {
		neighbour_run(n, sqe(FERRY_OP_COPY, len, src, dst, 0), &cqe);
		memcpy(n->expected + to, n->src + from, len);
	}
	neighbour_run(n, sqe(op, len, src, dst, arg), &cqe);
	switch (op) {
	case FERRY_OP_FILL:
		memset(n->expected + to, r >> 56, len);
		break;
	case FERRY_OP_COPY:
	case FERRY_OP_COPY_CRC32C:
		memcpy(n->expected + to, n->src + from, len);
		break;
	case FERRY_OP_COMPARE:
		must(!(cqe_flags(&cqe) & FERRY_CQE_MISMATCH));
		break;
	}
	if (op == FERRY_OP_CRC32C || op == FERRY_OP_COPY_CRC32C)
		must(cqe_result(&cqe) == crc32c(0, n->src + from, len));
	must(!memcmp(n->dst, n->expected, NB_ROOM));
}

/* Until the world stops: bursts, so that most of the processor is left to the others. */
static inline void neighbour_main(int nr, uint64_t seed)
{
	struct neighbour n;
	uint8_t *memory = malloc(NB_ROOM);

	become(UID_NEIGHBOUR + nr);
	neighbour_open(&n, nr, seed);
	must(memory);
	memcpy(memory, n.src, NB_ROOM);
	while (!load(&world->stop)) {
		int64_t begun = now_ns();

		for (int i = 0; i < 4; i++)
			neighbour_step(&n);
		add(&world->moved[nr], 4);
		must(!memcmp(memory, n.src, NB_ROOM));
		usleep(4000 + 8 * (now_ns() - begun) / 1000);
	}
	must(!buf_free(n.fd, n.src_window));
	close(n.fd);
	_exit(0);
}

/* A neighbour on port 1 in loopback, which the others would like to have. */
static inline void stream_main(int nr, uint64_t seed)
{
	uint8_t out[4 * KiB], in[4 * KiB];
	uint64_t x = seed;
	int fd;

	become(UID_NEIGHBOUR + nr);
	fd = port_fresh(1, 0);
	must(fd >= 0);
	while (!load(&world->stop)) {
		size_t length = 1 + rnd(&x) % sizeof(out);

		pattern(out, length, rnd(&x));
		must(do_write(fd, out, length) == (ssize_t)length);
		for (size_t got = 0; got < length;) {
			ssize_t n;

			must(poll_events(fd, POLLIN, LONG / NSEC_PER_MSEC) == POLLIN);
			n = do_read(fd, in + got, length - got);
			must(n > 0);
			got += n;
		}
		must(!memcmp(in, out, length));
		add(&world->streamed, 1);
		usleep(4000);
	}
	_exit(0);
}

/* Attribute of a channel; -1 if it can't be had now. */
static inline long channel_number(uint32_t channel, const char *name)
{
	char path[PATH_MAX], text[32];

	snprintf(path, sizeof(path), "%s/channel%u/%s", device_class, channel, name);
	return read_file(path, text, sizeof(text)) ? -1 : atol(text);
}

/* Quanta and weight of every channel but one; -1 for one that is not to be had now. */
static inline void shares_read(const struct ferry_info *info, uint32_t but, long *quanta,
			       long *weight)
{
	for (uint32_t c = 0; c < info->channels; c++) {
		bool other = c != but && info->user_mask >> c & 1;

		weight[c] = other ? channel_number(c, "weight") : -1;
		quanta[c] = other ? channel_number(c, "quanta") : -1;
	}
}

/*
 * Shares, by the device's own count of quanta: while a channel of weight 1 has work all
 * the time, another of weight w begins at most w quanta for each of its.
 */
static inline void shares_main(int nr, uint64_t seed)
{
	long own[2], quanta[2][64], weight[2][64], theirs;
	struct ferry_info info;
	struct ferry_cqe cqe;
	uint32_t buffer;
	struct mq q;
	int fd;

	become(UID_NEIGHBOUR + nr);
	fd = node_open();
	must(fd >= 0 && !ferry_info(fd, &info) && !mq_open(&q, fd, 7));
	must(buf_new(fd, 2 * MiB, 0, &buffer));
	while (!load(&world->stop)) {
		int64_t begun = now_ns();

		mq_fill(&q, buffer, 2 * MiB);
		own[0] = channel_number(q.args.channel, "quanta");
		shares_read(&info, q.args.channel, quanta[0], weight[0]);
		/* Let some pass, but not all that there is. */
		must(!mq_wait(&q, q.head + 16, LONG));
		shares_read(&info, q.args.channel, quanta[1], weight[1]);
		own[1] = channel_number(q.args.channel, "quanta");
		for (uint32_t c = 0; c < info.channels && !mq_ready(&q, q.tail - 1); c++) {
			theirs = quanta[1][c] - quanta[0][c];
			/* One that has changed hands meanwhile counts anew. */
			if (quanta[0][c] < 0 || theirs < 0 || weight[0][c] < 1 ||
			    weight[0][c] != weight[1][c])
				continue;
			if (theirs > weight[0][c] * (own[1] - own[0] + 2))
				fail("channel %u of weight %ld had %ld quanta beside %ld of weight 1",
				     c, weight[0][c], theirs, own[1] - own[0]);
			add(&world->samples, 1);
			add(&world->contended, theirs > 0);
		}
		/* Asleep: others need the processor. */
		must(!mq_wait(&q, q.tail, LONG));
		while (q.head != q.tail)
			must(mq_reap(&q, &cqe) == FERRY_OK);
		usleep(10000 + 4 * (now_ns() - begun) / 1000);
	}
	close(fd);
	_exit(0);
}

static inline pid_t spawn(void (*function)(int nr, uint64_t seed), int nr, uint64_t seed)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	function(nr, seed);
	_exit(0);
}

/* Memory that is nobody's to touch: one of each kind, and as much as fits. */
struct canary {
	const char *name;
	uint8_t *p;
	size_t length;
};

#define CANARIES	8

struct canaries {
	struct canary c[CANARIES];
	int nr;
	int fd;
};

static inline bool canary_add(struct canaries *all, const char *name, uint8_t *p, size_t length)
{
	if (!p || p == MAP_FAILED)
		return false;
	fill_words(p, length, all->nr * 1000003);
	all->c[all->nr++] = (struct canary) { name, p, length };
	return true;
}

static inline size_t memory_available(void)
{
	char text[4096], *line;

	if (read_file("/proc/meminfo", text, sizeof(text)))
		return 0;
	line = strstr(text, "MemAvailable:");
	return line ? strtoul(line + 13, NULL, 10) * KiB : 0;
}

/* @most: what the largest may take. It is made last, of what is left. */
static inline bool canaries_make(struct canaries *all, size_t most)
{
	size_t left;
	uint32_t window;
	uint8_t *p;

	*all = (struct canaries) { .fd = node_open() };
	if (all->fd < 0)
		return false;
	p = malloc(MiB + 8);
	if (!canary_add(all, "malloc", p, MiB) ||
	    !canary_add(all, "shared", memory(SHARED, MiB), MiB) ||
	    !canary_add(all, "tmpfs", memory(TMPFS, MiB), MiB) ||
	    !canary_add(all, "allocated by another file", buf_new(all->fd, MiB, 0, &window), MiB))
		return false;
	p = memory(ANONYMOUS, MiB);
	if (!canary_add(all, "registered by another file", p, MiB) ||
	    buf_register(all->fd, p, MiB, 0, &window))
		return false;
	left = memory_available();
	left = left > 384 * MiB ? left - 384 * MiB : 4 * MiB;
	left = (left < most ? left : most) & -(4 * KiB);
	return canary_add(all, "memfd", memory(MEMFD, left), left);
}

/* The first that has changed; -1: none has. */
static inline int canaries_changed(const struct canaries *all)
{
	for (int i = 0; i < all->nr; i++)
		if (!has_words(all->c[i].p, all->c[i].length, i * 1000003))
			return i;
	return -1;
}

static inline void canaries_end(struct canaries *all)
{
	for (int i = 1; i < all->nr; i++)
		munmap(all->c[i].p, all->c[i].length);
	close(all->fd);
}

/* Take all memory that is free, page by page: a kernel that poisons it looks at each. */
static inline void visit_free_memory(void)
{
	size_t length = memory_available();
	uint8_t *p;

	length = length > 128 * MiB ? length - 128 * MiB : 0;
	p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		 -1, 0);
	if (p == MAP_FAILED)
		return;
	for (size_t at = 0; at < length; at += 4 * KiB)
		p[at] = 1;
	munmap(p, length);
}

/* The kernel's log from here on. */
static inline int log_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

/* How many warnings, and worse, of the driver there are since; and the first of them. */
static inline int log_complaints(int fd, char *first, size_t size)
{
	char line[2048];
	ssize_t n;
	int count = 0;

	while ((n = read(fd, line, sizeof(line) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		if (n < 0)
			continue;
		line[n] = 0;
		/* "level,sequence,time,flags;text": the facility is above the level's 3 bits. */
		if ((atoi(line) & 7) > 4 || !strstr(line, "ferry"))
			continue;
		if (!count++)
			snprintf(first, size, "%.200s", strchr(line, ';') ?: line);
	}
	return count;
}

#endif /* FERRY_NEIGHBOUR_H */
