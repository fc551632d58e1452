/*
 * Ferry DMA controller: owners of ports that mean no good
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "libqos/ferry.h"

#define OPTIONS     ",ports=3"
#define SRC         FERRY_DATA
#define DST         (FERRY_DATA + 0x01000000)
#define RING        4096
#define EOP         FERRY_SQE_EOP

static void start(FerryStream *st, FerryDev *dev)
{
    ferry_stream_start(st, dev, 0);
    ferry_queue_reset(&st->tx);
    ferry_queue_reset(&st->rx);
    st->tx.order = 12;
    st->rx.order = 12;
    /* The rings are larger than where they would be put. */
    st->tx.sq = FERRY_DATA + 0x04000000;
    st->tx.cq = FERRY_DATA + 0x04100000;
    st->rx.sq = FERRY_DATA + 0x04200000;
    st->rx.cq = FERRY_DATA + 0x04300000;
    ferry_queue_start(&st->tx);
    ferry_queue_start(&st->rx);
}

static void assert_others_work(FerryDev *dev)
{
    FerryStream st;
    FerryQueue q;

    ferry_queue_start_bypass(&q, dev, 0);
    ferry_assert_cqe(ferry_queue_do(&q, FERRY_OP_FILL, 100, 0, DST, 0),
                     FERRY_OK, 100, 0, 0);
    ferry_queue_reset(&q);
    ferry_stream_start(&st, dev, 2);
    ferry_stream_recv(&st, DST, 100);
    ferry_stream_send(&st, SRC, 100, EOP);
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 100, 0, FERRY_CQE_EOP);
    ferry_queue_reset(&st.tx);
    ferry_queue_reset(&st.rx);
}

/* A full ring of RECVs takes a byte each, and then waits. */
static void test_recv_flood(FerryDev *dev)
{
    g_autofree uint8_t *data = g_malloc(RING);
    FerryStream st;

    start(&st, dev);
    ferry_pattern(data, RING, 1);
    ferry_fill(dev, SRC, data, RING);
    for (int i = 0; i < RING; i++) {
        ferry_queue_add(&st.rx, FERRY_OP_RECV, 1, 0, DST + i, 0);
    }
    ferry_queue_ring(&st.rx);
    ferry_queue_wait_stalled(&st.rx);
    assert_others_work(dev);
    ferry_stream_send(&st, SRC, RING - 1, 0);
    ferry_queue_reap(&st.tx);
    for (int i = 0; i < RING - 1; i++) {
        ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 1, 0, 0);
    }
    ferry_assert_memory(dev, DST, data, RING - 1);
    ferry_queue_wait_stalled(&st.rx);
    assert_others_work(dev);
}

/* Ends of packet fill the FIFO as bytes do. */
static void test_end_flood(FerryDev *dev)
{
    uint32_t fifo = ferry_read(dev, FERRY_CAP_FIFO), ends = 0;
    FerryStream st;

    start(&st, dev);
    for (int i = 0; i < RING; i++) {
        ferry_queue_add_flags(&st.tx, FERRY_OP_SEND, EOP, 0, 0, 0, 0);
    }
    ferry_queue_ring(&st.tx);
    /* The same entries again and again, until they do not fit */
    while ((st.tx.tail - st.tx.init) * 4 <= fifo - 8) {
        uint64_t spent = 0;

        while (!ferry_queue_done(&st.tx, st.tx.tail - 1)) {
            ferry_poll(dev, &spent);
        }
        st.tx.tail += RING;
        ferry_queue_ring(&st.tx);
    }
    ferry_queue_wait_stalled(&st.tx);
    g_assert_cmpuint(ferry_stream_read(&st, FERRY_PORT_RX_LEVEL), <=, fifo);
    assert_others_work(dev);
    while (!ferry_queue_done(&st.tx, st.tx.tail - 1) || ends < 100) {
        ferry_stream_recv(&st, DST, 100);
        ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 0, 0,
                         FERRY_CQE_EOP);
        g_assert_cmpuint(ends++, <=, RING);
    }
}

static void begin(FerryStream *st, FerryDev *dev)
{
    ferry_stream_start(st, dev, 1);
    ferry_stream_write(st, FERRY_PORT_IDLE, FERRY_PORT_IDLE_NEVER);
}

