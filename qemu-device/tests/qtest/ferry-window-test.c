/*
 * Ferry DMA controller: windows
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a channel's owner can reach is what the rows of its table describe, to
 * the byte, and no longer after an invalidation.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "libqos/ferry.h"

#define A           FERRY_DATA
#define B           (FERRY_DATA + 0x04000000)
#define BIG         0x1000000
#define VALID       FERRY_ROW_FLAGS_VALID
#define READ        (VALID | FERRY_ROW_FLAGS_READ)
#define WRITE       (VALID | FERRY_ROW_FLAGS_WRITE)
#define RW          (READ | WRITE)
#define LIST(shift) (RW | FERRY_ROW_FLAGS_LIST | (shift) << 8)
#define ALL         FERRY_CHAN_WIN_INVALIDATE_ALL
#define SLOW        ",bandwidth=1000000000"     /* a byte a nanosecond */

static void expect(FerryQueue *q, uint8_t op, uint32_t len, uint64_t src,
                   uint64_t dst, uint16_t status, uint64_t addr)
{
    uint32_t index = q->tail;
    FerryCqe cqe = ferry_queue_do(q, op, len, src, dst, 0);

    g_assert_cmpuint(cqe.status, ==, status);
    if (status == FERRY_OK) {
        g_assert_cmpuint(cqe.len, ==, len);
    } else {
        g_assert_cmpuint(cqe.len, <=, len);
        ferry_queue_take_error(q, status, index, addr);
    }
}

/*
 * A list of N pages, not in order and with gaps: page p of the window is at
 * page_at(p). The leaves follow the directory; what a leaf has too much is
 * malformed.
 */
static uint64_t page_at(uint64_t p, unsigned int shift)
{
    return FERRY_DATA + (((p * 5 + 3) % 64) << shift);
}

static void make_list(FerryDev *dev, uint64_t dir, uint32_t n,
                      unsigned int shift)
{
    for (uint32_t leaf = 0; leaf <= (n - 1) / 512; leaf++) {
        uint64_t at = dir + 4096 * (leaf + 1);
        uint64_t pages[512];

        for (uint32_t i = 0; i < 512; i++) {
            uint32_t p = leaf * 512 + i;

            pages[i] = cpu_to_le64(p < n ? page_at(p, shift) : 1);
        }
        qtest_bufwrite(dev->qts, at, pages, sizeof(pages));
        qtest_writeq(dev->qts, dir + 8 * leaf, at);
    }
}

/* Every access of LEN bytes at the edges of a window of SIZE bytes */
static void check_bounds(FerryQueue *q, uint16_t w, uint64_t size)
{
    static const uint32_t lens[] = { 1, 2, 63, 4096 };

    for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
        uint32_t len = lens[i];
        uint64_t last = ferry_at(w, size - len);

        if (len <= size) {
            expect(q, FERRY_OP_CRC32C, len, last, 0, FERRY_OK, 0);
            expect(q, FERRY_OP_FILL, len, 0, last, FERRY_OK, 0);
            expect(q, FERRY_OP_CRC32C, len, last + 1, 0,
                   FERRY_ERR_WINDOW_BOUNDS, last + 1);
            expect(q, FERRY_OP_FILL, len, 0, last + 1,
                   FERRY_ERR_WINDOW_BOUNDS, last + 1);
        }
        expect(q, FERRY_OP_CRC32C, len, ferry_at(w, size), 0,
               FERRY_ERR_WINDOW_BOUNDS, ferry_at(w, size));
        expect(q, FERRY_OP_CRC32C, len, ferry_at(w, 0xffffffffffff), 0,
               FERRY_ERR_WINDOW_BOUNDS, ferry_at(w, 0xffffffffffff));
    }
    if (size < BIG) {
        expect(q, FERRY_OP_CRC32C, size, ferry_at(w, 0), 0, FERRY_OK, 0);
        expect(q, FERRY_OP_CRC32C, size + 1, ferry_at(w, 0), 0,
               FERRY_ERR_WINDOW_BOUNDS, ferry_at(w, 0));
    }
}

