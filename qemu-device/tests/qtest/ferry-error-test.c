/*
 * Ferry DMA controller: errors, STOP and RESET
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A bad entry fails alone and is latched; a fault in the rings halts its
 * channel; neither STOP nor RESET of one channel is felt by another.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "libqos/ferry.h"

#define SRC         FERRY_DATA
#define DST         (FERRY_DATA + 0x04000000)
#define RAM_END     0x140000000ULL      /* -m 4G */
#define BIG         0x1000000
#define VALID       FERRY_CHAN_ERR_STATUS_VALID
#define HALT        (FERRY_CHAN_ERR_STATUS_VALID | FERRY_CHAN_ERR_STATUS_HALT)
#define RW          (FERRY_ROW_FLAGS_VALID | FERRY_ROW_FLAGS_READ | \
                     FERRY_ROW_FLAGS_WRITE)
#define SLOW        ",bandwidth=1000000000"     /* a byte a nanosecond */

/* A channel whose windows cover what the table of bad entries needs */
static void start_windows(FerryQueue *q, FerryDev *dev, unsigned int chan)
{
    ferry_queue_init(q, dev, chan);
    q->rows = 8;
    ferry_queue_row(q, 0, SRC, 4096, RW, 0);
    ferry_queue_row(q, 1, SRC, 4096, FERRY_ROW_FLAGS_VALID |
                    FERRY_ROW_FLAGS_READ, 0);
    ferry_queue_row(q, 2, SRC, 4096, FERRY_ROW_FLAGS_VALID |
                    FERRY_ROW_FLAGS_WRITE, 0);
    ferry_queue_row(q, 3, SRC, 4096, RW & ~FERRY_ROW_FLAGS_VALID, 0);
    ferry_queue_row(q, 4, SRC, 0, RW, 0);
    ferry_queue_start(q);
}

typedef struct BadEntry {
    uint8_t op, flags;
    uint16_t reserved;
    uint32_t len;
    uint64_t src, dst, arg;
    uint8_t code;
    uint64_t addr;
} BadEntry;

#define W(n)    ((uint64_t)(n) << 48)

static const BadEntry bad_entries[] = {
    { 6, 0, 0, 8, 0, 0, 0, 1 },
    { 7, 0, 0, 8, 0, 0, 0, 1 },
    { 8, 0, 0, 8, 0, 0, 0, 1 },
    { 255, 0, 0, 8, 0, 0, 0, 1 },
    { 1, 1, 0, 8, 0, 8, 0, 2 },
    { 1, 0x80, 0, 8, 0, 8, 0, 2 },
    { 1, 0, 1, 8, 0, 8, 0, 2 },
    { 0, 0, 0x8000, 0, 0, 0, 0, 2 },
    { 3, 0, 0, 8, 0, 0, 1ULL << 32, 2 },
    { 4, 0, 0, 8, 0, 8, 1ULL << 63, 2 },
    { 0, 0, 0, 1, 0, 0, 0, 3 },
    { 1, 0, 0, 0x1000001, 0, 8, 0, 3 },
    { 2, 0, 0, 0xffffffff, 0, 8, 0, 3 },
    { 1, 0, 0, 8, W(8), 8, 0, 4, W(8) },
    { 2, 0, 0, 8, 0, W(0xffff) | 9, 0, 4, W(0xffff) | 9 },
    { 3, 0, 0, 8, W(3) | 5, 0, 0, 5, W(3) | 5 },
    { 1, 0, 0, 8, 0, W(3), 0, 5, W(3) },
    { 5, 0, 0, 8, 0, W(4) | 1, 0, 6, W(4) | 1 },
    { 1, 0, 0, 8, W(2), 0, 0, 7, W(2) },
    { 4, 0, 0, 8, 0, W(1), 0, 7, W(1) },
    { 2, 0, 0, 8, 0, W(1), 0, 7, W(1) },
    { 3, 0, 0, 8, W(2), 0, 0, 7, W(2) },
    { 5, 0, 0, 8, 0, W(2), 0, 7, W(2) },
    { 1, 0, 0, 8, 4089, 0, 0, 8, 4089 },
    { 2, 0, 0, 4097, 0, 0, 0, 8, 0 },
    { 3, 0, 0, 1, 0xffffffffffff, 0, 0, 8, 0xffffffffffff },
    /* What is wrong twice tells what is checked first. */
    { 9, 1, 1, 0x1000001, W(8), W(8), 0, 1 },
    { 1, 1, 0, 0x1000001, W(8), W(8), 0, 2 },
    { 4, 0, 0, 0x1000001, W(8), W(8), 1ULL << 40, 2 },
    { 1, 0, 0, 0x1000001, W(8), W(8), 0, 3 },
    { 1, 0, 0, 8, W(2), W(8), 0, 7, W(2) },
    { 1, 0, 0, 8, 4095, W(3), 0, 8, 4095 },
    { 1, 0, 0, 4097, W(4), 0, 0, 6, W(4) },
    { 1, 0, 0, 4097, W(2), 0, 0, 7, W(2) },
};

