/*
 * Ferry DMA controller: what its qtests share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include <libfdt.h>
#include "qemu/bswap.h"
#include "qobject/qdict.h"
#include "ferry.h"

/* Far longer than anything takes; only a test that fails waits for it. */
#define PATIENCE_REAL_US        (60 * G_USEC_PER_SEC)
#define PATIENCE_VIRTUAL_NS     (60 * 1000000000ULL)

typedef struct FerryCase {
    FerryTest *test;
    const char *options;
    FerryEngine engine;
} FerryCase;

/* Kept from test to test while engine and options stay the same */
static FerryDev *ferry_cached;

/*
 * The addresses come from the device tree, as a guest gets them: the platform
 * bus gives them out, and neither its base nor the order of its regions is a
 * promise.
 */
static void ferry_find_apertures(FerryDev *dev)
{
    g_autofree char *name = NULL;
    g_autofree char *blob = NULL;
    const fdt32_t *reg, *ranges;
    int fd, node, len, ctrl, doorbell;

    fd = g_file_open_tmp("ferry-dtb-XXXXXX", &name, NULL);
    g_assert_cmpint(fd, >=, 0);
    close(fd);
    qtest_qmp_assert_success(dev->qts,
                             "{ 'execute': 'dumpdtb',"
                             "  'arguments': { 'filename': %s } }", name);
    g_assert_true(g_file_get_contents(name, &blob, NULL, NULL));
    unlink(name);

    node = fdt_node_offset_by_compatible(blob, -1, "qemu,ferry");
    g_assert_cmpint(node, >=, 0);
    reg = fdt_getprop(blob, node, "reg", &len);
    g_assert_cmpint(len, ==, 4 * sizeof(*reg));
    ctrl = fdt_stringlist_search(blob, node, "reg-names", "ctrl");
    doorbell = fdt_stringlist_search(blob, node, "reg-names", "doorbell");
    g_assert_cmpint(ctrl + doorbell, ==, 1);
    g_assert_cmphex(fdt32_to_cpu(reg[2 * ctrl + 1]), ==, FERRY_CTRL_SIZE);

    /* The bus' only range: child address, 64-bit parent address, size */
    ranges = fdt_getprop(blob, fdt_parent_offset(blob, node), "ranges", &len);
    g_assert_cmpint(len, ==, 4 * sizeof(*ranges));
    g_assert_cmphex(fdt32_to_cpu(ranges[0]), ==, 0);
    dev->ctrl = fdt32_to_cpu(ranges[2]) + fdt32_to_cpu(reg[2 * ctrl]);
    dev->doorbell = fdt32_to_cpu(ranges[2]) + fdt32_to_cpu(reg[2 * doorbell]);
    dev->doorbell_size = fdt32_to_cpu(reg[2 * doorbell + 1]);
}

FerryDev *ferry_new(FerryEngine engine, const char *machine,
                    const char *options)
{
    /* The clock of TCG runs without a guest: its CPU stays off. */
    static const char * const engines[] = {
        [FERRY_VIRTUAL] = "",
        [FERRY_IOTHREAD] = "-object iothread,id=io0",
        [FERRY_REALTIME] = "-accel tcg -global arm-cpu.start-powered-off=on",
    };
    FerryDev *dev = g_new0(FerryDev, 1);
    g_autofree char *own = g_strdup(options);
    char *bandwidth = strstr(own, ",bandwidth=");

    if (engine == FERRY_IOTHREAD && bandwidth) {
        *bandwidth = 0;
    }
    dev->engine = engine;
    dev->qts = qtest_initf("-nodefaults -machine virt -cpu cortex-a57 "
                           "-m 4G %s %s -device ferry,id=ferry%s%s", machine,
                           engines[engine],
                           engine == FERRY_IOTHREAD ? ",iothread=io0" : "",
                           own);
    ferry_find_apertures(dev);
    return dev;
}

void ferry_free(FerryDev *dev)
{
    if (dev) {
        qtest_quit(dev->qts);
        g_free(dev->key);
        g_free(dev);
    }
}

