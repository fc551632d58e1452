/*
 * Ferry DMA controller: the register map
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Every number here is copied from the tables of the datasheet, not taken from
 * the header that driver and model share: a slip in the header fails.
 */
#include "qemu/osdep.h"
#include "libqos/ferry.h"

#define CHANNELS    8
#define RO          0
#define WO          0
#define ANY         UINT32_MAX

typedef struct Reg {
    uint32_t offset;
    const char *name;
    uint32_t reset;
    uint32_t varies;    /* bits of reset that the model chooses */
    uint32_t writable;  /* bits that hold what was written while IDLE */
    bool idle;          /* only while IDLE */
} Reg;

static const Reg global_regs[] = {
    { 0x000, "ID", 0x59525246, 0, RO },
    { 0x004, "VERSION", 0x00010001, 0, RO },
    { 0x008, "CAP_COUNTS", 0x00080008, 0, RO },
    { 0x00c, "CAP_OPS", 0x0000003f, 0, RO },
    { 0x010, "CAP_ADDR", 0, 0x003f3f7f, RO },
    { 0x014, "CAP_RING", 0, 0x0000ffff, RO },
    { 0x018, "CAP_WINDOWS", 0, 0x0001ffff, RO },
    { 0x01c, "CAP_LEN", 0x01000000, 0, RO },
    { 0x020, "CAP_TIME", 0x03e80064, 0, RO },
    { 0x024, "CAP_QUANTUM", 0x00010000, 0, RO },
    { 0x028, "CAP_COST", 0x01000400, 0, RO },
    { 0x02c, "CAP_FEATURES", 0x00000003, 0, RO },
    { 0x030, "TIME_LO", 0, ANY, RO },
    { 0x034, "TIME_HI", 0, ANY, RO },
    { 0x038, "CAP_FIFO", 0, 0, RO },
    { 0x040, "CTRL", 0, 0, WO },
    { 0x044, "STATUS", 0x00000001, 0, RO },
    { 0x048, "ACTIVE_LO", 0, 0, RO },
    { 0x04c, "ACTIVE_HI", 0, 0, RO },
};

static const Reg chan_regs[] = {
    { 0x00, "CMD", 0, 0, WO },
    { 0x04, "STATUS", 0, 0, RO },
    { 0x08, "CONFIG", 0, 0, 0x00001f01, true },
    { 0x0c, "WEIGHT", 1, 0, 0x000000ff },
    { 0x10, "SQ_BASE_LO", 0, 0, 0xffffffc0, true },
    { 0x14, "SQ_BASE_HI", 0, 0, 0xffffffff, true },
    { 0x18, "CQ_BASE_LO", 0, 0, 0xffffffc0, true },
    { 0x1c, "CQ_BASE_HI", 0, 0, 0xffffffff, true },
    { 0x20, "WT_BASE_LO", 0, 0, 0xffffffc0, true },
    { 0x24, "WT_BASE_HI", 0, 0, 0xffffffff, true },
    { 0x28, "WT_COUNT", 0, 0, 0x0001ffff, true },
    { 0x2c, "INDEX_INIT", 0, 0, 0xffffffff, true },
    { 0x30, "HEAD", 0, 0, RO },
    { 0x34, "TAIL", 0, 0, RO },
    { 0x38, "CQ_ARM", 0, 0, 0xffffffff },
    { 0x3c, "COALESCE", 0x00000001, 0, 0xffffffff },
    { 0x40, "IRQ_STATUS", 0, 0, RO },
    { 0x44, "IRQ_ENABLE", 0, 0, 0x00000003 },
    { 0x48, "WIN_INVALIDATE", 0, 0, WO },
    { 0x50, "ERR_STATUS", 0, 0, RO },
    { 0x54, "ERR_INDEX", 0, 0, RO },
    { 0x58, "ERR_ADDR_LO", 0, 0, RO },
    { 0x5c, "ERR_ADDR_HI", 0, 0, RO },
    { 0x60, "BYTES_LO", 0, 0, RO },
    { 0x64, "BYTES_HI", 0, 0, RO },
    { 0x68, "ERRORS", 0, 0, RO },
    { 0x6c, "DOORBELLS", 0, 0, RO },
    { 0x70, "IRQS", 0, 0, RO },
    { 0x74, "QUANTA", 0, 0, RO },
};

