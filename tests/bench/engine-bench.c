// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Wall-clock speed of the model's IOThread engine beside the host's own memcpy
 * and ISA-L, in the same memory, taking turns.
 *
 *	engine-bench QEMU
 *
 * The emulator runs no guest (-accel qtest) and its RAM is a memfd that this
 * program maps, too: it writes entries and reads completions as a CPU would,
 * and needs the qtest socket only for registers. An access through that socket
 * costs tens of microseconds, so a batch of small operations is half a ring, and
 * its one doorbell is written while the engine works on the other half. The
 * socket's time is printed, so that one can see whether it hides behind that.
 *
 * Prints "round NAME SIZE BATCH GBPS" for every measurement.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <isa-l/crc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/ferry.h>
#include "ferry_regs.h"

#define KIB			1024u
#define MIB			(1024u * KIB)

#define ROUNDS			5
#define RAM_SIZE		(256u * MIB)
#define AREA			(64u * MIB)	/* what 1 MiB operations rotate over */
#define SLOTS			64		/* what 4 KiB operations rotate over */

/* The virt machine: its RAM, and the bus on which -device puts Ferry */
#define RAM_BASE		0x40000000ull
#define PLATFORM_BUS		0x0c000000ull
#define PLATFORM_BUS_SIZE	0x02000000ull

/* In RAM; what is below belongs to the machine */
#define WT_OFFSET		(4 * MIB)
#define SQ_OFFSET		(5 * MIB)
#define CQ_OFFSET		(6 * MIB)
#define SRC_OFFSET		(64 * MIB)
#define DST_OFFSET		(128 * MIB)
#define RING_ORDER		12
#define RING			(1u << RING_ORDER)
#define BATCH			(RING / 2)

static uint8_t *ram;
static int ram_fd, qtest_fd;
static uint64_t ctrl, doorbell;
static uint32_t tail;

__attribute__((noreturn, format(printf, 1, 2)))
static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "engine-bench: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	exit(1);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

/* One line to qtest, and the value that it answers. */
__attribute__((format(printf, 1, 2)))
static uint32_t qtest(const char *fmt, ...)
{
	char line[128];
	size_t have = 0;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (write(qtest_fd, line, n) != n)
		die("QEMU went away");
	while (!have || line[have - 1] != '\n') {
		ssize_t got = read(qtest_fd, line + have, sizeof(line) - 1 - have);

		if (got <= 0)
			die("QEMU went away");
		have += got;
	}
	line[have] = '\0';
	if (strncmp(line, "OK", 2))
		die("qtest: %s", line);
	return strtoul(line + 2, NULL, 0);
}

static uint32_t read_reg(uint32_t reg)
{
	return qtest("readl 0x%llx\n", (unsigned long long)(ctrl + reg));
}

static void write_reg(uint32_t reg, uint32_t value)
{
	qtest("writel 0x%llx 0x%x\n", (unsigned long long)(ctrl + reg), value);
}

static void start_qemu(const char *qemu)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		die("socketpair: %m");
	fcntl(fds[0], F_SETFD, FD_CLOEXEC);
	qtest_fd = fds[0];
	if (!fork()) {
		char memory[128], chardev[64];

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		snprintf(memory, sizeof(memory), "memory-backend-file,id=ram,size=%u,share=on,mem-path=/proc/self/fd/%d",
			 RAM_SIZE, ram_fd);
		snprintf(chardev, sizeof(chardev), "socket,id=qtest,fd=%d", fds[1]);
		execlp(qemu, qemu, "-M", "virt,memory-backend=ram", "-m", "256M", "-accel", "qtest", "-object", memory,
		       "-nodefaults", "-display", "none", "-chardev", chardev, "-qtest", "chardev:qtest",
		       "-qtest-log", "none", "-object", "iothread,id=engine", "-device", "ferry,iothread=engine", NULL);
		die("%s: %m", qemu);
	}
	close(fds[1]);
}

static void put_le(uint64_t offset, int bytes, uint64_t value)
{
	for (int i = 0; i < bytes; i++)
		ram[offset + i] = value >> (8 * i);
}

static void put_row(unsigned int row, uint64_t base, uint32_t flags)
{
	uint64_t at = WT_OFFSET + row * FERRY_ROW_SIZE;

	put_le(at + FERRY_ROW_BASE, 8, RAM_BASE + base);
	put_le(at + FERRY_ROW_BYTES, 8, AREA);
	put_le(at + FERRY_ROW_FLAGS, 4, FERRY_ROW_FLAGS_VALID | flags);
}

