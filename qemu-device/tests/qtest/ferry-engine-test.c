/*
 * Ferry DMA controller: operations and rings
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each operation is compared with a reference in software, at the sizes and
 * alignments where chunks of 16 KiB, quanta of 64 KiB and pages of 4 KiB have
 * their edges. What an operation writes is looked at together with GUARD bytes
 * on either side.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "libqos/ferry.h"

#define GUARD       64
#define CHUNK       16384
#define QUANTUM     65536
#define SRC         FERRY_DATA
#define DST         (FERRY_DATA + 0x04000000)
#define SLOW        ",bandwidth=1000000000"     /* a byte a nanosecond */

static const uint32_t sizes[] = {
    0, 1, 2, 3, 7, 8, 9, 63, 64, 65, 4095, 4096, 4097, CHUNK - 1, CHUNK,
    CHUNK + 1, QUANTUM - 1, QUANTUM, QUANTUM + 1, 3 * QUANTUM + 4099,
};

/* One operation on fresh patterns, with everything it may do to memory */
static void check_operation(FerryQueue *q, uint8_t op, uint32_t len,
                            uint64_t src, uint64_t dst)
{
    FerryDev *dev = q->dev;
    g_autofree uint8_t *s = g_malloc(len + 1);
    g_autofree uint8_t *d = g_malloc(len + 2 * GUARD);
    uint64_t arg = 0;
    uint32_t result = 0;

    ferry_pattern(s, len, len + op);
    ferry_pattern(d, len + 2 * GUARD, src ^ dst);
    if (op == FERRY_OP_COMPARE) {
        memcpy(d + GUARD, s, len);
    }
    ferry_fill(dev, src, s, len);
    ferry_fill(dev, dst - GUARD, d, len + 2 * GUARD);

    switch (op) {
    case FERRY_OP_FILL:
        arg = 0x8877665544332211 + len;
        for (uint32_t i = 0; i < len; i++) {
            d[GUARD + i] = arg >> i % 8 * 8;
        }
        break;
    case FERRY_OP_CRC32C:
    case FERRY_OP_COPY_CRC32C:
        arg = 0x12345678 ^ len;
        result = ferry_crc32c(arg, s, len);
        if (op == FERRY_OP_CRC32C) {
            break;
        }
        /* fall through */
    case FERRY_OP_COPY:
        memcpy(d + GUARD, s, len);
        break;
    }
    ferry_assert_cqe(ferry_queue_do(q, op, len, src, dst, arg), FERRY_OK, len,
                     result, 0);
    ferry_assert_memory(dev, src, s, len);
    ferry_assert_memory(dev, dst - GUARD, d, len + 2 * GUARD);
}

static void check_sizes(FerryDev *dev, uint8_t op)
{
    FerryQueue q;

    ferry_queue_start_bypass(&q, dev, 0);
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        static const uint16_t offsets[] = { 0, 1, 3, 4091, 8, 4095, 6 };
        uint32_t s = offsets[i % ARRAY_SIZE(offsets)];
        uint32_t d = offsets[(i + 3) % ARRAY_SIZE(offsets)];

        check_operation(&q, op, sizes[i], SRC, DST);
        check_operation(&q, op, sizes[i], SRC + s, DST + d);
        check_operation(&q, op, sizes[i], SRC + d, DST + d);
    }
    /* The source below and the destination across 4 GiB, and both above */
    check_operation(&q, op, CHUNK + 77, FERRY_HIGH - 0x100000,
                    FERRY_HIGH - 4097);
    check_operation(&q, op, CHUNK + 77, FERRY_HIGH - 5, FERRY_HIGH + 0x1000001);
    check_operation(&q, op, CHUNK + 77, FERRY_HIGH + 0x3ffffff,
                    FERRY_HIGH + 0x2000000);
    g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_ERRORS), ==, 0);
}

static void test_copy(FerryDev *dev)
{
    check_sizes(dev, FERRY_OP_COPY);
}

static void test_fill(FerryDev *dev)
{
    check_sizes(dev, FERRY_OP_FILL);
}

static void test_crc32c(FerryDev *dev)
{
    check_sizes(dev, FERRY_OP_CRC32C);
}

