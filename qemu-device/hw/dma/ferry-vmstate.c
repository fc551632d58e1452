/*
 * Ferry DMA controller: migration
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is migrated is the state of the datasheet's device, work in flight
 * included: the running entry and how far it has come, the entries that were
 * fetched, whose turn it is, and what has a time, as absolute virtual time. It
 * says nothing of the engine, and so can be loaded by a device with the other
 * one. Caches are left behind.
 *
 * The stream is not trusted: whatever the engine relies upon is checked, and
 * no memory is touched before the guest runs.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "migration/vmstate.h"
#include "ferry-internal.h"

static bool ferry_time_is_valid(int64_t ns)
{
    return ns == FERRY_NONE || (ns >= 0 && ns <= FERRY_MAX_TIME);
}

static bool ferry_command_is_valid(int64_t ns)
{
    return ns == FERRY_STUCK || ferry_time_is_valid(ns);
}

static bool ferry_op_is_valid(FerryChannel *c)
{
    FerryOp *op = &c->op;

    if (!op->active) {
        return !op->stalled;
    }
    return ferry_chan_has_op(c, op->code) &&
           !(op->flags & ~ferry_op_info[op->code].flags) &&
           (!op->stalled || op->code == FERRY_OP_SEND ||
            op->code == FERRY_OP_RECV) &&
           op->len <= (op->code == FERRY_OP_NOP ? 0 : FERRY_MAX_LEN) &&
           op->done <= op->len &&
           op->paid <= MIN(FERRY_QUANTUM, op->len - op->done);
}

/* The indices of a channel that has a queue */
static bool ferry_queue_is_valid(FerryChannel *c)
{
    uint32_t outstanding = c->tail - c->head;

    return !ferry_chan_bad_config(c) && outstanding <= ferry_chan_size(c) &&
           c->op.active + c->fetched - c->fetch_pos <= outstanding;
}

static bool ferry_chan_is_valid(FerryChannel *c)
{
    uint32_t count = ferry_get(c->coalesce, FERRY_CHAN_COALESCE_COUNT);
    int i;

    for (i = 0; i < FERRY_CMDS; i++) {
        if (!ferry_command_is_valid(c->cmd_ns[i])) {
            return false;
        }
    }
    if (c->fetch_pos > c->fetched || c->fetched > FERRY_FETCH ||
        !ferry_op_is_valid(c) || !c->weight ||
        c->weight > FERRY_CHAN_WEIGHT_QUANTA ||
        !count || (count > 1 && !(c->coalesce & FERRY_CHAN_COALESCE_TIME_US)) ||
        c->eligible_ns < 0 || !ferry_time_is_valid(c->eligible_ns) ||
        !ferry_time_is_valid(c->coalesce_ns)) {
        return false;
    }
    switch (c->state) {
    case FERRY_STATE_IDLE:
        return !c->op.active && !c->fetched;
    case FERRY_STATE_STOPPING:
        return ferry_queue_is_valid(c) &&
               c->cmd_ns[FERRY_CMD_STOP] != FERRY_NONE;
    case FERRY_STATE_RUNNING:
        return ferry_queue_is_valid(c);
    case FERRY_STATE_HALTED:
        return true;
    case FERRY_STATE_RESETTING:
        return c->cmd_ns[FERRY_CMD_RESET] != FERRY_NONE;
    default:
        return false;
    }
}

/*
 * What is rejected must not be left behind: a machine whose loadvm failed can
 * be made to run.
 */
int ferry_reject(FerryState *s)
{
    ferry_reset(s);
    return -EINVAL;
}

/* A stream without faults has no subsection for them. */
static int ferry_pre_load(void *opaque)
{
    FerryState *s = opaque;

    qatomic_set(&s->faults, 0);
    return 0;
}

static int ferry_post_load(void *opaque, int version_id)
{
    FerryState *s = opaque;
    FerryChannel *c;
    int i;

    if (s->cursor >= s->channels || s->turn_left > FERRY_CHAN_WEIGHT_QUANTA ||
        s->quantum_left > FERRY_QUANTUM || s->next_ns < 0 ||
        !ferry_time_is_valid(s->next_ns) ||
        !ferry_command_is_valid(s->reset_ns) ||
        s->ready != (s->reset_ns == FERRY_NONE)) {
        return ferry_reject(s);
    }
    s->carry = s->bandwidth ? s->carry % s->bandwidth : 0;
    s->commanded = 0;
    s->asserting = 0;
    for (c = s->chan; c < s->chan + s->channels; c++) {
        if (!ferry_chan_is_valid(c)) {
            return ferry_reject(s);
        }
        for (i = 0; i < FERRY_CMDS; i++) {
            if (c->cmd_ns[i] != FERRY_NONE) {
                s->commanded |= BIT_ULL(c->index);
            }
        }
        c->freed = c->head;
        ferry_window_forget(c, FERRY_CHAN_WIN_INVALIDATE_ALL);
        ferry_irq_assert(c);
    }

    /* The interrupt controller has its own record of the lines. */
    s->levels = ferry_irq_levels(s);
    /* Arms are looked at, and go on waiting, when the clock runs again. */
    timer_mod_ns(s->coalesce_timer, 0);
    ferry_engine_wake(s);
    return 0;
}

