/*
 * Ferry DMA controller: ports in loopback
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "libqos/ferry.h"

#define OPTIONS     ",ports=2"
#define SRC         FERRY_DATA
#define DST         (FERRY_DATA + 0x01000000)
#define EOP         FERRY_SQE_EOP
#define NEVER       FERRY_PORT_IDLE_NEVER
#define BIG         0x100000

static void start(FerryStream *st, FerryDev *dev, uint32_t idle)
{
    ferry_stream_start(st, dev, 1);
    ferry_stream_write(st, FERRY_PORT_IDLE, idle);
}

static uint8_t *source(FerryDev *dev, size_t len, uint32_t seed)
{
    uint8_t *data = g_malloc(len + 1);

    ferry_pattern(data, len, seed);
    ferry_fill(dev, SRC, data, len);
    return data;
}

/* Time passes, and nothing comes of it. */
static void assert_waits(FerryQueue *q, uint32_t index)
{
    uint64_t spent = 0;

    ferry_queue_wait_stalled(q);
    for (int i = 0; i < 10; i++) {
        ferry_poll(q->dev, &spent);
    }
    g_assert_false(ferry_queue_done(q, index));
    g_assert_cmphex(ferry_queue_read(q, FERRY_CHAN_STATUS) &
                    FERRY_CHAN_STATUS_STALLED, !=, 0);
}

/* A packet of any size arrives as one, through a FIFO that is smaller. */
static void test_sizes(FerryDev *dev)
{
    static const uint32_t sizes[] = {
        1, 2, 3, 4, 5, 63, 64, 4095, 4096, 4097, 65531, 65535, 65536, 65537,
        131063, 131064, 131065, 131068, 131072, 131073, 300001, BIG,
    };
    g_autofree uint8_t *data = source(dev, BIG + 64, 1);
    uint64_t sum = 0;
    FerryStream st;

    start(&st, dev, NEVER);
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        uint32_t len = sizes[i], off = i * 7 % 64;

        qtest_memset(dev->qts, DST, 0xee, len + 128);
        ferry_stream_recv(&st, DST + 3, BIG + 64);
        ferry_stream_send(&st, SRC + off, len, EOP);
        ferry_assert_cqe(ferry_queue_reap(&st.tx), FERRY_OK, len, 0, 0);
        ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, len, 0,
                         FERRY_CQE_EOP);
        ferry_assert_memory(dev, DST + 3, data + off, len);
        g_assert_cmphex(qtest_readb(dev->qts, DST + 3 + len), ==, 0xee);
        sum += len;
    }
    g_assert_cmpuint(ferry_stream_read64(&st, FERRY_PORT_TX_BYTES_LO), ==, sum);
    g_assert_cmpuint(ferry_stream_read64(&st, FERRY_PORT_RX_BYTES_LO), ==, sum);
    g_assert_cmpuint(ferry_stream_read(&st, FERRY_PORT_TX_PACKETS), ==,
                     ARRAY_SIZE(sizes));
    g_assert_cmpuint(ferry_stream_read(&st, FERRY_PORT_RX_PACKETS), ==,
                     ARRAY_SIZE(sizes));
    g_assert_cmpuint(ferry_queue_read64(&st.rx, FERRY_CHAN_BYTES_LO), ==, sum);
}

static void test_long_packet(FerryDev *dev)
{
    g_autofree uint8_t *data = source(dev, 300, 2);
    FerryStream st;

    start(&st, dev, NEVER);
    for (int i = 0; i < 4; i++) {
        ferry_stream_recv(&st, DST + 100 * i, 100);
    }
    ferry_stream_send(&st, SRC, 250, EOP);
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 100, 0, 0);
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 100, 0, 0);
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 50, 0, FERRY_CQE_EOP);
    ferry_assert_memory(dev, DST, data, 250);
    /* The end comes with the last byte. */
    ferry_stream_send(&st, SRC, 100, EOP);
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 100, 0, FERRY_CQE_EOP);
}

