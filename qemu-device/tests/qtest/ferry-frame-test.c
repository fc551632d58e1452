/*
 * Ferry DMA controller: packets in frames, on a backend that has only bytes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include <sys/socket.h>
#include "qemu/bswap.h"
#include "libqos/ferry.h"

#define SRC         (FERRY_RAM + 0x02000000)
#define DST         (FERRY_RAM + 0x04000000)
#define BIG         0x100000
#define EOP         FERRY_SQE_EOP
#define NEVER       FERRY_PORT_IDLE_NEVER
#define MORE        0x80000000U
#define CONNECTED   FERRY_PORT_STATUS_CONNECTED
#define HUP         FERRY_PORT_STATUS_HUP

typedef struct Fixture {
    FerryDev *dev;
    FerryStream st;
    char *path;
    int fd;             /* of the peer */
    uint8_t *data;      /* BIG bytes, as at SRC */
    uint8_t *found;
} Fixture;

typedef void Test(Fixture *f);

typedef struct Case {
    Test *test;
    FerryEngine engine;
} Case;

static void visit(Fixture *f)
{
    f->fd = ferry_host_connect(f->path);
    ferry_stream_wait_status(&f->st, CONNECTED, CONNECTED);
}

static void leave(Fixture *f)
{
    close(f->fd);
    ferry_stream_wait_status(&f->st, CONNECTED | HUP, HUP);
}

static void put_word(Fixture *f, uint32_t word)
{
    uint8_t raw[4];

    stl_le_p(raw, word);
    ferry_host_put(f->dev, f->fd, raw, sizeof(raw));
}

static void put_frame(Fixture *f, uint32_t off, uint32_t len, bool more)
{
    put_word(f, len | (more ? MORE : 0));
    ferry_host_put(f->dev, f->fd, f->data + off, len);
}

/* One packet into f->found */
static uint32_t get_packet(Fixture *f)
{
    uint32_t len = 0, word;

    do {
        uint8_t raw[4];

        ferry_host_get(f->dev, f->fd, raw, sizeof(raw));
        word = ldl_le_p(raw);
        g_assert_cmpuint(len + (word & ~MORE), <=, BIG);
        ferry_host_get(f->dev, f->fd, f->found + len, word & ~MORE);
        len += word & ~MORE;
    } while (word & MORE);
    return len;
}

static void assert_recv(Fixture *f, uint32_t most, uint32_t off, uint32_t len,
                        uint16_t flags)
{
    ferry_stream_recv(&f->st, DST, most);
    ferry_assert_cqe(ferry_queue_reap(&f->st.rx), FERRY_OK, len, 0, flags);
    ferry_assert_memory(f->dev, DST, f->data + off, len);
}

static void assert_packet(Fixture *f, uint32_t off, uint32_t len)
{
    g_assert_cmpuint(get_packet(f), ==, len);
    g_assert_true(!memcmp(f->found, f->data + off, len));
}

static void test_to_host(Fixture *f)
{
    static const uint32_t sizes[] = {
        0, 1, 3, 4, 5, 4096, 65531, 65536, 131063, 131064, 131065, 131072,
        400000, 0, 0, 7,
    };

    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        ferry_stream_send(&f->st, SRC + i, sizes[i], EOP);
        assert_packet(f, i, sizes[i]);
        ferry_assert_cqe(ferry_queue_reap(&f->st.tx), FERRY_OK, sizes[i], 0, 0);
    }
    /* Several SENDs make one packet. */
    ferry_stream_send(&f->st, SRC, 10, 0);
    ferry_stream_send(&f->st, SRC + 10, 0, 0);
    ferry_stream_send(&f->st, SRC + 10, 90, 0);
    ferry_stream_send(&f->st, SRC + 100, 0, EOP);
    assert_packet(f, 0, 100);
    g_assert_cmpuint(ferry_stream_read(&f->st, FERRY_PORT_TX_PACKETS), ==,
                     ARRAY_SIZE(sizes) + 1);
}

