/*
 * Ferry DMA controller: the engine
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Serves the channels in weighted round-robin, one quantum at a time: fetch
 * entries, check them, have them executed, write completions. Whoever drives
 * it, a timer or an IOThread, calls ferry_engine_commands() and then
 * ferry_engine_quantum(), and nobody else does at the same time.
 * Commands take effect between quanta, and a quantum ends early when its
 * channel leaves RUNNING, so STOP, WIN_INVALIDATE and RESET wait for 64 KiB at
 * most.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/lockable.h"
#include "qemu/main-loop.h"
#include "qemu/units.h"
#include "ferry-internal.h"
#include "trace.h"

/* Virtual time that a command takes, so that its being busy can be seen */
#define FERRY_COMMAND_NS        1000

int64_t ferry_engine_command_ns(FerryState *s)
{
    if (s->iothread) {
        return 0;
    }
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + FERRY_COMMAND_NS;
}

/* Something may have become due. */
void ferry_engine_wake(FerryState *s)
{
    if (s->iothread) {
        ferry_iothread_wake(s);
    } else {
        ferry_timing_wake(s);
    }
}

static void ferry_engine_halt(FerryChannel *c, uint32_t code, uint32_t index,
                              uint64_t addr)
{
    WITH_QEMU_LOCK_GUARD(&c->ferry->lock) {
        ferry_irq_halt(c, code, index, addr);
    }
    ferry_irq_update(c->ferry);
}

static void ferry_engine_notify(FerryChannel *c)
{
    FerryState *s = c->ferry;
    bool raised;

    if (qatomic_read(&c->armed)) {
        WITH_QEMU_LOCK_GUARD(&s->lock) {
            raised = ferry_irq_eval(c);
        }
        if (raised) {
            ferry_irq_update(s);
        }
    }
}

/*
 * An arm that came with a completion may have missed its HEAD, and the
 * completion the arm. A barrier for each would cost as much as a copy of 4 KiB,
 * so there is one at the end of the quantum.
 */
static void ferry_engine_settle(FerryChannel *c)
{
    if (c->port) {
        ferry_port_settle(c);
    }
    /* Pairs with ferry_chan_arm(): we see the arm or it our HEAD. */
    smp_mb();
    ferry_engine_notify(c);
}

static void ferry_engine_write_cqe(FerryChannel *c, const FerryResult *r,
                                   FerryPiece *piece)
{
    stl_le_p(piece->host + FERRY_CQE_RESULT, r->result);
    stl_le_p(piece->host + FERRY_CQE_LEN, c->op.done);
    stw_le_p(piece->host + FERRY_CQE_STATUS, r->why.code);
    stw_le_p(piece->host + FERRY_CQE_FLAGS, r->flags);
    /*
     * Once it sees seq the owner may look at the rest, and at the data, and
     * may submit into the slot, long before HEAD follows if the host likes.
     */
    qatomic_set(&c->freed, c->head + 1);
    smp_wmb(); /* all of that before seq */
    qatomic_set((uint32_t *)(piece->host + FERRY_CQE_SEQ),
                cpu_to_le32(c->head + 1));
    ferry_dma_dirty(piece, FERRY_CQE_SIZE);
}

/* End the running entry, and write its completion. */
static void ferry_engine_complete(FerryChannel *c, FerryResult *r)
{
    FerryState *s = c->ferry;
    uint32_t index = c->head;
    hwaddr bus = c->cq_base +
                 FERRY_CQE_SIZE * (hwaddr)(index & (ferry_chan_size(c) - 1));
    FerryPiece piece;

    c->op.active = false;
    qatomic_set(&c->op.stalled, false);
    trace_ferry_complete(c->index, index, r->why.code, c->op.done, r->result);
    if (!ferry_dma_map(c, bus, FERRY_CQE_SIZE, FERRY_ACCESS_CQ, &piece) ||
        piece.len < FERRY_CQE_SIZE) {
        ferry_engine_halt(c, FERRY_ERR_CQ_WRITE, index, bus);
        return;
    }
    if (r->why.code) {
        qatomic_set(&c->errors, c->errors + 1);
        if (r->why.code != FERRY_ERR_CANCELLED) {
            QEMU_LOCK_GUARD(&s->lock);
            ferry_irq_latch(c, r->why.code, index, r->why.addr);
        }
    }
    ferry_engine_write_cqe(c, r, &piece);
    qatomic_store_release(&c->head, index + 1);
    ferry_engine_notify(c);
}