static void add_raw(FerryQueue *q, const BadEntry *e)
{
    uint64_t slot = q->sq +
                    (q->tail & ((1U << q->order) - 1)) * FERRY_SQE_SIZE;

    ferry_queue_add(q, e->op, e->len, e->src, e->dst, e->arg);
    qtest_writeb(q->dev->qts, slot + FERRY_SQE_FLAGS, e->flags);
    qtest_writew(q->dev->qts, slot + FERRY_SQE_RESERVED, e->reserved);
}

static void test_bad_entry_fails_alone(FerryDev *dev)
{
    g_autofree uint8_t *before = g_malloc(8192);
    FerryQueue q;

    start_windows(&q, dev, 0);
    ferry_pattern(before, 8192, 3);
    for (size_t i = 0; i < ARRAY_SIZE(bad_entries); i++) {
        const BadEntry *e = &bad_entries[i];

        ferry_fill(dev, SRC, before, 8192);
        add_raw(&q, e);
        ferry_queue_add(&q, FERRY_OP_CRC32C, 0, 0, 0, i);
        ferry_queue_ring(&q);
        ferry_assert_cqe(ferry_queue_reap(&q), e->code, 0, 0, 0);
        ferry_assert_cqe(ferry_queue_reap(&q), FERRY_OK, 0, i, 0);
        ferry_assert_memory(dev, SRC, before, 8192);
        ferry_queue_assert_error(&q, VALID | e->code, 2 * i, e->addr);
        g_assert_cmpuint(ferry_queue_read(&q, FERRY_CHAN_ERRORS), ==, i + 1);
        ferry_queue_write(&q, FERRY_CHAN_ERR_STATUS, VALID);
        ferry_queue_assert_error(&q, 0, 0, 0);
    }
    g_assert_cmpuint(ferry_queue_state(&q), ==, FERRY_STATE_RUNNING);
    g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_IRQ_STATUS), ==, 0);
}

static void test_first_error_stays(FerryDev *dev)
{
    FerryQueue q;

    start_windows(&q, dev, 3);
    ferry_queue_do(&q, FERRY_OP_COPY, 8, W(2) | 16, 0, 0);
    ferry_queue_do(&q, 77, 8, 0, 0, 0);
    ferry_queue_assert_error(&q, VALID | FERRY_ERR_WINDOW_PERM, 0, W(2) | 16);
    g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_IRQ_STATUS), ==, 0);

    /* A halt takes its place, interrupts, and cannot be wiped away. */
    ferry_doorbell(dev, 3, 1);
    ferry_queue_assert_error(&q, HALT | FERRY_ERR_BAD_TAIL, 1, 0);
    g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_IRQ_STATUS), ==,
                    FERRY_CHAN_IRQ_ERROR);
    g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_IRQS), ==, 1);
    ferry_queue_write(&q, FERRY_CHAN_ERR_STATUS, VALID);
    ferry_queue_assert_error(&q, HALT | FERRY_ERR_BAD_TAIL, 1, 0);
    ferry_queue_write(&q, FERRY_CHAN_CMD, FERRY_CHAN_CMD_START);
    ferry_queue_write(&q, FERRY_CHAN_CMD, FERRY_CHAN_CMD_STOP);
    g_assert_cmpuint(ferry_queue_state(&q), ==, FERRY_STATE_HALTED);
    ferry_queue_reset(&q);
    ferry_queue_assert_error(&q, 0, 0, 0);
    start_windows(&q, dev, 3);
    ferry_assert_cqe(ferry_queue_do(&q, FERRY_OP_FILL, 8, 0, 0, 0), FERRY_OK,
                     8, 0, 0);
}

