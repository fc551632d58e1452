// SPDX-License-Identifier: GPL-2.0-only
/* What libferry does by itself, and with the fake device. Prints TAP. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

static int count, failed;

static void result(int ok, const char *name)
{
	printf("%sok %d - %s\n", ok ? "" : "not ", ++count, name);
	failed |= !ok;
}

/* The definition of CRC-32C, bit by bit. */
static uint32_t crc_bitwise(uint32_t crc, const uint8_t *data, size_t len)
{
	int bit;

	crc = ~crc;
	while (len--) {
		crc ^= *data++;
		for (bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
	}
	return ~crc;
}

/* The vectors of RFC 3720 B.4, and the check value of the polynomial. */
static void test_crc_vectors(void)
{
	uint8_t zeros[32] = { 0 }, ones[32], up[32], down[32];
	static const uint8_t iscsi_read[48] = {
		[0] = 0x01, [1] = 0xc0, [16] = 0x14, [22] = 0x04, [27] = 0x14,
		[31] = 0x18, [32] = 0x28, [40] = 0x02,
	};
	struct {
		const void *data;
		size_t len;
		uint32_t crc;
	} vectors[] = {
		{ "", 0, 0 },
		{ "123456789", 9, 0xe3069283 },
		{ zeros, 32, 0x8a9136aa },
		{ ones, 32, 0x62a8ab43 },
		{ up, 32, 0x46dd794e },
		{ down, 32, 0x113fdb5c },
		{ iscsi_read, 48, 0xd9963a56 },
	};
	int table = 1, cpu = 1, has_cpu = 1;
	uint32_t crc;
	uint8_t i;

	for (i = 0; i < 32; i++) {
		ones[i] = 0xff;
		up[i] = i;
		down[i] = 31 - i;
	}
	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		table &= ferry_crc32c_table(0, vectors[i].data,
					    vectors[i].len) == vectors[i].crc;
		crc = 0;
		has_cpu &= ferry_crc32c_cpu(&crc, vectors[i].data,
					    vectors[i].len);
		cpu &= crc == vectors[i].crc;
	}
	result(table, "crc32c: RFC 3720 vectors by tables");
	if (has_cpu)
		result(cpu, "crc32c: RFC 3720 vectors by instructions");
	else
		printf("ok %d - crc32c: RFC 3720 vectors by instructions # SKIP this processor has none\n",
		       ++count);
}

static void test_crc_agrees(void)
{
	static uint8_t data[4096 + 16];
	int table = 1, chained = 1, combined = 1, best = 1;
	size_t len, start, split;
	uint32_t crc, a, b;
	size_t i;

	for (i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 2654435761u >> 13);
	for (start = 0; start < 9; start++) {
		for (len = 0; len < 4096; len += len < 70 ? 1 : 501) {
			crc = crc_bitwise(0, data + start, len);
			table &= ferry_crc32c_table(0, data + start, len) == crc;
			best &= ferry_crc32c(0, data + start, len) == crc;
			split = len / 3;
			a = ferry_crc32c(0, data + start, split);
			chained &= ferry_crc32c(a, data + start + split,
						len - split) == crc;
			b = ferry_crc32c(0, data + start + split, len - split);
			combined &= ferry_crc32c_combine(a, b, len - split) == crc;
		}
	}
	result(table, "crc32c: tables agree with the definition at every alignment");
	result(best, "crc32c: ferry_crc32c() agrees with the definition at every alignment");
	result(chained, "crc32c: a CRC goes on where another ended");
	result(combined, "crc32c: the CRCs of two pieces combine to that of both");

	/* x^(8 * n) depends on n modulo 2^31 - 1 alone: that is x's order. */
	a = ferry_crc32c_combine(0x12345678, 0, 5);
	b = ferry_crc32c_combine(0x12345678, 0, 5 + 0x7fffffffULL * 0x10001);
	result(a == b && a != 0x12345678,
	       "crc32c: pieces of more than 4 GiB combine");
}

