/*
 * Ferry DMA controller: guests and users that mean harm
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Nothing that is written to the device or its memory may crash, hang or
 * occupy the emulator, or harm another channel. What the fuzz loop finds
 * becomes a test of its own, under the name of what went wrong.
 */
#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qobject/qjson.h"
#include "libqos/ferry.h"

#define SRC         FERRY_DATA
#define DST         (FERRY_DATA + 0x04000000)
#define RAM_END     0x140000000ULL      /* -m 4G */
#define BIG         0x1000000
#define DEVICE      "/machine/peripheral/ferry"

/* The device still does what it should: the end of most tests here. */
static void assert_works(FerryDev *dev, unsigned int chan)
{
    uint8_t data[5000];
    FerryQueue q;

    ferry_pattern(data, sizeof(data), chan);
    ferry_fill(dev, SRC, data, sizeof(data));
    ferry_queue_start_bypass(&q, dev, chan);
    ferry_assert_cqe(ferry_queue_do(&q, FERRY_OP_COPY_CRC32C, sizeof(data),
                                    SRC, DST + 1, 0), FERRY_OK, sizeof(data),
                     ferry_crc32c(0, data, sizeof(data)), 0);
    ferry_assert_memory(dev, DST + 1, data, sizeof(data));
    ferry_queue_reset(&q);
}

static int compare_times(const void *a, const void *b)
{
    return *(const int64_t *)a < *(const int64_t *)b ? -1 : 1;
}

/*
 * The largest legal rings of the largest operations, on every channel. The
 * bound is of wall-clock time, so the median counts: other load on the host
 * delays some of the answers, an engine that holds the lock all of them.
 */
static void check_qmp(FerryEngine engine, uint8_t op, uint32_t len)
{
    FerryDev *dev = ferry_new(engine, "", ",latency-ns=0");
    unsigned int order = ferry_read(dev, FERRY_CAP_RING) >> 8 & 0xff;
    uint32_t n = 1U << order;
    g_autofree uint8_t *sq = g_malloc0(n * FERRY_SQE_SIZE);
    int64_t times[15];
    FerryQueue q[8];

    for (uint32_t i = 0; i < n; i++) {
        uint8_t *e = sq + i * FERRY_SQE_SIZE;

        e[FERRY_SQE_OP] = op;
        stl_le_p(e + FERRY_SQE_LEN, len);
        stq_le_p(e + FERRY_SQE_SRC, SRC + i % 4 * BIG);
        stq_le_p(e + FERRY_SQE_DST, DST + i % 4 * BIG);
    }
    ferry_fill(dev, FERRY_LISTS, sq, n * FERRY_SQE_SIZE);
    for (unsigned int c = 0; c < 8; c++) {
        ferry_queue_init(&q[c], dev, c);
        q[c].config = FERRY_CHAN_CONFIG_BYPASS;
        q[c].order = order;
        q[c].sq = FERRY_LISTS;
        q[c].cq = FERRY_HIGH + c * 0x100000;
        /* Only the registers: the completions are not looked at. */
        q[c].order = 4;
        ferry_queue_configure(&q[c]);
        ferry_queue_write(&q[c], FERRY_CHAN_CONFIG, order << 8 | q[c].config);
        ferry_queue_write(&q[c], FERRY_CHAN_WEIGHT, 255);
        ferry_queue_write(&q[c], FERRY_CHAN_CMD, FERRY_CHAN_CMD_START);
        ferry_doorbell(dev, c, n);
    }
    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        times[i] = g_get_monotonic_time();
        qtest_qmp_assert_success(dev->qts, "{ 'execute': 'query-status' }");
        times[i] = g_get_monotonic_time() - times[i];
        g_usleep(2000);
    }
    if (len) {
        g_assert_cmpuint(ferry_queue_read(&q[7], FERRY_CHAN_HEAD), <, n);
    }
    qsort(times, ARRAY_SIZE(times), sizeof(times[0]), compare_times);
    g_test_message("QMP answered in %" PRId64 " us, at worst in %" PRId64,
                   times[ARRAY_SIZE(times) / 2], times[ARRAY_SIZE(times) - 1]);
    g_assert_cmpint(times[ARRAY_SIZE(times) / 2], <, 100000);
    for (unsigned int c = 0; c < 8; c += 2) {
        ferry_queue_reset(&q[c]);
    }
    ferry_global_reset(dev);
    assert_works(dev, 7);
    ferry_free(dev);
}

