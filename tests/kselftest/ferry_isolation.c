// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process that owns queues and registered memory, and means harm: it fills its rings with
 * random and with nearly valid entries, rings random tails, waits for anything, takes memory
 * away under running entries, forks and is killed. Beside it others work, and all of the
 * memory is watched. FERRY_DESCRIPTORS says how many entries it gets executed; without it, none.
 */
#include "ferry_hostile.h"

static bool reached(struct mq *q, uint32_t seq)
{
	return (int32_t)(load(&q->cq[(seq - 1) % q->size].seq) - seq) >= 0;
}

/*
 * @head of a queue on which nothing completes for as long as anybody waits: again the same? Once
 * is no proof, since all of the machine may have stood still. False if there is nothing to wait for:
 * a relative may have taken the tail back, and the entry with it.
 */
static bool assert_progress(struct mq *q, uint32_t seq, long *head, bool inherited)
{
	long was = *head, tail = channel_number(q->args.channel, "tail");

	*head = channel_number(q->args.channel, "head");
	if (was < 0 || *head != was || load(&q->state->dead))
		return true;
	if (!inherited || tail != was)
		fail("hostile: entry %u never completed, of %u slots; head %ld, tail %ld", seq, q->size,
		     was, tail);
	return false;
}

/* Ways to wait for the completion of a seq; some are not meant to work. */
static void wait_somehow(struct hostile *h, int i, uint32_t seq)
{
	bool on_port = h->on_port[i], inherited = h->inherited[i];
	struct mq *q = &h->q[i];
	int64_t end = now_ns() + LONG;
	uint64_t x = rnd(&h->x);
	long head = -1;

	switch (x & 31) {
	case 0:
		mq_wait(q, x >> 32, (x >> 8) % 50000);
		break;
	case 1:
		mq_arm(q, x >> 32, -1);
		break;
	case 2:
		mq_arm(q, seq, -1);
		poll_events(h->fd, POLLIN, (x >> 8) & 1);
		break;
	case 3:
		queue_cancel(h->fd, q->args.queue);
		break;
	case 4:
		break;
	default:
		mq_wait(q, seq, on_port ? NSEC_PER_MSEC : LONG);
	}
	while (!reached(q, seq) && !load(&q->state->dead)) {
		/* The other end of a port need not do anything, ever. */
		if (on_port)
			queue_cancel(h->fd, q->args.queue);
		if (now_ns() > end) {
			if (!assert_progress(q, seq, &head, inherited))
				return;
			end = now_ns() + LONG;
		}
		sched_yield();
	}
}

/* A batch: the whole SQ anew, then a part of it or all is rung. */
static void batch_begin(struct hostile *h, int queue)
{
	struct mq *q = &h->q[queue];
	uint64_t x = rnd(&h->x), *words = (uint64_t *)q->sq;
	uint32_t n = 1 + (x & 3 ? q->size - 1 : (x >> 8) % q->size);

	for (uint32_t i = 0; i < q->size; i++)
		entry_write(h, words + 4 * i, h->on_port[queue]);
	q->tail += n;
	mq_ring(q);
	/* Entries are the device's once it has fetched them, not before. */
	if (!(x >> 40 & 15))
		for (uint32_t i = 0; i < q->size; i += 1 + (x >> 44 & 7))
			store(words + 4 * i + 1, rnd(&h->x));
}

/* The other queues go on meanwhile, and what is done to memory is done to running entries. */
static void batch_end(struct hostile *h, int i)
{
	struct mq *q = &h->q[i];

	if (q->head == q->tail)
		return;
	wait_somehow(h, i, q->tail);
	if (load(&q->state->dead))
		return;
	for (uint32_t n = 0; n < q->size; n += 8)
		h->ok += !load(&q->cq[n].status) && load(&q->cq[n].len);
	if (!h->inherited[i])
		add(&world->done, q->tail - q->head);
	q->head = q->tail;
}

/* A tail that can't be. The queue is dead then; what a relative has rung is not known. */
static void ring_nonsense(struct hostile *h, struct mq *q)
{
	uint32_t far = q->size + 1 + rnd(&h->x) % (UINT32_MAX - q->size);
	int ret;

	store(q->doorbell, q->tail + far);
	ret = mq_wait(q, q->tail + FAR, h->shared ? NSEC_PER_MSEC : LONG);
	if (!h->shared && ret != -EIO)
		fail("hostile: a tail of %#x beyond what is there: %d", far, ret);
	add(&world->dead, 1);
}

