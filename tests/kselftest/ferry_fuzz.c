// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random system calls on /dev/ferryN and /dev/ferryNpK, in the manner of syzkaller
 * (ferry_fuzz_calls.h), by processes some of which share a file, that fork, exec and are killed;
 * beside processes that do nothing but right. A call that fails has to do so with an errno that
 * linux/ferry.h has for it, each must have failed and succeeded, and in the end all has been
 * given back.
 *
 * FERRY_CALLS says how many calls, at least; with fewer than ENOUGH, not each needs to have done
 * both. With the same FERRY_SEED a process asks for the same again; when it gets the processor is
 * another matter. FERRY_FAIL=1: what an ioctl allocates and copies fails, too.
 * tests/syzkaller/dev_ferry.txt describes the same interface.
 */
#include "ferry_fail.h"
#include "ferry_fuzz_calls.h"

#define FUZZERS		4
#define ENOUGH		2000	/* calls, to go on until each has succeeded and failed, */
#define MORE		20000	/* with at most as many more */
#define UID_FUZZER	900	/* and up */

/* What all processes have in common, besides the world. */
static struct common {
	uint64_t wanted;
	bool ports, failing;
	int file[FUZZERS / 2];
	struct handles handles[FUZZERS / 2];
	struct handles own[FUZZERS][SLOTS];
	struct {
		uint64_t count, passed, failed;
	} of[ARRAY_SIZE(calls)];
} *common;

static bool errno_is_known(const struct call *call, int err)
{
	static const int of_all[] = { EFAULT, EINVAL, E2BIG, EOPNOTSUPP, ENOMEM, EINTR };

	for (size_t i = 0; i < ARRAY_SIZE(call->errnos); i++)
		if (call->errnos[i] == err)
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(of_all) && call->run != call_bad_ioctl; i++)
		if (of_all[i] == err)
			return true;
	/* A FLUSH that finds no memory to begin anew ends the direction. */
	return common->failing && call->kind == PORT && err == EIO;
}

static void judge(struct fuzz *f, const struct call *call, int ret)
{
	size_t i = call - calls;

	add(&world->done, 1);
	add(&common->of[i].count, 1);
	/* What other kinds of files say to it is their business. */
	if (f->used && (f->used->kind != call->kind || f->used->fd < 0))
		return;
	add(ret ? &common->of[i].failed : &common->of[i].passed, 1);
	if (ret && !errno_is_known(call, -ret))
		fail("%s: %s", call->name, strerror(-ret));
	if (!ret && call->never_passes)
		fail("%s succeeded", call->name);
}

static bool is_used(const struct call *call)
{
	return call->kind != PORT || common->ports;
}

static bool is_covered(const struct call *call)
{
	size_t i = call - calls;

	return !is_used(call) || ((call->never_passes || load(&common->of[i].passed)) &&
				  (call->never_fails || load(&common->of[i].failed)));
}

/* At least as many calls as are wanted; more, if there is one that has not succeeded, or failed. */
static bool is_over(void)
{
	uint64_t done = load(&world->done);

	if (load(&world->failed) || done >= common->wanted + MORE)
		return true;
	if (done < common->wanted || common->wanted < ENOUGH)
		return done >= common->wanted;
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (!is_covered(&calls[i]))
			return false;
	return true;
}

/* Some time in the next calls. */
static void die_soon(struct fuzz *f)
{
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
	struct itimerspec once = { .it_value.tv_nsec = 1 + rnd(&f->x) % (2 * NSEC_PER_MSEC) };
	timer_t timer;

	must(!timer_create(CLOCK_MONOTONIC, &ev, &timer));
	must(!timer_settime(timer, 0, &once, NULL));
}

static void fuzz_loop(struct fuzz *f, uint32_t most)
{
	f->fail_fd = common->failing ? open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC) : -1;
	arm_signal();
	while (most-- && !is_over()) {
		uint64_t x = rnd(&f->x);
		const struct call *call = &calls[(x >> 16) % ARRAY_SIZE(calls)];

		if (!(x & 511))
			die_soon(f);
		if ((call->one_in && x >> 9 & (call->one_in - 1)) || !is_used(call) ||
		    (call->run == call_fork && f->child))
			continue;
		f->used = NULL;
		judge(f, call, call->run(f, call));
	}
}

