// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who sleeps on a port is woken, whatever somebody else does with it meanwhile.
 */
#include "ferry_stream.h"

#include <linux/userfaultfd.h>
#include <sys/epoll.h>
#include <sys/klog.h>

FIXTURE(wake)
{
	int fd;
	uint8_t *buf;
};

FIXTURE_SETUP(wake)
{
	const char *why = no_ports();

	self->fd = -1;
	if (why)
		SKIP(return, "%s", why);
	self->fd = port_fresh(0, 0);
	ASSERT_LE(0, self->fd);
	self->buf = malloc(MiB);
	pattern(self->buf, MiB, 3);
}

FIXTURE_TEARDOWN(wake)
{
	if (self->fd >= 0)
		close(self->fd);
	free(self->buf);
}

struct sleeper {
	pthread_t thread;
	int fd;
	char how;
	pid_t tid;
	ssize_t result;
};

static void *sleeper(void *data)
{
	struct sleeper *s = data;
	static uint8_t buf[65536];

	__atomic_store_n(&s->tid, gettid(), __ATOMIC_RELEASE);
	switch (s->how) {
	case 'r':
		s->result = do_read(s->fd, buf, 1);
		break;
	case 'w':
		s->result = do_write(s->fd, buf, sizeof(buf));
		break;
	case 'f':
		s->result = fsync(s->fd) ? -errno : 0;
		break;
	case 'o':
		s->result = port_ready(s->fd, POLLOUT, 30000);
		break;
	}
	return NULL;
}

/* Start a thread, and wait until it sleeps in its call. */
static bool sleeper_start(struct sleeper *s)
{
	static const long nr[] = {
		['r'] = SYS_read, ['w'] = SYS_write, ['f'] = SYS_fsync, ['o'] = SYS_ppoll,
	};

	s->tid = 0;
	return !pthread_create(&s->thread, NULL, sleeper, s) && asleep(&s->tid, nr[(int)s->how]);
}

static void fill(int fd, void *buf)
{
	set_nonblock(fd, true);
	while (port_ready(fd, POLLOUT, 100) > 0)
		do_write(fd, buf, 65536);
	set_nonblock(fd, false);
}

/* Interrupts as late as can be, so that others come first. */
static int slow_interrupts(int fd)
{
	if (close(fd) || port_set(0, "coalesce_usecs", 65535) ||
	    port_set(0, "coalesce_count", 32) || port_set(0, "coalesce_adaptive", 0))
		return -1;
	return port_fresh(0, O_NONBLOCK);
}

static int usual_interrupts(int fd)
{
	if (port_control(fd, FERRY_PORT_IOC_FLUSH, FERRY_PORT_RX | FERRY_PORT_TX) || close(fd) ||
	    port_set(0, "coalesce_adaptive", 1) || port_set(0, "coalesce_count", 1) ||
	    port_set(0, "coalesce_usecs", 0))
		return -1;
	return port_open(0, O_RDWR);
}

TEST_F(wake, who_asks_takes_no_wake_up_from_who_sleeps)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int ep = epoll_create1(EPOLL_CLOEXEC);
	int64_t end = now_ns() + 30 * NSEC_PER_SEC;
	int n = 0;

	self->fd = slow_interrupts(self->fd);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->fd, &ev));
	EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	ASSERT_EQ(1, do_write(self->fd, self->buf, 1));
	while (n != 1 && now_ns() < end)
		ASSERT_EQ(0, ioctl(self->fd, FIONREAD, &n));
	EXPECT_EQ(1, epoll_wait(ep, &ev, 1, 5000));
	close(ep);
	self->fd = usual_interrupts(self->fd);
	EXPECT_LE(0, self->fd);
}

TEST_F(wake, who_reads_a_part_leaves_the_rest_to_who_sleeps)
{
	struct sleeper s = { .how = 'r' };
	int64_t end = now_ns() + 30 * NSEC_PER_SEC;
	ssize_t n = -EAGAIN;

	self->fd = slow_interrupts(self->fd);
	ASSERT_LE(0, self->fd);
	set_nonblock(self->fd, false);
	s.fd = self->fd;
	ASSERT_TRUE(sleeper_start(&s));
	ASSERT_EQ(2, do_write(self->fd, self->buf, 2));
	while (n == -EAGAIN && now_ns() < end) {
		struct iovec iov = { self->buf, 1 };

		n = preadv2(self->fd, &iov, 1, -1, RWF_NOWAIT);
		n = n < 0 ? -errno : n;
	}
	ASSERT_EQ(1, n);
	ASSERT_EQ(0, ended(s.thread));
	EXPECT_EQ(1, s.result);
	self->fd = usual_interrupts(self->fd);
	EXPECT_LE(0, self->fd);
}

