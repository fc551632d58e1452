/*
 * Ferry DMA controller: windows
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * An entry names memory as window and offset. The channel's table, in memory
 * that only its driver writes, says what that is: a range, or a two-level list
 * of pages. Rows and leaves are copied before they are looked at, and the
 * copies are cached until WIN_INVALIDATE.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "ferry-internal.h"
#include "trace.h"

#define FERRY_OFFSET_MASK       MAKE_64BIT_MASK(0, FERRY_ADDR_WINDOW_SHIFT)
#define FERRY_ROW_FLAGS_KNOWN   (FERRY_ROW_FLAGS_VALID | \
                                 FERRY_ROW_FLAGS_READ | \
                                 FERRY_ROW_FLAGS_WRITE | \
                                 FERRY_ROW_FLAGS_LIST | \
                                 FERRY_ROW_FLAGS_PAGE_SHIFT)

static bool ferry_fail(FerryFailure *why, uint8_t code, uint64_t addr)
{
    why->code = code;
    why->addr = addr;
    return false;
}

/* Copy from the tables, which are never aligned to less than what is read. */
static bool ferry_table_read(FerryChannel *c, hwaddr bus, void *buf,
                             uint32_t len, FerryFailure *why)
{
    FerryPiece piece;

    if (!ferry_dma_map(c, bus, len, FERRY_ACCESS_TABLE, &piece) ||
        piece.len < len) {
        return ferry_fail(why, FERRY_ERR_DMA_ABORT, bus);
    }
    memcpy(buf, piece.host, len);
    return true;
}

static bool ferry_row_well_formed(FerryState *s, const FerryRow *row,
                                  uint64_t reserved)
{
    if ((row->flags & ~FERRY_ROW_FLAGS_KNOWN) || reserved || !row->size ||
        row->size > FERRY_OFFSET_MASK + 1) {
        return false;
    }
    if (!(row->flags & FERRY_ROW_FLAGS_LIST)) {
        return ferry_addr_fits(s, row->base, row->size);
    }
    return row->shift >= FERRY_MIN_PAGE_SHIFT &&
           row->shift <= FERRY_MAX_PAGE_SHIFT &&
           row->first < BIT_ULL(row->shift) &&
           QEMU_IS_ALIGNED(row->base, FERRY_LIST_BYTES) &&
           ferry_addr_fits(s, row->base, FERRY_LIST_BYTES) &&
           (row->first + row->size - 1) >> row->shift < FERRY_LIST_MAX_PAGES;
}

/*
 * Not inline: it has an array, which is zeroed and guarded by the compiler, and
 * a row is looked for four times for a copy.
 */
static const FerryRow *__attribute__((noinline))
ferry_row_load(FerryChannel *c, FerryRow *row, uint64_t addr, uint64_t reached,
               FerryFailure *why)
{
    FerryState *s = c->ferry;
    uint32_t window = addr >> FERRY_ADDR_WINDOW_SHIFT;
    uint8_t raw[FERRY_ROW_SIZE];

    if (window >= c->wt_count) {
        ferry_fail(why, FERRY_ERR_BAD_WINDOW, addr);
        return NULL;
    }
    row->valid = false;
    s->quantum_left -= FERRY_COST_WALK;
    if (!ferry_table_read(c, c->wt_base + window * FERRY_ROW_SIZE, raw,
                          sizeof(raw), why)) {
        return NULL;
    }
    row->window = window;
    row->base = ldq_le_p(raw + FERRY_ROW_BASE);
    row->size = ldq_le_p(raw + FERRY_ROW_BYTES);
    row->flags = ldl_le_p(raw + FERRY_ROW_FLAGS);
    row->first = ldl_le_p(raw + FERRY_ROW_FIRST);
    row->shift = ferry_get(row->flags, FERRY_ROW_FLAGS_PAGE_SHIFT);
    trace_ferry_row(c->index, window, row->base, row->size, row->flags);
    if (!(row->flags & FERRY_ROW_FLAGS_VALID)) {
        ferry_fail(why, FERRY_ERR_WINDOW_REVOKED, addr);
        return NULL;
    }
    if (!ferry_row_well_formed(s, row, ldq_le_p(raw + FERRY_ROW_RESERVED))) {
        ferry_fail(why, FERRY_ERR_WINDOW_MALFORMED, reached);
        return NULL;
    }
    row->valid = true;
    return row;
}

/*
 * The row of an address, from the cache or from the table. @reached is what
 * has been come to of the operand when its row was dropped in between.
 */
static const FerryRow *ferry_row_find(FerryChannel *c, uint64_t addr,
                                      uint64_t reached, FerryFailure *why)
{
    uint32_t window = addr >> FERRY_ADDR_WINDOW_SHIFT;
    FerryRow *row = &c->row[window % FERRY_ROWS];

    if (row->valid && row->window == window) {
        return row;
    }
    return ferry_row_load(c, row, addr, reached, why);
}

/* The row of a range that may be accessed so; bypassing is up to the caller */
static const FerryRow *ferry_row_check(FerryChannel *c, uint64_t addr,
                                       uint32_t off, uint64_t len,
                                       uint32_t perm, FerryFailure *why)
{
    uint64_t offset = (addr & FERRY_OFFSET_MASK) + off;
    const FerryRow *row = ferry_row_find(c, addr, addr + off, why);

    if (!row) {
        return NULL;
    }
    if (!(row->flags & perm)) {
        ferry_fail(why, FERRY_ERR_WINDOW_PERM, addr);
        return NULL;
    }
    /* Both are far from where their sum would wrap. */
    if (offset + len > row->size) {
        ferry_fail(why, FERRY_ERR_WINDOW_BOUNDS, addr);
        return NULL;
    }
    return row;
}

