/*
 * Ferry DMA controller: the engine's end of a port
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What SENDs put into a FIFO and RECVs take out of one. With frames, the bytes
 * that one step of a SEND has put become a frame when they are pushed: a frame
 * in a FIFO is always whole, unless it came from the backend.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "ferry-internal.h"
#include "trace.h"

/* Cost units of a frame, which may be empty */
#define FERRY_COST_FRAME        64

/* A SEND that waits for room, and a backend for which there was none */
#define FERRY_TX_BATCH          (FERRY_FIFO / 4)
#define FERRY_RX_BATCH          (FERRY_FIFO / 4)

/* Copy to where there is room, or from where there is something. */
void ferry_fifo_write(FerryFifo *f, uint32_t pos, const void *data,
                      uint32_t len)
{
    uint32_t at = pos % FERRY_FIFO;
    uint32_t first = MIN(len, FERRY_FIFO - at);

    memcpy(f->buf + at, data, first);
    memcpy(f->buf, data + first, len - first);
}

void ferry_fifo_read(FerryFifo *f, uint32_t pos, void *data, uint32_t len)
{
    uint32_t at = pos % FERRY_FIFO;
    uint32_t first = MIN(len, FERRY_FIFO - at);

    memcpy(data, f->buf + at, first);
    memcpy(data + first, f->buf, len - first);
}

uint32_t ferry_fifo_word(FerryFifo *f, uint32_t pos)
{
    uint8_t raw[FERRY_FRAME_SIZE];

    ferry_fifo_read(f, pos, raw, sizeof(raw));
    return ldl_le_p(raw);
}

static FerryFifo *ferry_port_out(FerryPort *p)
{
    return p->loopback ? &p->rx : &p->tx;
}

static uint32_t ferry_port_overhead(FerryPort *p)
{
    return p->packets ? FERRY_FRAME_SIZE : 0;
}

/*
 * How many bytes a SEND can put; if there are any, also an end by itself. Room
 * for an empty frame is left, for ferry_port_flush_tx().
 */
uint32_t ferry_port_room(FerryPort *p)
{
    uint32_t room = ferry_fifo_room(ferry_port_out(p));
    uint32_t overhead = 2 * ferry_port_overhead(p);

    return room > overhead ? room - overhead : 0;
}

void ferry_port_put(FerryPort *p, const void *data, uint32_t len)
{
    FerryFifo *f = ferry_port_out(p);

    ferry_fifo_write(f, f->head + ferry_port_overhead(p) + p->put, data, len);
    p->put += len;
}

static void ferry_port_push_frame(FerryPort *p, bool end)
{
    FerryFifo *f = ferry_port_out(p);
    uint8_t raw[FERRY_FRAME_SIZE];

    stl_le_p(raw, p->put | (end ? 0 : FERRY_FRAME_MORE));
    ferry_fifo_write(f, f->head, raw, sizeof(raw));
    ferry_fifo_push(f, sizeof(raw) + p->put);
}

/* Make visible what was put, and that the packet ends there. */
void ferry_port_push(FerryPort *p, bool end)
{
    if (p->packets && (p->put || end)) {
        ferry_port_push_frame(p, end);
    } else {
        ferry_fifo_push(ferry_port_out(p), p->put);
    }
    qatomic_set_u64(&p->tx_bytes, p->tx_bytes + p->put);
    qatomic_set(&p->tx_packets, p->tx_packets + end);
    p->put = 0;
}

static void ferry_port_begin_frame(FerryPort *p)
{
    uint32_t word = ferry_fifo_word(&p->rx, p->rx.tail);

    trace_ferry_port_frame(p->index, word);
    ferry_fifo_skip(&p->rx, FERRY_FRAME_SIZE);
    p->rx_left = word & FERRY_FRAME_BYTES;
    p->rx_more = word & FERRY_FRAME_MORE;
    p->rx_end = !p->rx_more;
}