static void test_bad_tail(FerryDev *dev)
{
    static const struct {
        uint32_t init, tail;
        bool good;
    } tails[] = {
        { 0, 64, true }, { 0, 65 }, { 0, 0xffffffff }, { 0, 0x80000000 },
        { 0xfffffff0, 0x30, true }, { 0xfffffff0, 0x31 },
        { 0xfffffff0, 0xffffffef }, { 7, 7, true }, { 7, 6 },
    };
    FerryQueue q;

    for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
        ferry_queue_init(&q, dev, 1);
        ferry_queue_reset(&q);
        qtest_memset(dev->qts, q.sq, 0, 64 * FERRY_SQE_SIZE);
        q.init = tails[i].init;
        ferry_queue_start(&q);
        ferry_doorbell(dev, 1, tails[i].tail);
        if (tails[i].good) {
            while (q.head != tails[i].tail) {
                ferry_assert_cqe(ferry_queue_reap(&q), FERRY_OK, 0, 0, 0);
            }
            g_assert_cmpuint(ferry_queue_state(&q), ==, FERRY_STATE_RUNNING);
            g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_TAIL), ==,
                            tails[i].tail);
        } else {
            g_assert_cmpuint(ferry_queue_state(&q), ==, FERRY_STATE_HALTED);
            ferry_queue_assert_error(&q, HALT | FERRY_ERR_BAD_TAIL,
                                     tails[i].tail, 0);
            g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_TAIL), ==,
                            tails[i].init);
        }
    }
}

static void test_bad_config(FerryDev *dev)
{
    uint32_t ring = ferry_read(dev, FERRY_CAP_RING);
    uint32_t width = ferry_read(dev, FERRY_CAP_ADDR) & FERRY_CAP_ADDR_WIDTH;
    uint32_t top = width < 64 ? 1U << (width - 32) : 0;
    uint32_t all = width < 64 ? (1U << (width - 32)) - 1 : 0xffffffff;
    const struct {
        uint32_t reg, value, hi, at;
    } bad[] = {
        { 0x08, ((ring & 0xff) - 1) << 8, 0, 0x08 },
        { 0x08, ((ring >> 8 & 0xff) + 1) << 8, 0, 0x08 },
        { 0x10, FERRY_RINGS + 32, 0, 0x10 },
        { 0x18, FERRY_RINGS + 0x8001, 0, 0x18 },
        { 0x20, FERRY_RINGS + 0x10020, 0, 0x20 },
        { 0x10, 0, top, 0x10 },
        { 0x18, 0, top, 0x18 },
        { 0x20, 0, top, 0x20 },
        { 0x10, 0xffffffc0, all, 0x10 },    /* the end is beyond */
        { 0x18, 0xffffffc0, all, 0x18 },
        { 0x20, 0xffffffc0, all, 0x20 },
        { 0x28, ferry_read(dev, FERRY_CAP_WINDOWS) + 1, 0, 0x28 },
    };
    FerryQueue q;

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        bool pair = bad[i].reg >= 0x10 && bad[i].reg < 0x28;

        if (bad[i].hi == 0 && pair && (bad[i].value & 0x3f) == 0) {
            continue;   /* a width of 64: nothing is beyond */
        }
        ferry_queue_init(&q, dev, 6);
        ferry_queue_configure(&q);
        ferry_queue_write(&q, bad[i].reg, bad[i].value);
        if (pair) {
            ferry_queue_write(&q, bad[i].reg + 4, bad[i].hi);
        }
        ferry_queue_write(&q, FERRY_CHAN_CMD, FERRY_CHAN_CMD_START);
        g_assert_cmpuint(ferry_queue_state(&q), ==, FERRY_STATE_HALTED);
        ferry_queue_assert_error(&q, HALT | FERRY_ERR_BAD_CONFIG, 0,
                                 bad[i].at);
        g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_IRQ_STATUS), ==,
                        FERRY_CHAN_IRQ_ERROR);
        ferry_queue_reset(&q);
    }
    ferry_queue_init(&q, dev, 6);
    ferry_queue_start(&q);
}

