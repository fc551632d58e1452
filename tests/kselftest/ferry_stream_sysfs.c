// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attributes of ports: settings with their bounds, and counters.
 */
#include "ferry_stream.h"

FIXTURE(sysfs)
{
	uint8_t buf[16384];
};

FIXTURE_SETUP(sysfs)
{
	const char *why = no_ports();

	if (why)
		SKIP(return, "%s", why);
	if (geteuid())
		SKIP(return, "needs root to change settings");
	/* Settings are for a port in which nothing is left. */
	for (int nr = 0; nr < 2; nr++)
		ASSERT_EQ(0, close(port_fresh(nr, 0)));
}

FIXTURE_TEARDOWN(sysfs)
{
	port_set(0, "coalesce_adaptive", 1);
	port_set(0, "coalesce_count", 1);
	port_set(0, "coalesce_usecs", 0);
	port_set(0, "buffer_size", 4096);
	port_set(0, "entries", 64);
	port_set(0, "idle_usecs", 0);
}

static const struct {
	const char *name;
	unsigned int good[4];
	unsigned int bad[5];
} settings[] = {
	{ "buffer_size", { 256, 512, 32768, 4096 }, { 0, 255, 4095, 65536, 0xffffffff } },
	{ "entries", { 8, 16, 1024, 64 }, { 0, 4, 63, 2048, 0xffffffff } },
	{ "coalesce_adaptive", { 0, 1, 0, 1 }, { 2, 3, 4, 5, 0xffffffff } },
	{ "coalesce_usecs", { 1, 65535, 100, 50 }, { 65536, 100000, 1 << 20, 1 << 30, ~0u } },
	{ "coalesce_count", { 2, 65535, 8, 1 }, { 0, 65536, 1 << 20, 1 << 30, ~0u } },
	{ "idle_usecs", { 1, 1048575, 20, 0 }, { 1048576, 1 << 21, 1 << 30, 1u << 31, ~0u } },
};

TEST_F(sysfs, settings_keep_their_bounds)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		for (int k = 0; k < 4; k++) {
			EXPECT_EQ(0, port_set(0, settings[i].name, settings[i].good[k]))
				TH_LOG("%s %u", settings[i].name, settings[i].good[k]);
			EXPECT_EQ(settings[i].good[k], port_get(0, settings[i].name));
		}
		for (int k = 0; k < 5; k++) {
			EXPECT_EQ(-EINVAL, port_set(0, settings[i].name, settings[i].bad[k]))
				TH_LOG("%s %u", settings[i].name, settings[i].bad[k]);
			EXPECT_EQ(settings[i].good[3], port_get(0, settings[i].name));
		}
		EXPECT_EQ(-EINVAL, write_file(port_attr(0, settings[i].name), "much"));
	}
	/* A count that no time ends would hold back the last of it for ever. */
	ASSERT_EQ(0, port_set(0, "coalesce_count", 8));
	EXPECT_EQ(-EINVAL, port_set(0, "coalesce_usecs", 0));
}

TEST_F(sysfs, settings_change_while_nobody_has_the_port)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR };

	for (int m = 0; m < 3; m++) {
		int fd = port_open(0, modes[m]);

		ASSERT_LE(0, fd);
		for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
			EXPECT_EQ(-EBUSY, port_set(0, settings[i].name, settings[i].good[3]));
		/* The other port is another. */
		EXPECT_EQ(0, port_set(1, "entries", 64));
		close(fd);
		EXPECT_EQ(0, port_set(0, "entries", 64));
	}
}

TEST_F(sysfs, settings_are_what_the_port_has)
{
	struct ferry_port_info info;
	int fd;

	ASSERT_EQ(0, port_set(0, "buffer_size", 512));
	ASSERT_EQ(0, port_set(0, "entries", 16));
	fd = port_fresh(0, 0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, port_info(fd, &info));
	EXPECT_EQ(512, info.buffer_size);
	EXPECT_EQ(16, info.entries);
	EXPECT_EQ(8192, info.max_packet);
	EXPECT_EQ(info.rx_channel, port_get(0, "rx_channel"));
	EXPECT_EQ(info.tx_channel, port_get(0, "tx_channel"));
	EXPECT_EQ(1, port_get(0, "connected"));
	EXPECT_EQ(1, port_get(0, "loopback"));
	EXPECT_EQ(1, port_get(0, "packets"));
	close(fd);
}

TEST_F(sysfs, bytes_and_packets_are_counted)
{
	long long rx = port_get(0, "statistics/rx_bytes"), tx = port_get(0, "statistics/tx_bytes");
	long long rxp = port_get(0, "statistics/rx_packets");
	long long txp = port_get(0, "statistics/tx_packets");
	int fd = port_fresh(0, 0);

	ASSERT_LE(0, fd);
	ASSERT_EQ(10000, do_write(fd, self->buf, 10000));
	ASSERT_EQ(10000, read_all(fd, self->buf, 10000));
	ASSERT_EQ(0, port_mode(fd, FERRY_PORT_MODE_PACKET));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(5000, do_write(fd, self->buf, 5000));
		ASSERT_EQ(5000, do_read(fd, self->buf, sizeof(self->buf)));
	}
	EXPECT_EQ(rx + 25000, port_get(0, "statistics/rx_bytes"));
	EXPECT_EQ(tx + 25000, port_get(0, "statistics/tx_bytes"));
	EXPECT_EQ(rxp + 3, port_get(0, "statistics/rx_packets"));
	EXPECT_EQ(txp + 3, port_get(0, "statistics/tx_packets"));
	close(fd);
	EXPECT_EQ(rx + 25000, port_get(0, "statistics/rx_bytes"));
}

