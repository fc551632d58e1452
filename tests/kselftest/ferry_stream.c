// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ports as files: reading and writing, in every way that there is. Loopback, so
 * that what is written is what has to be read.
 */
#include "ferry_stream.h"

#include <sys/sendfile.h>

FIXTURE(stream)
{
	int fd;
	uint8_t *out;
	uint8_t *in;
};

FIXTURE_SETUP(stream)
{
	const char *why = no_ports();

	self->fd = -1;
	if (why)
		SKIP(return, "%s", why);
	self->fd = port_fresh(0, 0);
	ASSERT_LE(0, self->fd) TH_LOG("%s: %s", port_node(0), strerror(-self->fd));
	self->out = malloc(MiB);
	self->in = malloc(MiB);
	pattern(self->out, MiB, 77);
	memset(self->in, 0, MiB);
}

FIXTURE_TEARDOWN(stream)
{
	if (self->fd >= 0)
		close(self->fd);
	free(self->out);
	free(self->in);
}

TEST_F(stream, what_is_written_is_read)
{
	static const size_t sizes[] = {
		1, 2, 255, 256, 257, 4095, 4096, 4097, 8192, 12345, 65535, 65536, 131072,
	};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		ASSERT_EQ(sizes[i], write_all(self->fd, self->out, sizes[i]));
		ASSERT_EQ(sizes[i], read_all(self->fd, self->in, sizes[i]));
		ASSERT_EQ(0, memcmp(self->out, self->in, sizes[i])) TH_LOG("size %zu", sizes[i]);
	}
	EXPECT_EQ(0, port_ready(self->fd, POLLIN, 0));
}

TEST_F(stream, read_returns_what_is_there)
{
	ASSERT_EQ(10, do_write(self->fd, self->out, 10));
	ASSERT_EQ(10, do_read(self->fd, self->in, 4096));
	EXPECT_EQ(0, memcmp(self->out, self->in, 10));
}

TEST_F(stream, read_takes_no_more_than_asked_for)
{
	ASSERT_EQ(5000, do_write(self->fd, self->out, 5000));
	for (size_t i = 0; i < 5000;) {
		ssize_t n = do_read(self->fd, self->in + i, 7);

		ASSERT_LT(0, n);
		ASSERT_GE(7, n);
		i += n;
		ASSERT_GE(5000, i);
	}
	EXPECT_EQ(0, memcmp(self->out, self->in, 5000));
}

TEST_F(stream, nothing_asked_for_is_nothing_done)
{
	ASSERT_EQ(0, do_write(self->fd, self->out, 0));
	ASSERT_EQ(0, do_read(self->fd, self->in, 0));
	ASSERT_EQ(3, do_write(self->fd, self->out, 3));
	ASSERT_EQ(0, do_read(self->fd, self->in, 0));
	ASSERT_EQ(3, do_read(self->fd, self->in, 3));
}

TEST_F(stream, vectors_are_one_stream)
{
	struct iovec from[] = { { self->out, 3 }, { self->out + 3, 0 }, { self->out + 3, 9000 } };
	struct iovec to[] = { { self->in, 4999 }, { self->in + 4999, 1 }, { self->in + 5000, 9000 } };
	size_t n;

	ASSERT_EQ(9003, writev(self->fd, from, 3));
	n = readv(self->fd, to, 3);
	ASSERT_LE(1, (ssize_t)n);
	ASSERT_EQ(9003 - n, read_all(self->fd, self->in + n, 9003 - n));
	EXPECT_EQ(0, memcmp(self->out, self->in, 9003));
}

