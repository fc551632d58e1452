/*
 * Ferry DMA controller
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The device: properties and reset. The registers are in ferry-regs.c,
 * the engine that does the work in ferry-engine.c.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/lockable.h"
#include "qemu/module.h"
#include "qemu/units.h"
#include "hw/irq.h"
#include "hw/qdev-properties.h"
#include "hw/qdev-properties-system.h"
#include "migration/vmstate.h"
#include "ferry-internal.h"
#include "trace.h"

#define FERRY_DEFAULT_LINES     16

/* In the engine, or with it quiesced: every register at its reset value */
void ferry_chan_reset(FerryChannel *c)
{
    FerryState *s = c->ferry;
    int i;

    WITH_QEMU_LOCK_GUARD(&s->lock) {
        c->config = 0;
        c->wt_count = 0;
        c->index_init = 0;
        c->sq_base = 0;
        c->cq_base = 0;
        c->wt_base = 0;
        qatomic_set(&c->weight, 1);
        for (i = 0; i < FERRY_CMDS; i++) {
            c->cmd_ns[i] = FERRY_NONE;
        }
        c->inval = 0;

        qatomic_set(&c->armed, false);
        c->arm = 0;
        c->coalesce = ferry_put(1, FERRY_CHAN_COALESCE_COUNT);
        c->coalesce_ns = FERRY_NONE;
        c->irq_status = 0;
        c->irq_enable = 0;
        c->irqs = 0;
        c->err_status = 0;
        c->err_index = 0;
        c->err_addr = 0;
        ferry_irq_assert(c);

        /* The doorbell's: it leaves them alone unless the state is RUNNING. */
        qatomic_set(&c->tail, 0);
        c->doorbells = 0;
        c->eligible_ns = 0;

        qatomic_set(&c->head, 0);
        qatomic_set(&c->freed, 0);
        qatomic_set(&c->errors, 0);
        qatomic_set(&c->quanta, 0);
        qatomic_set_u64(&c->bytes, 0);
        c->op = (FerryOp) { };
        c->fetched = 0;
        c->fetch_pos = 0;
        ferry_window_forget(c, FERRY_CHAN_WIN_INVALIDATE_ALL);

        qatomic_set(&c->state, FERRY_STATE_IDLE);
    }
    ferry_irq_update(s);
}

/* With the BQL, too: that, the ports and the scheduler */
void ferry_reset(FerryState *s)
{
    unsigned i;

    for (i = 0; i < s->channels; i++) {
        ferry_chan_reset(&s->chan[i]);
    }
    for (i = 0; i < s->ports; i++) {
        ferry_port_reset(&s->port[i]);
    }
    s->cursor = 0;
    s->turn_left = 0;
    s->in_quantum = false;
    s->quantum_left = 0;
    s->next_ns = 0;
    s->carry = 0;
    WITH_QEMU_LOCK_GUARD(&s->lock) {
        s->commanded = 0;
        s->asserting = 0;
        s->reset_ns = FERRY_NONE;
        qatomic_set(&s->ready, true);
    }
    ferry_irq_update(s);
}

static void ferry_reset_hold(Object *obj, ResetType type)
{
    FerryState *s = FERRY(obj);

    ferry_iothread_quiesce(s);
    timer_del(s->timer);
    timer_del(s->coalesce_timer);
    ferry_reset(s);
}

static void ferry_reset_exit(Object *obj, ResetType type)
{
    ferry_iothread_resume(FERRY(obj));
}

