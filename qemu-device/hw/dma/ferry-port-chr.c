/*
 * Ferry DMA controller: the backend's end of a port
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The front end of a character device, with the BQL: it fills the FIFO for
 * RECVs, as far as there is room, and drains that for SENDs, as far as the
 * backend takes it. Nothing here waits for the backend.
 *
 * While the machine is stopped nothing passes, and what happens to the backend
 * is remembered: the FIFOs may be on their way to another machine.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "chardev/char-fd.h"
#include "qemu/lockable.h"
#include "qemu/main-loop.h"
#include "qemu/module.h"
#include "system/runstate.h"
#include "ferry-internal.h"
#include "trace.h"

/* What a character device reads at a time; for less it is not worth while. */
#define FERRY_READ              4096

/* For a backend that is full and can't tell when it no longer is */
#define FERRY_RETRY_MS          10

static void ferry_port_write_out(FerryPort *p);

/* The backend has taken this much, or it is dropped. */
static void ferry_port_advance(FerryPort *p, uint32_t len)
{
    while (p->packets && len) {
        uint32_t step;

        if (!p->tx_left) {
            uint32_t word = ferry_fifo_word(&p->tx, p->tx.tail);

            p->tx_left = FERRY_FRAME_SIZE + (word & FERRY_FRAME_BYTES);
            p->tx_more = word & FERRY_FRAME_MORE;
        }
        step = MIN(len, p->tx_left);
        p->tx_left -= step;
        len -= step;
        ferry_fifo_skip(&p->tx, step);
    }
    ferry_fifo_skip(&p->tx, len);
}

/*
 * Drop the rest of a packet of which a backend that has closed has a part, as
 * far as it was sent by now.
 */
static void ferry_port_drop_out(FerryPort *p)
{
    uint32_t dropped = 0;

    while (p->tx_drop && ferry_fifo_used(&p->tx)) {
        uint32_t before;

        if (!p->tx_left) {
            ferry_port_advance(p, FERRY_FRAME_SIZE);
        }
        before = ferry_fifo_used(&p->tx);
        if (before) {
            uint32_t len = MIN(before, p->tx_left);

            ferry_port_advance(p, len);
            dropped += len;
        }
        p->tx_drop = p->tx_left || p->tx_more;
    }
    if (dropped) {
        trace_ferry_port_drop(p->index, dropped);
        p->tx_dropped += dropped;
        ferry_engine_wake(p->ferry);
    }
}

static gboolean ferry_port_writable(void *do_not_use, GIOCondition condition,
                                    void *opaque)
{
    FerryPort *p = opaque;

    p->watch = 0;
    ferry_port_write_out(p);
    return G_SOURCE_REMOVE;
}

static void ferry_port_unwatch(FerryPort *p)
{
    if (p->watch) {
        g_source_remove(p->watch);
        p->watch = 0;
    }
    timer_del(p->retry_timer);
}

static void ferry_port_watch(FerryPort *p)
{
    p->watch = qemu_chr_fe_add_watch(&p->chr, G_IO_OUT | G_IO_HUP,
                                     ferry_port_writable, p);
    if (!p->watch) {
        timer_mod(p->retry_timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) +
                                  FERRY_RETRY_MS);
    }
}

/* Hand over what the backend takes. It may close meanwhile. */
static void ferry_port_write_out(FerryPort *p)
{
    uint32_t total = 0, len;
    uint8_t *data;

    if (!runstate_is_running() || p->watch) {
        return;
    }
    ferry_port_drop_out(p);
    while ((p->open || p->one_way) && !p->tx_failed &&
           (len = ferry_fifo_peek(&p->tx, &data))) {
        int ret, err;

        if (total >= FERRY_FIFO) {
            /* An IOThread can fill it as fast: let others have their turn. */
            ferry_port_kick(p);
            break;
        }
        ret = qemu_chr_fe_write(&p->chr, data, len);
        err = errno;

        trace_ferry_port_write_out(p->index, len, ret);
        if (ret > 0) {
            ferry_port_advance(p, ret);
            total += ret;
            continue;
        }
        if (ret < 0 && err != EAGAIN) {
            /* How much it has taken is not known: trying again could repeat. */
            p->tx_failed = true;
        } else {
            ferry_port_watch(p);
            break;
        }
    }
    if (total) {
        ferry_engine_wake(p->ferry);
    }
}

