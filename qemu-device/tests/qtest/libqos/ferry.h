/*
 * Ferry DMA controller: what its qtests share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A test gets a device from ferry_get(), describes queues with FerryQueue,
 * fills them with entries and reaps the completions. The same test serves both
 * engines: what lets time pass, and so lets the device work, is in ferry_poll()
 * alone.
 *
 * ferry-regs-test uses offsets of its own, so that a slip in the shared header
 * cannot hide.
 */
#ifndef LIBQOS_FERRY_H
#define LIBQOS_FERRY_H

#include "../libqtest.h"
#include "hw/dma/ferry_regs.h"
#include "hw/dma/ferry_entry.h"

/* Where virt has its memory, and where the tests put things in it */
#define FERRY_RAM           0x40000000ULL
#define FERRY_RINGS         (FERRY_RAM + 0x00200000)
#define FERRY_RINGS_STRIDE  0x20000
#define FERRY_LISTS         (FERRY_RAM + 0x04000000)
#define FERRY_DATA          (FERRY_RAM + 0x08000000)
#define FERRY_HIGH          0x100000000ULL  /* needs -m 4G */

typedef enum FerryEngine {
    FERRY_VIRTUAL,      /* the virtual clock moves in ferry_poll() only */
    FERRY_IOTHREAD,
    FERRY_REALTIME,     /* the virtual engine with the clock of TCG */
} FerryEngine;

typedef struct FerryDev {
    QTestState *qts;
    FerryEngine engine;
    uint64_t ctrl;
    uint64_t doorbell;
    uint64_t doorbell_size;
    bool host;          /* what is waited for may come from the host */
    char *key;
} FerryDev;

typedef struct FerryCqe {
    uint32_t result;
    uint32_t len;
    uint16_t status;
    uint16_t flags;
    uint32_t seq;
} FerryCqe;

/* A channel's configuration and the owner's indices */
typedef struct FerryQueue {
    FerryDev *dev;
    unsigned int chan;
    unsigned int order;
    uint32_t config;    /* CONFIG without RING_ORDER */
    uint64_t sq;
    uint64_t cq;
    uint64_t wt;
    uint32_t rows;
    uint32_t init;
    uint32_t tail;      /* next entry to write */
    uint32_t head;      /* next completion to reap */
} FerryQueue;

/* A port and its two channels */
typedef struct FerryStream {
    FerryDev *dev;
    unsigned int port;
    FerryQueue tx;
    FerryQueue rx;
} FerryStream;

typedef void FerryTest(FerryDev *dev);

/*
 * Adds /ferry/AREA/ENGINE/NAME for each of the engines, or /ferry/AREA/NAME
 * on the virtual one only. The device of a test has the properties OPTIONS and
 * has been reset. A test that starts its own machines uses ferry_add_plain().
 */
void ferry_add(const char *area, const char *name, const char *options,
               FerryTest *test);
void ferry_add_virtual(const char *area, const char *name, const char *options,
                       FerryTest *test);
void ferry_add_plain(const char *area, const char *name, void (*test)(void));
int ferry_run_tests(void);

/*
 * @machine: further options of the command line, or ""
 * @options: properties of the device: ",latency-ns=0", or ""; a bandwidth
 *           comes last, and is not for an IOThread, which has no such thing
 */
FerryDev *ferry_new(FerryEngine engine, const char *machine,
                    const char *options);
void ferry_free(FerryDev *dev);

/* Whether the emulator accepts these options and properties. */
bool ferry_accepts(const char *machine, const char *options, char **message);

uint32_t ferry_read(FerryDev *dev, uint32_t offset);
uint64_t ferry_read64(FerryDev *dev, uint32_t offset_lo);
void ferry_write(FerryDev *dev, uint32_t offset, uint32_t value);
void ferry_doorbell(FerryDev *dev, unsigned int chan, uint32_t tail);

/* Lets a little time pass; fails the test when SPENT exceeds any patience. */
void ferry_poll(FerryDev *dev, uint64_t *spent);
void ferry_global_reset(FerryDev *dev);

uint32_t ferry_crc32c(uint32_t crc, const void *data, size_t len);
void ferry_fill(FerryDev *dev, uint64_t addr, const void *data, size_t len);
void ferry_get(FerryDev *dev, uint64_t addr, void *data, size_t len);
void ferry_pattern(uint8_t *data, size_t len, uint32_t seed);
void ferry_assert_memory(FerryDev *dev, uint64_t addr, const void *data,
                         size_t len);

void ferry_queue_init(FerryQueue *q, FerryDev *dev, unsigned int chan);
void ferry_queue_configure(FerryQueue *q);
void ferry_queue_start(FerryQueue *q);
void ferry_queue_start_bypass(FerryQueue *q, FerryDev *dev, unsigned int chan);
uint32_t ferry_queue_read(FerryQueue *q, uint32_t reg);
uint64_t ferry_queue_read64(FerryQueue *q, uint32_t reg_lo);
void ferry_queue_write(FerryQueue *q, uint32_t reg, uint32_t value);
uint32_t ferry_queue_state(FerryQueue *q);
void ferry_queue_wait_state(FerryQueue *q, uint32_t state);
void ferry_queue_reset(FerryQueue *q);
void ferry_queue_assert_error(FerryQueue *q, uint32_t status, uint32_t index,
                              uint64_t addr);
/* The same of one that is VALID; then it is acknowledged. */
void ferry_queue_take_error(FerryQueue *q, uint32_t status, uint32_t index,
                            uint64_t addr);