static void start_channel(void)
{
	uint32_t chan = FERRY_CHAN(0), channels;
	uint64_t size;

	ctrl = PLATFORM_BUS;
	while (read_reg(FERRY_ID) != FERRY_ID_VALUE) {
		ctrl += FERRY_CTRL_SIZE;
		if (ctrl >= PLATFORM_BUS + PLATFORM_BUS_SIZE)
			die("this QEMU has no ferry on the platform bus");
	}
	/* The bus aligns a region to its size, rounded up to a power of two. */
	channels = read_reg(FERRY_CAP_COUNTS) & FERRY_CAP_COUNTS_CHANNELS;
	for (size = FERRY_DB_PAGE_SIZE; size < channels * FERRY_DB_PAGE_SIZE; size *= 2)
		;
	doorbell = (ctrl + FERRY_CTRL_SIZE + size - 1) & ~(size - 1);

	put_row(0, SRC_OFFSET, FERRY_ROW_FLAGS_READ);
	put_row(1, DST_OFFSET, FERRY_ROW_FLAGS_READ | FERRY_ROW_FLAGS_WRITE);
	write_reg(chan + FERRY_CHAN_CONFIG, RING_ORDER << 8);
	write_reg(chan + FERRY_CHAN_SQ_BASE_LO, RAM_BASE + SQ_OFFSET);
	write_reg(chan + FERRY_CHAN_CQ_BASE_LO, RAM_BASE + CQ_OFFSET);
	write_reg(chan + FERRY_CHAN_WT_BASE_LO, RAM_BASE + WT_OFFSET);
	write_reg(chan + FERRY_CHAN_WT_COUNT, 2);
	write_reg(chan + FERRY_CHAN_CMD, FERRY_CHAN_CMD_START);
	if ((read_reg(chan + FERRY_CHAN_STATUS) & FERRY_CHAN_STATUS_STATE) != FERRY_STATE_RUNNING)
		die("channel 0 does not start: error 0x%x, 0x%x", read_reg(chan + FERRY_CHAN_ERR_STATUS),
		    read_reg(chan + FERRY_CHAN_ERR_ADDR_LO));
}

static void wait_for(uint32_t index)
{
	const struct ferry_cqe *cqe = (void *)(ram + CQ_OFFSET);
	struct timespec pause = { .tv_nsec = 50000 };
	double start = now();

	cqe += index % RING;
	while (__atomic_load_n(&cqe->seq, __ATOMIC_ACQUIRE) != index + 1) {
		nanosleep(&pause, NULL);
		if (now() > start + 60)
			die("entry %u does not complete; HEAD %u, error 0x%x", index,
			    read_reg(FERRY_CHAN(0) + FERRY_CHAN_HEAD), read_reg(FERRY_CHAN(0) + FERRY_CHAN_ERR_STATUS));
	}
}

/* Seconds that the engine takes for @ops operations, each on the next of @slots places. */
static double run_engine(uint8_t op, uint32_t size, uint32_t slots, uint32_t ops, uint32_t batch)
{
	struct ferry_sqe *sqes = (void *)(ram + SQ_OFFSET);
	uint32_t first = tail;
	double start = now();

	while (tail - first < ops) {
		if (tail - first >= 2 * batch)
			wait_for(tail - batch - 1);
		for (uint32_t i = 0; i < batch; i++, tail++) {
			uint64_t offset = (uint64_t)((tail - first) % slots) * size;

			sqes[tail % RING] = (struct ferry_sqe) {
				.op = op, .len = size,
				.src = FERRY_ADDR(0, offset), .dst = FERRY_ADDR(1, offset),
			};
		}
		__atomic_thread_fence(__ATOMIC_RELEASE);
		qtest("writel 0x%llx 0x%x\n", (unsigned long long)doorbell, tail);
	}
	wait_for(tail - 1);
	return now() - start;
}

static double run_memcpy(uint32_t size, uint32_t slots, uint32_t ops)
{
	double start = now();

	for (uint32_t i = 0; i < ops; i++) {
		uint64_t offset = (uint64_t)(i % slots) * size;

		memcpy(ram + DST_OFFSET + offset, ram + SRC_OFFSET + offset, size);
	}
	return now() - start;
}

