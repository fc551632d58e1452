/*
 * Ferry DMA controller: fault injection
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The property "x-fault" makes the hardware misbehave where a driver has to
 * cope. Its value is a list of faults, parted by semicolons:
 *
 *   KIND[:KEY=VALUE[,KEY=VALUE]...]
 *
 *   abort               the bus refuses a DMA access
 *   stuck-stop          a STOP does not end
 *   stuck-invalidate    INVAL_BUSY does not clear
 *   stuck-reset         a channel RESET does not end
 *   stuck-global-reset  READY does not come back
 *   hang                an entry does not end
 *   lost-irq            an interrupt does not come
 *
 *   chan=C      only on channel C
 *   nth=N       the Nth of its kind, by default the first; counted from when
 *               the property is set
 *   count=N     and those after it, N in all; by default one, 0 is all of them
 *   on=ACCESS   abort only: of accesses to sq, cq, table, read or write
 *
 * Setting it replaces all faults, or, if there is a mistake, none. On the
 * command line of the emulator, commas have to be doubled.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/lockable.h"
#include "migration/vmstate.h"
#include "ferry-internal.h"

static const char *const ferry_fault_kind[FERRY_FAULT_KINDS] = {
    [FERRY_FAULT_ABORT] = "abort",
    [FERRY_FAULT_STUCK_STOP] = "stuck-stop",
    [FERRY_FAULT_STUCK_INVALIDATE] = "stuck-invalidate",
    [FERRY_FAULT_STUCK_RESET] = "stuck-reset",
    [FERRY_FAULT_STUCK_GLOBAL_RESET] = "stuck-global-reset",
    [FERRY_FAULT_HANG] = "hang",
    [FERRY_FAULT_LOST_IRQ] = "lost-irq",
};

static const char *const ferry_fault_access[] = {
    [FERRY_ACCESS_SQ] = "sq",
    [FERRY_ACCESS_CQ] = "cq",
    [FERRY_ACCESS_TABLE] = "table",
    [FERRY_ACCESS_READ] = "read",
    [FERRY_ACCESS_WRITE] = "write",
};

static int ferry_fault_name(const char *const *names, int n, const char *name)
{
    int i;

    for (i = 0; i < n; i++) {
        if (!strcmp(names[i], name)) {
            return i;
        }
    }
    return -1;
}

/* With the lock */
bool ferry_fault_hit_locked(FerryState *s, FerryFaultKind kind, unsigned chan,
                            int access)
{
    bool hit = false;
    FerryFault *f;

    for (f = s->fault; f < s->fault + s->faults; f++) {
        if (f->kind != kind || (f->chan >= 0 && f->chan != chan) ||
            (f->access >= 0 && f->access != access)) {
            continue;
        }
        if (f->seen == UINT32_MAX) {
            hit |= !f->count;
            continue;
        }
        f->seen++;
        hit |= f->seen >= f->nth && (!f->count || f->seen - f->nth < f->count);
    }
    return hit;
}

bool ferry_fault_hit(FerryState *s, FerryFaultKind kind, unsigned chan,
                     int access)
{
    QEMU_LOCK_GUARD(&s->lock);
    return ferry_fault_hit_locked(s, kind, chan, access);
}

static bool ferry_fault_parse_key(FerryFault *f, const char *item, Error **errp)
{
    g_auto(GStrv) pair = g_strsplit(item, "=", 2);
    const char *key = pair[0], *value = key ? pair[1] : NULL;
    unsigned number;

    if (!value) {
        error_setg(errp, "'%s' is not KEY=VALUE", item);
        return false;
    }
    if (!strcmp(key, "on") && f->kind == FERRY_FAULT_ABORT) {
        f->access = ferry_fault_name(ferry_fault_access,
                                     ARRAY_SIZE(ferry_fault_access), value);
        if (f->access < 0) {
            error_setg(errp, "'%s' is not sq, cq, table, read or write", value);
            return false;
        }
        return true;
    }
    if (!g_ascii_isdigit(*value) ||
        qemu_strtoui(value, NULL, 10, &number) < 0) {
        error_setg(errp, "'%s' is not a number", value);
        return false;
    }
    if (!strcmp(key, "chan") && number < FERRY_MAX_CHANNELS &&
        f->kind != FERRY_FAULT_STUCK_GLOBAL_RESET) {
        f->chan = number;
    } else if (!strcmp(key, "nth") && number) {
        f->nth = number;
    } else if (!strcmp(key, "count")) {
        f->count = number;
    } else {
        error_setg(errp, "'%s' does not go with %s", item,
                   ferry_fault_kind[f->kind]);
        return false;
    }
    return true;
}