static void test_bounds(FerryDev *dev)
{
    static const uint64_t bytes[] = { 1, 4095, 4096, 4097, 100001, 0x2000000 };
    uint8_t guard[2] = { 0xa5, 0x5a };
    FerryQueue q;

    ferry_queue_init(&q, dev, 0);
    ferry_queue_start(&q);
    make_list(dev, FERRY_LISTS, 0x2001, 12);
    for (size_t i = 0; i < ARRAY_SIZE(bytes); i++) {
        /* Contiguous, at an odd address; then the same bytes in a list */
        ferry_queue_row(&q, i, B + 3, bytes[i], RW, 0);
        qtest_writeb(dev->qts, B + 2, guard[0]);
        qtest_writeb(dev->qts, B + 3 + bytes[i], guard[1]);
        check_bounds(&q, i, bytes[i]);
        g_assert_cmphex(qtest_readb(dev->qts, B + 2), ==, guard[0]);
        g_assert_cmphex(qtest_readb(dev->qts, B + 3 + bytes[i]), ==, guard[1]);

        ferry_queue_row(&q, 32 + i, FERRY_LISTS, bytes[i], LIST(12), 3);
        check_bounds(&q, 32 + i, bytes[i]);
    }
}

static void test_permission(FerryDev *dev)
{
    static const uint32_t perms[] = { VALID, READ, WRITE, RW };
    FerryQueue q;

    ferry_queue_init(&q, dev, 1);
    make_list(dev, FERRY_LISTS, 4, 12);
    for (size_t i = 0; i < 4; i++) {
        ferry_queue_row(&q, i, A, 4096, perms[i], 0);
        ferry_queue_row(&q, 4 + i, FERRY_LISTS, 4096,
                        (LIST(12) & ~RW) | perms[i], 0);
    }
    ferry_queue_start(&q);
    for (uint16_t i = 0; i < 8; i++) {
        uint64_t w = ferry_at(i, 16);
        uint16_t read = perms[i % 4] & FERRY_ROW_FLAGS_READ ?
                        FERRY_OK : FERRY_ERR_WINDOW_PERM;
        uint16_t write = perms[i % 4] & FERRY_ROW_FLAGS_WRITE ?
                         FERRY_OK : FERRY_ERR_WINDOW_PERM;
        uint64_t rw = ferry_at(3, 0);

        expect(&q, FERRY_OP_COPY, 16, w, rw, read, w);
        expect(&q, FERRY_OP_COPY, 16, rw, w, write, w);
        expect(&q, FERRY_OP_COPY_CRC32C, 16, w, rw, read, w);
        expect(&q, FERRY_OP_COPY_CRC32C, 16, rw, w, write, w);
        expect(&q, FERRY_OP_FILL, 16, 0, w, write, w);
        expect(&q, FERRY_OP_CRC32C, 16, w, 0, read, w);
        if (read == FERRY_OK) {
            expect(&q, FERRY_OP_COPY, 16, w, rw, FERRY_OK, 0);
        }
        expect(&q, FERRY_OP_COMPARE, 16, w, rw, read, w);
        expect(&q, FERRY_OP_COMPARE, 16, rw, w, read, w);
    }
}

/* Bytes through lists of each page shift are where the pages say. */
static void check_list(FerryQueue *q, unsigned int shift, uint32_t first,
                       uint64_t offset, uint32_t len)
{
    FerryDev *dev = q->dev;
    g_autofree uint8_t *data = g_malloc(len);
    uint64_t flat = ferry_at(1, 0), list = ferry_at(0, offset);

    ferry_queue_row(q, 0, FERRY_LISTS, offset + len, LIST(shift), first);
    ferry_queue_invalidate(q, 0);
    ferry_pattern(data, len, shift + first + len);
    ferry_fill(dev, FERRY_HIGH, data, len);
    expect(q, FERRY_OP_COPY, len, flat, list, FERRY_OK, 0);
    for (uint32_t done = 0; done < len; ) {
        uint64_t at = first + offset + done;
        uint32_t in = at & ((1ULL << shift) - 1);
        uint32_t n = MIN(len - done, (1ULL << shift) - in);

        ferry_assert_memory(dev, page_at(at >> shift, shift) + in,
                            data + done, n);
        done += n;
    }
    qtest_memset(dev->qts, FERRY_HIGH, 0, len);
    expect(q, FERRY_OP_COPY, len, list, flat, FERRY_OK, 0);
    ferry_assert_memory(dev, FERRY_HIGH, data, len);
}