TEST_F(stream, bad_addresses_lose_and_send_nothing)
{
	uint8_t *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ssize_t sent, got;

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, mprotect(map + 4096, 4096, PROT_NONE));
	EXPECT_EQ(-EFAULT, do_write(self->fd, map + 4096, 100));
	EXPECT_EQ(0, port_ready(self->fd, POLLIN, 0));
	/* What is accessible goes, or nearly; what was counted did, and nothing else. */
	memcpy(map + 4000, self->out, 96);
	sent = do_write(self->fd, map + 4000, 5000);
	ASSERT_LT(0, sent);
	ASSERT_GE(96, sent);
	ASSERT_EQ(100, do_write(self->fd, self->out + sent, 100));
	EXPECT_EQ(-EFAULT, do_read(self->fd, map + 4096, 100));
	got = do_read(self->fd, map + 4090, 100);
	ASSERT_LT(0, got);
	ASSERT_GE(6, got);
	EXPECT_EQ(0, memcmp(self->out, map + 4090, got));
	ASSERT_EQ(sent + 100 - got, read_all(self->fd, self->in, sent + 100 - got));
	EXPECT_EQ(0, memcmp(self->out + got, self->in, sent + 100 - got));
	set_nonblock(self->fd, true);
	EXPECT_EQ(-EAGAIN, do_read(self->fd, self->in, 1));
}

/* The sender is held off, what it was told to have sent is there, and no more. */
TEST_F(stream, full_stream_holds_the_writer_off)
{
	size_t sent = 0, got = 0;
	ssize_t n;

	set_nonblock(self->fd, true);
	EXPECT_EQ(-EAGAIN, do_read(self->fd, self->in, 1));
	for (int more = 1; more; ) {
		while ((n = do_write(self->fd, self->out + sent % 65521, 1000)) > 0) {
			sent += n;
			ASSERT_GT(8 * MiB, sent);
		}
		ASSERT_EQ(-EAGAIN, n);
		/* Full is when nothing moves any more. */
		more = port_ready(self->fd, POLLOUT, 200) > 0;
	}
	EXPECT_LT(0, port_get(0, "statistics/tx_overruns"));
	while (got < sent) {
		n = do_read(self->fd, self->in, 1 + got % 5000);
		if (n == -EAGAIN) {
			ASSERT_EQ(POLLIN, port_ready(self->fd, POLLIN, 10000));
			continue;
		}
		ASSERT_LT(0, n);
		for (ssize_t i = 0; i < n; i++, got++) {
			/* Writes were of 1000 bytes, but where the ring was full. */
			if (got % 1000 == 0 && n - i >= 1000)
				ASSERT_EQ(0, memcmp(self->in + i, self->out + got % 65521, 1000));
		}
	}
	EXPECT_EQ(sent, got);
	EXPECT_EQ(-EAGAIN, do_read(self->fd, self->in, 1));
}

TEST_F(stream, rwf_nowait_does_not_wait)
{
	struct iovec iov = { self->in, 4096 };

	EXPECT_EQ(-1, preadv2(self->fd, &iov, 1, -1, RWF_NOWAIT));
	EXPECT_EQ(EAGAIN, errno);
	ASSERT_EQ(5, do_write(self->fd, self->out, 5));
	ASSERT_EQ(POLLIN, port_ready(self->fd, POLLIN, 10000));
	EXPECT_EQ(5, preadv2(self->fd, &iov, 1, -1, RWF_NOWAIT));
}

static void move(struct __test_metadata *_metadata, int out, int in, size_t out_chunk,
		 size_t in_chunk, size_t total)
{
	struct mover w = { .fd = out, .seed = 5, .total = total, .chunk = out_chunk };
	struct mover r = { .fd = in, .seed = 6, .total = total, .chunk = in_chunk };

	ASSERT_EQ(0, pthread_create(&w.thread, NULL, mover_write, &w));
	ASSERT_EQ(0, pthread_create(&r.thread, NULL, mover_read, &r));
	ASSERT_EQ(0, pthread_join(w.thread, NULL));
	ASSERT_EQ(0, pthread_join(r.thread, NULL));
	EXPECT_LT(0, w.result);
	EXPECT_EQ(total, r.total);
	EXPECT_EQ(w.crc, r.crc) TH_LOG("chunks of %zu and %zu", out_chunk, in_chunk);
}