void ferry_queue_row(FerryQueue *q, unsigned int row, uint64_t base,
                     uint64_t size, uint32_t flags, uint32_t first);
void ferry_queue_invalidate(FerryQueue *q, uint32_t what);
void ferry_queue_wait_invalidated(FerryQueue *q);

static inline uint64_t ferry_at(uint16_t window, uint64_t offset)
{
    return (uint64_t)window << FERRY_ADDR_WINDOW_SHIFT | offset;
}

/* Writes an entry into the next slot, which ferry_queue_ring() submits. */
void ferry_queue_add(FerryQueue *q, uint8_t op, uint32_t len, uint64_t src,
                     uint64_t dst, uint64_t arg);
void ferry_queue_add_flags(FerryQueue *q, uint8_t op, uint8_t flags,
                           uint32_t len, uint64_t src, uint64_t dst,
                           uint64_t arg);
void ferry_queue_ring(FerryQueue *q);
bool ferry_queue_done(FerryQueue *q, uint32_t index);
void ferry_queue_peek(FerryQueue *q, uint32_t index, FerryCqe *cqe);
FerryCqe ferry_queue_reap(FerryQueue *q);
void ferry_queue_settle(FerryQueue *q);
FerryCqe ferry_queue_do(FerryQueue *q, uint8_t op, uint32_t len, uint64_t src,
                        uint64_t dst, uint64_t arg);

void ferry_queue_wait_stalled(FerryQueue *q);

/* ferry-host.c: ports and their other side; the device works meanwhile */

/* With both channels running, in BYPASS */
void ferry_stream_start(FerryStream *st, FerryDev *dev, unsigned int port);
uint32_t ferry_stream_read(FerryStream *st, uint32_t reg);
uint64_t ferry_stream_read64(FerryStream *st, uint32_t reg_lo);
void ferry_stream_write(FerryStream *st, uint32_t reg, uint32_t value);
/* Submits it and does not wait. */
void ferry_stream_send(FerryStream *st, uint64_t src, uint32_t len,
                       uint8_t flags);
void ferry_stream_recv(FerryStream *st, uint64_t dst, uint32_t len);
void ferry_stream_wait_status(FerryStream *st, uint32_t mask, uint32_t value);
/* @reg: FERRY_PORT_TX_LEVEL or FERRY_PORT_RX_LEVEL */
void ferry_stream_wait_level(FerryStream *st, uint32_t reg, uint32_t level);
void ferry_stream_wait_taken(FerryStream *st);
void ferry_stream_drain(FerryStream *st, uint64_t dst, uint32_t len,
                        uint32_t most);
void ferry_stream_assert_hup(FerryStream *st, uint64_t dst);

char *ferry_host_path(void);
void ferry_host_unlink(char *path);
int ferry_host_connect(const char *path);
int ferry_host_listen(const char *path);
int ferry_host_accept(FerryDev *dev, int listener);
/* What passes now, maybe nothing */
size_t ferry_host_try_put(int fd, const void *data, size_t len);
size_t ferry_host_try_get(int fd, void *data, size_t len);
void ferry_host_put(FerryDev *dev, int fd, const void *data, size_t len);
void ferry_host_get(FerryDev *dev, int fd, void *data, size_t len);
FerryDev *ferry_host_new(FerryEngine engine, const char *chardev,
                         const char *options);
FerryDev *ferry_host_server(FerryEngine engine, const char *path,
                            const char *options);
/* Adds /ferry/AREA/ENGINE/NAME, a test that starts its own machine. */
typedef void FerryHostTest(FerryEngine engine);
void ferry_host_add(const char *area, const char *name, FerryHostTest *test);

typedef struct FerryRoute {
    const char *name;
    FerryEngine from;
    FerryEngine to;
} FerryRoute;

/* ferry-migrate.c: a stream in a file, and who writes and reads it */

/* Adds /ferry/AREA/NAME/ROUTE, a test that gets a FerryRoute, for each. */
void ferry_migrate_add(const char *area, const char *name,
                       void (*test)(const void *route));
char *ferry_migrate_file(void);
char *ferry_migrate_query(FerryDev *dev, int64_t *syncs);
bool ferry_migrate_end(FerryDev *dev);
void ferry_migrate_wait(FerryDev *dev);
void ferry_migrate_send(FerryDev *dev, const char *name);
FerryDev *ferry_migrate_receive(FerryDev *from, FerryEngine engine,
                                const char *machine, const char *options,
                                const char *name);
char *ferry_migrate_save(FerryDev *dev);
bool ferry_migrate_load(FerryDev **dev, const char *machine,
                        const char *options, const char *name);
char *ferry_migrate_find(const char *name, const char *section, gsize *len,
                         gsize *at);
void ferry_migrate_spoil(GRand *rand, int most, char *stream, gsize from,
                         gsize end);
/* Stops the source where it is, and goes on in another machine. */
FerryDev *ferry_migrate(FerryDev *from, FerryEngine engine,
                        const char *machine, const char *options);

#define ferry_assert_cqe(cqe, status_, len_, result_, flags_)   \
    do {                                                        \
        FerryCqe c_ = (cqe);                                    \
        g_assert_cmpuint(c_.status, ==, (status_));             \
        g_assert_cmpuint(c_.len, ==, (len_));                   \
        g_assert_cmphex(c_.result, ==, (result_));              \
        g_assert_cmphex(c_.flags, ==, (flags_));                \
    } while (0)

#endif
