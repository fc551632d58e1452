/*
 * Ferry DMA controller: ports
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A port has a FIFO for each direction. The engine half is at the end of it
 * that the channels see (ferry-port.c). At the other end is who serves the
 * backend, a character device (ferry-port-chr.c). One fills and one drains, so
 * a FIFO needs no lock. What concerns both ends, resets and flushes, is done
 * with the BQL and with the engine at rest.
 *
 * Where ends of packet are carried, what is in a FIFO is frames, as they are
 * on the backend; so the backend's end just passes bytes on, and loopback has
 * nothing to convert.
 *
 * Who may touch a field is said as in ferry-internal.h. "backend" is the main
 * loop with the BQL or, where there is a context, the IOThread, which takes
 * engine_lock as well. "backend" and "engine" include that the other end is at
 * rest.
 */

#ifndef HW_DMA_FERRY_PORT_H
#define HW_DMA_FERRY_PORT_H

#include "chardev/char-fe.h"
#include "hw/dma/ferry.h"
#include "hw/dma/ferry_regs.h"
#include "qemu/atomic.h"
#include "qemu/timer.h"
#include "qemu/units.h"

typedef struct FerryChannel FerryChannel;

#define FERRY_FIFO              (128 * KiB)     /* a power of two */

typedef struct FerryFifo {
    uint8_t *buf;               /* const */
    uint32_t head;              /* who fills, read by all; free-running */
    uint32_t tail;              /* who drains, read by all */
    uint32_t saved;             /* bytes of it in a migration stream */
} FerryFifo;

typedef struct FerryPort {
    FerryState *ferry;          /* const, as is all up to here: */
    unsigned index;
    CharBackend chr;
    char *framing;
    bool loopback;
    bool packets;               /* ends of packet are carried, by frames */
    uint8_t fixed;              /* bits of PORT_STATUS */
    bool one_way;               /* CLOSED is the end of what can be read */
    FerryChannel *tx_chan;
    FerryChannel *rx_chan;

    /* In loopback the second serves both ways, and the engine does both. */
    FerryFifo tx;               /* engine fills, backend drains */
    FerryFifo rx;               /* backend fills, engine drains */

    /* SEND: engine */
    uint32_t put;               /* bytes behind head that are not pushed yet */

    /* RECV: engine */
    uint32_t rx_left;           /* bytes of the frame that are not taken yet */
    bool rx_more;               /* inside of a packet, behind this frame */
    bool rx_end;                /* it is the last one, and no RECV has told */
    bool rx_drop;               /* up to the end of the packet */
    bool rx_moved;              /* since last_ns was set */
    int64_t last_ns;            /* when there was no more to take */
    QEMUTimer *idle_timer;      /* const */

    /* Counters: engine, read by all */
    uint64_t tx_bytes;
    uint64_t rx_bytes;
    uint32_t tx_packets;
    uint32_t rx_packets;

    uint32_t idle;              /* BQL, read by all; PORT_IDLE */
    bool idle_changed;          /* BQL sets, the engine clears: look again */
    bool rx_hup;                /* backend sets, the engine clears */
    bool rx_blocked;            /* backend, read by all; there was no room */

    /* Backend: backend */
    GMainContext *context;      /* const; of the IOThread that serves it */
    GByteArray *late;           /* read when the machine was being stopped */
    bool open;                  /* now; any thread's event sets it */
    bool connected;             /* as the guest was told; read by all */
    bool closed;                /* and the guest was not told yet; likewise */
    bool tx_failed;             /* for good: until it opens again */
    bool writing;               /* the backend is being called, locked */
    guint watch;
    QEMUTimer *retry_timer;     /* where there is nothing to watch */
    QEMUBH *bh;                 /* const */
    uint32_t hangups;           /* read by all */

    /* Where in the frames the backend is: backend */
    uint32_t tx_left;           /* bytes of one that it has begun to take */
    bool tx_more;               /* that is not the last one */
    bool tx_drop;               /* up to the end of the packet */
    uint32_t tx_dropped;        /* read by all */
} FerryPort;

static inline uint32_t ferry_fifo_used(FerryFifo *f)
{
    return qatomic_load_acquire(&f->head) - qatomic_load_acquire(&f->tail);
}

static inline uint32_t ferry_fifo_room(FerryFifo *f)
{
    return FERRY_FIFO - ferry_fifo_used(f);
}

/* What is contiguous of the oldest bytes; 0 if there are none */
static inline uint32_t ferry_fifo_peek(FerryFifo *f, uint8_t **data)
{
    uint32_t at = f->tail % FERRY_FIFO;

    *data = f->buf + at;
    return MIN(ferry_fifo_used(f), FERRY_FIFO - at);
}

static inline void ferry_fifo_skip(FerryFifo *f, uint32_t len)
{
    qatomic_store_release(&f->tail, f->tail + len);
}

static inline void ferry_fifo_push(FerryFifo *f, uint32_t len)
{
    qatomic_store_release(&f->head, f->head + len);
}

void ferry_fifo_write(FerryFifo *f, uint32_t pos, const void *data,
                      uint32_t len);
void ferry_fifo_read(FerryFifo *f, uint32_t pos, void *data, uint32_t len);
uint32_t ferry_fifo_word(FerryFifo *f, uint32_t pos);

/* ferry-port.c: the engine's end */
typedef enum FerryPeek {
    FERRY_PEEK_DATA,
    FERRY_PEEK_EMPTY,
    FERRY_PEEK_END,             /* of the packet */
    FERRY_PEEK_HUP,             /* the backend has closed behind what was */
    FERRY_PEEK_BUSY,            /* the quantum is used up */
} FerryPeek;

uint32_t ferry_port_room(FerryPort *p);
void ferry_port_put(FerryPort *p, const void *data, uint32_t len);
void ferry_port_push(FerryPort *p, bool end);
FerryPeek ferry_port_peek(FerryPort *p, uint32_t *len);
void ferry_port_take(FerryPort *p, void *data, uint32_t len);
bool ferry_port_end(FerryPort *p);
void ferry_port_hup(FerryPort *p);
bool ferry_port_idle(FerryPort *p);
bool ferry_port_ready(FerryChannel *c);
void ferry_port_settle(FerryChannel *c);
void ferry_port_flush(FerryPort *p, bool tx, bool rx);
void ferry_port_reset(FerryPort *p);

/* ferry-port-chr.c: the backend's end */
bool ferry_port_check(FerryState *s, Error **errp);
void ferry_port_init(FerryState *s);
void ferry_port_resume(FerryState *s);
void ferry_port_leave(FerryState *s, bool exit);
void ferry_port_exit(FerryState *s);
void ferry_port_kick(FerryPort *p);

/* ferry-port-regs.c: the registers of a port, with the BQL */
bool ferry_port_read(FerryPort *p, uint32_t reg, uint32_t *value);
void ferry_port_write(FerryPort *p, uint32_t reg, uint32_t value);

#endif