TEST_F(sysfs, pinned_coalescing_is_the_devices)
{
	static const struct {
		unsigned int adaptive, count, usecs;
		long long reg;
	} cases[] = {
		{ 0, 16, 20000, 20000 << 16 | 16 }, { 0, 1, 0, 1 }, { 0, 1, 7, 7 << 16 | 1 },
		{ 0, 65535, 65535, 0xffffffff }, { 1, 65535, 65535, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int fd;

		ASSERT_EQ(0, port_set(0, "coalesce_count", 1));
		ASSERT_EQ(0, port_set(0, "coalesce_usecs", cases[i].usecs));
		ASSERT_EQ(0, port_set(0, "coalesce_count", cases[i].count));
		ASSERT_EQ(0, port_set(0, "coalesce_adaptive", cases[i].adaptive));
		fd = port_fresh(0, 0);
		ASSERT_LE(0, fd);
		EXPECT_EQ(cases[i].reg, coalesce_register(0)) TH_LOG("case %zu", i);
		close(fd);
	}
}

/* A reader of rounds of so many bytes, who sleeps for each. */
struct rounds {
	pthread_t thread;
	int fd;
	int count;
	size_t len;
	pid_t tid;
	int done;
	uint8_t buf[16];
	ssize_t result;
};

static void *read_rounds(void *data)
{
	struct rounds *r = data;

	__atomic_store_n(&r->tid, gettid(), __ATOMIC_RELEASE);
	for (int i = 0; i < r->count; i++) {
		r->result = read_all(r->fd, r->buf, r->len);
		if (r->result != (ssize_t)r->len)
			break;
		__atomic_store_n(&r->done, i + 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* Wait until the reader sleeps in a round that nothing was written for. */
static bool round_begins(struct rounds *r, int i)
{
	int64_t end = now_ns() + 30 * NSEC_PER_SEC;

	while (__atomic_load_n(&r->done, __ATOMIC_ACQUIRE) != i && now_ns() < end)
		sched_yield();
	return now_ns() < end && asleep(&r->tid, SYS_read);
}

/* A block of a byte, the one with number @index. True when the port has received it. */
static bool write_block(int fd, uint32_t index)
{
	int64_t end = now_ns() + 30 * NSEC_PER_SEC;
	uint32_t head;

	if (do_write(fd, "", 1) != 1)
		return false;
	do {
		head = rx_head(0);
	} while (head == index && now_ns() < end);
	return head == index + 1;
}

/* Interrupts that 16 rounds of @len blocks cost a reader who sleeps before each. */
static long long count_irqs(struct __test_metadata *_metadata, size_t len)
{
	int fd = port_fresh(0, 0);
	static struct rounds r;
	uint32_t head = rx_head(0);
	long long irqs;

	ASSERT_LE(0, fd);
	r = (struct rounds){ .fd = fd, .count = 16, .len = len };
	irqs = port_get(0, "statistics/rx_interrupts");
	ASSERT_EQ(0, pthread_create(&r.thread, NULL, read_rounds, &r));
	for (int i = 0; i < r.count; i++) {
		ASSERT_TRUE(round_begins(&r, i)) TH_LOG("round %d", i);
		for (size_t n = 0; n < len; n++)
			ASSERT_TRUE(write_block(fd, head++));
	}
	ASSERT_EQ(0, ended(r.thread));
	EXPECT_EQ(len, r.result);
	irqs = port_get(0, "statistics/rx_interrupts") - irqs;
	close(fd);
	return irqs;
}

TEST_F(sysfs, pinned_coalescing_holds_interrupts_back)
{
	long long irqs, start, most;

	ASSERT_EQ(0, port_set(0, "coalesce_adaptive", 0));
	EXPECT_EQ(16, count_irqs(_metadata, 1));
	/* Now there is one for 16 blocks, and one where they take longer than that. */
	ASSERT_EQ(0, port_set(0, "coalesce_usecs", 65535));
	ASSERT_EQ(0, port_set(0, "coalesce_count", 16));
	start = now_ns();
	irqs = count_irqs(_metadata, 16);
	most = 16 + (now_ns() - start) / (65535 * 1000);
	TH_LOG("%lld interrupts for 256 blocks, at most %lld", irqs, most);
	EXPECT_LE(irqs, most);
}

TEST_F(sysfs, channels_of_ports_are_not_users)
{
	char path[PATH_MAX], role[16];
	struct ferry_info info;
	int fd = ferry_open();
	uint64_t pair;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ferry_info(fd, &info));
	pair = 1ULL << port_get(0, "rx_channel") | 1ULL << port_get(0, "tx_channel");
	EXPECT_EQ(pair, info.port_mask & pair);
	EXPECT_EQ(0, info.user_mask & info.port_mask);
	snprintf(path, sizeof(path), "%s/channel%lld/role", device_class, port_get(0, "rx_channel"));
	ASSERT_EQ(0, read_file(path, role, sizeof(role)));
	EXPECT_STREQ("port", role);
	/* However many a user asks for, none of them is a port's. */
	for (int i = 0; i < 64; i++) {
		struct ferry_queue_create q = { .size = sizeof(q), .order = info.min_order };

		if (ferry_ioctl(fd, FERRY_IOC_QUEUE_CREATE, &q))
			break;
		EXPECT_TRUE(info.user_mask & 1ULL << q.channel);
	}
	close(fd);
}

TEST_HARNESS_MAIN