static bool ferry_check_properties(FerryState *s, Error **errp)
{
    if (s->channels < 1 || s->channels > FERRY_MAX_CHANNELS) {
        error_setg(errp, "'channels' must be 1 to %d", FERRY_MAX_CHANNELS);
    } else if (s->ports > FERRY_MAX_PORTS) {
        error_setg(errp, "'ports' must be 0 to %d", FERRY_MAX_PORTS);
    } else if (s->channels < 2 * s->ports + 1) {
        error_setg(errp, "%u 'ports' need %u 'channels': each has two, and one "
                   "is left", s->ports, 2 * s->ports + 1);
    } else if (s->num_irqs > FERRY_MAX_LINES) {
        error_setg(errp, "'num-irqs' must be 0 to %d", FERRY_MAX_LINES);
    } else if (s->addr_width < 32 || s->addr_width > 64) {
        error_setg(errp, "'addr-width' must be 32 to 64");
    } else if (s->min_order < 1 || s->min_order > s->max_order ||
               s->max_order > 16) {
        error_setg(errp, "'min-ring-order' and 'max-ring-order' must be 1 to "
                   "16, in this order");
    } else if (s->windows < 1 || s->windows > 65536) {
        error_setg(errp, "'windows' must be 1 to 65536");
    } else if (s->latency_ns > NANOSECONDS_PER_SECOND) {
        error_setg(errp, "'latency-ns' must be at most %lld",
                   NANOSECONDS_PER_SECOND);
    } else if (s->bandwidth > EiB) {
        error_setg(errp, "'bandwidth' must be at most 1 EiB/s");
    } else if (s->iothread && s->bandwidth) {
        error_setg(errp, "'bandwidth' is of virtual time, and does not go with "
                   "'iothread'");
    } else {
        return true;
    }
    return false;
}

static void ferry_realize(DeviceState *dev, Error **errp)
{
    FerryState *s = FERRY(dev);
    SysBusDevice *sbd = SYS_BUS_DEVICE(dev);
    unsigned i;

    if (!ferry_check_properties(s, errp) || !ferry_port_check(s, errp)) {
        return;
    }
    if (!s->num_irqs) {
        s->num_irqs = MIN(s->channels, FERRY_DEFAULT_LINES);
    }

    s->chan = g_new0(FerryChannel, s->channels);
    for (i = 0; i < s->channels; i++) {
        s->chan[i].ferry = s;
        s->chan[i].index = i;
    }
    memory_region_init_io(&s->ctrl, OBJECT(s), &ferry_ctrl_ops, s,
                          "ferry.ctrl", FERRY_CTRL_SIZE);
    memory_region_init_io(&s->doorbell, OBJECT(s), &ferry_doorbell_ops, s,
                          "ferry.doorbell", s->channels * FERRY_DB_PAGE_SIZE);
    sysbus_init_mmio(sbd, &s->ctrl);
    sysbus_init_mmio(sbd, &s->doorbell);
    for (i = 0; i < s->num_irqs; i++) {
        sysbus_init_irq(sbd, &s->irq[i]);
    }

    ferry_irq_init(s);
    ferry_timing_init(s);
    if (!ferry_iothread_init(s, errp)) {
        ferry_timing_exit(s);
        ferry_irq_exit(s);
        g_clear_pointer(&s->chan, g_free);
        return;
    }
    ferry_port_init(s);
    ferry_reset(s);
    ferry_dma_init(s);
}

static void ferry_unrealize(DeviceState *dev)
{
    FerryState *s = FERRY(dev);

    /* The listener's last call still wakes the engine, which is at rest. */
    ferry_iothread_quiesce(s);
    ferry_dma_exit(s);
    ferry_iothread_exit(s);
    ferry_port_exit(s);
    ferry_timing_exit(s);
    ferry_irq_exit(s);
    g_clear_pointer(&s->chan, g_free);
}

static void ferry_init(Object *obj)
{
    qemu_mutex_init(&FERRY(obj)->lock);
    qemu_mutex_init(&FERRY(obj)->engine_lock);
}

static void ferry_finalize(Object *obj)
{
    qemu_mutex_destroy(&FERRY(obj)->engine_lock);
    qemu_mutex_destroy(&FERRY(obj)->lock);
}

