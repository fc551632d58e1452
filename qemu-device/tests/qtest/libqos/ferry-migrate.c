/*
 * Ferry DMA controller: migration, for its qtests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include "qobject/qdict.h"
#include "ferry.h"

/* The status of a migration, and how often it looked for dirty pages */
char *ferry_migrate_query(FerryDev *dev, int64_t *syncs)
{
    QDict *ret = qtest_qmp_assert_success_ref(dev->qts,
                                              "{ 'execute': 'query-migrate' }");
    QDict *ram = qdict_get_qdict(ret, "ram");
    char *status = g_strdup(qdict_get_try_str(ret, "status"));

    if (syncs) {
        *syncs = ram ? qdict_get_try_int(ram, "dirty-sync-count", 0) : 0;
    }
    qobject_unref(ret);
    return status;
}

/* Waits for the end of a migration; whether it was a good one */
bool ferry_migrate_end(FerryDev *dev)
{
    for (;;) {
        g_autofree char *status = ferry_migrate_query(dev, NULL);

        if (!g_strcmp0(status, "completed")) {
            return true;
        }
        if (!g_strcmp0(status, "failed")) {
            return false;
        }
        g_usleep(5000);
    }
}

void ferry_migrate_wait(FerryDev *dev)
{
    g_assert_true(ferry_migrate_end(dev));
}

char *ferry_migrate_file(void)
{
    g_autofree char *name = NULL;

    close(g_file_open_tmp("ferry-stream-XXXXXX", &name, NULL));
    return g_steal_pointer(&name);
}

void ferry_migrate_send(FerryDev *dev, const char *name)
{
    g_autofree char *uri = g_strdup_printf("file:%s", name);

    qtest_qmp_assert_success(dev->qts, "{ 'execute': 'migrate',"
                             "  'arguments': { 'uri': %s } }", uri);
}

/* A machine that has taken in the stream of the source, and runs */
FerryDev *ferry_migrate_receive(FerryDev *from, FerryEngine engine,
                                const char *machine, const char *options,
                                const char *name)
{
    g_autofree char *incoming = g_strdup_printf("%s -incoming defer", machine);
    FerryDev *to = ferry_new(engine, incoming, options);
    g_autofree char *uri = g_strdup_printf("file:%s", name);

    qtest_clock_set(to->qts, qtest_clock_step(from->qts, 1));
    qtest_qmp_assert_success(to->qts, "{ 'execute': 'migrate-incoming',"
                             "  'arguments': { 'uri': %s } }", uri);
    ferry_migrate_wait(to);
    unlink(name);
    qtest_qmp_assert_success(to->qts, "{ 'execute': 'cont' }");
    g_assert_cmphex(to->ctrl, ==, from->ctrl);
    ferry_free(from);
    return to;
}

/* Stops the source where it is; the file that has its stream */
char *ferry_migrate_save(FerryDev *dev)
{
    char *name = ferry_migrate_file();

    qtest_qmp_assert_success(dev->qts, "{ 'execute': 'stop' }");
    ferry_migrate_send(dev, name);
    ferry_migrate_wait(dev);
    return name;
}

/* Stops the source where it is, and goes on in another machine. */
FerryDev *ferry_migrate(FerryDev *from, FerryEngine engine,
                        const char *machine, const char *options)
{
    g_autofree char *name = ferry_migrate_save(from);

    return ferry_migrate_receive(from, engine, machine, options, name);
}

/* A machine that was given a stream; whether it has taken it in */
bool ferry_migrate_load(FerryDev **dev, const char *machine,
                        const char *options, const char *name)
{
    g_autofree char *incoming = g_strdup_printf("%s -incoming defer", machine);
    g_autofree char *uri = g_strdup_printf("file:%s", name);

    *dev = ferry_new(FERRY_VIRTUAL, incoming, options);
    qtest_qmp_assert_success((*dev)->qts, "{ 'execute': 'migrate-incoming',"
                             "  'arguments': { 'uri': %s,"
                             "  'exit-on-error': false } }", uri);
    return ferry_migrate_end(*dev);
}

/* A stream, and where in it a section's name ends */
char *ferry_migrate_find(const char *name, const char *section, gsize *len,
                         gsize *at)
{
    char *stream, *found;

    g_assert_true(g_file_get_contents(name, &stream, len, NULL));
    found = memmem(stream, *len, section, strlen(section));
    g_assert_nonnull(found);
    *at = found - stream + strlen(section);
    return stream;
}

/* Writes over less than MOST bytes of a stream, somewhere in [FROM, END). */
void ferry_migrate_spoil(GRand *rand, int most, char *stream, gsize from,
                         gsize end)
{
    for (int n = g_rand_int_range(rand, 1, most); n--; ) {
        stream[g_rand_int_range(rand, from, end)] =
            g_rand_boolean(rand) ? -1 : g_rand_int(rand);
    }
}

void ferry_migrate_add(const char *area, const char *name,
                       void (*test)(const void *route))
{
    static const FerryRoute routes[] = {
        { "virtual-to-virtual", FERRY_VIRTUAL, FERRY_VIRTUAL },
        { "iothread-to-iothread", FERRY_IOTHREAD, FERRY_IOTHREAD },
        { "virtual-to-iothread", FERRY_VIRTUAL, FERRY_IOTHREAD },
        { "iothread-to-virtual", FERRY_IOTHREAD, FERRY_VIRTUAL },
    };

    for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
        g_autofree char *path = g_strdup_printf("ferry/%s/%s/%s", area, name,
                                                routes[i].name);

        qtest_add_data_func(path, &routes[i], test);
    }
}
