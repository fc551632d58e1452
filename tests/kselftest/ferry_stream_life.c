// SPDX-License-Identifier: GPL-2.0-only
/*
 * How ports are opened and closed: who has which direction, what is left behind,
 * signals, processes that die, a device that goes away.
 */
#include "ferry_stream.h"

FIXTURE(life)
{
	int fd;
	uint8_t *out;
	uint8_t *in;
};

FIXTURE_SETUP(life)
{
	const char *why = no_ports();

	self->fd = -1;
	if (why)
		SKIP(return, "%s", why);
	self->fd = port_fresh(0, 0);
	ASSERT_LE(0, self->fd);
	self->out = malloc(MiB);
	self->in = malloc(MiB);
	pattern(self->out, MiB, 11);
}

FIXTURE_TEARDOWN(life)
{
	if (self->fd >= 0)
		close(self->fd);
	free(self->out);
	free(self->in);
	if (geteuid() == 0 && find_device())
		rebind_device();
	/* What was left in the ports is not the next test's to find. */
	for (int nr = 0; nr < 2; nr++)
		close(port_fresh(nr, 0));
}

TEST_F(life, direction_is_one_files_at_a_time)
{
	int rd, wr, none;

	EXPECT_EQ(-EBUSY, port_open(0, O_RDONLY));
	EXPECT_EQ(-EBUSY, port_open(0, O_WRONLY));
	EXPECT_EQ(-EBUSY, port_open(0, O_RDWR));
	ASSERT_EQ(0, close(self->fd));
	rd = port_open(0, O_RDONLY);
	ASSERT_LE(0, rd);
	EXPECT_EQ(-EBUSY, port_open(0, O_RDWR));
	EXPECT_EQ(-EBUSY, port_open(0, O_RDONLY));
	wr = port_open(0, O_WRONLY);
	ASSERT_LE(0, wr);
	/* Mode 3 takes none and sees all the same. */
	none = port_open(0, 3);
	ASSERT_LE(0, none);
	EXPECT_EQ(-1, read(none, self->in, 1));
	ASSERT_EQ(0, close(none));
	ASSERT_EQ(5, do_write(wr, self->out, 5));
	ASSERT_EQ(5, read_all(rd, self->in, 5));
	ASSERT_EQ(0, close(rd));
	rd = port_open(0, O_RDONLY);
	EXPECT_LE(0, rd);
	close(rd);
	close(wr);
	self->fd = port_open(0, O_RDWR);
	EXPECT_LE(0, self->fd);
}

TEST_F(life, half_close_ends_one_direction_and_frees_it)
{
	struct ferry_port_info info;
	int other;

	ASSERT_EQ(100, do_write(self->fd, self->out, 100));
	ASSERT_EQ(0, port_control(self->fd, FERRY_PORT_IOC_SHUTDOWN, FERRY_PORT_TX));
	EXPECT_EQ(-EPIPE, do_write(self->fd, self->out, 1));
	EXPECT_EQ(-EPIPE, port_control(self->fd, FERRY_PORT_IOC_SHUTDOWN, FERRY_PORT_TX));
	EXPECT_EQ(-1, fsync(self->fd));
	EXPECT_EQ(EPIPE, errno);
	ASSERT_EQ(0, port_info(self->fd, &info));
	EXPECT_EQ(FERRY_PORT_READER, info.flags & (FERRY_PORT_READER | FERRY_PORT_WRITER));
	/* What was written comes, and somebody else can go on. */
	ASSERT_EQ(100, read_all(self->fd, self->in, 100));
	other = port_open(0, O_WRONLY);
	ASSERT_LE(0, other);
	ASSERT_EQ(9, do_write(other, self->out, 9));
	ASSERT_EQ(9, read_all(self->fd, self->in, 9));
	ASSERT_EQ(0, port_control(self->fd, FERRY_PORT_IOC_SHUTDOWN, FERRY_PORT_RX));
	EXPECT_EQ(0, do_read(self->fd, self->in, 1));
	EXPECT_EQ(0, do_read(self->fd, self->in, 1));
	close(other);
}