static void fuzz_child(struct fuzz *f)
{
	uint64_t x = rnd(&f->x);

	f->child = true;
	f->own = f->childs;
	f->has_mq = false;
	/* What was not inherited must not become somebody else's. */
	for (int i = 0; i < MAPS; i++) {
		touch(f->map[i].p, x & 1);
		map_cut(f, &f->map[i], 0);
	}
	if (f->fail_fd >= 0)
		close(f->fail_fd);
	fuzz_loop(f, 20);
	if (!(x & 6))
		execl("/bin/busybox", "true", NULL);
	_exit(0);
}

/* Memory, and ROOM behind it that can't be touched. */
static uint8_t *room_make(size_t length, int prot)
{
	uint8_t *p = mmap(NULL, length + ROOM, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(p != MAP_FAILED && !mprotect(p, length, prot));
	return p;
}

static void fuzz_main(int nr, uint64_t seed)
{
	struct fuzz f = { .x = seed, .page = sysconf(_SC_PAGESIZE), .own = common->own[nr] };
	int pipes[2];

	memset(f.own, 0, sizeof(common->own[nr]));
	become(UID_FUZZER + nr % 2);
	/* Nobody waits for a child's child. */
	signal(SIGCHLD, SIG_IGN);
	must(!pipe2(pipes, O_NONBLOCK));
	for (int i = 0; i < SLOTS; i++)
		f.slot[i] = (struct slot) { -1, i < PORT_0 ? FERRY : i < EVENT ? PORT : OTHER, &f.own[i] };
	f.slot[COMMON].fd = common->file[nr / 2];
	f.slot[COMMON].h = &common->handles[nr / 2];
	f.slot[OWN].fd = node_open();
	f.slot[EVENT].fd = eventfd(0, EFD_NONBLOCK);
	f.slot[PIPE].fd = pipes[0];
	f.slot[PLAIN].fd = memfd_create("other", MFD_CLOEXEC);
	f.arg = room_make(ROOM, PROT_READ | PROT_WRITE);
	f.memory = room_make(ROOM, PROT_READ | PROT_WRITE);
	f.readonly = room_make(ROOM, PROT_READ);
	for (int i = 0; i < MAPS; i++)
		f.map[i].p = room_make(MiB, PROT_NONE);
	fuzz_loop(&f, UINT32_MAX);
	_exit(0);
}

FIXTURE(fuzz)
{
	uint64_t seed;
	int fd, log;
	mode_t mode;
	long pins;
	struct ferry_info info;
	struct canaries canaries;
	pid_t good[NEIGHBOURS + 1];
};

FIXTURE_SETUP(fuzz)
{
	struct stat st;

	world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	common = mmap(NULL, sizeof(*common), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, world);
	ASSERT_NE(MAP_FAILED, common);
	ASSERT_EQ(0, find_device());
	self->fd = node_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ferry_info(self->fd, &self->info));
	if (self->info.max_queues < 2 || self->info.channels < 8)
		SKIP(return, "too few channels for so many processes");
	ASSERT_EQ(0, stat(device_node, &st));
	self->mode = st.st_mode & 07777;
	if (!geteuid())
		ASSERT_EQ(0, let_everybody(0666, self->info.ports));
	self->log = log_open();
	ASSERT_LE(0, self->log);
	self->pins = pinned_pages();
	self->seed = seed_of_run();
	TH_LOG("FERRY_SEED=%llu", (unsigned long long)self->seed);
	common->wanted = number_of_env("FERRY_CALLS", ENOUGH);
	common->ports = self->info.ports > 1;
	common->failing = number_of_env("FERRY_FAIL", 0);
	if (common->failing)
		fail_any();
	ASSERT_TRUE(canaries_make(&self->canaries, 4 * MiB));
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	for (int i = 0; i < NEIGHBOURS; i++)
		self->good[i] = spawn(neighbour_main, i, self->seed + i);
	self->good[NEIGHBOURS] = common->ports ? spawn(stream_main, NEIGHBOURS, self->seed) : 0;
	/* They have what they need before others take all that there is. */
	while ((!load(&world->moved[0]) || !load(&world->moved[1]) ||
		(common->ports && !load(&world->streamed))) && !load(&world->failed))
		usleep(1000);
	ASSERT_EQ(0, world->failed) TH_LOG("%s", world->why);
}