static void test_qmp_virtual(void)
{
    check_qmp(FERRY_REALTIME, FERRY_OP_COPY, BIG);
    check_qmp(FERRY_REALTIME, FERRY_OP_NOP, 0);
    check_qmp(FERRY_REALTIME, FERRY_OP_CRC32C, BIG);
}

static void test_qmp_iothread(void)
{
    check_qmp(FERRY_IOTHREAD, FERRY_OP_COPY, BIG);
    check_qmp(FERRY_IOTHREAD, FERRY_OP_NOP, 0);
}

/*
 * The IOThread also serves a disk. The guest's requests have their headers in
 * the registers of another device, so that it needs the BQL for each of them,
 * while who gives commands to Ferry has it.
 */
static void test_shared_iothread(void)
{
    FerryDev *dev = ferry_new(FERRY_IOTHREAD, "-blockdev driver=null-co,"
                              "node-name=d,size=1048576,read-zeroes=on "
                              "-device virtio-blk-device,drive=d,iothread=io0",
                              "");
    const uint64_t ring = FERRY_LISTS, avail = ring + 128 * 16;
    static const struct {
        uint32_t reg, value;
    } setup[] = {
        { 0x70, 0 }, { 0x70, 1 }, { 0x70, 3 }, { 0x20, 0 }, { 0x28, 4096 },
        { 0x30, 0 }, { 0x38, 128 }, { 0x3c, 4096 }, { 0x40, ring >> 12 },
        { 0x70, 7 },
    };
    uint64_t disk = 0x0a000000;
    FerryQueue q;

    while (qtest_readl(dev->qts, disk + 8) != 2) {
        disk += 0x200;
    }
    for (size_t i = 0; i < ARRAY_SIZE(setup); i++) {
        qtest_writel(dev->qts, disk + setup[i].reg, setup[i].value);
    }
    /* A chain of two: the UART, and the byte for the status */
    qtest_writeq(dev->qts, ring, 0x09000000);
    qtest_writeq(dev->qts, ring + 8, 1ULL << 48 | 1ULL << 32 | 16);
    qtest_writeq(dev->qts, ring + 16, DST);
    qtest_writeq(dev->qts, ring + 24, 2ULL << 32 | 1);
    qtest_memset(dev->qts, avail, 0, 4 + 128 * 2);
    ferry_queue_init(&q, dev, 0);
    for (unsigned int i = 1; i <= 20; i++) {
        qtest_writew(dev->qts, avail + 2, 128 * i);
        qtest_writel(dev->qts, disk + 0x50, 0);
        for (unsigned int j = 0; j < 20; j++) {
            ferry_queue_write(&q, FERRY_CHAN_CMD, FERRY_CHAN_CMD_RESET);
        }
        while (qtest_readw(dev->qts, ring + 4096 + 2) !=
               (uint16_t)(128 * i)) {
            g_usleep(100);
        }
    }
    assert_works(dev, 0);
    ferry_free(dev);
}

/* Rings in bad places: refused by START or halted, and RESET mends it. */
static void test_ring_places(FerryDev *dev)
{
    uint64_t places[] = {
        0, 64, 0x08000000, 0x09000000, dev->ctrl, dev->ctrl + 0x4000,
        dev->doorbell, dev->doorbell + 0x10000, RAM_END - 64, RAM_END,
        1ULL << 39, 1ULL << 47, 1ULL << 63, UINT64_MAX & ~63ULL, FERRY_RINGS,
    };

    for (size_t i = 0; i < 4 * ARRAY_SIZE(places); i++) {
        uint64_t place = places[i / 4];
        uint64_t spent = 0;
        FerryQueue q;

        ferry_queue_init(&q, dev, 0);
        q.order = i & 1 ? 4 : 10;
        /* The registers only: nothing is to be written to these places. */
        ferry_queue_configure(&q);
        for (uint32_t reg = FERRY_CHAN_SQ_BASE_LO;
             reg <= FERRY_CHAN_WT_BASE_LO; reg += 8) {
            if (i % 4 == 3 || reg == FERRY_CHAN_SQ_BASE_LO + i % 4 * 8) {
                ferry_queue_write(&q, reg, place);
                ferry_queue_write(&q, reg + 4, place >> 32);
            }
        }
        ferry_queue_write(&q, FERRY_CHAN_CMD, FERRY_CHAN_CMD_START);
        ferry_doorbell(dev, 0, 3);
        while (ferry_queue_state(&q) == FERRY_STATE_RUNNING &&
               ferry_queue_read(&q, FERRY_CHAN_HEAD) != 3) {
            ferry_poll(dev, &spent);
        }
        ferry_queue_reset(&q);
    }
    assert_works(dev, 0);
}

