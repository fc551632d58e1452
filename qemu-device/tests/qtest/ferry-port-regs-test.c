/*
 * Ferry DMA controller: the registers of ports
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * As in ferry-regs-test, every number here is copied from the tables of the
 * datasheet.
 */
#include "qemu/osdep.h"
#include "libqos/ferry.h"

#define OPTIONS     ",channels=9,ports=3"
#define PORTS       3

typedef struct Reg {
    uint32_t offset;
    const char *name;
    uint32_t reset;
    uint32_t writable;
} Reg;

static const Reg port_regs[] = {
    { 0x00, "PORT_CMD", 0, 0 },
    { 0x04, "PORT_STATUS", 7, 0 },      /* in loopback */
    { 0x08, "PORT_CHANNELS", 0, 0 },    /* plus the channels */
    { 0x0c, "PORT_IDLE", 0, 0x800fffff },
    { 0x10, "TX_LEVEL", 0, 0 },
    { 0x14, "RX_LEVEL", 0, 0 },
    { 0x18, "TX_BYTES_LO", 0, 0 },
    { 0x1c, "TX_BYTES_HI", 0, 0 },
    { 0x20, "RX_BYTES_LO", 0, 0 },
    { 0x24, "RX_BYTES_HI", 0, 0 },
    { 0x28, "TX_PACKETS", 0, 0 },
    { 0x2c, "RX_PACKETS", 0, 0 },
    { 0x30, "HANGUPS", 0, 0 },
    { 0x34, "TX_DROPPED", 0, 0 },
};

static uint32_t port(unsigned int k)
{
    return 0x1000 + 0x100 * k;
}

static uint32_t reset_value(const Reg *reg, unsigned int k)
{
    uint32_t tx = 9 - 2 * (k + 1);

    return reg->offset == 0x08 ? (tx + 1) << 8 | tx : reg->reset;
}

static bool is_reg(uint32_t offset)
{
    for (size_t i = 0; i < ARRAY_SIZE(port_regs); i++) {
        if (port_regs[i].offset == (offset & 0xff)) {
            return offset >= port(0) && offset < port(PORTS);
        }
    }
    return false;
}

static void assert_reset_values(FerryDev *dev)
{
    for (unsigned int k = 0; k < PORTS; k++) {
        for (size_t i = 0; i < ARRAY_SIZE(port_regs); i++) {
            const Reg *reg = &port_regs[i];
            uint32_t value = ferry_read(dev, port(k) + reg->offset);

            if (value != reset_value(reg, k)) {
                g_error("%s of port %u reads 0x%08x, not 0x%08x", reg->name, k,
                        value, reset_value(reg, k));
            }
        }
    }
}

static void test_identity(FerryDev *dev)
{
    g_assert_cmphex(ferry_read(dev, 0x004), ==, 0x00010001);
    g_assert_cmphex(ferry_read(dev, 0x008), ==, 0x00090309);
    g_assert_cmphex(ferry_read(dev, 0x00c), ==, 0x000000ff);
    g_assert_cmphex(ferry_read(dev, 0x038), ==, 0x00020000);
    assert_reset_values(dev);
}

static void test_reset(FerryDev *dev)
{
    for (int i = 0; i < 3; i++) {
        for (unsigned int k = 0; k < PORTS; k++) {
            FerryStream st;

            ferry_stream_start(&st, dev, k);
            ferry_write(dev, port(k) + 0x0c, 0x80000123);
            ferry_stream_send(&st, FERRY_DATA, 500, 1);
            ferry_assert_cqe(ferry_queue_reap(&st.tx), 0, 500, 0, 0);
            ferry_stream_recv(&st, FERRY_DATA, 100);
            ferry_assert_cqe(ferry_queue_reap(&st.rx), 0, 100, 0, 0);
            g_assert_cmphex(ferry_read(dev, port(k) + 0x14), ==, 400);
            g_assert_cmphex(ferry_read(dev, port(k) + 0x18), ==, 500);
            g_assert_cmphex(ferry_read(dev, port(k) + 0x20), ==, 100);
            g_assert_cmphex(ferry_read(dev, port(k) + 0x28), ==, 1);
            g_assert_cmphex(ferry_read(dev, port(k) + 0x2c), ==, 0);
        }
        if (i & 1) {
            qtest_system_reset(dev->qts);
        } else {
            ferry_global_reset(dev);
        }
        assert_reset_values(dev);
    }
}