static void test_list(FerryDev *dev)
{
    uint32_t cap = ferry_read(dev, FERRY_CAP_ADDR);
    unsigned int least = cap >> 8 & 0x3f;
    FerryQueue q;

    ferry_queue_init(&q, dev, 2);
    ferry_queue_row(&q, 1, FERRY_HIGH, 0x1000000, RW, 0);
    ferry_queue_start(&q);
    for (unsigned int shift = least; shift <= 16; shift++) {
        uint64_t page = 1ULL << shift;

        make_list(dev, FERRY_LISTS, 64, shift);
        check_list(&q, shift, 0, 0, 3);
        check_list(&q, shift, 0, page - 1, 2);
        check_list(&q, shift, page - 1, 0, page + 2);
        check_list(&q, shift, 77, 1234, 3 * page + 1);
        check_list(&q, shift, page - 1, 61 * page, page + 2);
    }
    /* Over the ends of leaves */
    make_list(dev, FERRY_LISTS, 1100, 12);
    check_list(&q, 12, 1, 511 * 4096, 5000);
    check_list(&q, 12, 0, 1023 * 4096 + 4095, 2);
    check_list(&q, 12, 4095, 1020 * 4096, 6 * 4096);
}

/* The greatest page: one, as large as the memory, that holds it all */
static void test_greatest_page(FerryDev *dev)
{
    unsigned int shift = ferry_read(dev, FERRY_CAP_ADDR) >> 16 & 0x3f;
    uint64_t mask = (1ULL << shift) - 1;
    FerryQueue q;

    ferry_queue_init(&q, dev, 2);
    ferry_queue_row(&q, 0, FERRY_LISTS, 4096, LIST(shift), A & mask);
    ferry_queue_row(&q, 1, FERRY_LISTS, 4096, LIST(shift + 1), 0);
    ferry_queue_row(&q, 2, FERRY_LISTS, 4096, LIST(11), 0);
    qtest_writeq(dev->qts, FERRY_LISTS, FERRY_LISTS + 4096);
    qtest_writeq(dev->qts, FERRY_LISTS + 4096, A & ~mask);
    qtest_writeq(dev->qts, A + 8, 0x1234567890abcdef);
    ferry_queue_start(&q);
    expect(&q, FERRY_OP_COPY, 8, ferry_at(0, 8), ferry_at(0, 100), FERRY_OK,
           0);
    g_assert_cmphex(qtest_readq(dev->qts, A + 100), ==, 0x1234567890abcdef);
    expect(&q, FERRY_OP_CRC32C, 8, ferry_at(1, 0), 0,
           FERRY_ERR_WINDOW_MALFORMED, ferry_at(1, 0));
    expect(&q, FERRY_OP_CRC32C, 8, ferry_at(2, 0), 0,
           FERRY_ERR_WINDOW_MALFORMED, ferry_at(2, 0));
}

