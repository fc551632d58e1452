/*
 * Ferry DMA controller: executing operations
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * An entry is executed in pieces that are contiguous in host memory on both
 * sides. Between two of them everything that is known of its progress is in
 * FerryOp, so that it can be suspended, cancelled or migrated there.
 *
 * A COPY onto a later part of its own source runs from the end. Its CRC then
 * grows at the front: op.crc is that of the bytes done by themselves, and is
 * joined to what goes before by combining.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "ferry-crc32c.h"
#include "ferry-internal.h"
#include "trace.h"

/* The least page, and so what is contiguous in every window and on the bus */
#define FERRY_BACK_BYTES        4096

const FerryOpInfo ferry_op_info[] = {
    [FERRY_OP_NOP] = { },
    [FERRY_OP_COPY] = { .src_perm = FERRY_ROW_FLAGS_READ,
                        .dst_perm = FERRY_ROW_FLAGS_WRITE },
    [FERRY_OP_FILL] = { .dst_perm = FERRY_ROW_FLAGS_WRITE },
    [FERRY_OP_CRC32C] = { .src_perm = FERRY_ROW_FLAGS_READ, .crc = true },
    [FERRY_OP_COPY_CRC32C] = { .src_perm = FERRY_ROW_FLAGS_READ,
                               .dst_perm = FERRY_ROW_FLAGS_WRITE,
                               .crc = true },
    [FERRY_OP_COMPARE] = { .src_perm = FERRY_ROW_FLAGS_READ,
                           .dst_perm = FERRY_ROW_FLAGS_READ },
    [FERRY_OP_SEND] = { .src_perm = FERRY_ROW_FLAGS_READ,
                        .flags = FERRY_SQE_EOP },
    [FERRY_OP_RECV] = { .dst_perm = FERRY_ROW_FLAGS_WRITE },
};

/* Whether it has to run from the end, for dst to get what src held before */
static bool ferry_op_backward(FerryChannel *c)
{
    FerryOp *op = &c->op;
    bool one = (c->config & FERRY_CHAN_CONFIG_BYPASS) ||
               op->src >> FERRY_ADDR_WINDOW_SHIFT ==
               op->dst >> FERRY_ADDR_WINDOW_SHIFT;

    return (op->code == FERRY_OP_COPY || op->code == FERRY_OP_COPY_CRC32C) &&
           one && op->dst > op->src && op->dst - op->src < op->len;
}

/* Whether a running entry needs a row that is being invalidated */
bool ferry_op_uses(FerryChannel *c, uint32_t inval)
{
    const FerryOpInfo *info = &ferry_op_info[c->op.code];
    uint32_t window = ferry_get(inval, FERRY_CHAN_WIN_INVALIDATE_ROW);

    if (c->config & FERRY_CHAN_CONFIG_BYPASS) {
        return false;
    }
    return (inval & FERRY_CHAN_WIN_INVALIDATE_ALL) ||
           (info->src_perm && c->op.src >> FERRY_ADDR_WINDOW_SHIFT == window) ||
           (info->dst_perm && c->op.dst >> FERRY_ADDR_WINDOW_SHIFT == window);
}

/* Byte k of dst is byte k mod 8 of the pattern. */
static void ferry_fill(uint8_t *host, uint32_t len, uint64_t pattern,
                       uint32_t k)
{
    uint8_t raw[8];

    pattern = ror64(pattern, 8 * (k % 8));
    for (; len >= sizeof(pattern); len -= sizeof(pattern)) {
        stq_le_p(host, pattern);
        host += sizeof(pattern);
    }
    stq_le_p(raw, pattern);
    memcpy(host, raw, len);
}

static uint32_t ferry_equal(const uint8_t *a, const uint8_t *b, uint32_t len)
{
    uint32_t k = 0;

    if (memcmp(a, b, len) == 0) {
        return len;
    }
    /* It is the guest's memory: there may be no difference any more. */
    while (k < len && a[k] == b[k]) {
        k++;
    }
    return k;
}

/*
 * Map the next piece of both operands, the last byte of it where it runs from
 * the end. All tables are read first, since a piece is only good together with
 * the one that was mapped right before it. Returns its length; 0 on failure,
 * or if the tables have used up the quantum: they are cached by now.
 */