TEST_F(wake, flush_wakes_a_reader)
{
	struct sleeper s = { .fd = self->fd, .how = 'r' };

	ASSERT_TRUE(sleeper_start(&s));
	ASSERT_EQ(0, port_control(self->fd, FERRY_PORT_IOC_FLUSH, FERRY_PORT_RX));
	ASSERT_EQ(1, do_write(self->fd, self->buf, 1));
	ASSERT_EQ(0, ended(s.thread));
	EXPECT_EQ(1, s.result);
}

TEST_F(wake, flush_wakes_who_waits_for_room)
{
	struct sleeper s = { .fd = self->fd };

	for (const char *how = "wo"; *how; how++) {
		fill(self->fd, self->buf);
		s.how = *how;
		ASSERT_TRUE(sleeper_start(&s)) TH_LOG("call %c", *how);
		ASSERT_EQ(0, port_control(self->fd, FERRY_PORT_IOC_FLUSH,
					  FERRY_PORT_RX | FERRY_PORT_TX));
		ASSERT_EQ(0, ended(s.thread));
		EXPECT_EQ(*how == 'w' ? 65536 : POLLOUT, s.result) TH_LOG("call %c", *how);
	}
}

/* What it waited for was dropped: that is no success. */
TEST_F(wake, flush_ends_an_fsync)
{
	struct sleeper s = { .fd = self->fd, .how = 'f' };

	fill(self->fd, self->buf);
	ASSERT_TRUE(sleeper_start(&s));
	ASSERT_EQ(0, port_control(self->fd, FERRY_PORT_IOC_FLUSH, FERRY_PORT_TX));
	ASSERT_EQ(0, ended(s.thread));
	EXPECT_EQ(-EIO, s.result);
	ASSERT_EQ(1, do_write(self->fd, self->buf, 1));
}

/* As the log tells; who may not read it sees none. */
static int lost_interrupts(void)
{
	static char log[1 << 20];
	int n = klogctl(3, log, sizeof(log) - 1);
	int lost = 0;

	log[n < 0 ? 0 : n] = 0;
	for (const char *at = log; (at = strstr(at, "lost an interrupt")); at++)
		lost++;
	return lost;
}

static void *flush_often(void *data)
{
	struct sleeper *s = data;

	for (int i = 0; i < (s->how ? 100 : 5) && !s->result; i++)
		s->result = port_control(s->fd, FERRY_PORT_IOC_FLUSH,
					 FERRY_PORT_RX | (s->how ? FERRY_PORT_TX : 0));
	__atomic_store_n(&s->tid, 0, __ATOMIC_RELEASE);
	return NULL;
}

/* The channel is stopped and started under who asks, and what he asked for holds. */
TEST_F(wake, who_polls_beside_a_flush_is_woken)
{
	int before = lost_interrupts();

	for (int i = 0; i < 10; i++) {
		struct sleeper s = { .fd = self->fd, .tid = 1 };

		ASSERT_EQ(0, pthread_create(&s.thread, NULL, flush_often, &s));
		while (__atomic_load_n(&s.tid, __ATOMIC_ACQUIRE))
			ASSERT_EQ(0, port_ready(self->fd, POLLIN, 0));
		ASSERT_EQ(0, pthread_join(s.thread, NULL));
		ASSERT_EQ(0, s.result);
		ASSERT_EQ(1, do_write(self->fd, self->buf, 1));
		ASSERT_EQ(POLLIN, port_ready(self->fd, POLLIN, 30000)) TH_LOG("round %d", i);
		ASSERT_EQ(1, do_read(self->fd, self->buf, 1));
	}
	/* By interrupts, and not by the timer that looks for lost ones. */
	EXPECT_EQ(before, lost_interrupts());
}

/* It is away for a moment only, and who comes meanwhile waits for it. */
TEST_F(wake, calls_beside_a_flush_do_not_fail)
{
	struct sleeper s = { .fd = self->fd, .tid = 1, .how = 'b' };
	int calls = 0, n;

	set_nonblock(self->fd, true);
	ASSERT_EQ(0, pthread_create(&s.thread, NULL, flush_often, &s));
	for (; __atomic_load_n(&s.tid, __ATOMIC_ACQUIRE); calls++) {
		ssize_t wrote = do_write(self->fd, self->buf, 4096);
		ssize_t got = do_read(self->fd, self->buf, 4096);

		ASSERT_TRUE(wrote > 0 || wrote == -EAGAIN) TH_LOG("write: %zd", wrote);
		ASSERT_TRUE(got > 0 || got == -EAGAIN) TH_LOG("read: %zd", got);
		ASSERT_EQ(0, ioctl(self->fd, FIONREAD, &n));
		ASSERT_EQ(0, ioctl(self->fd, TIOCOUTQ, &n));
	}
	ASSERT_EQ(0, pthread_join(s.thread, NULL));
	EXPECT_EQ(0, s.result);
	EXPECT_LT(0, calls);
}