static void test_malformed(FerryDev *dev)
{
    uint32_t width = ferry_read(dev, FERRY_CAP_ADDR) & FERRY_CAP_ADDR_WIDTH;
    uint64_t limit = width < 64 ? 1ULL << width : 0;
    const struct {
        uint64_t base, size;
        uint32_t flags, first;
    } bad[] = {
        { A, 0, RW, 0 },
        { A, (1ULL << 48) + 1, RW, 0 },
        { A, 4096, RW | 1U << 4, 0 },
        { A, 4096, RW | 1U << 7, 0 },
        { A, 4096, RW | 1U << 14, 0 },
        { A, 4096, RW | 1U << 31, 0 },
        { limit - 4096, 4097, RW, 0 },
        { UINT64_MAX, 2, RW, 0 },
        { FERRY_LISTS, 4096, LIST(0), 0 },
        { FERRY_LISTS, 4096, LIST(11), 0 },
        { FERRY_LISTS, 4096, LIST(63), 0 },
        { FERRY_LISTS, 4096, LIST(12), 4096 },
        { FERRY_LISTS, 4096, LIST(14), 16384 },
        { FERRY_LISTS + 2048, 4096, LIST(12), 0 },
        { FERRY_LISTS + 8, 4096, LIST(12), 0 },
        { FERRY_LISTS, 4096ULL << 18, LIST(12), 1 },
        { FERRY_LISTS, (4096ULL << 18) + 1, LIST(12), 0 },
    };
    uint64_t w = ferry_at(9, 1);
    FerryQueue q;

    ferry_queue_init(&q, dev, 0);
    make_list(dev, FERRY_LISTS, 16, 12);
    ferry_queue_start(&q);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        ferry_queue_row(&q, 9, bad[i].base, bad[i].size, bad[i].flags,
                        bad[i].first);
        ferry_queue_invalidate(&q, 9);
        expect(&q, FERRY_OP_CRC32C, 8, w, 0, FERRY_ERR_WINDOW_MALFORMED, w);
    }
    /* PAGE_SHIFT and first are of a list; the rest of the row is reserved. */
    ferry_queue_row(&q, 9, A, 4096, RW, 0);
    for (uint32_t at = FERRY_ROW_RESERVED; at < FERRY_ROW_SIZE; at++) {
        uint64_t byte = q.wt + 9 * FERRY_ROW_SIZE + at;

        qtest_writeb(dev->qts, byte, 0x40);
        ferry_queue_invalidate(&q, 9);
        expect(&q, FERRY_OP_CRC32C, 8, w, 0, FERRY_ERR_WINDOW_MALFORMED, w);
        qtest_writeb(dev->qts, byte, 0);
    }
    ferry_queue_invalidate(&q, 9);
    expect(&q, FERRY_OP_CRC32C, 8, w, 0, FERRY_OK, 0);
}

/* Leaves and pages are judged when they are reached. */
static void test_malformed_list(FerryDev *dev)
{
    uint32_t width = ferry_read(dev, FERRY_CAP_ADDR) & FERRY_CAP_ADDR_WIDTH;
    uint64_t beyond = width < 64 ? 1ULL << width : 1;
    uint64_t bad[] = { FERRY_DATA + 1, FERRY_DATA + 2048, beyond };
    uint64_t leaf = FERRY_LISTS + 4096, start = ferry_at(0, 0);
    FerryQueue q;

    ferry_queue_init(&q, dev, 0);
    ferry_queue_row(&q, 0, FERRY_LISTS, 1100 * 4096, LIST(12), 0);
    ferry_queue_start(&q);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        make_list(dev, FERRY_LISTS, 1100, 12);
        qtest_writeq(dev->qts, leaf + 8 * 3, bad[i]);
        ferry_queue_invalidate(&q, ALL);
        expect(&q, FERRY_OP_CRC32C, 3 * 4096, start, 0, FERRY_OK, 0);
        expect(&q, FERRY_OP_CRC32C, 5 * 4096, start, 0,
               FERRY_ERR_WINDOW_MALFORMED, ferry_at(0, 3 * 4096));
        qtest_writeq(dev->qts, FERRY_LISTS + 8, bad[i]);
        ferry_queue_invalidate(&q, ALL);
        expect(&q, FERRY_OP_CRC32C, 3 * 4096, ferry_at(0, 510 * 4096), 0,
               FERRY_ERR_WINDOW_MALFORMED, ferry_at(0, 512 * 4096));
    }
    make_list(dev, FERRY_LISTS, 1100, 12);
    ferry_queue_invalidate(&q, ALL);
    expect(&q, FERRY_OP_CRC32C, 1100 * 4096, start, 0, FERRY_OK, 0);
}