static void test_copy_crc32c(FerryDev *dev)
{
    check_sizes(dev, FERRY_OP_COPY_CRC32C);
}

static void test_compare(FerryDev *dev)
{
    check_sizes(dev, FERRY_OP_COMPARE);
}

static void test_compare_mismatch(FerryDev *dev)
{
    static const uint32_t at[] = {
        0, 1, 7, 8, 4095, 4096, CHUNK - 1, CHUNK, QUANTUM - 1, QUANTUM, 70000,
    };
    uint32_t len = 70001;
    g_autofree uint8_t *data = g_malloc(len);
    FerryQueue q;

    ferry_queue_start_bypass(&q, dev, 0);
    ferry_pattern(data, len, 1);
    ferry_fill(dev, SRC, data, len);
    ferry_fill(dev, DST + 3, data, len);
    for (size_t i = ARRAY_SIZE(at); i--; ) {
        /* The differences behind the first one stay, and do not count. */
        uint8_t other = data[at[i]] ^ 0x81;

        qtest_writeb(dev->qts, DST + 3 + at[i], other);
        ferry_assert_cqe(ferry_queue_do(&q, FERRY_OP_COMPARE, len, SRC,
                                        DST + 3, 0),
                         FERRY_OK, at[i], other << 8 | data[at[i]],
                         FERRY_CQE_MISMATCH);
        ferry_assert_cqe(ferry_queue_do(&q, FERRY_OP_COMPARE, at[i], SRC,
                                        DST + 3, 0), FERRY_OK, at[i], 0, 0);
    }
}

static void test_crc_chain(FerryDev *dev)
{
    uint8_t data[5000];
    FerryQueue q;
    FerryCqe cqe;

    ferry_queue_start_bypass(&q, dev, 0);
    ferry_fill(dev, SRC + 1, "123456789", 9);
    ferry_assert_cqe(ferry_queue_do(&q, FERRY_OP_CRC32C, 9, SRC + 1, 0, 0),
                     FERRY_OK, 9, 0xe3069283, 0);
    for (uint32_t split = 0; split <= 9; split++) {
        cqe = ferry_queue_do(&q, FERRY_OP_CRC32C, split, SRC + 1, 0, 0);
        cqe = ferry_queue_do(&q, FERRY_OP_COPY_CRC32C, 9 - split,
                             SRC + 1 + split, DST, cqe.result);
        ferry_assert_cqe(cqe, FERRY_OK, 9 - split, 0xe3069283, 0);
    }
    ferry_pattern(data, sizeof(data), 2);
    ferry_fill(dev, SRC, data, sizeof(data));
    cqe = ferry_queue_do(&q, FERRY_OP_CRC32C, 1234, SRC, 0, 0xdeadbeef);
    cqe = ferry_queue_do(&q, FERRY_OP_CRC32C, sizeof(data) - 1234, SRC + 1234,
                         0, cqe.result);
    g_assert_cmphex(cqe.result, ==,
                    ferry_crc32c(0xdeadbeef, data, sizeof(data)));
}

static void check_overlap(FerryQueue *q, uint8_t op, uint64_t base, int shift,
                          uint64_t bus)
{
    uint32_t len = 3 * QUANTUM + 333, area = len + 2 * QUANTUM;
    g_autofree uint8_t *data = g_malloc(area);
    uint32_t from = shift < 0 ? -shift : 0, to = shift < 0 ? 0 : shift;
    uint32_t crc = 0;

    ferry_pattern(data, area, shift);
    ferry_fill(q->dev, bus, data, area);
    if (op == FERRY_OP_COPY_CRC32C) {
        crc = ferry_crc32c(0, data + from, len);
    }
    memmove(data + to, data + from, len);
    ferry_assert_cqe(ferry_queue_do(q, op, len, base + from, base + to, 0),
                     FERRY_OK, len, crc, 0);
    ferry_assert_memory(q->dev, bus, data, area);
}

