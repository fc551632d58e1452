/*
 * Ferry DMA controller: the IOThread engine
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A bottom half in an IOThread drives the engine as fast as the host can,
 * without the BQL. Doorbells and commands schedule it, which costs nothing
 * while it is at work. Backends of ports are served there, too.
 *
 * Who holds the BQL must not wait for the IOThread: other devices on it may
 * want the BQL. What can be waited for is the end of a quantum or of a write to
 * a backend, which never do, and that is what engine_lock is for. With it, a
 * command is carried out by who gives it; and once "quiesced" is set and
 * engine_lock was taken after that, the engine's state is at rest and belongs
 * to the caller.
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
#include "system/runstate-action.h"
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
        QEMU_LOCK_GUARD(&s->engine_lock);
        /* The lock is not fair. Who wants it wakes us when done with it. */
        if (qatomic_load_acquire(&s->quiesced) ||
            qatomic_read(&s->commanding)) {
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

/* With the BQL: the engine is at rest in between. */
void ferry_iothread_pause(FerryState *s)
{
    if (s->iothread) {
        qatomic_set(&s->commanding, true);
        qemu_mutex_lock(&s->engine_lock);
    }
}

void ferry_iothread_unpause(FerryState *s)
{
    if (s->iothread) {
        qemu_mutex_unlock(&s->engine_lock);
        qatomic_set(&s->commanding, false);
        ferry_iothread_wake(s);
    }
}

/*
 * Carry out what the engine was commanded, at most a quantum from now.
 * Otherwise the bounds of CAP_TIME would depend on when the host runs the
 * IOThread.
 */
void ferry_iothread_command(FerryState *s)
{
    bool commanded;

    if (!s->iothread || s->quiesced) {
        return;
    }
    WITH_QEMU_LOCK_GUARD(&s->lock) {
        commanded = s->commanded || s->reset_ns != FERRY_NONE;
    }
    if (commanded) {
        ferry_iothread_pause(s);
        ferry_engine_commands(s, FERRY_NOW);
        ferry_iothread_unpause(s);
    }
}

/* Also a barrier: what the IOThread was doing is over. */
static void ferry_iothread_leave(void *opaque)
{
    ferry_port_leave(opaque, true);
}

static void ferry_iothread_last(void *opaque)
{
    ferry_port_leave(opaque, false);
}

/* Character devices are about to go, and IOThreads only after them. */
static void ferry_iothread_shutdown(Notifier *n, void *data)
{
    FerryState *s = container_of(n, FerryState, shutdown);

    if (shutdown_action != SHUTDOWN_ACTION_PAUSE) {
        aio_wait_bh_oneshot(s->ctx, ferry_iothread_last, s);
        ferry_iothread_quiesce(s);
    }
}

/* With the BQL: returns when the engine is at rest. Can be called twice. */
void ferry_iothread_quiesce(FerryState *s)
{
    if (s->iothread && !s->quiesced) {
        qatomic_set(&s->quiesced, true);
        qemu_mutex_lock(&s->engine_lock);
        qemu_mutex_unlock(&s->engine_lock);
    }
}

static void ferry_iothread_start(FerryState *s)
{
    qatomic_store_release(&s->quiesced, false);
    qemu_bh_schedule(s->engine_bh);
    ferry_port_resume(s);
    /* What was commanded while it was at rest */
    ferry_iothread_command(s);
}

/* After a reset: if the machine is stopped, it goes on with that. */
void ferry_iothread_resume(FerryState *s)
{
    if (s->iothread && runstate_is_running()) {
        ferry_iothread_start(s);
    }
}

static void ferry_iothread_vm_state(void *opaque, bool running, RunState state)
{
    FerryState *s = opaque;

    if (running) {
        ferry_iothread_start(s);
    } else {
        ferry_iothread_quiesce(s);
        /*
         * The last bottom half may still wait for the main loop, and who saves
         * the interrupt controller does not.
         */
        ferry_irq_update(s);
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
    s->shutdown.notify = ferry_iothread_shutdown;
    qemu_register_shutdown_notifier(&s->shutdown);
    ferry_iothread_resume(s);
    return true;
}

void ferry_iothread_exit(FerryState *s)
{
    if (s->iothread) {
        ferry_iothread_quiesce(s);
        qemu_del_vm_change_state_handler(s->vmstate);
        notifier_remove(&s->shutdown);
        qemu_bh_delete(s->engine_bh);
        /* It may have been woken since, and be about to look at us. */
        aio_wait_bh_oneshot(s->ctx, ferry_iothread_leave, s);
        object_unref(OBJECT(s->iothread));
    }
}
