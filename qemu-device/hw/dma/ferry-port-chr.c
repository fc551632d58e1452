/*
 * Ferry DMA controller: the backend's end of a port
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The front end of a character device: it fills the FIFO for RECVs, as far as
 * there is room, and drains that for SENDs, as far as the backend takes it.
 * Nothing here waits for the backend.
 *
 * It runs in the main loop with the BQL or, where the engine has an IOThread,
 * beside that with engine_lock: to copy with the BQL would hold up the guest,
 * which needs it for every system call (TCG) and every register. The second
 * takes a backend that another thread can serve, and that is not shared.
 *
 * While the machine is stopped nothing passes, and what happens to the backend
 * is remembered: the FIFOs may be on their way to another machine.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/aio.h"
#include "chardev/char-fd.h"
#include "qemu/lockable.h"
#include "qemu/main-loop.h"
#include "qemu/module.h"
#include "system/iothread.h"
#include "system/runstate.h"
#include "ferry-internal.h"
#include "trace.h"

/* For less room than this it is not worth while to read. */
#define FERRY_READ              4096

/* For a backend that is full and can't tell when it no longer is */
#define FERRY_RETRY_MS          10

static void ferry_port_lock(FerryPort *p)
{
    if (p->context) {
        qemu_mutex_lock(&p->ferry->engine_lock);
    }
}

static void ferry_port_unlock(FerryPort *p)
{
    if (p->context) {
        qemu_mutex_unlock(&p->ferry->engine_lock);
    }
}

/* Locked: it stays so. */
static bool ferry_port_is_running(FerryPort *p)
{
    return p->context ? !qatomic_read(&p->ferry->quiesced)
                      : runstate_is_running();
}

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
        qatomic_set(&p->tx_dropped, p->tx_dropped + dropped);
        ferry_engine_wake(p->ferry);
    }
}

static void ferry_port_run(void *opaque);

static gboolean ferry_port_writable(void *do_not_use, GIOCondition condition,
                                    void *opaque)
{
    FerryPort *p = opaque;

    p->watch = 0;
    ferry_port_run(p);
    return G_SOURCE_REMOVE;
}