static uint32_t ferry_op_map(FerryChannel *c, bool back, FerryPiece *src,
                             FerryPiece *dst, FerryFailure *why)
{
    FerryOp *op = &c->op;
    const FerryOpInfo *info = &ferry_op_info[op->code];
    uint32_t off = back ? op->len - op->done - 1 : op->done;
    uint32_t len = back ? 1 : op->paid;
    FerryAccess dst_kind = info->dst_perm == FERRY_ROW_FLAGS_WRITE
                           ? FERRY_ACCESS_WRITE : FERRY_ACCESS_READ;
    hwaddr src_bus, dst_bus;

    if ((info->src_perm &&
         !ferry_window_translate(c, op->src, off, info->src_perm, &len,
                                 &src_bus, why)) ||
        (info->dst_perm &&
         !ferry_window_translate(c, op->dst, off, info->dst_perm, &len,
                                 &dst_bus, why))) {
        return 0;
    }
    if (c->ferry->quantum_left <= 0) {
        return 0;
    }
    len = MIN(len, ROUND_UP(c->ferry->quantum_left, FERRY_CHUNK));
    why->code = FERRY_ERR_DMA_ABORT;
    if (info->src_perm) {
        why->addr = src_bus;
        if (!ferry_dma_map(c, src_bus, len, FERRY_ACCESS_READ, src)) {
            return 0;
        }
        len = src->len;
    }
    if (info->dst_perm) {
        why->addr = dst_bus;
        if (!ferry_dma_map(c, dst_bus, len, dst_kind, dst)) {
            return 0;
        }
        len = dst->len;
    }
    why->code = FERRY_OK;
    why->addr = 0;
    return len;
}

/* How much is contiguous up to the last byte of a piece */
static uint32_t ferry_piece_room(const FerryPiece *piece)
{
    return 1 + MIN(piece->bus % FERRY_BACK_BYTES,
                   piece->bus - piece->seg->base);
}

/* Widen a piece from its last byte to what is before it. */
static void ferry_piece_widen(FerryPiece *piece, uint32_t len)
{
    piece->bus -= len - 1;
    piece->host -= len - 1;
}

static void ferry_op_advance(FerryChannel *c, uint32_t len)
{
    c->op.done += len;
    c->op.paid -= len;
    c->ferry->quantum_left -= len;
    qatomic_set_u64(&c->bytes, c->bytes + len);
}

/* Move one piece; false if the operation is over. */
static bool ferry_op_piece(FerryChannel *c, FerryResult *r)
{
    FerryOp *op = &c->op;
    bool back = ferry_op_backward(c);
    FerryPiece src, dst;
    uint32_t len = ferry_op_map(c, back, &src, &dst, &r->why);
    uint32_t equal;

    if (!len) {
        return r->why.code == FERRY_OK;
    }
    if (op->code == FERRY_OP_COPY_CRC32C) {
        /* The move finds in the cache what the CRC has read. */
        len = MIN(len, FERRY_CHUNK);
    }
    if (back) {
        len = MIN(op->paid, MIN(ferry_piece_room(&src),
                                ferry_piece_room(&dst)));
        ferry_piece_widen(&src, len);
        ferry_piece_widen(&dst, len);
    }

    switch (op->code) {
    case FERRY_OP_FILL:
        ferry_fill(dst.host, len, op->arg, op->done);
        ferry_dma_dirty(&dst, len);
        break;
    case FERRY_OP_COMPARE:
        equal = ferry_equal(src.host, dst.host, len);
        ferry_op_advance(c, equal);
        if (equal < len) {
            r->flags = FERRY_CQE_MISMATCH;
            r->result = dst.host[equal] << 8 | src.host[equal];
            return false;
        }
        return true;
    case FERRY_OP_CRC32C:
    case FERRY_OP_COPY_CRC32C:
        /* Before the move, which may write over the source */
        if (back) {
            op->crc = ferry_crc32c_combine(ferry_crc32c(0, src.host, len),
                                           op->crc, op->done);
        } else {
            op->crc = ferry_crc32c(op->crc, src.host, len);
        }
        if (op->code == FERRY_OP_CRC32C) {
            break;
        }
        /* fall through */
    case FERRY_OP_COPY:
        memmove(dst.host, src.host, len);
        ferry_dma_dirty(&dst, len);
        break;
    case FERRY_OP_SEND:
        ferry_port_put(c->port, src.host, len);
        break;
    case FERRY_OP_RECV:
        ferry_port_take(c->port, dst.host, len);
        ferry_dma_dirty(&dst, len);
        break;
    }
    ferry_op_advance(c, len);
    return true;
}