/* Where a packet is dropped, its end is what is dropped last. */
static void ferry_port_drop(FerryPort *p)
{
    uint32_t len = MIN(p->rx_left, ferry_fifo_used(&p->rx));

    ferry_fifo_skip(&p->rx, len);
    p->rx_left -= len;
    if (!p->rx_left && p->rx_end) {
        p->rx_end = false;
        p->rx_drop = false;
    }
}

/* What comes next, and how many bytes if it is data */
FerryPeek ferry_port_peek(FerryPort *p, uint32_t *len)
{
    for (;;) {
        /* Once this is set, nothing is added to what is in the FIFO. */
        bool hup = qatomic_load_acquire(&p->rx_hup);
        uint32_t used = ferry_fifo_used(&p->rx);

        if (p->rx_drop) {
            ferry_port_drop(p);
            used = ferry_fifo_used(&p->rx);
        }
        if (p->packets && !p->rx_left) {
            if (p->rx_end) {
                return FERRY_PEEK_END;
            }
            if (used < FERRY_FRAME_SIZE) {
                return hup ? FERRY_PEEK_HUP : FERRY_PEEK_EMPTY;
            }
            if (p->ferry->quantum_left <= 0) {
                return FERRY_PEEK_BUSY;
            }
            p->ferry->quantum_left -= FERRY_COST_FRAME;
            ferry_port_begin_frame(p);
            continue;
        }
        if (!used) {
            return hup ? FERRY_PEEK_HUP : FERRY_PEEK_EMPTY;
        }
        if (p->rx_drop) {
            continue;
        }
        *len = p->packets ? MIN(used, p->rx_left) : used;
        return FERRY_PEEK_DATA;
    }
}

void ferry_port_take(FerryPort *p, void *data, uint32_t len)
{
    ferry_fifo_read(&p->rx, p->rx.tail, data, len);
    ferry_fifo_skip(&p->rx, len);
    if (p->packets) {
        p->rx_left -= len;
    }
    p->rx_moved = true;
    qatomic_set_u64(&p->rx_bytes, p->rx_bytes + len);
}

/* Whether the packet ends here; the RECV that is told so tells its owner. */
bool ferry_port_end(FerryPort *p)
{
    if (p->rx_left || !p->rx_end) {
        return false;
    }
    p->rx_end = false;
    qatomic_set(&p->rx_packets, p->rx_packets + 1);
    return true;
}

static void ferry_port_forget(FerryPort *p)
{
    p->rx_left = 0;
    p->rx_more = false;
    p->rx_end = false;
    p->rx_drop = false;
}

/* A RECV has got to where the backend has closed: the next one may begin. */
void ferry_port_hup(FerryPort *p)
{
    ferry_fifo_skip(&p->rx, ferry_fifo_used(&p->rx));
    ferry_port_forget(p);
    qatomic_store_release(&p->rx_hup, false);
    ferry_port_kick(p);
}

/* When a RECV that has found nothing more has waited long enough */
static int64_t ferry_port_idle_end(FerryPort *p)
{
    uint32_t idle = qatomic_read(&p->idle);

    if (idle & FERRY_PORT_IDLE_NEVER) {
        return FERRY_STUCK;
    }
    return p->last_ns +
           ferry_get(idle, FERRY_PORT_IDLE_TIME_US) * (int64_t)SCALE_US;
}

/*
 * Whether a RECV that has found nothing more has waited long enough. If not it
 * is looked at again when it has, or when PORT_IDLE changes.
 */
bool ferry_port_idle(FerryPort *p)
{
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    int64_t end;

    if (p->rx_moved) {
        p->rx_moved = false;
        p->last_ns = now;
    }
    end = ferry_port_idle_end(p);
    if (now < end && end != FERRY_STUCK) {
        /* If it is set for an earlier time, it is looked at again then. */
        timer_mod_anticipate_ns(p->idle_timer, end);
    }
    return now >= end;
}

