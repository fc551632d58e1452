/*
 * Ferry DMA controller: the registers of a channel
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All with the lock. What needs the engine is left to it as a command.
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "ferry-internal.h"
#include "trace.h"

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
        { FERRY_CHAN_SQ_BASE_LO, c->sq_base, FERRY_SQE_SIZE * BIT_ULL(order) },
        { FERRY_CHAN_CQ_BASE_LO, c->cq_base, FERRY_CQE_SIZE * BIT_ULL(order) },
        { FERRY_CHAN_WT_BASE_LO, c->wt_base,
          FERRY_ROW_SIZE * (uint64_t)c->wt_count },
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
    qatomic_set(&c->freed, c->index_init);
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
    /* Pairs with ferry_engine_settle(): it sees the arm or we its HEAD. */
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
            ? FERRY_CHAN_STATUS_INVAL_BUSY : 0) |
           (qatomic_read(&c->op.stalled) && c->state == FERRY_STATE_RUNNING
            ? FERRY_CHAN_STATUS_STALLED : 0);
}

bool ferry_chan_read(FerryChannel *c, uint32_t reg, uint32_t *value)
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

void ferry_chan_write(FerryChannel *c, uint32_t reg, uint32_t value)
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
        c->irq_enable = value & (FERRY_CHAN_IRQ_CQ | FERRY_CHAN_IRQ_ERROR |
                                 (c->rx ? FERRY_CHAN_IRQ_PORT : 0));
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