/* What is in the page besides the register: holes, and accesses of other sizes. */
static void ring_holes(struct hostile *h, struct mq *q)
{
	uint64_t x = rnd(&h->x);
	uint8_t *p = (uint8_t *)q->doorbell + 8 + x % (DB_SIZE - 16) / 8 * 8;

	switch (x >> 32 & 3) {
	case 0:
		store((uint8_t *)q->doorbell, 1);
		break;
	case 1:
		store((uint64_t *)q->doorbell, x);
		break;
	case 2:
		store((uint32_t *)p, x);
		break;
	default:
		load((uint64_t *)p);
	}
}

static void hostile_loop(struct hostile *h, uint32_t rounds);

/* The child goes on with the file; the parent dies, or does so too. */
static void fork_somehow(struct hostile *h)
{
	uint64_t x = rnd(&h->x);
	pid_t pid = fork();

	if (pid < 0)
		return;
	h->shared = true;
	memcpy(h->inherited, h->has, sizeof(h->has));
	if (pid) {
		if (x & 1)
			_exit(0);
		return;
	}
	/* Rings and doorbells are not inherited. */
	for (int i = 0; i < QUEUES; i++)
		if (h->has[i] && (x >> 8 & 1 || !queue_map(&h->q[i])))
			h->has[i] = false;
	h->x ^= x;
	hostile_loop(h, x & 1 ? UINT32_MAX : 20);
	_exit(0);
}

static void hostile_loop(struct hostile *h, uint32_t rounds)
{
	uint32_t without = 0;

	/* Without the test there is nobody who ends it. */
	for (uint32_t n = 0; n < rounds && !load(&world->stop) && without < 1000 && getppid() != 1; n++) {
		uint64_t x = rnd(&h->x);
		int i = x % QUEUES;

		if (!h->has[i] && !queue_open(h, i)) {
			without++;
			sched_yield();
			continue;
		}
		without = 0;
		batch_end(h, i);
		if (!load(&h->q[i].state->dead))
			batch_begin(h, i);
		if (!(x >> 8 & 7))
			region_register(h, &h->region[x >> 12 & (REGIONS - 1)]);
		if (!(x >> 16 & 63))
			ring_holes(h, &h->q[i]);
		if (!(x >> 24 & 15))
			ring_nonsense(h, &h->q[i]);
		if (load(&h->q[i].state->dead) || !(x >> 32 & 127))
			queue_close(h, i);
		if (!(x >> 40 & 63))
			fork_somehow(h);
	}
	add(&world->ok, h->ok);
}

static void hostile_main(int nr, uint64_t seed)
{
	struct hostile h = { .x = seed };
	struct ferry_info info;

	setpgid(0, 0);
	become(UID_HOSTILE);
	h.fd = node_open();
	must(h.fd >= 0 && !ferry_info(h.fd, &info));
	h.port = info.ports ? port_open(0, O_ACCMODE) : -1;
	must(!info.ports || h.port >= 0);
	h.max_buffers = info.max_buffers;
	h.max_len = info.max_len;
	h.max_order = info.max_order;
	for (int i = 0; i < REGIONS; i++) {
		struct region *r = &h.region[i];

		r->p = memory(ANONYMOUS, ROOM);
		must(r->p != MAP_FAILED);
		fill_words(r->p, ROOM, i);
		region_register(&h, r);
	}
	for (int i = 0; i < 2; i++)
		must(buf_new(h.fd, ROOM, 0, &h.allocated[i]));
	hostile_loop(&h, UINT32_MAX);
	for (int i = 0; i < REGIONS; i++)
		region_free(&h, &h.region[i]);
	_exit(0);
}

FIXTURE(isolation)
{
	uint64_t seed;
	int fd, log;
	mode_t mode;
	long pins;
	struct ferry_info info;
	struct canaries canaries;
	pid_t good[NEIGHBOURS + 2];
	int nr_good;
};

