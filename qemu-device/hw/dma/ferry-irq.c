/*
 * Ferry DMA controller: interrupts and the error latch
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Everything that can change an interrupt happens under the lock and ends in
 * ferry_irq_assert(). The lines follow in ferry_irq_update(), which recomputes
 * them from state and so may run once for many changes: with the BQL at once,
 * from an IOThread in a bottom half of the main loop, since taking the BQL
 * there would deadlock with who waits for the IOThread.
 */

#include "qemu/osdep.h"
#include "qemu/lockable.h"
#include "qemu/main-loop.h"
#include "hw/irq.h"
#include "ferry-internal.h"
#include "trace.h"

uint64_t ferry_irq_line_mask(FerryState *s, unsigned line)
{
    uint64_t mask = 0;
    unsigned c;

    for (c = line; c < s->channels; c += s->num_irqs) {
        mask |= BIT_ULL(c);
    }
    return mask;
}

uint32_t ferry_irq_levels(FerryState *s)
{
    uint32_t levels = 0;
    unsigned c;

    for (c = 0; c < s->channels; c++) {
        if (s->asserting & BIT_ULL(c)) {
            levels |= BIT(c % s->num_irqs);
        }
    }
    return levels;
}

static void ferry_irq_update_bh(void *opaque)
{
    FerryState *s = opaque;
    uint32_t levels, changed;
    unsigned line;

    WITH_QEMU_LOCK_GUARD(&s->lock) {
        levels = ferry_irq_levels(s);
    }
    changed = levels ^ s->levels;
    s->levels = levels;
    for (; changed; changed &= changed - 1) {
        line = ctz32(changed);
        qemu_set_irq(s->irq[line], extract32(levels, line, 1));
    }
}

void ferry_irq_update(FerryState *s)
{
    if (bql_locked()) {
        ferry_irq_update_bh(s);
    } else {
        qemu_bh_schedule(s->irq_bh);
    }
}

void ferry_irq_assert(FerryChannel *c)
{
    FerryState *s = c->ferry;
    bool on = c->irq_status & c->irq_enable;

    s->asserting = deposit64(s->asserting, c->index, 1, on && s->ready);
}

static void ferry_irq_set(FerryChannel *c, uint32_t bit)
{
    trace_ferry_irq(c->index, bit, qatomic_read(&c->head));
    if (!ferry_fault_hit_locked(c->ferry, FERRY_FAULT_LOST_IRQ, c->index, -1)) {
        c->irqs++;
        c->irq_status |= bit;
    }
    ferry_irq_assert(c);
}

/* CONNECTED of the channel's port has changed. */
void ferry_irq_port(FerryChannel *c)
{
    if (c->ferry->ready && c->state != FERRY_STATE_RESETTING) {
        ferry_irq_set(c, FERRY_CHAN_IRQ_PORT);
    }
}

/* Raise the interrupt that CQ_ARM asked for, if it is time: whether it was. */
bool ferry_irq_eval(FerryChannel *c)
{
    FerryState *s = c->ferry;
    int32_t past = qatomic_read(&c->head) - c->arm;
    int32_t count = ferry_get(c->coalesce, FERRY_CHAN_COALESCE_COUNT);
    int64_t hold = ferry_get(c->coalesce, FERRY_CHAN_COALESCE_TIME_US) *
                   (int64_t)SCALE_US;
    int64_t now;

    if (!c->armed || past < 0 || !s->ready ||
        c->state == FERRY_STATE_RESETTING) {
        return false;
    }
    if (past < count - 1) {
        now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
        if (c->coalesce_ns == FERRY_NONE) {
            c->coalesce_ns = now;
        }
        if (now - c->coalesce_ns < hold) {
            timer_mod_anticipate_ns(s->coalesce_timer, c->coalesce_ns + hold);
            return false;
        }
    }
    qatomic_set(&c->armed, false);
    c->coalesce_ns = FERRY_NONE;
    ferry_irq_set(c, FERRY_CHAN_IRQ_CQ);
    return true;
}

static void ferry_irq_coalesce_timer(void *opaque)
{
    FerryState *s = opaque;
    unsigned i;

    WITH_QEMU_LOCK_GUARD(&s->lock) {
        for (i = 0; i < s->channels; i++) {
            ferry_irq_eval(&s->chan[i]);
        }
    }
    ferry_irq_update(s);
}

/* The first error stays, but for a halt. */
void ferry_irq_latch(FerryChannel *c, uint32_t code, uint32_t index,
                     uint64_t addr)
{
    if (!(c->err_status & FERRY_CHAN_ERR_STATUS_VALID)) {
        c->err_status = FERRY_CHAN_ERR_STATUS_VALID | code;
        c->err_index = index;
        c->err_addr = addr;
    }
}

void ferry_irq_halt(FerryChannel *c, uint32_t code, uint32_t index,
                    uint64_t addr)
{
    if (!c->ferry->ready || c->state == FERRY_STATE_HALTED ||
        c->state == FERRY_STATE_RESETTING) {
        return;
    }
    trace_ferry_halt(c->index, code, index, addr);
    qatomic_set(&c->state, FERRY_STATE_HALTED);
    c->cmd_ns[FERRY_CMD_STOP] = FERRY_NONE;
    c->err_status = FERRY_CHAN_ERR_STATUS_VALID | FERRY_CHAN_ERR_STATUS_HALT |
                    code;
    c->err_index = index;
    c->err_addr = addr;
    ferry_irq_set(c, FERRY_CHAN_IRQ_ERROR);
}

void ferry_irq_init(FerryState *s)
{
    s->coalesce_timer = timer_new_ns(QEMU_CLOCK_VIRTUAL,
                                     ferry_irq_coalesce_timer, s);
    s->irq_bh = qemu_bh_new_guarded(ferry_irq_update_bh, s,
                                    &DEVICE(s)->mem_reentrancy_guard);
}

void ferry_irq_exit(FerryState *s)
{
    qemu_bh_delete(s->irq_bh);
    timer_free(s->coalesce_timer);
}
