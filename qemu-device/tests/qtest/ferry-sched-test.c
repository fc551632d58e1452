/*
 * Ferry DMA controller: scheduling and time
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * In virtual time, where a bandwidth of a byte a nanosecond makes units of
 * cost and nanoseconds the same, the datasheet's promises are numbers.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "libqos/ferry.h"

#define DST         FERRY_DATA
#define BIG         0x1000000
#define QUANTUM     65536
#define CHUNK       16384
#define ENTRY       1024
#define WALK        256
#define TURN        (QUANTUM + CHUNK)
#define SLOW        ",latency-ns=0,bandwidth=1000000000"
#define NOW         ",latency-ns=0"

static void add_fills(FerryQueue *q, unsigned int n)
{
    while (n--) {
        ferry_queue_add(q, FERRY_OP_FILL, BIG, 0, DST + q->chan * BIG, 0);
    }
    ferry_queue_ring(q);
}

/* Each gets WEIGHT of the sum, to within a turn of its own. */
static void check_shares(FerryDev *dev, const unsigned int *weight,
                         unsigned int n)
{
    unsigned int sum = 0, c;
    uint64_t bytes[8], total = 0;
    FerryQueue q[8];

    for (c = 0; c < n; c++) {
        ferry_queue_start_bypass(&q[c], dev, c);
        ferry_queue_write(&q[c], FERRY_CHAN_WEIGHT, weight[c]);
        add_fills(&q[c], 32);
        sum += weight[c];
    }
    qtest_clock_step(dev->qts, 50000000);
    for (c = 0; c < n; c++) {
        bytes[c] = ferry_queue_read64(&q[c], FERRY_CHAN_BYTES_LO);
        total += bytes[c];
    }
    /* All of the bandwidth is used, and no more. */
    g_assert_cmpuint(total, >, 49000000);
    g_assert_cmpuint(total, <=, 50000000 + TURN);
    for (c = 0; c < n; c++) {
        uint64_t share = total * weight[c] / sum;

        g_assert_cmpuint(bytes[c] + (weight[c] + 1) * TURN, >=, share);
        g_assert_cmpuint(bytes[c], <=, share + (weight[c] + 1) * TURN);
        g_assert_cmpuint(ferry_queue_read(&q[c], FERRY_CHAN_QUANTA), >=,
                         bytes[c] / TURN);
    }
}

static void test_equal_shares(FerryDev *dev)
{
    static const unsigned int weight[] = { 1, 1, 1, 1, 1, 1, 1, 1 };

    check_shares(dev, weight, 8);
}

static void test_weights(FerryDev *dev)
{
    static const unsigned int weight[] = { 1, 2, 4, 8, 31 };

    check_shares(dev, weight, 5);
}

/*
 * One channel does N entries of one kind, which take no time of their own;
 * another has bytes to fill. Turn for turn, the second gets as many units of
 * cost as the first: what an entry costs is what the other does meanwhile.
 */
static void check_cost(FerryDev *dev, const uint8_t *sqe, unsigned int n,
                       uint32_t cost, bool windows)
{
    g_autofree uint8_t *sq = g_malloc0(n * FERRY_SQE_SIZE);
    uint64_t bytes, spent = 0;
    FerryQueue flood, fill;

    ferry_queue_init(&flood, dev, 0);
    flood.order = 12;
    flood.sq = FERRY_RAM + 0x02000000;
    flood.cq = flood.sq + 0x80000;
    flood.rows = 1024;
    for (unsigned int i = 0; i < n; i++) {
        uint8_t *e = memcpy(sq + i * FERRY_SQE_SIZE, sqe, FERRY_SQE_SIZE);

        if (windows) {      /* two for each entry, and each but once */
            ferry_queue_row(&flood, 2 * i, FERRY_DATA + i * 64, 64, 7, 0);
            ferry_queue_row(&flood, 2 * i + 1, FERRY_DATA + i * 64, 64, 7, 0);
            stq_le_p(e + FERRY_SQE_SRC, ferry_at(2 * i, 0));
            stq_le_p(e + FERRY_SQE_DST, ferry_at(2 * i + 1, 0));
        }
    }
    ferry_fill(dev, flood.sq, sq, n * FERRY_SQE_SIZE);
    ferry_queue_start(&flood);
    ferry_queue_start_bypass(&fill, dev, 1);
    add_fills(&fill, 32);
    ferry_doorbell(dev, 0, n);
    while (ferry_queue_read(&flood, FERRY_CHAN_HEAD) != n) {
        ferry_poll(dev, &spent);
    }
    bytes = ferry_queue_read64(&fill, FERRY_CHAN_BYTES_LO);
    g_assert_cmpuint(bytes + 2 * TURN, >=, n * cost);
    /* The clock overshoots by up to an eighth. */
    g_assert_cmpuint(bytes, <=, n * cost + 2 * TURN + spent / 8);
}