bool ferry_accepts(const char *machine, const char *options, char **message)
{
    g_autofree char *command = NULL;
    g_autofree char *dtb = NULL;
    g_auto(GStrv) argv = NULL;
    int status, fd;

    /*
     * dumpdtb ends an emulator that has accepted everything. It renames a new
     * file over the one that it is given: that must not be /dev/null.
     */
    fd = g_file_open_tmp("ferry-XXXXXX.dtb", &dtb, NULL);
    g_assert_cmpint(fd, >=, 0);
    close(fd);
    command = g_strdup_printf("%s -display none -nodefaults %s -accel qtest "
                              "-machine virt,dumpdtb=%s "
                              "-device ferry,id=ferry%s",
                              getenv("QTEST_QEMU_BINARY"), machine, dtb,
                              options);
    g_assert_true(g_shell_parse_argv(command, NULL, &argv, NULL));
    g_assert_true(g_spawn_sync(NULL, argv, NULL, G_SPAWN_STDOUT_TO_DEV_NULL,
                               NULL, NULL, NULL, message, &status, NULL));
    unlink(dtb);
    g_assert_true(WIFEXITED(status));
    return WEXITSTATUS(status) == 0;
}

uint32_t ferry_read(FerryDev *dev, uint32_t offset)
{
    return qtest_readl(dev->qts, dev->ctrl + offset);
}

uint64_t ferry_read64(FerryDev *dev, uint32_t offset_lo)
{
    uint32_t hi, lo;

    do {
        hi = ferry_read(dev, offset_lo + 4);
        lo = ferry_read(dev, offset_lo);
    } while (hi != ferry_read(dev, offset_lo + 4));
    return (uint64_t)hi << 32 | lo;
}

void ferry_write(FerryDev *dev, uint32_t offset, uint32_t value)
{
    qtest_writel(dev->qts, dev->ctrl + offset, value);
}

void ferry_doorbell(FerryDev *dev, unsigned int chan, uint32_t tail)
{
    qtest_writel(dev->qts, dev->doorbell + FERRY_DB_SQ_TAIL(chan), tail);
}

void ferry_poll(FerryDev *dev, uint64_t *spent)
{
    if (dev->host && dev->engine == FERRY_VIRTUAL) {
        qtest_clock_step(dev->qts, 1000);
    }
    if (dev->engine == FERRY_VIRTUAL && !dev->host) {
        uint64_t step = MAX(1000, *spent / 8);

        qtest_clock_step(dev->qts, step);
        *spent += step;
        g_assert_cmpuint(*spent, <, PATIENCE_VIRTUAL_NS);
    } else {
        g_usleep(50);
        if (!*spent) {
            *spent = g_get_monotonic_time();
        }
        g_assert_cmpuint(g_get_monotonic_time() - *spent, <, PATIENCE_REAL_US);
    }
}

void ferry_global_reset(FerryDev *dev)
{
    uint64_t spent = 0;

    ferry_write(dev, FERRY_CTRL, FERRY_CTRL_RESET);
    while (!(ferry_read(dev, FERRY_STATUS) & FERRY_STATUS_READY)) {
        ferry_poll(dev, &spent);
    }
}

/* Bit by bit: slow, and not a copy of what the model does */
uint32_t ferry_crc32c(uint32_t crc, const void *data, size_t len)
{
    const uint8_t *p = data;

    crc = ~crc;
    while (len--) {
        crc ^= *p++;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
        }
    }
    return ~crc;
}

void ferry_fill(FerryDev *dev, uint64_t addr, const void *data, size_t len)
{
    while (len) {
        size_t n = MIN(len, 256 * 1024);

        qtest_bufwrite(dev->qts, addr, data, n);
        addr += n;
        data += n;
        len -= n;
    }
}

/* In pieces: libqtest takes in a line in time that grows with its square. */
void ferry_get(FerryDev *dev, uint64_t addr, void *data, size_t len)
{
    while (len) {
        size_t n = MIN(len, 64 * 1024);

        qtest_bufread(dev->qts, addr, data, n);
        addr += n;
        data += n;
        len -= n;
    }
}

