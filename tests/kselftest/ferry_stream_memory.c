// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ports without memory: while the reader lags, the handler needs new blocks and
 * gets none. Nothing may be lost, and the stream goes on as soon as it can. The
 * kernel must be the debug guest's, whose allocator fails when it is told to.
 */
#include "ferry_stream.h"

#include <glob.h>
#include <sys/prctl.h>

#define FAILSLAB	"/sys/kernel/debug/failslab"
#define FAIL_PAGES	"/sys/kernel/debug/fail_page_alloc"

FIXTURE(memory)
{
	int fd;
	char cache[NAME_MAX + 64];
};

/* From now on, every allocation of a port's blocks that may not sleep fails. */
static int fail(FIXTURE_DATA(memory) *self, bool on)
{
	/* Off before the filter goes, or else everybody's would fail meanwhile. */
	int ret = write_file(FAILSLAB "/probability", "0");

	ret = ret ? ret : write_file(self->cache, on ? "1" : "0");
	ret = ret ? ret : write_file(FAILSLAB "/cache-filter", on ? "Y" : "N");
	ret = ret ? ret : write_file(FAILSLAB "/ignore-gfp-wait", "Y");
	ret = ret ? ret : write_file(FAILSLAB "/task-filter", "N");
	ret = ret ? ret : write_file(FAILSLAB "/times", "-1");
	ret = ret ? ret : write_file(FAILSLAB "/interval", "1");
	return ret || !on ? ret : write_file(FAILSLAB "/probability", "100");
}

/* From now on, every allocation of anybody that may not sleep fails. */
static int fail_all(FIXTURE_DATA(memory) *self, bool on)
{
	int ret = write_file(FAIL_PAGES "/probability", "0");

	ret = ret ? ret : fail(self, false);
	ret = ret ? ret : write_file(FAIL_PAGES "/ignore-gfp-wait", "Y");
	ret = ret ? ret : write_file(FAIL_PAGES "/min-order", "0");
	ret = ret ? ret : write_file(FAIL_PAGES "/task-filter", "N");
	ret = ret ? ret : write_file(FAIL_PAGES "/times", "-1");
	ret = ret ? ret : write_file(FAIL_PAGES "/interval", "1");
	if (ret || !on)
		return ret;
	ret = write_file(FAIL_PAGES "/probability", "100");
	return ret ? ret : write_file(FAILSLAB "/probability", "100");
}

/* What fails so takes the kernel's own checks with it, so it is for a boot of its own. */
static const char *not_all_may_fail(void)
{
	write_file(FAILSLAB "/verbose", "0");
	write_file(FAIL_PAGES "/verbose", "0");
	write_file("/sys/kernel/debug/fail_usercopy/verbose", "0");
	return getenv("FERRY_FAIL_ALL") ? NULL : "FERRY_FAIL_ALL is not set";
}