static void test_nop_cost(FerryDev *dev)
{
    static const uint8_t sqe[FERRY_SQE_SIZE] = { FERRY_OP_NOP };

    check_cost(dev, sqe, 4096, ENTRY, false);
}

static void test_failure_cost(FerryDev *dev)
{
    static const uint8_t sqe[FERRY_SQE_SIZE] = { 0xee };

    check_cost(dev, sqe, 4096, ENTRY, false);
}

static void test_walk_cost(FerryDev *dev)
{
    static const uint8_t sqe[FERRY_SQE_SIZE] = {
        FERRY_OP_COMPARE, [FERRY_SQE_LEN] = 1,
    };

    check_cost(dev, sqe, 512, ENTRY + 2 * WALK + 1, true);
}

/* The wait is bounded by the weights of the others. */
static void test_wait_bound(FerryDev *dev)
{
    static const unsigned int weight[] = { 3, 7, 1, 20 };
    unsigned int sum = 0;
    FerryQueue q[5];

    for (unsigned int c = 0; c < 4; c++) {
        ferry_queue_start_bypass(&q[c], dev, c);
        ferry_queue_write(&q[c], FERRY_CHAN_WEIGHT, weight[c]);
        add_fills(&q[c], 8);
        sum += weight[c];
    }
    ferry_queue_start_bypass(&q[4], dev, 4);
    for (unsigned int i = 0; i < 5; i++) {
        qtest_clock_step(dev->qts, 777777);
        ferry_queue_add(&q[4], FERRY_OP_NOP, 0, 0, 0, 0);
        ferry_queue_ring(&q[4]);
        qtest_clock_step(dev->qts, sum * TURN + ENTRY + 10);
        g_assert_true(ferry_queue_done(&q[4], q[4].head));
        ferry_queue_reap(&q[4]);
    }
}

#define COPY_1M     { FERRY_OP_COPY, [FERRY_SQE_LEN + 2] = 0x10 }
#define NOP         { FERRY_OP_NOP }
#define FAILURE     { 0xee }

/*
 * All other channels have no end of work of the kinds that SQES are, one after
 * another: 64 bytes wait for a turn of each of these and no longer. What has no
 * bytes takes no time: so that there is some, channel HEAVY has copies.
 */
static void check_wait_under(FerryDev *dev,
                             const uint8_t (*sqes)[FERRY_SQE_SIZE],
                             unsigned int n)
{
    static const unsigned int weight[] = { 3, 7, 1, 20, 2, 5, 1 };
    static const uint8_t copy[FERRY_SQE_SIZE] = COPY_1M;
    enum {
        ORDER = 12, SIZE = 1 << ORDER, OTHERS = ARRAY_SIZE(weight), HEAVY = 3,
    };
    g_autofree uint8_t *sq = g_malloc0(SIZE * FERRY_SQE_SIZE);
    FerryQueue load[OTHERS], q;
    unsigned int sum = 0;

    for (unsigned int c = 0; c < OTHERS; c++) {
        ferry_queue_init(&load[c], dev, c);
        load[c].order = ORDER;
        load[c].sq = FERRY_RAM + 0x02000000 + c * 0x40000;
        load[c].cq = load[c].sq + 0x20000;
        load[c].config = FERRY_CHAN_CONFIG_BYPASS;
        for (unsigned int i = 0; i < SIZE; i++) {
            uint8_t *e = memcpy(sq + i * FERRY_SQE_SIZE,
                                c == HEAVY ? copy : sqes[c % n],
                                FERRY_SQE_SIZE);

            stq_le_p(e + FERRY_SQE_SRC, DST + c * BIG);
            stq_le_p(e + FERRY_SQE_DST, DST + c * BIG + BIG / 2);
        }
        ferry_fill(dev, load[c].sq, sq, SIZE * FERRY_SQE_SIZE);
        ferry_queue_start(&load[c]);
        ferry_queue_write(&load[c], FERRY_CHAN_WEIGHT, weight[c]);
        sum += weight[c];
    }
    ferry_queue_start_bypass(&q, dev, OTHERS);
    for (unsigned int i = 0; i < 6; i++) {
        uint32_t tail[OTHERS];

        /* Nobody reads what completes, so that it may be overwritten. */
        for (unsigned int c = 0; c < OTHERS; c++) {
            tail[c] = ferry_queue_read(&load[c], FERRY_CHAN_HEAD) + SIZE;
            ferry_doorbell(dev, c, tail[c]);
        }
        qtest_clock_step(dev->qts, 77777 * (i + 1));
        ferry_queue_add(&q, FERRY_OP_COPY, 64, DST, DST + OTHERS * BIG, 0);
        ferry_queue_ring(&q);
        qtest_clock_step(dev->qts, sum * TURN + ENTRY + 64 + 10);
        g_assert_true(ferry_queue_done(&q, q.head));
        ferry_assert_cqe(ferry_queue_reap(&q), FERRY_OK, 64, 0, 0);
        for (unsigned int c = 0; c < OTHERS; c++) {
            g_assert_cmphex(ferry_queue_read(&load[c], FERRY_CHAN_HEAD), !=,
                            tail[c]);
        }
    }
}

