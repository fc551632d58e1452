// SPDX-License-Identifier: GPL-2.0-only
/*
 * The init of the benchmark's guest: instructions per operation, of Ferry's
 * SUBMIT, of its mapped queues by libferry, and of what they compete with.
 *
 * Every call stands between two marker hints, for plugin.c, and between two
 * reads of the counter, which under icount advances by one per instruction.
 * A row goes to the console: name, bytes, batch, calls, median counter ticks
 * of a call, interrupts of the device. Nothing is printed before all is measured.
 *
 * The environment (kernel command line): bench=awake, where operations complete
 * at once and so SUBMIT needs no sleep, bench=sleep, bench=stream: a port in
 * loopback beside a virtio-serial port (guest-stream.c), or bench=wall: a port and
 * a virtio-serial port with a host that never rests behind each, and GB/s instead of
 * instructions; bench=wall-out if that host only takes what a mapped queue sends.
 */
#define _GNU_SOURCE
#include <arm_acle.h>
#include <sys/mount.h>
#include <sys/reboot.h>

#include "guest-bench.h"

#define WARM_UP		4
#define MAX_CALLS	101
#define MAX_BATCH	256
#define MAX_ROWS	128

static const uint32_t sizes[] = { 64, 4096, 65536, MIB };
static const uint32_t batches[] = { 1, 4, 32, MAX_BATCH };

static struct row {
	char name[32];
	uint32_t size, batch, calls;
	uint64_t p50;
	long irqs;
} rows[MAX_ROWS];
static unsigned int nr_rows;

uint8_t *src, *dst;
uint32_t len;
static uint32_t crc;
static int null_fd;

static int node_fd;
static struct ferry_sqe sqes[MAX_BATCH];
static struct ferry_cqe cqes[MAX_BATCH];
static struct ferry_submit submit;

static struct ferry *device;
static struct ferry_ring *ring;
static uint32_t ring_batch, ring_bad;
static uint16_t ring_buffer;
/* Ticks of a call that do not count. */
static uint64_t waited;

void finish(const char *fmt, ...)
{
	va_list ap;

	printf("bench: ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	sync();
	reboot(RB_POWER_OFF);
	_exit(1);
}

static inline uint64_t counter(void)
{
	uint64_t ticks;

	asm volatile("isb\n\tmrs %0, cntvct_el0" : "=r" (ticks) : : "memory");
	return ticks;
}

static inline void mark_begin(void)
{
	asm volatile("hint #0x70" : : : "memory");
}

static inline void mark_end(void)
{
	asm volatile("hint #0x71" : : : "memory");
}

static inline void mark_pause(void)
{
	asm volatile("hint #0x72" : : : "memory");
}

static inline void mark_go_on(void)
{
	asm volatile("hint #0x73" : : : "memory");
}

/* Interrupts that a device has raised, of all its lines. */
static long irqs(const char *device)
{
	char line[512];
	long sum = 0;
	FILE *f = fopen("/proc/interrupts", "r");

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, device))
			sum += strtol(strchr(line, ':') + 1, NULL, 10);
	if (f)
		fclose(f);
	return sum;
}

static int compare_ticks(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/*
 * before() is not counted. It is there where an operation needs another one to
 * come first; what interrupts that one is not counted either.
 */
void measure_after(const char *name, uint32_t size, uint32_t batch, uint32_t calls,
		   void (*before)(void), void (*op)(void), const char *device)
{
	static uint64_t ticks[MAX_CALLS];
	struct row *row = &rows[nr_rows++];

	for (uint32_t i = 0; i < WARM_UP; i++) {
		if (before)
			before();
		op();
	}
	row->irqs = before ? 0 : -irqs(device);
	for (uint32_t i = 0; i < calls; i++) {
		uint64_t t;

		if (before) {
			before();
			row->irqs -= irqs(device);
		}
		waited = 0;
		t = counter();
		mark_begin();
		op();
		mark_end();
		ticks[i] = counter() - t - waited;
		if (before)
			row->irqs += irqs(device);
	}
	row->irqs += before ? 0 : irqs(device);
	qsort(ticks, calls, sizeof(ticks[0]), compare_ticks);
	snprintf(row->name, sizeof(row->name), "%s", name);
	row->size = size;
	row->batch = batch;
	row->calls = calls;
	row->p50 = ticks[calls / 2];
}

static void measure(const char *name, uint32_t size, uint32_t batch, uint32_t calls, void (*op)(void))
{
	measure_after(name, size, batch, calls, NULL, op, "ferry");
}

static void getppid_op(void)
{
	syscall(SYS_getppid);
}

static void ioctl_op(void)
{
	syscall(SYS_ioctl, null_fd, FERRY_IOC_INFO, NULL);
}

static void memcpy_op(void)
{
	memcpy(dst, src, len);
}

/* Eight words in a turn, as fast as the instruction goes. */
static void crc32c_op(void)
{
	const uint64_t *word = (const uint64_t *)src;
	uint32_t c = ~0u;

	for (uint32_t i = 0; i < len / 64; i++, word += 8) {
		c = __crc32cd(c, word[0]);
		c = __crc32cd(c, word[1]);
		c = __crc32cd(c, word[2]);
		c = __crc32cd(c, word[3]);
		c = __crc32cd(c, word[4]);
		c = __crc32cd(c, word[5]);
		c = __crc32cd(c, word[6]);
		c = __crc32cd(c, word[7]);
	}
	crc = ~c;
}

static void submit_op(void)
{
	if (syscall(SYS_ioctl, node_fd, FERRY_IOC_SUBMIT, &submit) || submit.reaped != submit.nr_sqes)
		finish("FAIL: SUBMIT reaped %u of %u: %m", submit.reaped, submit.nr_sqes);
}

static void measure_cpu(void)
{
	null_fd = open("/dev/null", O_RDWR);
	measure("peer.getppid", 0, 1, MAX_CALLS, getppid_op);
	measure("peer.ioctl_noop", 0, 1, MAX_CALLS, ioctl_op);
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		len = sizes[i];
		measure("peer.memcpy", len, 1, 31, memcpy_op);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		len = sizes[i];
		measure("peer.crc32c", len, 1, 31, crc32c_op);
	}
}