static void check_halt(FerryDev *dev, uint64_t sq, uint64_t cq, uint32_t code,
                       uint64_t addr)
{
    FerryQueue q;

    ferry_queue_init(&q, dev, 2);
    if (sq) {
        q.sq = sq;
    } else {
        qtest_memset(dev->qts, q.sq, 0, 64 * FERRY_SQE_SIZE);
    }
    q.cq = cq ? cq : q.cq;
    ferry_queue_start(&q);
    ferry_doorbell(dev, 2, 1);
    ferry_queue_wait_state(&q, FERRY_STATE_HALTED);
    ferry_queue_assert_error(&q, HALT | code, 0, addr);
    g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_IRQ_STATUS), ==,
                    FERRY_CHAN_IRQ_ERROR);
    g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_HEAD), ==, 0);
    ferry_queue_reset(&q);
}

static void test_ring_fault_halts(FerryDev *dev)
{
    uint64_t bad[] = { RAM_END, 0x09000000, dev->ctrl, dev->doorbell };

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        check_halt(dev, bad[i], 0, FERRY_ERR_SQ_FETCH, bad[i]);
        check_halt(dev, 0, bad[i], FERRY_ERR_CQ_WRITE, bad[i]);
    }
}

/* Memory that ends inside an operation: true count, first byte refused */
static void test_dma_abort(FerryDev *dev)
{
    uint8_t data[300];
    FerryQueue q;
    FerryCqe cqe;

    ferry_queue_start_bypass(&q, dev, 0);
    ferry_pattern(data, sizeof(data), 9);
    ferry_fill(dev, RAM_END - 300, data, sizeof(data));
    qtest_memset(dev->qts, SRC, 0, sizeof(data));
    cqe = ferry_queue_do(&q, FERRY_OP_COPY, 400, RAM_END - 300, SRC, 0);
    g_assert_cmpuint(cqe.status, ==, FERRY_ERR_DMA_ABORT);
    g_assert_cmpuint(cqe.len, <=, 300);
    ferry_assert_memory(dev, SRC, data, cqe.len);
    ferry_queue_assert_error(&q, VALID | FERRY_ERR_DMA_ABORT, 0, RAM_END);
    ferry_queue_write(&q, FERRY_CHAN_ERR_STATUS, VALID);

    cqe = ferry_queue_do(&q, FERRY_OP_FILL, 400, 0, RAM_END - 300, 0);
    g_assert_cmpuint(cqe.status, ==, FERRY_ERR_DMA_ABORT);
    g_assert_cmpuint(cqe.len, <=, 300);
    memset(data, 0, cqe.len);
    ferry_assert_memory(dev, RAM_END - 300, data, cqe.len);
    ferry_queue_assert_error(&q, VALID | FERRY_ERR_DMA_ABORT, 1, RAM_END);
    ferry_queue_write(&q, FERRY_CHAN_ERR_STATUS, VALID);

    for (uint8_t op = FERRY_OP_COPY; op <= FERRY_OP_COMPARE; op++) {
        cqe = ferry_queue_do(&q, op, 8, op == FERRY_OP_FILL ? 0 : dev->ctrl,
                             op == FERRY_OP_FILL ? dev->ctrl : DST, 0);
        ferry_assert_cqe(cqe, FERRY_ERR_DMA_ABORT, 0, 0, 0);
        ferry_queue_assert_error(&q, VALID | FERRY_ERR_DMA_ABORT, op + 1,
                                 dev->ctrl);
        ferry_queue_write(&q, FERRY_CHAN_ERR_STATUS, VALID);
    }
    /* Beyond the address width, and around the end of 64 bits */
    cqe = ferry_queue_do(&q, FERRY_OP_COPY, 8, UINT64_MAX - 3, DST, 0);
    ferry_assert_cqe(cqe, FERRY_ERR_DMA_ABORT, 0, 0, 0);
    cqe = ferry_queue_do(&q, FERRY_OP_FILL, 8, 0, UINT64_MAX - 7, 0);
    ferry_assert_cqe(cqe, FERRY_ERR_DMA_ABORT, 0, 0, 0);
}