static void test_lone_end(FerryDev *dev)
{
    FerryStream st;

    start(&st, dev, NEVER);
    /* An empty packet */
    ferry_stream_send(&st, 0, 0, EOP);
    ferry_stream_recv(&st, DST, 100);
    ferry_assert_cqe(ferry_queue_reap(&st.tx), FERRY_OK, 0, 0, 0);
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 0, 0, FERRY_CQE_EOP);
    /* An end by itself, of a packet that did not fill the buffer */
    ferry_stream_send(&st, SRC, 60, 0);
    ferry_stream_send(&st, 0, 0, EOP);
    ferry_stream_recv(&st, DST, 100);
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 60, 0, FERRY_CQE_EOP);
    /* and of one that did */
    ferry_stream_send(&st, SRC, 60, 0);
    ferry_stream_send(&st, 0, 0, EOP);
    ferry_stream_recv(&st, DST, 60);
    ferry_stream_recv(&st, DST, 60);
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 60, 0, 0);
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 0, 0, FERRY_CQE_EOP);
    /* Without EOP, or without a buffer, length 0 does nothing. */
    ferry_stream_send(&st, 0, 0, 0);
    ferry_stream_recv(&st, 0, 0);
    ferry_stream_recv(&st, DST, 60);
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 0, 0, 0);
    assert_waits(&st.rx, st.rx.head);
    g_assert_cmpuint(ferry_stream_read(&st, FERRY_PORT_TX_PACKETS), ==, 3);
    g_assert_cmpuint(ferry_stream_read(&st, FERRY_PORT_RX_PACKETS), ==, 3);
}

static void test_idle_at_once(FerryDev *dev)
{
    g_autofree uint8_t *data = source(dev, 5000, 3);
    FerryStream st;

    start(&st, dev, 0);
    ferry_stream_recv(&st, DST, 5000);
    assert_waits(&st.rx, 0);            /* never with nothing */
    ferry_stream_send(&st, SRC, 1, 0);
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 1, 0, FERRY_CQE_IDLE);
    ferry_stream_recv(&st, DST + 1, 5000);
    assert_waits(&st.rx, 1);
    ferry_stream_send(&st, SRC + 1, 4999, 0);
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 4999, 0,
                     FERRY_CQE_IDLE);
    ferry_assert_memory(dev, DST, data, 5000);
}

/* Only the virtual clock stands still while the test looks. */
static void test_idle_time(FerryDev *dev)
{
    FerryStream st;

    start(&st, dev, 500);
    for (int i = 0; i < 3; i++) {
        ferry_stream_recv(&st, DST, 100);
        qtest_clock_step(dev->qts, 2000000);
        g_assert_false(ferry_queue_done(&st.rx, i));
        ferry_stream_send(&st, SRC, 30, 0);
        qtest_clock_step(dev->qts, 490000);
        ferry_stream_send(&st, SRC, 30, 0);     /* begins anew */
        qtest_clock_step(dev->qts, 490000);
        g_assert_false(ferry_queue_done(&st.rx, i));
        qtest_clock_step(dev->qts, 20000);
        ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 60, 0,
                         FERRY_CQE_IDLE);
    }
}

static void test_idle_change(FerryDev *dev)
{
    static const uint32_t idle[] = { 0, 1, 0xfffff, 0 };
    FerryStream st;

    start(&st, dev, NEVER);
    for (size_t i = 0; i < ARRAY_SIZE(idle); i++) {
        ferry_stream_write(&st, FERRY_PORT_IDLE, NEVER | 1);
        ferry_stream_recv(&st, DST, 100);
        ferry_stream_send(&st, SRC, 30, 0);
        ferry_stream_wait_taken(&st);   /* its time counts from here */
        assert_waits(&st.rx, i);
        ferry_stream_write(&st, FERRY_PORT_IDLE, idle[i]);
        qtest_clock_step(dev->qts, idle[i] * 1000ULL + 1);
        ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 30, 0,
                         FERRY_CQE_IDLE);
    }
}

/* What nobody takes stays with who sends it, and nobody else is held up. */
static void test_back_pressure(FerryDev *dev)
{
    g_autofree uint8_t *data = source(dev, BIG, 4);
    uint32_t fifo = ferry_read(dev, FERRY_CAP_FIFO), got = 0;
    FerryQueue other;
    FerryStream st;

    g_assert_cmpuint(fifo, >, 0);
    start(&st, dev, 0);
    ferry_queue_start_bypass(&other, dev, 0);
    ferry_stream_send(&st, SRC, BIG, 0);
    ferry_queue_add(&st.tx, FERRY_OP_NOP, 0, 0, 0, 0);
    ferry_queue_ring(&st.tx);
    assert_waits(&st.tx, 0);
    g_assert_false(ferry_queue_done(&st.tx, 1));
    g_assert_cmpuint(ferry_stream_read64(&st, FERRY_PORT_TX_BYTES_LO), <=,
                     fifo);
    g_assert_cmpuint(ferry_stream_read(&st, FERRY_PORT_RX_LEVEL), <=, fifo);
    g_assert_cmpuint(ferry_stream_read(&st, FERRY_PORT_RX_LEVEL), >, fifo / 2);
    g_assert_cmpuint(ferry_stream_read(&st, FERRY_PORT_TX_LEVEL), ==, 0);
    ferry_assert_cqe(ferry_queue_do(&other, FERRY_OP_FILL, BIG, 0, DST, 0),
                     FERRY_OK, BIG, 0, 0);
    while (got < BIG) {
        FerryCqe cqe;

        ferry_stream_recv(&st, DST + got, 50000);
        cqe = ferry_queue_reap(&st.rx);
        g_assert_cmpuint(cqe.status, ==, FERRY_OK);
        g_assert_cmpuint(cqe.len, >, 0);
        got += cqe.len;
    }
    g_assert_cmpuint(got, ==, BIG);
    ferry_assert_cqe(ferry_queue_reap(&st.tx), FERRY_OK, BIG, 0, 0);
    ferry_assert_cqe(ferry_queue_reap(&st.tx), FERRY_OK, 0, 0, 0);
    ferry_assert_memory(dev, DST, data, BIG);
}

