/*
 * Ferry DMA controller: what the files of the model share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The model is two halves. The control half runs under the BQL: registers,
 * doorbells, reset, migration, the coalescing timer and the interrupt lines.
 * The engine half fetches, checks and executes entries. With the default
 * engine it runs in a virtual-clock timer, under the BQL too; with an IOThread
 * it runs there, without.
 *
 * Who may touch a field is said beside it:
 *
 *   const   written by realize only
 *   BQL     the control half
 *   lock    FerryState.lock, inside the BQL; both halves take it for a few
 *           instructions, in which they do nothing outside of the device but
 *           to set a timer
 *   engine  the engine half, while the channel is not IDLE; in IDLE it is the
 *           control half's, under lock, and while the engine is quiesced it is
 *           everybody's under the BQL. With an IOThread the engine half has
 *           FerryState.engine_lock, inside the BQL and outside of lock
 *   "X, read by all": written by X with qatomic_set() and read with
 *           qatomic_read() by anybody
 */

#ifndef HW_DMA_FERRY_INTERNAL_H
#define HW_DMA_FERRY_INTERNAL_H

#include "exec/memory.h"
#include "ferry-port.h"
#include "hw/dma/ferry.h"
#include "hw/dma/ferry_entry.h"
#include "hw/dma/ferry_regs.h"
#include "hw/sysbus.h"
#include "qemu/thread.h"
#include "qemu/timer.h"
#include "system/iothread.h"

/* What the capabilities say of this model */
#define FERRY_MODEL_VERSION     0x00010001
#define FERRY_PORT_OPS          (BIT(FERRY_OP_SEND) | BIT(FERRY_OP_RECV))
#define FERRY_MODEL_OPS         (BIT(FERRY_OP_NOP) | BIT(FERRY_OP_COPY) | \
                                 BIT(FERRY_OP_FILL) | BIT(FERRY_OP_CRC32C) | \
                                 BIT(FERRY_OP_COPY_CRC32C) | \
                                 BIT(FERRY_OP_COMPARE))
#define FERRY_MIN_PAGE_SHIFT    12
#define FERRY_MAX_PAGE_SHIFT    30
#define FERRY_MAX_LEN           (16 * MiB)
#define FERRY_RESET_BOUND_US    100
#define FERRY_STOP_BOUND_US     1000
#define FERRY_QUANTUM           (64 * KiB)
#define FERRY_COST_ENTRY        1024
#define FERRY_COST_WALK         256

/* Sizes of the caches and of the fetched batch: the model's choice */
#define FERRY_FETCH             32
#define FERRY_ROWS              16
#define FERRY_LEAVES            8
#define FERRY_SEGMENTS          4

/* Times that do not come: nothing is due; it is due, but a fault holds it */
#define FERRY_NONE              (-1)
#define FERRY_STUCK             INT64_MAX
#define FERRY_MAX_TIME          (INT64_MAX / 4)

/* Faults that can be injected at a time */
#define FERRY_FAULTS            8

/* Fields are given by their mask. */
static inline uint32_t ferry_get(uint32_t reg, uint32_t mask)
{
    return (reg & mask) >> ctz32(mask);
}

static inline uint32_t ferry_put(uint32_t value, uint32_t mask)
{
    return (value << ctz32(mask)) & mask;
}

/* Where one register of a pair is in its 64-bit value */
static inline uint32_t ferry_half(uint64_t value, bool hi)
{
    return value >> (hi ? 32 : 0);
}

static inline void ferry_set_half(uint64_t *value, bool hi, uint32_t half)
{
    *value = deposit64(*value, hi ? 32 : 0, 32, half);
}

/* What a DMA access is for; also what a fault can be injected into. */
typedef enum FerryAccess {
    FERRY_ACCESS_SQ,
    FERRY_ACCESS_CQ,
    FERRY_ACCESS_TABLE,
    FERRY_ACCESS_READ,
    FERRY_ACCESS_WRITE,
} FerryAccess;

/* Commands that take effect at the engine's pleasure */
typedef enum FerryCommand {
    FERRY_CMD_STOP,
    FERRY_CMD_INVALIDATE,
    FERRY_CMD_RESET,
    FERRY_CMDS,
} FerryCommand;

/* Host memory behind a range of bus addresses. */
typedef struct FerrySegment {
    MemoryRegionCache cache;
    hwaddr base;
    hwaddr len;                 /* 0: not in use */
} FerrySegment;