/* Tables and lists that the bus refuses */
static void test_unreadable_table(FerryDev *dev)
{
    uint64_t hole = 0x140000000;    /* the end of -m 4G */
    FerryQueue q;

    ferry_queue_init(&q, dev, 0);
    ferry_queue_row(&q, 0, dev->ctrl, 4096, LIST(12), 0);
    ferry_queue_row(&q, 1, FERRY_LISTS, 4096, LIST(12), 0);
    ferry_queue_row(&q, 2, FERRY_LISTS + 0x4000, 4096, LIST(12), 0);
    qtest_writeq(dev->qts, FERRY_LISTS, dev->doorbell);
    qtest_writeq(dev->qts, FERRY_LISTS + 0x4000, FERRY_LISTS + 0x5000);
    qtest_writeq(dev->qts, FERRY_LISTS + 0x5000, dev->doorbell);
    ferry_queue_start(&q);
    expect(&q, FERRY_OP_CRC32C, 8, ferry_at(0, 0), 0, FERRY_ERR_DMA_ABORT,
           dev->ctrl);
    expect(&q, FERRY_OP_CRC32C, 8, ferry_at(1, 0), 0, FERRY_ERR_DMA_ABORT,
           dev->doorbell);
    expect(&q, FERRY_OP_FILL, 8, 0, ferry_at(2, 0), FERRY_ERR_DMA_ABORT,
           dev->doorbell);
    ferry_queue_reset(&q);
    ferry_queue_init(&q, dev, 0);
    q.wt = hole - 64;
    ferry_queue_row(&q, 1, A, 4096, RW, 0);
    q.rows = 3;
    ferry_queue_start(&q);
    expect(&q, FERRY_OP_CRC32C, 8, ferry_at(1, 0), 0, FERRY_OK, 0);
    expect(&q, FERRY_OP_CRC32C, 8, ferry_at(2, 0), 0, FERRY_ERR_DMA_ABORT,
           hole);
    expect(&q, FERRY_OP_CRC32C, 8, ferry_at(3, 0), 0, FERRY_ERR_BAD_WINDOW,
           ferry_at(3, 0));
    ferry_queue_reset(&q);
    q.rows = 0;
    ferry_queue_start(&q);
    expect(&q, FERRY_OP_CRC32C, 8, 0, 0, FERRY_ERR_BAD_WINDOW, 0);
}

/*
 * A row that becomes VALID needs no invalidation, however often the device
 * has seen it otherwise. One taken away does, and then it is gone.
 */
static void test_cached_rows(FerryDev *dev)
{
    uint64_t w = ferry_at(5, 0);
    FerryQueue q;

    ferry_queue_init(&q, dev, 4);
    ferry_queue_start(&q);
    qtest_memset(dev->qts, A, 0xaa, 64);
    qtest_memset(dev->qts, B, 0xbb, 64);
    expect(&q, FERRY_OP_CRC32C, 8, w, 0, FERRY_ERR_WINDOW_REVOKED, w);
    ferry_queue_row(&q, 5, A, 4096, RW, 0);
    expect(&q, FERRY_OP_COPY, 8, w, w + 8, FERRY_OK, 0);
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t what = i ? ALL : 5;

        ferry_queue_row(&q, 5, B, 4096, RW & ~VALID, 0);
        ferry_queue_invalidate(&q, what);
        expect(&q, FERRY_OP_CRC32C, 8, w, 0, FERRY_ERR_WINDOW_REVOKED, w);
        ferry_queue_row(&q, 5, i ? A : B, 4096, RW, 0);
        expect(&q, FERRY_OP_COPY, 8, w, w + 64, FERRY_OK, 0);
        g_assert_cmphex(qtest_readb(dev->qts, (i ? A : B) + 64), ==,
                        i ? 0xaa : 0xbb);
    }
    /* A list: what the leaves say is read again, too. */
    make_list(dev, FERRY_LISTS, 4, 12);
    ferry_queue_row(&q, 6, FERRY_LISTS, 4096, LIST(12), 0);
    expect(&q, FERRY_OP_FILL, 8, 0, ferry_at(6, 0), FERRY_OK, 0);
    qtest_writeq(dev->qts, FERRY_LISTS + 4096, B);
    ferry_queue_invalidate(&q, 6);
    expect(&q, FERRY_OP_COPY, 8, ferry_at(6, 0), ferry_at(6, 32), FERRY_OK, 0);
    g_assert_cmphex(qtest_readb(dev->qts, B + 32), ==, 0xbb);
}

