/*
 * Ferry DMA controller: interrupts, when they come and on which line
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "libqos/ferry.h"

#define NOW         ",latency-ns=0"
#define CQ          FERRY_CHAN_IRQ_CQ

/* NOPs one by one, with no time let pass on the virtual clock beyond 1 us */
static void complete(FerryQueue *q, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        ferry_queue_add(q, FERRY_OP_NOP, 0, 0, 0, 0);
    }
    ferry_queue_ring(q);
    for (unsigned int i = 0; i < n; i++) {
        ferry_queue_reap(q);
    }
}

static uint32_t irq_status(FerryQueue *q)
{
    return ferry_queue_read(q, FERRY_CHAN_IRQ_STATUS);
}

static bool armed(FerryQueue *q)
{
    return ferry_queue_read(q, FERRY_CHAN_STATUS) & FERRY_CHAN_STATUS_ARMED;
}

/* The interrupt follows the completion: in an IOThread not at once. */
static void wait_irq(FerryQueue *q)
{
    uint64_t spent = 0;

    while (!irq_status(q)) {
        g_assert_cmpint(q->dev->engine, ==, FERRY_IOTHREAD);
        ferry_poll(q->dev, &spent);
    }
    g_assert_false(armed(q));
    ferry_queue_write(q, FERRY_CHAN_IRQ_STATUS, CQ);
    g_assert_cmphex(irq_status(q), ==, 0);
}

static void test_arm(FerryDev *dev)
{
    static const uint32_t inits[] = { 0, 0xfffffffe, 0x7ffffffe };

    for (unsigned int i = 0; i < ARRAY_SIZE(inits); i++) {
        uint32_t init = inits[i];
        FerryQueue q;

        ferry_queue_init(&q, dev, i);
        q.init = init;
        ferry_queue_start(&q);
        complete(&q, 3);
        g_assert_cmphex(irq_status(&q), ==, 0);     /* not armed, no irq */
        /* Evaluated at once: there, long there, and not yet there */
        ferry_queue_write(&q, FERRY_CHAN_CQ_ARM, init + 3);
        wait_irq(&q);
        ferry_queue_write(&q, FERRY_CHAN_CQ_ARM, init - 1000);
        wait_irq(&q);
        ferry_queue_write(&q, FERRY_CHAN_CQ_ARM, init + 5);
        g_assert_true(armed(&q));
        g_assert_cmphex(irq_status(&q), ==, 0);
        complete(&q, 1);
        g_assert_cmphex(irq_status(&q), ==, 0);
        complete(&q, 1);
        wait_irq(&q);
        /* One interrupt for one arm, and a second write replaces the first */
        complete(&q, 2);
        g_assert_cmphex(irq_status(&q), ==, 0);
        ferry_queue_write(&q, FERRY_CHAN_CQ_ARM, init + 8);
        ferry_queue_write(&q, FERRY_CHAN_CQ_ARM, init + 9);
        g_assert_cmphex(ferry_queue_read(&q, FERRY_CHAN_CQ_ARM), ==, init + 9);
        complete(&q, 1);
        g_assert_true(armed(&q));
        complete(&q, 1);
        wait_irq(&q);
        g_assert_cmpuint(ferry_queue_read(&q, FERRY_CHAN_IRQS), ==, 4);
        /* START drops an arm. */
        ferry_queue_write(&q, FERRY_CHAN_CQ_ARM, init + 10);
        ferry_queue_write(&q, FERRY_CHAN_CMD, FERRY_CHAN_CMD_STOP);
        ferry_queue_wait_state(&q, FERRY_STATE_IDLE);
        g_assert_true(armed(&q));
        q.init = q.tail;
        ferry_queue_start(&q);
        g_assert_false(armed(&q));
        complete(&q, 2);
        g_assert_cmphex(irq_status(&q), ==, 0);
    }
}

static void test_coalesce_count(FerryDev *dev)
{
    FerryQueue q;

    ferry_queue_init(&q, dev, 0);
    ferry_queue_start(&q);
    ferry_queue_write(&q, FERRY_CHAN_COALESCE, 60000 << 16 | 4);
    ferry_queue_write(&q, FERRY_CHAN_CQ_ARM, 2);
    complete(&q, 4);
    g_assert_cmphex(irq_status(&q), ==, 0);
    complete(&q, 1);        /* 2, 3, 4 and 5: four at or past the armed one */
    wait_irq(&q);
    /* A change applies to the arm that is pending. */
    ferry_queue_write(&q, FERRY_CHAN_CQ_ARM, 6);
    complete(&q, 2);
    g_assert_cmphex(irq_status(&q), ==, 0);
    ferry_queue_write(&q, FERRY_CHAN_COALESCE, 60000 << 16 | 2);
    wait_irq(&q);
    ferry_queue_write(&q, FERRY_CHAN_COALESCE, 60000 << 16 | 3);
    ferry_queue_write(&q, FERRY_CHAN_CQ_ARM, 5);    /* 5, 6, 7: at once */
    wait_irq(&q);
    g_assert_cmpuint(ferry_queue_read(&q, FERRY_CHAN_IRQS), ==, 3);
}