typedef struct FerrySegments {
    FerrySegment seg[FERRY_SEGMENTS];
    unsigned last;              /* most recently used: not the next victim */
} FerrySegments;

/* A piece of host memory, good until the end of the quantum. */
typedef struct FerryPiece {
    uint8_t *host;
    FerrySegment *seg;
    hwaddr bus;
    uint32_t len;
} FerryPiece;

typedef struct FerryRow {
    bool valid;
    uint16_t window;
    uint8_t shift;
    uint32_t flags;
    uint32_t first;
    uint64_t base;
    uint64_t size;
} FerryRow;

typedef struct FerryLeaf {
    bool valid;
    uint16_t window;
    uint16_t index;
    uint64_t page[FERRY_LIST_ENTRIES];
} FerryLeaf;

/* Why an access failed: a code of the datasheet and its ERR_ADDR */
typedef struct FerryFailure {
    uint8_t code;
    uint64_t addr;
} FerryFailure;

/* The running entry: a private copy, and how far it has come. */
typedef struct FerryOp {
    bool active;
    bool hung;                  /* by an injected fault */
    bool stalled;               /* waits for its port; read by all */
    uint8_t code;
    uint8_t flags;
    uint32_t len;
    uint32_t done;
    uint32_t paid;              /* bytes whose time has been spent */
    uint32_t crc;               /* of the bytes done; see ferry-ops.c */
    uint64_t src;
    uint64_t dst;
    uint64_t arg;
} FerryOp;

struct FerryChannel {
    FerryState *ferry;
    unsigned index;
    FerryPort *port;            /* const; that it is a channel of, or NULL */
    bool rx;                    /* const; and which one */

    /* Configuration: lock, written in IDLE only and so stable elsewhere */
    uint32_t config;
    uint32_t wt_count;
    uint32_t index_init;
    uint64_t sq_base;
    uint64_t cq_base;
    uint64_t wt_base;

    uint32_t state;             /* lock, read by all */
    uint32_t weight;            /* lock */
    int64_t cmd_ns[FERRY_CMDS]; /* lock; when the command takes effect */
    uint32_t inval;             /* lock; WIN_INVALIDATE in progress */

    /* Interrupts: lock */
    bool armed;                 /* lock, read by all */
    uint32_t arm;
    uint32_t coalesce;
    int64_t coalesce_ns;        /* when it began to hold back, or NONE */
    uint32_t irq_status;
    uint32_t irq_enable;
    uint32_t irqs;

    /* Error latch: lock */
    uint32_t err_status;
    uint32_t err_index;
    uint64_t err_addr;

    /* Doorbell: BQL, read by all */
    uint32_t tail;
    uint32_t doorbells;
    int64_t eligible_ns;        /* first quantum of an idle channel: BQL */

    /* Progress: engine, read by all */
    uint32_t head;
    uint32_t freed;             /* HEAD, ahead of it by an entry at its end */
    uint32_t errors;
    uint32_t quanta;
    uint64_t bytes;

    /* Progress: engine */
    FerryOp op;
    uint32_t fetched;           /* entries in sqe[] */
    uint32_t fetch_pos;         /* the next of them to begin */
    uint8_t sqe[FERRY_FETCH][FERRY_SQE_SIZE];

    /* Caches of the window table: engine, not migrated */
    FerryRow row[FERRY_ROWS];
    FerryLeaf leaf[FERRY_LEAVES];
    unsigned next_leaf;
};

/* An injected fault, see ferry-fault.c */
typedef struct FerryFault {
    uint8_t kind;
    int8_t access;              /* FerryAccess, or -1 for any */
    int8_t chan;                /* -1 for any */
    uint32_t nth;
    uint32_t count;
    uint32_t seen;
} FerryFault;

struct FerryState {
    SysBusDevice parent_obj;

    /* Properties: const */
    uint32_t channels;
    uint32_t ports;
    uint32_t num_irqs;
    uint32_t windows;
    uint8_t addr_width;
    uint8_t min_order;
    uint8_t max_order;
    uint64_t latency_ns;
    uint64_t bandwidth;
    IOThread *iothread;

    MemoryRegion ctrl;
    MemoryRegion doorbell;
    qemu_irq irq[FERRY_MAX_LINES];

