/*
 * Ferry DMA controller: from bus addresses to host memory
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The device reaches RAM and nothing else: an access that another device, its
 * own doorbells included, or nobody would answer is refused, and never
 * performed. A few segments, each a whole block of RAM as a rule, are kept in
 * a MemoryRegionCache, which holds the references that keep the memory there
 * and knows how to mark it dirty. When the memory map changes, a listener says
 * so and the engine drops them before its next quantum: a piece is good until
 * the end of the quantum in which it was mapped.
 */

#include "qemu/osdep.h"
#include "qemu/rcu.h"
#include "exec/address-spaces.h"
#include "ferry-internal.h"
#include "trace.h"

static void ferry_segment_drop(FerrySegment *seg)
{
    if (seg->len) {
        /*
         * The view's own reference to the region goes away after a grace
         * period, so that ours is not the last one, and what has to be done
         * with the last one is not done here.
         */
        RCU_READ_LOCK_GUARD();

        address_space_cache_destroy(&seg->cache);
        seg->len = 0;
    }
}

static bool ferry_segment_init(FerrySegment *seg, hwaddr base, hwaddr len,
                               bool is_write)
{
    int64_t l = address_space_cache_init(&seg->cache, &address_space_memory,
                                         base, len, is_write);

    seg->base = base;
    seg->len = l;
    if (!seg->cache.ptr) {
        ferry_segment_drop(seg);
        return false;
    }
    return true;
}

/* Map the whole block of RAM around an address. */
static bool ferry_segment_fill(FerrySegment *seg, hwaddr bus, bool is_write)
{
    MemoryRegionSection mrs;
    hwaddr len = MIN(FERRY_CHUNK, -bus - 1) + 1;

    ferry_segment_drop(seg);
    if (!ferry_segment_init(seg, bus, len, is_write)) {
        return false;
    }
    mrs = seg->cache.mrs;
    ferry_segment_drop(seg);
    if (ferry_segment_init(seg, mrs.offset_within_address_space,
                           int128_get64(mrs.size), is_write)) {
        if (bus - seg->base < seg->len) {
            return true;
        }
        ferry_segment_drop(seg);
    }
    /* The map has just changed under an IOThread: be content with a little. */
    return ferry_segment_init(seg, bus, len, is_write);
}

/*
 * Find the memory at @bus, at most @len bytes of it. Two pieces that are mapped
 * one right after the other are both good: the segment used last is spared.
 */
bool ferry_dma_map(FerryChannel *c, hwaddr bus, uint32_t len, FerryAccess kind,
                   FerryPiece *piece)
{
    bool is_write = kind == FERRY_ACCESS_CQ || kind == FERRY_ACCESS_WRITE;
    FerrySegments *map = &c->ferry->map[is_write];
    FerrySegment *seg = &map->seg[map->last];
    unsigned i;

    if (ferry_fault(c, FERRY_FAULT_ABORT, kind)) {
        trace_ferry_abort(c->index, bus, kind);
        return false;
    }
    for (i = 0; bus - seg->base >= seg->len; i++) {
        map->last = (map->last + 1) % FERRY_SEGMENTS;
        seg = &map->seg[map->last];
        if (i == FERRY_SEGMENTS) {
            if (!ferry_segment_fill(seg, bus, is_write)) {
                trace_ferry_abort(c->index, bus, kind);
                return false;
            }
            break;
        }
    }
    piece->seg = seg;
    piece->bus = bus;
    piece->len = MIN(len, seg->len - (bus - seg->base));
    piece->host = (uint8_t *)seg->cache.ptr + (bus - seg->base);
    return true;
}

/* Tell migration, the display and translated code what was written. */
void ferry_dma_dirty(FerryPiece *piece, uint32_t len)
{
    address_space_cache_invalidate(&piece->seg->cache,
                                   piece->bus - piece->seg->base, len);
}

static void ferry_dma_drop(FerryState *s)
{
    int i, j;

    for (i = 0; i < ARRAY_SIZE(s->map); i++) {
        for (j = 0; j < FERRY_SEGMENTS; j++) {
            ferry_segment_drop(&s->map[i].seg[j]);
        }
    }
}

/* In the engine, outside of a quantum: follow changes of the memory map. */
void ferry_dma_refresh(FerryState *s)
{
    unsigned gen = qatomic_load_acquire(&s->map_gen);

    if (s->map_seen != gen) {
        s->map_seen = gen;
        ferry_dma_drop(s);
    }
}

static void ferry_dma_commit(MemoryListener *listener)
{
    FerryState *s = container_of(listener, FerryState, listener);

    qatomic_store_release(&s->map_gen, s->map_gen + 1);
    ferry_engine_wake(s);
}

void ferry_dma_init(FerryState *s)
{
    s->listener = (MemoryListener) {
        .name = "ferry",
        .commit = ferry_dma_commit,
    };
    memory_listener_register(&s->listener, &address_space_memory);
}

/* With the engine quiesced */
void ferry_dma_exit(FerryState *s)
{
    memory_listener_unregister(&s->listener);
    ferry_dma_drop(s);
}
