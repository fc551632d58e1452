// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ports of a system that suspends, whoever sleeps and whatever waits.
 */
#include "ferry_stream.h"

/* In the debug guest of a busy host a suspend takes seconds. */
#define PATIENCE	120

FIXTURE(power)
{
	int fd;
	uint8_t *out;
	uint8_t *in;
	long long sent;
	long long packets;
	long long errors;
};

FIXTURE_SETUP(power)
{
	const char *why = no_ports();

	self->fd = -1;
	if (!why && (geteuid() || access("/sys/power/pm_test", W_OK)))
		why = "this kernel has no /sys/power/pm_test, or we are not root";
	if (why)
		SKIP(return, "%s", why);
	self->fd = port_fresh(0, 0);
	ASSERT_LE(0, self->fd);
	self->out = malloc(MiB);
	self->in = malloc(MiB);
	pattern(self->out, MiB, 11);
	self->sent = port_get(0, "statistics/tx_bytes");
	self->packets = port_get(0, "statistics/tx_packets");
	self->errors = port_get(0, "statistics/tx_errors");
}

FIXTURE_TEARDOWN(power)
{
	if (self->fd >= 0)
		close(self->fd);
	free(self->out);
	free(self->in);
}

/* Write until nothing goes any more. How many bytes went. */
static size_t fill(int fd, const uint8_t *buf, size_t size)
{
	size_t sent = 0;
	ssize_t n;

	set_nonblock(fd, true);
	do {
		while (sent + size <= MiB && (n = do_write(fd, buf + sent, size)) > 0)
			sent += n;
	} while (port_ready(fd, POLLOUT, 200) > 0);
	set_nonblock(fd, false);
	return sent;
}

static void *read_one(void *data)
{
	struct mover *m = data;
	uint8_t byte;

	m->result = do_read(m->fd, &byte, 1);
	return NULL;
}

TEST_F_TIMEOUT(power, suspend_loses_nothing, PATIENCE)
{
	struct mover r = { .fd = self->fd };

	for (int i = 0; i < 2; i++) {
		/* Received and not read, and in the device since there is no block for it. */
		ASSERT_EQ(3000, do_write(self->fd, self->out, 3000));
		ASSERT_EQ(0, suspend_devices());
		ASSERT_EQ(3000, write_all(self->fd, self->out + 3000, 3000));
		ASSERT_EQ(6000, read_all(self->fd, self->in, 6000));
		ASSERT_EQ(0, memcmp(self->out, self->in, 6000));
		/* Somebody sleeps over it. */
		ASSERT_EQ(0, pthread_create(&r.thread, NULL, read_one, &r));
		ASSERT_EQ(0, suspend_devices());
		ASSERT_EQ(1, do_write(self->fd, self->out, 1));
		ASSERT_EQ(0, pthread_join(r.thread, NULL));
		EXPECT_TRUE(r.result == 1 || r.result == -EINTR) TH_LOG("%zd", r.result);
		if (r.result == -EINTR)
			ASSERT_EQ(1, read_all(self->fd, self->in, 1));
	}
}

/* SENDs that can't end are cut, and go on where they were. */
TEST_F_TIMEOUT(power, peer_that_takes_nothing_does_not_keep_the_system_awake, PATIENCE)
{
	size_t sent = fill(self->fd, self->out, 3001);

	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, suspend_devices());
	ASSERT_EQ(sent, read_all(self->fd, self->in, sent));
	EXPECT_EQ(0, memcmp(self->out, self->in, sent));
	ASSERT_EQ(0, fsync(self->fd));
	/* They have not failed, and each byte counts once. */
	EXPECT_EQ(self->sent + sent, port_get(0, "statistics/tx_bytes"));
	EXPECT_EQ(self->errors, port_get(0, "statistics/tx_errors"));
	EXPECT_EQ(0, port_get(0, "tx_waiting"));
	ASSERT_EQ(1, do_write(self->fd, self->out, 1));
	EXPECT_EQ(1, do_read(self->fd, self->in, 2));
}