static void test_names(void)
{
	unsigned int status;
	int all = 1;

	for (status = 0; status <= FERRY_ERR_CQ_WRITE; status++) {
		int known = status <= FERRY_ERR_CANCELLED ||
			    status >= FERRY_ERR_BAD_CONFIG;

		all &= known == !!strcmp(ferry_status_name(status), "UNKNOWN");
		all &= strlen(ferry_status_string(status)) > 4;
	}
	all &= !strcmp(ferry_status_name(FERRY_ERR_WINDOW_BOUNDS),
		       "WINDOW_BOUNDS");
	all &= !strcmp(ferry_status_name(~0U), "UNKNOWN");
	result(all, "status: every status of the datasheet has a name, no other has");
	result(!strcmp(ferry_op_name(FERRY_OP_COPY_CRC32C), "COPY_CRC32C") &&
	       !strcmp(ferry_op_name(FERRY_OP_RECV), "RECV") &&
	       !ferry_op_name(8) && !ferry_op_name(~0U),
	       "operation: every operation has a name, no other number has");
}

static void test_prep(void)
{
	struct ferry_sqe sqe;
	struct ferry_cqe cqe;
	uint8_t bytes[32];
	int ok;
	static const uint8_t expected[32] = {
		4, 0, 0, 0, 0x04, 0x03, 0x02, 0x01,
		0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x02, 0x00,
		0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x01, 0x00,
		0x34, 0x33, 0x32, 0x31, 0, 0, 0, 0,
	};

	memset(&sqe, 0xff, sizeof(sqe));
	ferry_prep_copy_crc32c(&sqe, FERRY_ADDR(1, 0x232425262728),
			       FERRY_ADDR(2, 0x131415161718), 0x01020304,
			       0x31323334);
	memcpy(bytes, &sqe, sizeof(bytes));
	result(sizeof(sqe) == 32 && !memcmp(bytes, expected, 32),
	       "entry: every byte is where the datasheet has it, stale ones are cleared");

	memset(&sqe, 0xff, sizeof(sqe));
	ferry_prep_send(&sqe, FERRY_ADDR(1, 2), 3, 1);
	ok = sqe.op == FERRY_OP_SEND && sqe.flags == FERRY_SQE_EOP &&
	     !sqe.reserved && le32toh(sqe.len) == 3 &&
	     le64toh(sqe.src) == FERRY_ADDR(1, 2) && !sqe.dst && !sqe.arg;
	ferry_prep_send(&sqe, 0, 3, 0);
	ok &= !sqe.flags;
	memset(&sqe, 0xff, sizeof(sqe));
	ferry_prep_recv(&sqe, FERRY_ADDR(1, 2), 3);
	ok &= sqe.op == FERRY_OP_RECV && !sqe.flags && !sqe.reserved &&
	      le32toh(sqe.len) == 3 && !sqe.src &&
	      le64toh(sqe.dst) == FERRY_ADDR(1, 2) && !sqe.arg;
	cqe.flags = htole16(FERRY_CQE_EOP);
	ok &= ferry_cqe_flags(&cqe) == FERRY_CQE_EOP;
	result(ok, "entry: SEND has its end of packet, RECV has no flags");
}

