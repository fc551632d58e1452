/*
 * Ferry DMA controller: fault injection
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Tests of drivers rely on these faults, so each has to come when it was asked
 * for, only then, and end in the way that the datasheet has for it.
 */
#include "qemu/osdep.h"
#include "libqos/ferry.h"

#define SRC         FERRY_DATA
#define DST         (FERRY_DATA + 0x04000000)
#define DEVICE      "/machine/peripheral/ferry"

/* Far beyond every bound of CAP_TIME */
static void wait_long(FerryDev *dev)
{
    if (dev->engine == FERRY_VIRTUAL) {
        qtest_clock_step(dev->qts, 1000000000);
    } else {
        g_usleep(20000);
    }
}

static bool set_faults(FerryDev *dev, const char *faults)
{
    QDict *rsp = qtest_qmp(dev->qts, "{ 'execute': 'qom-set',"
                           "  'arguments': { 'path': %s, 'property':"
                           "  'x-fault', 'value': %s } }", DEVICE, faults);
    bool ok = qdict_haskey(rsp, "return");

    qobject_unref(rsp);
    return ok;
}

static char *get_faults(FerryDev *dev)
{
    QDict *rsp = qtest_qmp(dev->qts, "{ 'execute': 'qom-get',"
                           "  'arguments': { 'path': %s, 'property':"
                           "  'x-fault' } }", DEVICE);
    char *value = g_strdup(qdict_get_str(rsp, "return"));

    qobject_unref(rsp);
    return value;
}

static void test_syntax(FerryDev *dev)
{
    static const char * const bad[] = {
        "abort:", "abort:nth", "abort:nth=", "abort:nth=0", "abort:nth=x",
        "abort:on=irq", "hang:on=sq", "abort:chan=64", "abort:chan=-1", ";",
        "hang;", "Abort", "abort:nth=4294967296", "abort:nth=1:count=1",
        "abort:nth=1,", "hang;rubbish", "abort abort", "abort:nth=-1",
        "hang:count=-1", "stuck-global-reset:chan=0",
        "hang;hang;hang;hang;hang;hang;hang;hang;hang;hang;hang;hang;hang;"
        "hang;hang;hang;hang;hang;hang;hang;hang;hang;hang;hang;hang;hang",
    };
    g_autofree char *before = NULL;

    g_assert_true(set_faults(dev, "abort:chan=5,nth=7,count=0,on=cq;hang"));
    before = get_faults(dev);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        g_autofree char *after = NULL;

        if (set_faults(dev, bad[i])) {
            g_error("'%s' is accepted", bad[i]);
        }
        after = get_faults(dev);
        g_assert_cmpstr(before, ==, after);
    }
    /* What is read can be written. */
    g_assert_true(set_faults(dev, before));
    g_assert_true(set_faults(dev, ""));
    g_free(before);
    before = get_faults(dev);
    g_assert_cmpstr(before, ==, "");
}

/* As docs/specs/ferry.rst has it: commas are doubled */
static void test_command_line(void)
{
    FerryDev *dev = ferry_new(FERRY_VIRTUAL, "", ",'x-fault=abort:on=cq,,"
                              "chan=1,,nth=3;stuck-stop'");
    g_autofree char *faults = get_faults(dev);

    g_assert_cmpstr(faults, ==, "abort:nth=3,count=1,chan=1,on=cq;"
                    "stuck-stop:nth=1,count=1");
    ferry_free(dev);
}

/* The Nth of its kind and COUNT in all, on the channel that was named */
static void test_abort(FerryDev *dev)
{
    FerryQueue q[2];

    for (unsigned int c = 0; c < 2; c++) {
        ferry_queue_start_bypass(&q[c], dev, c);
    }
    g_assert_true(set_faults(dev, "abort:chan=1,nth=3,count=2,on=read"));
    for (unsigned int i = 1; i <= 6; i++) {
        bool hit = i == 3 || i == 4;

        ferry_assert_cqe(ferry_queue_do(&q[0], FERRY_OP_COPY, 8, SRC, DST, 0),
                         FERRY_OK, 8, 0, 0);
        ferry_assert_cqe(ferry_queue_do(&q[1], FERRY_OP_FILL, 8, 0, DST, 0),
                         FERRY_OK, 8, 0, 0);
        ferry_assert_cqe(ferry_queue_do(&q[1], FERRY_OP_COPY, 8, SRC, DST, 0),
                         hit ? FERRY_ERR_DMA_ABORT : FERRY_OK, hit ? 0 : 8, 0,
                         0);
        if (i == 3) {
            ferry_queue_assert_error(&q[1], FERRY_CHAN_ERR_STATUS_VALID |
                                     FERRY_ERR_DMA_ABORT, 5, SRC);
        }
    }
    g_assert_true(set_faults(dev, "abort:count=0,on=write"));
    for (unsigned int i = 1; i <= 3; i++) {
        ferry_assert_cqe(ferry_queue_do(&q[1], FERRY_OP_FILL, 8, 0, DST, 0),
                         FERRY_ERR_DMA_ABORT, 0, 0, 0);
    }
    g_assert_true(set_faults(dev, ""));
    ferry_assert_cqe(ferry_queue_do(&q[1], FERRY_OP_FILL, 8, 0, DST, 0),
                     FERRY_OK, 8, 0, 0);
}

