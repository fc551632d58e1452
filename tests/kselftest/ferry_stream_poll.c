// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ports in event loops: poll, epoll level- and edge-triggered, SIGIO.
 */
#include "ferry_stream.h"

#include <sys/epoll.h>

FIXTURE(events)
{
	int fd;
	uint8_t *buf;
};

FIXTURE_SETUP(events)
{
	const char *why = no_ports();

	self->fd = -1;
	if (why)
		SKIP(return, "%s", why);
	self->fd = port_fresh(0, O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	self->buf = malloc(MiB);
	pattern(self->buf, MiB, 3);
}

FIXTURE_TEARDOWN(events)
{
	if (self->fd >= 0)
		close(self->fd);
	free(self->buf);
}

static void fill(int fd, void *buf)
{
	while (port_ready(fd, POLLOUT, 100) > 0)
		do_write(fd, buf, 65536);
}

TEST_F(events, poll_tells_of_data_and_of_room)
{
	EXPECT_EQ(POLLOUT, port_ready(self->fd, POLLIN | POLLOUT, 0));
	ASSERT_EQ(10, do_write(self->fd, self->buf, 10));
	EXPECT_EQ(POLLIN, port_ready(self->fd, POLLIN, 10000));
	ASSERT_EQ(10, do_read(self->fd, self->buf, 100));
	EXPECT_EQ(0, port_ready(self->fd, POLLIN, 0));
	fill(self->fd, self->buf);
	EXPECT_EQ(POLLIN, port_ready(self->fd, POLLIN | POLLOUT, 0));
	/* Reading makes room, and whoever waits for that is told. Some of it may be on its way. */
	while (port_ready(self->fd, POLLIN | POLLOUT, 10000) == POLLIN)
		ASSERT_LT(0, do_read(self->fd, self->buf, 4096));
	EXPECT_LT(0, do_write(self->fd, self->buf, 1));
}

struct poller {
	pthread_t thread;
	int fd;
	short events;
	pid_t tid;
	int result;
};

static void *poller(void *data)
{
	struct poller *p = data;

	__atomic_store_n(&p->tid, gettid(), __ATOMIC_RELEASE);
	p->result = port_ready(p->fd, p->events, -1);
	return NULL;
}

/* Start a poller, and wait until it sleeps. */
static bool poller_sleeps(struct poller *p)
{
	p->tid = 0;
	return !pthread_create(&p->thread, NULL, poller, p) && asleep(&p->tid, SYS_ppoll);
}

TEST_F(events, sleeping_pollers_are_woken)
{
	struct poller p[3] = {
		{ .fd = self->fd, .events = POLLIN }, { .fd = self->fd, .events = POLLIN },
		{ .fd = self->fd, .events = POLLIN | POLLPRI },
	};
	uint8_t *sink = malloc(MiB);
	ssize_t n;

	for (int i = 0; i < 3; i++)
		ASSERT_TRUE(poller_sleeps(&p[i]));
	ASSERT_EQ(1, do_write(self->fd, self->buf, 1));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, ended(p[i].thread));
		EXPECT_EQ(POLLIN, p[i].result);
	}
	fill(self->fd, self->buf);
	p[0].events = POLLOUT;
	ASSERT_TRUE(poller_sleeps(&p[0]));
	do {
		n = do_read(self->fd, sink, MiB);
		if (n == -EAGAIN)
			n = port_ready(self->fd, POLLIN | POLLOUT, 10000);
		ASSERT_LT(0, n);
	} while (!(port_ready(self->fd, POLLOUT, 0) & POLLOUT));
	ASSERT_EQ(0, ended(p[0].thread));
	EXPECT_EQ(POLLOUT, p[0].result);
	free(sink);
}

static int add(int ep, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events };

	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
}

static uint32_t wait_event(int ep, int timeout_ms)
{
	struct epoll_event ev = {};
	int n = epoll_wait(ep, &ev, 1, timeout_ms);

	return n == 1 ? ev.events : 0;
}

TEST_F(events, epoll_level_tells_until_all_is_read)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_EQ(0, add(ep, self->fd, EPOLLIN));
	EXPECT_EQ(0, wait_event(ep, 0));
	ASSERT_EQ(20, do_write(self->fd, self->buf, 20));
	EXPECT_EQ(EPOLLIN, wait_event(ep, 10000));
	EXPECT_EQ(EPOLLIN, wait_event(ep, 0));
	ASSERT_EQ(5, do_read(self->fd, self->buf, 5));
	EXPECT_EQ(EPOLLIN, wait_event(ep, 0));
	ASSERT_EQ(15, do_read(self->fd, self->buf, 20));
	EXPECT_EQ(0, wait_event(ep, 0));
	close(ep);
}