/*
 * STOP amid eight long fills: each has its completion or none, one may be
 * CANCELLED, and its count is that of the bytes written.
 */
static void test_stop(FerryDev *dev)
{
    g_autofree uint8_t *found = g_malloc(BIG);
    uint32_t head, n = 0;
    uint64_t spent = 0;
    FerryQueue q;
    FerryCqe cqe = { 0 };

    ferry_queue_start_bypass(&q, dev, 0);
    qtest_memset(dev->qts, DST, 0x11, BIG);
    for (uint32_t i = 0; i < 8; i++) {
        ferry_queue_add(&q, FERRY_OP_FILL, BIG, 0, DST,
                        0x0101010101010101 * (0x20 + i));
    }
    ferry_queue_ring(&q);
    while (ferry_queue_read64(&q, FERRY_CHAN_BYTES_LO) < 100000) {
        ferry_poll(dev, &spent);
    }
    ferry_queue_write(&q, FERRY_CHAN_CMD, FERRY_CHAN_CMD_STOP);
    ferry_doorbell(dev, 0, 1000);   /* ignored while STOPPING and IDLE */
    ferry_queue_wait_state(&q, FERRY_STATE_IDLE);
    head = ferry_queue_read(&q, FERRY_CHAN_HEAD);
    g_assert_cmpuint(head, >, 0);
    g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_TAIL), ==, 8);
    while (n < head) {
        g_assert_true(ferry_queue_done(&q, n));
        ferry_queue_peek(&q, n, &cqe);
        if (++n < head) {
            ferry_assert_cqe(cqe, FERRY_OK, BIG, 0, 0);
        }
    }
    if (dev->engine == FERRY_VIRTUAL) {
        g_assert_cmpuint(head, ==, 1);
        g_assert_cmpuint(cqe.status, ==, FERRY_ERR_CANCELLED);
    }
    if (cqe.status == FERRY_ERR_CANCELLED) {
        g_assert_cmpuint(cqe.len, <, BIG);
    } else {
        ferry_assert_cqe(cqe, FERRY_OK, BIG, 0, 0);
    }
    ferry_queue_assert_error(&q, 0, 0, 0);      /* CANCELLED is not latched */
    ferry_get(dev, DST, found, BIG);
    for (uint32_t i = 0; i < cqe.len; i++) {
        g_assert_cmphex(found[i], ==, 0x20 + head - 1);
    }
    for (uint32_t i = head; i < 8; i++) {
        g_assert_false(ferry_queue_done(&q, i));
    }

    /* On behind what was dropped */
    q.init = 8;
    q.head = 8;
    ferry_queue_write(&q, FERRY_CHAN_INDEX_INIT, 8);
    ferry_queue_write(&q, FERRY_CHAN_CMD, FERRY_CHAN_CMD_START);
    ferry_assert_cqe(ferry_queue_do(&q, FERRY_OP_FILL, 9, 0, DST, 0), FERRY_OK,
                     9, 0, 0);
    ferry_queue_settle(&q);
    g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_HEAD), ==, 9);
}