FIXTURE_SETUP(memory)
{
	const char *why = no_ports();
	glob_t found;

	self->fd = -1;
	if (why)
		SKIP(return, "%s", why);
	if (geteuid() || access(FAILSLAB "/cache-filter", W_OK))
		SKIP(return, "no fault injection: not the debug guest, or not root");
	self->fd = port_fresh(0, O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	snprintf(self->cache, sizeof(self->cache), "/sys/kernel/slab/%s-*/failslab",
		 strrchr(port_node(0), '/') + 1);
	ASSERT_EQ(0, glob(self->cache, 0, NULL, &found)) TH_LOG("%s", self->cache);
	ASSERT_EQ(1, found.gl_pathc);
	snprintf(self->cache, sizeof(self->cache), "%s", found.gl_pathv[0]);
	globfree(&found);
	ASSERT_EQ(0, access(self->cache, W_OK)) TH_LOG("%s", self->cache);
}

FIXTURE_TEARDOWN(memory)
{
	if (self->fd < 0)
		return;
	fail_all(self, false);
	close(self->fd);
}

static void fill(int fd, uint32_t *crc, size_t *sent)
{
	static uint8_t buf[10000];
	ssize_t n;

	for (;;) {
		pattern(buf, sizeof(buf), *sent);
		n = do_write(fd, buf, sizeof(buf));
		if (n > 0) {
			*crc = crc32c(*crc, buf, n);
			*sent += n;
		} else if (port_ready(fd, POLLOUT, 200) <= 0) {
			return;
		}
	}
}

static void drain(struct __test_metadata *_metadata, int fd, uint32_t *crc, size_t left)
{
	static uint8_t buf[10000];

	while (left) {
		ssize_t n = do_read(fd, buf, sizeof(buf));

		if (n == -EAGAIN) {
			ASSERT_EQ(POLLIN, port_ready(fd, POLLIN, 30000)) TH_LOG("stuck, %zu left",
										left);
			continue;
		}
		ASSERT_LT(0, n);
		*crc = crc32c(*crc, buf, n);
		left -= n;
	}
}

TEST_F(memory, without_memory_the_reserve_serves_and_nothing_is_lost)
{
	long long refills = port_get(0, "statistics/rx_refills");
	long long reserve = port_get(0, "statistics/rx_reserve_refills");
	long long starved = port_get(0, "statistics/rx_starved");
	uint32_t in = 0, out = 0;
	size_t sent = 0;

	ASSERT_EQ(0, fail(self, true));
	fill(self->fd, &out, &sent);
	EXPECT_LT(reserve, port_get(0, "statistics/rx_reserve_refills"));
	EXPECT_EQ(port_get(0, "statistics/rx_refills") - refills,
		  port_get(0, "statistics/rx_reserve_refills") - reserve);
	EXPECT_EQ(starved + 1, port_get(0, "statistics/rx_starved"));
	drain(_metadata, self->fd, &in, sent);
	EXPECT_EQ(out, in);
}

/* Nobody reads: only the retry can bring the stream on when there is memory again. */
TEST_F(memory, stream_goes_on_by_itself_when_there_is_memory)
{
	uint32_t in = 0, out = 0;
	long long before, now;
	size_t sent = 0;
	int64_t end;

	ASSERT_EQ(0, fail(self, true));
	fill(self->fd, &out, &sent);
	before = port_get(0, "statistics/rx_bytes");
	ASSERT_EQ(0, fail(self, false));
	end = now_ns() + 30 * NSEC_PER_SEC;
	do {
		now = port_get(0, "statistics/rx_bytes");
	} while (now == before && now_ns() < end);
	EXPECT_LT(before, now);
	EXPECT_LT(0, port_get(0, "statistics/rx_retries"));
	drain(_metadata, self->fd, &in, sent);
	EXPECT_EQ(out, in);
}

/* Memory comes and goes under full load. */
TEST_F(memory, stream_under_load_survives_memory_that_comes_and_goes)
{
	struct mover w = { .seed = 5, .total = 4 * MiB, .chunk = 20000 };
	struct mover r = { .seed = 6, .total = 4 * MiB, .chunk = 20000 };

	set_nonblock(self->fd, false);
	w.fd = r.fd = self->fd;
	ASSERT_EQ(0, pthread_create(&w.thread, NULL, mover_write, &w));
	ASSERT_EQ(0, pthread_create(&r.thread, NULL, mover_read, &r));
	for (int i = 0; __atomic_load_n(&r.moved, __ATOMIC_RELAXED) < 4 * MiB; i++) {
		struct timespec some = { 0, 5 * NSEC_PER_MSEC };

		fail(self, !(i & 1));
		nanosleep(&some, NULL);
	}
	ASSERT_EQ(0, pthread_join(w.thread, NULL));
	ASSERT_EQ(0, pthread_join(r.thread, NULL));
	EXPECT_EQ(w.crc, r.crc);
}

TEST_F(memory, packets_are_whole_without_memory)
{
	uint8_t *buf = malloc(65536), *want = malloc(65536);
	int sent = 0, got = 0;

	ASSERT_EQ(0, port_mode(self->fd, FERRY_PORT_MODE_PACKET));
	ASSERT_EQ(0, fail(self, true));
	do {
		pattern(buf, 9000, sent);
		while (do_write(self->fd, buf, 9000) == 9000)
			pattern(buf, 9000, ++sent);
	} while (port_ready(self->fd, POLLOUT, 200) > 0);
	while (got < sent) {
		ssize_t n = do_read(self->fd, buf, 65536);

		if (n == -EAGAIN) {
			ASSERT_EQ(POLLIN, port_ready(self->fd, POLLIN, 30000));
			continue;
		}
		pattern(want, 9000, got++);
		ASSERT_EQ(9000, n);
		ASSERT_EQ(0, memcmp(want, buf, 9000));
	}
	free(buf);
	free(want);
}

/* A process at one end of the port, and what its parent and it tell each other. */
struct end {
	size_t bytes;
	uint32_t crc;
	bool pause;
	bool paused;
	bool done;
	int error;
};

static void leave(struct end *me, int error)
{
	me->error = error;
	__atomic_store_n(&me->done, true, __ATOMIC_RELEASE);
	_exit(0);
}

/* Writes until it is told to pause, for good. */
static void writer_process(struct end *me)
{
	static uint8_t buf[30000];
	int fd = port_open(0, O_WRONLY);
	ssize_t n;

	if (fd < 0)
		leave(me, fd);
	for (uint32_t seed = 1; !__atomic_load_n(&me->pause, __ATOMIC_ACQUIRE); seed++) {
		size_t len = 1 + seed * 2654435761u % sizeof(buf);

		pattern(buf, len, seed);
		n = write_all(fd, buf, len);
		if (n != (ssize_t)len)
			leave(me, n);
		me->crc = crc32c(me->crc, buf, len);
		__atomic_store_n(&me->bytes, me->bytes + len, __ATOMIC_RELEASE);
	}
	leave(me, 0);
}

/* Reads until it has all of what the writer wrote. */
static void reader_process(struct end *me, struct end *writer)
{
	static uint8_t buf[20000];
	int fd = port_open(0, O_RDONLY | O_NONBLOCK);
	ssize_t n;

	if (fd < 0)
		leave(me, fd);
	while (!__atomic_load_n(&writer->done, __ATOMIC_ACQUIRE) || me->bytes != writer->bytes) {
		while (__atomic_load_n(&me->pause, __ATOMIC_ACQUIRE)) {
			__atomic_store_n(&me->paused, true, __ATOMIC_RELEASE);
			poll(NULL, 0, 10);
		}
		n = do_read(fd, buf, sizeof(buf));
		if (n == -EAGAIN) {
			port_ready(fd, POLLIN, 10);
			continue;
		}
		if (n <= 0)
			leave(me, n);
		me->crc = crc32c(me->crc, buf, n);
		__atomic_store_n(&me->bytes, me->bytes + n, __ATOMIC_RELEASE);
	}
	leave(me, 0);
}

static pid_t start_end(struct end *me, struct end *writer)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (me == writer)
		writer_process(me);
	reader_process(me, writer);
	return -1;
}

