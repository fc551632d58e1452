/*
 * Ferry DMA controller: migration with work in flight
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each test runs from either engine to either engine. Under qtest the virtual
 * clock is not migrated, as it is elsewhere, so migrate() sets the
 * destination's to the source's.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "libqos/ferry.h"

/* The machine is small, so that migrating it is quick. */
#define MACHINE     "-m 20M"
#define SRC         (FERRY_RAM + 0x00400000)
#define DST         (FERRY_RAM + 0x00900000)
#define BIG         0x400000
#define BLOCKS      256     /* many more than fit into the ring */
#define BLOCK       0x8000
#define SLOW        ",latency-ns=0,bandwidth=1000000000"

/*
 * The memory that may be dirty at the switch-over is the bandwidth times the
 * downtime: 1 KiB for 1 ms, everything for 100 s. A limit to the bandwidth
 * makes the first pass last.
 */
static void set_pace(FerryDev *dev, int64_t bandwidth, int64_t downtime_ms)
{
    qtest_qmp_assert_success(dev->qts,
                             "{ 'execute': 'migrate-set-parameters',"
                             "  'arguments': {"
                             "    'max-bandwidth': %" PRId64 ","
                             "    'avail-switchover-bandwidth': 1048576,"
                             "    'downtime-limit': %" PRId64 " } }",
                             bandwidth, downtime_ms);
}

static void poll_bytes(FerryQueue *q)
{
    uint64_t spent = 0;

    while (!ferry_queue_read64(q, FERRY_CHAN_BYTES_LO)) {
        ferry_poll(q->dev, &spent);
    }
}

/* Amid an operation of each kind: all end over there as they would here. */
static void test_partial(const void *opaque)
{
    enum { LEN = 0x100000, KINDS = FERRY_OP_COMPARE - FERRY_OP_COPY + 1 };
    const FerryRoute *route = opaque;
    g_autofree uint8_t *data = g_malloc(LEN);
    FerryDev *dev = ferry_new(route->from, MACHINE, SLOW);
    FerryQueue q[KINDS];
    uint32_t crc;

    ferry_pattern(data, LEN, 1);
    crc = ferry_crc32c(0x1234, data, LEN - 1);
    ferry_fill(dev, SRC, data, LEN);
    for (unsigned int c = 0; c < KINDS; c++) {
        uint8_t op = FERRY_OP_COPY + c;
        bool crcs = op == FERRY_OP_CRC32C || op == FERRY_OP_COPY_CRC32C;
        uint64_t dst = DST + 2 * LEN * c;

        if (op == FERRY_OP_COMPARE) {
            ferry_fill(dev, dst + 1, data, LEN);
        }
        ferry_queue_init(&q[c], dev, c);
        ferry_queue_row(&q[c], 3, SRC, LEN, 7, 0);
        ferry_queue_row(&q[c], 4, dst, 2 * LEN, 7, 0);
        q[c].init = 0xffffffff;
        ferry_queue_start(&q[c]);
        for (uint32_t i = 0; i < 4; i++) {
            ferry_queue_add(&q[c], op, LEN - 1, ferry_at(3, 0), ferry_at(4, 1),
                            crcs ? 0x1234 : 0x1111111111111111 * i);
        }
    }
    for (unsigned int c = 0; c < KINDS; c++) {
        ferry_queue_ring(&q[c]);
    }
    for (unsigned int c = 0; c < KINDS; c++) {
        poll_bytes(&q[c]);
    }
    for (unsigned int c = 0; c < KINDS; c++) {
        /* An IOThread may have come further. */
        g_assert_true(dev->engine == FERRY_IOTHREAD ||
                      !ferry_queue_done(&q[c], q[c].head));
    }
    dev = ferry_migrate(dev, route->to, MACHINE, SLOW);
    for (unsigned int c = 0; c < KINDS; c++) {
        uint8_t op = FERRY_OP_COPY + c;
        bool crcs = op == FERRY_OP_CRC32C || op == FERRY_OP_COPY_CRC32C;

        q[c].dev = dev;
        for (uint32_t i = 0; i < 4; i++) {
            ferry_assert_cqe(ferry_queue_reap(&q[c]), FERRY_OK, LEN - 1,
                             crcs ? crc : 0, 0);
        }
        if (op == FERRY_OP_FILL) {
            g_autofree uint8_t *threes = g_malloc(LEN);

            memset(threes, 0x33, LEN);
            ferry_assert_memory(dev, DST + 2 * LEN * c + 1, threes, LEN - 1);
        } else if (op != FERRY_OP_CRC32C) {
            ferry_assert_memory(dev, DST + 2 * LEN * c + 1, data, LEN - 1);
        }
        g_assert_cmpuint(ferry_queue_read64(&q[c], FERRY_CHAN_BYTES_LO), ==,
                         4ULL * (LEN - 1));
    }
    ferry_free(dev);
}