/* Both sleep for each other, again and again. */
TEST_F(stream, random_chunks_arrive_whole_and_in_order)
{
	move(_metadata, self->fd, self->fd, 70000, 70000, MUCH);
	move(_metadata, self->fd, self->fd, 100, 70000, 256 * KiB);
	move(_metadata, self->fd, self->fd, 70000, 100, 256 * KiB);
	move(_metadata, self->fd, self->fd, 1, 1, 4 * KiB);
}

/* The extremes of both, and the usual; nothing is left in the port behind any of them. */
TEST_F(stream, settings_of_every_size_carry_the_same)
{
	static const unsigned int settings[][2] = {
		{ 256, 8 }, { 256, 1024 }, { 4096, 64 }, { 32768, 8 }, { 32768, 1024 },
	};

	close(self->fd);
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		ASSERT_EQ(0, port_set(0, "buffer_size", settings[i][0]));
		ASSERT_EQ(0, port_set(0, "entries", settings[i][1]));
		self->fd = port_open(0, O_RDWR);
		ASSERT_LE(0, self->fd);
		move(_metadata, self->fd, self->fd, 20000, 30000, 512 * KiB);
		ASSERT_EQ(0, close(self->fd));
	}
	ASSERT_EQ(0, port_set(0, "buffer_size", 4096));
	ASSERT_EQ(0, port_set(0, "entries", 64));
	self->fd = -1;
}

/* Together they get everything once, each in order; one of them may get it all. */
TEST_F(stream, two_readers_share_the_stream)
{
	struct mover w = { .fd = self->fd, .seed = 5, .total = MiB, .chunk = 5000 };
	struct mover r[2];
	size_t got = 0;

	for (int i = 0; i < 2; i++) {
		r[i] = (struct mover) { .fd = self->fd, .seed = 6 + i, .total = 2 * MiB, .chunk = 3000 };
		ASSERT_EQ(0, pthread_create(&r[i].thread, NULL, mover_read, &r[i]));
	}
	ASSERT_EQ(0, pthread_create(&w.thread, NULL, mover_write, &w));
	ASSERT_EQ(0, pthread_join(w.thread, NULL));
	/* Both would wait for more. */
	while (__atomic_load_n(&r[0].moved, __ATOMIC_RELAXED) +
	       __atomic_load_n(&r[1].moved, __ATOMIC_RELAXED) < MiB)
		sched_yield();
	ASSERT_EQ(0, port_control(self->fd, FERRY_PORT_IOC_SHUTDOWN, FERRY_PORT_RX));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, pthread_join(r[i].thread, NULL));
		EXPECT_EQ(0, r[i].result);
		got += r[i].total;
	}
	EXPECT_EQ(MiB, got);
}

TEST_F(stream, counts_of_bytes_that_wait_are_true)
{
	struct ferry_port_info info;
	int n = -1;

	ASSERT_EQ(0, ioctl(self->fd, FIONREAD, &n));
	EXPECT_EQ(0, n);
	ASSERT_EQ(0, ioctl(self->fd, TIOCOUTQ, &n));
	EXPECT_EQ(0, n);
	ASSERT_EQ(9000, do_write(self->fd, self->out, 9000));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(0, ioctl(self->fd, TIOCOUTQ, &n));
	EXPECT_EQ(0, n);
	/* The port has it; now the other direction gets it. */
	do {
		ASSERT_EQ(0, ioctl(self->fd, FIONREAD, &n));
	} while (n < 9000);
	EXPECT_EQ(9000, n);
	ASSERT_EQ(1000, do_read(self->fd, self->in, 1000));
	ASSERT_EQ(0, ioctl(self->fd, FIONREAD, &n));
	EXPECT_EQ(8000, n);
	ASSERT_EQ(0, port_info(self->fd, &info));
	EXPECT_EQ(8000, info.readable);
	EXPECT_EQ(0, info.queued);

	/* Nobody reads: what does not fit into the port is queued. */
	set_nonblock(self->fd, true);
	while (port_ready(self->fd, POLLOUT, 200) > 0)
		do_write(self->fd, self->out, 65536);
	ASSERT_EQ(0, ioctl(self->fd, TIOCOUTQ, &n));
	EXPECT_LT(0, n);
	EXPECT_GE(64 * 4096, n);
}