static void measure_submit(const char *name, uint8_t op, uint16_t buffer, uint32_t size, uint32_t batch)
{
	uint64_t bytes = (uint64_t)size * batch;
	uint32_t calls = bytes > 4 * MIB ? 11 : 51;

	for (uint32_t i = 0; i < batch; i++) {
		sqes[i] = (struct ferry_sqe) { .op = op, .len = size, .src = FERRY_ADDR(buffer, 0) };
		if (op == FERRY_OP_COPY)
			sqes[i].dst = FERRY_ADDR(buffer, MIB);
	}
	submit.nr_sqes = submit.nr_cqes = submit.min_cqes = batch;
	memset(dst, 0, MIB);
	measure(name, size, batch, calls, submit_op);

	len = size;
	crc32c_op();
	for (uint32_t i = 0; i < batch; i++)
		if (cqes[i].status || cqes[i].len != size ||
		    (op == FERRY_OP_CRC32C && cqes[i].result != crc))
			finish("FAIL: %s of %u bytes: status %u, len %u, result 0x%08x", name, size,
			       cqes[i].status, cqes[i].len, cqes[i].result);
	if (op == FERRY_OP_COPY && memcmp(src, dst, size))
		finish("FAIL: %s of %u bytes: wrong data", name, size);
}

static void load_module(const char *path)
{
	int module = open(path, O_RDONLY | O_CLOEXEC);

	if (module < 0 || syscall(SYS_finit_module, module, "", 0))
		finish("FAIL: %s does not load: %m", path);
	close(module);
}

static void load_driver(void)
{
	load_module("/ferry.ko");
}

static void naive_op(void)
{
	for (uint32_t i = 0; i < ring_batch; i++)
		if (syscall(SYS_ioctl, node_fd, 0, &sqes[0]))
			finish("FAIL: ioctl of /dev/naive: %m");
}

/* The same device with another driver, which goes before Ferry's comes. */
static void measure_naive(void)
{
	load_module("/naive.ko");
	node_fd = open("/dev/naive", O_RDWR);
	if (node_fd < 0)
		finish("FAIL: /dev/naive: %m");
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		sqes[0] = (struct ferry_sqe) { .op = FERRY_OP_COPY, .len = sizes[i] };
		for (unsigned int j = 0; j < 3; j++) {
			ring_batch = batches[j];
			measure("peer.ioctl_dma", sizes[i], ring_batch, 31, naive_op);
		}
	}
	close(node_fd);
	if (syscall(SYS_delete_module, "naive", 0))
		finish("FAIL: naive.ko does not go: %m");
}

