/*
 * Ferry DMA controller: ports on character devices of the host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include <sys/socket.h>
#include "libqos/ferry.h"
#include "qobject/qdict.h"

#define SRC         (FERRY_RAM + 0x02000000)
#define DST         (FERRY_RAM + 0x04000000)
#define BIG         0x200000
#define NEVER       FERRY_PORT_IDLE_NEVER
#define CONNECTED   FERRY_PORT_STATUS_CONNECTED
#define HUP         FERRY_PORT_STATUS_HUP

typedef void Test(FerryEngine engine);

typedef struct Case {
    Test *test;
    FerryEngine engine;
} Case;

static FerryDev *server(FerryEngine engine, const char *path)
{
    g_autofree char *chardev = g_strdup_printf("socket,path=%s,server=on,"
                                               "wait=off", path);

    return ferry_host_new(engine, chardev, "");
}

static void clean(char *path)
{
    g_autofree char *dir = g_path_get_dirname(path);

    unlink(path);
    g_assert_cmpint(rmdir(dir), ==, 0);
    g_free(path);
}

/* Receive exactly this much, in RECVs of up to @most bytes. */
static void drain(FerryStream *st, uint64_t dst, uint32_t len, uint32_t most)
{
    while (len) {
        FerryCqe cqe;

        ferry_stream_recv(st, dst, MIN(len, most));
        cqe = ferry_queue_reap(&st->rx);
        g_assert_cmpuint(cqe.status, ==, FERRY_OK);
        g_assert_cmphex(cqe.flags & ~FERRY_CQE_IDLE, ==, 0);
        g_assert_cmpuint(cqe.len, >, 0);
        dst += cqe.len;
        len -= cqe.len;
    }
}

static void assert_hup(FerryStream *st, uint32_t len)
{
    ferry_stream_recv(st, DST, 4096);
    ferry_assert_cqe(ferry_queue_reap(&st->rx), FERRY_OK, len, 0,
                     FERRY_CQE_HUP);
}

/*
 * Both directions at a time, with random sizes on both sides. @in and @out may
 * be the same.
 */
static void exchange(FerryStream *st, int in, int out)
{
    g_autofree uint8_t *data = g_malloc(BIG);
    g_autofree uint8_t *found = g_malloc(BIG);
    GRand *rand = g_rand_new_with_seed(1);
    uint32_t sent = 0, got = 0;
    size_t put = 0, taken = 0;
    uint64_t spent = 0;

    ferry_pattern(data, BIG, 1);
    ferry_fill(st->dev, SRC, data, BIG);
    while (sent < BIG || got < BIG || put < BIG || taken < BIG) {
        uint32_t len = 1 << g_rand_int_range(rand, 0, 19);
        size_t moved = put + taken;

        len += g_rand_int(rand) % len;
        while (sent < BIG && st->tx.tail - st->tx.head < 8) {
            len = MIN(len, BIG - sent);
            ferry_stream_send(st, SRC + sent, len, 0);
            sent += len;
        }
        while (st->tx.head != st->tx.tail &&
               ferry_queue_done(&st->tx, st->tx.head)) {
            g_assert_cmpuint(ferry_queue_reap(&st->tx).status, ==, FERRY_OK);
        }
        if (put < BIG) {
            put += ferry_host_try_put(in, data + put, MIN(len, BIG - put));
        }
        taken += ferry_host_try_get(out, found + taken, MIN(len, BIG - taken));
        if (put + taken != moved) {
            spent = 0;
        }
        if (st->rx.head == st->rx.tail && got < BIG) {
            ferry_stream_recv(st, DST + got, MIN(len, BIG - got));
        } else if (got < BIG && ferry_queue_done(&st->rx, st->rx.head)) {
            FerryCqe cqe = ferry_queue_reap(&st->rx);

            g_assert_cmpuint(cqe.status, ==, FERRY_OK);
            got += cqe.len;
        } else {
            ferry_poll(st->dev, &spent);
        }
    }
    while (st->tx.head != st->tx.tail) {
        g_assert_cmpuint(ferry_queue_reap(&st->tx).status, ==, FERRY_OK);
    }
    g_assert_true(!memcmp(data, found, BIG));
    ferry_assert_memory(st->dev, DST, data, BIG);
    ferry_stream_wait_level(st, FERRY_PORT_TX_LEVEL, 0);
    g_assert_cmpuint(ferry_stream_read(st, FERRY_PORT_RX_LEVEL), ==, 0);
    g_assert_cmpuint(ferry_stream_read(st, FERRY_PORT_RX_PACKETS), ==, 0);
    g_rand_free(rand);
}

static void test_server(FerryEngine engine)
{
    char *path = ferry_host_path();
    FerryDev *dev = server(engine, path);
    FerryStream st;
    int fd;

    ferry_stream_start(&st, dev, 0);
    g_assert_cmphex(ferry_stream_read(&st, FERRY_PORT_STATUS), ==, 0);
    for (int i = 0; i < 2; i++) {
        fd = ferry_host_connect(path);
        ferry_stream_wait_status(&st, CONNECTED, CONNECTED);
        exchange(&st, fd, fd);
        close(fd);
        ferry_stream_wait_status(&st, CONNECTED | HUP, HUP);
        assert_hup(&st, 0);
    }
    ferry_free(dev);
    clean(path);
}