TEST_F(stream, fsync_waits_until_the_port_has_it)
{
	int n;

	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(4096, do_write(self->fd, self->out, 4096));
		ASSERT_EQ(0, i & 1 ? fsync(self->fd) : fdatasync(self->fd));
		ASSERT_EQ(0, ioctl(self->fd, TIOCOUTQ, &n));
		EXPECT_EQ(0, n);
	}
	close(self->fd);
	self->fd = port_open(0, O_RDONLY);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(-1, fsync(self->fd));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(stream, it_has_no_position_and_no_memory)
{
	EXPECT_EQ(-1, lseek(self->fd, 0, SEEK_SET));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, pread(self->fd, self->in, 1, 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, pwrite(self->fd, self->out, 1, 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, self->fd, 0));
	EXPECT_EQ(ENODEV, errno);
}

TEST_F(stream, open_mode_is_kept)
{
	close(self->fd);
	self->fd = port_open(0, O_RDONLY);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(-EBADF, do_write(self->fd, self->out, 1));
	close(self->fd);
	self->fd = port_open(0, O_WRONLY);
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(-EBADF, do_read(self->fd, self->in, 1));
}

TEST_F(stream, file_is_spliced_in_and_out)
{
	char path_in[] = "/tmp/ferry-in-XXXXXX", path_out[] = "/tmp/ferry-out-XXXXXX";
	int in = mkstemp(path_in), out = mkstemp(path_out), pipefd[2];
	size_t done, moved;
	ssize_t n;

	ASSERT_LE(0, in);
	ASSERT_LE(0, out);
	unlink(path_in);
	unlink(path_out);
	ASSERT_EQ(0, pipe(pipefd));
	ASSERT_EQ(200000, write(in, self->out, 200000));
	ASSERT_EQ(0, lseek(in, 0, SEEK_SET));
	for (done = 0; done < 200000; done += n) {
		n = splice(in, NULL, pipefd[1], NULL, 50000, 0);
		ASSERT_LT(0, n);
		for (moved = 0; moved < (size_t)n; ) {
			ssize_t k = splice(pipefd[0], NULL, self->fd, NULL, n - moved, 0);

			ASSERT_LT(0, k);
			moved += k;
		}
	}
	for (done = 0; done < 200000; done += n) {
		n = splice(self->fd, NULL, pipefd[1], NULL, 200000 - done, 0);
		ASSERT_LT(0, n);
		for (moved = 0; moved < (size_t)n; ) {
			ssize_t k = splice(pipefd[0], NULL, out, NULL, n - moved, 0);

			ASSERT_LT(0, k);
			moved += k;
		}
	}
	ASSERT_EQ(200000, pread(out, self->in, 200000, 0));
	EXPECT_EQ(0, memcmp(self->out, self->in, 200000));

	for (off_t at = 0; at < 100000; )
		ASSERT_LT(0, sendfile(self->fd, in, &at, 100000 - at));
	memset(self->in, 0, 100000);
	ASSERT_EQ(100000, read_all(self->fd, self->in, 100000));
	EXPECT_EQ(0, memcmp(self->out, self->in, 100000));
	close(in);
	close(out);
	close(pipefd[0]);
	close(pipefd[1]);
}