static void measure_ferry(bool sleep)
{
	struct ferry_queue_create queue = { .size = sizeof(queue), .order = 8 };
	struct ferry_buf_alloc buf = { .size = sizeof(buf), .length = 2 * MIB };
	const char *copy = sleep ? "ferry.ioctl.copy.sleep" : "ferry.ioctl.copy";
	const char *crc32c = sleep ? "ferry.ioctl.crc32c.sleep" : "ferry.ioctl.crc32c";

	node_fd = open("/dev/ferry0", O_RDWR);
	if (node_fd < 0)
		finish("FAIL: /dev/ferry0: %m");
	if (ioctl(node_fd, FERRY_IOC_QUEUE_CREATE, &queue))
		finish("FAIL: QUEUE_CREATE: %m");
	if (ioctl(node_fd, FERRY_IOC_BUF_ALLOC, &buf))
		finish("FAIL: BUF_ALLOC: %m");
	src = mmap(NULL, buf.length, PROT_READ | PROT_WRITE, MAP_SHARED, node_fd, buf.mmap_offset);
	if (src == MAP_FAILED)
		finish("FAIL: mmap: %m");
	dst = src + MIB;
	for (uint32_t i = 0; i < MIB; i++)
		src[i] = i * 31 + (i >> 8);
	submit = (struct ferry_submit) {
		.size = sizeof(submit), .queue = queue.queue, .timeout_ns = -1,
		.sqes = (uintptr_t)sqes, .cqes = (uintptr_t)cqes,
	};
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++)
		for (unsigned int j = 0; j < ARRAY_SIZE(batches); j++)
			measure_submit(copy, FERRY_OP_COPY, buf.buffer, sizes[i], batches[j]);
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++)
		for (unsigned int j = 0; j < ARRAY_SIZE(batches); j += 2)
			measure_submit(crc32c, FERRY_OP_CRC32C, buf.buffer, sizes[i], batches[j]);
	close(node_fd);
}

/* The library's path with its checks; how long the device takes is not the library's. */
static inline __attribute__((always_inline)) void ring_call(struct ferry_ring *r, unsigned int op)
{
	uint64_t source = FERRY_ADDR(ring_buffer, 0);
	uint32_t batch = ring_batch, size = len;
	const struct ferry_cqe *cqe;
	struct ferry_sqe *sqe;
	unsigned int bad = 0;
	uint64_t t;

	for (uint32_t i = 0; i < batch; i++) {
		sqe = ferry_ring_get_sqe(r);
		if (!sqe)
			break;
		if (op == FERRY_OP_COPY)
			ferry_prep_copy(sqe, source + MIB, source, size);
		else
			ferry_prep_crc32c(sqe, source, size, 0);
	}
	ferry_ring_submit(r);
	mark_pause();
	t = counter();
	while (!ferry_ring_ready(r, batch) && !ferry_ring_dead(r))
		;
	waited = counter() - t;
	mark_go_on();
	if (ferry_ring_wait(r, batch, -1)) {
		ring_bad++;
		return;
	}
	for (uint32_t i = 0; i < batch; i++) {
		cqe = ferry_ring_cqe(r, i);
		bad |= ferry_cqe_status(cqe) | (ferry_cqe_len(cqe) ^ size);
		crc = ferry_cqe_result(cqe);
	}
	ring_bad += bad;
	ferry_ring_seen(r, batch);
}

static void ring_copy_op(void)
{
	ring_call(ring, FERRY_OP_COPY);
}

static void ring_crc32c_op(void)
{
	ring_call(ring, FERRY_OP_CRC32C);
}

static void measure_ring(const char *name, unsigned int op, uint32_t size, uint32_t batch)
{
	uint64_t bytes = (uint64_t)size * batch;
	uint32_t result;

	ring_batch = batch;
	len = size;
	memset(dst, 0, MIB);
	measure(name, size, batch, bytes > 4 * MIB ? 11 : 51,
		op == FERRY_OP_COPY ? ring_copy_op : ring_crc32c_op);
	result = crc;
	crc32c_op();
	if (ring_bad || (op == FERRY_OP_CRC32C && result != crc) ||
	    (op == FERRY_OP_COPY && memcmp(src, dst, size)))
		finish("FAIL: %s of %u bytes: %u bad, result 0x%08x", name, size, ring_bad, result);
}

/* An operation that is done, or that takes its latency. */
static void submit_one(void)
{
	struct ferry_sqe *sqe = ferry_ring_get_sqe(ring);

	if (!sqe)
		finish("FAIL: no free entry");
	ferry_prep_copy(sqe, FERRY_ADDR(ring_buffer, MIB), FERRY_ADDR(ring_buffer, 0), len);
	ferry_ring_submit(ring);
}

static void submit_and_spin(void)
{
	submit_one();
	while (!ferry_ring_ready(ring, 1) && !ferry_ring_dead(ring))
		;
}

static void wait_op(void)
{
	if (ferry_ring_wait(ring, 1, -1) || ferry_cqe_status(ferry_ring_cqe(ring, 0)))
		finish("FAIL: a wait, or what was waited for, failed");
	ferry_ring_seen(ring, 1);
}

/* What submits is not counted: it has to come right before the wait, for that to sleep. */
static void wait_sleep_op(void)
{
	mark_pause();
	submit_one();
	mark_go_on();
	wait_op();
}