static uint32_t chan(unsigned int c)
{
    return 0x4000 + 0x100 * c;
}

static uint64_t page(FerryDev *dev, unsigned int c)
{
    return dev->doorbell + 0x10000 * c;
}

static bool find_reg(uint32_t offset)
{
    const Reg *regs = global_regs;
    size_t n = ARRAY_SIZE(global_regs);

    if (offset >= 0x100 && offset < 0x100 + 8 * CHANNELS) {
        return true;    /* IRQ_PENDING */
    }
    if (offset >= chan(0) && offset < chan(CHANNELS)) {
        regs = chan_regs;
        n = ARRAY_SIZE(chan_regs);
        offset &= 0xff;
    }
    for (size_t i = 0; i < n; i++) {
        if (regs[i].offset == offset) {
            return true;
        }
    }
    return false;
}

static void assert_reg(FerryDev *dev, const Reg *reg, uint32_t block,
                       uint32_t expect)
{
    uint32_t value = ferry_read(dev, block + reg->offset);

    if ((value ^ expect) & ~reg->varies) {
        g_error("%s at 0x%x reads 0x%08x, not 0x%08x", reg->name,
                block + reg->offset, value, expect);
    }
}

static void assert_reset_values(FerryDev *dev)
{
    for (size_t i = 0; i < ARRAY_SIZE(global_regs); i++) {
        assert_reg(dev, &global_regs[i], 0, global_regs[i].reset);
    }
    for (unsigned int line = 0; line < CHANNELS; line++) {
        g_assert_cmphex(ferry_read(dev, 0x100 + 8 * line), ==, 0);
        g_assert_cmphex(ferry_read(dev, 0x104 + 8 * line), ==, 0);
    }
    for (unsigned int c = 0; c < CHANNELS; c++) {
        for (size_t i = 0; i < ARRAY_SIZE(chan_regs); i++) {
            assert_reg(dev, &chan_regs[i], chan(c), chan_regs[i].reset);
        }
    }
}

/* Leaves something other than the reset value in all that can be written. */
static void disturb(FerryDev *dev)
{
    for (unsigned int c = 0; c < CHANNELS; c++) {
        for (size_t i = 0; i < ARRAY_SIZE(chan_regs); i++) {
            if (chan_regs[i].writable) {
                ferry_write(dev, chan(c) + chan_regs[i].offset, 0x00050740);
            }
        }
    }
}

static void test_reset_values(FerryDev *dev)
{
    assert_reset_values(dev);
    disturb(dev);
    ferry_global_reset(dev);
    assert_reset_values(dev);
    disturb(dev);
    qtest_system_reset(dev->qts);
    assert_reset_values(dev);
}

static void test_power_on(void)
{
    FerryDev *dev = ferry_new(FERRY_VIRTUAL, "", "");

    assert_reset_values(dev);
    ferry_free(dev);
}

static void test_read_only(FerryDev *dev)
{
    for (size_t i = 0; i < ARRAY_SIZE(global_regs); i++) {
        const Reg *reg = &global_regs[i];
        uint32_t before = ferry_read(dev, reg->offset);

        if (reg->offset == 0x040) {
            continue;
        }
        ferry_write(dev, reg->offset, 0xffffffff);
        g_assert_cmphex(ferry_read(dev, reg->offset), ==, before);
        ferry_write(dev, reg->offset, 0);
        g_assert_cmphex(ferry_read(dev, reg->offset), ==, before);
    }
    ferry_write(dev, 0x040, 0xfffffffe);    /* no RESET */
    g_assert_cmphex(ferry_read(dev, 0x040), ==, 0);
    for (size_t i = 0; i < ARRAY_SIZE(chan_regs); i++) {
        /* A CMD of all ones is not exactly one command; 0x48 would work. */
        if (!chan_regs[i].writable && chan_regs[i].offset != 0x48) {
            ferry_write(dev, chan(1) + chan_regs[i].offset, 0xffffffff);
        }
    }
    for (unsigned int line = 0; line < CHANNELS; line++) {
        ferry_write(dev, 0x100 + 8 * line, 0xffffffff);
        ferry_write(dev, 0x104 + 8 * line, 0xffffffff);
    }
    assert_reset_values(dev);
}