void ferry_op_begin(FerryChannel *c)
{
    c->op.active = true;
    c->op.hung = false;
    c->op.done = 0;
    c->op.paid = 0;
    c->op.crc = ferry_op_backward(c) ? 0 : c->op.arg;
}

/*
 * Move a chunk of at most @limit bytes; as many chunks as go into the quantum,
 * if none has to wait for its time.
 */
static FerryStep ferry_op_move(FerryChannel *c, uint32_t limit, FerryResult *r)
{
    FerryState *s = c->ferry;
    FerryOp *op = &c->op;
    uint32_t most = s->bandwidth ? FERRY_CHUNK
                                 : ROUND_UP(s->quantum_left, FERRY_CHUNK);

    /* There can be less than before: a flush takes away what was to move. */
    op->paid = MIN(op->paid, limit);
    if (!op->paid && limit) {
        op->paid = MIN(most, limit);
        if (!ferry_timing_pay(s, op->paid)) {
            return FERRY_STEP_WAIT;
        }
    }
    while (op->paid && s->quantum_left > 0) {
        if (!ferry_op_piece(c, r)) {
            return FERRY_STEP_DONE;
        }
    }
    return op->done < op->len ? FERRY_STEP_AGAIN : FERRY_STEP_DONE;
}

static FerryStep ferry_op_stall(FerryChannel *c)
{
    c->op.paid = 0;
    if (!c->op.stalled) {
        trace_ferry_stall(c->index, c->head, c->op.done);
        qatomic_set(&c->op.stalled, true);
    }
    return FERRY_STEP_STALL;
}

static FerryStep ferry_op_send(FerryChannel *c, FerryResult *r)
{
    FerryOp *op = &c->op;
    bool end = op->flags & FERRY_SQE_EOP;
    uint32_t room = ferry_port_room(c->port);
    FerryStep step;

    if (!room && (op->len || end)) {
        return ferry_op_stall(c);
    }
    qatomic_set(&op->stalled, false);
    step = ferry_op_move(c, MIN(room, op->len - op->done), r);
    ferry_port_push(c->port, end && op->done == op->len);
    return step;
}

static FerryStep ferry_op_recv(FerryChannel *c, FerryResult *r)
{
    FerryOp *op = &c->op;
    FerryPort *p = c->port;
    uint32_t avail;

    if (!op->len) {
        return FERRY_STEP_DONE;
    }
    qatomic_set(&p->idle_changed, false);
    for (;;) {
        FerryPeek peek = ferry_port_peek(p, &avail);
        FerryStep step;

        switch (peek) {
        case FERRY_PEEK_DATA:
            break;
        case FERRY_PEEK_EMPTY:
            if (!op->done || !ferry_port_idle(p)) {
                return ferry_op_stall(c);
            }
            r->flags = FERRY_CQE_IDLE;
            return FERRY_STEP_DONE;
        case FERRY_PEEK_END:
            ferry_port_end(p);
            r->flags = FERRY_CQE_EOP;
            return FERRY_STEP_DONE;
        case FERRY_PEEK_HUP:
            ferry_port_hup(p);
            r->flags = FERRY_CQE_HUP;
            return FERRY_STEP_DONE;
        case FERRY_PEEK_BUSY:
            qatomic_set(&op->stalled, false);
            return FERRY_STEP_AGAIN;
        }
        qatomic_set(&op->stalled, false);
        step = ferry_op_move(c, MIN(avail, op->len - op->done), r);
        if (op->done == op->len) {
            r->flags = ferry_port_end(p) ? FERRY_CQE_EOP : 0;
        }
        if (step != FERRY_STEP_AGAIN || c->ferry->quantum_left <= 0) {
            return step;
        }
    }
}

/* Execute what goes into the quantum of the running entry. */
FerryStep ferry_op_step(FerryChannel *c, FerryResult *r)
{
    FerryOp *op = &c->op;
    FerryStep step;

    if (op->code == FERRY_OP_SEND) {
        return ferry_op_send(c, r);
    }
    if (op->code == FERRY_OP_RECV) {
        return ferry_op_recv(c, r);
    }
    step = ferry_op_move(c, op->len - op->done, r);
    if (step != FERRY_STEP_DONE || op->done < op->len) {
        return step;
    }
    if (ferry_op_info[op->code].crc) {
        r->result = ferry_op_backward(c)
                    ? ferry_crc32c_combine(op->arg, op->crc, op->len)
                    : op->crc;
    }
    return FERRY_STEP_DONE;
}