/* Check a whole operand before anything of it is touched. */
bool ferry_window_check(FerryChannel *c, uint64_t addr, uint64_t len,
                        uint32_t perm, FerryFailure *why)
{
    if (c->config & FERRY_CHAN_CONFIG_BYPASS) {
        return ferry_addr_fits(c->ferry, addr, len) ||
               ferry_fail(why, FERRY_ERR_DMA_ABORT, addr);
    }
    return ferry_row_check(c, addr, 0, len, perm, why);
}

/* The leaf that lists page @p of a row, from the cache or from memory */
static const FerryLeaf *ferry_leaf_find(FerryChannel *c, const FerryRow *row,
                                        uint32_t p, uint64_t addr,
                                        FerryFailure *why)
{
    FerryState *s = c->ferry;
    uint32_t index = p / FERRY_LIST_ENTRIES;
    FerryLeaf *leaf;
    uint64_t base;
    int i;

    for (leaf = c->leaf; leaf < c->leaf + FERRY_LEAVES; leaf++) {
        if (leaf->valid && leaf->window == row->window &&
            leaf->index == index) {
            return leaf;
        }
    }
    leaf = &c->leaf[c->next_leaf];
    c->next_leaf = (c->next_leaf + 1) % FERRY_LEAVES;
    leaf->valid = false;
    s->quantum_left -= FERRY_COST_WALK;

    if (!ferry_table_read(c, row->base + index * sizeof(base), &base,
                          sizeof(base), why)) {
        return NULL;
    }
    base = le64_to_cpu(base);
    if (!QEMU_IS_ALIGNED(base, FERRY_LIST_BYTES) ||
        !ferry_addr_fits(s, base, FERRY_LIST_BYTES)) {
        ferry_fail(why, FERRY_ERR_WINDOW_MALFORMED, addr);
        return NULL;
    }
    if (!ferry_table_read(c, base, leaf->page, sizeof(leaf->page), why)) {
        return NULL;
    }
    for (i = 0; i < FERRY_LIST_ENTRIES; i++) {
        le64_to_cpus(&leaf->page[i]);
    }
    leaf->window = row->window;
    leaf->index = index;
    leaf->valid = true;
    trace_ferry_leaf(c->index, row->window, index, base);
    return leaf;
}

static bool ferry_page_find(FerryChannel *c, const FerryRow *row, uint32_t p,
                            uint64_t addr, hwaddr *page, FerryFailure *why)
{
    const FerryLeaf *leaf = ferry_leaf_find(c, row, p, addr, why);

    if (!leaf) {
        return false;
    }
    *page = leaf->page[p % FERRY_LIST_ENTRIES];
    if (!QEMU_IS_ALIGNED(*page, BIT_ULL(row->shift)) ||
        !ferry_addr_fits(c->ferry, *page, BIT_ULL(row->shift))) {
        return ferry_fail(why, FERRY_ERR_WINDOW_MALFORMED, addr);
    }
    return true;
}

static bool ferry_list_translate(FerryChannel *c, const FerryRow *row,
                                 uint64_t addr, uint64_t offset, uint32_t *len,
                                 hwaddr *bus, FerryFailure *why)
{
    uint64_t pos = row->first + offset;
    uint64_t size = BIT_ULL(row->shift);
    uint64_t got = size - (pos & (size - 1));
    uint32_t p = pos >> row->shift;
    FerryFailure later;
    hwaddr page, next;

    if (!ferry_page_find(c, row, p, addr, &page, why)) {
        return false;
    }
    *bus = page + (pos & (size - 1));
    /*
     * Neighbours in the list that are neighbours in memory make one piece. A
     * fault in what follows is found again when it is reached.
     */
    while (got < *len && (p + 1) % FERRY_LIST_ENTRIES &&
           ferry_page_find(c, row, ++p, addr, &next, &later) &&
           next == page + size) {
        page = next;
        got += size;
    }
    *len = MIN(*len, got);
    return true;
}

/*
 * The bus address of byte @off of an operand, and how many of the @len bytes
 * from there on are contiguous.
 */
bool ferry_window_translate(FerryChannel *c, uint64_t addr, uint32_t off,
                            uint32_t perm, uint32_t *len, hwaddr *bus,
                            FerryFailure *why)
{
    uint64_t offset = (addr & FERRY_OFFSET_MASK) + off;
    const FerryRow *row;

    if (c->config & FERRY_CHAN_CONFIG_BYPASS) {
        *bus = addr + off;
        return true;
    }
    row = ferry_row_check(c, addr, off, *len, perm, why);
    if (!row) {
        return false;
    }
    if (row->flags & FERRY_ROW_FLAGS_LIST) {
        return ferry_list_translate(c, row, addr + off, offset, len, bus, why);
    }
    *bus = row->base + offset;
    return true;
}

/* Drop what is cached of a row, or of ALL rows. */
void ferry_window_forget(FerryChannel *c, uint32_t inval)
{
    bool all = inval & FERRY_CHAN_WIN_INVALIDATE_ALL;
    uint32_t window = ferry_get(inval, FERRY_CHAN_WIN_INVALIDATE_ROW);
    int i;

    for (i = 0; i < FERRY_ROWS; i++) {
        c->row[i].valid &= !all && c->row[i].window != window;
    }
    for (i = 0; i < FERRY_LEAVES; i++) {
        c->leaf[i].valid &= !all && c->leaf[i].window != window;
    }
}