static void ferry_port_unwatch(FerryPort *p)
{
    if (p->watch) {
        g_source_destroy(g_main_context_find_source_by_id(p->context,
                                                          p->watch));
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

    if (p->watch || qatomic_read(&p->closed)) {
        return;
    }
    ferry_port_drop_out(p);
    while ((qatomic_read(&p->open) || p->one_way) && !p->tx_failed &&
           (len = ferry_fifo_peek(&p->tx, &data))) {
        int ret, err;

        if (total >= FERRY_FIFO) {
            /* An IOThread can fill it as fast: let others have their turn. */
            ferry_port_kick(p);
            break;
        }
        p->writing = true;
        ret = qemu_chr_fe_write(&p->chr, data, len);
        err = errno;
        p->writing = false;

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
    return ferry_port_is_running(p) && !qatomic_read(&p->closed) &&
           !p->late->len && !qatomic_read(&p->rx_hup) &&
           ferry_fifo_room(&p->rx) >= FERRY_READ;
}

/* A socket that can't be written to asks, too: before it closes, or is read. */
static int ferry_port_can_read(void *opaque)
{
    FerryPort *p = opaque;
    bool locked = p->writing;
    int room = 0;

    if (!locked) {
        ferry_port_lock(p);
    }
    if (!ferry_port_may_read(p)) {
        qatomic_set(&p->rx_blocked, true);
        /* Pairs with ferry_port_settle(): it sees the flag or we the room. */
        smp_mb();
    }
    if (ferry_port_may_read(p)) {
        room = ferry_fifo_room(&p->rx);
    }
    if (!locked) {
        ferry_port_unlock(p);
    }
    return room;
}

static uint32_t ferry_port_fill(FerryPort *p, const uint8_t *buf, uint32_t len)
{
    len = MIN(len, ferry_fifo_room(&p->rx));
    ferry_fifo_write(&p->rx, p->rx.head, buf, len);
    ferry_fifo_push(&p->rx, len);
    return len;
}

/* What was read while the machine was being stopped, now that it runs */
static void ferry_port_fill_late(FerryPort *p)
{
    if (p->late->len) {
        g_byte_array_remove_range(p->late, 0,
                                  ferry_port_fill(p, p->late->data,
                                                  p->late->len));
        /* There may be more of it than room; and nothing is read meanwhile. */
        qatomic_set(&p->rx_blocked, true);
        ferry_engine_wake(p->ferry);
    }
}

static void ferry_port_read_in(void *opaque, const uint8_t *buf, int size)
{
    FerryPort *p = opaque;

    trace_ferry_port_read_in(p->index, size);
    ferry_port_lock(p);
    if (p->context && (!ferry_port_is_running(p) || p->late->len)) {
        /* It was stopped since ferry_port_can_read(). */
        g_byte_array_append(p->late, buf, size);
    } else {
        /* A backend that gives more than it was told it may is wrong. */
        ferry_port_fill(p, buf, size);
    }
    ferry_port_unlock(p);
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
    qatomic_set(&p->connected, connected);
    if (connected) {
        p->tx_failed = false;
    } else {
        qatomic_set(&p->hangups, p->hangups + 1);
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

/* Catch up with the backend. */
static void ferry_port_sync(FerryPort *p)
{
    bool open;

    if (qatomic_xchg(&p->closed, false) && p->connected) {
        ferry_port_connect(p, false);
    }
    open = qatomic_read(&p->open);
    if (open != p->connected) {
        ferry_port_connect(p, open);
    }
}

/*
 * With an IOThread it can be that ferry_port_write_out() has locked; and a
 * client that connects for the first time tells of it in the main loop.
 */
static void ferry_port_event(void *opaque, QEMUChrEvent event)
{
    FerryPort *p = opaque;

    switch (event) {
    case CHR_EVENT_OPENED:
        qatomic_set(&p->open, true);
        break;
    case CHR_EVENT_CLOSED:
        qatomic_set(&p->open, false);
        qatomic_store_release(&p->closed, true);
        ferry_port_unwatch(p);
        break;
    default:
        return;
    }
    if (!p->context && ferry_port_is_running(p)) {
        ferry_port_sync(p);
    }
    ferry_port_kick(p);
}

static void ferry_port_run(void *opaque)
{
    FerryPort *p = opaque;
    bool accept = false;

    ferry_port_lock(p);
    if (ferry_port_is_running(p)) {
        ferry_port_fill_late(p);
        if (!p->late->len) {
            ferry_port_sync(p);
        }
        ferry_port_write_out(p);
        if (p->rx_blocked && ferry_port_may_read(p)) {
            qatomic_set(&p->rx_blocked, false);
            accept = true;
        }
    }
    ferry_port_unlock(p);
    /*
     * This would wake the main loop. An IOThread asks ferry_port_can_read() after
     * this anyhow, and no backend that it can serve has another way to be told.
     */
    if (accept && !p->context) {
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
    ferry_port_kick(opaque);
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
        FerryPort *p = &s->port[i];

        if (!p->loopback && !p->context) {
            ferry_port_sync(p);
            ferry_port_kick(p);
        }
    }
}

/* The IOThread goes on. */
void ferry_port_resume(FerryState *s)
{
    FerryPort *p;

    for (p = s->port; p < s->port + s->ports; p++) {
        if (p->context) {
            ferry_port_kick(p);
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

/* Who shares a backend, or calls it from where it likes, needs the BQL. */
static bool ferry_port_may_leave_main(FerryState *s, Chardev *chr)
{
    return s->iothread && qemu_chr_has_feature(chr,
                                               QEMU_CHAR_FEATURE_GCONTEXT) &&
           !object_dynamic_cast(OBJECT(chr), TYPE_CHARDEV_MUX) &&
           !object_dynamic_cast(OBJECT(chr), TYPE_CHARDEV_HUB);
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
    /* It is set whenever a RECV finds nothing more: not to wake the main loop. */
    p->idle_timer = s->iothread ?
        aio_timer_new(s->ctx, QEMU_CLOCK_VIRTUAL, SCALE_NS,
                      ferry_port_idle_over, p) :
        timer_new_ns(QEMU_CLOCK_VIRTUAL, ferry_port_idle_over, p);
    p->retry_timer = timer_new_ms(QEMU_CLOCK_REALTIME, ferry_port_retry, p);
    if (p->loopback) {
        p->connected = true;
        return;
    }
    p->tx.buf = g_malloc(FERRY_FIFO);
    p->late = g_byte_array_new();
    if (ferry_port_may_leave_main(s, chr)) {
        p->context = iothread_get_g_main_context(s->iothread);
        p->bh = aio_bh_new_guarded(s->ctx, ferry_port_run, p,
                                   &s->engine_guard);
    } else {
        p->bh = qemu_bh_new_guarded(ferry_port_run, p,
                                    &DEVICE(s)->mem_reentrancy_guard);
    }
    /* What is made of files closes when there is no more to read. */
    p->one_way = object_dynamic_cast(OBJECT(chr), TYPE_CHARDEV_FD);
    /* This one never says that it opens. */
    p->open = object_dynamic_cast(OBJECT(chr), TYPE_CHARDEV_NULL);
    qemu_chr_fe_set_handlers(&p->chr, ferry_port_can_read, ferry_port_read_in,
                             ferry_port_event, NULL, p, p->context, true);
    p->connected = qatomic_read(&p->open);
    qatomic_set(&p->closed, false);
}

void ferry_port_init(FerryState *s)
{
    unsigned i;

    for (i = 0; i < s->ports; i++) {
        ferry_port_init_one(s, i);
    }
    s->port_vmstate = qemu_add_vm_change_state_handler(ferry_port_vm_state, s);
}

static void ferry_port_detach(FerryPort *p)
{
    qemu_chr_fe_set_handlers(&p->chr, NULL, NULL, NULL, NULL, NULL, NULL, true);
    ferry_port_unwatch(p);
}

/* In the IOThread: after what can still be written, no more of backends. */
void ferry_port_leave(FerryState *s, bool exit)
{
    FerryPort *p;

    for (p = s->port; p < s->port + s->ports; p++) {
        timer_del(p->idle_timer);
        if (p->context) {
            ferry_port_run(p);
            ferry_port_detach(p);
            if (exit) {
                qemu_bh_delete(p->bh);
            }
        }
    }
}

/* With the engine gone */
void ferry_port_exit(FerryState *s)
{
    FerryPort *p;

    qemu_del_vm_change_state_handler(s->port_vmstate);
    for (p = s->port; p < s->port + s->ports; p++) {
        if (!p->loopback) {
            if (!p->context) {
                ferry_port_detach(p);
                qemu_bh_delete(p->bh);
            }
            g_byte_array_free(p->late, true);
        }
        timer_free(p->retry_timer);
        timer_free(p->idle_timer);
        g_free(p->tx.buf);
        g_free(p->rx.buf);
    }
}