static void test_abort_of_rings(FerryDev *dev)
{
    static const struct {
        const char *fault;
        uint32_t code;
        uint64_t offset;
    } cases[] = {
        { "abort:on=sq", FERRY_ERR_SQ_FETCH, 0 },
        { "abort:on=cq", FERRY_ERR_CQ_WRITE, 0x8000 },
    };
    FerryQueue q;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        ferry_queue_start_bypass(&q, dev, 0);
        g_assert_true(set_faults(dev, cases[i].fault));
        ferry_queue_add(&q, 0xee, 0, 0, 0, 0);
        ferry_queue_ring(&q);
        ferry_queue_wait_state(&q, FERRY_STATE_HALTED);
        g_assert_cmpuint(ferry_queue_read(&q, FERRY_CHAN_ERRORS), ==, 0);
        ferry_queue_assert_error(&q, FERRY_CHAN_ERR_STATUS_VALID |
                                 FERRY_CHAN_ERR_STATUS_HALT | cases[i].code, 0,
                                 FERRY_RINGS + cases[i].offset);
        ferry_queue_reset(&q);
    }
    ferry_queue_init(&q, dev, 0);
    ferry_queue_row(&q, 2, SRC, 4096, 7, 0);
    ferry_queue_start(&q);
    g_assert_true(set_faults(dev, "abort:on=table"));
    ferry_assert_cqe(ferry_queue_do(&q, FERRY_OP_CRC32C, 8, ferry_at(2, 0), 0,
                                    0), FERRY_ERR_DMA_ABORT, 0, 0, 0);
    ferry_queue_assert_error(&q, FERRY_CHAN_ERR_STATUS_VALID |
                             FERRY_ERR_DMA_ABORT, 0,
                             q.wt + 2 * FERRY_ROW_SIZE);
    g_assert_cmpuint(ferry_queue_do(&q, FERRY_OP_CRC32C, 8, ferry_at(2, 0), 0,
                                    0).status, ==, FERRY_OK);
    set_faults(dev, "");
}

/* A hung entry holds its channel only; STOP ends it. */
static void test_hang(FerryDev *dev)
{
    FerryQueue q[2];

    for (unsigned int c = 0; c < 2; c++) {
        ferry_queue_start_bypass(&q[c], dev, c);
    }
    g_assert_true(set_faults(dev, "hang:chan=0,nth=2"));
    for (unsigned int i = 0; i < 3; i++) {
        ferry_queue_add(&q[0], FERRY_OP_FILL, 8, 0, DST, 0);
    }
    ferry_queue_ring(&q[0]);
    ferry_assert_cqe(ferry_queue_reap(&q[0]), FERRY_OK, 8, 0, 0);
    wait_long(dev);
    g_assert_false(ferry_queue_done(&q[0], 1));
    ferry_assert_cqe(ferry_queue_do(&q[1], FERRY_OP_FILL, 8, 0, DST, 0),
                     FERRY_OK, 8, 0, 0);
    ferry_queue_write(&q[0], FERRY_CHAN_CMD, FERRY_CHAN_CMD_STOP);
    ferry_queue_wait_state(&q[0], FERRY_STATE_IDLE);
    ferry_assert_cqe(ferry_queue_reap(&q[0]), FERRY_ERR_CANCELLED, 0, 0, 0);
    g_assert_cmphex(ferry_queue_read(&q[0], FERRY_CHAN_HEAD), ==, 2);
    set_faults(dev, "");
}