/* The true count of every operation that STOP can end */
static void test_stop_each_operation(FerryDev *dev)
{
    g_autofree uint8_t *data = g_malloc(BIG);

    ferry_pattern(data, BIG, 4);
    ferry_fill(dev, SRC, data, BIG);
    for (uint8_t op = FERRY_OP_COPY; op <= FERRY_OP_COMPARE; op++) {
        bool writes = op == FERRY_OP_COPY || op == FERRY_OP_COPY_CRC32C;
        uint64_t bytes;
        FerryQueue q;
        FerryCqe cqe;

        if (op == FERRY_OP_COMPARE) {
            ferry_fill(dev, DST, data, BIG);
        } else {
            qtest_memset(dev->qts, DST, 0, BIG);
        }
        ferry_queue_start_bypass(&q, dev, op);
        ferry_queue_add(&q, op, BIG, SRC, DST, 0);
        ferry_queue_ring(&q);
        qtest_clock_step(dev->qts, 1000000);
        ferry_queue_write(&q, FERRY_CHAN_CMD, FERRY_CHAN_CMD_STOP);
        cqe = ferry_queue_reap(&q);
        bytes = ferry_queue_read64(&q, FERRY_CHAN_BYTES_LO);
        ferry_assert_cqe(cqe, FERRY_ERR_CANCELLED, bytes, 0, 0);
        /* A million units of cost, and no more than a quantum beyond */
        g_assert_cmpuint(cqe.len, >, 900000);
        g_assert_cmpuint(cqe.len, <, 1000000 + 65536 + 16384);
        if (writes) {
            ferry_assert_memory(dev, DST, data, cqe.len);
            g_assert_cmphex(qtest_readb(dev->qts, DST + BIG - 1), ==, 0);
        }
        ferry_queue_wait_state(&q, FERRY_STATE_IDLE);
    }
}

/* With dst above src the copy runs from the end: the last len bytes count. */
static void test_stop_overlap(FerryDev *dev)
{
    uint32_t len = 0x800000, shift = 4097;
    g_autofree uint8_t *data = g_malloc(len);
    FerryQueue q;
    FerryCqe cqe;

    ferry_pattern(data, len, 5);
    ferry_fill(dev, SRC, data, len);
    ferry_queue_start_bypass(&q, dev, 0);
    ferry_queue_add(&q, FERRY_OP_COPY, len, SRC, SRC + shift, 0);
    ferry_queue_ring(&q);
    qtest_clock_step(dev->qts, 1000000);
    ferry_queue_write(&q, FERRY_CHAN_CMD, FERRY_CHAN_CMD_STOP);
    cqe = ferry_queue_reap(&q);
    g_assert_cmpuint(cqe.status, ==, FERRY_ERR_CANCELLED);
    g_assert_cmpuint(cqe.len, >, 900000);
    g_assert_cmpuint(cqe.len, <, len);
    ferry_assert_memory(dev, SRC + shift + len - cqe.len,
                        data + len - cqe.len, cqe.len);
    ferry_assert_memory(dev, SRC, data, shift);
}