static void test_writable_bits(FerryDev *dev)
{
    static const uint32_t values[] = {
        0xffffffff, 0x5a5a5a5a, 0xa5a5a5a5, 0x00010001,
    };

    for (size_t i = 0; i < ARRAY_SIZE(chan_regs); i++) {
        const Reg *reg = &chan_regs[i];

        for (size_t v = 0; reg->writable && v < ARRAY_SIZE(values); v++) {
            /* A last bit that the base registers may or may not have */
            ferry_write(dev, chan(2) + reg->offset,
                        values[v] & ~(reg->writable == 0xffffffc0 ? 0x3f : 0));
            assert_reg(dev, reg, chan(2), values[v] & reg->writable);
        }
        for (unsigned int c = 0; c < CHANNELS; c++) {
            if (c != 2) {
                assert_reg(dev, reg, chan(c), reg->reset);
            }
        }
    }
}

static void test_refused_values(FerryDev *dev)
{
    ferry_write(dev, chan(0) + 0x0c, 7);
    ferry_write(dev, chan(0) + 0x0c, 0);
    g_assert_cmphex(ferry_read(dev, chan(0) + 0x0c), ==, 7);
    ferry_write(dev, chan(0) + 0x0c, 0x100);    /* QUANTA of it is 0 */
    g_assert_cmphex(ferry_read(dev, chan(0) + 0x0c), ==, 7);

    ferry_write(dev, chan(0) + 0x3c, 0x00640008);
    ferry_write(dev, chan(0) + 0x3c, 0x00640000);   /* COUNT 0 */
    g_assert_cmphex(ferry_read(dev, chan(0) + 0x3c), ==, 0x00640008);
    ferry_write(dev, chan(0) + 0x3c, 0x00000002);   /* no TIME */
    g_assert_cmphex(ferry_read(dev, chan(0) + 0x3c), ==, 0x00640008);
    ferry_write(dev, chan(0) + 0x3c, 0x00000001);
    g_assert_cmphex(ferry_read(dev, chan(0) + 0x3c), ==, 0x00000001);
}

static void test_idle_only(FerryDev *dev)
{
    FerryQueue q;

    ferry_queue_init(&q, dev, 3);
    ferry_queue_start(&q);
    for (int halted = 0; halted < 2; halted++) {
        for (size_t i = 0; i < ARRAY_SIZE(chan_regs); i++) {
            const Reg *reg = &chan_regs[i];
            uint32_t before = ferry_read(dev, chan(3) + reg->offset);

            if (reg->idle) {
                ferry_write(dev, chan(3) + reg->offset, ~before);
                assert_reg(dev, reg, chan(3), before);
            }
        }
        /* A tail past what fits halts. */
        qtest_writel(dev->qts, page(dev, 3), 1000);
        g_assert_cmphex(ferry_read(dev, chan(3) + 0x04) & 7, ==, 3);
        g_assert_cmphex(ferry_read(dev, chan(3) + 0x50), ==, 0xc0000011);
        g_assert_cmphex(ferry_read(dev, chan(3) + 0x54), ==, 1000);
    }
}

static void test_write_one_to_clear(FerryDev *dev)
{
    FerryQueue q;

    ferry_queue_init(&q, dev, 0);
    ferry_queue_start(&q);
    ferry_write(dev, chan(0) + 0x38, 0);            /* due at once */
    ferry_queue_add(&q, 99, 0, 0, 0, 0);            /* fails */
    ferry_queue_ring(&q);
    ferry_queue_reap(&q);
    g_assert_cmphex(ferry_read(dev, chan(0) + 0x40), ==, 1);
    ferry_write(dev, chan(0) + 0x40, 0);
    ferry_write(dev, chan(0) + 0x40, 0xfffffffe);
    g_assert_cmphex(ferry_read(dev, chan(0) + 0x40), ==, 1);
    ferry_write(dev, chan(0) + 0x40, 1);
    g_assert_cmphex(ferry_read(dev, chan(0) + 0x40), ==, 0);

    g_assert_cmphex(ferry_read(dev, chan(0) + 0x50), ==, 0x80000001);
    ferry_write(dev, chan(0) + 0x50, 0x7fffffff);
    g_assert_cmphex(ferry_read(dev, chan(0) + 0x50), ==, 0x80000001);
    ferry_write(dev, chan(0) + 0x50, 0x80000000);
    g_assert_cmphex(ferry_read(dev, chan(0) + 0x50), ==, 0);

    qtest_writel(dev->qts, page(dev, 0), 1000);
    g_assert_cmphex(ferry_read(dev, chan(0) + 0x40), ==, 2);
    ferry_write(dev, chan(0) + 0x40, 1);
    g_assert_cmphex(ferry_read(dev, chan(0) + 0x40), ==, 2);
    ferry_write(dev, chan(0) + 0x40, 3);
    g_assert_cmphex(ferry_read(dev, chan(0) + 0x40), ==, 0);
    ferry_write(dev, chan(0) + 0x50, 0x80000000);   /* not while HALTED */
    g_assert_cmphex(ferry_read(dev, chan(0) + 0x50), ==, 0xc0000011);
}