/* An overlapping copy that runs from the end */
static void test_overlap(const void *opaque)
{
    const FerryRoute *route = opaque;
    FerryDev *dev = ferry_new(route->from, MACHINE, SLOW);
    uint32_t len = BIG - 8192;
    g_autofree uint8_t *data = g_malloc(len);
    FerryQueue q;

    ferry_pattern(data, len, 2);
    ferry_fill(dev, SRC, data, len);
    ferry_queue_start_bypass(&q, dev, 0);
    ferry_queue_add(&q, FERRY_OP_COPY_CRC32C, len, SRC, SRC + 4099, 0);
    ferry_queue_ring(&q);
    poll_bytes(&q);
    dev = ferry_migrate(dev, route->to, MACHINE, SLOW);
    q.dev = dev;
    ferry_assert_cqe(ferry_queue_reap(&q), FERRY_OK, len,
                     ferry_crc32c(0, data, len), 0);
    ferry_assert_memory(dev, SRC + 4099, data, len);
    ferry_free(dev);
}

/* Another one each time that a block is written */
static uint8_t block_value(uint32_t index)
{
    return index + index / BLOCKS;
}

static void refill(FerryQueue *q)
{
    while (q->head != q->tail && ferry_queue_done(q, q->head)) {
        ferry_assert_cqe(ferry_queue_reap(q), FERRY_OK, BLOCK, 0, 0);
    }
    while (q->tail - q->head < 64) {
        ferry_queue_add(q, FERRY_OP_FILL, BLOCK, 0,
                        DST + q->tail % BLOCKS * BLOCK,
                        block_value(q->tail) * 0x0101010101010101);
    }
    ferry_queue_ring(q);
}

/*
 * The engine writes all the while the machine migrates: what it writes has to
 * be found dirty. What is outstanding at the end is a fraction of the blocks;
 * the others the source has written.
 */
static void test_live(const void *opaque)
{
    const FerryRoute *route = opaque;
    FerryDev *dev = ferry_new(route->from, MACHINE, SLOW);
    g_autofree char *name = ferry_migrate_file();
    g_autofree uint8_t *block = g_malloc(BLOCK);
    bool paused = false;
    uint64_t spent = 0;
    int64_t syncs = 0;
    uint32_t before;
    FerryQueue q;

    ferry_queue_start_bypass(&q, dev, 1);
    /* All blocks once, however little the host lets it do later. */
    while (q.head < BLOCKS) {
        refill(&q);
        ferry_poll(dev, &spent);
    }
    before = q.head;
    set_pace(dev, 32 * 1048576, 1);
    qtest_qmp_assert_success(dev->qts,
                             "{ 'execute': 'migrate-set-capabilities',"
                             "  'arguments': { 'capabilities': [ {"
                             "    'capability': 'pause-before-switchover',"
                             "    'state': true } ] } }");
    ferry_migrate_send(dev, name);
    /* Nothing is saved before the pause ends, so there is no race with it. */
    while (!paused) {
        g_autofree char *status = ferry_migrate_query(dev, &syncs);

        g_assert_cmpstr(status, !=, "failed");
        paused = !g_strcmp0(status, "pre-switchover");
        if (syncs >= 3 && q.head - before >= BLOCKS) {
            set_pace(dev, 0, 100000);
        }
        refill(&q);
        if (dev->engine == FERRY_VIRTUAL) {
            qtest_clock_step(dev->qts, 1000000);
        }
    }
    g_assert_cmpuint(q.head, !=, before);   /* it did work meanwhile */
    qtest_qmp_assert_success(dev->qts, "{ 'execute': 'migrate-continue',"
                             "  'arguments': { 'state':"
                             "                 'pre-switchover' } }");
    ferry_migrate_wait(dev);
    dev = ferry_migrate_receive(dev, route->to, MACHINE, SLOW, name);
    q.dev = dev;
    while (q.head != q.tail) {
        ferry_assert_cqe(ferry_queue_reap(&q), FERRY_OK, BLOCK, 0, 0);
    }
    for (uint32_t i = q.tail - BLOCKS; i != q.tail; i++) {
        memset(block, block_value(i), BLOCK);
        ferry_assert_memory(dev, DST + i % BLOCKS * BLOCK, block, BLOCK);
    }
    ferry_free(dev);
}