/* Wait until a counter of port 0 is more than @value; its value then. */
static long long counts_beyond(const char *name, long long value)
{
	int64_t end = now_ns() + 60 * NSEC_PER_SEC;
	long long now;

	do {
		now = port_get(0, name);
	} while (now <= value && now_ns() < end);
	return now;
}

/* Wait until nothing is received over two retries. True: it is so. */
static bool stands_still(void)
{
	int64_t end = now_ns() + 60 * NSEC_PER_SEC;
	long long bytes;

	do {
		bytes = port_get(0, "statistics/rx_bytes");
		counts_beyond("statistics/rx_retries", port_get(0, "statistics/rx_retries") + 1);
	} while (bytes != port_get(0, "statistics/rx_bytes") && now_ns() < end);
	return now_ns() < end;
}

/*
 * With every GFP_ATOMIC of the whole system failing for 10 s under full load
 * nothing is lost, and behind the last failure the stream goes on with the first
 * retry, although nobody reads.
 */
TEST_F(memory, ten_seconds_without_memory_under_full_load)
{
	long long refills, reserve, starved, retries, bytes;
	struct timespec while_it_lasts = { 10, 0 };
	struct end *ends, *reader, *writer;
	const char *why = not_all_may_fail();
	pid_t pids[2];
	size_t before;
	int status;

	if (why)
		SKIP(return, "%s", why);
	ASSERT_EQ(0, close(self->fd));
	ends = mmap(NULL, 2 * sizeof(*ends), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		    -1, 0);
	ASSERT_NE(MAP_FAILED, ends);
	reader = &ends[0];
	writer = &ends[1];
	for (int i = 0; i < 2; i++) {
		pids[i] = start_end(&ends[i], writer);
		ASSERT_LT(0, pids[i]);
	}
	counts_beyond("statistics/rx_bytes", port_get(0, "statistics/rx_bytes") + MUCH);

	ASSERT_EQ(0, fail_all(self, true));
	reserve = port_get(0, "statistics/rx_reserve_refills");
	refills = port_get(0, "statistics/rx_refills");
	starved = port_get(0, "statistics/rx_starved");
	before = __atomic_load_n(&reader->bytes, __ATOMIC_ACQUIRE);
	nanosleep(&while_it_lasts, NULL);
	EXPECT_LT(before, __atomic_load_n(&reader->bytes, __ATOMIC_ACQUIRE));
	/* Without a reader even the reserve is used up, and only the retries go on. */
	__atomic_store_n(&reader->pause, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&reader->paused, __ATOMIC_ACQUIRE) && !reader->done)
		sched_yield();
	EXPECT_TRUE(stands_still());
	EXPECT_LT(starved, port_get(0, "statistics/rx_starved"));
	bytes = port_get(0, "statistics/rx_bytes");
	/* Whatever came since then came from the reserve, which was looked at first. */
	reserve = port_get(0, "statistics/rx_reserve_refills") - reserve;
	EXPECT_LT(0, reserve);
	EXPECT_GE(reserve, port_get(0, "statistics/rx_refills") - refills);
	TH_LOG("%zu bytes, %lld blocks from the reserve, starved %lld times",
	       __atomic_load_n(&reader->bytes, __ATOMIC_ACQUIRE) - before, reserve,
	       port_get(0, "statistics/rx_starved") - starved);

	ASSERT_EQ(0, fail_all(self, false));
	retries = port_get(0, "statistics/rx_retries");
	EXPECT_LT(bytes, counts_beyond("statistics/rx_bytes", bytes));
	EXPECT_GE(retries + 1, port_get(0, "statistics/rx_retries"));
	__atomic_store_n(&reader->pause, false, __ATOMIC_RELEASE);
	bytes = port_get(0, "statistics/rx_bytes");
	EXPECT_LT(bytes, counts_beyond("statistics/rx_bytes", bytes + MUCH));
	__atomic_store_n(&writer->pause, true, __ATOMIC_RELEASE);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(pids[i], waitpid(pids[i], &status, 0));
		EXPECT_TRUE(ends[i].done);
		EXPECT_EQ(0, ends[i].error);
	}
	EXPECT_EQ(writer->bytes, reader->bytes);
	EXPECT_EQ(writer->crc, reader->crc);
	self->fd = port_fresh(0, 0);
	ASSERT_LE(0, self->fd);
}