/* Doorbells and commands in every state, in quick succession */
static void test_every_state(FerryDev *dev)
{
    static const uint32_t tails[] = { 0, 1, 63, 64, 65, 0x80000000, ~0U };
    FerryQueue q;

    for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
        for (uint32_t cmd = 1; cmd <= 4; cmd *= 2) {
            ferry_queue_init(&q, dev, 2);
            ferry_doorbell(dev, 2, tails[i]);           /* IDLE */
            g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_TAIL), ==, 0);
            q.config = FERRY_CHAN_CONFIG_BYPASS;
            ferry_queue_start(&q);
            ferry_queue_add(&q, FERRY_OP_FILL, BIG, 0, DST, 0);
            ferry_queue_ring(&q);
            ferry_queue_write(&q, FERRY_CHAN_CMD, FERRY_CHAN_CMD_STOP);
            ferry_doorbell(dev, 2, tails[i]);           /* STOPPING */
            ferry_queue_write(&q, FERRY_CHAN_CMD, cmd);
            ferry_doorbell(dev, 2, tails[i]);
            ferry_queue_write(&q, FERRY_CHAN_CMD, FERRY_CHAN_CMD_RESET);
            ferry_doorbell(dev, 2, tails[i]);           /* RESETTING */
            ferry_queue_write(&q, FERRY_CHAN_CMD, cmd);
            ferry_queue_write(&q, FERRY_CHAN_WIN_INVALIDATE, tails[i]);
            ferry_queue_reset(&q);
            g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_TAIL), ==, 0);
            ferry_queue_start(&q);
            ferry_doorbell(dev, 2, 1000);               /* HALTED */
            ferry_doorbell(dev, 2, tails[i]);
            g_assert_cmpuint(ferry_queue_state(&q), ==, FERRY_STATE_HALTED);
            g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_ERR_INDEX), ==,
                            1000);
            ferry_queue_reset(&q);
        }
    }
    assert_works(dev, 2);
}

/* A device that reached its own registers could be made to re-enter. */
static void test_own_registers(FerryDev *dev)
{
    uint64_t places[] = {
        dev->doorbell, dev->doorbell + 0x10000, dev->ctrl + FERRY_CTRL,
        dev->ctrl + FERRY_CHAN(0), dev->ctrl + 0x100,
    };
    FerryQueue q;

    ferry_queue_start_bypass(&q, dev, 0);
    qtest_memset(dev->qts, SRC, 1, 64);
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        ferry_assert_cqe(ferry_queue_do(&q, FERRY_OP_COPY, 4, SRC, places[i],
                                        0), FERRY_ERR_DMA_ABORT, 0, 0, 0);
        ferry_assert_cqe(ferry_queue_do(&q, FERRY_OP_FILL, 64, 0, places[i],
                                        1), FERRY_ERR_DMA_ABORT, 0, 0, 0);
        ferry_assert_cqe(ferry_queue_do(&q, FERRY_OP_CRC32C, 4, places[i], 0,
                                        0), FERRY_ERR_DMA_ABORT, 0, 0, 0);
    }
    g_assert_cmpuint(ferry_queue_read(&q, FERRY_CHAN_DOORBELLS), ==, 15);
    g_assert_cmpuint(ferry_queue_state(&q), ==, FERRY_STATE_RUNNING);
    g_assert_cmphex(ferry_read(dev, FERRY_ACTIVE_LO), ==, 1);
}

