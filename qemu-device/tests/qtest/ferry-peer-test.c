/*
 * Ferry DMA controller: peers of ports, who come and go, and machines that stop
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "libqos/ferry.h"

#define SRC         (FERRY_RAM + 0x02000000)
#define DST         (FERRY_RAM + 0x04000000)
#define BIG         0x200000
#define NEVER       FERRY_PORT_IDLE_NEVER
#define CONNECTED   FERRY_PORT_STATUS_CONNECTED
#define HUP         FERRY_PORT_STATUS_HUP

static void assert_no_irq(FerryStream *st)
{
    g_assert_cmphex(ferry_queue_read(&st->rx, FERRY_CHAN_IRQ_STATUS), ==, 0);
}

/* The interrupt follows what the port's registers tell, not at once. */
static void wait_port_irq(FerryStream *st)
{
    uint64_t spent = 0;
    uint32_t lines;

    while (!ferry_queue_read(&st->rx, FERRY_CHAN_IRQ_STATUS)) {
        ferry_poll(st->dev, &spent);
    }
    lines = ferry_read(st->dev, FERRY_IRQ_PENDING_LO(st->rx.chan));
    g_assert_cmphex(lines, ==, 1U << st->rx.chan);
    g_assert_cmphex(ferry_queue_read(&st->rx, FERRY_CHAN_IRQ_STATUS), ==,
                    FERRY_CHAN_IRQ_PORT);
    ferry_queue_write(&st->rx, FERRY_CHAN_IRQ_STATUS, FERRY_CHAN_IRQ_PORT);
}

/*
 * A peer goes away and another one comes: what the first one has not read is
 * the second one's, and the data of both does not mix.
 */
static void test_peer_loss(FerryEngine engine)
{
    char *path = ferry_host_path();
    FerryDev *dev = ferry_host_server(engine, path, "");
    g_autofree uint8_t *data = g_malloc(BIG);
    g_autofree uint8_t *found = g_malloc(BIG);
    uint64_t spent = 0;
    size_t n, got = 0;
    uint32_t level;
    FerryStream st;
    bool sent;
    int fd;

    ferry_pattern(data, BIG, 4);
    ferry_fill(dev, SRC, data, BIG);
    ferry_stream_start(&st, dev, 0);
    ferry_queue_write(&st.rx, FERRY_CHAN_IRQ_ENABLE, ~0U);
    ferry_queue_write(&st.tx, FERRY_CHAN_IRQ_ENABLE, ~0U);
    g_assert_cmphex(ferry_queue_read(&st.rx, FERRY_CHAN_IRQ_ENABLE), ==, 7);
    g_assert_cmphex(ferry_queue_read(&st.tx, FERRY_CHAN_IRQ_ENABLE), ==, 3);
    assert_no_irq(&st);

    /* Without a peer, a SEND fills the FIFO. */
    ferry_stream_send(&st, SRC, BIG, 0);
    ferry_queue_wait_stalled(&st.tx);
    level = ferry_stream_read(&st, FERRY_PORT_TX_LEVEL);
    g_assert_cmpuint(level, >, 0);
    g_assert_cmpuint(level, <=, ferry_read(dev, FERRY_CAP_FIFO));

    fd = ferry_host_connect(path);
    ferry_stream_wait_status(&st, CONNECTED, CONNECTED);
    wait_port_irq(&st);
    ferry_host_get(dev, fd, found, 70001);
    g_assert_true(!memcmp(data, found, 70001));
    ferry_host_put(dev, fd, data, 3000);
    ferry_stream_drain(&st, DST, 1000, 1000);
    close(fd);
    ferry_stream_wait_status(&st, CONNECTED | HUP, HUP);
    g_assert_cmpuint(ferry_stream_read(&st, FERRY_PORT_HANGUPS), ==, 1);
    wait_port_irq(&st);

    /* The next one can send before HUP was told; it comes after it. */
    fd = ferry_host_connect(path);
    ferry_stream_wait_status(&st, CONNECTED | HUP, CONNECTED | HUP);
    wait_port_irq(&st);
    ferry_host_put(dev, fd, data + 5000, 500);
    ferry_stream_write(&st, FERRY_PORT_IDLE, NEVER);
    ferry_stream_recv(&st, DST + 1000, 1500);
    ferry_stream_recv(&st, DST + 2500, 1500);
    ferry_stream_recv(&st, DST + 3000, 500);
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 1500, 0, 0);
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 500, 0, FERRY_CQE_HUP);
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 500, 0, 0);
    ferry_assert_memory(dev, DST, data, 3000);
    ferry_assert_memory(dev, DST + 3000, data + 5000, 500);
    g_assert_cmphex(ferry_stream_read(&st, FERRY_PORT_STATUS), ==, CONNECTED);
    assert_no_irq(&st);

    /* What was in the socket of the first is its loss; the rest comes. */
    do {
        sent = ferry_queue_done(&st.tx, 0) &&
               !ferry_stream_read(&st, FERRY_PORT_TX_LEVEL);
        do {
            n = ferry_host_try_get(fd, found + got, BIG - got);
            got += n;
        } while (n);
        ferry_poll(dev, &spent);
    } while (!sent);
    g_assert_cmpuint(got, >, 0);
    g_assert_cmpuint(got, <=, BIG - 70001);
    g_assert_true(!memcmp(found, data + BIG - got, got));
    close(fd);
    ferry_free(dev);
    ferry_host_unlink(path);
}