FIXTURE_TEARDOWN(fuzz)
{
	if (!geteuid())
		let_everybody(self->mode, self->info.ports);
	close(self->log);
	close(self->fd);
}

/* Whoever has ended, until there is nobody, or nobody yet. Those who fuzz are replaced. */
static void reap_and_replace(struct __test_metadata *_metadata, FIXTURE_DATA(fuzz) *self,
			     pid_t *fuzzers, unsigned int *lives, int how)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, how)) > 0) {
		int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
		/* What makes a copy to user memory fail may meet the frame of a signal. */
		bool killed = sig == SIGKILL || (sig == SIGSEGV && common->failing);

		EXPECT_TRUE(!status || killed) TH_LOG("a process ended with status %#x", status);
		for (int i = 0; i < NEIGHBOURS + 1; i++)
			EXPECT_TRUE(pid != self->good[i] || (!status && load(&world->stop)));
		for (int i = 0; i < FUZZERS; i++)
			if (pid == fuzzers[i])
				fuzzers[i] = killed && how ? spawn(fuzz_main, i, self->seed + ++*lives) : 0;
	}
}

TEST_F_TIMEOUT(fuzz, random_calls_do_what_is_documented_and_hurt_nobody, 7000)
{
	uint64_t seen = 0;
	struct ferry_info info;
	char complaint[256];
	pid_t fuzzers[FUZZERS];
	unsigned int lives = 0;
	int64_t end = now_ns() + 3 * LONG;
	int changed;

	for (int i = 0; i < FUZZERS / 2; i++)
		common->file[i] = open(device_node, O_RDWR | (i ? O_NONBLOCK : 0));
	for (int i = 0; i < FUZZERS; i++)
		fuzzers[i] = spawn(fuzz_main, i, self->seed + ++lives);
	while (!is_over()) {
		if (load(&world->done) != seen) {
			seen = load(&world->done);
			end = now_ns() + 3 * LONG;
		}
		ASSERT_LT(now_ns(), end) TH_LOG("nothing more after %lu calls", (long)seen);
		reap_and_replace(_metadata, self, fuzzers, &lives, WNOHANG);
		usleep(2000);
	}
	store(&world->stop, 1);
	/* A signal ends whatever they wait in. */
	reap_and_replace(_metadata, self, fuzzers, &lives, 0);
	EXPECT_EQ(0, world->failed) TH_LOG("%s", world->why);
	TH_LOG("%lu calls in %u lives; others: %lu and %lu operations, %lu messages",
	       (long)world->done, lives, (long)world->moved[0], (long)world->moved[1],
	       (long)world->streamed);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		TH_LOG("%-24s %6lu calls, %6lu succeeded, %6lu failed", calls[i].name,
		       (long)common->of[i].count, (long)common->of[i].passed,
		       (long)common->of[i].failed);
		EXPECT_TRUE(common->wanted < ENOUGH || is_covered(&calls[i]));
	}
	changed = canaries_changed(&self->canaries);
	EXPECT_EQ(-1, changed)
		TH_LOG("memory has changed: %s", self->canaries.c[changed].name);
	canaries_end(&self->canaries);
	for (int i = 0; i < FUZZERS / 2; i++)
		close(common->file[i]);
	ASSERT_EQ(0, ferry_info(self->fd, &info));
	EXPECT_EQ(self->info.busy_mask & ~info.port_mask, info.busy_mask & ~info.port_mask);
	/* What nobody has read is still there, and keeps the channel. */
	for (unsigned int i = 0; common->ports && i < 2; i++)
		close(port_fresh(i, 0));
	for (end = now_ns() + LONG; info.busy_mask != self->info.busy_mask && now_ns() < end;)
		ASSERT_EQ(0, ferry_info(self->fd, &info));
	EXPECT_EQ(self->info.busy_mask, info.busy_mask);
	EXPECT_EQ(0, pinned_bytes());
	EXPECT_EQ(self->pins, pinned_pages());
	EXPECT_EQ(0, log_complaints(self->log, complaint, sizeof(complaint)))
		TH_LOG("the kernel says%s", complaint);
}

TEST_HARNESS_MAIN