static int open_nth(int nth_fd, unsigned int nth, bool *left)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth), fd;

	if (pwrite(nth_fd, text, len, 0) != len)
		return -EPROTO;
	fd = port_open(0, O_RDWR);
	memset(text, 0, sizeof(text));
	*left = pread(nth_fd, text, sizeof(text) - 1, 0) < 0 || atoi(text) > 0;
	while (pwrite(nth_fd, "0", 1, 0) != 1)
		;
	return fd;
}

/* Each allocation of open(2) fails once; then it works, and nothing was kept. */
TEST_F(memory, open_survives_every_failure)
{
	const char *why = not_all_may_fail();
	unsigned int nth, failed = 0;
	bool left = false;
	char in[3];
	int nth_fd, fd;

	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_fd < 0 || why)
		SKIP(return, "%s", nth_fd < 0 ? "no fail-nth" : why);
	write_file(FAILSLAB "/ignore-gfp-wait", "N");
	write_file(FAIL_PAGES "/ignore-gfp-wait", "N");
	write_file(FAIL_PAGES "/min-order", "0");
	close(self->fd);
	/* The usual 64 look all the same. */
	ASSERT_EQ(0, port_set(0, "entries", 8));
	for (nth = 1; !left && nth < 3000; nth++) {
		fd = open_nth(nth_fd, nth, &left);
		if (fd < 0) {
			failed++;
			/* EFAULT: the name could not be read. */
			ASSERT_TRUE(fd == -ENOMEM || fd == -ENFILE || fd == -EFAULT)
				TH_LOG("%u: %s", nth, strerror(-fd));
			fd = port_open(0, O_RDWR);
		}
		ASSERT_LE(0, fd) TH_LOG("after failure %u: %s", nth, strerror(-fd));
		ASSERT_EQ(3, do_write(fd, "abc", 3));
		ASSERT_EQ(3, read_all(fd, in, 3));
		ASSERT_EQ(0, close(fd));
	}
	TH_LOG("about %u places to fail, %u failures seen", nth, failed);
	EXPECT_TRUE(left);
	/* The reserve and the free list make up for most. */
	EXPECT_LT(16, failed);
	write_file(FAILSLAB "/ignore-gfp-wait", "Y");
	write_file(FAIL_PAGES "/ignore-gfp-wait", "Y");
	ASSERT_EQ(0, port_set(0, "entries", 64));
	close(nth_fd);
	self->fd = port_fresh(0, 0);
	ASSERT_LE(0, self->fd);
}

TEST_HARNESS_MAIN