static void test_errors(FerryDev *dev)
{
    FerryStream st;
    FerryQueue q;

    begin(&st, dev);
    ferry_queue_start_bypass(&q, dev, 0);
    for (uint8_t op = FERRY_OP_SEND; op <= FERRY_OP_RECV; op++) {
        ferry_assert_cqe(ferry_queue_do(&q, op, 0, SRC, DST, 0),
                         FERRY_ERR_BAD_OP, 0, 0, 0);
    }
    ferry_assert_cqe(ferry_queue_do(&st.tx, FERRY_OP_RECV, 8, SRC, DST, 0),
                     FERRY_ERR_BAD_OP, 0, 0, 0);
    ferry_assert_cqe(ferry_queue_do(&st.rx, FERRY_OP_SEND, 8, SRC, DST, 0),
                     FERRY_ERR_BAD_OP, 0, 0, 0);
    for (unsigned int flag = 1; flag < 256; flag <<= 1) {
        ferry_queue_add_flags(&st.rx, FERRY_OP_RECV, flag, 8, SRC, DST, 0);
        ferry_queue_ring(&st.rx);
        ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_ERR_BAD_FIELD, 0, 0,
                         0);
        ferry_queue_add_flags(&st.tx, FERRY_OP_NOP, flag, 0, SRC, DST, 0);
        ferry_stream_send(&st, SRC, 0, flag);
        ferry_assert_cqe(ferry_queue_reap(&st.tx), FERRY_ERR_BAD_FIELD, 0, 0,
                         0);
        ferry_assert_cqe(ferry_queue_reap(&st.tx),
                         flag == EOP ? FERRY_OK : FERRY_ERR_BAD_FIELD, 0, 0, 0);
    }
    ferry_assert_cqe(ferry_queue_do(&st.tx, FERRY_OP_SEND, 0x1000001, SRC, 0,
                                    0), FERRY_ERR_BAD_LEN, 0, 0, 0);
    /* The other operations work, and ignored fields are ignored. */
    ferry_assert_cqe(ferry_queue_do(&st.tx, FERRY_OP_COPY, 100, SRC, DST, 0),
                     FERRY_OK, 100, 0, 0);
    ferry_assert_cqe(ferry_queue_do(&st.rx, FERRY_OP_FILL, 100, ~0ULL, DST, 9),
                     FERRY_OK, 100, 0, 0);
    ferry_assert_cqe(ferry_queue_do(&st.tx, FERRY_OP_SEND, 8, SRC, ~0ULL,
                                    ~0ULL), FERRY_OK, 8, 0, 0);
    ferry_stream_write(&st, FERRY_PORT_CMD, FERRY_PORT_CMD_FLUSH_RX);

    /* Permissions, the other way round than they have to be */
    ferry_queue_reset(&st.tx);
    ferry_queue_reset(&st.rx);
    ferry_queue_init(&st.tx, dev, st.tx.chan);
    ferry_queue_init(&st.rx, dev, st.rx.chan);
    ferry_queue_row(&st.tx, 1, SRC, 4096, 5, 0);
    ferry_queue_row(&st.rx, 1, DST, 4096, 3, 0);
    ferry_queue_start(&st.tx);
    ferry_queue_start(&st.rx);
    ferry_assert_cqe(ferry_queue_do(&st.tx, FERRY_OP_SEND, 8, ferry_at(1, 0),
                                    0, 0), FERRY_ERR_WINDOW_PERM, 0, 0, 0);
    ferry_assert_cqe(ferry_queue_do(&st.rx, FERRY_OP_RECV, 8, 0,
                                    ferry_at(1, 0), 0),
                     FERRY_ERR_WINDOW_PERM, 0, 0, 0);
    ferry_assert_cqe(ferry_queue_do(&st.rx, FERRY_OP_RECV, 8, 0,
                                    ferry_at(9, 0), 0),
                     FERRY_ERR_WINDOW_REVOKED, 0, 0, 0);
}