/* Also while there is something that was not read. */
TEST_F(events, epoll_edge_tells_of_whatever_comes)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_EQ(0, add(ep, self->fd, EPOLLIN | EPOLLET));
	for (int i = 0; i < 5; i++) {
		ASSERT_EQ(20, do_write(self->fd, self->buf, 20));
		ASSERT_EQ(EPOLLIN, wait_event(ep, 10000)) TH_LOG("write %d", i);
	}
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(100, read_all(self->fd, self->buf, 100));
	close(ep);
}

/* The usual loop: after EAGAIN one event for what comes, however it comes. */
TEST_F(events, epoll_edge_after_EAGAIN_misses_nothing)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct mover w = { .fd = self->fd, .seed = 9, .total = MiB, .chunk = 9000 };
	size_t got = 0;
	ssize_t n;

	set_nonblock(self->fd, false);
	ASSERT_EQ(0, add(ep, self->fd, EPOLLIN | EPOLLET));
	ASSERT_EQ(0, pthread_create(&w.thread, NULL, mover_write, &w));
	while (got < MiB) {
		struct iovec iov = { self->buf, 5000 };

		n = preadv2(self->fd, &iov, 1, -1, RWF_NOWAIT);
		if (n < 0) {
			ASSERT_EQ(EAGAIN, errno);
			ASSERT_EQ(EPOLLIN, wait_event(ep, 30000)) TH_LOG("stuck after %zu", got);
			continue;
		}
		got += n;
	}
	ASSERT_EQ(0, pthread_join(w.thread, NULL));
	close(ep);
}

TEST_F(events, epoll_edge_tells_of_room_after_EAGAIN)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);
	uint8_t *sink = malloc(65536);
	uint32_t got;

	ASSERT_EQ(0, add(ep, self->fd, EPOLLOUT | EPOLLET));
	EXPECT_EQ(EPOLLOUT, wait_event(ep, 10000));
	for (int i = 0; i < 10; i++) {
		ssize_t n;

		while ((n = do_write(self->fd, self->buf, 65536)) > 0)
			;
		ASSERT_EQ(-EAGAIN, n);
		for (;;) {
			got = wait_event(ep, 0);
			if (got)
				break;
			n = do_read(self->fd, sink, 65536);
			if (n == -EAGAIN)
				got = wait_event(ep, 100);
			if (got)
				break;
		}
		EXPECT_EQ(EPOLLOUT, got);
	}
	free(sink);
	close(ep);
}

static int nr_signals;
static long last_band;

static void on_io(int sig, siginfo_t *info, void *context)
{
	__atomic_store_n(&last_band, info->si_band, __ATOMIC_RELAXED);
	__atomic_add_fetch(&nr_signals, 1, __ATOMIC_RELAXED);
}

static int signals(void)
{
	return __atomic_load_n(&nr_signals, __ATOMIC_RELAXED);
}

static bool wait_signal(int count)
{
	int64_t end = now_ns() + 30 * NSEC_PER_SEC;

	while (signals() < count && now_ns() < end)
		sched_yield();
	return signals() >= count;
}

TEST_F(events, sigio_tells_of_data)
{
	struct sigaction sa = { .sa_sigaction = on_io, .sa_flags = SA_SIGINFO | SA_RESTART };

	ASSERT_EQ(0, sigaction(SIGRTMIN, &sa, NULL));
	ASSERT_EQ(0, fcntl(self->fd, F_SETOWN, getpid()));
	ASSERT_EQ(0, fcntl(self->fd, F_SETSIG, SIGRTMIN));
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK | O_ASYNC));
	for (int i = 1; i <= 3; i++) {
		int before = signals();

		ASSERT_EQ(10, do_write(self->fd, self->buf, 10));
		ASSERT_TRUE(wait_signal(before + 1)) TH_LOG("write %d", i);
		EXPECT_EQ(POLLIN, __atomic_load_n(&last_band, __ATOMIC_RELAXED) & POLLIN);
		ASSERT_EQ(10, read_all(self->fd, self->buf, 10));
	}
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	__atomic_store_n(&nr_signals, 0, __ATOMIC_RELAXED);
	ASSERT_EQ(10, do_write(self->fd, self->buf, 10));
	ASSERT_EQ(0, fsync(self->fd));
	EXPECT_EQ(0, signals());
}

TEST_F(events, shutdown_is_an_event)
{
	struct poller p = { .fd = self->fd, .events = POLLIN | POLLRDHUP };

	ASSERT_TRUE(poller_sleeps(&p));
	ASSERT_EQ(0, port_control(self->fd, FERRY_PORT_IOC_SHUTDOWN, FERRY_PORT_RX));
	ASSERT_EQ(0, ended(p.thread));
	EXPECT_EQ(POLLIN | POLLRDHUP, p.result);
	EXPECT_EQ(POLLOUT, port_ready(self->fd, POLLOUT, 0));
}

TEST_HARNESS_MAIN