/* Operations over the queues and the table that they come from */
static void test_own_rings(FerryDev *dev)
{
    for (unsigned int i = 0; i < 9; i++) {
        uint64_t spent = 0;
        FerryQueue q;

        ferry_queue_init(&q, dev, 3);
        for (unsigned int w = 0; w < 3; w++) {
            ferry_queue_row(&q, w, w == 0 ? q.sq : w == 1 ? q.cq : q.wt, 2048,
                            7, 0);
        }
        ferry_queue_row(&q, 3, SRC, 4096, 7, 0);
        qtest_memset(dev->qts, SRC, i * 0x55, 4096);
        if (i >= 6) {       /* one place for all three */
            q.cq = q.sq;
            q.wt = i == 7 ? q.sq : q.wt;
        }
        ferry_queue_start(&q);
        for (unsigned int n = 0; n < 60; n++) {
            ferry_queue_add(&q, n % 2 ? FERRY_OP_FILL : FERRY_OP_COPY,
                            64 + n % 64, ferry_at(3, 0),
                            ferry_at(i % 3, n % 20 * 64), 0x0003000000000001);
        }
        ferry_queue_ring(&q);
        while (ferry_queue_state(&q) == FERRY_STATE_RUNNING &&
               ferry_queue_read(&q, FERRY_CHAN_HEAD) != q.tail) {
            ferry_poll(dev, &spent);
        }
        g_assert_cmpuint(ferry_queue_state(&q), ==, FERRY_STATE_RUNNING);
        ferry_queue_reset(&q);
    }
    assert_works(dev, 3);
}

static void test_reset_during_work(FerryDev *dev)
{
    FerryQueue q[8];

    for (unsigned int round = 0; round < 3; round++) {
        for (unsigned int c = 0; c < 8; c++) {
            ferry_queue_start_bypass(&q[c], dev, c);
            for (unsigned int i = 0; i < 20; i++) {
                ferry_queue_add(&q[c], FERRY_OP_FILL, BIG, 0, DST + c * BIG,
                                UINT64_MAX);
            }
            ferry_queue_ring(&q[c]);
            ferry_queue_write(&q[c], FERRY_CHAN_CQ_ARM, 10);
        }
        if (dev->engine == FERRY_VIRTUAL) {
            qtest_clock_step(dev->qts, 50000);
        }
        if (round == 0) {
            qtest_system_reset(dev->qts);
        } else {
            ferry_global_reset(dev);
        }
        g_assert_cmphex(ferry_read(dev, FERRY_ACTIVE_LO), ==, 0);
        qtest_memset(dev->qts, DST, 0, 8 * BIG);
        if (dev->engine == FERRY_VIRTUAL) {
            qtest_clock_step(dev->qts, 1000000);
        }
        assert_works(dev, round);
        for (unsigned int c = 1; c < 8; c++) {
            g_assert_cmphex(qtest_readq(dev->qts, DST + c * BIG), ==, 0);
            g_assert_cmphex(ferry_queue_read(&q[c], FERRY_CHAN_HEAD), ==, 0);
        }
    }
}

static uint64_t any_address(GRand *rand, FerryDev *dev)
{
    uint64_t at[] = {
        FERRY_RINGS, FERRY_DATA, FERRY_LISTS, dev->ctrl, dev->doorbell,
        RAM_END - 4096, 0, UINT64_MAX - 4095, 1ULL << 40, 0x09000000,
    };
    /* Mostly memory, so that something happens */
    size_t n = g_rand_int_range(rand, 0, 4) ? 3 : ARRAY_SIZE(at);

    return at[g_rand_int_range(rand, 0, n)] +
           (g_rand_int(rand) & 0xfff) * (g_rand_boolean(rand) ? 64 : 1);
}

static uint32_t any_value(GRand *rand)
{
    static const uint32_t values[] = {
        0, 1, 2, 4, 8, 0x3f, 0x40, 0xff, 0x601, 0x401, 0x10001, 0x1ffff,
        0x7fffffff, 0x80000000, 0xffffffc0, 0xffffffff,
    };

    return g_rand_boolean(rand) ? g_rand_int(rand) :
           values[g_rand_int_range(rand, 0, ARRAY_SIZE(values))];
}

