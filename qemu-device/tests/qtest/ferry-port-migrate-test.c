/*
 * Ferry DMA controller: migration of ports with data in flight
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The source and the destination each have a socket to the test; what comes
 * from the second one goes on where the first has ended.
 */
#include "qemu/osdep.h"
#include <sys/socket.h>
#include "qemu/bswap.h"
#include "libqos/ferry.h"

/* The machine is small, so that migrating it is quick. */
#define MACHINE     "-m 10M"
#define SRC         (FERRY_RAM + 0x00400000)
#define DST         (FERRY_RAM + 0x00600000)
#define BIG         0x100000
#define EOP         FERRY_SQE_EOP
#define NEVER       FERRY_PORT_IDLE_NEVER
#define CONNECTED   FERRY_PORT_STATUS_CONNECTED
#define HUP         FERRY_PORT_STATUS_HUP

static void moved(FerryStream *st, FerryDev *dev)
{
    st->dev = dev;
    st->tx.dev = dev;
    st->rx.dev = dev;
}

static uint8_t *source(FerryDev *dev)
{
    uint8_t *data = g_malloc(BIG);

    ferry_pattern(data, BIG, 1);
    ferry_fill(dev, SRC, data, BIG);
    return data;
}

/* Port 0 waits for room, port 1 for data, port 2 has a full buffer. */
static void test_loopback(const void *opaque)
{
    const FerryRoute *route = opaque;
    FerryDev *dev = ferry_new(route->from, MACHINE, ",ports=3");
    g_autofree uint8_t *data = source(dev);
    g_autofree uint32_t *before = g_new(uint32_t, 0x300 / 4);
    FerryStream st[3];

    for (unsigned int i = 0; i < 3; i++) {
        ferry_stream_start(&st[i], dev, i);
        ferry_stream_write(&st[i], FERRY_PORT_IDLE, NEVER | i);
    }
    ferry_stream_send(&st[0], SRC, BIG, EOP);
    ferry_stream_recv(&st[0], DST, 777);
    ferry_queue_reap(&st[0].rx);
    ferry_queue_wait_stalled(&st[0].tx);
    ferry_stream_recv(&st[1], DST + BIG, 1000);
    ferry_stream_send(&st[1], SRC, 100, 0);
    ferry_stream_wait_taken(&st[1]);
    ferry_stream_send(&st[2], SRC, 300, 0);
    ferry_stream_send(&st[2], SRC, 0, EOP);
    ferry_stream_recv(&st[2], DST + 2 * BIG, 100);
    ferry_queue_reap(&st[2].rx);
    ferry_queue_reap(&st[2].tx);
    ferry_queue_reap(&st[2].tx);
    qtest_qmp_assert_success(dev->qts, "{ 'execute': 'stop' }");
    for (uint32_t r = 0; r < 0x300; r += 4) {
        before[r / 4] = ferry_read(dev, FERRY_PORT(0) + r);
    }
    dev = ferry_migrate(dev, route->to, MACHINE, ",ports=3");
    for (uint32_t r = 0; r < 0x300; r += 4) {
        g_assert_cmphex(ferry_read(dev, FERRY_PORT(0) + r), ==, before[r / 4]);
    }
    for (unsigned int i = 0; i < 3; i++) {
        moved(&st[i], dev);
    }
    ferry_queue_wait_stalled(&st[0].tx);
    ferry_queue_wait_stalled(&st[1].rx);
    ferry_stream_recv(&st[0], DST + 777, BIG);
    ferry_assert_cqe(ferry_queue_reap(&st[0].rx), FERRY_OK, BIG - 777, 0,
                     FERRY_CQE_EOP);
    ferry_assert_cqe(ferry_queue_reap(&st[0].tx), FERRY_OK, BIG, 0, 0);
    ferry_stream_send(&st[1], SRC + 100, 50, EOP);
    ferry_assert_cqe(ferry_queue_reap(&st[1].rx), FERRY_OK, 150, 0,
                     FERRY_CQE_EOP);
    ferry_stream_recv(&st[2], DST + 2 * BIG + 100, 1000);
    ferry_assert_cqe(ferry_queue_reap(&st[2].rx), FERRY_OK, 200, 0,
                     FERRY_CQE_EOP);
    ferry_assert_memory(dev, DST, data, BIG);
    ferry_assert_memory(dev, DST + BIG, data, 150);
    ferry_assert_memory(dev, DST + 2 * BIG, data, 300);
    ferry_free(dev);
}

typedef struct Peer {
    char *path;
    char *machine;
    int listener;
} Peer;

static Peer peer_new(void)
{
    Peer p = { .path = ferry_host_path() };

    p.listener = ferry_host_listen(p.path);
    p.machine = g_strdup_printf(MACHINE " -chardev socket,path=%s,id=c0",
                                p.path);
    return p;
}

static void peer_free(Peer *p)
{
    close(p->listener);
    ferry_host_unlink(p->path);
    g_free(p->machine);
}