/* No byte pattern of a small period: misplaced bytes are seen. */
void ferry_pattern(uint8_t *data, size_t len, uint32_t seed)
{
    uint32_t x = seed * 2654435761U + 1;

    for (size_t i = 0; i < len; i++) {
        x = x * 1664525 + 1013904223;
        data[i] = x >> 24;
    }
}

void ferry_assert_memory(FerryDev *dev, uint64_t addr, const void *data,
                         size_t len)
{
    g_autofree uint8_t *found = g_malloc(len + 1);

    ferry_get(dev, addr, found, len);
    for (size_t i = 0; i < len; i++) {
        if (found[i] != ((const uint8_t *)data)[i]) {
            g_error("memory at 0x%" PRIx64 " + %zu is 0x%02x, not 0x%02x",
                    addr, i, found[i], ((const uint8_t *)data)[i]);
        }
    }
}

void ferry_queue_init(FerryQueue *q, FerryDev *dev, unsigned int chan)
{
    uint64_t rings = FERRY_RINGS + chan * FERRY_RINGS_STRIDE;

    *q = (FerryQueue) {
        .dev = dev,
        .chan = chan,
        .order = 6,
        .sq = rings,
        .cq = rings + 0x8000,
        .wt = rings + 0x10000,
        .rows = 64,
    };
    qtest_memset(dev->qts, q->wt, 0, q->rows * FERRY_ROW_SIZE);
}

uint32_t ferry_queue_read(FerryQueue *q, uint32_t reg)
{
    return ferry_read(q->dev, FERRY_CHAN(q->chan) + reg);
}

uint64_t ferry_queue_read64(FerryQueue *q, uint32_t reg_lo)
{
    return ferry_read64(q->dev, FERRY_CHAN(q->chan) + reg_lo);
}

void ferry_queue_write(FerryQueue *q, uint32_t reg, uint32_t value)
{
    ferry_write(q->dev, FERRY_CHAN(q->chan) + reg, value);
}

uint32_t ferry_queue_state(FerryQueue *q)
{
    return ferry_queue_read(q, FERRY_CHAN_STATUS) & FERRY_CHAN_STATUS_STATE;
}

void ferry_queue_wait_state(FerryQueue *q, uint32_t state)
{
    uint64_t spent = 0;

    while (ferry_queue_state(q) != state) {
        ferry_poll(q->dev, &spent);
    }
}

void ferry_queue_reset(FerryQueue *q)
{
    ferry_queue_write(q, FERRY_CHAN_CMD, FERRY_CHAN_CMD_RESET);
    ferry_queue_wait_state(q, FERRY_STATE_IDLE);
}

void ferry_queue_assert_error(FerryQueue *q, uint32_t status, uint32_t index,
                              uint64_t addr)
{
    g_assert_cmphex(ferry_queue_read(q, FERRY_CHAN_ERR_STATUS), ==, status);
    g_assert_cmphex(ferry_queue_read(q, FERRY_CHAN_ERR_INDEX), ==, index);
    g_assert_cmphex(ferry_queue_read64(q, FERRY_CHAN_ERR_ADDR_LO), ==, addr);
}

void ferry_queue_take_error(FerryQueue *q, uint32_t status, uint32_t index,
                            uint64_t addr)
{
    ferry_queue_assert_error(q, FERRY_CHAN_ERR_STATUS_VALID | status, index,
                             addr);
    ferry_queue_write(q, FERRY_CHAN_ERR_STATUS, FERRY_CHAN_ERR_STATUS_VALID);
}

