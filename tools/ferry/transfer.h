/* SPDX-License-Identifier: GPL-2.0-only */
/* ferry: work that goes through the device block by block. */
#ifndef FERRY_TRANSFER_H
#define FERRY_TRANSFER_H

#include "cmd.h"
#include "libferry-ring.h"

/**
 * struct slot - one operation in flight, with its memory
 * @src: buffer the device reads, or NULL
 * @dst: buffer the device writes, or reads as the other side of a comparison
 * @offset: place of the block in the file
 * @len: bytes of the block
 */
struct slot {
	struct ferry_buf *src;
	struct ferry_buf *dst;
	uint64_t offset;
	uint32_t len;
};

struct transfer;

/**
 * struct transfer_ops - what a command does with a block
 * @load: put the next block into @slot and set its len; 0 ends the work
 * @prep: prepare the operation
 * @done: use what the device has made of it; false ends the work
 *
 * load and done run in the order of the blocks. While the CPU is in one of
 * them the device works on the other slots.
 */
struct transfer_ops {
	void (*load)(struct transfer *transfer, struct slot *slot);
	void (*prep)(struct transfer *transfer, struct slot *slot,
		     struct ferry_sqe *sqe);
	bool (*done)(struct transfer *transfer, struct slot *slot,
		     const struct ferry_cqe *cqe);
};

/**
 * struct transfer - queue and buffers, and what went through them
 * @opt: options
 * @ops: what the command does
 * @data: the command's own
 * @bytes: processed
 * @operations: completed
 * @ioctls: calls that waited
 * @doorbells: written
 * @seconds: from the first load to the last done
 * @dev: device
 * @ring: queue
 * @slots: opt->depth of them
 */
struct transfer {
	const struct options *opt;
	const struct transfer_ops *ops;
	void *data;

	uint64_t bytes;
	uint64_t operations;
	uint64_t ioctls;
	uint64_t doorbells;
	double seconds;

	struct ferry *dev;
	struct ferry_ring *ring;
	struct slot *slots;
};

enum {
	SRC = 1,		/* slots have src, the device only reads it */
	DST = 2,		/* slots have dst */
	DST_RO = 4,		/* the device only reads dst */
};

/* transfer_open() - open the device for operation @op; @buffers: SRC, DST .. */
void transfer_open(struct transfer *transfer, unsigned int op, int buffers);

/* transfer_run() - all blocks, from offset 0 on; adds to the statistics */
void transfer_run(struct transfer *transfer);

void transfer_close(struct transfer *transfer);

/* check_crc() - die unless the CPU finds the device's CRC of @slot's source */
void check_crc(const struct slot *slot, const struct ferry_cqe *cqe);

/* transfer_json() - members with the statistics */
void transfer_json(const struct transfer *transfer);

/* transfer_summary() - the same as a line on standard error; @crc or NULL */
void transfer_summary(const struct transfer *transfer, const char *verb,
		      const uint32_t *crc);

#endif /* FERRY_TRANSFER_H */