static bool ferry_port_rx_ready(FerryChannel *c)
{
    FerryPort *p = c->port;
    uint32_t least = p->packets && !p->rx_left ? FERRY_FRAME_SIZE : 1;

    if (qatomic_read(&p->rx_hup) || qatomic_read(&p->idle_changed) ||
        ferry_fifo_used(&p->rx) >= least) {
        return true;
    }
    return c->op.done &&
           qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) >= ferry_port_idle_end(p);
}

/* Whether an entry that waits for its port can go on */
bool ferry_port_ready(FerryChannel *c)
{
    uint32_t left = c->op.len - c->op.done;

    if (c->rx) {
        return ferry_port_rx_ready(c);
    }
    return ferry_port_room(c->port) >= MAX(1, MIN(left, FERRY_TX_BATCH));
}

/* After a quantum: tell the backend's end of what concerns it. */
void ferry_port_settle(FerryChannel *c)
{
    FerryPort *p = c->port;

    if (p->loopback) {
        return;
    }
    if (!c->rx) {
        if (ferry_fifo_used(&p->tx)) {
            ferry_port_kick(p);
        }
        return;
    }
    /* Pairs with ferry_port_can_read(): we see the flag or it the room. */
    smp_mb();
    if (qatomic_read(&p->rx_blocked) &&
        ferry_fifo_room(&p->rx) >= FERRY_RX_BATCH) {
        ferry_port_kick(p);
    }
}

/*
 * Drop what the backend has not begun to take. It gets the rest of a frame of
 * which it has a part, and an end to a packet.
 */
static void ferry_port_flush_tx(FerryPort *p)
{
    uint32_t keep = MIN(p->tx_left, ferry_fifo_used(&p->tx));

    if (p->tx_drop) {
        /* Of this packet it gets nothing more. */
        keep = 0;
        p->tx_left = 0;
        p->tx_more = false;
        p->tx_drop = false;
    }
    qatomic_set(&p->tx.head, p->tx.tail + keep);
    if (p->tx_more) {
        ferry_port_push_frame(p, true);
    }
}

/*
 * Drop what has come. Of a packet that has only come in part, the rest is
 * dropped when it comes.
 */
static void ferry_port_flush_rx(FerryPort *p)
{
    if (p->packets && !qatomic_read(&p->rx_hup) && !p->loopback) {
        for (;;) {
            uint32_t len = MIN(p->rx_left, ferry_fifo_used(&p->rx));

            ferry_fifo_skip(&p->rx, len);
            p->rx_left -= len;
            if (ferry_fifo_used(&p->rx) < FERRY_FRAME_SIZE) {
                break;
            }
            ferry_port_begin_frame(p);
        }
        p->rx_drop = p->rx_left || p->rx_more;
        p->rx_end &= p->rx_left != 0;
    } else {
        ferry_fifo_skip(&p->rx, ferry_fifo_used(&p->rx));
        ferry_port_forget(p);
    }
    qatomic_set(&p->rx_hup, false);
}

/* With the BQL and the engine at rest */
void ferry_port_flush(FerryPort *p, bool tx, bool rx)
{
    trace_ferry_port_flush(p->index, tx, rx);
    if (tx && !p->loopback) {
        ferry_port_flush_tx(p);
    }
    if (rx || p->loopback) {
        ferry_port_flush_rx(p);
    }
    if (!p->loopback) {
        ferry_port_kick(p);
    }
}

/* Likewise */
void ferry_port_reset(FerryPort *p)
{
    ferry_port_flush(p, true, true);
    timer_del(p->idle_timer);
    qatomic_set(&p->idle, 0);
    qatomic_set(&p->idle_changed, false);
    p->rx_moved = false;
    p->last_ns = 0;
    qatomic_set_u64(&p->tx_bytes, 0);
    qatomic_set_u64(&p->rx_bytes, 0);
    qatomic_set(&p->tx_packets, 0);
    qatomic_set(&p->rx_packets, 0);
    qatomic_set(&p->hangups, 0);
    qatomic_set(&p->tx_dropped, 0);
}