/* Registers, and in every slot of the CQ a seq that cannot be its next */
void ferry_queue_configure(FerryQueue *q)
{
    uint32_t size = 1U << q->order;
    g_autofree uint8_t *cq = g_malloc(size * FERRY_CQE_SIZE);

    ferry_get(q->dev, q->cq, cq, size * FERRY_CQE_SIZE);
    for (uint32_t i = 0; i < size; i++) {
        uint32_t next = q->init + ((i - q->init) & (size - 1));

        stl_le_p(cq + i * FERRY_CQE_SIZE + FERRY_CQE_SEQ, next);
    }
    ferry_fill(q->dev, q->cq, cq, size * FERRY_CQE_SIZE);
    ferry_queue_write(q, FERRY_CHAN_SQ_BASE_LO, q->sq);
    ferry_queue_write(q, FERRY_CHAN_SQ_BASE_HI, q->sq >> 32);
    ferry_queue_write(q, FERRY_CHAN_CQ_BASE_LO, q->cq);
    ferry_queue_write(q, FERRY_CHAN_CQ_BASE_HI, q->cq >> 32);
    ferry_queue_write(q, FERRY_CHAN_WT_BASE_LO, q->wt);
    ferry_queue_write(q, FERRY_CHAN_WT_BASE_HI, q->wt >> 32);
    ferry_queue_write(q, FERRY_CHAN_WT_COUNT, q->rows);
    ferry_queue_write(q, FERRY_CHAN_CONFIG, q->config | q->order << 8);
    ferry_queue_write(q, FERRY_CHAN_INDEX_INIT, q->init);
    q->head = q->init;
    q->tail = q->init;
}

void ferry_queue_start(FerryQueue *q)
{
    ferry_queue_configure(q);
    ferry_queue_write(q, FERRY_CHAN_CMD, FERRY_CHAN_CMD_START);
    g_assert_cmpuint(ferry_queue_state(q), ==, FERRY_STATE_RUNNING);
}

void ferry_queue_start_bypass(FerryQueue *q, FerryDev *dev, unsigned int chan)
{
    ferry_queue_init(q, dev, chan);
    q->config = FERRY_CHAN_CONFIG_BYPASS;
    ferry_queue_start(q);
}

void ferry_queue_row(FerryQueue *q, unsigned int row, uint64_t base,
                     uint64_t size, uint32_t flags, uint32_t first)
{
    uint8_t data[FERRY_ROW_SIZE] = { 0 };

    stq_le_p(data + FERRY_ROW_BASE, base);
    stq_le_p(data + FERRY_ROW_BYTES, size);
    stl_le_p(data + FERRY_ROW_FLAGS, flags);
    stl_le_p(data + FERRY_ROW_FIRST, first);
    qtest_bufwrite(q->dev->qts, q->wt + row * FERRY_ROW_SIZE, data,
                   sizeof(data));
}

void ferry_queue_wait_invalidated(FerryQueue *q)
{
    uint64_t spent = 0;

    while (ferry_queue_read(q, FERRY_CHAN_STATUS) &
           FERRY_CHAN_STATUS_INVAL_BUSY) {
        ferry_poll(q->dev, &spent);
    }
}

/* WIN_INVALIDATE of a row or of ALL, and the wait for its end */
void ferry_queue_invalidate(FerryQueue *q, uint32_t what)
{
    ferry_queue_write(q, FERRY_CHAN_WIN_INVALIDATE, what);
    ferry_queue_wait_invalidated(q);
}

/*
 * What follows a completion has been done, too. An IOThread does so in the same
 * quantum, and a command waits for the end of that.
 */
void ferry_queue_settle(FerryQueue *q)
{
    if (q->dev->engine == FERRY_IOTHREAD) {
        ferry_queue_invalidate(q, FERRY_CHAN_WIN_INVALIDATE_ALL);
    }
}

void ferry_queue_add(FerryQueue *q, uint8_t op, uint32_t len, uint64_t src,
                     uint64_t dst, uint64_t arg)
{
    ferry_queue_add_flags(q, op, 0, len, src, dst, arg);
}

void ferry_queue_add_flags(FerryQueue *q, uint8_t op, uint8_t flags,
                           uint32_t len, uint64_t src, uint64_t dst,
                           uint64_t arg)
{
    uint32_t slot = q->tail++ & ((1U << q->order) - 1);
    uint8_t data[FERRY_SQE_SIZE] = { 0 };

    stb_p(data + FERRY_SQE_OP, op);
    stb_p(data + FERRY_SQE_FLAGS, flags);
    stl_le_p(data + FERRY_SQE_LEN, len);
    stq_le_p(data + FERRY_SQE_SRC, src);
    stq_le_p(data + FERRY_SQE_DST, dst);
    stq_le_p(data + FERRY_SQE_ARG, arg);
    qtest_bufwrite(q->dev->qts, q->sq + slot * FERRY_SQE_SIZE, data,
                   sizeof(data));
}