static void measure_waits(bool sleep)
{
	struct ferry_buf *buf;

	if (ferry_open(NULL, &device) || ferry_ring_open(device, MAX_BATCH, 0, &ring) ||
	    ferry_buf_alloc(device, 2 * MIB, 0, &buf))
		finish("FAIL: no mapped queue");
	ring_buffer = buf->handle;
	len = 4096;
	if (sleep)
		measure("ferry.wait.sleep", len, 1, 51, wait_sleep_op);
	else
		measure_after("ferry.wait.ready", len, 1, 51, submit_and_spin, wait_op, "ferry");
	ferry_ring_close(ring);
	ferry_buf_free(buf);
	ferry_close(device);
}

static uint8_t *to_register;
static struct ferry_buf *registered;

static void register_op(void)
{
	if (ferry_buf_register(device, to_register, len, 0, &registered))
		finish("FAIL: %u bytes can't be registered", len);
}

static void unregister_op(void)
{
	if (ferry_buf_free(registered))
		finish("FAIL: %u bytes can't be freed", len);
}

static void measure_registration(const char *name, uint32_t size)
{
	len = size;
	register_op();
	measure_after(name, size, 1, 21, unregister_op, register_op, "ferry");
	unregister_op();
}

/* Touched anonymous memory, in pages of 4 KiB and in a huge one. A queue uses the windows. */
static void measure_register(void)
{
	uint8_t *small = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *huge = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (ferry_open(NULL, &device) || ferry_ring_open(device, MAX_BATCH, 0, &ring) ||
	    small == MAP_FAILED || huge == MAP_FAILED)
		finish("FAIL: nothing to register");
	madvise(small, MIB, MADV_NOHUGEPAGE);
	memset(small, 1, MIB);
	huge += -(uintptr_t)huge % (2 * MIB);
	madvise(huge, 2 * MIB, MADV_HUGEPAGE);
	memset(huge, 1, 2 * MIB);
	to_register = small;
	measure_registration("ferry.buf.register", 4096);
	measure_registration("ferry.buf.register", MIB);
	to_register = huge;
	measure_registration("ferry.buf.register.huge", MIB);
	ferry_ring_close(ring);
	ferry_close(device);
}

/* The same operations through rings and doorbell of this process's own. */
static void measure_rings(void)
{
	struct ferry_buf *buf;

	if (ferry_open(NULL, &device) || ferry_ring_open(device, MAX_BATCH, 0, &ring) ||
	    ferry_buf_alloc(device, 2 * MIB, 0, &buf) || ferry_buf_map(buf))
		finish("FAIL: no mapped queue");
	ring_buffer = buf->handle;
	src = buf->addr;
	dst = src + MIB;
	for (uint32_t i = 0; i < MIB; i++)
		src[i] = i * 31 + (i >> 8);
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++)
		for (unsigned int j = 0; j < ARRAY_SIZE(batches); j++)
			measure_ring("ferry.queue.copy", FERRY_OP_COPY, sizes[i], batches[j]);
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++)
		for (unsigned int j = 0; j < ARRAY_SIZE(batches); j++)
			measure_ring("ferry.queue.crc32c", FERRY_OP_CRC32C, sizes[i], batches[j]);
	ferry_ring_close(ring);
	ferry_buf_free(buf);
	ferry_close(device);
}

int main(void)
{
	const char *mode = getenv("bench");

	mkdir("/proc", 0755);
	mkdir("/dev", 0755);
	if (mount("proc", "/proc", "proc", 0, NULL) || mount("dev", "/dev", "devtmpfs", 0, NULL))
		finish("FAIL: mount: %m");
	src = mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	dst = src + MIB;
	memset(src, 0x5a, 2 * MIB);
	memset(sqes, 0, sizeof(sqes));
	memset(cqes, 0, sizeof(cqes));
	/* The kernel's own threads finish what booting left them; idle time costs nothing. */
	sleep(3);

	if (mode && !strncmp(mode, "wall", 4)) {
		load_driver();
		measure_wall(!strcmp(mode, "wall"));
	} else if (mode && !strcmp(mode, "stream")) {
		load_driver();
		measure_stream();
	} else if (mode && !strcmp(mode, "sleep")) {
		load_driver();
		measure_ferry(true);
		measure_waits(true);
	} else {
		measure_cpu();
		measure_naive();
		load_driver();
		measure_ferry(false);
		measure_rings();
		measure_waits(false);
		measure_register();
	}
	for (struct row *row = rows; row < rows + nr_rows; row++)
		printf("row %s %u %u %u %llu %ld\n", row->name, row->size, row->batch, row->calls,
		       (unsigned long long)row->p50, row->irqs);
	finish("done");
}
