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

/* Pinned, an interrupt comes behind so many, or the time: 64 blocks, few interrupts. */
TEST_F(sysfs, pinned_coalescing_holds_interrupts_back)
{
	struct mover w = { .seed = 5, .total = 2 * MiB, .chunk = 4096 };
	struct mover r = { .seed = 6, .total = 2 * MiB, .chunk = 4096 };
	long long irqs, bytes;
	int fd;

	ASSERT_EQ(0, port_set(0, "coalesce_adaptive", 0));
	ASSERT_EQ(0, port_set(0, "coalesce_usecs", 20000));
	ASSERT_EQ(0, port_set(0, "coalesce_count", 16));
	fd = port_fresh(0, 0);
	ASSERT_LE(0, fd);
	irqs = port_get(0, "statistics/rx_interrupts");
	bytes = port_get(0, "statistics/rx_bytes");
	w.fd = r.fd = fd;
	ASSERT_EQ(0, pthread_create(&w.thread, NULL, mover_write, &w));
	ASSERT_EQ(0, pthread_create(&r.thread, NULL, mover_read, &r));
	ASSERT_EQ(0, pthread_join(w.thread, NULL));
	ASSERT_EQ(0, pthread_join(r.thread, NULL));
	EXPECT_EQ(w.crc, r.crc);
	EXPECT_EQ(bytes + 2 * MiB, port_get(0, "statistics/rx_bytes"));
	/* About a thousand blocks; one in 8 is the least that is asked for. */
	EXPECT_GE(1024 / 8, port_get(0, "statistics/rx_interrupts") - irqs);
	close(fd);
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