/* Whoever closes has no time to wait, and what they wrote goes on. */
TEST_F(life, what_was_written_before_close_is_sent)
{
	size_t sent = 0, got = 0;
	char state[16];
	ssize_t n;

	set_nonblock(self->fd, true);
	do {
		while ((n = do_write(self->fd, self->out + sent, 1000)) > 0)
			sent += n;
	} while (port_ready(self->fd, POLLOUT, 200) > 0);
	/* The reader's part is dropped: only what the port and the writer have stays. */
	while ((n = do_read(self->fd, self->in, 4096)) > 0)
		got += n;
	ASSERT_EQ(0, port_control(self->fd, FERRY_PORT_IOC_FLUSH, FERRY_PORT_RX | FERRY_PORT_TX));
	set_nonblock(self->fd, false);

	ASSERT_EQ(0, port_control(self->fd, FERRY_PORT_IOC_SHUTDOWN, FERRY_PORT_RX));
	set_nonblock(self->fd, true);
	sent = 0;
	do {
		while ((n = do_write(self->fd, self->out + sent, 1000)) > 0)
			sent += n;
	} while (port_ready(self->fd, POLLOUT, 200) > 0);
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, read_file(port_attr(0, "opened"), state, sizeof(state)));
	EXPECT_STREQ("l", state);
	EXPECT_EQ(-EBUSY, port_set(0, "entries", 32));
	self->fd = port_open(0, O_RDONLY);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(sent, read_all(self->fd, self->in, sent));
	EXPECT_EQ(0, memcmp(self->out, self->in, sent));
	/* And with the last of it the direction is idle. */
	do {
		ASSERT_EQ(0, read_file(port_attr(0, "opened"), state, sizeof(state)));
	} while (strcmp(state, "r"));
}

TEST_F(life, what_was_not_read_stays_for_the_next_reader)
{
	size_t sent = 0, got = 0;
	ssize_t n;

	set_nonblock(self->fd, true);
	do {
		while ((n = do_write(self->fd, self->out + sent, 1000)) > 0)
			sent += n;
	} while (port_ready(self->fd, POLLOUT, 200) > 0);
	/* Wherever the bytes are: in blocks, half read, in the port, not sent yet. */
	for (int i = 1; got < sent; i++) {
		ASSERT_EQ(0, close(self->fd));
		ASSERT_LE(0, port_get(0, "rx_waiting"));
		if (got == 0)
			EXPECT_EQ(-EBUSY, port_set(0, "buffer_size", 512));
		self->fd = port_open(0, O_RDONLY);
		ASSERT_LE(0, self->fd);
		n = do_read(self->fd, self->in + got, 3777 * i);
		ASSERT_LT(0, n);
		got += n;
	}
	EXPECT_EQ(sent, got);
	EXPECT_EQ(0, memcmp(self->out, self->in, sent));
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(0, port_get(0, "rx_waiting"));
	/* TIOCOUTQ and this are the same; nothing is left. */
	EXPECT_EQ(0, port_get(0, "tx_waiting"));
	EXPECT_EQ(0, port_set(0, "buffer_size", 4096));
}

/* An end of packet without a byte is nothing to who reads bytes, and not left behind. */
TEST_F(life, empty_packet_keeps_no_port_busy)
{
	ASSERT_EQ(0, port_mode(self->fd, FERRY_PORT_MODE_PACKET));
	ASSERT_EQ(0, do_write(self->fd, self->out, 0));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(POLLIN, port_ready(self->fd, POLLIN, 10000));
	ASSERT_EQ(0, port_mode(self->fd, 0));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_EQ(0, port_set(0, "buffer_size", 512));
	EXPECT_EQ(0, port_set(0, "buffer_size", 4096));
	/* To who reads packets it is one. */
	self->fd = port_open(0, O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, port_mode(self->fd, FERRY_PORT_MODE_PACKET));
	ASSERT_EQ(0, do_write(self->fd, self->out, 0));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(POLLIN, port_ready(self->fd, POLLIN, 10000));
	ASSERT_EQ(0, close(self->fd));
	self->fd = port_open(0, O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, port_mode(self->fd, FERRY_PORT_MODE_PACKET));
	set_nonblock(self->fd, true);
	EXPECT_EQ(0, do_read(self->fd, self->in, 10));
	EXPECT_EQ(-EAGAIN, do_read(self->fd, self->in, 10));
}