/* More windows than a cache can hold, in turn and again */
static void test_many_windows(FerryDev *dev)
{
    FerryQueue q;

    ferry_queue_init(&q, dev, 0);
    q.rows = 1000;
    for (uint32_t w = 0; w < q.rows; w++) {
        ferry_queue_row(&q, w, A + w * 64, 64, RW, 0);
        qtest_writeq(dev->qts, A + w * 64, w);
    }
    ferry_queue_start(&q);
    for (uint32_t i = 0; i < 300; i++) {
        uint32_t from = i * 997 % 500, to = 500 + i * 313 % 500;

        expect(&q, FERRY_OP_COPY, 8, ferry_at(from, 0), ferry_at(to, 8),
               FERRY_OK, 0);
        g_assert_cmphex(qtest_readq(dev->qts, A + to * 64 + 8), ==, from);
    }
}

/* Revoked in mid-operation, the row already VALID again: true count, stop */
static void check_revoke(FerryQueue *q, uint32_t what, bool revalidate)
{
    FerryDev *dev = q->dev;
    g_autofree uint8_t *found = g_malloc(BIG);
    uint64_t spent = 0;
    uint32_t span;
    FerryCqe cqe;

    ferry_queue_row(q, 7, B, BIG, RW, 0);
    qtest_memset(dev->qts, B, 0, BIG);
    ferry_queue_add(q, FERRY_OP_FILL, BIG, 0, ferry_at(7, 0), UINT64_MAX);
    ferry_queue_add(q, FERRY_OP_FILL, 8, 0, ferry_at(8, 0), 0);
    ferry_queue_ring(q);
    do {
        ferry_poll(dev, &spent);
    } while (!ferry_queue_read64(q, FERRY_CHAN_BYTES_LO));
    qtest_writel(dev->qts, q->wt + 7 * FERRY_ROW_SIZE + FERRY_ROW_FLAGS, 0);
    ferry_queue_write(q, FERRY_CHAN_WIN_INVALIDATE, what);
    if (revalidate) {
        qtest_writel(dev->qts, q->wt + 7 * FERRY_ROW_SIZE + FERRY_ROW_FLAGS,
                     RW);
    }
    ferry_queue_wait_invalidated(q);
    /* It has completed by now, and touches the memory no more. */
    g_assert_true(ferry_queue_done(q, q->head));
    cqe = ferry_queue_reap(q);
    /* What it would do next is near to what it did last. */
    span = MIN(cqe.len + 0x100000, BIG);
    ferry_get(dev, B, found, span);
    if (dev->engine == FERRY_VIRTUAL || cqe.status != FERRY_OK) {
        g_assert_cmpuint(cqe.status, ==, FERRY_ERR_WINDOW_REVOKED);
        g_assert_cmpuint(cqe.len, >, 0);
        g_assert_cmpuint(cqe.len, <, BIG);
        ferry_queue_take_error(q, FERRY_ERR_WINDOW_REVOKED, q->head - 1,
                               ferry_at(7, 0));
    }
    for (uint32_t i = 0; i < cqe.len; i++) {
        g_assert_cmphex(found[i], ==, 0xff);
    }
    g_assert_cmpuint(ferry_queue_reap(q).status, ==, FERRY_OK);
    ferry_assert_memory(dev, B, found, span);
}

static void test_revoke_in_use(FerryDev *dev)
{
    for (uint32_t i = 0; i < 4; i++) {
        FerryQueue q;

        ferry_queue_init(&q, dev, i);
        ferry_queue_row(&q, 8, A, 4096, RW, 0);
        ferry_queue_start(&q);
        check_revoke(&q, i & 1 ? ALL : 7, i & 2);
    }
}