struct stuck {
	pthread_t thread;
	int fd;
	uint8_t *page;
	char how;
	ssize_t result;
};

static void *stuck(void *data)
{
	struct stuck *s = data;
	sigset_t signals;

	/* They are for who looks. */
	sigfillset(&signals);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	s->result = s->how == 'r' ? do_read(s->fd, s->page, 1) : do_write(s->fd, s->page, 1);
	return NULL;
}

/* A page that comes when we give it, and whoever touches it waits. */
static int late_page(uint8_t **page)
{
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_api api = { .api = UFFD_API };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	size_t size = getpagesize();

	*page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	range.range.start = (uintptr_t)*page;
	range.range.len = size;
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &range))
		return -1;
	return fd;
}

static int give_page(int fd, uint8_t *page)
{
	struct uffdio_zeropage zero = { .range = { (uintptr_t)page, getpagesize() } };

	return ioctl(fd, UFFDIO_ZEROPAGE, &zero);
}

/* While the memory of a reader or writer is long in coming. */
TEST_F(wake, who_looks_is_not_stuck_behind_a_page_fault)
{
	struct ferry_port_info info;
	int n;

	for (const char *how = "rw"; *how; how++) {
		struct stuck s = { .fd = self->fd, .how = *how };
		int uffd = late_page(&s.page);
		int other, err;

		if (uffd < 0)
			SKIP(return, "this kernel has no userfaultfd, or not for us");
		ASSERT_EQ(1, do_write(self->fd, self->buf, 1));
		ASSERT_EQ(0, fsync(self->fd));
		ASSERT_EQ(0, pthread_create(&s.thread, NULL, stuck, &s));
		ASSERT_EQ(POLLIN, port_ready(uffd, POLLIN, 20000));
		EXPECT_LE(0, port_get(0, "statistics/tx_bytes"));
		EXPECT_LE(0, port_get(0, "statistics/rx_bytes"));
		EXPECT_LE(0, port_get(0, "tx_waiting"));
		EXPECT_LE(0, port_get(0, "rx_waiting"));
		/* Who has nothing to do with it, and what is interrupted is. */
		other = port_open(0, 3);
		ASSERT_LE(0, other);
		EXPECT_EQ(0, port_info(other, &info));
		EXPECT_EQ(0, close(other));
		arm_signal();
		err = port_info(self->fd, &info);
		EXPECT_EQ(-EINTR, err);
		err = ioctl(self->fd, *how == 'r' ? FIONREAD : TIOCOUTQ, &n);
		EXPECT_EQ(-1, err);
		EXPECT_EQ(EINTR, errno);
		err = port_mode(self->fd, 0);
		EXPECT_EQ(-EINTR, err);
		err = port_control(self->fd, FERRY_PORT_IOC_FLUSH, FERRY_PORT_RX | FERRY_PORT_TX);
		EXPECT_EQ(-EINTR, err);
		signal(SIGUSR1, SIG_IGN);
		ASSERT_EQ(0, give_page(uffd, s.page));
		ASSERT_EQ(0, pthread_join(s.thread, NULL));
		EXPECT_EQ(1, s.result);
		close(uffd);
	}
}

/* What nobody has read waits in silence, also over a suspend. */
TEST_F(wake, port_that_is_parked_does_not_stir)
{
	struct timespec watch = { 2, 500 * NSEC_PER_MSEC };
	long long interrupts, received;

	ASSERT_EQ(5000, do_write(self->fd, self->buf, 5000));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(1, do_read(self->fd, self->buf, 1));
	ASSERT_EQ(0, close(self->fd));
	interrupts = port_get(0, "statistics/rx_interrupts");
	/* More than two periods of the timer that looks for lost interrupts. */
	nanosleep(&watch, NULL);
	EXPECT_EQ(interrupts, port_get(0, "statistics/rx_interrupts"));

	self->fd = port_open(0, O_WRONLY);
	ASSERT_LE(0, self->fd);
	received = port_get(0, "statistics/rx_bytes");
	if (!geteuid() && !access("/sys/power/pm_test", W_OK))
		ASSERT_EQ(0, suspend_devices());
	ASSERT_EQ(5, do_write(self->fd, self->buf, 5));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_EQ(interrupts, port_get(0, "statistics/rx_interrupts"));
	EXPECT_EQ(received, port_get(0, "statistics/rx_bytes"));
	self->fd = port_open(0, O_RDWR);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(5004, read_all(self->fd, self->buf, 5004));
}

TEST_HARNESS_MAIN