static const VMStateDescription vmstate_ferry_channel = {
    .name = "ferry/channel",
    .version_id = 2,
    .minimum_version_id = 2,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(config, FerryChannel),
        VMSTATE_UINT32(wt_count, FerryChannel),
        VMSTATE_UINT32(index_init, FerryChannel),
        VMSTATE_UINT64(sq_base, FerryChannel),
        VMSTATE_UINT64(cq_base, FerryChannel),
        VMSTATE_UINT64(wt_base, FerryChannel),
        VMSTATE_UINT32(state, FerryChannel),
        VMSTATE_UINT32(weight, FerryChannel),
        VMSTATE_INT64_ARRAY(cmd_ns, FerryChannel, FERRY_CMDS),
        VMSTATE_UINT32(inval, FerryChannel),
        VMSTATE_BOOL(armed, FerryChannel),
        VMSTATE_UINT32(arm, FerryChannel),
        VMSTATE_UINT32(coalesce, FerryChannel),
        VMSTATE_INT64(coalesce_ns, FerryChannel),
        VMSTATE_UINT32(irq_status, FerryChannel),
        VMSTATE_UINT32(irq_enable, FerryChannel),
        VMSTATE_UINT32(irqs, FerryChannel),
        VMSTATE_UINT32(err_status, FerryChannel),
        VMSTATE_UINT32(err_index, FerryChannel),
        VMSTATE_UINT64(err_addr, FerryChannel),
        VMSTATE_UINT32(tail, FerryChannel),
        VMSTATE_UINT32(doorbells, FerryChannel),
        VMSTATE_INT64(eligible_ns, FerryChannel),
        VMSTATE_UINT32(head, FerryChannel),
        VMSTATE_UINT32(errors, FerryChannel),
        VMSTATE_UINT32(quanta, FerryChannel),
        VMSTATE_UINT64(bytes, FerryChannel),
        VMSTATE_BOOL(op.active, FerryChannel),
        VMSTATE_BOOL(op.hung, FerryChannel),
        VMSTATE_BOOL(op.stalled, FerryChannel),
        VMSTATE_UINT8(op.code, FerryChannel),
        VMSTATE_UINT8(op.flags, FerryChannel),
        VMSTATE_UINT32(op.len, FerryChannel),
        VMSTATE_UINT32(op.done, FerryChannel),
        VMSTATE_UINT32(op.paid, FerryChannel),
        VMSTATE_UINT32(op.crc, FerryChannel),
        VMSTATE_UINT64(op.src, FerryChannel),
        VMSTATE_UINT64(op.dst, FerryChannel),
        VMSTATE_UINT64(op.arg, FerryChannel),
        VMSTATE_UINT32(fetched, FerryChannel),
        VMSTATE_UINT32(fetch_pos, FerryChannel),
        VMSTATE_UINT8_2DARRAY(sqe, FerryChannel, FERRY_FETCH, FERRY_SQE_SIZE),
        VMSTATE_END_OF_LIST()
    }
};

const VMStateDescription vmstate_ferry = {
    .name = "ferry",
    .version_id = 2,
    .minimum_version_id = 2,
    .pre_load = ferry_pre_load,
    .post_load = ferry_post_load,
    .fields = (const VMStateField[]) {
        /* The guest has read the capabilities: they can't change. */
        VMSTATE_UINT32_EQUAL(channels, FerryState, "'channels' differs"),
        VMSTATE_UINT32_EQUAL(ports, FerryState, "'ports' differs"),
        VMSTATE_UINT32_EQUAL(num_irqs, FerryState, "'num-irqs' differs"),
        VMSTATE_UINT32_EQUAL(windows, FerryState, "'windows' differs"),
        VMSTATE_UINT8_EQUAL(addr_width, FerryState, "'addr-width' differs"),
        VMSTATE_UINT8_EQUAL(min_order, FerryState, "'min-ring-order' differs"),
        VMSTATE_UINT8_EQUAL(max_order, FerryState, "'max-ring-order' differs"),
        VMSTATE_BOOL(ready, FerryState),
        VMSTATE_INT64(reset_ns, FerryState),
        VMSTATE_UINT32(cursor, FerryState),
        VMSTATE_UINT32(turn_left, FerryState),
        VMSTATE_BOOL(in_quantum, FerryState),
        VMSTATE_INT32(quantum_left, FerryState),
        VMSTATE_INT64(next_ns, FerryState),
        VMSTATE_UINT64(carry, FerryState),
        VMSTATE_STRUCT_VARRAY_POINTER_UINT32(chan, FerryState, channels,
                                             vmstate_ferry_channel,
                                             FerryChannel),
        VMSTATE_END_OF_LIST()
    },
    .subsections = (const VMStateDescription * const []) {
        &vmstate_ferry_ports,
        &vmstate_ferry_fault,
        NULL
    }
};