/* What the running entry does not use can go without disturbing it. */
static void test_revoke_other(FerryDev *dev)
{
    FerryQueue q[2];

    for (unsigned int c = 0; c < 2; c++) {
        ferry_queue_init(&q[c], dev, c);
        ferry_queue_row(&q[c], 7, B + c * BIG, BIG, RW, 0);
        ferry_queue_row(&q[c], 8, A, 4096, RW, 0);
        ferry_queue_start(&q[c]);
        expect(&q[c], FERRY_OP_FILL, 8, 0, ferry_at(8, 0), FERRY_OK, 0);
        ferry_queue_add(&q[c], FERRY_OP_FILL, BIG, 0, ferry_at(7, 0), 1);
        ferry_queue_ring(&q[c]);
    }
    if (dev->engine == FERRY_VIRTUAL) {
        qtest_clock_step(dev->qts, 500000);
    }
    qtest_writel(dev->qts, q[0].wt + 8 * FERRY_ROW_SIZE + FERRY_ROW_FLAGS, 0);
    ferry_queue_invalidate(&q[0], 8);
    for (unsigned int c = 0; c < 2; c++) {
        ferry_assert_cqe(ferry_queue_reap(&q[c]), FERRY_OK, BIG, 0, 0);
    }
    expect(&q[0], FERRY_OP_CRC32C, 8, ferry_at(8, 0), 0,
           FERRY_ERR_WINDOW_REVOKED, ferry_at(8, 0));
    expect(&q[1], FERRY_OP_CRC32C, 8, ferry_at(8, 0), 0, FERRY_OK, 0);
}

/* INVAL_BUSY ends within CAP_TIME, in every state and under full load. */
static void test_busy_bound(FerryDev *dev)
{
    int64_t bound = 1000LL * (ferry_read(dev, FERRY_CAP_TIME) >> 16);
    FerryQueue q[8];

    for (unsigned int c = 0; c < 8; c++) {
        ferry_queue_start_bypass(&q[c], dev, c);
        ferry_queue_write(&q[c], FERRY_CHAN_WEIGHT, 255);
        for (int i = 0; i < 32 && c < 6; i++) {
            ferry_queue_add(&q[c], FERRY_OP_FILL, BIG, 0, B + c * BIG, 0);
        }
        ferry_queue_ring(&q[c]);
    }
    qtest_clock_step(dev->qts, 3000000);
    ferry_doorbell(dev, 6, 1000);           /* HALTED */
    ferry_queue_write(&q[7], FERRY_CHAN_CMD, FERRY_CHAN_CMD_STOP);
    qtest_clock_step(dev->qts, bound);
    for (unsigned int c = 0; c < 8; c++) {
        ferry_queue_write(&q[c], FERRY_CHAN_WIN_INVALIDATE, ALL);
    }
    ferry_queue_write(&q[5], FERRY_CHAN_CMD, FERRY_CHAN_CMD_STOP);
    qtest_clock_step(dev->qts, bound);
    for (unsigned int c = 0; c < 8; c++) {
        g_assert_cmphex(ferry_queue_read(&q[c], FERRY_CHAN_STATUS), ==,
                        c < 5 ? FERRY_STATE_RUNNING :
                        c == 6 ? FERRY_STATE_HALTED : FERRY_STATE_IDLE);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ferry_add("window", "bounds-hold-to-the-byte", "", test_bounds);
    ferry_add("window", "permissions-hold-for-each-operation", "",
              test_permission);
    ferry_add("window", "lists-make-pages-contiguous", "", test_list);
    ferry_add("window", "page-shifts-end-where-the-capability-says", "",
              test_greatest_page);
    ferry_add("window", "malformed-rows-are-refused", "", test_malformed);
    ferry_add("window", "malformed-lists-fail-where-reached", "",
              test_malformed_list);
    ferry_add("window", "unreadable-tables-abort", "", test_unreadable_table);
    ferry_add("window", "invalidation-forgets-cached-rows", "",
              test_cached_rows);
    ferry_add("window", "more-windows-than-any-cache", "", test_many_windows);
    ferry_add("window", "revocation-stops-the-running-entry", SLOW,
              test_revoke_in_use);
    ferry_add("window", "revocation-spares-other-windows", SLOW,
              test_revoke_other);
    ferry_add_virtual("window", "invalidation-ends-within-its-bound", SLOW,
                      test_busy_bound);
    return ferry_run_tests();
}