static void test_queue(void)
{
	struct ferry_cqe cqes[8];
	struct ferry_queue *queue;
	struct ferry_sqe *sqe;
	struct ferry *dev;
	uint32_t index;
	int i, n, ok;

	result(ferry_open("/nonexistent", &dev) == -ENOENT &&
	       ferry_open("/dev/null", &dev) == -ENOTTY,
	       "open: what is no Ferry device is told apart");
	if (ferry_open("fake:lag=2,max_order=4", &dev)) {
		result(0, "open: the fake device opens");
		return;
	}
	result(ferry_queue_create(dev, 0, 0, &queue) == -EINVAL &&
	       ferry_queue_create(dev, 17, 0, &queue) == -EINVAL &&
	       ferry_queue_create(dev, 4, 256, &queue) == -EINVAL,
	       "queue: no entries, too many, and a wrong weight are refused");
	n = ferry_queue_create(dev, 3, 0, &queue);
	result(!n && ferry_queue_entries(queue) == 4 &&
	       ferry_queue_channel(queue) == 2,
	       "queue: entries are rounded up to a power of two");

	result(ferry_queue_submit(queue) == 0,
	       "submit: nothing taken, nothing submitted");
	result(ferry_queue_wait(queue, cqes, 8, 0, 0) == 0 &&
	       ferry_queue_wait(queue, cqes, 8, 1, 0) == -EAGAIN &&
	       ferry_queue_wait(queue, cqes, 1, 2, 0) == -EINVAL,
	       "wait: nothing there is 0, EAGAIN when something was asked for");

	ok = 1;
	for (i = 0; i < 4; i++) {
		sqe = ferry_queue_get_sqe(queue, &index);
		ok &= sqe && index == (uint32_t)i;
		if (sqe)
			ferry_prep_nop(sqe);
	}
	result(ok && !ferry_queue_get_sqe(queue, NULL),
	       "get_sqe: gives every entry once, in order, then NULL");
	n = ferry_queue_submit(queue);
	result(n == 4 && !ferry_queue_get_sqe(queue, NULL),
	       "submit: entries are not free before they are reaped");
	n = ferry_queue_wait(queue, cqes, 8, 0, 0);
	result(n == 2 && ferry_cqe_index(&cqes[0]) == 0 &&
	       ferry_cqe_index(&cqes[1]) == 1 && !ferry_cqe_status(&cqes[1]),
	       "wait: takes what has completed");

	sqe = ferry_queue_get_sqe(queue, &index);
	if (sqe)
		ferry_prep_copy(sqe, FERRY_ADDR(9, 0), FERRY_ADDR(9, 0), 1);
	n = ferry_queue_submit_and_wait(queue, cqes, 8, 3, -1);
	result(sqe && index == 4 && n == 3 && ferry_cqe_index(&cqes[2]) == 4 &&
	       ferry_cqe_status(&cqes[2]) == FERRY_ERR_BAD_WINDOW,
	       "submit_and_wait: an entry that is free again goes round, and fails alone");

	sqe = ferry_queue_get_sqe(queue, NULL);
	ferry_prep_nop(sqe);
	n = ferry_queue_submit(queue);
	ok = ferry_queue_cancel(queue);
	result(n == 1 && !ok && ferry_queue_wait(queue, cqes, 8, 1, -1) == 1 &&
	       ferry_cqe_status(&cqes[0]) == FERRY_ERR_CANCELLED &&
	       !ferry_queue_flush(queue, -1),
	       "cancel: what was dropped completes as cancelled");
	ferry_queue_destroy(queue);
	ferry_queue_destroy(NULL);
	ferry_close(dev);
	ferry_close(NULL);
}

static void test_buffers(void)
{
	struct ferry_buf *buf = NULL, *other = NULL;
	struct ferry *dev;
	int ok;

	if (ferry_open("fake:max_buffers=1", &dev)) {
		result(0, "open: the fake device opens");
		return;
	}
	ok = !ferry_buf_alloc(dev, 5000, FERRY_BUF_WC, &buf);
	result(ok && buf->length == 8192 && !buf->addr &&
	       buf->flags == FERRY_BUF_WC,
	       "buffer: rounded up to pages, not mapped");
	if (!ok)
		return;
	ok = !ferry_buf_map(buf) && !ferry_buf_map(buf) && buf->addr;
	if (ok)
		memset(buf->addr, 1, buf->length);
	result(ok, "buffer: mapped once, all of it");
	result(ferry_buf_ref(buf, 3) == FERRY_ADDR(buf->handle, 3),
	       "buffer: an entry names it by handle and offset");
	result(ferry_buf_alloc(dev, 1, 0, &other) == -ENOSPC && !other,
	       "buffer: one too many is ENOSPC");
	result(!ferry_buf_free(buf) && !ferry_buf_free(NULL),
	       "buffer: freed, and no buffer is let pass");
	result(!ferry_buf_alloc(dev, 1, 0, &other),
	       "buffer: what was freed can be allocated again");
	ferry_buf_free(other);
	ferry_close(dev);
}