static bool ferry_port_may_read(FerryPort *p)
{
    return runstate_is_running() && !p->closed && !qatomic_read(&p->rx_hup) &&
           ferry_fifo_room(&p->rx) >= FERRY_READ;
}

static int ferry_port_can_read(void *opaque)
{
    FerryPort *p = opaque;

    if (ferry_port_may_read(p)) {
        return ferry_fifo_room(&p->rx);
    }
    qatomic_set(&p->rx_blocked, true);
    /* Pairs with ferry_port_settle(): it sees the flag or we the room. */
    smp_mb();
    return ferry_port_may_read(p) ? ferry_fifo_room(&p->rx) : 0;
}

static void ferry_port_read_in(void *opaque, const uint8_t *buf, int size)
{
    FerryPort *p = opaque;

    trace_ferry_port_read_in(p->index, size);
    /* A backend that gives more than it was told there is room for is wrong. */
    size = MIN(size, ferry_fifo_room(&p->rx));
    ferry_fifo_write(&p->rx, p->rx.head, buf, size);
    ferry_fifo_push(&p->rx, size);
    if (p->ferry->iothread) {
        ferry_iothread_wake(p->ferry);
    } else {
        ferry_timing_input(p->ferry);
    }
}

/* Tell the guest, by the registers and in the stream. */
static void ferry_port_connect(FerryPort *p, bool connected)
{
    FerryState *s = p->ferry;

    trace_ferry_port_connect(p->index, connected);
    p->connected = connected;
    if (connected) {
        p->tx_failed = false;
    } else {
        p->hangups++;
        /* Where only the reading has ended, the writing goes on. */
        p->tx_drop = !p->one_way && (p->tx_left || p->tx_more);
        qatomic_store_release(&p->rx_hup, true);
    }
    WITH_QEMU_LOCK_GUARD(&s->lock) {
        ferry_irq_port(p->rx_chan);
    }
    ferry_irq_update(s);
    ferry_engine_wake(s);
}

/* Catch up with the backend, as far as the machine may see it. */
static void ferry_port_sync(FerryPort *p)
{
    if (!runstate_is_running()) {
        return;
    }
    if (p->closed) {
        p->closed = false;
        if (p->connected) {
            ferry_port_connect(p, false);
        }
    }
    if (p->open != p->connected) {
        ferry_port_connect(p, p->open);
    }
    ferry_port_kick(p);
}

static void ferry_port_event(void *opaque, QEMUChrEvent event)
{
    FerryPort *p = opaque;

    switch (event) {
    case CHR_EVENT_OPENED:
        p->open = true;
        break;
    case CHR_EVENT_CLOSED:
        p->open = false;
        p->closed = true;
        ferry_port_unwatch(p);
        break;
    default:
        return;
    }
    ferry_port_sync(p);
}

static void ferry_port_run(void *opaque)
{
    FerryPort *p = opaque;

    ferry_port_write_out(p);
    if (p->rx_blocked && ferry_port_may_read(p)) {
        qatomic_set(&p->rx_blocked, false);
        qemu_chr_fe_accept_input(&p->chr);
    }
}

/* There may be something to write, or room to read into. */
void ferry_port_kick(FerryPort *p)
{
    qemu_bh_schedule(p->bh);
}

static void ferry_port_retry(void *opaque)
{
    ferry_port_write_out(opaque);
}

static void ferry_port_idle_over(void *opaque)
{
    FerryPort *p = opaque;

    qatomic_set(&p->idle_changed, true);
    ferry_engine_wake(p->ferry);
}