FIXTURE_SETUP(isolation)
{
	struct stat st;

	if (!number_of_env("FERRY_DESCRIPTORS", 0))
		SKIP(return, "has a boot of its own, which sets FERRY_DESCRIPTORS");
	world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, world);
	ASSERT_EQ(0, find_device());
	ASSERT_EQ(0, stat(device_node, &st));
	self->mode = st.st_mode & 07777;
	/* Anybody may try. */
	self->fd = node_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ferry_info(self->fd, &self->info));
	if (!geteuid())
		ASSERT_EQ(0, let_everybody(0666, self->info.ports));
	self->log = log_open();
	ASSERT_LE(0, self->log);
	self->pins = pinned_pages();
	self->seed = seed_of_run();
	TH_LOG("FERRY_SEED=%llu", (unsigned long long)self->seed);
	ASSERT_TRUE(canaries_make(&self->canaries, number_of_env("FERRY_CANARY_MIB", 400) * MiB));
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	for (int i = 0; i < NEIGHBOURS; i++)
		self->good[i] = spawn(neighbour_main, i, self->seed + i);
	self->nr_good = NEIGHBOURS;
	self->good[self->nr_good++] = spawn(shares_main, NEIGHBOURS, 0);
	if (self->info.ports > 1)
		self->good[self->nr_good++] = spawn(stream_main, NEIGHBOURS + 1, self->seed);
}

FIXTURE_TEARDOWN(isolation)
{
	close(self->log);
	close(self->fd);
	if (!geteuid())
		let_everybody(self->mode, self->info.ports);
}

/* End whoever is left of a process group, and wait for all of them. */
static void end_group(pid_t group)
{
	kill(-group, SIGKILL);
	while (waitpid(-group, NULL, 0) > 0 || errno == EINTR)
		;
}

TEST_F_TIMEOUT(isolation, hostile_process_hurts_nobody_else, 7000)
{
	uint64_t wanted = number_of_env("FERRY_DESCRIPTORS", 0), x = self->seed, seen = 0;
	struct ferry_info info;
	char complaint[256];
	int lives = 0, changed, status;

	while (!load(&world->failed) && load(&world->done) < wanted) {
		/* It is killed some twenty times, or more in a long run, wherever it is then. */
		uint64_t until = load(&world->done) + 1 +
				 rnd(&x) % (wanted < 200000 ? wanted / 10 + 1 : 40000);
		pid_t group = spawn(hostile_main, 0, rnd(&x));
		int64_t end = now_ns() + 5 * LONG;

		lives++;
		setpgid(group, group);
		while (load(&world->done) < until && !load(&world->failed)) {
			if (load(&world->done) != seen) {
				seen = load(&world->done);
				end = now_ns() + 5 * LONG;
			}
			ASSERT_LT(now_ns(), end) TH_LOG("nothing more after %lu", (long)seen);
			if (kill(-group, 0))
				break;
			while (waitpid(-group, NULL, WNOHANG) > 0)
				;
			usleep(1000);
		}
		end_group(group);
	}
	store(&world->stop, 1);
	for (int i = 0; i < self->nr_good; i++) {
		ASSERT_EQ(self->good[i], waitpid(self->good[i], &status, 0));
		EXPECT_EQ(0, status);
	}
	EXPECT_EQ(0, world->failed) TH_LOG("%s", world->why);
	changed = canaries_changed(&self->canaries);
	EXPECT_EQ(-1, changed)
		TH_LOG("memory has changed: %s", self->canaries.c[changed].name);
	TH_LOG("%lu entries in %d lives, %lu queues halted, %zu MiB watched", (long)world->done,
	       lives, (long)world->dead, self->canaries.c[self->canaries.nr - 1].length / MiB);
	TH_LOG("others: %lu and %lu operations, %lu streamed; %lu shares, %lu of them contended",
	       (long)world->moved[0], (long)world->moved[1], (long)world->streamed,
	       (long)world->samples, (long)world->contended);
	EXPECT_LT(0, world->moved[0]);
	EXPECT_LT(0, world->moved[1]);
	EXPECT_TRUE(world->streamed || self->info.ports < 2);
	/* A short run may see none. */
	if (wanted >= 100000)
		EXPECT_LT(0, world->contended);
	EXPECT_LT(0, world->dead);
	/* All is given back, and what is free was not written to. */
	canaries_end(&self->canaries);
	ASSERT_EQ(0, ferry_info(self->fd, &info));
	EXPECT_EQ(self->info.busy_mask, info.busy_mask);
	EXPECT_EQ(0, pinned_bytes());
	EXPECT_EQ(self->pins, pinned_pages());
	visit_free_memory();
	EXPECT_EQ(0, log_complaints(self->log, complaint, sizeof(complaint)))
		TH_LOG("the kernel says%s", complaint);
}

TEST_HARNESS_MAIN