/* What a peer has sent before it goes away arrives, as long as it may take. */
static void test_last_words(FerryEngine engine)
{
    char *path = ferry_host_path();
    FerryDev *dev = ferry_host_server(engine, path, "");
    g_autofree uint8_t *data = g_malloc(BIG);
    uint64_t spent = 0;
    size_t put = 0;
    FerryStream st;
    int fd;

    ferry_pattern(data, BIG, 5);
    ferry_stream_start(&st, dev, 0);
    fd = ferry_host_connect(path);
    ferry_stream_wait_status(&st, CONNECTED, CONNECTED);
    /* As much as goes into the FIFO and the socket */
    for (int i = 0; i < 100; i++) {
        put += ferry_host_try_put(fd, data + put, BIG - put);
        ferry_poll(dev, &spent);
    }
    g_assert_cmpuint(put, >, ferry_stream_read(&st, FERRY_PORT_RX_LEVEL));
    g_assert_cmpuint(put, <, BIG);
    close(fd);
    for (int i = 0; i < 100; i++) {
        ferry_poll(dev, &spent);
    }
    ferry_stream_drain(&st, DST, put, 65536);
    ferry_stream_assert_hup(&st, DST);
    ferry_assert_memory(dev, DST, data, put);
    ferry_free(dev);
    ferry_host_unlink(path);
}

/* A peer that comes and goes is told once, and a flush forgets it. */
static void test_visits(FerryEngine engine)
{
    char *path = ferry_host_path();
    FerryDev *dev = ferry_host_server(engine, path, "");
    FerryStream st;
    int fd;

    ferry_stream_start(&st, dev, 0);
    for (uint32_t i = 1; i <= 3; i++) {
        fd = ferry_host_connect(path);
        ferry_stream_wait_status(&st, CONNECTED, CONNECTED);
        close(fd);
        ferry_stream_wait_status(&st, CONNECTED | HUP, HUP);
        g_assert_cmpuint(ferry_stream_read(&st, FERRY_PORT_HANGUPS), ==, i);
    }
    ferry_stream_assert_hup(&st, DST);
    fd = ferry_host_connect(path);
    ferry_stream_wait_status(&st, CONNECTED, CONNECTED);
    ferry_host_put(dev, fd, "lost", 4);
    close(fd);
    ferry_stream_wait_status(&st, HUP, HUP);
    ferry_stream_write(&st, FERRY_PORT_CMD, FERRY_PORT_CMD_FLUSH_RX);
    g_assert_cmphex(ferry_stream_read(&st, FERRY_PORT_STATUS), ==, 0);
    ferry_stream_recv(&st, DST, 5);
    ferry_queue_wait_stalled(&st.rx);
    fd = ferry_host_connect(path);
    ferry_host_put(dev, fd, "found", 5);
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 5, 0, 0);
    ferry_assert_memory(dev, DST, "found", 5);
    ferry_global_reset(dev);
    g_assert_cmphex(ferry_stream_read(&st, FERRY_PORT_STATUS), ==, CONNECTED);
    g_assert_cmpuint(ferry_stream_read(&st, FERRY_PORT_HANGUPS), ==, 0);
    close(fd);
    ferry_free(dev);
    ferry_host_unlink(path);
}