/* Nobody sleeps for it, and nobody has read. */
TEST_F(life, what_waits_is_told_without_a_reader)
{
	int64_t end = now_ns() + 30 * NSEC_PER_SEC;
	long long bytes = port_get(0, "statistics/rx_bytes");

	ASSERT_EQ(8000, do_write(self->fd, self->out, 8000));
	ASSERT_EQ(0, fsync(self->fd));
	while (port_get(0, "rx_waiting") != 8000)
		ASSERT_LT(now_ns(), end);
	EXPECT_EQ(bytes + 8000, port_get(0, "statistics/rx_bytes"));
	ASSERT_EQ(8000, read_all(self->fd, self->in, 8000));
}

TEST_F(life, next_writer_goes_on_behind_the_last)
{
	size_t sent = 0;
	ssize_t n;

	ASSERT_EQ(0, port_control(self->fd, FERRY_PORT_IOC_SHUTDOWN, FERRY_PORT_RX));
	set_nonblock(self->fd, true);
	do {
		while ((n = do_write(self->fd, self->out + sent, 1000)) > 0)
			sent += n;
	} while (port_ready(self->fd, POLLOUT, 200) > 0);
	ASSERT_EQ(0, close(self->fd));
	self->fd = port_open(0, O_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(sent, read_all(self->fd, self->in, sent));
	ASSERT_EQ(10, do_write(self->fd, self->out, 10));
	ASSERT_EQ(10, read_all(self->fd, self->in + sent, 10));
	EXPECT_EQ(0, memcmp(self->out, self->in, sent));
	EXPECT_EQ(0, memcmp(self->out, self->in + sent, 10));
}

struct caller {
	pthread_t thread;
	int fd;
	char how;
	pid_t tid;
	ssize_t result;
};

static void *call(void *data)
{
	struct caller *c = data;
	static uint8_t buf[65536];

	__atomic_store_n(&c->tid, gettid(), __ATOMIC_RELEASE);
	switch (c->how) {
	case 'r':
		c->result = do_read(c->fd, buf, 1);
		break;
	case 'w':
		do
			c->result = do_write(c->fd, buf, sizeof(buf));
		while (c->result > 0);
		break;
	case 'f':
		c->result = fsync(c->fd) ? -errno : 0;
		break;
	case 'p':
		c->result = port_ready(c->fd, POLLPRI, -1);
		break;
	}
	return NULL;
}

/* Start a call, and wait until it sleeps. */
static bool call_sleeps(struct caller *c)
{
	static const long nr[] = {
		['r'] = SYS_read, ['w'] = SYS_write, ['f'] = SYS_fsync, ['p'] = SYS_ppoll,
	};

	c->tid = 0;
	return !pthread_create(&c->thread, NULL, call, c) && asleep(&c->tid, nr[(int)c->how]);
}

static void fill(int fd, void *buf)
{
	set_nonblock(fd, true);
	while (port_ready(fd, POLLOUT, 100) > 0)
		do_write(fd, buf, 65536);
	set_nonblock(fd, false);
}

TEST_F(life, half_close_wakes_who_sleeps)
{
	struct caller r = { .fd = self->fd, .how = 'r' }, w = { .fd = self->fd, .how = 'w' };

	ASSERT_TRUE(call_sleeps(&r));
	ASSERT_EQ(0, port_control(self->fd, FERRY_PORT_IOC_SHUTDOWN, FERRY_PORT_RX));
	ASSERT_EQ(0, ended(r.thread));
	EXPECT_EQ(0, r.result);
	fill(self->fd, self->out);
	ASSERT_TRUE(call_sleeps(&w));
	ASSERT_EQ(0, port_control(self->fd, FERRY_PORT_IOC_SHUTDOWN, FERRY_PORT_TX));
	ASSERT_EQ(0, ended(w.thread));
	EXPECT_EQ(-EPIPE, w.result);
}

static void *signalled(void *data)
{
	sigset_t usr1;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
	arm_signal();
	return call(data);
}

TEST_F(life, signals_interrupt_what_waits)
{
	struct caller c = { .fd = self->fd };
	sigset_t usr1;

	/* It is to find those threads, and not this one. */
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	ASSERT_EQ(0, pthread_sigmask(SIG_BLOCK, &usr1, NULL));
	for (const char *how = "rwf"; *how; how++) {
		if (*how == 'w')
			fill(self->fd, self->out);
		c.how = *how;
		ASSERT_EQ(0, pthread_create(&c.thread, NULL, signalled, &c));
		ASSERT_EQ(0, ended(c.thread)) TH_LOG("call %c", *how);
		EXPECT_EQ(-EINTR, c.result) TH_LOG("call %c", *how);
	}
}

static void on_signal(int sig)
{
}

/* With SA_RESTART a read goes on as if nothing had been. */
TEST_F(life, restarted_read_gets_its_data)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct caller c = { .fd = self->fd, .how = 'r' };

	ASSERT_EQ(0, sigaction(SIGUSR2, &sa, NULL));
	ASSERT_TRUE(call_sleeps(&c));
	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(0, pthread_kill(c.thread, SIGUSR2));
		ASSERT_TRUE(asleep(&c.tid, SYS_read)) TH_LOG("signal %d", i);
	}
	ASSERT_EQ(1, do_write(self->fd, self->out, 1));
	ASSERT_EQ(0, ended(c.thread));
	EXPECT_EQ(1, c.result);
}

