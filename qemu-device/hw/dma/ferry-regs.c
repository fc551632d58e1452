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

/* Where one register of a pair is in its 64-bit value */
static uint32_t ferry_half(uint64_t value, bool hi)
{
    return value >> (hi ? 32 : 0);
}

static void ferry_set_half(uint64_t *value, bool hi, uint32_t half)
{
    *value = deposit64(*value, hi ? 32 : 0, 32, half);
}

/*
 * The offset of the register that keeps the channel from starting; 0, which is
 * that of CMD, if none does.
 */
uint32_t ferry_chan_bad_config(FerryChannel *c)
{
    FerryState *s = c->ferry;
    uint32_t order = ferry_get(c->config, FERRY_CHAN_CONFIG_RING_ORDER);
    const struct {
        uint32_t reg;
        uint64_t base;
        uint64_t size;
    } area[] = {
        { FERRY_CHAN_SQ_BASE_LO, c->sq_base, (uint64_t)FERRY_SQE_SIZE << order },
        { FERRY_CHAN_CQ_BASE_LO, c->cq_base, (uint64_t)FERRY_CQE_SIZE << order },
        { FERRY_CHAN_WT_BASE_LO, c->wt_base,
          (uint64_t)FERRY_ROW_SIZE * c->wt_count },
    };
    int i;

    if (order < s->min_order || order > s->max_order) {
        return FERRY_CHAN_CONFIG;
    }
    for (i = 0; i < ARRAY_SIZE(area); i++) {
        if (!QEMU_IS_ALIGNED(area[i].base, FERRY_RING_ALIGN) ||
            !ferry_addr_fits(s, area[i].base, area[i].size)) {
            return area[i].reg;
        }
    }
    if (c->wt_count > s->windows) {
        return FERRY_CHAN_WT_COUNT;
    }
    return 0;
}

static void ferry_chan_start(FerryChannel *c)
{
    uint32_t bad = ferry_chan_bad_config(c);

    trace_ferry_start(c->index, c->config, c->index_init, bad);
    if (bad) {
        ferry_irq_halt(c, FERRY_ERR_BAD_CONFIG, 0, bad);
        return;
    }
    /* The table may be another one than before. */
    ferry_window_forget(c, FERRY_CHAN_WIN_INVALIDATE_ALL);
    qatomic_set(&c->armed, false);
    c->coalesce_ns = FERRY_NONE;
    qatomic_set(&c->head, c->index_init);
    qatomic_set(&c->tail, c->index_init);
    qatomic_store_release(&c->state, FERRY_STATE_RUNNING);
}

/* Leave a command for the engine to carry out. */
static void ferry_chan_command(FerryChannel *c, FerryCommand cmd,
                               FerryFaultKind stuck)
{
    FerryState *s = c->ferry;

    c->cmd_ns[cmd] = ferry_fault_hit_locked(s, stuck, c->index, -1)
                     ? FERRY_STUCK : ferry_engine_command_ns(s);
    s->commanded |= BIT_ULL(c->index);
}

static void ferry_chan_cmd(FerryChannel *c, uint32_t value)
{
    switch (value) {
    case FERRY_CHAN_CMD_START:
        if (c->state == FERRY_STATE_IDLE) {
            ferry_chan_start(c);
        }
        break;
    case FERRY_CHAN_CMD_STOP:
        if (c->state == FERRY_STATE_RUNNING) {
            trace_ferry_stop(c->index, qatomic_read(&c->head));
            qatomic_set(&c->state, FERRY_STATE_STOPPING);
            ferry_chan_command(c, FERRY_CMD_STOP, FERRY_FAULT_STUCK_STOP);
        }
        break;
    case FERRY_CHAN_CMD_RESET:
        trace_ferry_reset(c->index, c->state);
        if (c->state == FERRY_STATE_RESETTING &&
            c->cmd_ns[FERRY_CMD_RESET] != FERRY_STUCK) {
            break;
        }
        qatomic_set(&c->state, FERRY_STATE_RESETTING);
        c->cmd_ns[FERRY_CMD_STOP] = FERRY_NONE;
        ferry_chan_command(c, FERRY_CMD_RESET, FERRY_FAULT_STUCK_RESET);
        break;
    default:
        qemu_log_mask(LOG_GUEST_ERROR, "ferry: 0x%" PRIx32
                      " is not a command\n", value);
    }
}

static void ferry_chan_invalidate(FerryChannel *c, uint32_t value)
{
    if (c->cmd_ns[FERRY_CMD_INVALIDATE] != FERRY_NONE) {
        return;
    }
    trace_ferry_invalidate(c->index, value);
    c->inval = value;
    ferry_chan_command(c, FERRY_CMD_INVALIDATE, FERRY_FAULT_STUCK_INVALIDATE);
}

static void ferry_chan_arm(FerryChannel *c, uint32_t value)
{
    c->arm = value;
    c->coalesce_ns = FERRY_NONE;
    qatomic_set(&c->armed, true);
    /* Pairs with ferry_engine_complete(): it sees the arm or we its HEAD. */
    smp_mb();
    ferry_irq_eval(c);
}