static void test_overlap(FerryDev *dev)
{
    static const int shifts[] = {
        0, 1, -1, 7, -7, 64, -4095, 4097, CHUNK - 1, 1 - CHUNK, CHUNK, -CHUNK,
        CHUNK + 1, -CHUNK - 1, QUANTUM + 5, -QUANTUM - 5,
    };
    FerryQueue bypass, window;

    ferry_queue_start_bypass(&bypass, dev, 0);
    ferry_queue_init(&window, dev, 1);
    ferry_queue_row(&window, 7, SRC, 0x100000, 7, 0);
    ferry_queue_start(&window);
    for (size_t i = 0; i < ARRAY_SIZE(shifts); i++) {
        check_overlap(&bypass, FERRY_OP_COPY, SRC, shifts[i], SRC);
        check_overlap(&bypass, FERRY_OP_COPY_CRC32C, SRC, shifts[i], SRC);
        check_overlap(&window, FERRY_OP_COPY, ferry_at(7, 0), shifts[i], SRC);
        check_overlap(&window, FERRY_OP_COPY_CRC32C, ferry_at(7, 0),
                      shifts[i], SRC);
    }
}

static void test_greatest_length(FerryDev *dev)
{
    uint32_t len = ferry_read(dev, FERRY_CAP_LEN);
    g_autofree uint8_t *found = g_malloc(len);
    FerryQueue q;

    ferry_queue_start_bypass(&q, dev, 0);
    ferry_assert_cqe(ferry_queue_do(&q, FERRY_OP_FILL, len, 0, SRC + 3,
                                    0x0807060504030201), FERRY_OK, len, 0, 0);
    qtest_writeb(dev->qts, SRC + 3 + len - 1, 0xaa);
    qtest_writel(dev->qts, DST + 1 + len, 0x55667788);
    ferry_assert_cqe(ferry_queue_do(&q, FERRY_OP_COPY, len, SRC + 3, DST + 1,
                                    0), FERRY_OK, len, 0, 0);
    g_assert_cmphex(qtest_readl(dev->qts, DST + 1 + len), ==, 0x55667788);
    ferry_get(dev, DST + 1, found, len);
    for (uint32_t i = 0; i < len - 1; i++) {
        g_assert_cmpuint(found[i], ==, i % 8 + 1);
    }
    g_assert_cmpuint(found[len - 1], ==, 0xaa);
    ferry_assert_cqe(ferry_queue_do(&q, FERRY_OP_COMPARE, len, SRC + 3,
                                    DST + 1, 0), FERRY_OK, len, 0, 0);
    ferry_assert_cqe(ferry_queue_do(&q, FERRY_OP_COPY, len + 1, SRC, DST, 0),
                     FERRY_ERR_BAD_LEN, 0, 0, 0);
    g_assert_cmpuint(ferry_queue_read64(&q, FERRY_CHAN_BYTES_LO), ==,
                     3ULL * len);
}

/* Fields that an operation does not use may hold anything. */
static void test_unused_fields(FerryDev *dev)
{
    uint64_t junk = 0xffffdeadbeefffff;
    FerryQueue q;

    ferry_queue_init(&q, dev, 2);
    ferry_queue_row(&q, 0, SRC, 4096, FERRY_ROW_FLAGS_VALID |
                    FERRY_ROW_FLAGS_READ | FERRY_ROW_FLAGS_WRITE, 0);
    ferry_queue_start(&q);
    ferry_assert_cqe(ferry_queue_do(&q, FERRY_OP_NOP, 0, junk, junk, junk),
                     FERRY_OK, 0, 0, 0);
    ferry_assert_cqe(ferry_queue_do(&q, FERRY_OP_COPY, 8, 0, 8, junk),
                     FERRY_OK, 8, 0, 0);
    ferry_assert_cqe(ferry_queue_do(&q, FERRY_OP_FILL, 8, junk, 8, junk),
                     FERRY_OK, 8, 0, 0);
    ferry_assert_cqe(ferry_queue_do(&q, FERRY_OP_COMPARE, 8, 8, 8, junk),
                     FERRY_OK, 8, 0, 0);
    g_assert_cmpuint(ferry_queue_do(&q, FERRY_OP_CRC32C, 8, 8, junk, 1).status,
                     ==, FERRY_OK);
    /* Length 0 does not look at the addresses. */
    for (uint8_t op = FERRY_OP_COPY; op <= FERRY_OP_COMPARE; op++) {
        bool crc = op == FERRY_OP_CRC32C || op == FERRY_OP_COPY_CRC32C;

        ferry_assert_cqe(ferry_queue_do(&q, op, 0, junk, junk, 0x76543210),
                         FERRY_OK, 0, crc ? 0x76543210 : 0, 0);
    }
}