/* An entry that waits costs no quanta. */
static void test_waiting_is_free(FerryDev *dev)
{
    FerryStream st;
    uint32_t quanta;

    start(&st, dev, 0);
    ferry_stream_recv(&st, DST, 100);
    ferry_stream_send(&st, SRC, BIG, 0);
    ferry_queue_reap(&st.rx);
    ferry_stream_recv(&st, DST, 1);
    ferry_queue_reap(&st.rx);
    assert_waits(&st.tx, 0);
    quanta = ferry_queue_read(&st.tx, FERRY_CHAN_QUANTA);
    assert_waits(&st.tx, 0);
    g_assert_cmpuint(ferry_queue_read(&st.tx, FERRY_CHAN_QUANTA), ==, quanta);
}

static void stop(FerryQueue *q)
{
    ferry_queue_write(q, FERRY_CHAN_CMD, FERRY_CHAN_CMD_STOP);
    ferry_queue_wait_state(q, FERRY_STATE_IDLE);
    g_assert_cmphex(ferry_queue_read(q, FERRY_CHAN_STATUS), ==, 0);
}

static void restart(FerryQueue *q)
{
    q->init = ferry_queue_read(q, FERRY_CHAN_TAIL);
    ferry_queue_start(q);
}

/* STOP tells what was moved, and the rest moves after it. */
static void test_stop(FerryDev *dev)
{
    g_autofree uint8_t *data = source(dev, BIG, 5);
    uint32_t sent, got;
    FerryStream st;
    FerryCqe cqe;

    start(&st, dev, NEVER);
    ferry_stream_recv(&st, DST, 1000);
    ferry_stream_recv(&st, DST, 1000);
    assert_waits(&st.rx, 0);
    stop(&st.rx);
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_ERR_CANCELLED, 0, 0, 0);
    g_assert_false(ferry_queue_done(&st.rx, 1));
    g_assert_cmphex(ferry_queue_read(&st.rx, FERRY_CHAN_ERR_STATUS), ==, 0);
    restart(&st.rx);

    ferry_stream_send(&st, SRC, 300, 0);
    ferry_stream_recv(&st, DST, 1000);
    ferry_stream_wait_taken(&st);
    assert_waits(&st.rx, st.rx.head);
    stop(&st.rx);
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_ERR_CANCELLED, 300, 0, 0);
    restart(&st.rx);
    got = 300;

    ferry_stream_send(&st, SRC + 300, BIG - 300, EOP);
    assert_waits(&st.tx, st.tx.head);
    stop(&st.tx);
    cqe = ferry_queue_reap(&st.tx);
    g_assert_cmpuint(cqe.status, ==, FERRY_ERR_CANCELLED);
    g_assert_cmpuint(cqe.len, >, 0);
    sent = 300 + cqe.len;
    g_assert_cmpuint(ferry_stream_read64(&st, FERRY_PORT_TX_BYTES_LO), ==,
                     sent);
    restart(&st.tx);
    ferry_stream_recv(&st, DST + got, BIG);
    ferry_stream_send(&st, SRC + sent, BIG - sent, EOP);    /* same packet */
    ferry_assert_cqe(ferry_queue_reap(&st.tx), FERRY_OK, BIG - sent, 0, 0);
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, BIG - got, 0,
                     FERRY_CQE_EOP);
    ferry_assert_memory(dev, DST, data, BIG);
}