/* A signal in the middle of a write leaves a count, and the stream true to it. */
TEST_F(life, interrupted_write_tells_how_much_it_was)
{
	size_t sent = 0, got = 0;
	ssize_t n;

	arm_signal();
	/* A write of all cannot end but by a signal: nobody reads. */
	n = do_write(self->fd, self->out, MiB);
	ASSERT_LT(0, n);
	ASSERT_GT(MiB, n);
	sent = n;
	while (got < sent) {
		n = do_read(self->fd, self->in + got, sent - got);
		if (n == -EINTR)
			continue;
		ASSERT_LT(0, n);
		got += n;
	}
	EXPECT_EQ(0, memcmp(self->out, self->in, sent));
	set_nonblock(self->fd, true);
	EXPECT_EQ(-EAGAIN, do_read(self->fd, self->in, 1));
}

/* All that a process can be in the middle of. Does not return. */
static void use_port(unsigned int seed)
{
	uint8_t *buf = malloc(65536);

	for (;; seed = seed * 1103515245 + 12345) {
		int fd = port_fresh(0, seed & 1 << 8 ? O_NONBLOCK : 0);

		if (fd < 0)
			_exit(1);
		for (int i = 0; i < 20; i++) {
			seed = seed * 1103515245 + 12345;
			do_write(fd, buf, (seed >> 9) % 30000);
			if (seed & 1 << 10 || i < 10)
				do_read(fd, buf, (seed >> 12) % 3000);
			if (seed & 1 << 11)
				port_ready(fd, POLLIN | POLLOUT, 0);
			if ((seed >> 12) % 16 == 0)
				port_mode(fd, seed >> 20 & 1);
			/* Blocking, nobody else would make room. */
			set_nonblock(fd, i > 4);
		}
		if ((seed >> 12) % 8 == 0)
			port_control(fd, FERRY_PORT_IOC_SHUTDOWN, FERRY_PORT_RX);
		close(fd);
	}
}

TEST_F(life, killed_at_any_point_leaves_a_port_that_works)
{
	unsigned int seed = 1;

	close(self->fd);
	for (int i = 0; i < 25; i++) {
		struct timespec random = {};
		pid_t pid = fork();
		int status;

		ASSERT_LE(0, pid);
		if (!pid)
			use_port(i);
		seed = seed * 1103515245 + 12345;
		random.tv_nsec = (seed >> 8) % (20 * NSEC_PER_MSEC);
		nanosleep(&random, NULL);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status)) TH_LOG("exit status %d", WEXITSTATUS(status));
		self->fd = port_fresh(0, 0);
		ASSERT_LE(0, self->fd) TH_LOG("round %d: %s", i, strerror(-self->fd));
		ASSERT_EQ(5000, write_all(self->fd, self->out, 5000));
		ASSERT_EQ(5000, read_all(self->fd, self->in, 5000));
		ASSERT_EQ(0, memcmp(self->out, self->in, 5000));
		ASSERT_EQ(0, close(self->fd));
	}
	self->fd = -1;
}