static void test_stuck_commands(FerryDev *dev)
{
    FerryQueue q;

    ferry_queue_start_bypass(&q, dev, 0);
    g_assert_true(set_faults(dev, "stuck-stop;stuck-invalidate;stuck-reset"));
    ferry_queue_write(&q, FERRY_CHAN_WIN_INVALIDATE, 0);
    ferry_queue_write(&q, FERRY_CHAN_CMD, FERRY_CHAN_CMD_STOP);
    wait_long(dev);
    g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_STATUS), ==,
                    FERRY_STATE_STOPPING | FERRY_CHAN_STATUS_INVAL_BUSY);
    /* RESET clears both, when it works. */
    ferry_queue_write(&q, FERRY_CHAN_CMD, FERRY_CHAN_CMD_RESET);
    wait_long(dev);
    g_assert_cmpuint(ferry_queue_state(&q), ==, FERRY_STATE_RESETTING);
    ferry_queue_write(&q, FERRY_CHAN_CMD, FERRY_CHAN_CMD_RESET);
    ferry_queue_wait_state(&q, FERRY_STATE_IDLE);
    g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_STATUS), ==, 0);
    set_faults(dev, "");
}

/* While READY is clear, and only then, nothing but the identity is there. */
static void test_stuck_global_reset(FerryDev *dev)
{
    FerryQueue q;

    ferry_queue_start_bypass(&q, dev, 0);
    g_assert_true(set_faults(dev, "stuck-global-reset"));
    ferry_write(dev, FERRY_CTRL, FERRY_CTRL_RESET);
    wait_long(dev);
    g_assert_cmphex(ferry_read(dev, FERRY_STATUS), ==, 0);
    g_assert_cmphex(ferry_read(dev, FERRY_ID), ==, FERRY_ID_VALUE);
    g_assert_cmphex(ferry_read(dev, FERRY_CAP_COUNTS), ==, 0x80008);
    ferry_write(dev, FERRY_CTRL, FERRY_CTRL_RESET);
    ferry_queue_write(&q, FERRY_CHAN_CMD, FERRY_CHAN_CMD_RESET);
    ferry_queue_write(&q, FERRY_CHAN_WEIGHT, 9);
    ferry_doorbell(dev, 0, 1);
    wait_long(dev);
    g_assert_cmphex(ferry_read(dev, FERRY_STATUS), ==, 0);
    for (uint32_t reg = FERRY_ACTIVE_LO; reg < FERRY_CHAN(8); reg += 4) {
        g_assert_cmphex(ferry_read(dev, reg), ==, 0);
    }
    qtest_system_reset(dev->qts);
    g_assert_cmphex(ferry_read(dev, FERRY_STATUS), ==, FERRY_STATUS_READY);
    g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_WEIGHT), ==, 1);
    set_faults(dev, "");
}

static void test_lost_irq(FerryDev *dev)
{
    FerryQueue q;

    ferry_queue_start_bypass(&q, dev, 4);
    g_assert_true(set_faults(dev, "lost-irq:chan=4"));
    for (uint32_t i = 1; i <= 2; i++) {
        uint64_t spent = 0;

        ferry_queue_write(&q, FERRY_CHAN_CQ_ARM, i);
        ferry_queue_do(&q, FERRY_OP_NOP, 0, 0, 0, 0);
        if (i == 1) {
            wait_long(dev);
            g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_IRQ_STATUS), ==,
                            0);
            continue;
        }
        while (!ferry_queue_read(&q, FERRY_CHAN_IRQ_STATUS)) {
            ferry_poll(dev, &spent);
        }
    }
    g_assert_cmpuint(ferry_queue_read(&q, FERRY_CHAN_IRQS), ==, 1);
    set_faults(dev, "");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ferry_add("fault", "mistakes-change-nothing", "", test_syntax);
    ferry_add_plain("fault", "set-on-the-command-line", test_command_line);
    ferry_add("fault", "abort-hits-what-was-named", "", test_abort);
    ferry_add("fault", "abort-of-rings-halts", "", test_abort_of_rings);
    ferry_add("fault", "hang-holds-one-channel", "", test_hang);
    ferry_add("fault", "stuck-commands-end-by-reset", "",
              test_stuck_commands);
    ferry_add("fault", "stuck-global-reset-hides-all-but-identity", "",
              test_stuck_global_reset);
    ferry_add("fault", "lost-interrupt-is-lost-once", "", test_lost_irq);
    return ferry_run_tests();
}