static void test_holes(FerryDev *dev)
{
    g_autofree uint32_t *all = g_malloc(0x10000);

    for (uint32_t offset = 0; offset < 0x10000; offset += 4) {
        if (!find_reg(offset)) {
            ferry_write(dev, offset, 0xffffffff);
            if (ferry_read(dev, offset)) {
                g_error("the hole at 0x%x does not read zero", offset);
            }
        }
    }
    assert_reset_values(dev);
    /* The bus reads this in pieces of eight bytes, which no register has. */
    qtest_memread(dev->qts, dev->ctrl, all, 0x10000);
    for (uint32_t offset = 0; offset < 0x10000; offset += 4) {
        g_assert_cmphex(all[offset / 4], ==, 0);
    }
}

static void test_wrong_size(FerryDev *dev)
{
    QTestState *qts = dev->qts;
    uint64_t ones = UINT64_MAX, reg, addr;

    for (unsigned int i = 0; i < ARRAY_SIZE(chan_regs); i++) {
        reg = dev->ctrl + chan(1) + chan_regs[i].offset;
        for (addr = reg; addr < reg + 4; addr++) {
            g_assert_cmphex(qtest_readb(qts, addr), ==, 0);
            qtest_writeb(qts, addr, 0xff);
            qtest_memwrite(qts, addr, &ones, 3);
            g_assert_cmphex(qtest_readw(qts, addr), ==, 0);
            qtest_writew(qts, addr, 0xffff);
            g_assert_cmphex(qtest_readq(qts, addr), ==, 0);
            qtest_writeq(qts, addr, ones);
            if (addr != reg) {
                g_assert_cmphex(qtest_readl(qts, addr), ==, 0);
                qtest_writel(qts, addr, 0xffffffff);
            }
        }
    }
    for (addr = dev->ctrl; addr < dev->ctrl + 0x50; addr++) {
        g_assert_cmphex(qtest_readb(qts, addr), ==, 0);
        g_assert_cmphex(qtest_readw(qts, addr), ==, 0);
        g_assert_cmphex(qtest_readq(qts, addr), ==, 0);
        qtest_writeb(qts, addr, 0x01);      /* RESET among them */
        qtest_writew(qts, addr, 0x0101);
        qtest_writeq(qts, addr, 0x0000000100000001);
    }
    qtest_memread(qts, dev->ctrl, &reg, 4); /* and the right size reads */
    g_assert_cmphex((uint32_t)reg, ==, 0x59525246);
    assert_reset_values(dev);
}

static void test_doorbell_page(FerryDev *dev)
{
    FerryQueue q[3];

    for (unsigned int c = 0; c < ARRAY_SIZE(q); c++) {
        ferry_queue_init(&q[c], dev, c);
        ferry_queue_start(&q[c]);
    }
    for (uint32_t offset = 0; offset < 0x10000; offset += 0x1c) {
        uint64_t addr = page(dev, 1) + offset;

        g_assert_cmphex(qtest_readl(dev->qts, addr), ==, 0);
        if (offset) {
            qtest_writel(dev->qts, addr, 1);
        }
        qtest_writeb(dev->qts, addr, 1);
        qtest_writew(dev->qts, addr, 1);
        qtest_writeq(dev->qts, addr, 1);
        qtest_writel(dev->qts, addr + 1, 1);
        qtest_writel(dev->qts, addr + 2, 1);
    }
    qtest_writel(dev->qts, page(dev, 1) + 0xfffc, 1);
    for (unsigned int c = 0; c < 3; c++) {
        g_assert_cmphex(ferry_read(dev, chan(c) + 0x34), ==, 0);
        g_assert_cmphex(ferry_read(dev, chan(c) + 0x6c), ==, 0);
    }
    ferry_queue_add(&q[1], 0, 0, 0, 0, 0);
    qtest_writel(dev->qts, page(dev, 1), 1);
    ferry_assert_cqe(ferry_queue_reap(&q[1]), 0, 0, 0, 0);
    g_assert_cmphex(ferry_read(dev, chan(1) + 0x6c), ==, 1);
    g_assert_cmphex(ferry_read(dev, chan(0) + 0x34), ==, 0);
    g_assert_cmphex(ferry_read(dev, chan(2) + 0x34), ==, 0);
}