TEST_F(life, unbind_ends_every_call)
{
	struct caller c[] = { { .how = 'r' }, { .how = 'p' }, { .how = 'w' }, { .how = 'f' } };
	int other = port_fresh(1, 0);
	struct ferry_port_info info;
	int n;

	if (geteuid())
		SKIP(return, "needs root to unbind a driver");
	ASSERT_LE(0, other);
	fill(other, self->out);
	for (int i = 0; i < 4; i++) {
		c[i].fd = strchr("wf", c[i].how) ? other : self->fd;
		ASSERT_TRUE(call_sleeps(&c[i])) TH_LOG("call %c", c[i].how);
	}
	ASSERT_EQ(0, unbind_device());
	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, ended(c[i].thread));
	EXPECT_EQ(-ENODEV, c[0].result);
	EXPECT_EQ(POLLHUP, c[1].result & POLLHUP);
	EXPECT_EQ(-ENODEV, c[2].result);
	EXPECT_EQ(-ENODEV, c[3].result);

	EXPECT_EQ(-ENODEV, do_read(self->fd, self->in, 1));
	EXPECT_EQ(-ENODEV, do_write(self->fd, self->out, 1));
	EXPECT_EQ(-1, fsync(self->fd));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(-ENODEV, port_info(self->fd, &info));
	EXPECT_EQ(-1, ioctl(self->fd, FIONREAD, &n));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(POLLHUP, port_ready(self->fd, POLLIN, 0) & POLLHUP);
	EXPECT_EQ(-1, access(port_node(0), F_OK));

	ASSERT_EQ(0, rebind_device());
	n = port_fresh(0, 0);
	ASSERT_LE(0, n);
	ASSERT_EQ(3, do_write(n, self->out, 3));
	EXPECT_EQ(3, read_all(n, self->in, 3));
	EXPECT_EQ(-ENODEV, do_read(self->fd, self->in, 1));
	close(other);
	close(self->fd);
	/* Closing the dead has not closed the living. */
	EXPECT_EQ(-EBUSY, port_open(0, O_RDONLY));
	ASSERT_EQ(3, do_write(n, self->out, 3));
	EXPECT_EQ(3, read_all(n, self->in, 3));
	self->fd = n;
}

TEST_F(life, unbind_while_data_is_moving)
{
	struct mover w = { .seed = 1, .total = 1UL << 40, .chunk = 9000 };
	struct mover r = { .seed = 2, .total = 1UL << 40, .chunk = 9000 };

	if (geteuid())
		SKIP(return, "needs root to unbind a driver");
	for (int i = 0; i < 4; i++) {
		w.fd = r.fd = self->fd;
		w.total = r.total = 1UL << 40;
		r.moved = 0;
		ASSERT_EQ(0, pthread_create(&w.thread, NULL, mover_write, &w));
		ASSERT_EQ(0, pthread_create(&r.thread, NULL, mover_read, &r));
		while (__atomic_load_n(&r.moved, __ATOMIC_RELAXED) < 30000UL * i)
			sched_yield();
		ASSERT_EQ(0, unbind_device());
		ASSERT_EQ(0, pthread_join(w.thread, NULL));
		ASSERT_EQ(0, pthread_join(r.thread, NULL));
		EXPECT_EQ(-ENODEV, w.result);
		EXPECT_EQ(-ENODEV, r.result);
		ASSERT_EQ(0, rebind_device());
		close(self->fd);
		self->fd = port_fresh(0, 0);
		ASSERT_LE(0, self->fd);
	}
}

/* Sent by nobody any more, and in the way of nothing. */
TEST_F(life, unbind_drops_what_lingers)
{
	if (geteuid())
		SKIP(return, "needs root to unbind a driver");
	ASSERT_EQ(0, port_control(self->fd, FERRY_PORT_IOC_SHUTDOWN, FERRY_PORT_RX));
	fill(self->fd, self->out);
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, unbind_device());
	ASSERT_EQ(0, rebind_device());
	self->fd = port_fresh(0, O_NONBLOCK);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(-EAGAIN, do_read(self->fd, self->in, 1));
}

TEST_F(life, module_stays_while_a_port_is_open)
{
	if (geteuid())
		SKIP(return, "needs root to unload a module");
	EXPECT_EQ(-1, syscall(SYS_delete_module, "ferry", O_NONBLOCK));
	EXPECT_TRUE(errno == EBUSY || errno == EWOULDBLOCK) TH_LOG("%s", strerror(errno));
	ASSERT_EQ(3, do_write(self->fd, self->out, 3));
	EXPECT_EQ(3, read_all(self->fd, self->in, 3));
}

TEST_HARNESS_MAIN
