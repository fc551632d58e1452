// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many interrupts a reader costs, and how late they are: many buffers share
 * one, and who is alone does not wait for others.
 *
 * That is a matter of time, so time has to be the guest's own: QEMU with -icount,
 * and a device whose bandwidth is less than the processor's, so that a reader has
 * to sleep for more. FERRY_VIRTUAL_TIME says that it is so.
 */
#include "ferry_stream.h"

#define BLOCK		4096
#define BLOCKS		8192
#define RING		64
#define SINGLES		16
#define ROUNDS		1000
/* Of COALESCE. */
#define HELD(usecs, count)	((long long)(usecs) << 16 | (count))
#define AT_ONCE			HELD(0, 1)

FIXTURE(moderation)
{
	int fd;
};

FIXTURE_SETUP(moderation)
{
	const char *why = no_ports();

	self->fd = -1;
	if (why)
		SKIP(return, "%s", why);
	if (geteuid())
		SKIP(return, "needs root to change settings");
	if (!getenv("FERRY_VIRTUAL_TIME"))
		SKIP(return, "FERRY_VIRTUAL_TIME is not set");
	self->fd = port_fresh(0, 0);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(moderation)
{
	if (self->fd < 0)
		return;
	port_control(self->fd, FERRY_PORT_IOC_FLUSH, FERRY_PORT_RX | FERRY_PORT_TX);
	close(self->fd);
	port_set(0, "coalesce_adaptive", 1);
	port_set(0, "coalesce_count", 1);
	port_set(0, "coalesce_usecs", 0);
}

/* The port again, with interrupts as late as is told. */
static int pinned(int fd, unsigned int usecs, unsigned int count)
{
	if (close(fd) || port_set(0, "coalesce_usecs", usecs) ||
	    port_set(0, "coalesce_count", count) || port_set(0, "coalesce_adaptive", 0))
		return -1;
	return port_fresh(0, 0);
}

/* One thread writes as fast as it may, another reads. */
struct load {
	pthread_t thread;
	int fd;
	size_t blocks;
	bool stop;
	/* What the reading has cost, and COALESCE while it went on. */
	uint32_t received;
	long long irqs;
	long long least, most, last;
};

static void *load_write(void *data)
{
	static uint8_t block[BLOCK];
	struct load *load = data;

	for (size_t i = 0; i < load->blocks; i++)
		if (__atomic_load_n(&load->stop, __ATOMIC_ACQUIRE) ||
		    do_write(load->fd, block, BLOCK) != BLOCK)
			break;
	return NULL;
}

static void load_look(struct load *load)
{
	load->last = coalesce_register(0);
	if (load->last < load->least)
		load->least = load->last;
	if (load->last > load->most)
		load->most = load->last;
}

/* Read so many blocks of it. False: they did not come. */
static bool load_read(struct load *load, size_t blocks)
{
	static uint8_t buf[16 * BLOCK];
	size_t left = blocks * BLOCK, look = left;

	load->irqs = -port_get(0, "statistics/rx_interrupts");
	load->received = -rx_head(0);
	load->least = LLONG_MAX;
	load->most = -1;
	while (left) {
		ssize_t n = do_read(load->fd, buf, left < sizeof(buf) ? left : sizeof(buf));

		if (n <= 0)
			return false;
		left -= n;
		/* Now and then, since that takes the time of some blocks. */
		if (look - left > 256 * BLOCK && left) {
			load_look(load);
			look = left;
		}
	}
	load->irqs += port_get(0, "statistics/rx_interrupts");
	load->received += rx_head(0);
	return true;
}

/* All of it, from the first to the last block. */
static bool load_run(struct load *load, int fd)
{
	*load = (struct load){ .fd = fd, .blocks = BLOCKS };
	return !pthread_create(&load->thread, NULL, load_write, load) &&
	       load_read(load, BLOCKS) && !ended(load->thread);
}

static void load_say(struct __test_metadata *_metadata, const struct load *load)
{
	TH_LOG("%lld interrupts for %u buffers, COALESCE %#llx to %#llx, last %#llx",
	       load->irqs, load->received, load->least, load->most, load->last);
}

/* Who reads a byte and says when. */
struct single {
	pthread_t thread;
	int fd;
	int said[2];
	int count;
	pid_t tid;
};

static void *single_read(void *data)
{
	struct single *s = data;
	int64_t when;
	char byte;

	__atomic_store_n(&s->tid, gettid(), __ATOMIC_RELEASE);
	for (int i = 0; i < s->count; i++) {
		when = do_read(s->fd, &byte, 1) == 1 ? now_ns() : -1;
		if (write(s->said[1], &when, sizeof(when)) != sizeof(when) || when < 0)
			break;
	}
	return NULL;
}

static bool single_begin(struct single *s, int fd, int count)
{
	*s = (struct single){ .fd = fd, .count = count };
	return !pipe2(s->said, O_CLOEXEC) && !pthread_create(&s->thread, NULL, single_read, s);
}

/* A byte, from who writes it to who reads it: nanoseconds, or -1. */
static int64_t single_take(struct single *s)
{
	int64_t begin = now_ns(), when;

	if (do_write(s->fd, "", 1) != 1 || read(s->said[0], &when, sizeof(when)) != sizeof(when))
		return -1;
	return when < 0 ? -1 : when - begin;
}

static bool single_end(struct single *s)
{
	return !ended(s->thread) && !close(s->said[0]) && !close(s->said[1]);
}

/* Each comes to a reader who sleeps: how long the slowest takes. */
static int64_t slowest_single(struct __test_metadata *_metadata, int fd)
{
	struct single s;
	int64_t most = 0;

	ASSERT_TRUE(single_begin(&s, fd, SINGLES));
	for (int i = 0; i < SINGLES; i++) {
		int64_t time;

		ASSERT_TRUE(asleep(&s.tid, SYS_read));
		time = single_take(&s);
		ASSERT_LE(0, time);
		most = time > most ? time : most;
	}
	ASSERT_TRUE(single_end(&s));
	return most;
}

/* Each is written when the one before was answered: how long all take. */
static int64_t time_of_answers(struct __test_metadata *_metadata, int fd)
{
	int64_t begin = now_ns();
	struct single s;

	ASSERT_TRUE(single_begin(&s, fd, ROUNDS));
	for (int i = 0; i < ROUNDS; i++)
		ASSERT_LE(0, single_take(&s));
	ASSERT_TRUE(single_end(&s));
	return now_ns() - begin;
}

/* This is what the others are compared with. */
TEST_F(moderation, pinned_to_one_it_interrupts_more_than_once_for_eight_buffers)
{
	struct load load;

	self->fd = pinned(self->fd, 0, 1);
	ASSERT_LE(0, self->fd);
	ASSERT_TRUE(load_run(&load, self->fd));
	load_say(_metadata, &load);
	EXPECT_EQ(AT_ONCE, load.least);
	EXPECT_EQ(AT_ONCE, load.most);
	EXPECT_LT(load.received, load.irqs * 8);
}

TEST_F(moderation, pinned_to_four_it_stays_so_under_load)
{
	struct load load;

	self->fd = pinned(self->fd, 1000, 4);
	ASSERT_LE(0, self->fd);
	ASSERT_TRUE(load_run(&load, self->fd));
	load_say(_metadata, &load);
	EXPECT_EQ(HELD(1000, 4), load.least);
	EXPECT_EQ(HELD(1000, 4), load.most);
	EXPECT_LE(load.irqs * 4, load.received + 4);
	EXPECT_LE(load.received, load.irqs * 16);
}

TEST_F(moderation, under_load_an_interrupt_is_for_eight_buffers_or_more)
{
	struct load load;

	ASSERT_TRUE(load_run(&load, self->fd));
	load_say(_metadata, &load);
	/* As many as may be filled and not read may have come before the counting began. */
	EXPECT_LE(BLOCKS - 2 * RING, load.received);
	EXPECT_LE(load.irqs * 8, load.received);
	EXPECT_LT(AT_ONCE, load.last);
	EXPECT_LE(load.most, HELD(250, 32));
}

TEST_F(moderation, after_load_a_single_buffer_is_told_at_once)
{
	struct timespec idle = { 0, 20 * NSEC_PER_MSEC };
	int64_t before, after;
	struct load load;
	long long irqs;

	before = slowest_single(_metadata, self->fd);
	ASSERT_TRUE(load_run(&load, self->fd));
	load_say(_metadata, &load);
	ASSERT_LT(AT_ONCE, load.last);
	nanosleep(&idle, NULL);
	EXPECT_EQ(AT_ONCE, coalesce_register(0));
	irqs = port_get(0, "statistics/rx_interrupts");
	after = slowest_single(_metadata, self->fd);
	TH_LOG("at most %lld ns before, %lld ns after", (long long)before, (long long)after);
	EXPECT_EQ(irqs + SINGLES, port_get(0, "statistics/rx_interrupts"));
	EXPECT_LE(after, before + 20000);
}

/* However often they come, holding them back would only make them later. */
TEST_F(moderation, who_waits_for_each_answer_is_not_held_up)
{
	int64_t adaptive, at_once;

	adaptive = time_of_answers(_metadata, self->fd);
	self->fd = pinned(self->fd, 0, 1);
	ASSERT_LE(0, self->fd);
	at_once = time_of_answers(_metadata, self->fd);
	TH_LOG("%lld ns each, %lld ns at once", (long long)adaptive / ROUNDS,
	       (long long)at_once / ROUNDS);
	EXPECT_LE(adaptive * 10, at_once * 11);
}

/* The device has forgotten by then how interrupts were held back. */
TEST_F(moderation, flush_under_load_begins_anew)
{
	struct load load = { .fd = self->fd, .blocks = 4 * BLOCKS };

	ASSERT_EQ(0, pthread_create(&load.thread, NULL, load_write, &load));
	ASSERT_TRUE(load_read(&load, BLOCKS));
	ASSERT_LT(AT_ONCE, load.last);
	ASSERT_EQ(0, port_control(self->fd, FERRY_PORT_IOC_FLUSH, FERRY_PORT_RX));
	EXPECT_EQ(AT_ONCE, coalesce_register(0));
	ASSERT_TRUE(load_read(&load, BLOCKS));
	load_say(_metadata, &load);
	EXPECT_LE(load.irqs * 8, load.received);
	EXPECT_LT(AT_ONCE, load.last);
	__atomic_store_n(&load.stop, true, __ATOMIC_RELEASE);
	ASSERT_EQ(0, port_control(self->fd, FERRY_PORT_IOC_FLUSH, FERRY_PORT_RX | FERRY_PORT_TX));
	ASSERT_EQ(0, ended(load.thread));
}

TEST_HARNESS_MAIN