void ferry_queue_ring(FerryQueue *q)
{
    ferry_doorbell(q->dev, q->chan, q->tail);
}

bool ferry_queue_done(FerryQueue *q, uint32_t index)
{
    FerryCqe cqe;

    ferry_queue_peek(q, index, &cqe);
    return cqe.seq == index + 1;
}

void ferry_queue_peek(FerryQueue *q, uint32_t index, FerryCqe *cqe)
{
    uint32_t slot = index & ((1U << q->order) - 1);
    uint8_t data[FERRY_CQE_SIZE];

    qtest_bufread(q->dev->qts, q->cq + slot * FERRY_CQE_SIZE, data,
                  sizeof(data));
    cqe->result = ldl_le_p(data + FERRY_CQE_RESULT);
    cqe->len = ldl_le_p(data + FERRY_CQE_LEN);
    cqe->status = lduw_le_p(data + FERRY_CQE_STATUS);
    cqe->flags = lduw_le_p(data + FERRY_CQE_FLAGS);
    cqe->seq = ldl_le_p(data + FERRY_CQE_SEQ);
}

/* seq first, then the rest, as the datasheet asks of an owner */
FerryCqe ferry_queue_reap(FerryQueue *q)
{
    uint64_t spent = 0;
    FerryCqe cqe;

    while (!ferry_queue_done(q, q->head)) {
        ferry_poll(q->dev, &spent);
    }
    ferry_queue_peek(q, q->head++, &cqe);
    return cqe;
}

FerryCqe ferry_queue_do(FerryQueue *q, uint8_t op, uint32_t len, uint64_t src,
                        uint64_t dst, uint64_t arg)
{
    ferry_queue_add(q, op, len, src, dst, arg);
    ferry_queue_ring(q);
    return ferry_queue_reap(q);
}

void ferry_queue_wait_stalled(FerryQueue *q)
{
    uint64_t spent = 0;

    while (!(ferry_queue_read(q, FERRY_CHAN_STATUS) &
             FERRY_CHAN_STATUS_STALLED)) {
        ferry_poll(q->dev, &spent);
    }
}

static void ferry_run_case(const void *opaque)
{
    const FerryCase *c = opaque;
    g_autofree char *key = g_strdup_printf("%d%s", c->engine, c->options);

    if (!ferry_cached || strcmp(ferry_cached->key, key)) {
        ferry_free(ferry_cached);
        ferry_cached = ferry_new(c->engine, "", c->options);
        ferry_cached->key = g_steal_pointer(&key);
    }
    ferry_global_reset(ferry_cached);
    c->test(ferry_cached);
}

static void ferry_add_case(const char *area, const char *name,
                           const char *options, FerryTest *test,
                           FerryEngine engine)
{
    static const char * const engines[] = { "virtual", "iothread" };
    g_autofree char *path = g_strdup_printf("ferry/%s/%s/%s", area,
                                            engines[engine], name);
    FerryCase *c = g_new(FerryCase, 1);

    *c = (FerryCase) { test, options, engine };
    qtest_add_data_func_full(path, c, ferry_run_case, g_free);
}

void ferry_add(const char *area, const char *name, const char *options,
               FerryTest *test)
{
    ferry_add_case(area, name, options, test, FERRY_VIRTUAL);
    ferry_add_case(area, name, options, test, FERRY_IOTHREAD);
}

void ferry_add_virtual(const char *area, const char *name, const char *options,
                       FerryTest *test)
{
    ferry_add_case(area, name, options, test, FERRY_VIRTUAL);
}

void ferry_add_plain(const char *area, const char *name, void (*test)(void))
{
    g_autofree char *path = g_strdup_printf("ferry/%s/%s", area, name);

    qtest_add_func(path, test);
}

int ferry_run_tests(void)
{
    int ret = g_test_run();

    ferry_free(ferry_cached);
    return ret;
}
