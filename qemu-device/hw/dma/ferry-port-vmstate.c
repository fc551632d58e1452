/*
 * Ferry DMA controller: migration of ports
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The backend of the destination goes on where that of the source was, amid a
 * frame or a packet if need be. Whether it is open is its own affair: the guest
 * is told of a difference when it runs.
 */

#include "qemu/osdep.h"
#include "migration/vmstate.h"
#include "ferry-internal.h"

/* With the engine at rest: put the bytes to where a stream has them. */
static void ferry_fifo_save(FerryFifo *f)
{
    uint8_t *buf;

    f->saved = ferry_fifo_used(f);
    if (f->saved) {
        buf = g_malloc(FERRY_FIFO);
        ferry_fifo_read(f, f->tail, buf, f->saved);
        memcpy(f->buf, buf, f->saved);
        g_free(buf);
    }
    f->tail = 0;
    f->head = f->saved;
}

static void ferry_fifo_clear(FerryFifo *f)
{
    f->saved = 0;
    f->head = 0;
    f->tail = 0;
}

static int ferry_port_pre_save(void *opaque)
{
    FerryPort *p = opaque;

    ferry_fifo_save(&p->tx);
    ferry_fifo_save(&p->rx);
    return 0;
}

static int ferry_port_pre_load(void *opaque)
{
    FerryPort *p = opaque;

    ferry_fifo_clear(&p->tx);
    ferry_fifo_clear(&p->rx);
    return 0;
}

/* Before as many bytes are loaded into the FIFOs, which are still empty then */
static bool ferry_port_saved_is_valid(void *opaque, int version_id)
{
    FerryPort *p = opaque;

    return p->rx.saved <= FERRY_FIFO && p->tx.saved <= FERRY_FIFO &&
           (!p->tx.saved || p->tx.buf);
}

/* What SENDs have put is whole frames, but for the one that is being taken. */
static bool ferry_port_frames_are_whole(FerryPort *p)
{
    uint64_t pos = p->tx_left;

    if (p->tx.saved > FERRY_FIFO - FERRY_FRAME_SIZE) {
        return false;
    }
    while (pos + FERRY_FRAME_SIZE <= p->tx.saved) {
        pos += FERRY_FRAME_SIZE +
               (ferry_fifo_word(&p->tx, pos) & FERRY_FRAME_BYTES);
    }
    return pos == p->tx.saved;
}

static bool ferry_port_is_valid(FerryPort *p)
{
    if (!p->packets) {
        return !p->rx_left && !p->rx_more && !p->rx_end && !p->rx_drop &&
               !p->tx_left && !p->tx_more && !p->tx_drop;
    }
    return p->rx_left <= FERRY_FRAME_BYTES &&
           (!p->loopback || (!p->rx_drop && !p->rx_hup)) &&
           ferry_port_frames_are_whole(p);
}

static int ferry_port_post_load(void *opaque, int version_id)
{
    FerryPort *p = opaque;

    if (!ferry_port_is_valid(p) || p->last_ns < 0 ||
        p->last_ns > FERRY_MAX_TIME ||
        (p->idle & ~(FERRY_PORT_IDLE_TIME_US | FERRY_PORT_IDLE_NEVER))) {
        p->tx_left = 0;
        return ferry_reject(p->ferry);
    }
    p->tx.head = p->tx.saved;
    p->rx.head = p->rx.saved;
    p->put = 0;
    /* A RECV that waits sets its timer again. */
    p->idle_changed = true;
    return 0;
}

static const VMStateDescription vmstate_ferry_port = {
    .name = "ferry/port",
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_save = ferry_port_pre_save,
    .pre_load = ferry_port_pre_load,
    .post_load = ferry_port_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8_EQUAL(fixed, FerryPort, "a port's framing differs, or "
                            "whether it has a backend"),
        VMSTATE_UINT32(tx.saved, FerryPort),
        VMSTATE_UINT32(rx.saved, FerryPort),
        VMSTATE_VALIDATE("FIFOs are not larger than they are",
                         ferry_port_saved_is_valid),
        VMSTATE_VBUFFER_UINT32(tx.buf, FerryPort, 0, NULL, tx.saved),
        VMSTATE_VBUFFER_UINT32(rx.buf, FerryPort, 0, NULL, rx.saved),
        VMSTATE_UINT32(rx_left, FerryPort),
        VMSTATE_BOOL(rx_more, FerryPort),
        VMSTATE_BOOL(rx_end, FerryPort),
        VMSTATE_BOOL(rx_drop, FerryPort),
        VMSTATE_BOOL(rx_moved, FerryPort),
        VMSTATE_BOOL(rx_hup, FerryPort),
        VMSTATE_INT64(last_ns, FerryPort),
        VMSTATE_UINT64(tx_bytes, FerryPort),
        VMSTATE_UINT64(rx_bytes, FerryPort),
        VMSTATE_UINT32(tx_packets, FerryPort),
        VMSTATE_UINT32(rx_packets, FerryPort),
        VMSTATE_UINT32(idle, FerryPort),
        VMSTATE_BOOL(connected, FerryPort),
        VMSTATE_BOOL(closed, FerryPort),
        VMSTATE_UINT32(hangups, FerryPort),
        VMSTATE_UINT32(tx_left, FerryPort),
        VMSTATE_BOOL(tx_more, FerryPort),
        VMSTATE_BOOL(tx_drop, FerryPort),
        VMSTATE_UINT32(tx_dropped, FerryPort),
        VMSTATE_END_OF_LIST()
    }
};

static bool ferry_ports_needed(void *opaque)
{
    FerryState *s = opaque;

    return s->ports;
}

const VMStateDescription vmstate_ferry_ports = {
    .name = "ferry/ports",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = ferry_ports_needed,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT_VARRAY_UINT32(port, FerryState, ports, 1,
                                     vmstate_ferry_port, FerryPort),
        VMSTATE_END_OF_LIST()
    }
};