static void test_client(FerryEngine engine)
{
    char *path = ferry_host_path();
    int listener = ferry_host_listen(path), fd;
    g_autofree char *chardev = g_strdup_printf("socket,path=%s,reconnect-ms=10",
                                               path);
    FerryDev *dev = ferry_host_new(engine, chardev, "");
    FerryStream st;

    ferry_stream_start(&st, dev, 0);
    for (int i = 0; i < 2; i++) {
        fd = ferry_host_accept(dev, listener);
        ferry_stream_wait_status(&st, CONNECTED, CONNECTED);
        exchange(&st, fd, fd);
        close(fd);
        ferry_stream_wait_status(&st, HUP, HUP);
        assert_hup(&st, 0);
    }
    close(listener);
    ferry_free(dev);
    clean(path);
}

static void test_pipe(FerryEngine engine)
{
    char *path = ferry_host_path();
    g_autofree char *in = g_strdup_printf("%s.in", path);
    g_autofree char *out = g_strdup_printf("%s.out", path);
    g_autofree char *chardev = g_strdup_printf("pipe,path=%s", path);
    FerryStream st;
    FerryDev *dev;
    int put, get;

    g_assert_cmpint(mkfifo(in, 0600), ==, 0);
    g_assert_cmpint(mkfifo(out, 0600), ==, 0);
    dev = ferry_host_new(engine, chardev, "");
    put = open(in, O_RDWR | O_NONBLOCK);
    get = open(out, O_RDWR | O_NONBLOCK);
    ferry_stream_start(&st, dev, 0);
    g_assert_cmphex(ferry_stream_read(&st, FERRY_PORT_STATUS), ==, CONNECTED);
    exchange(&st, put, get);
    close(put);
    close(get);
    ferry_free(dev);
    unlink(in);
    unlink(out);
    clean(path);
}

/* One is read to its end, the other is written after that, too. */
static void test_file(FerryEngine engine)
{
    char *path = ferry_host_path();
    g_autofree char *in = g_strdup_printf("%s.in", path);
    g_autofree char *chardev = g_strdup_printf("file,path=%s,input-path=%s",
                                               path, in);
    g_autofree char *data = g_malloc(BIG);
    g_autofree char *found = NULL;
    FerryStream st;
    FerryDev *dev;
    gsize len;

    ferry_pattern((uint8_t *)data, BIG, 3);
    g_assert_true(g_file_set_contents(in, data, BIG, NULL));
    dev = ferry_host_new(engine, chardev, "");
    ferry_stream_start(&st, dev, 0);
    drain(&st, DST, BIG, 100000);
    assert_hup(&st, 0);
    g_assert_cmpuint(ferry_stream_read(&st, FERRY_PORT_HANGUPS), ==, 1);
    ferry_assert_memory(dev, DST, data, BIG);
    ferry_stream_send(&st, DST, BIG, 0);
    ferry_assert_cqe(ferry_queue_reap(&st.tx), FERRY_OK, BIG, 0, 0);
    ferry_stream_wait_level(&st, FERRY_PORT_TX_LEVEL, 0);
    ferry_free(dev);
    g_assert_true(g_file_get_contents(path, &found, &len, NULL));
    g_assert_cmpmem(found, len, data, BIG);
    unlink(in);
    clean(path);
}

/* A disk that is full stops the port, and nothing else. */
static void test_full_disk(FerryEngine engine)
{
    FerryDev *dev = ferry_host_new(engine, "file,path=/dev/full", "");
    FerryStream st;

    ferry_stream_start(&st, dev, 0);
    ferry_stream_send(&st, SRC, BIG, 0);
    ferry_queue_wait_stalled(&st.tx);
    ferry_queue_reset(&st.tx);
    ferry_free(dev);
}

static void test_null(FerryEngine engine)
{
    FerryDev *dev = ferry_host_new(engine, "null", "");
    FerryStream st;

    ferry_stream_start(&st, dev, 0);
    g_assert_cmphex(ferry_stream_read(&st, FERRY_PORT_STATUS), ==, CONNECTED);
    ferry_stream_send(&st, SRC, BIG, FERRY_SQE_EOP);
    ferry_assert_cqe(ferry_queue_reap(&st.tx), FERRY_OK, BIG, 0, 0);
    ferry_stream_wait_level(&st, FERRY_PORT_TX_LEVEL, 0);
    g_assert_cmpuint(ferry_stream_read(&st, FERRY_PORT_TX_PACKETS), ==, 1);
    ferry_free(dev);
}

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
    FerryDev *dev = server(engine, path);
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
    drain(&st, DST, 1000, 1000);
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
    clean(path);
}

/* What a peer has sent before it goes away arrives, as long as it may take. */
static void test_last_words(FerryEngine engine)
{
    char *path = ferry_host_path();
    FerryDev *dev = server(engine, path);
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
    drain(&st, DST, put, 65536);
    assert_hup(&st, 0);
    ferry_assert_memory(dev, DST, data, put);
    ferry_free(dev);
    clean(path);
}