TEST_F(stream, ports_do_not_meet)
{
	int other = port_fresh(1, O_NONBLOCK);

	ASSERT_LE(0, other);
	ASSERT_EQ(100, do_write(self->fd, self->out, 100));
	ASSERT_EQ(0, fsync(self->fd));
	EXPECT_EQ(-EAGAIN, do_read(other, self->in, 100));
	ASSERT_EQ(100, read_all(self->fd, self->in, 100));
	close(other);
}

TEST_F(stream, ioctls_keep_their_rules)
{
	struct ferry_port_info info;
	struct {
		struct ferry_port_control ctl;
		uint32_t tail[8];
	} big = { .ctl = { .size = sizeof(big) } };

	EXPECT_EQ(-ENOTTY, ferry_ioctl(self->fd, FERRY_IOC_INFO, &info));
	EXPECT_EQ(-ENOTTY, ferry_ioctl(self->fd, _IO(FERRY_IOC_MAGIC, 0x3f), &info));
	ASSERT_EQ(0, port_info(self->fd, &info));
	EXPECT_EQ(sizeof(info), info.size);
	EXPECT_EQ(FERRY_PORT_CONNECTED | FERRY_PORT_LOOPBACK | FERRY_PORT_PACKETS |
		  FERRY_PORT_READER | FERRY_PORT_WRITER, info.flags);
	EXPECT_EQ(4096, info.buffer_size);
	EXPECT_EQ(64, info.entries);
	EXPECT_EQ(64 * 4096, info.max_packet);
	EXPECT_NE(info.rx_channel, info.tx_channel);
	info.size = 8;
	EXPECT_EQ(-EINVAL, ferry_ioctl(self->fd, FERRY_PORT_IOC_INFO, &info));
	EXPECT_EQ(-EFAULT, ferry_ioctl(self->fd, FERRY_PORT_IOC_INFO, (void *)8));
	EXPECT_EQ(-EOPNOTSUPP, port_mode(self->fd, 0x80));
	EXPECT_EQ(-EINVAL, port_control(self->fd, FERRY_PORT_IOC_SHUTDOWN, 0));
	EXPECT_EQ(-EOPNOTSUPP, port_control(self->fd, FERRY_PORT_IOC_SHUTDOWN, 4));
	EXPECT_EQ(-EOPNOTSUPP, port_control(self->fd, FERRY_PORT_IOC_FLUSH, 7));
	EXPECT_EQ(0, ferry_ioctl(self->fd, FERRY_PORT_IOC_MODE, &big));
	big.tail[7] = 1;
	EXPECT_EQ(-E2BIG, ferry_ioctl(self->fd, FERRY_PORT_IOC_MODE, &big));
	big.ctl.size = 4;
	EXPECT_EQ(-EINVAL, ferry_ioctl(self->fd, FERRY_PORT_IOC_MODE, &big));
	big.ctl.size = 8192;
	EXPECT_EQ(-E2BIG, ferry_ioctl(self->fd, FERRY_PORT_IOC_MODE, &big));
	ASSERT_EQ(5, do_write(self->fd, self->out, 5));
	EXPECT_EQ(5, read_all(self->fd, self->in, 5));
}

TEST_F(stream, flush_drops_what_is_under_way)
{
	set_nonblock(self->fd, true);
	while (port_ready(self->fd, POLLOUT, 100) > 0)
		do_write(self->fd, self->out, 65536);
	ASSERT_EQ(0, port_control(self->fd, FERRY_PORT_IOC_FLUSH, FERRY_PORT_RX | FERRY_PORT_TX));
	EXPECT_EQ(-EAGAIN, do_read(self->fd, self->in, 1));
	set_nonblock(self->fd, false);
	ASSERT_EQ(9, do_write(self->fd, self->out + 50, 9));
	ASSERT_EQ(9, read_all(self->fd, self->in, 9));
	EXPECT_EQ(0, memcmp(self->out + 50, self->in, 9));
}

TEST_HARNESS_MAIN