static void test_doorbell_ignored(FerryDev *dev)
{
    for (unsigned int c = 0; c < CHANNELS; c++) {
        qtest_writel(dev->qts, page(dev, c), 1);
    }
    ferry_write(dev, chan(4) + 0x00, 1);    /* RING_ORDER 0: BAD_CONFIG */
    g_assert_cmphex(ferry_read(dev, chan(4) + 0x04) & 7, ==, 3);
    qtest_writel(dev->qts, page(dev, 4), 1);
    g_assert_cmphex(ferry_read(dev, chan(4) + 0x50), ==, 0xc0000010);
    g_assert_cmphex(ferry_read(dev, chan(4) + 0x58), ==, 0x08);
    g_assert_cmphex(ferry_read(dev, chan(4) + 0x6c), ==, 0);
    ferry_write(dev, chan(4) + 0x40, 3);
    ferry_write(dev, chan(4) + 0x00, 4);
    qtest_writel(dev->qts, page(dev, 4), 1);
    qtest_clock_step(dev->qts, 100000);
    assert_reset_values(dev);
}

static void test_identity(gconstpointer opaque)
{
    unsigned int channels = GPOINTER_TO_UINT(opaque);
    unsigned int lines = MIN(channels, 16);
    g_autofree char *options = g_strdup_printf(",channels=%u", channels);
    FerryDev *dev = ferry_new(FERRY_VIRTUAL, "", options);
    uint32_t addr = ferry_read(dev, 0x010), ring = ferry_read(dev, 0x014);

    g_assert_cmphex(ferry_read(dev, 0x000), ==, 0x59525246);
    g_assert_cmphex(ferry_read(dev, 0x008), ==, lines << 16 | channels);
    g_assert_cmpuint(addr & 0x7f, >=, 32);
    g_assert_cmpuint(addr & 0x7f, <=, 64);
    g_assert_cmpuint(addr >> 8 & 0x3f, >=, 12);
    g_assert_cmpuint(addr >> 8 & 0x3f, <=, addr >> 16 & 0x3f);
    g_assert_cmpuint(ring & 0xff, <=, ring >> 8 & 0xff);
    g_assert_cmpuint(ferry_read(dev, 0x018), >, 0);
    g_assert_cmphex(dev->doorbell_size, ==, 0x10000 * channels);

    /* The last channel is there, what would come after it is a hole. */
    g_assert_cmphex(ferry_read(dev, chan(channels - 1) + 0x0c), ==, 1);
    if (channels < 64) {
        ferry_write(dev, chan(channels) + 0x0c, 5);
        g_assert_cmphex(ferry_read(dev, chan(channels) + 0x0c), ==, 0);
    }
    g_assert_cmphex(ferry_read(dev, 0x8000), ==, 0);
    ferry_write(dev, chan(channels - 1), 1);
    g_assert_cmphex(ferry_read(dev, 0x048), ==,
                    channels <= 32 ? 1U << (channels - 1) : 0);
    g_assert_cmphex(ferry_read(dev, 0x04c), ==,
                    channels <= 32 ? 0 : 1U << (channels - 33));

    /* Its error is seen on the line that it uses, and only there. */
    ferry_write(dev, chan(channels - 1) + 0x44, 2);
    for (unsigned int line = 0; line < 32; line++) {
        bool uses = line == (channels - 1) % lines;

        g_assert_cmphex(ferry_read(dev, 0x100 + 8 * line), ==,
                        uses && channels <= 32 ? 1U << (channels - 1) : 0);
        g_assert_cmphex(ferry_read(dev, 0x104 + 8 * line), ==,
                        uses && channels > 32 ? 1U << (channels - 33) : 0);
    }
    ferry_free(dev);
}