static void test_bits(FerryDev *dev)
{
    static const uint32_t values[] = { 0xffffffff, 0x5a5a5a5a, 0xa5a5a5a5, 0 };

    for (size_t i = 0; i < ARRAY_SIZE(port_regs); i++) {
        for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
            ferry_write(dev, port(1) + port_regs[i].offset, values[v]);
            g_assert_cmphex(ferry_read(dev, port(1) + port_regs[i].offset), ==,
                            reset_value(&port_regs[i], 1) |
                            (values[v] & port_regs[i].writable));
        }
    }
    assert_reset_values(dev);
}

static void test_enable(FerryDev *dev)
{
    for (unsigned int c = 0; c < 9; c++) {
        bool rx = c >= 3 && (c - 3) % 2;

        ferry_write(dev, 0x4000 + 0x100 * c + 0x44, 0xffffffff);
        g_assert_cmphex(ferry_read(dev, 0x4000 + 0x100 * c + 0x44), ==,
                        rx ? 7 : 3);
    }
}

static void test_holes(FerryDev *dev)
{
    for (uint32_t offset = 0x1000; offset < 0x4000; offset++) {
        uint64_t addr = dev->ctrl + offset;

        if (is_reg(offset)) {
            continue;
        }
        qtest_writel(dev->qts, addr, 0xffffffff);
        g_assert_cmphex(qtest_readl(dev->qts, addr), ==, 0);
    }
    for (uint32_t offset = port(0); offset < port(1); offset++) {
        uint64_t addr = dev->ctrl + offset;

        qtest_writeb(dev->qts, addr, 0xff);
        qtest_writew(dev->qts, addr, 0xffff);
        qtest_writeq(dev->qts, addr, UINT64_MAX);
        g_assert_cmphex(qtest_readb(dev->qts, addr), ==, 0);
        g_assert_cmphex(qtest_readw(dev->qts, addr), ==, 0);
        g_assert_cmphex(qtest_readq(dev->qts, addr), ==, 0);
    }
    assert_reset_values(dev);
}

/* While READY is clear, they read zero and ignore writes. */
static void test_not_ready(FerryDev *dev)
{
    ferry_write(dev, port(0) + 0x0c, 5);
    ferry_write(dev, 0x040, 1);
    g_assert_cmphex(ferry_read(dev, 0x044), ==, 0);
    g_assert_cmphex(ferry_read(dev, 0x038), ==, 0x00020000);
    for (uint32_t offset = port(0); offset < port(PORTS); offset += 4) {
        ferry_write(dev, offset, 3);
        g_assert_cmphex(ferry_read(dev, offset), ==, 0);
    }
    qtest_clock_step(dev->qts, 100000);
    g_assert_cmphex(ferry_read(dev, 0x044), ==, 1);
    assert_reset_values(dev);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ferry_add("port-regs", "capabilities-tell-of-ports", OPTIONS,
              test_identity);
    ferry_add("port-regs", "resets-restore-every-register", OPTIONS,
              test_reset);
    ferry_add("port-regs", "unused-bits-read-zero", OPTIONS, test_bits);
    ferry_add("port-regs", "only-receivers-enable-their-port", OPTIONS,
              test_enable);
    ferry_add("port-regs", "holes-read-zero-and-write-nothing", OPTIONS,
              test_holes);
    ferry_add_virtual("port-regs", "reset-hides-registers", OPTIONS,
                      test_not_ready);
    return ferry_run_tests();
}