#define FERRY_PROP_PORT(n) \
    DEFINE_PROP_CHR("port" #n, FerryState, port[n].chr)
#define FERRY_PROP_FRAMING(n) \
    DEFINE_PROP_STRING("framing" #n, FerryState, port[n].framing)

static const Property ferry_properties[] = {
    DEFINE_PROP_UINT32("channels", FerryState, channels, 8),
    DEFINE_PROP_UINT32("ports", FerryState, ports, 0),
    DEFINE_PROP_UINT32("num-irqs", FerryState, num_irqs, 0),
    DEFINE_PROP_UINT8("addr-width", FerryState, addr_width, 48),
    DEFINE_PROP_UINT8("min-ring-order", FerryState, min_order, 2),
    DEFINE_PROP_UINT8("max-ring-order", FerryState, max_order, 12),
    DEFINE_PROP_UINT32("windows", FerryState, windows, 1024),
    DEFINE_PROP_UINT64("latency-ns", FerryState, latency_ns, 1000),
    DEFINE_PROP_SIZE("bandwidth", FerryState, bandwidth, 0),
    DEFINE_PROP_LINK("iothread", FerryState, iothread, TYPE_IOTHREAD,
                     IOThread *),
    FERRY_PROP_PORT(0), FERRY_PROP_FRAMING(0),
    FERRY_PROP_PORT(1), FERRY_PROP_FRAMING(1),
    FERRY_PROP_PORT(2), FERRY_PROP_FRAMING(2),
    FERRY_PROP_PORT(3), FERRY_PROP_FRAMING(3),
    FERRY_PROP_PORT(4), FERRY_PROP_FRAMING(4),
    FERRY_PROP_PORT(5), FERRY_PROP_FRAMING(5),
    FERRY_PROP_PORT(6), FERRY_PROP_FRAMING(6),
    FERRY_PROP_PORT(7), FERRY_PROP_FRAMING(7),
    FERRY_PROP_PORT(8), FERRY_PROP_FRAMING(8),
    FERRY_PROP_PORT(9), FERRY_PROP_FRAMING(9),
    FERRY_PROP_PORT(10), FERRY_PROP_FRAMING(10),
    FERRY_PROP_PORT(11), FERRY_PROP_FRAMING(11),
    FERRY_PROP_PORT(12), FERRY_PROP_FRAMING(12),
    FERRY_PROP_PORT(13), FERRY_PROP_FRAMING(13),
    FERRY_PROP_PORT(14), FERRY_PROP_FRAMING(14),
    FERRY_PROP_PORT(15), FERRY_PROP_FRAMING(15),
    FERRY_PROP_PORT(16), FERRY_PROP_FRAMING(16),
    FERRY_PROP_PORT(17), FERRY_PROP_FRAMING(17),
    FERRY_PROP_PORT(18), FERRY_PROP_FRAMING(18),
    FERRY_PROP_PORT(19), FERRY_PROP_FRAMING(19),
    FERRY_PROP_PORT(20), FERRY_PROP_FRAMING(20),
    FERRY_PROP_PORT(21), FERRY_PROP_FRAMING(21),
    FERRY_PROP_PORT(22), FERRY_PROP_FRAMING(22),
    FERRY_PROP_PORT(23), FERRY_PROP_FRAMING(23),
    FERRY_PROP_PORT(24), FERRY_PROP_FRAMING(24),
    FERRY_PROP_PORT(25), FERRY_PROP_FRAMING(25),
    FERRY_PROP_PORT(26), FERRY_PROP_FRAMING(26),
    FERRY_PROP_PORT(27), FERRY_PROP_FRAMING(27),
    FERRY_PROP_PORT(28), FERRY_PROP_FRAMING(28),
    FERRY_PROP_PORT(29), FERRY_PROP_FRAMING(29),
    FERRY_PROP_PORT(30), FERRY_PROP_FRAMING(30),
    FERRY_PROP_PORT(31), FERRY_PROP_FRAMING(31),
};

static void ferry_class_init(ObjectClass *oc, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(oc);
    ResettableClass *rc = RESETTABLE_CLASS(oc);

    dc->desc = "Ferry DMA controller";
    dc->realize = ferry_realize;
    dc->unrealize = ferry_unrealize;
    device_class_set_props(dc, ferry_properties);
    dc->vmsd = &vmstate_ferry;
    rc->phases.hold = ferry_reset_hold;
    rc->phases.exit = ferry_reset_exit;
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    ferry_fault_add_property(oc);
}

static const TypeInfo ferry_info = {
    .name = TYPE_FERRY,
    .parent = TYPE_DYNAMIC_SYS_BUS_DEVICE,
    .instance_size = sizeof(FerryState),
    .instance_init = ferry_init,
    .instance_finalize = ferry_finalize,
    .class_init = ferry_class_init,
};

static void ferry_register_types(void)
{
    type_register_static(&ferry_info);
}

type_init(ferry_register_types)