/* What the leak checker finds would not be gone. */
static void test_buffer_kept_by_device(void)
{
	struct ferry_buf *buf = NULL;
	struct ferry *dev;

	if (ferry_open("fake:free_errno=5", &dev)) {
		result(0, "open: the fake device opens");
		return;
	}
	result(!ferry_buf_alloc(dev, 1, 0, &buf) && !ferry_buf_map(buf) &&
	       ferry_buf_free(buf) == -EIO,
	       "buffer: one that the device keeps is EIO, and gone");
	ferry_close(dev);
}

/* Memory of the caller's own stays the caller's. */
static void test_registered(void)
{
	static uint8_t memory[5000] = { 1, 2, 3 };
	struct ferry_buf *buf = NULL;
	struct ferry *dev;
	int ok;

	if (ferry_open("fake:", &dev)) {
		result(0, "a device opens");
		return;
	}
	ok = !ferry_buf_register(dev, memory + 1, 4999, FERRY_BUF_DEV_RO, &buf) &&
	     buf->addr == memory + 1 && buf->length == 4999 && !ferry_buf_map(buf) &&
	     buf->addr == memory + 1 && buf->flags == FERRY_BUF_DEV_RO;
	result(ok, "buffer: a registered one is where its memory is");
	result(!ferry_buf_free(buf) && memory[2] == 3, "buffer: freeing a registered one leaves its memory");
	buf = NULL;
	result(ferry_buf_register(dev, memory, 0, 0, &buf) == -EINVAL && !buf,
	       "buffer: nothing can't be registered");
	ferry_close(dev);
}

/* Memory of a dma-buf is the dma-buf's, and has no mapping of the buffer's. */
static void test_imported(void)
{
	struct ferry_buf *buf = NULL, *plain = NULL;
	int fd = memfd_create("dma-buf", MFD_CLOEXEC);
	struct ferry *dev;
	int exported;

	if (ferry_open("fake:max_buffers=2", &dev) || fd < 0 || ftruncate(fd, 8192)) {
		result(0, "a device and a file open");
		return;
	}
	result(!ferry_buf_import(dev, fd, 1000, 0, FERRY_BUF_DEV_RO, &buf) &&
	       buf->length == 8192 - 1000 && buf->imported && !buf->addr &&
	       buf->flags == FERRY_BUF_DEV_RO,
	       "buffer: an imported one tells how long it is");
	result(ferry_buf_map(buf) == -EINVAL && !buf->addr,
	       "buffer: an imported one can't be mapped");
	result(ferry_buf_export(buf) == -EINVAL && !ferry_buf_free(buf),
	       "buffer: an imported one can't be exported");
	buf = NULL;
	result(ferry_buf_import(dev, fd, 8192, 0, 0, &buf) == -EINVAL && !buf &&
	       ferry_buf_import(dev, -1, 0, 0, 0, &buf) == -EBADF && !buf,
	       "buffer: what is not there can't be imported");

	if (ferry_buf_alloc(dev, 1, FERRY_BUF_EXPORT, &buf) ||
	    ferry_buf_alloc(dev, 1, 0, &plain)) {
		result(0, "buffers are allocated");
		return;
	}
	exported = ferry_buf_export(buf);
	result(exported >= 0 && !close(exported) &&
	       ferry_buf_export(plain) == -EINVAL,
	       "buffer: one that was made for it can be exported");
	ferry_buf_free(plain);
	ferry_buf_free(buf);
	close(fd);
	ferry_close(dev);
}

int main(void)
{
	test_crc_vectors();
	test_crc_agrees();
	test_names();
	test_prep();
	test_queue();
	test_buffers();
	test_registered();
	test_imported();
	test_buffer_kept_by_device();
	printf("1..%d\n", count);
	return failed;
}