/* Byte AT of 64 pages in reverse order, and how many follow it there */
static uint64_t scattered(uint64_t base, uint32_t at, uint32_t *len)
{
    *len = MIN(*len, 4096 - at % 4096);
    return base + (63 - at / 4096) * 4096 + at % 4096;
}

static void make_scattered(FerryQueue *q, unsigned int row, uint64_t base,
                           uint32_t first)
{
    uint64_t dir = FERRY_LISTS + row * 8192;

    qtest_writeq(q->dev->qts, dir, dir + 4096);
    for (uint32_t p = 0; p < 64; p++) {
        uint32_t len = 4096;

        qtest_writeq(q->dev->qts, dir + 4096 + 8 * p,
                     scattered(base, p * 4096, &len));
    }
    ferry_queue_row(q, row, dir, 63 * 4096, 0xc0f, first);
}

/* Every piece ends in the midst of eight bytes, and the next is elsewhere. */
static void test_scattered(FerryDev *dev)
{
    uint32_t len = 40 * 4096 + 77, first[2] = { 1003, 5 }, n;
    g_autofree uint8_t *data = g_malloc(len);
    uint64_t src = ferry_at(0, 0), dst = ferry_at(1, 0);
    FerryQueue q;

    ferry_queue_init(&q, dev, 0);
    make_scattered(&q, 0, SRC, first[0]);
    make_scattered(&q, 1, DST, first[1]);
    ferry_queue_start(&q);
    ferry_pattern(data, len, 6);
    for (uint32_t i = 0; i < len; i += n) {
        uint64_t at;

        n = len - i;
        at = scattered(SRC, first[0] + i, &n);
        ferry_fill(dev, at, data + i, n);
    }
    for (uint8_t op = FERRY_OP_COPY; op <= FERRY_OP_COMPARE; op++) {
        bool crc = op == FERRY_OP_CRC32C || op == FERRY_OP_COPY_CRC32C;

        ferry_assert_cqe(ferry_queue_do(&q, op, len, src, dst,
                                        crc ? 9 : 0x0807060504030201),
                         FERRY_OK, len, crc ? ferry_crc32c(9, data, len) : 0,
                         0);
        for (uint32_t i = 0; i < len && op != FERRY_OP_CRC32C; i += n) {
            uint8_t fill[4096];
            uint64_t at;

            n = len - i;
            at = scattered(DST, first[1] + i, &n);
            for (uint32_t k = 0; k < n; k++) {
                fill[k] = (i + k) % 8 + 1;
            }
            ferry_assert_memory(dev, at, op == FERRY_OP_FILL ? fill : data + i,
                                n);
        }
    }
}

/* Entry i + 1 reads what entry i wrote, at every distance. */
static void test_in_order(FerryDev *dev)
{
    FerryQueue q;
    uint32_t n = 50;

    ferry_queue_start_bypass(&q, dev, 0);
    qtest_memset(dev->qts, SRC, 0, (n + 1) * 20000);
    qtest_memset(dev->qts, SRC, 0x5a, 20000);
    for (uint32_t i = 0; i < n; i++) {
        ferry_queue_add(&q, FERRY_OP_COPY, 20000, SRC + i * 20000,
                        SRC + (i + 1) * 20000, 0);
    }
    ferry_queue_ring(&q);
    for (uint32_t i = 0; i < n; i++) {
        FerryCqe cqe = ferry_queue_reap(&q);

        ferry_assert_cqe(cqe, FERRY_OK, 20000, 0, 0);
        g_assert_cmpuint(cqe.seq, ==, i + 1);
    }
    for (uint32_t i = 0; i <= n * 20000; i += 20000) {
        g_assert_cmphex(qtest_readb(dev->qts, SRC + i + 19999), ==, 0x5a);
    }
}