static void ferry_port_vm_state(void *opaque, bool running, RunState state)
{
    FerryState *s = opaque;
    unsigned i;

    for (i = 0; running && i < s->ports; i++) {
        if (!s->port[i].loopback) {
            ferry_port_sync(&s->port[i]);
        }
    }
}

static bool ferry_port_check_one(FerryState *s, unsigned i, Error **errp)
{
    FerryPort *p = &s->port[i];
    bool backend = qemu_chr_fe_backend_connected(&p->chr);

    if (i >= s->ports && (backend || p->framing)) {
        error_setg(errp, "'%s%u' needs 'ports' to be at least %u",
                   backend ? "port" : "framing", i, i + 1);
    } else if (p->framing && strcmp(p->framing, "none") &&
               strcmp(p->framing, "len32")) {
        error_setg(errp, "'framing%u' must be none or len32", i);
    } else if (p->framing && !backend) {
        error_setg(errp, "'framing%u' is of a backend, and needs 'port%u'", i,
                   i);
    } else {
        return true;
    }
    return false;
}

bool ferry_port_check(FerryState *s, Error **errp)
{
    unsigned i;

    for (i = 0; i < FERRY_MAX_PORTS; i++) {
        if (!ferry_port_check_one(s, i, errp)) {
            return false;
        }
    }
    return true;
}

static void ferry_port_init_one(FerryState *s, unsigned i)
{
    FerryPort *p = &s->port[i];
    Chardev *chr = p->chr.chr;

    p->ferry = s;
    p->index = i;
    p->loopback = !chr;
    p->packets = p->loopback || !g_strcmp0(p->framing, "len32");
    p->fixed = (p->loopback ? FERRY_PORT_STATUS_LOOPBACK : 0) |
               (p->packets ? FERRY_PORT_STATUS_PACKETS : 0);
    p->tx_chan = &s->chan[s->channels - 2 * (i + 1)];
    p->rx_chan = p->tx_chan + 1;
    p->tx_chan->port = p;
    p->rx_chan->port = p;
    p->rx_chan->rx = true;
    p->rx.buf = g_malloc(FERRY_FIFO);
    p->idle_timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, ferry_port_idle_over, p);
    p->retry_timer = timer_new_ms(QEMU_CLOCK_REALTIME, ferry_port_retry, p);
    if (p->loopback) {
        p->connected = true;
        return;
    }
    p->tx.buf = g_malloc(FERRY_FIFO);
    p->bh = qemu_bh_new_guarded(ferry_port_run, p,
                                &DEVICE(s)->mem_reentrancy_guard);
    /* What is made of files closes when there is no more to read. */
    p->one_way = object_dynamic_cast(OBJECT(chr), TYPE_CHARDEV_FD);
    /* This one never says that it opens. */
    p->open = object_dynamic_cast(OBJECT(chr), TYPE_CHARDEV_NULL);
    qemu_chr_fe_set_handlers(&p->chr, ferry_port_can_read, ferry_port_read_in,
                             ferry_port_event, NULL, p, NULL, true);
    p->connected = p->open;
    p->closed = false;
}

void ferry_port_init(FerryState *s)
{
    unsigned i;

    for (i = 0; i < s->ports; i++) {
        ferry_port_init_one(s, i);
    }
    s->port_vmstate = qemu_add_vm_change_state_handler(ferry_port_vm_state, s);
}

/* With the engine gone */
void ferry_port_exit(FerryState *s)
{
    FerryPort *p;

    qemu_del_vm_change_state_handler(s->port_vmstate);
    for (p = s->port; p < s->port + s->ports; p++) {
        if (!p->loopback) {
            qemu_chr_fe_set_handlers(&p->chr, NULL, NULL, NULL, NULL, NULL,
                                     NULL, true);
            ferry_port_unwatch(p);
            qemu_bh_delete(p->bh);
        }
        timer_free(p->retry_timer);
        timer_free(p->idle_timer);
        g_free(p->tx.buf);
        g_free(p->rx.buf);
    }
}