static void test_limits(void)
{
    static const char * const refused[] = {
        ",channels=0", ",channels=65", ",num-irqs=33", ",num-irqs=64",
    };
    static const char * const accepted[] = {
        ",channels=1", ",channels=64", ",num-irqs=1", ",num-irqs=32",
        ",channels=64,num-irqs=32",
    };

    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        g_autofree char *message = NULL;

        g_assert_false(ferry_accepts("", refused[i], &message));
        g_assert_nonnull(strstr(message, refused[i][1] == 'c' ? "channels"
                                                              : "num-irqs"));
    }
    for (size_t i = 0; i < ARRAY_SIZE(accepted); i++) {
        g_assert_true(ferry_accepts("", accepted[i], NULL));
    }
}

static void test_global_reset(FerryDev *dev)
{
    int64_t bound = ferry_read(dev, 0x020) & 0xffff;
    FerryQueue q;

    for (unsigned int c = 0; c < CHANNELS; c++) {
        ferry_queue_init(&q, dev, c);
        ferry_queue_start(&q);
    }
    g_assert_cmphex(ferry_read(dev, 0x048), ==, 0xff);
    ferry_write(dev, 0x040, 1);
    if (!(ferry_read(dev, 0x044) & 1)) {
        /* Time stands still: nothing but the following is to be seen. */
        for (uint32_t offset = 0x048; offset < 0x4900; offset += 4) {
            ferry_write(dev, offset, 0x00050740);
            g_assert_cmphex(ferry_read(dev, offset), ==, 0);
        }
        g_assert_cmphex(ferry_read(dev, 0x000), ==, 0x59525246);
        g_assert_cmphex(ferry_read(dev, 0x01c), ==, 0x01000000);
        qtest_clock_step(dev->qts, bound * 1000);
    }
    g_assert_cmphex(ferry_read(dev, 0x044), ==, 1);
    assert_reset_values(dev);
}

static void test_time(FerryDev *dev)
{
    uint64_t before, after;

    before = ferry_read(dev, 0x030) | (uint64_t)ferry_read(dev, 0x034) << 32;
    g_assert_cmphex(ferry_read(dev, 0x030), ==, (uint32_t)before);
    qtest_clock_step(dev->qts, 5000000123);
    after = ferry_read(dev, 0x030) | (uint64_t)ferry_read(dev, 0x034) << 32;
    g_assert_cmpuint(after - before, ==, 5000000123);
}

int main(int argc, char **argv)
{
    static const unsigned int counts[] = { 1, 8, 33, 64 };

    g_test_init(&argc, &argv, NULL);
    ferry_add_plain("regs", "power-on-values-are-reset-values", test_power_on);
    ferry_add_plain("regs", "counts-beyond-the-limits-are-refused",
                    test_limits);
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        g_autofree char *path = NULL;

        path = g_strdup_printf("ferry/regs/identity-with-%u-channels",
                               counts[i]);
        qtest_add_data_func(path, GUINT_TO_POINTER(counts[i]), test_identity);
    }
    ferry_add("regs", "resets-restore-every-register", "", test_reset_values);
    ferry_add("regs", "read-only-registers-ignore-writes", "", test_read_only);
    ferry_add("regs", "unused-bits-read-zero", "", test_writable_bits);
    ferry_add("regs", "refused-values-change-nothing", "",
              test_refused_values);
    ferry_add("regs", "configuration-is-writable-in-idle-only", "",
              test_idle_only);
    ferry_add("regs", "write-one-clears-and-only-one", "",
              test_write_one_to_clear);
    ferry_add("regs", "holes-read-zero-and-write-nothing", "", test_holes);
    ferry_add("regs", "wrong-sizes-read-zero-and-write-nothing", "",
              test_wrong_size);
    ferry_add("regs", "doorbell-page-holds-one-register", "",
              test_doorbell_page);
    ferry_add("regs", "doorbells-of-stopped-channels-are-ignored", "",
              test_doorbell_ignored);
    ferry_add_virtual("regs", "global-reset-ends-within-its-bound", "",
                      test_global_reset);
    ferry_add_virtual("regs", "time-counts-nanoseconds", "", test_time);
    return ferry_run_tests();
}
