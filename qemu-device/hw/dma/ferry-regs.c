/*
 * Ferry DMA controller: registers and doorbells
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Both apertures take accesses of every size and alignment, so that none
 * becomes a bus error, and decode them here: what is not an aligned 32-bit
 * access to a register reads zero and writes nothing.
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/lockable.h"
#include "qemu/log.h"
#include "qemu/units.h"
#include "ferry-internal.h"
#include "trace.h"

static void ferry_bad_access(const char *what, const char *aperture,
                             hwaddr offset, unsigned size)
{
    qemu_log_mask(LOG_GUEST_ERROR,
                  "ferry: %s of %u bytes at %s offset 0x%" HWADDR_PRIx
                  " is not of a register\n", what, size, aperture, offset);
}

static bool ferry_global_read(FerryState *s, hwaddr offset, uint32_t *value)
{
    bool hi = offset & 4;
    uint64_t active = 0;
    int i;

    switch (offset) {
    case FERRY_ID:
        *value = FERRY_ID_VALUE;
        return true;
    case FERRY_VERSION:
        *value = FERRY_MODEL_VERSION;
        return true;
    case FERRY_CAP_COUNTS:
        *value = ferry_put(s->channels, FERRY_CAP_COUNTS_CHANNELS) |
                 ferry_put(s->ports, FERRY_CAP_COUNTS_PORTS) |
                 ferry_put(s->num_irqs, FERRY_CAP_COUNTS_LINES);
        return true;
    case FERRY_CAP_OPS:
        *value = FERRY_MODEL_OPS | (s->ports ? FERRY_PORT_OPS : 0);
        return true;
    case FERRY_CAP_ADDR:
        *value = ferry_put(s->addr_width, FERRY_CAP_ADDR_WIDTH) |
                 ferry_put(FERRY_MIN_PAGE_SHIFT, FERRY_CAP_ADDR_MIN_SHIFT) |
                 ferry_put(FERRY_MAX_PAGE_SHIFT, FERRY_CAP_ADDR_MAX_SHIFT);
        return true;
    case FERRY_CAP_RING:
        *value = ferry_put(s->min_order, FERRY_CAP_RING_MIN_ORDER) |
                 ferry_put(s->max_order, FERRY_CAP_RING_MAX_ORDER);
        return true;
    case FERRY_CAP_WINDOWS:
        *value = s->windows;
        return true;
    case FERRY_CAP_LEN:
        *value = FERRY_MAX_LEN;
        return true;
    case FERRY_CAP_TIME:
        *value = ferry_put(FERRY_RESET_BOUND_US, FERRY_CAP_TIME_RESET_US) |
                 ferry_put(FERRY_STOP_BOUND_US, FERRY_CAP_TIME_STOP_US);
        return true;
    case FERRY_CAP_QUANTUM:
        *value = FERRY_QUANTUM;
        return true;
    case FERRY_CAP_COST:
        *value = ferry_put(FERRY_COST_ENTRY, FERRY_CAP_COST_ENTRY) |
                 ferry_put(FERRY_COST_WALK, FERRY_CAP_COST_WALK);
        return true;
    case FERRY_CAP_FEATURES:
        *value = FERRY_CAP_FEATURES_BYPASS | FERRY_CAP_FEATURES_LIST;
        return true;
    case FERRY_TIME_LO:
    case FERRY_TIME_HI:
        *value = ferry_half(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), hi);
        return true;
    case FERRY_CAP_FIFO:
        *value = s->ports ? FERRY_FIFO : 0;
        return true;
    case FERRY_CTRL:
        *value = 0;
        return true;
    case FERRY_STATUS:
        *value = s->ready ? FERRY_STATUS_READY : 0;
        return true;
    case FERRY_ACTIVE_LO:
    case FERRY_ACTIVE_HI:
        for (i = 0; s->ready && i < s->channels; i++) {
            active |= (uint64_t)(s->chan[i].state != FERRY_STATE_IDLE) << i;
        }
        *value = ferry_half(active, hi);
        return true;
    default:
        return false;
    }
}

/* The line, the port or the channel that a register belongs to, or -1 */
static int ferry_line_at(FerryState *s, hwaddr offset)
{
    hwaddr line = (offset - FERRY_IRQ_PENDING_LO(0)) / 8;

    return offset >= FERRY_IRQ_PENDING_LO(0) && line < s->num_irqs ? line : -1;
}

static int ferry_port_at(FerryState *s, hwaddr offset)
{
    hwaddr port = (offset - FERRY_PORT_BASE) / FERRY_PORT_STRIDE;

    return offset >= FERRY_PORT_BASE && port < s->ports ? port : -1;
}

static int ferry_chan_at(FerryState *s, hwaddr offset)
{
    hwaddr chan = (offset - FERRY_CHAN_BASE) / FERRY_CHAN_STRIDE;

    return offset >= FERRY_CHAN_BASE && chan < s->channels ? chan : -1;
}

static bool ferry_read_locked(FerryState *s, hwaddr offset, uint32_t *value)
{
    int line = ferry_line_at(s, offset);
    int port = ferry_port_at(s, offset);
    int chan = ferry_chan_at(s, offset);

    if (line >= 0) {
        *value = ferry_half(s->asserting & ferry_irq_line_mask(s, line),
                            offset & 4);
        return true;
    }
    if (port >= 0) {
        if (!ferry_port_read(&s->port[port], offset % FERRY_PORT_STRIDE,
                             value)) {
            return false;
        }
        *value = s->ready ? *value : 0;
        return true;
    }
    if (chan >= 0) {
        if (!ferry_chan_read(&s->chan[chan], offset % FERRY_CHAN_STRIDE,
                             value)) {
            return false;
        }
        *value = s->ready ? *value : 0;
        return true;
    }
    return ferry_global_read(s, offset, value);
}

