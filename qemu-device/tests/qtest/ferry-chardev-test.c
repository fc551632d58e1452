/*
 * Ferry DMA controller: ports on character devices of the host
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "libqos/ferry.h"
#include "qobject/qdict.h"

#define SRC         (FERRY_RAM + 0x02000000)
#define DST         (FERRY_RAM + 0x04000000)
#define BIG         0x200000
#define CONNECTED   FERRY_PORT_STATUS_CONNECTED
#define HUP         FERRY_PORT_STATUS_HUP

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
    FerryDev *dev = ferry_host_server(engine, path, "");
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
        ferry_stream_assert_hup(&st, DST);
    }
    ferry_free(dev);
    ferry_host_unlink(path);
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
        ferry_stream_assert_hup(&st, DST);
    }
    close(listener);
    ferry_free(dev);
    ferry_host_unlink(path);
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
    ferry_host_unlink(path);
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
    ferry_stream_drain(&st, DST, BIG, 100000);
    ferry_stream_assert_hup(&st, DST);
    g_assert_cmpuint(ferry_stream_read(&st, FERRY_PORT_HANGUPS), ==, 1);
    ferry_assert_memory(dev, DST, data, BIG);
    ferry_stream_send(&st, DST, BIG, 0);
    ferry_assert_cqe(ferry_queue_reap(&st.tx), FERRY_OK, BIG, 0, 0);
    ferry_stream_wait_level(&st, FERRY_PORT_TX_LEVEL, 0);
    ferry_free(dev);
    g_assert_true(g_file_get_contents(path, &found, &len, NULL));
    g_assert_cmpmem(found, len, data, BIG);
    unlink(in);
    ferry_host_unlink(path);
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
    ferry_host_unlink(path);
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

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        FerryHostTest *test;
    } tests[] = {
        { "socket-server-passes-both-ways", test_server },
        { "socket-client-passes-both-ways", test_client },
        { "pipe-passes-both-ways", test_pipe },
        { "file-is-read-to-its-end-and-written", test_file },
        { "full-disk-stops-the-port", test_full_disk },
        { "null-takes-everything", test_null },
        { "what-was-sent-is-written-at-the-end", test_end },
        { "chardev-can-not-be-exchanged", test_exchange_of_chardev },
    };

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
        ferry_host_add("chardev", tests[i].name, tests[i].test);
    }
    ferry_add_plain("chardev", "bad-options-are-refused", test_options);
    return ferry_run_tests();
}