static void test_from_host(Fixture *f)
{
    /* A packet of several frames, some of them empty */
    put_word(f, MORE);
    put_frame(f, 0, 100, true);
    put_word(f, MORE);
    put_word(f, MORE);
    put_frame(f, 100, 50, true);
    put_word(f, 0);
    assert_recv(f, 1000, 0, 150, FERRY_CQE_EOP);
    /* Empty packets */
    put_word(f, 0);
    put_word(f, 0);
    assert_recv(f, 1000, 0, 0, FERRY_CQE_EOP);
    assert_recv(f, 1000, 0, 0, FERRY_CQE_EOP);
    /* One longer than the FIFO and the buffers, whose word comes in pieces */
    ferry_stream_recv(&f->st, DST, 100000);
    for (int i = 0; i < 4; i++) {
        uint8_t byte = 300001 >> 8 * i;

        ferry_host_put(f->dev, f->fd, &byte, 1);
        ferry_queue_wait_stalled(&f->st.rx);
    }
    ferry_stream_recv(&f->st, DST + 100000, 200000);
    ferry_stream_recv(&f->st, DST + 300000, 10);
    ferry_host_put(f->dev, f->fd, f->data, 300001);
    ferry_assert_cqe(ferry_queue_reap(&f->st.rx), FERRY_OK, 100000, 0, 0);
    ferry_assert_cqe(ferry_queue_reap(&f->st.rx), FERRY_OK, 200000, 0, 0);
    ferry_assert_cqe(ferry_queue_reap(&f->st.rx), FERRY_OK, 1, 0,
                     FERRY_CQE_EOP);
    ferry_assert_memory(f->dev, DST, f->data, 300001);
    g_assert_cmpuint(ferry_stream_read(&f->st, FERRY_PORT_RX_PACKETS), ==, 4);
    g_assert_cmpuint(ferry_stream_read64(&f->st, FERRY_PORT_RX_BYTES_LO), ==,
                     300151);
}

/* A word can promise what never comes. The next peer is not concerned. */
static void test_cut_from_host(Fixture *f)
{
    put_word(f, 0x7fffffff);
    ferry_host_put(f->dev, f->fd, f->data, 5000);
    leave(f);
    assert_recv(f, 4000, 0, 4000, 0);
    assert_recv(f, 4000, 4000, 1000, FERRY_CQE_HUP);
    visit(f);
    put_frame(f, 9, 99, false);
    assert_recv(f, 4000, 9, 99, FERRY_CQE_EOP);
    /* A part of a word */
    ferry_host_put(f->dev, f->fd, "\1\2", 2);
    leave(f);
    assert_recv(f, 4000, 0, 0, FERRY_CQE_HUP);
    visit(f);
    put_frame(f, 7, 77, false);
    assert_recv(f, 4000, 7, 77, FERRY_CQE_EOP);
    /* Between the frames of a packet */
    put_frame(f, 0, 30, true);
    leave(f);
    assert_recv(f, 4000, 0, 30, FERRY_CQE_HUP);
    visit(f);
    put_frame(f, 5, 55, false);
    assert_recv(f, 4000, 5, 55, FERRY_CQE_EOP);
}

/* Who has got a part of a packet and goes away, takes it along. */
static void test_cut_to_host(Fixture *f)
{
    uint64_t taken, dropped;

    ferry_stream_send(&f->st, SRC, BIG, EOP);
    ferry_stream_send(&f->st, SRC + 3, 1000, EOP);
    ferry_host_get(f->dev, f->fd, f->found, 200000);
    leave(f);
    ferry_assert_cqe(ferry_queue_reap(&f->st.tx), FERRY_OK, BIG, 0, 0);
    ferry_assert_cqe(ferry_queue_reap(&f->st.tx), FERRY_OK, 1000, 0, 0);
    visit(f);
    assert_packet(f, 3, 1000);
    /* All that is dropped was before this. */
    dropped = ferry_stream_read(&f->st, FERRY_PORT_TX_DROPPED);
    taken = ferry_stream_read64(&f->st, FERRY_PORT_TX_BYTES_LO) - dropped;
    g_assert_cmpuint(dropped, >, 0);
    g_assert_cmpuint(taken, >=, 200000 - 1000);
    /* Between two packets nothing is dropped. */
    leave(f);
    ferry_stream_send(&f->st, SRC + 4, 2000, EOP);
    visit(f);
    assert_packet(f, 4, 2000);
    g_assert_cmpuint(ferry_stream_read(&f->st, FERRY_PORT_TX_DROPPED), ==,
                     dropped);
}

/*
 * One goes away while the backend is being written to: as it reads, there is
 * room, and what uses that finds the other end closed. One round in ten does.
 */