/* The next that can be a register of a device without ports */
static uint32_t next_register(uint32_t offset)
{
    offset += 4;
    return offset == FERRY_IRQ_PENDING_LO(FERRY_MAX_LINES) ? FERRY_CHAN(0) :
           offset;
}

/* Every register, in every state that a channel can rest in */
static void test_registers(const void *opaque)
{
    const FerryRoute *route = opaque;
    FerryDev *dev = ferry_new(route->from, MACHINE, ",num-irqs=3");
    g_autofree uint32_t *before = g_new0(uint32_t, FERRY_CTRL_SIZE / 4);
    FerryQueue q;

    for (unsigned int c = 0; c < 4; c++) {
        ferry_queue_init(&q, dev, c);
        q.init = 1000 * c;
        ferry_queue_write(&q, FERRY_CHAN_WEIGHT, 10 + c);
        ferry_queue_write(&q, FERRY_CHAN_COALESCE, 0x10001 * (c + 2));
        ferry_queue_write(&q, FERRY_CHAN_IRQ_ENABLE, c);
        ferry_queue_start(&q);
        ferry_queue_do(&q, FERRY_OP_NOP, 0, 0, 0, 0);
        ferry_queue_do(&q, FERRY_OP_COPY, 9, ferry_at(c, 77), 0, 0);
        ferry_queue_write(&q, FERRY_CHAN_CQ_ARM, q.tail + 5);
        if (c == 1) {
            ferry_queue_write(&q, FERRY_CHAN_CMD, FERRY_CHAN_CMD_STOP);
            ferry_queue_wait_state(&q, FERRY_STATE_IDLE);
        } else if (c == 2) {
            ferry_doorbell(dev, c, 1);
        }
    }
    for (uint32_t r = 0; r < FERRY_CHAN(8); r = next_register(r)) {
        before[r / 4] = ferry_read(dev, r);
    }
    dev = ferry_migrate(dev, route->to, MACHINE, ",num-irqs=3");
    for (uint32_t r = 0; r < FERRY_CHAN(8); r = next_register(r)) {
        if (r != FERRY_TIME_LO && ferry_read(dev, r) != before[r / 4]) {
            g_error("0x%x was 0x%08x and is 0x%08x", r, before[r / 4],
                    ferry_read(dev, r));
        }
    }
    g_assert_cmphex(before[FERRY_IRQ_PENDING_LO(2) / 4], ==, 4);
    q.dev = dev;
    g_assert_cmpuint(ferry_queue_do(&q, FERRY_OP_NOP, 0, 0, 0, 0).status, ==,
                     FERRY_OK);
    ferry_free(dev);
}

