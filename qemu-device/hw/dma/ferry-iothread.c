/*
 * Ferry DMA controller: the IOThread engine
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A bottom half in an IOThread drives the engine as fast as the host can,
 * without the BQL. Doorbells and commands schedule it, which costs nothing
 * while it is at work. It never waits for the BQL; who holds that may wait for
 * it, and does so in ferry_iothread_quiesce(): once "quiesced" is set and a
 * bottom half has run in the IOThread after that, the engine's state is at
 * rest and belongs to the caller.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/lockable.h"
#include "qemu/main-loop.h"
#include "block/aio.h"
#include "block/aio-wait.h"
#include "system/cpu-timers.h"
#include "system/replay.h"
#include "system/runstate.h"
#include "ferry-internal.h"

/* Quanta before the IOThread gets to its other work */
#define FERRY_BURST             32

/* Everything but what is stuck is due. */
#define FERRY_NOW               (FERRY_STUCK - 1)

static void ferry_iothread_run(void *opaque)
{
    FerryState *s = opaque;
    int i;

    for (i = 0; i < FERRY_BURST; i++) {
        if (qatomic_load_acquire(&s->quiesced)) {
            return;
        }
        ferry_engine_commands(s, FERRY_NOW);
        if (!ferry_engine_quantum(s, FERRY_NOW)) {
            return;
        }
    }
    qemu_bh_schedule(s->engine_bh);
}

void ferry_iothread_wake(FerryState *s)
{
    qemu_bh_schedule(s->engine_bh);
}

/*
 * Wait until the engine has carried out what it was commanded, which is at most
 * a quantum away. Otherwise the bounds of CAP_TIME would depend on when the
 * host runs the IOThread.
 */
void ferry_iothread_command(FerryState *s)
{
    if (!s->iothread || s->quiesced) {
        return;
    }
    QEMU_LOCK_GUARD(&s->lock);
    while (ferry_engine_command_due(s, FERRY_NOW)) {
        qemu_cond_wait(&s->command_done, &s->lock);
    }
}

static void ferry_iothread_barrier(void *opaque)
{
}

/* With the BQL: returns when the engine is at rest. Can be called twice. */
void ferry_iothread_quiesce(FerryState *s)
{
    if (s->iothread && !s->quiesced) {
        qatomic_set(&s->quiesced, true);
        aio_wait_bh_oneshot(s->ctx, ferry_iothread_barrier, NULL);
    }
}

void ferry_iothread_resume(FerryState *s)
{
    if (s->iothread && runstate_is_running()) {
        qatomic_store_release(&s->quiesced, false);
        qemu_bh_schedule(s->engine_bh);
    }
}

static void ferry_iothread_vm_state(void *opaque, bool running, RunState state)
{
    FerryState *s = opaque;

    if (running) {
        ferry_iothread_resume(s);
    } else {
        ferry_iothread_quiesce(s);
    }
}

bool ferry_iothread_init(FerryState *s, Error **errp)
{
    if (!s->iothread) {
        return true;
    }
    if (icount_enabled() || replay_mode != REPLAY_MODE_NONE) {
        error_setg(errp, "'iothread' does not repeat: it can't be used with "
                   "icount or record/replay");
        return false;
    }
    object_ref(OBJECT(s->iothread));
    s->ctx = iothread_get_aio_context(s->iothread);
    /*
     * The device's guard would turn away register accesses while the engine
     * runs, which are no re-entrance: it accesses nothing but RAM.
     */
    s->engine_bh = aio_bh_new_guarded(s->ctx, ferry_iothread_run, s,
                                      &s->engine_guard);
    s->quiesced = true;
    s->vmstate = qemu_add_vm_change_state_handler(ferry_iothread_vm_state, s);
    ferry_iothread_resume(s);
    return true;
}

void ferry_iothread_exit(FerryState *s)
{
    if (s->iothread) {
        ferry_iothread_quiesce(s);
        qemu_del_vm_change_state_handler(s->vmstate);
        qemu_bh_delete(s->engine_bh);
        object_unref(OBJECT(s->iothread));
    }
}