static void ferry_chan_coalesce(FerryChannel *c, uint32_t value)
{
    uint32_t count = ferry_get(value, FERRY_CHAN_COALESCE_COUNT);

    if (!count || (count > 1 && !(value & FERRY_CHAN_COALESCE_TIME_US))) {
        qemu_log_mask(LOG_GUEST_ERROR, "ferry: COALESCE 0x%" PRIx32
                      " would hold interrupts for ever\n", value);
        return;
    }
    c->coalesce = value;
    ferry_irq_eval(c);
}

static uint32_t ferry_chan_status(FerryChannel *c)
{
    return ferry_put(c->state, FERRY_CHAN_STATUS_STATE) |
           (c->armed ? FERRY_CHAN_STATUS_ARMED : 0) |
           (c->cmd_ns[FERRY_CMD_INVALIDATE] != FERRY_NONE
            ? FERRY_CHAN_STATUS_INVAL_BUSY : 0);
}

static bool ferry_chan_read(FerryChannel *c, uint32_t reg, uint32_t *value)
{
    bool hi = reg & 4;

    switch (reg) {
    case FERRY_CHAN_CMD:
    case FERRY_CHAN_WIN_INVALIDATE:
        *value = 0;
        return true;
    case FERRY_CHAN_STATUS:
        *value = ferry_chan_status(c);
        return true;
    case FERRY_CHAN_CONFIG:
        *value = c->config;
        return true;
    case FERRY_CHAN_WEIGHT:
        *value = c->weight;
        return true;
    case FERRY_CHAN_SQ_BASE_LO:
    case FERRY_CHAN_SQ_BASE_HI:
        *value = ferry_half(c->sq_base, hi);
        return true;
    case FERRY_CHAN_CQ_BASE_LO:
    case FERRY_CHAN_CQ_BASE_HI:
        *value = ferry_half(c->cq_base, hi);
        return true;
    case FERRY_CHAN_WT_BASE_LO:
    case FERRY_CHAN_WT_BASE_HI:
        *value = ferry_half(c->wt_base, hi);
        return true;
    case FERRY_CHAN_WT_COUNT:
        *value = c->wt_count;
        return true;
    case FERRY_CHAN_INDEX_INIT:
        *value = c->index_init;
        return true;
    case FERRY_CHAN_HEAD:
        *value = qatomic_read(&c->head);
        return true;
    case FERRY_CHAN_TAIL:
        *value = c->tail;
        return true;
    case FERRY_CHAN_CQ_ARM:
        *value = c->arm;
        return true;
    case FERRY_CHAN_COALESCE:
        *value = c->coalesce;
        return true;
    case FERRY_CHAN_IRQ_STATUS:
        *value = c->irq_status;
        return true;
    case FERRY_CHAN_IRQ_ENABLE:
        *value = c->irq_enable;
        return true;
    case FERRY_CHAN_ERR_STATUS:
        *value = c->err_status;
        return true;
    case FERRY_CHAN_ERR_INDEX:
        *value = c->err_index;
        return true;
    case FERRY_CHAN_ERR_ADDR_LO:
    case FERRY_CHAN_ERR_ADDR_HI:
        *value = ferry_half(c->err_addr, hi);
        return true;
    case FERRY_CHAN_BYTES_LO:
    case FERRY_CHAN_BYTES_HI:
        *value = ferry_half(qatomic_read_u64(&c->bytes), hi);
        return true;
    case FERRY_CHAN_ERRORS:
        *value = qatomic_read(&c->errors);
        return true;
    case FERRY_CHAN_DOORBELLS:
        *value = c->doorbells;
        return true;
    case FERRY_CHAN_IRQS:
        *value = c->irqs;
        return true;
    case FERRY_CHAN_QUANTA:
        *value = qatomic_read(&c->quanta);
        return true;
    default:
        return false;
    }
}

/* A register that is writable while the channel is IDLE */
static bool ferry_chan_write_config(FerryChannel *c, uint32_t reg,
                                    uint32_t value)
{
    bool idle = c->state == FERRY_STATE_IDLE;
    uint32_t unused32 = 0, *to32 = &unused32;
    uint64_t unused64 = 0, *to64 = NULL;

    switch (reg) {
    case FERRY_CHAN_CONFIG:
        value &= FERRY_CHAN_CONFIG_BYPASS | FERRY_CHAN_CONFIG_RING_ORDER;
        to32 = &c->config;
        break;
    case FERRY_CHAN_WT_COUNT:
        value &= FERRY_CHAN_WT_COUNT_ROWS;
        to32 = &c->wt_count;
        break;
    case FERRY_CHAN_INDEX_INIT:
        to32 = &c->index_init;
        break;
    case FERRY_CHAN_SQ_BASE_LO:
    case FERRY_CHAN_SQ_BASE_HI:
        to64 = &c->sq_base;
        break;
    case FERRY_CHAN_CQ_BASE_LO:
    case FERRY_CHAN_CQ_BASE_HI:
        to64 = &c->cq_base;
        break;
    case FERRY_CHAN_WT_BASE_LO:
    case FERRY_CHAN_WT_BASE_HI:
        to64 = &c->wt_base;
        break;
    default:
        return false;
    }
    if (!idle) {
        qemu_log_mask(LOG_GUEST_ERROR, "ferry: channel %u is not idle and "
                      "ignores a write to 0x%" PRIx32 "\n", c->index, reg);
        to32 = &unused32;
        to64 = to64 ? &unused64 : NULL;
    }
    if (to64) {
        ferry_set_half(to64, reg & 4, value);
    } else {
        *to32 = value;
    }
    return true;
}