/* Copy as many submitted entries as are at hand. The copies are the truth. */
static bool ferry_engine_fetch(FerryChannel *c)
{
    uint32_t slot = c->head & (ferry_chan_size(c) - 1);
    uint32_t count = qatomic_load_acquire(&c->tail) - c->head;
    hwaddr bus = c->sq_base + FERRY_SQE_SIZE * (hwaddr)slot;
    FerryPiece piece;

    count = MIN(MIN(count, FERRY_FETCH), ferry_chan_size(c) - slot);
    if (!ferry_dma_map(c, bus, count * FERRY_SQE_SIZE, FERRY_ACCESS_SQ,
                       &piece) || piece.len < FERRY_SQE_SIZE) {
        ferry_engine_halt(c, FERRY_ERR_SQ_FETCH, c->head, bus);
        return false;
    }
    c->fetched = piece.len / FERRY_SQE_SIZE;
    c->fetch_pos = 0;
    memcpy(c->sqe, piece.host, c->fetched * FERRY_SQE_SIZE);
    return true;
}

/* In the datasheet's order */
static bool ferry_engine_check(FerryChannel *c, const uint8_t *sqe,
                               FerryFailure *why)
{
    FerryOp *op = &c->op;
    const FerryOpInfo *info;

    why->addr = 0;
    if (!ferry_chan_has_op(c, op->code)) {
        why->code = FERRY_ERR_BAD_OP;
        return false;
    }
    info = &ferry_op_info[op->code];
    if ((op->flags & ~info->flags) || lduw_le_p(sqe + FERRY_SQE_RESERVED) ||
        (info->crc && op->arg >> 32)) {
        why->code = FERRY_ERR_BAD_FIELD;
        return false;
    }
    if (op->len > (op->code == FERRY_OP_NOP ? 0 : FERRY_MAX_LEN)) {
        why->code = FERRY_ERR_BAD_LEN;
        return false;
    }
    why->code = FERRY_OK;
    return !op->len ||
           ((!info->src_perm ||
             ferry_window_check(c, op->src, op->len, info->src_perm, why)) &&
            (!info->dst_perm ||
             ferry_window_check(c, op->dst, op->len, info->dst_perm, why)));
}

/* Begin the next entry. False if there is none, or it can't be had. */
static bool ferry_engine_begin(FerryChannel *c)
{
    FerryOp *op = &c->op;
    FerryResult bad = { };
    const uint8_t *sqe;

    if (!ferry_chan_has_work(c)) {
        return false;
    }
    if (c->fetch_pos == c->fetched && !ferry_engine_fetch(c)) {
        return false;
    }
    sqe = c->sqe[c->fetch_pos++];
    c->ferry->quantum_left -= FERRY_COST_ENTRY;

    op->code = sqe[FERRY_SQE_OP];
    op->flags = sqe[FERRY_SQE_FLAGS];
    op->len = ldl_le_p(sqe + FERRY_SQE_LEN);
    op->src = ldq_le_p(sqe + FERRY_SQE_SRC);
    op->dst = ldq_le_p(sqe + FERRY_SQE_DST);
    op->arg = ldq_le_p(sqe + FERRY_SQE_ARG);
    op->done = 0;
    trace_ferry_begin(c->index, c->head, op->code, op->len, op->src, op->dst);
    if (!ferry_engine_check(c, sqe, &bad.why)) {
        ferry_engine_complete(c, &bad);
        return true;
    }
    ferry_op_begin(c);
    op->hung = ferry_fault(c, FERRY_FAULT_HANG, -1);
    return true;
}