/* Both directions are amid a frame; not a byte is lost or comes twice. */
static void frames(const FerryRoute *route, const char *framing)
{
    g_autofree char *options = g_strdup_printf(",ports=1,port0=c0,framing0=%s",
                                               framing);
    bool len32 = !strcmp(framing, "len32");
    Peer a = peer_new(), b = peer_new();
    FerryDev *dev = ferry_new(route->from, a.machine, options);
    g_autofree uint8_t *data = source(dev);
    g_autofree uint8_t *wire = g_malloc(2 * BIG);
    uint32_t sent = 0, put = 0, got = 0, end = 0;
    uint64_t spent = 0;
    FerryStream st;
    uint8_t word[4];
    int fd;

    dev->host = true;
    ferry_stream_start(&st, dev, 0);
    fd = ferry_host_accept(dev, a.listener);
    ferry_stream_wait_status(&st, CONNECTED, CONNECTED);
    ferry_stream_write(&st, FERRY_PORT_IDLE, NEVER);
    ferry_stream_send(&st, SRC, BIG, EOP);
    ferry_stream_recv(&st, DST, BIG);
    ferry_stream_recv(&st, DST, BIG);
    if (len32) {
        stl_le_p(word, BIG);
        ferry_host_put(dev, fd, word, 4);
    }
    for (int i = 0; i < 30; i++) {
        put += ferry_host_try_put(fd, data + put, MIN(10000, BIG - put));
        ferry_poll(dev, &spent);
    }
    sent += ferry_host_try_get(fd, wire, 50000);
    spent = 0;
    /* What the socket holds has to be with the device when it stops. */
    while (ferry_stream_read64(&st, FERRY_PORT_RX_BYTES_LO) < put) {
        ferry_poll(dev, &spent);
    }
    g_assert_cmpuint(put, <, BIG);
    g_assert_cmpuint(ferry_stream_read(&st, FERRY_PORT_TX_LEVEL), >, 0);
    qtest_qmp_assert_success(dev->qts, "{ 'execute': 'stop' }");
    for (size_t n = 1; n; sent += n) {
        n = ferry_host_try_get(fd, wire + sent, 2 * BIG - sent);
    }
    dev = ferry_migrate(dev, route->to, b.machine, options);
    dev->host = true;
    close(fd);
    moved(&st, dev);
    fd = ferry_host_accept(dev, b.listener);
    g_assert_cmphex(ferry_stream_read(&st, FERRY_PORT_STATUS) &
                    (CONNECTED | HUP), ==, CONNECTED);
    g_assert_cmphex(ferry_queue_read(&st.rx, FERRY_CHAN_IRQ_STATUS), ==, 0);
    ferry_host_put(dev, fd, data + put, BIG - put);
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, BIG, 0,
                     len32 ? FERRY_CQE_EOP : 0);
    ferry_assert_memory(dev, DST, data, BIG);
    /* Everything that was sent, by frames or not */
    while (end < BIG) {
        uint32_t len = len32 ? FERRY_FRAME_SIZE : BIG;

        if (len32 && sent - got >= len) {
            len += ldl_le_p(wire + got) & FERRY_FRAME_BYTES;
        }
        if (sent - got < len) {
            ferry_host_get(dev, fd, wire + sent, len - (sent - got));
            sent += len - (sent - got);
            continue;
        }
        len -= len32 ? FERRY_FRAME_SIZE : 0;
        got += len32 ? FERRY_FRAME_SIZE : 0;
        g_assert_true(!memcmp(wire + got, data + end, len));
        got += len;
        end += len;
    }
    ferry_assert_cqe(ferry_queue_reap(&st.tx), FERRY_OK, BIG, 0, 0);
    close(fd);
    ferry_free(dev);
    peer_free(&a);
    peer_free(&b);
}

static void test_frames(const void *opaque)
{
    frames(opaque, "len32");
}

static void test_bytes(const void *opaque)
{
    frames(opaque, "none");
}

/* The destination's backend is closed: the guest is told when it runs. */
static void test_closed(const void *opaque)
{
    const FerryRoute *route = opaque;
    char *path = ferry_host_path();
    g_autofree char *to = NULL;
    Peer a = peer_new();
    FerryDev *dev = ferry_new(route->from, a.machine, ",ports=1,port0=c0");
    uint64_t spent = 0;
    FerryStream st;
    int fd;

    dev->host = true;
    ferry_stream_start(&st, dev, 0);
    fd = ferry_host_accept(dev, a.listener);
    ferry_stream_wait_status(&st, CONNECTED, CONNECTED);
    ferry_stream_write(&st, FERRY_PORT_IDLE, NEVER);
    ferry_stream_recv(&st, DST, 100);
    ferry_host_put(dev, fd, "abc", 3);
    while (ferry_stream_read(&st, FERRY_PORT_RX_BYTES_LO) < 3) {
        ferry_poll(dev, &spent);
    }
    to = g_strdup_printf(MACHINE " -chardev socket,path=%s,server=on,wait=off,"
                         "id=c0", path);
    dev = ferry_migrate(dev, route->to, to, ",ports=1,port0=c0");
    dev->host = true;
    moved(&st, dev);
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 3, 0, FERRY_CQE_HUP);
    g_assert_cmphex(ferry_stream_read(&st, FERRY_PORT_STATUS), ==, 0);
    g_assert_cmphex(ferry_queue_read(&st.rx, FERRY_CHAN_IRQ_STATUS), ==,
                    FERRY_CHAN_IRQ_PORT);
    g_assert_cmpuint(ferry_stream_read(&st, FERRY_PORT_HANGUPS), ==, 1);
    close(fd);
    ferry_free(dev);
    peer_free(&a);
    ferry_host_unlink(path);
}

