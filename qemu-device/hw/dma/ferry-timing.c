/*
 * Ferry DMA controller: the virtual-time engine
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A timer of the virtual clock drives the engine, so that what the guest sees
 * depends on nothing but the guest, and with -icount repeats to the
 * instruction:
 *
 *  - The first quantum of a channel that had nothing to do comes latency-ns
 *    after the doorbell; with a latency of 0, before the doorbell write
 *    returns. What is submitted to a busy channel waits no longer than for
 *    its turn.
 *  - With a bandwidth, the bytes of a chunk take their time before they move,
 *    and so a completion comes when the time of all of its bytes is over.
 *  - Between two quanta at least 1 ns passes. A timer that re-arms for "now"
 *    runs again at once, with the clock standing still and the BQL held, for
 *    as long as there are entries.
 */

#include "qemu/osdep.h"
#include "system/runstate.h"
#include "ferry-internal.h"
#include "trace.h"

void ferry_timing_wake(FerryState *s)
{
    int64_t next = ferry_engine_next(s);

    if (next == FERRY_STUCK) {
        timer_del(s->timer);
    } else {
        timer_mod_ns(s->timer, next);
    }
}

static void ferry_timing_run(void *opaque)
{
    FerryState *s = opaque;
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);

    /* Registers can be accessed in a machine that is stopped; memory is not. */
    if (runstate_is_running()) {
        ferry_engine_commands(s, now);
        if (now >= s->next_ns && ferry_engine_quantum(s, now)) {
            s->next_ns = MAX(s->next_ns, now + 1);
        }
    }
    ferry_timing_wake(s);
}

/*
 * Without -icount, the clock goes on while the main loop has something else to
 * do. Before the guest looks, do what was due, so that the bounds of CAP_TIME
 * are kept on a busy host, too.
 */
void ferry_timing_catch_up(FerryState *s)
{
    if (timer_pending(s->timer) && timer_expire_time_ns(s->timer) <=
                                   qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL)) {
        ferry_timing_run(s);
    }
}

/* From the main loop: like a wake-up, but for the way through the timer */
void ferry_timing_input(FerryState *s)
{
    if (ferry_engine_next(s) <= qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL)) {
        ferry_timing_run(s);
    } else {
        ferry_timing_wake(s);
    }
}

void ferry_timing_doorbell(FerryChannel *c, bool was_idle)
{
    FerryState *s = c->ferry;

    if (was_idle) {
        c->eligible_ns = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + s->latency_ns;
    }
    if (s->latency_ns) {
        ferry_timing_wake(s);
    } else {
        ferry_timing_run(s);
    }
}

/* Spend the time of some bytes. False if it has to pass first. */
bool ferry_timing_pay(FerryState *s, uint32_t len)
{
    uint64_t time, ns;

    if (s->iothread || !s->bandwidth) {
        return true;
    }
    time = (uint64_t)len * NANOSECONDS_PER_SECOND + s->carry;
    s->carry = time % s->bandwidth;
    ns = time / s->bandwidth;
    if (ns) {
        s->next_ns = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + ns;
    }
    return !ns;
}

/* The running entry has gone: the time that it was to take is not spent. */
void ferry_timing_abandon(FerryChannel *c)
{
    FerryState *s = c->ferry;

    if (c->op.paid && s->in_quantum && s->cursor == c->index) {
        s->next_ns = MIN(s->next_ns, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL));
    }
}

void ferry_timing_init(FerryState *s)
{
    s->timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, ferry_timing_run, s);
}

void ferry_timing_exit(FerryState *s)
{
    timer_free(s->timer);
}