/* Serve a channel for a quantum. False if the quantum has to wait. */
static bool ferry_engine_run(FerryChannel *c)
{
    while (c->ferry->quantum_left > 0 &&
           qatomic_read(&c->state) == FERRY_STATE_RUNNING) {
        FerryResult r = { };

        if (!c->op.active && !ferry_engine_begin(c)) {
            break;
        }
        if (!c->op.active) {
            continue;
        }
        if (c->op.hung) {
            break;
        }
        switch (ferry_op_step(c, &r)) {
        case FERRY_STEP_AGAIN:
            break;
        case FERRY_STEP_WAIT:
            return false;
        case FERRY_STEP_STALL:
            return true;
        case FERRY_STEP_DONE:
            ferry_engine_complete(c, &r);
            break;
        }
    }
    return true;
}

static bool ferry_engine_has_work(FerryChannel *c, int64_t now)
{
    return ferry_chan_has_work(c) && !c->op.hung && c->eligible_ns <= now &&
           (!c->op.stalled || ferry_port_ready(c));
}

/* Whose turn it is: the one before goes on while it has quanta and work. */
static FerryChannel *ferry_engine_pick(FerryState *s, int64_t now)
{
    FerryChannel *c = &s->chan[s->cursor];
    uint32_t i;

    if (ferry_engine_has_work(c, now) && (s->in_quantum || s->turn_left)) {
        return c;
    }
    s->in_quantum = false;
    s->turn_left = 0;
    for (i = 1; i <= s->channels; i++) {
        c = &s->chan[(s->cursor + i) % s->channels];
        if (ferry_engine_has_work(c, now)) {
            s->cursor = c->index;
            s->turn_left = qatomic_read(&c->weight);
            return c;
        }
    }
    return NULL;
}

/* Serve one quantum, or what is left of one. False if there is no work. */
bool ferry_engine_quantum(FerryState *s, int64_t now)
{
    FerryChannel *c;

    if (!qatomic_read(&s->ready)) {
        return false;
    }
    c = ferry_engine_pick(s, now);
    if (!c) {
        return false;
    }
    if (!s->in_quantum) {
        s->in_quantum = true;
        s->turn_left--;
        s->quantum_left = FERRY_QUANTUM;
        qatomic_set(&c->quanta, c->quanta + 1);
    }
    if (ferry_engine_run(c)) {
        ferry_engine_settle(c);
        s->in_quantum = false;
        if (!ferry_engine_has_work(c, now)) {
            s->turn_left = 0;
        }
    }
    return true;
}

/* End the running entry before its time. */
static void ferry_engine_cancel(FerryChannel *c, uint8_t code, uint64_t addr)
{
    FerryResult r = { .why = { .code = code, .addr = addr } };

    ferry_timing_abandon(c);
    c->op.hung = false;
    if (qatomic_read(&c->state) == FERRY_STATE_RUNNING ||
        qatomic_read(&c->state) == FERRY_STATE_STOPPING) {
        ferry_engine_complete(c, &r);
        ferry_engine_settle(c);
    } else {
        c->op.active = false;
        qatomic_set(&c->op.stalled, false);
    }
}

static void ferry_engine_invalidate(FerryChannel *c, uint32_t inval)
{
    if (c->op.active && ferry_op_uses(c, inval)) {
        const FerryOpInfo *info = &ferry_op_info[c->op.code];
        uint32_t window = ferry_get(inval, FERRY_CHAN_WIN_INVALIDATE_ROW);
        bool src = info->src_perm &&
                   ((inval & FERRY_CHAN_WIN_INVALIDATE_ALL) ||
                    c->op.src >> FERRY_ADDR_WINDOW_SHIFT == window);

        ferry_engine_cancel(c, c->op.stalled ? FERRY_ERR_CANCELLED
                                             : FERRY_ERR_WINDOW_REVOKED,
                            src ? c->op.src : c->op.dst);
    }
    WITH_QEMU_LOCK_GUARD(&c->ferry->lock) {
        ferry_window_forget(c, inval);
        c->cmd_ns[FERRY_CMD_INVALIDATE] = FERRY_NONE;
    }
}

