// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ports without memory: while the reader lags, the handler needs new blocks and
 * gets none. Nothing may be lost, and the stream goes on as soon as it can. The
 * kernel must be the debug guest's, whose allocator fails when it is told to.
 */
#include "ferry_stream.h"

#define FAILSLAB	"/sys/kernel/debug/failslab"

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

FIXTURE_SETUP(memory)
{
	const char *why = no_ports();

	self->fd = -1;
	if (why)
		SKIP(return, "%s", why);
	if (geteuid() || access(FAILSLAB "/cache-filter", W_OK))
		SKIP(return, "no fault injection: not the debug guest, or not root");
	self->fd = port_fresh(0, O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	snprintf(self->cache, sizeof(self->cache), "/sys/kernel/slab/%s/failslab",
		 strrchr(port_node(0), '/') + 1);
	ASSERT_EQ(0, access(self->cache, W_OK)) TH_LOG("%s", self->cache);
}

FIXTURE_TEARDOWN(memory)
{
	if (self->fd < 0)
		return;
	fail(self, false);
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

/*
 * Each allocation of open(2) fails once; then it works, and nothing was kept. What
 * DMA-debug allocates fails, too, and it gives itself up then: so in a boot of its
 * own, which sets FERRY_FAIL_OPEN and allows that message.
 */
TEST_F(memory, open_survives_every_failure)
{
	unsigned int nth, failed = 0;
	bool left = false;
	char in[3];
	int nth_fd, fd;

	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_fd < 0 || !getenv("FERRY_FAIL_OPEN"))
		SKIP(return, "no fail-nth, or FERRY_FAIL_OPEN is not set");
	write_file(FAILSLAB "/ignore-gfp-wait", "N");
	write_file("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N");
	write_file("/sys/kernel/debug/fail_page_alloc/min-order", "0");
	write_file(FAILSLAB "/verbose", "0");
	write_file("/sys/kernel/debug/fail_page_alloc/verbose", "0");
	write_file("/sys/kernel/debug/fail_usercopy/verbose", "0");
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
	EXPECT_TRUE(left);
	EXPECT_LT(16, failed);
	write_file(FAILSLAB "/ignore-gfp-wait", "Y");
	write_file("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "Y");
	ASSERT_EQ(0, port_set(0, "entries", 64));
	close(nth_fd);
	self->fd = port_fresh(0, 0);
	ASSERT_LE(0, self->fd);
}

TEST_HARNESS_MAIN