/* While the machine is stopped, nothing passes. */
static void test_stopped(FerryEngine engine)
{
    char *path = ferry_host_path();
    FerryDev *dev = ferry_host_server(engine, path, "");
    uint64_t spent = 0;
    uint8_t byte;
    FerryStream st;
    int fd;

    ferry_stream_start(&st, dev, 0);
    fd = ferry_host_connect(path);
    ferry_stream_wait_status(&st, CONNECTED, CONNECTED);
    ferry_stream_recv(&st, DST, 5);
    qtest_qmp_assert_success(dev->qts, "{ 'execute': 'stop' }");
    ferry_stream_send(&st, SRC, 1, 0);
    ferry_host_put(dev, fd, "later", 5);
    for (int i = 0; i < 50; i++) {
        g_assert_cmpuint(ferry_host_try_get(fd, &byte, 1), ==, 0);
        g_assert_false(ferry_queue_done(&st.rx, 0));
        g_assert_cmpuint(ferry_stream_read(&st, FERRY_PORT_RX_LEVEL), ==, 0);
        ferry_poll(dev, &spent);
    }
    qtest_qmp_assert_success(dev->qts, "{ 'execute': 'cont' }");
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 5, 0, 0);
    ferry_host_get(dev, fd, &byte, 1);
    /* Who goes away meanwhile is told afterwards. */
    qtest_qmp_assert_success(dev->qts, "{ 'execute': 'stop' }");
    close(fd);
    for (int i = 0; i < 50; i++) {
        g_assert_cmphex(ferry_stream_read(&st, FERRY_PORT_STATUS), ==,
                        CONNECTED);
        ferry_poll(dev, &spent);
    }
    qtest_qmp_assert_success(dev->qts, "{ 'execute': 'cont' }");
    ferry_stream_wait_status(&st, CONNECTED | HUP, HUP);
    ferry_free(dev);
    ferry_host_unlink(path);
}

/* However often it is stopped while data comes: all of it, in order. */
static void test_stop_and_go(FerryEngine engine)
{
    char *path = ferry_host_path();
    FerryDev *dev = ferry_host_server(engine, path, "");
    g_autofree uint8_t *data = g_malloc(BIG);
    uint32_t put = 0, got = 0;
    uint64_t spent = 0;
    FerryStream st;
    int fd;

    ferry_pattern(data, BIG, 5);
    ferry_stream_start(&st, dev, 0);
    fd = ferry_host_connect(path);
    ferry_stream_wait_status(&st, CONNECTED, CONNECTED);
    while (got < BIG) {
        uint32_t before = put + got;

        put += ferry_host_try_put(fd, data + put, MIN(BIG / 64, BIG - put));
        qtest_qmp_assert_success(dev->qts, "{ 'execute': 'stop' }");
        put += ferry_host_try_put(fd, data + put, MIN(BIG / 64, BIG - put));
        if (st.rx.head == st.rx.tail) {
            ferry_stream_recv(&st, DST + got, MIN(BIG / 32, BIG - got));
        }
        qtest_qmp_assert_success(dev->qts, "{ 'execute': 'cont' }");
        if (ferry_queue_done(&st.rx, st.rx.head)) {
            FerryCqe cqe = ferry_queue_reap(&st.rx);

            g_assert_cmpuint(cqe.status, ==, FERRY_OK);
            got += cqe.len;
        }
        if (put + got != before) {
            spent = 0;
        }
        ferry_poll(dev, &spent);
    }
    ferry_assert_memory(dev, DST, data, BIG);
    close(fd);
    ferry_free(dev);
    ferry_host_unlink(path);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        FerryHostTest *test;
    } tests[] = {
        { "data-of-two-peers-does-not-mix", test_peer_loss },
        { "last-words-of-a-peer-arrive", test_last_words },
        { "visits-are-told", test_visits },
        { "nothing-passes-while-stopped", test_stopped },
        { "stops-lose-nothing", test_stop_and_go },
    };

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
        ferry_host_add("peer", tests[i].name, tests[i].test);
    }
    return ferry_run_tests();
}