static void ferry_engine_stop(FerryChannel *c)
{
    if (c->op.active) {
        ferry_engine_cancel(c, FERRY_ERR_CANCELLED, 0);
    }
    c->fetched = 0;
    c->fetch_pos = 0;
    WITH_QEMU_LOCK_GUARD(&c->ferry->lock) {
        c->cmd_ns[FERRY_CMD_STOP] = FERRY_NONE;
        if (c->state == FERRY_STATE_STOPPING) {
            qatomic_set(&c->state, FERRY_STATE_IDLE);
        }
    }
}

static void ferry_engine_command(FerryChannel *c, int64_t now)
{
    FerryState *s = c->ferry;
    uint32_t due = 0, inval;
    int i;

    WITH_QEMU_LOCK_GUARD(&s->lock) {
        for (i = 0; i < FERRY_CMDS; i++) {
            if (c->cmd_ns[i] != FERRY_NONE && c->cmd_ns[i] <= now) {
                due |= BIT(i);
            }
        }
        inval = c->inval;
    }
    if (due & BIT(FERRY_CMD_RESET)) {
        if (c->op.active) {
            ferry_engine_cancel(c, FERRY_OK, 0);
        }
        ferry_chan_reset(c);
        return;
    }
    if (due & BIT(FERRY_CMD_INVALIDATE)) {
        ferry_engine_invalidate(c, inval);
    }
    if (due & BIT(FERRY_CMD_STOP)) {
        ferry_engine_stop(c);
    }
}

/* Carry out the commands that are due. */
void ferry_engine_commands(FerryState *s, int64_t now)
{
    uint64_t commanded = 0;
    bool reset;
    unsigned i;
    int j;

    ferry_dma_refresh(s);
    WITH_QEMU_LOCK_GUARD(&s->lock) {
        reset = s->reset_ns != FERRY_NONE && s->reset_ns <= now;
        if (s->ready) {
            commanded = s->commanded;
        }
    }
    if (reset) {
        /* It concerns the backends, too, and is for who gave it to do. */
        if (bql_locked()) {
            ferry_reset(s);
        }
        return;
    }
    if (!commanded) {
        return;
    }
    for (i = 0; commanded; i++, commanded >>= 1) {
        if (commanded & 1) {
            ferry_engine_command(&s->chan[i], now);
        }
    }

    /* What is still to come, or has come meanwhile, stays marked. */
    WITH_QEMU_LOCK_GUARD(&s->lock) {
        s->commanded = 0;
        for (i = 0; i < s->channels; i++) {
            for (j = 0; j < FERRY_CMDS; j++) {
                if (s->chan[i].cmd_ns[j] != FERRY_NONE) {
                    s->commanded |= BIT_ULL(i);
                }
            }
        }
    }
}

/* With the BQL: when there is something to do next; FERRY_STUCK if never */
int64_t ferry_engine_next(FerryState *s)
{
    int64_t next = FERRY_STUCK;
    FerryChannel *c;
    int j;

    if (s->map_seen != s->map_gen) {
        return 0;
    }
    if (s->reset_ns != FERRY_NONE) {
        return s->reset_ns;
    }
    for (c = s->chan; c < s->chan + s->channels; c++) {
        for (j = 0; j < FERRY_CMDS; j++) {
            if (c->cmd_ns[j] != FERRY_NONE) {
                next = MIN(next, c->cmd_ns[j]);
            }
        }
        if (ferry_engine_has_work(c, FERRY_STUCK)) {
            next = MIN(next, MAX(s->next_ns, c->eligible_ns));
        }
    }
    return next;
}