static void test_invalidate(FerryDev *dev)
{
    uint32_t all = FERRY_CHAN_WIN_INVALIDATE_ALL;
    FerryStream st;

    ferry_stream_start(&st, dev, 0);
    ferry_stream_write(&st, FERRY_PORT_IDLE, NEVER);
    for (unsigned int i = 0; i < 3; i++) {
        FerryQueue *rx = &st.rx;

        ferry_queue_reset(rx);
        ferry_queue_init(rx, dev, rx->chan);
        ferry_queue_row(rx, 5, DST, 4096, 7, 0);
        ferry_queue_start(rx);
        ferry_stream_recv(&st, ferry_at(5, 0), 1000);
        ferry_stream_recv(&st, ferry_at(5, 0), 50);
        ferry_stream_send(&st, SRC, 20 * i, 0);
        ferry_stream_wait_taken(&st);
        assert_waits(rx, 0);
        ferry_queue_invalidate(rx, 4);      /* another one */
        g_assert_false(ferry_queue_done(rx, 0));
        ferry_queue_invalidate(rx, i & 1 ? all : 5);
        ferry_assert_cqe(ferry_queue_reap(rx), FERRY_ERR_CANCELLED, 20 * i, 0,
                         0);
        g_assert_cmphex(ferry_queue_read(rx, FERRY_CHAN_ERR_STATUS), ==, 0);
        /* The next one looks at the row again. */
        ferry_stream_send(&st, SRC, 50, 0);
        ferry_assert_cqe(ferry_queue_reap(rx), FERRY_OK, 50, 0, 0);
    }
}

/* A reset of a channel leaves the FIFOs, and writes no completion. */
static void test_channel_reset(FerryDev *dev)
{
    g_autofree uint8_t *data = source(dev, 5000, 6);
    FerryStream st;

    start(&st, dev, NEVER);
    ferry_stream_send(&st, SRC, 5000, EOP);
    ferry_queue_reap(&st.tx);
    ferry_queue_reset(&st.tx);
    ferry_queue_reset(&st.rx);
    g_assert_cmphex(ferry_stream_read(&st, FERRY_PORT_IDLE), ==, NEVER);
    ferry_queue_start(&st.rx);
    ferry_stream_recv(&st, DST, 2000);
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 2000, 0, 0);
    ferry_stream_recv(&st, DST + 2000, 8000);
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 3000, 0,
                     FERRY_CQE_EOP);
    ferry_assert_memory(dev, DST, data, 5000);
    ferry_stream_recv(&st, DST, 8000);
    assert_waits(&st.rx, 2);
    ferry_queue_reset(&st.rx);
    g_assert_false(ferry_queue_done(&st.rx, 2));
    g_assert_cmphex(ferry_queue_read(&st.rx, FERRY_CHAN_STATUS), ==, 0);
}

static void test_flush(FerryDev *dev)
{
    g_autofree uint8_t *data = source(dev, BIG, 7);
    FerryStream st;

    for (uint32_t cmd = 1; cmd < 4; cmd++) {
        start(&st, dev, NEVER);
        ferry_stream_send(&st, SRC, 100, EOP);
        ferry_stream_send(&st, SRC, 5000, 0);
        ferry_queue_reap(&st.tx);
        ferry_queue_reap(&st.tx);
        /* Amid a frame and a packet */
        ferry_stream_recv(&st, DST, 200);
        ferry_stream_recv(&st, DST, 200);
        ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 100, 0,
                         FERRY_CQE_EOP);
        ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 200, 0, 0);
        ferry_stream_write(&st, FERRY_PORT_CMD, cmd);
        g_assert_cmpuint(ferry_stream_read(&st, FERRY_PORT_RX_LEVEL), ==, 0);
        g_assert_cmphex(ferry_stream_read(&st, FERRY_PORT_CMD), ==, 0);
        ferry_stream_recv(&st, DST, 200);
        assert_waits(&st.rx, 2);
        /* A SEND that waits for room gets some. */
        ferry_stream_send(&st, SRC + 10, 60, EOP);
        ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 60, 0,
                         FERRY_CQE_EOP);
        ferry_assert_memory(dev, DST, data + 10, 60);
        ferry_stream_send(&st, SRC, 150000, 0);
        ferry_queue_reap(&st.tx);
        assert_waits(&st.tx, 3);
        ferry_stream_write(&st, FERRY_PORT_CMD, cmd);
        ferry_assert_cqe(ferry_queue_reap(&st.tx), FERRY_OK, 150000, 0, 0);
        ferry_queue_reset(&st.tx);
        ferry_queue_reset(&st.rx);
        ferry_stream_write(&st, FERRY_PORT_CMD, cmd);
    }
    ferry_stream_write(&st, FERRY_PORT_CMD, ~3);
}