/* What coalescing held back comes when it would have come. */
static void test_coalesce(const void *opaque)
{
    const FerryRoute *route = opaque;
    FerryDev *dev = ferry_new(route->from, MACHINE, "");
    FerryQueue q[2];

    for (unsigned int c = 0; c < 2; c++) {
        ferry_queue_init(&q[c], dev, c);
        ferry_queue_start(&q[c]);
        ferry_queue_write(&q[c], FERRY_CHAN_COALESCE, 30000 << 16 | 3);
        ferry_queue_write(&q[c], FERRY_CHAN_CQ_ARM, 1);
        ferry_queue_do(&q[c], FERRY_OP_NOP, 0, 0, 0, 0);
        ferry_queue_settle(&q[c]);
    }
    qtest_clock_step(dev->qts, 20000000);
    dev = ferry_migrate(dev, route->to, MACHINE, "");
    q[0].dev = q[1].dev = dev;
    for (unsigned int i = 0; i < 2; i++) {
        g_assert_cmphex(ferry_queue_read(&q[1], FERRY_CHAN_IRQ_STATUS), ==, 0);
        ferry_queue_do(&q[1], FERRY_OP_NOP, 0, 0, 0, 0);
    }
    g_assert_cmphex(ferry_queue_read(&q[0], FERRY_CHAN_IRQ_STATUS), ==, 0);
    qtest_clock_step(dev->qts, 9900000);
    g_assert_cmphex(ferry_queue_read(&q[0], FERRY_CHAN_IRQ_STATUS), ==, 0);
    qtest_clock_step(dev->qts, 101000);
    for (unsigned int c = 0; c < 2; c++) {
        uint64_t spent = 0;

        while (!ferry_queue_read(&q[c], FERRY_CHAN_IRQ_STATUS)) {
            g_assert_cmpint(dev->engine, ==, FERRY_IOTHREAD);
            ferry_poll(dev, &spent);
        }
    }
    ferry_free(dev);
}

/* An invalidation, a STOP and a RESET that have begun end over there. */
static void test_commands(const void *opaque)
{
    const FerryRoute *route = opaque;
    FerryDev *dev = ferry_new(route->from, MACHINE, SLOW);
    unsigned int revoked = 0;
    FerryQueue q[3];
    FerryCqe cqe;

    for (unsigned int c = 0; c < 3; c++) {
        ferry_queue_init(&q[c], dev, c);
        ferry_queue_row(&q[c], 3, DST, BIG, 7, 0);
        ferry_queue_start(&q[c]);
        for (unsigned int i = 0; i < 60; i++) {
            ferry_queue_add(&q[c], FERRY_OP_FILL, BIG, 0, ferry_at(3, 0), 0);
        }
        ferry_queue_ring(&q[c]);
    }
    poll_bytes(&q[0]);
    /* The IOThread stands still before they come, or it would be done. */
    qtest_qmp_assert_success(dev->qts, "{ 'execute': 'stop' }");
    qtest_writel(dev->qts, q[0].wt + 3 * FERRY_ROW_SIZE + FERRY_ROW_FLAGS, 0);
    ferry_queue_write(&q[0], FERRY_CHAN_WIN_INVALIDATE, 3);
    ferry_queue_row(&q[0], 3, DST, BIG, 7, 0);
    ferry_queue_write(&q[1], FERRY_CHAN_CMD, FERRY_CHAN_CMD_STOP);
    ferry_queue_write(&q[2], FERRY_CHAN_CMD, FERRY_CHAN_CMD_RESET);
    dev = ferry_migrate(dev, route->to, MACHINE, SLOW);
    for (unsigned int c = 0; c < 3; c++) {
        q[c].dev = dev;
    }
    ferry_queue_wait_state(&q[1], FERRY_STATE_IDLE);
    ferry_queue_wait_state(&q[2], FERRY_STATE_IDLE);
    g_assert_cmphex(ferry_queue_read(&q[2], FERRY_CHAN_CONFIG), ==, 0);
    ferry_queue_wait_invalidated(&q[0]);
    /* The row is VALID again: only the invalidation ends the running entry. */
    while (q[0].head < 60) {
        cqe = ferry_queue_reap(&q[0]);
        if (cqe.status == FERRY_ERR_WINDOW_REVOKED) {
            g_assert_cmpuint(cqe.len, <, BIG);
            revoked++;
        } else {
            ferry_assert_cqe(cqe, FERRY_OK, BIG, 0, 0);
        }
    }
    /* On a busy host, an IOThread may have done it all before "stop". */
    g_assert_cmpuint(revoked, <=, 1);
    if (route->from == FERRY_VIRTUAL) {
        g_assert_cmpuint(revoked, ==, 1);
    }
    ferry_free(dev);
}