TEST_F_TIMEOUT(power, packets_stay_whole_over_a_suspend, PATIENCE)
{
	size_t sent, got;

	ASSERT_EQ(0, port_mode(self->fd, FERRY_PORT_MODE_PACKET));
	sent = fill(self->fd, self->out, 9001);
	ASSERT_EQ(0, suspend_devices());
	for (got = 0; got < sent; got += 9001) {
		ASSERT_EQ(9001, do_read(self->fd, self->in, MiB));
		ASSERT_EQ(0, memcmp(self->out + got, self->in, 9001));
		if (!got)
			ASSERT_EQ(0, suspend_devices());
	}
	ASSERT_EQ(0, fsync(self->fd));
	EXPECT_EQ(self->sent + sent, port_get(0, "statistics/tx_bytes"));
	EXPECT_EQ(self->packets + sent / 9001, port_get(0, "statistics/tx_packets"));
	EXPECT_EQ(self->errors, port_get(0, "statistics/tx_errors"));
}

/* What a file that is closed has left to send neither. */
TEST_F_TIMEOUT(power, what_was_written_before_close_is_sent_after_a_suspend, PATIENCE)
{
	char state[16];
	size_t sent;

	ASSERT_EQ(0, port_control(self->fd, FERRY_PORT_IOC_SHUTDOWN, FERRY_PORT_RX));
	sent = fill(self->fd, self->out, 3001);
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, suspend_devices());
	ASSERT_EQ(0, read_file(port_attr(0, "opened"), state, sizeof(state)));
	EXPECT_STREQ("l", state);
	self->fd = port_open(0, O_RDONLY);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(sent, read_all(self->fd, self->in, sent));
	EXPECT_EQ(0, memcmp(self->out, self->in, sent));
	do {
		ASSERT_EQ(0, read_file(port_attr(0, "opened"), state, sizeof(state)));
	} while (strcmp(state, "r"));
	EXPECT_EQ(self->sent + sent, port_get(0, "statistics/tx_bytes"));
}

TEST_F_TIMEOUT(power, stream_goes_on_after_each_suspend, PATIENCE)
{
	struct mover w = { .fd = self->fd, .seed = 4, .total = 2 * MiB, .chunk = 20000 };
	struct mover r = { .fd = self->fd, .seed = 5, .chunk = 9000 };
	size_t got = 0;

	ASSERT_EQ(0, pthread_create(&w.thread, NULL, mover_write, &w));
	while (got < 2 * MiB) {
		if (got < 128 * KiB) {
			ASSERT_EQ(0, suspend_devices());
			r.total = 64 * KiB;
		} else {
			r.total = 2 * MiB - got;
		}
		mover_read(&r);
		ASSERT_LT(0, r.result);
		got += r.total;
	}
	ASSERT_EQ(0, pthread_join(w.thread, NULL));
	EXPECT_EQ(w.crc, r.crc);
	EXPECT_EQ(self->errors, port_get(0, "statistics/tx_errors"));
}

/*
 * A channel that does not stop keeps the system awake, and nothing of the others
 * is lost. Boot with x-fault=stuck-stop:chan=7, which receives for port 0.
 */
TEST_F_TIMEOUT(power, suspend_that_fails_loses_nothing_on_another_port, PATIENCE)
{
	int other = port_fresh(1, 0), ret;
	size_t sent;

	ASSERT_LE(0, other);
	sent = fill(other, self->out, 3001);
	ret = suspend_devices();
	if (ret) {
		EXPECT_EQ(-EBUSY, ret);
		/* How much it had taken is not known. */
		EXPECT_EQ(-EIO, do_read(self->fd, self->in, 1));
	}
	ASSERT_EQ(sent, read_all(other, self->in, sent));
	EXPECT_EQ(0, memcmp(self->out, self->in, sent));
	close(other);
	close(self->fd);
	self->fd = port_fresh(0, 0);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(3, do_write(self->fd, self->out, 3));
	EXPECT_EQ(3, read_all(self->fd, self->in, 3));
	if (!ret)
		SKIP(return, "this device stops when it is told");
}

TEST_HARNESS_MAIN