static void ferry_chan_write(FerryChannel *c, uint32_t reg, uint32_t value)
{
    /* Nothing but STATUS can be relied upon; one may only try again. */
    if (c->state == FERRY_STATE_RESETTING && reg != FERRY_CHAN_CMD) {
        return;
    }
    if (ferry_chan_write_config(c, reg, value)) {
        return;
    }

    switch (reg) {
    case FERRY_CHAN_CMD:
        ferry_chan_cmd(c, value);
        break;
    case FERRY_CHAN_WEIGHT:
        if (value & FERRY_CHAN_WEIGHT_QUANTA) {
            qatomic_set(&c->weight, value & FERRY_CHAN_WEIGHT_QUANTA);
        }
        break;
    case FERRY_CHAN_CQ_ARM:
        ferry_chan_arm(c, value);
        break;
    case FERRY_CHAN_COALESCE:
        ferry_chan_coalesce(c, value);
        break;
    case FERRY_CHAN_IRQ_STATUS:
        c->irq_status &= ~value;
        ferry_irq_assert(c);
        break;
    case FERRY_CHAN_IRQ_ENABLE:
        c->irq_enable = value & (FERRY_CHAN_IRQ_CQ | FERRY_CHAN_IRQ_ERROR);
        ferry_irq_assert(c);
        break;
    case FERRY_CHAN_WIN_INVALIDATE:
        ferry_chan_invalidate(c, value);
        break;
    case FERRY_CHAN_ERR_STATUS:
        if ((value & FERRY_CHAN_ERR_STATUS_VALID) &&
            c->state != FERRY_STATE_HALTED) {
            c->err_status = 0;
            c->err_index = 0;
            c->err_addr = 0;
        }
        break;
    }
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
                 ferry_put(s->num_irqs, FERRY_CAP_COUNTS_LINES);
        return true;
    case FERRY_CAP_OPS:
        *value = FERRY_MODEL_OPS;
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

/* The line or the channel that a register belongs to, or -1 */
static int ferry_line_at(FerryState *s, hwaddr offset)
{
    hwaddr line = (offset - FERRY_IRQ_PENDING_LO(0)) / 8;

    return offset >= FERRY_IRQ_PENDING_LO(0) && line < s->num_irqs ? line : -1;
}

static int ferry_chan_at(FerryState *s, hwaddr offset)
{
    hwaddr chan = (offset - FERRY_CHAN_BASE) / FERRY_CHAN_STRIDE;

    return offset >= FERRY_CHAN_BASE && chan < s->channels ? chan : -1;
}

static bool ferry_read_locked(FerryState *s, hwaddr offset, uint32_t *value)
{
    int line = ferry_line_at(s, offset);
    int chan = ferry_chan_at(s, offset);

    if (line >= 0) {
        *value = ferry_half(s->asserting & ferry_irq_line_mask(s, line),
                            offset & 4);
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

static void ferry_ctrl_write(void *opaque, hwaddr offset, uint64_t value,
                             unsigned size)
{
    FerryState *s = opaque;
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
    ferry_irq_update(s);
    ferry_engine_wake(s);
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
 * Takes no lock: TAIL is the control half's alone, and a HEAD that grows
 * meanwhile only makes room.
 */
static void ferry_doorbell_write(void *opaque, hwaddr offset, uint64_t value,
                                 unsigned size)
{
    FerryState *s = opaque;
    FerryChannel *c = &s->chan[offset / FERRY_DB_PAGE_SIZE];
    uint32_t tail = value, head;

    if (size != 4 || offset % FERRY_DB_PAGE_SIZE) {
        ferry_bad_access("write", "doorbell", offset, size);
        return;
    }
    if (!qatomic_read(&s->ready) ||
        qatomic_load_acquire(&c->state) != FERRY_STATE_RUNNING) {
        return;
    }
    head = qatomic_read(&c->head);
    trace_ferry_doorbell(c->index, tail, head);
    if (tail - head < c->tail - head || tail - head > ferry_chan_size(c)) {
        WITH_QEMU_LOCK_GUARD(&s->lock) {
            ferry_irq_halt(c, FERRY_ERR_BAD_TAIL, tail, 0);
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
        bool was_idle = c->tail == head;

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