static void fuzz_entry(GRand *rand, FerryDev *dev, FerryQueue *q)
{
    uint32_t len = any_value(rand) & (g_rand_int_range(rand, 0, 8) ? 0x7fff :
                                      0x1ffffff);
    uint64_t addr[2];

    for (int i = 0; i < 2; i++) {
        addr[i] = q->config & FERRY_CHAN_CONFIG_BYPASS ?
                  any_address(rand, dev) :
                  ferry_at(g_rand_int_range(rand, 0, 12),
                           g_rand_int(rand) & 0x3fff);
    }
    ferry_queue_add(q, g_rand_int_range(rand, 0, 9), len, addr[0], addr[1],
                    g_rand_int_range(rand, 0, 4) ? g_rand_int(rand) :
                    UINT64_MAX);
}

static void fuzz_step(GRand *rand, FerryDev *dev, FerryQueue *q)
{
    uint64_t list = FERRY_LISTS + g_rand_int_range(rand, 0, 8) * 4096;

    switch (g_rand_int_range(rand, 0, 10)) {
    case 0:
        ferry_queue_write(q, g_rand_int_range(rand, 0, 64) * 4,
                          any_value(rand));
        break;
    case 1:
        ferry_queue_init(q, dev, q->chan);
        q->order = g_rand_int_range(rand, 4, 9);
        q->init = any_value(rand);
        q->config = g_rand_boolean(rand);
        ferry_queue_configure(q);
        ferry_queue_write(q, FERRY_CHAN_CMD, FERRY_CHAN_CMD_START);
        break;
    case 2:
    case 3:
        for (int i = g_rand_int_range(rand, 0, 40); i--; ) {
            fuzz_entry(rand, dev, q);
        }
        ferry_queue_ring(q);
        break;
    case 4:
        ferry_queue_row(q, g_rand_int_range(rand, 0, 12),
                        g_rand_boolean(rand) ? list : any_address(rand, dev),
                        any_value(rand), g_rand_int_range(rand, 0, 16) |
                        g_rand_int_range(rand, 11, 32) << 8,
                        any_value(rand) & 0xfff);
        break;
    case 5:
        qtest_writeq(dev->qts, list + (g_rand_int(rand) & 7) * 8,
                     g_rand_boolean(rand) ? list + 4096 :
                     any_address(rand, dev));
        break;
    case 6:
        ferry_queue_write(q, FERRY_CHAN_CMD,
                          1 << g_rand_int_range(rand, 0, 3));
        break;
    case 7:
        ferry_queue_write(q, FERRY_CHAN_WIN_INVALIDATE, any_value(rand));
        break;
    case 8:
        ferry_doorbell(dev, q->chan, any_value(rand));
        break;
    case 9:
        if (dev->engine == FERRY_VIRTUAL) {
            qtest_clock_step(dev->qts, 1 + (g_rand_int(rand) & 0xffff));
        }
        break;
    }
}

static void test_fuzz(FerryDev *dev)
{
    GRand *rand = g_rand_new_with_seed(0xfe11);
    FerryQueue q[8];

    for (unsigned int c = 0; c < 8; c++) {
        ferry_queue_init(&q[c], dev, c);
    }
    for (unsigned int i = 1; i <= 4000; i++) {
        fuzz_step(rand, dev, &q[g_rand_int_range(rand, 0, 8)]);
        if (i % 500 == 0) {
            for (unsigned int c = 0; c < 8; c++) {
                g_assert_cmpuint(ferry_queue_state(&q[c]), <=,
                                 FERRY_STATE_RESETTING);
                ferry_queue_reset(&q[c]);
            }
            ferry_global_reset(dev);
            g_assert_cmphex(ferry_read(dev, FERRY_ACTIVE_LO), ==, 0);
            assert_works(dev, i / 500 % 8);
        }
    }
    g_rand_free(rand);
}