/* A failure takes and gives as many bytes as it tells, and no more. */
static void test_abort(FerryDev *dev)
{
    uint64_t end = FERRY_RAM + 0x100000000ULL;      /* -m 4G */
    g_autofree uint8_t *data = g_malloc(0x3000);
    FerryStream st;

    begin(&st, dev);
    ferry_pattern(data, 0x3000, 8);
    ferry_fill(dev, SRC, data, 0x3000);
    ferry_fill(dev, end - 0x1000, data, 0x1000);
    ferry_stream_send(&st, end - 0x1000, 0x2000, EOP);
    ferry_assert_cqe(ferry_queue_reap(&st.tx), FERRY_ERR_DMA_ABORT, 0x1000, 0,
                     0);
    ferry_stream_send(&st, SRC + 0x1000, 0x2000, EOP);
    ferry_queue_reap(&st.tx);
    ferry_stream_recv(&st, end - 0x800, 0x1000);
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_ERR_DMA_ABORT, 0x800, 0,
                     0);
    ferry_get(dev, end - 0x800, data + 0x2f00, 16);
    g_assert_cmpmem(data + 0x2f00, 16, data, 16);
    ferry_stream_recv(&st, DST, 0x4000);
    ferry_assert_cqe(ferry_queue_reap(&st.rx), FERRY_OK, 0x2800, 0,
                     FERRY_CQE_EOP);
    ferry_assert_memory(dev, DST, data + 0x800, 0x2000);
}

/* Port registers, commands and entries at random */
static void test_random(FerryDev *dev)
{
    GRand *rand = g_rand_new_with_seed(20251122);
    uint64_t spent = 0;
    FerryQueue q[8];

    for (int round = 0; round < 10; round++) {
        for (unsigned int c = 0; c < 8; c++) {
            ferry_queue_start_bypass(&q[c], dev, c);
        }
        for (int i = 0; i < 400; i++) {
            unsigned int c = g_rand_int_range(rand, 0, 8);
            uint32_t len = g_rand_int(rand) >> g_rand_int_range(rand, 7, 32);

            switch (g_rand_int_range(rand, 0, 8)) {
            case 0:
                ferry_write(dev, FERRY_PORT(g_rand_int_range(rand, 0, 4)) +
                                 4 * g_rand_int_range(rand, 0, 16),
                            g_rand_int(rand) >> g_rand_int_range(rand, 0, 32));
                break;
            case 1:
                ferry_queue_write(&q[c], FERRY_CHAN_WIN_INVALIDATE,
                                  g_rand_int(rand));
                break;
            case 2:
                if (g_rand_int_range(rand, 0, 10) == 0) {
                    ferry_queue_write(&q[c], FERRY_CHAN_CMD,
                                      FERRY_CHAN_CMD_STOP);
                }
                break;
            case 3:
                ferry_read(dev, FERRY_PORT(0) + 4 * g_rand_int_range(rand, 0,
                                                                     0xc0));
                break;
            default:
                if (q[c].tail - ferry_queue_read(&q[c], FERRY_CHAN_HEAD) < 60) {
                    ferry_queue_add_flags(&q[c],
                                          g_rand_int_range(rand, 5, 9),
                                          g_rand_int_range(rand, 0, 3) & 1,
                                          len, SRC + len, DST, 0);
                    ferry_queue_ring(&q[c]);
                }
                break;
            }
            if (g_rand_int_range(rand, 0, 5) == 0) {
                spent = 0;
                ferry_poll(dev, &spent);
            }
        }
        if (round & 1) {
            ferry_global_reset(dev);
        } else {
            qtest_system_reset(dev->qts);
        }
        assert_others_work(dev);
        ferry_global_reset(dev);
    }
    g_rand_free(rand);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ferry_add("port-hostile", "flood-of-receives-holds-up-nobody", OPTIONS,
              test_recv_flood);
    ferry_add("port-hostile", "flood-of-ends-is-held-back", OPTIONS,
              test_end_flood);
    ferry_add("port-hostile", "wrong-entries-fail-alone", OPTIONS, test_errors);
    ferry_add("port-hostile", "failures-lose-nothing", OPTIONS, test_abort);
    ferry_add("port-hostile", "anything-goes-and-reset-ends-it", OPTIONS,
              test_random);
    return ferry_run_tests();
}