static void test_wait_under_copies(FerryDev *dev)
{
    static const uint8_t sqes[][FERRY_SQE_SIZE] = { COPY_1M };

    check_wait_under(dev, sqes, 1);
}

static void test_wait_under_nops(FerryDev *dev)
{
    static const uint8_t sqes[][FERRY_SQE_SIZE] = { NOP };

    check_wait_under(dev, sqes, 1);
}

static void test_wait_under_failures(FerryDev *dev)
{
    static const uint8_t sqes[][FERRY_SQE_SIZE] = { FAILURE };

    check_wait_under(dev, sqes, 1);
}

static void test_wait_under_all(FerryDev *dev)
{
    static const uint8_t sqes[][FERRY_SQE_SIZE] = { COPY_1M, NOP, FAILURE };

    check_wait_under(dev, sqes, 3);
}

/*
 * Two page lists whose pages are neighbours, begun when the quantum is nearly
 * used up: what reading them costs makes the last chunk no larger.
 */
static void test_quantum_bound(FerryDev *dev)
{
    FerryQueue q;

    ferry_queue_init(&q, dev, 0);
    ferry_queue_row(&q, 0, DST, BIG, 7, 0);
    for (unsigned int w = 1; w <= 2; w++) {
        uint64_t list = FERRY_LISTS + w * 0x10000;

        ferry_queue_row(&q, w, list, 64 * 4096, 15 | 12 << 8, 0);
        qtest_writeq(dev->qts, list, list + 4096);
        for (unsigned int p = 0; p < 64; p++) {
            qtest_writeq(dev->qts, list + 4096 + 8 * p,
                         DST + w * BIG + p * 4096);
        }
    }
    ferry_queue_start(&q);
    ferry_queue_add(&q, FERRY_OP_FILL, 46335, 0, 0, 0);
    ferry_queue_add(&q, FERRY_OP_COPY, 64 * 4096, ferry_at(1, 0),
                    ferry_at(2, 0), 0);
    ferry_queue_ring(&q);
    g_assert_cmpuint(ferry_queue_read(&q, FERRY_CHAN_QUANTA), ==, 1);
    g_assert_cmpuint(ferry_queue_read(&q, FERRY_CHAN_BYTES_LO), >, 46335);
    g_assert_cmpuint(ferry_queue_read(&q, FERRY_CHAN_BYTES_LO) + 2 * ENTRY +
                     5 * WALK, <=, TURN);
}

/* A channel that halts gives back the second that its bytes would take. */
static void test_halt_gives_back(FerryDev *dev)
{
    FerryQueue q[2];

    for (unsigned int c = 0; c < 2; c++) {
        ferry_queue_start_bypass(&q[c], dev, c);
    }
    ferry_queue_add(&q[0], FERRY_OP_FILL, CHUNK, 0, DST, 0);
    ferry_queue_ring(&q[0]);
    ferry_queue_add(&q[1], FERRY_OP_NOP, 0, 0, 0, 0);
    ferry_queue_ring(&q[1]);
    ferry_doorbell(dev, 0, 1000);
    qtest_clock_step(dev->qts, 100);
    g_assert_true(ferry_queue_done(&q[1], 0));
}

/* Nothing moves in a machine that is stopped, whoever looks or rings. */
static void test_stopped(FerryDev *dev)
{
    FerryQueue q;

    ferry_queue_start_bypass(&q, dev, 0);
    qtest_memset(dev->qts, DST, 0, 64);
    qtest_qmp_assert_success(dev->qts, "{ 'execute': 'stop' }");
    ferry_queue_add(&q, FERRY_OP_FILL, 64, 0, DST, UINT64_MAX);
    ferry_queue_ring(&q);
    ferry_queue_write(&q, FERRY_CHAN_WIN_INVALIDATE, 0);
    for (unsigned int i = 0; i < 5; i++) {
        g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_HEAD), ==, 0);
        g_usleep(1000);
    }
    g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_STATUS), ==,
                    FERRY_STATE_RUNNING | FERRY_CHAN_STATUS_INVAL_BUSY);
    g_assert_false(ferry_queue_done(&q, 0));
    g_assert_cmphex(qtest_readb(dev->qts, DST), ==, 0);
    qtest_qmp_assert_success(dev->qts, "{ 'execute': 'cont' }");
    ferry_assert_cqe(ferry_queue_reap(&q), FERRY_OK, 64, 0, 0);
}