static void test_coalesce_time(FerryDev *dev)
{
    FerryQueue q;

    ferry_queue_init(&q, dev, 0);
    ferry_queue_start(&q);
    ferry_queue_write(&q, FERRY_CHAN_COALESCE, 100 << 16 | 65535);
    ferry_queue_write(&q, FERRY_CHAN_CQ_ARM, 1);
    qtest_clock_step(dev->qts, 1000000);    /* nothing is there: no start */
    complete(&q, 1);
    ferry_queue_settle(&q);
    qtest_clock_step(dev->qts, 98000);
    complete(&q, 3);                        /* does not start it again */
    ferry_queue_settle(&q);
    g_assert_cmphex(irq_status(&q), ==, 0);
    qtest_clock_step(dev->qts, 2001);
    wait_irq(&q);
    /* Shorter than what has passed already: at once */
    ferry_queue_write(&q, FERRY_CHAN_CQ_ARM, 4);
    qtest_clock_step(dev->qts, 50000);
    g_assert_cmphex(irq_status(&q), ==, 0);
    ferry_queue_write(&q, FERRY_CHAN_COALESCE, 40 << 16 | 65535);
    qtest_clock_step(dev->qts, 1);
    wait_irq(&q);
    /* An arm that START dropped does not come back by time. */
    ferry_queue_write(&q, FERRY_CHAN_CQ_ARM, 4);
    ferry_queue_write(&q, FERRY_CHAN_CMD, FERRY_CHAN_CMD_STOP);
    ferry_queue_wait_state(&q, FERRY_STATE_IDLE);
    ferry_queue_write(&q, FERRY_CHAN_IRQ_STATUS, CQ);
    ferry_queue_start(&q);
    qtest_clock_step(dev->qts, 1000000);
    g_assert_cmphex(irq_status(&q), ==, 0);
}

static void wait_level(FerryDev *dev, int line, bool level)
{
    uint64_t spent = 0;

    while (qtest_get_irq(dev->qts, line) != level) {
        g_assert_cmpint(dev->engine, ==, FERRY_IOTHREAD);
        ferry_poll(dev, &spent);
        ferry_read(dev, FERRY_ID);      /* takes in what was sent */
    }
}

/* Five channels on two lines: level, pending bits, enable, acknowledge */
static void test_shared_line(FerryDev *dev)
{
    FerryQueue q[5];

    qtest_irq_intercept_out_named(dev->qts, "/machine/peripheral/ferry",
                                  "sysbus-irq");
    for (unsigned int c = 0; c < 5; c++) {
        ferry_queue_init(&q[c], dev, c);
        ferry_queue_start(&q[c]);
        ferry_queue_write(&q[c], FERRY_CHAN_IRQ_ENABLE, CQ);
    }
    for (unsigned int c = 0; c < 5; c += 2) {
        ferry_queue_write(&q[c], FERRY_CHAN_CQ_ARM, 1);
        complete(&q[c], 1);
        ferry_queue_settle(&q[c]);
        wait_level(dev, 0, true);
    }
    g_assert_false(qtest_get_irq(dev->qts, 1));
    g_assert_cmphex(ferry_read(dev, FERRY_IRQ_PENDING_LO(0)), ==, 0x15);
    g_assert_cmphex(ferry_read(dev, FERRY_IRQ_PENDING_LO(1)), ==, 0);
    ferry_queue_write(&q[0], FERRY_CHAN_IRQ_STATUS, CQ);
    ferry_queue_write(&q[2], FERRY_CHAN_IRQ_ENABLE, 0);
    g_assert_cmphex(ferry_read(dev, FERRY_IRQ_PENDING_LO(0)), ==, 0x10);
    g_assert_true(qtest_get_irq(dev->qts, 0));
    ferry_queue_write(&q[4], FERRY_CHAN_IRQ_STATUS, CQ);
    g_assert_cmphex(ferry_read(dev, FERRY_IRQ_PENDING_LO(0)), ==, 0);
    wait_level(dev, 0, false);
    ferry_queue_write(&q[2], FERRY_CHAN_IRQ_ENABLE, 3);
    wait_level(dev, 0, true);
    ferry_queue_reset(&q[2]);
    wait_level(dev, 0, false);

    /* A halt is told on the channel's own line. */
    ferry_queue_write(&q[3], FERRY_CHAN_IRQ_ENABLE, FERRY_CHAN_IRQ_ERROR);
    ferry_doorbell(dev, 3, 1000);
    wait_level(dev, 1, true);
    g_assert_cmphex(ferry_read(dev, FERRY_IRQ_PENDING_LO(1)), ==, 0x8);
    ferry_global_reset(dev);
    wait_level(dev, 1, false);
    g_assert_cmphex(ferry_read(dev, FERRY_IRQ_PENDING_LO(1)), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ferry_add("irq", "arm-asks-for-one-interrupt", NOW, test_arm);
    ferry_add("irq", "count-holds-back", NOW, test_coalesce_count);
    ferry_add("irq", "time-ends-holding-back", NOW, test_coalesce_time);
    ferry_add("irq", "lines-are-level-and-shared", ",num-irqs=2",
              test_shared_line);
    return ferry_run_tests();
}