static double run_isal(uint32_t size, uint32_t slots, uint32_t ops)
{
	double start = now();
	uint32_t crc;

	for (uint32_t i = 0; i < ops; i++) {
		crc = crc32_iscsi(ram + SRC_OFFSET + (uint64_t)(i % slots) * size, size, ~0u);
		asm volatile("" : : "r" (crc));
	}
	return now() - start;
}

static void report(const char *name, uint32_t size, uint32_t ops, uint32_t batch, double seconds)
{
	printf("round %s %u %u %.4f\n", name, size, batch, (double)size * ops / seconds / 1e9);
}

/* The last completions of the ring, and what they stand for. */
static void check(uint8_t op, uint32_t size, uint32_t slots)
{
	const struct ferry_cqe *cqes = (void *)(ram + CQ_OFFSET);

	for (uint32_t i = 1; i <= slots; i++) {
		const struct ferry_cqe *cqe = &cqes[(tail - i) % RING];
		uint32_t slot = (tail - i) % slots;
		uint8_t *src = ram + SRC_OFFSET + (uint64_t)slot * size;
		uint8_t *dst = ram + DST_OFFSET + (uint64_t)slot * size;

		if (cqe->status || cqe->len != size)
			die("an operation failed: status %u, len %u", cqe->status, cqe->len);
		if (op != FERRY_OP_CRC32C && memcmp(src, dst, size))
			die("an operation copied wrongly");
		if (op != FERRY_OP_COPY && cqe->result != ~crc32_iscsi(src, size, ~0u))
			die("an operation returned a wrong CRC");
	}
}

static void engine_round(const char *name, uint8_t op, uint32_t size, uint32_t slots, uint32_t ops, uint32_t batch)
{
	memset(ram + DST_OFFSET, 0xff, AREA);
	report(name, size, ops, batch, run_engine(op, size, slots, ops, batch));
	check(op, size, slots);
}

/* What a doorbell costs here, and proof that it is one. */
static void time_doorbell(void)
{
	const uint32_t accesses = 1000;
	double start = now();

	for (uint32_t i = 0; i < accesses; i++)
		qtest("writel 0x%llx 0x%x\n", (unsigned long long)doorbell, tail);
	printf("note a doorbell through qtest took %.1f us; one for %u operations of 4 KiB, while the engine was busy\n",
	       (now() - start) / accesses * 1e6, BATCH);
	if (read_reg(FERRY_CHAN(0) + FERRY_CHAN_DOORBELLS) != accesses)
		die("the doorbell is not at 0x%llx", (unsigned long long)doorbell);
}

int main(int argc, char **argv)
{
	const uint32_t small = 128 * BATCH, large = 512;

	if (argc != 2)
		die("usage: engine-bench QEMU");
	prctl(PR_SET_TIMERSLACK, 1);
	ram_fd = memfd_create("ferry-bench", 0);
	if (ram_fd < 0 || ftruncate(ram_fd, RAM_SIZE))
		die("memfd: %m");
	ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, ram_fd, 0);
	if (ram == MAP_FAILED)
		die("mmap: %m");
	start_qemu(argv[1]);
	start_channel();
	srandom(1);
	for (uint32_t i = 0; i < AREA; i += 4)
		*(uint32_t *)(ram + SRC_OFFSET + i) = random();
	memset(ram + DST_OFFSET, 0xff, AREA);
	time_doorbell();
	/* Touch everything once. */
	run_engine(FERRY_OP_COPY, MIB, SLOTS, SLOTS, SLOTS);

	for (int i = 0; i < ROUNDS; i++) {
		report("host.memcpy", MIB, large, 0, run_memcpy(MIB, SLOTS, large));
		engine_round("ferry.engine.copy", FERRY_OP_COPY, MIB, SLOTS, large, SLOTS);
		report("host.crc32c.isal", MIB, large, 0, run_isal(MIB, SLOTS, large));
		engine_round("ferry.engine.crc32c", FERRY_OP_CRC32C, MIB, SLOTS, large, SLOTS);
		engine_round("ferry.engine.copy_crc32c", FERRY_OP_COPY_CRC32C, MIB, SLOTS, large, SLOTS);
		report("host.memcpy", 4 * KIB, small, 0, run_memcpy(4 * KIB, SLOTS, small));
		engine_round("ferry.engine.copy", FERRY_OP_COPY, 4 * KIB, SLOTS, small, BATCH);
	}
	return 0;
}