/* A fault that was taken away does not come back from the command line. */
static void test_cleared_faults(void)
{
    FerryDev *dev = ferry_new(FERRY_VIRTUAL, MACHINE, ",x-fault=stuck-stop");
    FerryQueue q;

    qtest_qmp_assert_success(dev->qts, "{ 'execute': 'qom-set',"
                             "  'arguments': { 'property': 'x-fault',"
                             "  'path': '/machine/peripheral/ferry',"
                             "  'value': '' } }");
    dev = ferry_migrate(dev, FERRY_VIRTUAL, MACHINE, ",x-fault=stuck-stop");
    ferry_queue_start_bypass(&q, dev, 0);
    ferry_queue_write(&q, FERRY_CHAN_CMD, FERRY_CHAN_CMD_STOP);
    qtest_clock_step(dev->qts, 1000000);
    g_assert_cmpuint(ferry_queue_state(&q), ==, FERRY_STATE_IDLE);
    ferry_free(dev);
}

/*
 * Streams with bytes of the device's section spoilt are refused or taken, and
 * what was taken can be looked at, worked with and reset. The first one has a
 * bad cursor; what is refused leaves nothing behind.
 */
static void test_bogus_stream(void)
{
    g_autofree char *name = NULL;
    g_autofree char *good = NULL;
    FerryDev *dev = ferry_new(FERRY_VIRTUAL, MACHINE, SLOW);
    GRand *rand = g_rand_new_with_seed(20251122);
    gsize len, at;
    FerryQueue q;

    for (unsigned int c = 0; c < 4; c++) {
        ferry_queue_start_bypass(&q, dev, c);
        ferry_queue_add(&q, FERRY_OP_COPY, BIG, SRC, DST, 0);
        ferry_queue_ring(&q);
    }
    qtest_clock_step(dev->qts, 200000);
    name = ferry_migrate_save(dev);
    ferry_free(dev);
    good = ferry_migrate_find(name, "\5ferry", &len, &at);
    for (int i = 0; i < 12; i++) {
        g_autofree char *bad = g_memdup2(good, len);
        bool taken;

        bad[at + 8 + 28] = i ? bad[at + 8 + 28] : -1;
        if (i) {
            ferry_migrate_spoil(rand, 30, bad, at + 12, MIN(at + 2012, len));
        }
        g_assert_true(g_file_set_contents(name, bad, len, NULL));
        taken = ferry_migrate_load(&dev, MACHINE, SLOW, name);
        if (!i) {
            g_assert_false(taken);
            g_assert_cmphex(ferry_read(dev, FERRY_ACTIVE_LO), ==, 0);
        } else if (taken) {
            qtest_qmp_assert_success(dev->qts, "{ 'execute': 'cont' }");
            for (uint32_t r = 0; r < FERRY_CHAN(8); r = next_register(r)) {
                ferry_read(dev, r);
            }
            qtest_clock_step(dev->qts, 1000000);
            qtest_system_reset(dev->qts);
            ferry_queue_start_bypass(&q, dev, 0);
            ferry_assert_cqe(ferry_queue_do(&q, FERRY_OP_FILL, 8, 0, DST, 0),
                             FERRY_OK, 8, 0, 0);
        }
        ferry_free(dev);
    }
    g_rand_free(rand);
    unlink(name);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ferry_migrate_add("migrate", "partial-operation-goes-on", test_partial);
    ferry_migrate_add("migrate", "partial-overlapping-copy-goes-on",
                      test_overlap);
    ferry_migrate_add("migrate", "writes-mark-pages-dirty", test_live);
    ferry_migrate_add("migrate", "registers-are-kept", test_registers);
    ferry_migrate_add("migrate", "coalescing-keeps-its-deadline",
                      test_coalesce);
    ferry_migrate_add("migrate", "commands-in-progress-end", test_commands);
    ferry_add_plain("migrate", "cleared-faults-stay-away", test_cleared_faults);
    ferry_add_plain("migrate", "bogus-stream-does-no-harm", test_bogus_stream);
    return ferry_run_tests();
}