static bool ferry_fault_parse(FerryFault *f, const char *text, Error **errp)
{
    g_auto(GStrv) part = g_strsplit(text, ":", 2);
    g_auto(GStrv) item = NULL;
    int kind = part[0] ? ferry_fault_name(ferry_fault_kind, FERRY_FAULT_KINDS,
                                          part[0]) : -1;
    int i;

    if (kind < 0) {
        error_setg(errp, "'%s' is not a kind of fault", text);
        return false;
    }
    *f = (FerryFault) {
        .kind = kind, .access = -1, .chan = -1, .nth = 1, .count = 1,
    };
    if (!part[1]) {
        return true;
    }
    item = g_strsplit(part[1], ",", -1);
    if (!item[0]) {
        error_setg(errp, "'%s' has no KEY=VALUE", text);
        return false;
    }
    for (i = 0; item[i]; i++) {
        if (!ferry_fault_parse_key(f, item[i], errp)) {
            return false;
        }
    }
    return true;
}

static void ferry_fault_set(Object *obj, const char *value, Error **errp)
{
    FerryState *s = FERRY(obj);
    g_auto(GStrv) text = g_strsplit(value, ";", -1);
    FerryFault fault[FERRY_FAULTS];
    int i;

    for (i = 0; text[i]; i++) {
        if (i == FERRY_FAULTS) {
            error_setg(errp, "more than %d faults", FERRY_FAULTS);
            return;
        }
        if (!ferry_fault_parse(&fault[i], text[i], errp)) {
            return;
        }
    }
    QEMU_LOCK_GUARD(&s->lock);
    memcpy(s->fault, fault, i * sizeof(fault[0]));
    qatomic_set(&s->faults, i);
}

static char *ferry_fault_get(Object *obj, Error **errp)
{
    FerryState *s = FERRY(obj);
    GString *text = g_string_new(NULL);
    FerryFault *f;

    QEMU_LOCK_GUARD(&s->lock);
    for (f = s->fault; f < s->fault + s->faults; f++) {
        g_string_append_printf(text, "%s%s:nth=%u,count=%u",
                               text->len ? ";" : "", ferry_fault_kind[f->kind],
                               f->nth, f->count);
        if (f->chan >= 0) {
            g_string_append_printf(text, ",chan=%d", f->chan);
        }
        if (f->access >= 0) {
            g_string_append_printf(text, ",on=%s",
                                   ferry_fault_access[f->access]);
        }
    }
    return g_string_free(text, false);
}

void ferry_fault_add_property(ObjectClass *oc)
{
    object_class_property_add_str(oc, "x-fault", ferry_fault_get,
                                  ferry_fault_set);
    object_class_property_set_description(oc, "x-fault",
                                          "Faults to inject, for tests");
}

static bool ferry_fault_needed(void *opaque)
{
    FerryState *s = opaque;

    return s->faults;
}

static int ferry_fault_post_load(void *opaque, int version_id)
{
    FerryState *s = opaque;
    FerryFault *f;

    if (s->faults > FERRY_FAULTS) {
        s->faults = 0;
        return ferry_reject(s);
    }
    for (f = s->fault; f < s->fault + s->faults; f++) {
        if (f->kind >= FERRY_FAULT_KINDS || f->chan < -1 || !f->nth ||
            f->chan >= FERRY_MAX_CHANNELS || f->access < -1 ||
            f->access >= (int)ARRAY_SIZE(ferry_fault_access)) {
            s->faults = 0;
            return ferry_reject(s);
        }
    }
    return 0;
}

static const VMStateDescription vmstate_ferry_one_fault = {
    .name = "ferry/fault/one",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8(kind, FerryFault),
        VMSTATE_INT8(access, FerryFault),
        VMSTATE_INT8(chan, FerryFault),
        VMSTATE_UINT32(nth, FerryFault),
        VMSTATE_UINT32(count, FerryFault),
        VMSTATE_UINT32(seen, FerryFault),
        VMSTATE_END_OF_LIST()
    }
};

const VMStateDescription vmstate_ferry_fault = {
    .name = "ferry/fault",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = ferry_fault_needed,
    .post_load = ferry_fault_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(faults, FerryState),
        VMSTATE_STRUCT_ARRAY(fault, FerryState, FERRY_FAULTS, 1,
                             vmstate_ferry_one_fault, FerryFault),
        VMSTATE_END_OF_LIST()
    }
};