static void test_leave_amid_writes(Fixture *f)
{
    for (int round = 0; round < 32; round++) {
        ferry_stream_send(&f->st, SRC, BIG / 2, EOP);
        ferry_host_get(f->dev, f->fd, f->found, 200000);
        leave(f);
        ferry_assert_cqe(ferry_queue_reap(&f->st.tx), FERRY_OK, BIG / 2, 0, 0);
        visit(f);
    }
    ferry_stream_send(&f->st, SRC + 5, 500, EOP);
    assert_packet(f, 5, 500);
}

/* Nobody is flooded with frames that mean nothing. */
static void test_empty_frames(Fixture *f)
{
    g_autofree uint8_t *words = g_malloc0(BIG);
    FerryQueue other;

    for (size_t i = 3; i < BIG; i += 4) {
        words[i] = MORE >> 24;
    }
    ferry_queue_start_bypass(&other, f->dev, 0);
    ferry_stream_recv(&f->st, DST, 100);
    for (int i = 0; i < 8; i++) {
        ferry_host_put(f->dev, f->fd, words, BIG / 8);
        g_assert_false(ferry_queue_done(&f->st.rx, 0));
        ferry_assert_cqe(ferry_queue_do(&other, FERRY_OP_NOP, 0, 0, 0, 0),
                         FERRY_OK, 0, 0, 0);
    }
    put_frame(f, 0, 10, false);
    ferry_assert_cqe(ferry_queue_reap(&f->st.rx), FERRY_OK, 10, 0,
                     FERRY_CQE_EOP);
}

/* Whatever a peer sends, what comes out has no more bytes, and the next... */
static void test_garbage(Fixture *f)
{
    GRand *rand = g_rand_new_with_seed(20251122);

    for (int round = 0; round < 10; round++) {
        uint32_t total = 0;
        FerryCqe cqe;

        for (int i = 0; i < 20000; i++) {
            f->found[i] = g_rand_boolean(rand) ? 0 : g_rand_int(rand);
        }
        ferry_host_put(f->dev, f->fd, f->found, 20000);
        close(f->fd);
        do {
            ferry_stream_recv(&f->st, DST, g_rand_int_range(rand, 1, 3000));
            cqe = ferry_queue_reap(&f->st.rx);
            g_assert_cmpuint(cqe.status, ==, FERRY_OK);
            total += cqe.len;
        } while (!(cqe.flags & FERRY_CQE_HUP));
        g_assert_cmpuint(total, <, 20000);
        visit(f);
        put_frame(f, round, 100, false);
        assert_recv(f, 4000, round, 100, FERRY_CQE_EOP);
    }
    g_rand_free(rand);
}

/*
 * A flush leaves what is around it whole: the peer finds the end of the packet
 * of which it has a part, and the next one.
 */
static void flush_to_host(Fixture *f, bool reset)
{
    uint32_t len;

    for (uint32_t size = 60000; size <= 960000; size *= 4) {
        uint64_t spent = 0;

        ferry_stream_send(&f->st, SRC, size, size == 240000 ? EOP : 0);
        /* More than the FIFO and the socket hold: it waits for good. */
        ferry_stream_send(&f->st, SRC, BIG, 0);
        ferry_queue_wait_stalled(&f->st.tx);
        for (int i = 0; i < 50; i++) {
            ferry_poll(f->dev, &spent);     /* fill the socket */
        }
        if (reset) {
            ferry_global_reset(f->dev);
            ferry_stream_start(&f->st, f->dev, 0);
            ferry_stream_write(&f->st, FERRY_PORT_IDLE, NEVER);
        } else {
            ferry_queue_reset(&f->st.tx);
            ferry_stream_write(&f->st, FERRY_PORT_CMD,
                               FERRY_PORT_CMD_FLUSH_TX);
            ferry_queue_start(&f->st.tx);
        }
        ferry_stream_send(&f->st, SRC + 8, 888, EOP);
        do {
            len = get_packet(f);
        } while (len != 888 || memcmp(f->found, f->data + 8, len));
    }
}

static void test_flush_to_host(Fixture *f)
{
    flush_to_host(f, false);
}

static void test_reset_amid_frame(Fixture *f)
{
    flush_to_host(f, true);
    /* and in the other direction */
    put_word(f, 5000);
    ferry_host_put(f->dev, f->fd, f->data, 3000);
    assert_recv(f, 1000, 0, 1000, 0);
    ferry_global_reset(f->dev);
    ferry_stream_start(&f->st, f->dev, 0);
    ferry_stream_write(&f->st, FERRY_PORT_IDLE, NEVER);
    ferry_host_put(f->dev, f->fd, f->data + 3000, 2000);
    put_frame(f, 6, 66, false);
    assert_recv(f, 1000, 6, 66, FERRY_CQE_EOP);
}