    QemuMutex lock;
    FerryChannel *chan;         /* const, an array of channels */
    bool ready;                 /* lock, read by all */
    int64_t reset_ns;           /* lock; when a global reset takes effect */
    uint64_t commanded;         /* lock; bit c: channel c has a command */
    uint64_t asserting;         /* lock; bit c: channel c asserts its line */
    uint32_t levels;            /* BQL; of the lines */
    QEMUTimer *coalesce_timer;  /* earliest deadline of a coalesced interrupt */

    /* Scheduler: engine */
    uint32_t cursor;            /* the channel that is being served */
    uint32_t turn_left;         /* quanta left in its turn */
    bool in_quantum;            /* one was begun and waits for its time */
    int32_t quantum_left;       /* cost units; negative by the last chunk */

    /* Host memory: engine */
    MemoryListener listener;
    unsigned map_gen;           /* BQL, read by all: changes of memory */
    unsigned map_seen;
    FerrySegments map[2];       /* to read, to write */

    /* Virtual-time engine (ferry-timing.c): BQL */
    QEMUTimer *timer;
    int64_t next_ns;            /* no quantum before this */
    uint64_t carry;             /* bytes * 1e9 not yet a full nanosecond */

    /* IOThread engine (ferry-iothread.c) */
    QemuMutex engine_lock;
    AioContext *ctx;            /* const */
    QEMUBH *engine_bh;          /* const, runs in ctx */
    MemReentrancyGuard engine_guard;    /* of engine_bh */
    QEMUBH *irq_bh;             /* const, runs in the main loop */
    VMChangeStateEntry *vmstate;
    Notifier shutdown;
    bool quiesced;              /* BQL, read by all */
    bool commanding;            /* BQL, read by all: wants the engine_lock */

    FerryPort port[FERRY_MAX_PORTS];
    VMChangeStateEntry *port_vmstate;

    FerryFault fault[FERRY_FAULTS];     /* lock */
    uint32_t faults;            /* lock, read by all */
};

static inline uint32_t ferry_chan_size(FerryChannel *c)
{
    return 1u << ferry_get(c->config, FERRY_CHAN_CONFIG_RING_ORDER);
}

static inline bool ferry_chan_has_work(FerryChannel *c)
{
    return qatomic_load_acquire(&c->state) == FERRY_STATE_RUNNING &&
           qatomic_load_acquire(&c->tail) != c->head;
}

/* Whether the channel executes the operation */
static inline bool ferry_chan_has_op(FerryChannel *c, uint8_t code)
{
    if (code == FERRY_OP_SEND || code == FERRY_OP_RECV) {
        return c->port && c->rx == (code == FERRY_OP_RECV);
    }
    return code < 32 && (FERRY_MODEL_OPS & BIT(code));
}

/* Whether the range is within the width of a bus address */
static inline bool ferry_addr_fits(FerryState *s, uint64_t addr, uint64_t len)
{
    uint64_t last = MAKE_64BIT_MASK(0, s->addr_width);

    return addr <= last && (!len || len - 1 <= last - addr);
}

/* ferry.c: the device */
void ferry_chan_reset(FerryChannel *c);
void ferry_reset(FerryState *s);

/* ferry-vmstate.c: migration */
extern const VMStateDescription vmstate_ferry;
extern const VMStateDescription vmstate_ferry_fault;
extern const VMStateDescription vmstate_ferry_ports;
int ferry_reject(FerryState *s);

/* ferry-regs.c: the apertures and the global registers */
extern const MemoryRegionOps ferry_ctrl_ops;
extern const MemoryRegionOps ferry_doorbell_ops;

/* ferry-chan.c: the registers of a channel, with the lock */
bool ferry_chan_read(FerryChannel *c, uint32_t reg, uint32_t *value);
void ferry_chan_write(FerryChannel *c, uint32_t reg, uint32_t value);
uint32_t ferry_chan_bad_config(FerryChannel *c);

/* ferry-irq.c: interrupts and the error latch; all but update with the lock */
void ferry_irq_init(FerryState *s);
void ferry_irq_exit(FerryState *s);
bool ferry_irq_eval(FerryChannel *c);
void ferry_irq_assert(FerryChannel *c);
void ferry_irq_port(FerryChannel *c);
void ferry_irq_latch(FerryChannel *c, uint32_t code, uint32_t index,
                     uint64_t addr);
void ferry_irq_halt(FerryChannel *c, uint32_t code, uint32_t index,
                    uint64_t addr);
uint64_t ferry_irq_line_mask(FerryState *s, unsigned line);
uint32_t ferry_irq_levels(FerryState *s);
void ferry_irq_update(FerryState *s);