/* One quantum sends and the next one receives, with nothing in between. */
static void test_time(FerryDev *dev)
{
    FerryStream st;

    start(&st, dev, 0);
    for (int i = 0; i < 100; i++) {
        ferry_stream_recv(&st, DST, 4096);
        qtest_clock_step(dev->qts, 10);
        ferry_stream_send(&st, SRC, 4096, 0);
        g_assert_true(ferry_queue_done(&st.tx, i));
        g_assert_false(ferry_queue_done(&st.rx, i));
        qtest_clock_step(dev->qts, 1);
        g_assert_true(ferry_queue_done(&st.rx, i));
    }
}

/*
 * Packets of random sizes in SENDs and RECVs of random sizes: bytes and ends
 * are where they belong.
 */
static void test_random(FerryDev *dev)
{
    g_autofree uint8_t *data = source(dev, BIG, 9);
    GRand *rand = g_rand_new_with_seed(20251122);
    g_autoptr(GArray) ends = g_array_new(false, false, sizeof(uint32_t));
    uint32_t sent = 0, got = 0, end = 0;
    FerryStream st;
    FerryCqe cqe;

    start(&st, dev, 0);
    while (got < BIG || end < ends->len) {
        while (st.tx.head != st.tx.tail &&
               ferry_queue_done(&st.tx, st.tx.head)) {
            g_assert_cmpuint(ferry_queue_reap(&st.tx).status, ==, FERRY_OK);
        }
        while (sent < BIG && st.tx.tail - st.tx.head < 20) {
            uint32_t len = MIN(1U << g_rand_int_range(rand, 0, 18), BIG - sent);
            bool eop = g_rand_boolean(rand) || sent + len == BIG;

            len = g_rand_int_range(rand, 0, len) + (sent + len == BIG);
            ferry_stream_send(&st, SRC + sent, len, eop ? EOP : 0);
            sent += len;
            if (eop) {
                g_array_append_val(ends, sent);
            }
        }
        ferry_stream_recv(&st, DST + got,
                          g_rand_int_range(rand, 1, g_rand_boolean(rand) ?
                                                    100000 : 300));
        cqe = ferry_queue_reap(&st.rx);
        g_assert_cmpuint(cqe.status, ==, FERRY_OK);
        got += cqe.len;
        g_assert_cmpuint(end, <, ends->len);
        g_assert_cmpuint(got, <=, g_array_index(ends, uint32_t, end));
        if (cqe.flags & FERRY_CQE_EOP) {
            g_assert_cmpuint(got, ==, g_array_index(ends, uint32_t, end));
            end++;
        }
    }
    g_assert_cmpuint(got, ==, BIG);
    ferry_assert_memory(dev, DST, data, BIG);
    g_assert_cmpuint(ferry_stream_read(&st, FERRY_PORT_RX_PACKETS), ==, end);
    g_rand_free(rand);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ferry_add("port", "packets-of-all-sizes-pass", OPTIONS, test_sizes);
    ferry_add("port", "long-packets-take-several-buffers", OPTIONS,
              test_long_packet);
    ferry_add("port", "ends-by-themselves-are-kept", OPTIONS, test_lone_end);
    ferry_add("port", "idle-time-0-is-at-once", OPTIONS, test_idle_at_once);
    ferry_add_virtual("port", "idle-time-is-counted-from-the-last-byte",
                      OPTIONS, test_idle_time);
    ferry_add("port", "idle-time-can-change-meanwhile", OPTIONS,
              test_idle_change);
    ferry_add("port", "full-port-holds-up-its-sender-only", OPTIONS,
              test_back_pressure);
    ferry_add("port", "waiting-costs-nothing", OPTIONS, test_waiting_is_free);
    ferry_add("port", "stop-tells-the-true-count", OPTIONS, test_stop);
    ferry_add("port", "invalidation-cancels-what-waits", OPTIONS,
              test_invalidate);
    ferry_add("port", "channel-reset-keeps-the-data", OPTIONS,
              test_channel_reset);
    ferry_add("port", "flush-drops-the-data", OPTIONS, test_flush);
    ferry_add_virtual("port", "time-repeats-to-the-nanosecond",
                      OPTIONS ",latency-ns=0", test_time);
    ferry_add("port", "random-packets-keep-bytes-and-ends", OPTIONS,
              test_random);
    ferry_add_virtual("port", "bandwidth-holds-for-ports",
                      OPTIONS ",bandwidth=1000000000", test_random);
    return ferry_run_tests();
}