static void test_bad_properties(void)
{
    static const struct {
        const char *machine, *options, *word;
    } bad[] = {
        { "", ",addr-width=31", "addr-width" },
        { "", ",addr-width=65", "addr-width" },
        { "", ",windows=0", "windows" },
        { "", ",windows=65537", "windows" },
        { "", ",min-ring-order=0", "ring-order" },
        { "", ",max-ring-order=17", "ring-order" },
        { "", ",min-ring-order=9,max-ring-order=8", "ring-order" },
        { "", ",latency-ns=-1", "latency-ns" },
        { "", ",iothread=nobody", "nobody" },
        { "", ",x-fault=rubbish", "x-fault" },
        { "-object iothread,id=io0 -accel tcg -icount shift=0",
          ",iothread=io0", "icount" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        g_autofree char *message = NULL;

        if (ferry_accepts(bad[i].machine, bad[i].options, &message)) {
            g_error("'%s' is accepted", bad[i].options);
        }
        if (!strstr(message, bad[i].word)) {
            g_error("'%s' is refused with '%s'", bad[i].options, message);
        }
    }
}

/* Reads every property, and tries to set it to what it is not. */
static void test_property_walk(FerryDev *dev)
{
    static const char * const fixed[] = {
        "channels", "num-irqs", "addr-width", "min-ring-order",
        "max-ring-order", "windows", "latency-ns", "bandwidth", "iothread",
    };
    static const char * const values[] = {
        "-1", "7", "1e99", "true", "null", "''", "'rubbish'", "'abort:nth=0'",
        "[ 1 ]", "{ 'a': 1 }", "18446744073709551615",
    };
    QDict *rsp = qtest_qmp(dev->qts, "{ 'execute': 'qom-list',"
                           "  'arguments': { 'path': %s } }", DEVICE);
    const QListEntry *e;
    size_t found = 0;

    QLIST_FOREACH_ENTRY(qdict_get_qlist(rsp, "return"), e) {
        const char *name = qdict_get_str(qobject_to(QDict, e->value), "name");
        bool is_fixed = false;

        qobject_unref(qtest_qmp(dev->qts, "{ 'execute': 'qom-get',"
                                "  'arguments': { 'path': %s,"
                                "  'property': %s } }", DEVICE, name));
        for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
            is_fixed |= !strcmp(name, fixed[i]);
        }
        found += is_fixed;
        /* Those of every device are not for this test to break. */
        for (size_t i = 0; (is_fixed || !strcmp(name, "x-fault")) &&
             i < ARRAY_SIZE(values); i++) {
            QDict *set = qtest_qmp(dev->qts, "{ 'execute': 'qom-set',"
                                   "  'arguments': { 'path': %s,"
                                   "  'property': %s, 'value': %p } }", DEVICE,
                                   name, qobject_from_json(values[i], NULL));

            /* No faults at all is the only good value among them. */
            g_assert_cmpint(qdict_haskey(set, "error"), ==,
                            is_fixed || strcmp(values[i], "''"));
            qobject_unref(set);
        }
    }
    qobject_unref(rsp);
    g_assert_cmpuint(found, ==, ARRAY_SIZE(fixed));
    g_assert_cmphex(ferry_read(dev, FERRY_CAP_COUNTS), ==, 0x80008);
    assert_works(dev, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ferry_add_plain("hostile", "qmp-answers-beside-virtual-engine",
                    test_qmp_virtual);
    ferry_add_plain("hostile", "qmp-answers-beside-iothread-engine",
                    test_qmp_iothread);
    ferry_add_plain("hostile", "commands-beside-a-disk-that-wants-the-bql",
                    test_shared_iothread);
    ferry_add_plain("hostile", "bad-properties-are-refused",
                    test_bad_properties);
    ferry_add("hostile", "properties-are-fixed-once-realized", "",
              test_property_walk);
    ferry_add("hostile", "rings-in-bad-places", "", test_ring_places);
    ferry_add("hostile", "doorbells-in-every-state", "", test_every_state);
    ferry_add("hostile", "own-registers-are-out-of-reach", "",
              test_own_registers);
    ferry_add("hostile", "own-rings-written-over", "", test_own_rings);
    ferry_add("hostile", "reset-amid-work-ends-all-of-it",
              ",bandwidth=1000000000", test_reset_during_work);
    ferry_add("hostile", "random-input-does-no-harm", "", test_fuzz);
    return ferry_run_tests();
}