static uint64_t ferry_ctrl_read(void *opaque, hwaddr offset, unsigned size)
{
    FerryState *s = opaque;
    uint32_t value = 0;
    bool good = size == 4 && QEMU_IS_ALIGNED(offset, 4);

    if (good) {
        ferry_timing_catch_up(s);
        QEMU_LOCK_GUARD(&s->lock);
        good = ferry_read_locked(s, offset, &value);
    }
    if (!good) {
        ferry_bad_access("read", "ctrl", offset, size);
    }
    trace_ferry_ctrl_read(offset, value, size);
    return value;
}

static void ferry_global_reset(FerryState *s)
{
    trace_ferry_global_reset();
    qatomic_set(&s->ready, false);
    s->asserting = 0;
    s->reset_ns = ferry_fault_hit_locked(s, FERRY_FAULT_STUCK_GLOBAL_RESET, 0,
                                         -1)
                  ? FERRY_STUCK : ferry_engine_command_ns(s);
}

/* What a write to this register of a channel changes is of interrupts alone. */
static bool ferry_is_irq_reg(uint32_t reg)
{
    return reg == FERRY_CHAN_CQ_ARM || reg == FERRY_CHAN_COALESCE ||
           reg == FERRY_CHAN_IRQ_STATUS || reg == FERRY_CHAN_IRQ_ENABLE;
}

static void ferry_ctrl_write(void *opaque, hwaddr offset, uint64_t value,
                             unsigned size)
{
    FerryState *s = opaque;
    int port = ferry_port_at(s, offset);
    int chan = ferry_chan_at(s, offset);
    uint32_t old;
    bool good = size == 4 && QEMU_IS_ALIGNED(offset, 4);

    trace_ferry_ctrl_write(offset, value, size);
    if (good) {
        QEMU_LOCK_GUARD(&s->lock);
        good = ferry_read_locked(s, offset, &old);
        if (good && s->ready) {
            if (chan >= 0) {
                ferry_chan_write(&s->chan[chan], offset % FERRY_CHAN_STRIDE,
                                 value);
            } else if (offset == FERRY_CTRL && (value & FERRY_CTRL_RESET)) {
                ferry_global_reset(s);
            }
        }
    }
    if (!good) {
        ferry_bad_access("write", "ctrl", offset, size);
        return;
    }
    if (port >= 0 && s->ready) {
        ferry_port_write(&s->port[port], offset % FERRY_PORT_STRIDE, value);
    }
    if (chan < 0 || !ferry_is_irq_reg(offset % FERRY_CHAN_STRIDE)) {
        ferry_engine_wake(s);
        ferry_iothread_command(s);
    }
    ferry_irq_update(s);
}

const MemoryRegionOps ferry_ctrl_ops = {
    .read = ferry_ctrl_read,
    .write = ferry_ctrl_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    .impl = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
};

static uint64_t ferry_doorbell_read(void *opaque, hwaddr offset, unsigned size)
{
    if (size != 4 || offset % FERRY_DB_PAGE_SIZE) {
        ferry_bad_access("read", "doorbell", offset, size);
    }
    return 0;
}

/*
 * Takes no lock: TAIL is the control half's alone, and entries that end
 * meanwhile only make room.
 */
static void ferry_doorbell_write(void *opaque, hwaddr offset, uint64_t value,
                                 unsigned size)
{
    FerryState *s = opaque;
    FerryChannel *c = &s->chan[offset / FERRY_DB_PAGE_SIZE];
    uint32_t tail = value, freed;

    if (size != 4 || offset % FERRY_DB_PAGE_SIZE) {
        ferry_bad_access("write", "doorbell", offset, size);
        return;
    }
    if (!qatomic_read(&s->ready) ||
        qatomic_load_acquire(&c->state) != FERRY_STATE_RUNNING) {
        return;
    }
    /* Pairs with ferry_engine_write_cqe(): who saw seq has the room. */
    smp_rmb();
    freed = qatomic_read(&c->freed);
    trace_ferry_doorbell(c->index, tail, freed);
    if (tail - freed < c->tail - freed || tail - freed > ferry_chan_size(c)) {
        WITH_QEMU_LOCK_GUARD(&s->lock) {
            ferry_irq_halt(c, FERRY_ERR_BAD_TAIL, tail, 0);
        }
        if (!s->iothread) {
            ferry_timing_abandon(c);
            ferry_engine_wake(s);
        }
        ferry_irq_update(s);
        return;
    }
    c->doorbells++;
    if (s->iothread) {
        /* Pairs with ferry_chan_has_work(). */
        qatomic_store_release(&c->tail, tail);
        ferry_engine_wake(s);
    } else {
        bool was_idle = c->tail == freed;

        c->tail = tail;
        ferry_timing_doorbell(c, was_idle);
    }
}

const MemoryRegionOps ferry_doorbell_ops = {
    .read = ferry_doorbell_read,
    .write = ferry_doorbell_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    .impl = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
};