/* The rest of a packet that has come in part is dropped when it comes. */
static void test_flush_from_host(Fixture *f)
{
    for (int more = 0; more < 2; more++) {
        put_frame(f, 0, 100, false);
        put_frame(f, 0, 200, true);
        put_word(f, 5000 | (more ? MORE : 0));
        ferry_host_put(f->dev, f->fd, f->data, 3000);
        assert_recv(f, 50, 0, 50, 0);
        /* A flush is of what has come, and the socket may still have some. */
        ferry_stream_wait_level(&f->st, FERRY_PORT_RX_LEVEL,
                                50 + 4 + 200 + 4 + 3000);
        ferry_stream_write(&f->st, FERRY_PORT_CMD, FERRY_PORT_CMD_FLUSH_RX);
        g_assert_cmpuint(ferry_stream_read(&f->st, FERRY_PORT_RX_LEVEL), ==, 0);
        ferry_host_put(f->dev, f->fd, f->data + 3000, 2000);
        if (more) {
            put_frame(f, 0, 10, true);
            put_frame(f, 0, 10, false);
        }
        put_frame(f, 6, 66, false);
        assert_recv(f, 1000, 6, 66, FERRY_CQE_EOP);
    }
    /* A part of a word stays, as there is no telling of what packet it is. */
    ferry_host_put(f->dev, f->fd, "\3\0", 2);
    ferry_stream_wait_level(&f->st, FERRY_PORT_RX_LEVEL, 2);
    ferry_stream_write(&f->st, FERRY_PORT_CMD, FERRY_PORT_CMD_FLUSH_RX);
    ferry_host_put(f->dev, f->fd, "\0\0abc", 5);
    ferry_stream_recv(&f->st, DST, 10);
    ferry_assert_cqe(ferry_queue_reap(&f->st.rx), FERRY_OK, 3, 0,
                     FERRY_CQE_EOP);
    ferry_assert_memory(f->dev, DST, "abc", 3);
}

static void run(const void *opaque)
{
    const Case *c = opaque;
    Fixture f = { .path = ferry_host_path() };

    f.dev = ferry_host_server(c->engine, f.path, ",framing0=len32");
    f.data = g_malloc(BIG);
    f.found = g_malloc(BIG);
    ferry_pattern(f.data, BIG, 1);
    ferry_fill(f.dev, SRC, f.data, BIG);
    ferry_stream_start(&f.st, f.dev, 0);
    ferry_stream_write(&f.st, FERRY_PORT_IDLE, NEVER);
    visit(&f);
    g_assert_cmphex(ferry_stream_read(&f.st, FERRY_PORT_STATUS), ==,
                    CONNECTED | FERRY_PORT_STATUS_PACKETS);
    c->test(&f);
    close(f.fd);
    ferry_free(f.dev);
    g_free(f.data);
    g_free(f.found);
    ferry_host_unlink(f.path);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        Test *test;
    } tests[] = {
        { "packets-reach-the-host", test_to_host },
        { "packets-come-from-the-host", test_from_host },
        { "packets-cut-by-the-host-end-with-hup", test_cut_from_host },
        { "packets-cut-to-the-host-are-dropped", test_cut_to_host },
        { "peers-leave-amid-writes", test_leave_amid_writes },
        { "empty-frames-mean-nothing", test_empty_frames },
        { "garbage-ends-with-its-peer", test_garbage },
        { "flush-to-the-host-keeps-packets-whole", test_flush_to_host },
        { "flush-from-the-host-keeps-packets-whole", test_flush_from_host },
        { "reset-keeps-packets-whole", test_reset_amid_frame },
    };

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
        for (FerryEngine e = FERRY_VIRTUAL; e <= FERRY_IOTHREAD; e++) {
            g_autofree char *path = NULL;
            Case *c = g_new(Case, 1);

            path = g_strdup_printf("ferry/frame/%s/%s",
                                   e == FERRY_VIRTUAL ? "virtual" : "iothread",
                                   tests[i].name);
            *c = (Case) { tests[i].test, e };
            qtest_add_data_func_full(path, c, run, g_free);
        }
    }
    return ferry_run_tests();
}