static void test_reset_during_work(FerryDev *dev)
{
    FerryQueue q[3];
    uint64_t spent = 0;
    FerryCqe cqe;

    for (unsigned int c = 0; c < 3; c++) {
        ferry_queue_start_bypass(&q[c], dev, c);
        qtest_memset(dev->qts, DST + c * BIG, 0, 64);
        for (uint32_t i = 0; i < 4; i++) {
            ferry_queue_add(&q[c], FERRY_OP_FILL, BIG, 0, DST + c * BIG,
                            0x0101010101010101 * (c + 1));
        }
        ferry_queue_ring(&q[c]);
    }
    while (!ferry_queue_read64(&q[1], FERRY_CHAN_BYTES_LO)) {
        ferry_poll(dev, &spent);
    }
    ferry_queue_reset(&q[1]);
    for (uint32_t reg = 0; reg < FERRY_CHAN_STRIDE; reg += 4) {
        g_assert_cmphex(ferry_queue_read(&q[1], reg), ==,
                        reg == FERRY_CHAN_WEIGHT ||
                        reg == FERRY_CHAN_COALESCE ? 1 : 0);
    }
    /* No completion and no byte comes after the reset. */
    qtest_memset(dev->qts, DST + BIG, 0x77, BIG);
    ferry_queue_configure(&q[1]);
    for (unsigned int c = 0; c < 3; c += 2) {
        for (uint32_t i = 0; i < 4; i++) {
            ferry_assert_cqe(ferry_queue_reap(&q[c]), FERRY_OK, BIG, 0, 0);
        }
        g_assert_cmphex(qtest_readb(dev->qts, DST + c * BIG), ==, c + 1);
    }
    for (uint32_t i = 0; i < 4; i++) {
        ferry_queue_peek(&q[1], i, &cqe);
        g_assert_cmphex(cqe.seq, ==, i);
    }
    ferry_queue_write(&q[1], FERRY_CHAN_CMD, FERRY_CHAN_CMD_START);
    ferry_assert_cqe(ferry_queue_do(&q[1], FERRY_OP_COMPARE, BIG - 1,
                                    DST + BIG, DST + BIG + 1, 0), FERRY_OK,
                     BIG - 1, 0, 0);
}

static void test_commands(FerryDev *dev)
{
    static const uint32_t ignored[] = { 0, 3, 5, 6, 7, 8, 0x101, 0x80000001 };
    FerryQueue q;

    ferry_queue_init(&q, dev, 0);
    ferry_queue_configure(&q);
    for (size_t i = 0; i < ARRAY_SIZE(ignored); i++) {
        ferry_queue_write(&q, FERRY_CHAN_CMD, ignored[i]);
        g_assert_cmpuint(ferry_queue_state(&q), ==, FERRY_STATE_IDLE);
    }
    ferry_queue_write(&q, FERRY_CHAN_CMD, FERRY_CHAN_CMD_STOP);
    g_assert_cmpuint(ferry_queue_state(&q), ==, FERRY_STATE_IDLE);
    q.init = 5;
    ferry_queue_start(&q);
    ferry_queue_do(&q, FERRY_OP_NOP, 0, 0, 0, 0);
    ferry_queue_settle(&q);
    for (size_t i = 0; i < ARRAY_SIZE(ignored); i++) {
        ferry_queue_write(&q, FERRY_CHAN_CMD, ignored[i]);
    }
    ferry_queue_write(&q, FERRY_CHAN_CMD, FERRY_CHAN_CMD_START);
    g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_HEAD), ==, 6);
    g_assert_cmpuint(ferry_queue_state(&q), ==, FERRY_STATE_RUNNING);
    ferry_queue_write(&q, FERRY_CHAN_CMD, FERRY_CHAN_CMD_STOP);
    ferry_queue_wait_state(&q, FERRY_STATE_IDLE);
    g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_HEAD), ==, 6);
    g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_SQ_BASE_LO), ==, q.sq);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ferry_add("error", "bad-entry-fails-alone", "",
              test_bad_entry_fails_alone);
    ferry_add("error", "first-error-stays-until-a-halt", "",
              test_first_error_stays);
    ferry_add("error", "bad-tail-halts", "", test_bad_tail);
    ferry_add("error", "bad-config-names-its-register", "", test_bad_config);
    ferry_add("error", "ring-fault-halts", "", test_ring_fault_halts);
    ferry_add("error", "bus-refuses-what-is-not-memory", "", test_dma_abort);
    ferry_add("error", "stop-cancels-with-true-count", SLOW, test_stop);
    ferry_add_virtual("error", "stop-counts-for-each-operation", SLOW,
                      test_stop_each_operation);
    ferry_add_virtual("error", "stop-of-overlap-counts-from-the-end", SLOW,
                      test_stop_overlap);
    ferry_add("error", "channel-reset-disturbs-no-other", SLOW,
              test_reset_during_work);
    ferry_add("error", "commands-in-wrong-states-are-ignored", "",
              test_commands);
    return ferry_run_tests();
}