/* A peer that comes and goes is told once, and a flush forgets it. */
static void test_visits(FerryEngine engine)
{
    char *path = ferry_host_path();
    FerryDev *dev = server(engine, path);
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
    assert_hup(&st, 0);
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
    clean(path);
}

/* While the machine is stopped, nothing passes. */
static void test_stopped(FerryEngine engine)
{
    char *path = ferry_host_path();
    FerryDev *dev = server(engine, path);
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
    clean(path);
}

/* However often it is stopped while data comes: all of it, in order. */
static void test_stop_and_go(FerryEngine engine)
{
    char *path = ferry_host_path();
    FerryDev *dev = server(engine, path);
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
    clean(path);
}

/* What a SEND has completed with gets to a backend that takes it. */
static void test_end(FerryEngine engine)
{
    char *path = ferry_host_path();
    g_autofree char *chardev = g_strdup_printf("file,path=%s", path);
    FerryDev *dev = ferry_host_new(engine, chardev, "");
    g_autofree char *data = g_malloc(BIG);
    g_autofree char *found = NULL;
    FerryStream st;
    gsize len;

    ferry_pattern((uint8_t *)data, BIG, 6);
    ferry_fill(dev, SRC, data, BIG);
    ferry_stream_start(&st, dev, 0);
    ferry_stream_send(&st, SRC, BIG, 0);
    ferry_assert_cqe(ferry_queue_reap(&st.tx), FERRY_OK, BIG, 0, 0);
    ferry_free(dev);
    g_assert_true(g_file_get_contents(path, &found, &len, NULL));
    g_assert_cmpmem(found, len, data, BIG);
    clean(path);
}

static void test_options(void)
{
    static const struct {
        const char *options;
        const char *message;
    } refused[] = {
        { ",ports=33,channels=64", "ports" },
        { ",ports=4", "channels" },
        { ",ports=32,channels=64", "channels" },
        { ",ports=1,port1=c0", "ports" },
        { ",port0=c0", "ports" },
        { ",ports=1,framing1=len32", "ports" },
        { ",ports=1,framing0=len32", "port0" },
        { ",ports=1,port0=c0,framing0=len16", "framing0" },
        { ",ports=2,port0=c0,port1=c0", "c0" },
    };

    g_assert_true(ferry_accepts("-chardev null,id=c0",
                                ",ports=31,channels=63,port30=c0,"
                                "framing30=len32", NULL));
    g_assert_true(ferry_accepts("-chardev null,id=c0",
                                ",ports=3,port2=c0,framing2=none", NULL));
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        g_autofree char *message = NULL;

        g_assert_false(ferry_accepts("-chardev null,id=c0", refused[i].options,
                                     &message));
        g_assert_nonnull(strstr(message, refused[i].message));
    }
}

/* The backend stays while the device has it. */
static void test_exchange_of_chardev(FerryEngine engine)
{
    FerryDev *dev = ferry_host_new(engine, "null", "");
    QDict *ret;

    ret = qtest_qmp(dev->qts, "{ 'execute': 'chardev-change', 'arguments': {"
                    "  'id': 'c0', 'backend': { 'type': 'null',"
                    "                           'data': {} } } }");
    g_assert_true(qdict_haskey(ret, "error"));
    qobject_unref(ret);
    ret = qtest_qmp(dev->qts, "{ 'execute': 'chardev-remove',"
                    "  'arguments': { 'id': 'c0' } }");
    g_assert_true(qdict_haskey(ret, "error"));
    qobject_unref(ret);
    ferry_free(dev);
}

static void run(const void *opaque)
{
    const Case *c = opaque;

    c->test(c->engine);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        Test *test;
    } tests[] = {
        { "socket-server-passes-both-ways", test_server },
        { "socket-client-passes-both-ways", test_client },
        { "pipe-passes-both-ways", test_pipe },
        { "file-is-read-to-its-end-and-written", test_file },
        { "full-disk-stops-the-port", test_full_disk },
        { "null-takes-everything", test_null },
        { "data-of-two-peers-does-not-mix", test_peer_loss },
        { "last-words-of-a-peer-arrive", test_last_words },
        { "visits-are-told", test_visits },
        { "nothing-passes-while-stopped", test_stopped },
        { "stops-lose-nothing", test_stop_and_go },
        { "what-was-sent-is-written-at-the-end", test_end },
        { "chardev-can-not-be-exchanged", test_exchange_of_chardev },
    };

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
        for (FerryEngine e = FERRY_VIRTUAL; e <= FERRY_IOTHREAD; e++) {
            g_autofree char *path = NULL;
            Case *c = g_new(Case, 1);

            path = g_strdup_printf("ferry/chardev/%s/%s",
                                   e == FERRY_VIRTUAL ? "virtual" : "iothread",
                                   tests[i].name);
            *c = (Case) { tests[i].test, e };
            qtest_add_data_func_full(path, c, run, g_free);
        }
    }
    ferry_add_plain("chardev", "bad-options-are-refused", test_options);
    return ferry_run_tests();
}