/* An idle time that has begun ends when it would have. */
static void test_idle(void)
{
    FerryDev *dev = ferry_new(FERRY_VIRTUAL, MACHINE, ",ports=1");
    FerryStream st;

    ferry_stream_start(&st, dev, 0);
    ferry_stream_write(&st, FERRY_PORT_IDLE, 30000);
    ferry_stream_recv(&st, DST, 100);
    ferry_stream_send(&st, SRC, 10, 0);
    qtest_clock_step(dev->qts, 20000000);
    dev = ferry_migrate(dev, FERRY_VIRTUAL, MACHINE, ",ports=1");
    moved(&st, dev);
    qtest_clock_step(dev->qts, 9900000);
    g_assert_false(ferry_queue_done(&st.rx, 0));
    qtest_clock_step(dev->qts, 200000);
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 10, 0, FERRY_CQE_IDLE);
    ferry_free(dev);
}

#define NULLS       MACHINE " -chardev null,id=c0"
#define FRAMED      ",ports=2,port0=c0,framing0=len32"

static char *save(void)
{
    FerryDev *dev = ferry_new(FERRY_VIRTUAL, NULLS, FRAMED);
    g_autofree uint8_t *data = source(dev);
    FerryStream st[2];
    char *name;

    for (unsigned int i = 0; i < 2; i++) {
        ferry_stream_start(&st[i], dev, i);
        ferry_stream_recv(&st[i], DST, 100);
        ferry_stream_send(&st[i], SRC, 3000, 0);
    }
    qtest_clock_step(dev->qts, 10000);
    name = ferry_migrate_save(dev);
    ferry_free(dev);
    return name;
}

/* What the guest has read of the ports can't change. */
static void test_differences(void)
{
    static const char * const options[] = {
        "", ",ports=1", ",ports=3", ",ports=2,port0=c0", ",ports=2",
        FRAMED ",channels=9",
    };
    g_autofree char *name = save();
    FerryDev *dev;

    g_assert_true(ferry_migrate_load(&dev, NULLS, FRAMED, name));
    ferry_free(dev);
    for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
        g_assert_false(ferry_migrate_load(&dev, NULLS, options[i], name));
        ferry_free(dev);
    }
    unlink(name);
}

static void test_bogus_stream(void)
{
    GRand *rand = g_rand_new_with_seed(20251122);
    g_autofree char *name = save();
    g_autofree char *good = NULL;
    gsize len, at;
    FerryStream st;
    FerryDev *dev;

    good = ferry_migrate_find(name, "ferry/ports", &len, &at);
    for (int i = 0; i < 20; i++) {
        g_autofree char *bad = g_memdup2(good, len);
        /* The first port's numbers, or what is behind its FIFOs */
        gsize span = i & 1 ? 40 : 7000;
        bool taken;

        ferry_migrate_spoil(rand, 20, bad, at + 4, MIN(at + 4 + span, len));
        g_assert_true(g_file_set_contents(name, bad, len, NULL));
        taken = ferry_migrate_load(&dev, NULLS, FRAMED, name);
        if (taken) {
            qtest_qmp_assert_success(dev->qts, "{ 'execute': 'cont' }");
        }
        for (uint32_t r = 0; r < 0x200; r += 4) {
            ferry_read(dev, FERRY_PORT(0) + r);
        }
        qtest_clock_step(dev->qts, 1000000);
        ferry_write(dev, FERRY_PORT(0) + FERRY_PORT_CMD, 3);
        ferry_write(dev, FERRY_PORT(1) + FERRY_PORT_CMD, 3);
        qtest_clock_step(dev->qts, 1000000);
        qtest_system_reset(dev->qts);
        if (taken) {
            ferry_stream_start(&st, dev, 1);
            ferry_stream_recv(&st, DST, 100);
            ferry_stream_send(&st, SRC, 100, EOP);
            ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 100, 0,
                             FERRY_CQE_EOP);
        }
        ferry_free(dev);
    }
    g_rand_free(rand);
    unlink(name);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ferry_migrate_add("port-migrate", "loopback-goes-on", test_loopback);
    ferry_migrate_add("port-migrate", "bytes-go-on", test_bytes);
    ferry_migrate_add("port-migrate", "frames-go-on", test_frames);
    ferry_migrate_add("port-migrate", "closed-destination-is-told",
                      test_closed);
    ferry_add_plain("port-migrate", "idle-time-goes-on", test_idle);
    ferry_add_plain("port-migrate", "differences-are-refused",
                    test_differences);
    ferry_add_plain("port-migrate", "bogus-stream-does-no-harm",
                    test_bogus_stream);
    return ferry_run_tests();
}