static void check_wrap(FerryDev *dev, unsigned int order, uint32_t init)
{
    uint32_t size = 1U << order;
    FerryQueue q;
    FerryCqe cqe;

    ferry_queue_init(&q, dev, 5);
    ferry_queue_reset(&q);
    q.config = FERRY_CHAN_CONFIG_BYPASS;
    q.order = order;
    q.init = init;
    if (order > 10) {
        q.sq = FERRY_LISTS;
        q.cq = FERRY_LISTS + 0x1000000;
    }
    ferry_queue_start(&q);
    g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_HEAD), ==, init);
    g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_TAIL), ==, init);
    /* Batches of one, of what just fits, and of less, over the end */
    for (size_t b = 0; b < 3; b++) {
        uint32_t batch = b == 0 ? 1 : b == 1 ? size : size / 2 + 1;
        uint32_t first = q.tail;

        for (uint32_t i = 0; i < batch; i++) {
            ferry_queue_add(&q, FERRY_OP_CRC32C, 0, 0, 0, first + i);
        }
        ferry_queue_ring(&q);
        for (uint32_t i = 0; i < batch; i++) {
            cqe = ferry_queue_reap(&q);
            g_assert_cmphex(cqe.seq, ==, first + i + 1);
            g_assert_cmphex(cqe.result, ==, first + i);
        }
        ferry_queue_settle(&q);
        g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_HEAD), ==, q.tail);
        g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_TAIL), ==, q.tail);
    }
    g_assert_cmpuint(ferry_queue_read(&q, FERRY_CHAN_DOORBELLS), ==, 3);
}

static void test_ring_wrap(FerryDev *dev)
{
    uint32_t ring = ferry_read(dev, FERRY_CAP_RING);
    unsigned int least = ring & FERRY_CAP_RING_MIN_ORDER;
    unsigned int greatest = (ring & FERRY_CAP_RING_MAX_ORDER) >> 8;

    check_wrap(dev, least, 0);
    check_wrap(dev, least, 3);
    check_wrap(dev, least, 0xffffffff);
    check_wrap(dev, 6, 0xffffffc0);
    check_wrap(dev, 6, 0x7ffffff0);
    check_wrap(dev, MIN(greatest, 12), 0xfffffffe);
}

/* A completion says its seq last: nothing is seen of the ones to come. */
static void test_seq_protocol(FerryDev *dev)
{
    FerryQueue q;
    FerryCqe cqe;

    ferry_queue_start_bypass(&q, dev, 0);
    for (uint32_t i = 0; i < 4; i++) {
        ferry_queue_add(&q, FERRY_OP_CRC32C, 0, 0, 0, i);
    }
    ferry_doorbell(dev, 0, 2);
    ferry_queue_reap(&q);
    ferry_queue_reap(&q);
    if (dev->engine == FERRY_VIRTUAL) {
        qtest_clock_step(dev->qts, 1000000);
    }
    for (uint32_t i = 2; i < 64; i++) {
        ferry_queue_peek(&q, i, &cqe);
        g_assert_cmphex(cqe.seq, ==, i);
    }
    ferry_doorbell(dev, 0, 2);      /* the same tail again is no error */
    ferry_doorbell(dev, 0, 4);
    g_assert_cmphex(ferry_queue_reap(&q).result, ==, 2);
    g_assert_cmphex(ferry_queue_reap(&q).result, ==, 3);
    g_assert_cmpuint(ferry_queue_state(&q), ==, FERRY_STATE_RUNNING);
}

/* An owner that reaps late loses the completions written over, no others. */
static void test_completion_overrun(FerryDev *dev)
{
    FerryQueue q;
    FerryCqe cqe;

    ferry_queue_init(&q, dev, 0);
    q.config = FERRY_CHAN_CONFIG_BYPASS;
    q.order = 4;
    ferry_queue_start(&q);
    for (uint32_t batch = 0; batch < 2; batch++) {
        uint64_t spent = 0;

        for (uint32_t i = 0; i < (batch ? 3 : 16); i++) {
            ferry_queue_add(&q, FERRY_OP_CRC32C, 0, 0, 0, q.tail);
        }
        ferry_queue_ring(&q);
        while (ferry_queue_read(&q, FERRY_CHAN_HEAD) != q.tail) {
            ferry_poll(dev, &spent);
        }
    }
    for (uint32_t i = 3; i < 19; i++) {
        ferry_queue_peek(&q, i, &cqe);
        g_assert_cmphex(cqe.seq, ==, i + 1);
        g_assert_cmphex(cqe.result, ==, i);
    }
}