/* Not before the latency, and at once when it has passed */
static void check_latency(FerryDev *dev, int64_t latency)
{
    FerryQueue q;

    ferry_queue_start_bypass(&q, dev, 0);
    qtest_memset(dev->qts, DST, 0x5a, 4096);
    ferry_queue_add(&q, FERRY_OP_COPY, 64, DST, DST + BIG, 0);
    ferry_queue_ring(&q);
    if (latency > 1) {
        qtest_clock_step(dev->qts, latency - 1);
        g_assert_false(ferry_queue_done(&q, 0));
        g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_HEAD), ==, 0);
        qtest_clock_step(dev->qts, 3);
    } else {
        qtest_clock_step(dev->qts, latency + 2);
    }
    g_assert_true(ferry_queue_done(&q, 0));
    ferry_assert_cqe(ferry_queue_reap(&q), FERRY_OK, 64, 0, 0);
    for (uint32_t i = 0; i < 60; i++) {
        ferry_queue_add(&q, FERRY_OP_COPY, 64, DST + 64 * i,
                        DST + BIG + 64 * i, 0);
        if (i % 7 == 0) {
            ferry_queue_ring(&q);
            qtest_clock_step(dev->qts, 1 + latency / 3);
        }
    }
    ferry_queue_ring(&q);
    for (uint32_t i = 0; i < 60; i++) {
        ferry_assert_cqe(ferry_queue_reap(&q), FERRY_OK, 64, 0, 0);
    }
    g_assert_cmphex(qtest_readb(dev->qts, DST + BIG + 59 * 64), ==, 0x5a);
}

static void test_latency_0(FerryDev *dev)
{
    check_latency(dev, 0);
}

static void test_latency_1(FerryDev *dev)
{
    check_latency(dev, 1);
}

static void test_latency_1000(FerryDev *dev)
{
    check_latency(dev, 1000);
}

static void test_latency_20000(FerryDev *dev)
{
    check_latency(dev, 20000);
}

/* A copy takes the time that the bandwidth gives it, entry and all. */
static void test_bandwidth(FerryDev *dev)
{
    FerryQueue q;

    ferry_queue_start_bypass(&q, dev, 0);
    add_fills(&q, 1);
    qtest_clock_step(dev->qts, BIG / 2);
    g_assert_cmpuint(ferry_queue_read64(&q, FERRY_CHAN_BYTES_LO), >=,
                     BIG / 2 - 2 * TURN);
    g_assert_cmpuint(ferry_queue_read64(&q, FERRY_CHAN_BYTES_LO), <=,
                     BIG / 2 + TURN);
    qtest_clock_step(dev->qts, BIG / 2 - 10);
    g_assert_false(ferry_queue_done(&q, 0));
    qtest_clock_step(dev->qts, ENTRY + 1000);
    g_assert_true(ferry_queue_done(&q, 0));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ferry_add_virtual("sched", "equal-channels-get-equal-shares", SLOW,
                      test_equal_shares);
    ferry_add_virtual("sched", "weights-divide-the-bandwidth", SLOW,
                      test_weights);
    ferry_add_virtual("sched", "nops-cost", SLOW, test_nop_cost);
    ferry_add_virtual("sched", "failing-entries-cost", SLOW,
                      test_failure_cost);
    ferry_add_virtual("sched", "table-walks-cost", SLOW, test_walk_cost);
    ferry_add_virtual("sched", "wait-is-the-sum-of-the-turns", SLOW,
                      test_wait_bound);
    ferry_add_virtual("sched", "wait-under-copies", SLOW,
                      test_wait_under_copies);
    ferry_add_virtual("sched", "wait-under-nops", SLOW, test_wait_under_nops);
    ferry_add_virtual("sched", "wait-under-failures", SLOW,
                      test_wait_under_failures);
    ferry_add_virtual("sched", "wait-under-all-of-these", SLOW,
                      test_wait_under_all);
    ferry_add_virtual("sched", "quantum-ends-with-a-chunk", NOW,
                      test_quantum_bound);
    ferry_add_virtual("sched", "halt-gives-time-back",
                      ",latency-ns=0,bandwidth=16384", test_halt_gives_back);
    ferry_add("sched", "stopped-machine-moves-nothing", NOW, test_stopped);
    ferry_add_virtual("sched", "bandwidth-sets-the-time", SLOW,
                      test_bandwidth);
    ferry_add_virtual("sched", "latency-of-0-ns", NOW, test_latency_0);
    ferry_add_virtual("sched", "latency-of-1-ns", ",latency-ns=1",
                      test_latency_1);
    ferry_add_virtual("sched", "latency-of-1000-ns", "", test_latency_1000);
    ferry_add_virtual("sched", "latency-of-20000-ns", ",latency-ns=20000",
                      test_latency_20000);
    return ferry_run_tests();
}