/* ferry-engine.c: commands, scheduling, fetching, completing */
int64_t ferry_engine_command_ns(FerryState *s);
void ferry_engine_commands(FerryState *s, int64_t now);
bool ferry_engine_quantum(FerryState *s, int64_t now);
int64_t ferry_engine_next(FerryState *s);
void ferry_engine_wake(FerryState *s);

/* ferry-ops.c: executing */
typedef struct FerryOpInfo {
    uint32_t src_perm;          /* FERRY_ROW_FLAGS_*, 0: src is not used */
    uint32_t dst_perm;
    uint8_t flags;              /* that an entry may have */
    bool crc;
} FerryOpInfo;

typedef struct FerryResult {
    FerryFailure why;           /* .code is FERRY_OK if it succeeded */
    uint32_t result;
    uint16_t flags;
} FerryResult;

typedef enum FerryStep {
    FERRY_STEP_AGAIN,           /* there is more to do */
    FERRY_STEP_WAIT,            /* its time has to pass first */
    FERRY_STEP_STALL,           /* it waits for its port */
    FERRY_STEP_DONE,            /* the result says how */
} FerryStep;

extern const FerryOpInfo ferry_op_info[];
void ferry_op_begin(FerryChannel *c);
FerryStep ferry_op_step(FerryChannel *c, FerryResult *r);
bool ferry_op_uses(FerryChannel *c, uint32_t inval);

/* ferry-window.c: the only way from an entry's address to the bus */
bool ferry_window_check(FerryChannel *c, uint64_t addr, uint64_t len,
                        uint32_t perm, FerryFailure *why);
bool ferry_window_translate(FerryChannel *c, uint64_t addr, uint32_t off,
                            uint32_t perm, uint32_t *len, hwaddr *bus,
                            FerryFailure *why);
void ferry_window_forget(FerryChannel *c, uint32_t inval);

/* ferry-dma.c: the only way from the bus to host memory */
void ferry_dma_init(FerryState *s);
void ferry_dma_exit(FerryState *s);
void ferry_dma_refresh(FerryState *s);
bool ferry_dma_map(FerryChannel *c, hwaddr bus, uint32_t len, FerryAccess kind,
                   FerryPiece *piece);
void ferry_dma_dirty(FerryPiece *piece, uint32_t len);

/* ferry-timing.c: the virtual-time engine */
void ferry_timing_init(FerryState *s);
void ferry_timing_exit(FerryState *s);
void ferry_timing_wake(FerryState *s);
void ferry_timing_catch_up(FerryState *s);
void ferry_timing_input(FerryState *s);
void ferry_timing_doorbell(FerryChannel *c, bool was_idle);
bool ferry_timing_pay(FerryState *s, uint32_t len);
void ferry_timing_abandon(FerryChannel *c);

/* ferry-iothread.c: the IOThread engine */
bool ferry_iothread_init(FerryState *s, Error **errp);
void ferry_iothread_exit(FerryState *s);
void ferry_iothread_wake(FerryState *s);
void ferry_iothread_command(FerryState *s);
void ferry_iothread_pause(FerryState *s);
void ferry_iothread_unpause(FerryState *s);
void ferry_iothread_quiesce(FerryState *s);
void ferry_iothread_resume(FerryState *s);

/* ferry-fault.c: fault injection */
typedef enum FerryFaultKind {
    FERRY_FAULT_ABORT,
    FERRY_FAULT_STUCK_STOP,
    FERRY_FAULT_STUCK_INVALIDATE,
    FERRY_FAULT_STUCK_RESET,
    FERRY_FAULT_STUCK_GLOBAL_RESET,
    FERRY_FAULT_HANG,
    FERRY_FAULT_LOST_IRQ,
    FERRY_FAULT_KINDS,
} FerryFaultKind;

void ferry_fault_add_property(ObjectClass *oc);
bool ferry_fault_hit(FerryState *s, FerryFaultKind kind, unsigned chan,
                     int access);
bool ferry_fault_hit_locked(FerryState *s, FerryFaultKind kind, unsigned chan,
                            int access);

/* Whether a fault of this kind strikes here; cheap where there is none */
static inline bool ferry_fault(FerryChannel *c, FerryFaultKind kind, int access)
{
    return unlikely(qatomic_read(&c->ferry->faults)) &&
           ferry_fault_hit(c->ferry, kind, c->index, access);
}

#endif