/* Once an entry runs, what its slot holds has no effect on it. */
static void test_fetch_once(FerryDev *dev)
{
    uint32_t len = 0x1000000;
    uint64_t spent = 0;
    FerryQueue q;

    ferry_queue_start_bypass(&q, dev, 0);
    qtest_memset(dev->qts, DST, 0, len);
    qtest_memset(dev->qts, SRC, 0, 64);
    ferry_queue_add(&q, FERRY_OP_FILL, len, 0, DST, 0x3333333333333333);
    ferry_queue_ring(&q);
    while (!ferry_queue_read(&q, FERRY_CHAN_QUANTA)) {
        ferry_poll(dev, &spent);
    }
    q.tail = 0;
    ferry_queue_add(&q, FERRY_OP_COPY, 64, DST, SRC, 0);
    ferry_assert_cqe(ferry_queue_reap(&q), FERRY_OK, len, 0, 0);
    g_assert_cmphex(qtest_readq(dev->qts, DST + len - 8), ==,
                    0x3333333333333333);
    g_assert_cmphex(qtest_readq(dev->qts, SRC), ==, 0);
}

/* Channels run at once, each with its own memory and results. */
static void test_channels_apart(FerryDev *dev)
{
    FerryQueue q[8];

    for (unsigned int c = 0; c < 8; c++) {
        ferry_queue_start_bypass(&q[c], dev, c);
        qtest_memset(dev->qts, DST + c * 0x100000, 0xee, 0x100000);
        for (uint32_t i = 0; i < 8; i++) {
            ferry_queue_add(&q[c], FERRY_OP_FILL, 0x10000 + c, 0,
                            DST + c * 0x100000 + i * 0x11000,
                            0x0101010101010101 * (c << 4 | i));
        }
    }
    for (unsigned int c = 0; c < 8; c++) {
        ferry_queue_ring(&q[c]);
    }
    for (unsigned int c = 0; c < 8; c++) {
        for (uint32_t i = 0; i < 8; i++) {
            g_autofree uint8_t *expect = g_malloc(0x11000);

            ferry_assert_cqe(ferry_queue_reap(&q[c]), FERRY_OK, 0x10000 + c,
                             0, 0);
            memset(expect, 0xee, 0x11000);
            memset(expect, c << 4 | i, 0x10000 + c);
            ferry_assert_memory(dev, DST + c * 0x100000 + i * 0x11000, expect,
                                0x11000);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ferry_add("engine", "copy-moves-every-byte", "", test_copy);
    ferry_add("engine", "fill-repeats-eight-bytes", "", test_fill);
    ferry_add("engine", "crc32c-equals-software", "", test_crc32c);
    ferry_add("engine", "copy-crc32c-does-both", "", test_copy_crc32c);
    ferry_add("engine", "compare-finds-no-difference", "", test_compare);
    ferry_add("engine", "compare-stops-at-first-difference", "",
              test_compare_mismatch);
    ferry_add("engine", "crc32c-chains", "", test_crc_chain);
    ferry_add("engine", "overlapping-copy-is-memmove", "", test_overlap);
    ferry_add("engine", "greatest-length-works-and-no-more", "",
              test_greatest_length);
    ferry_add("engine", "unused-fields-are-ignored", "", test_unused_fields);
    ferry_add("engine", "scattered-pages-make-no-difference", "",
              test_scattered);
    ferry_add("engine", "entries-see-what-earlier-ones-wrote", "",
              test_in_order);
    ferry_add("engine", "indices-wrap", "", test_ring_wrap);
    ferry_add("engine", "seq-tells-completions-from-stale-slots", "",
              test_seq_protocol);
    ferry_add("engine", "unreaped-completions-are-lost-alone", "",
              test_completion_overrun);
    ferry_add("engine", "slot-change-after-fetch-has-no-effect", SLOW,
              test_fetch_once);
    ferry_add("engine", "channels-do-not-mix", "", test_channels_apart);
    return ferry_run_tests();
}
