// SPDX-License-Identifier: GPL-2.0-only
/*
 * ferry: work that goes through the device block by block.
 *
 * There are as many slots as operations in flight; block n uses slot n modulo
 * that. The loop loads a block, submits it, and takes what has completed by
 * then, all without a system call; it sleeps only if every slot is in flight or
 * there is nothing left to load.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "progress.h"
#include "transfer.h"

static unsigned int count_bits(uint64_t mask)
{
	return (unsigned int)__builtin_popcountll(mask);
}

static void check_limits(const struct options *opt, unsigned int op,
			 unsigned int buffers, const struct ferry_info *info)
{
	unsigned int most = 1U << info->max_order;

	if (!(info->ops & 1U << op))
		die("%s does not have the operation %s", opt->device,
		    ferry_op_name(op));
	if (opt->block > info->max_len)
		die("--block=%u is more than the device's limit; use --block=%u or less",
		    opt->block, info->max_len);
	if (info->max_buffers / buffers < most)
		most = info->max_buffers / buffers;
	if (opt->depth > most)
		die("--depth=%u is more than the device's limit; use --depth=%u or less",
		    opt->depth, most);
}

static void open_ring(struct transfer *transfer, const struct ferry_info *info)
{
	const struct options *opt = transfer->opt;
	int err;

	err = ferry_ring_open(transfer->dev, opt->depth, 0, &transfer->ring);
	if (!err)
		return;
	if (err == -ENOSPC && !info->user_mask)
		die("%s has no channel for users; see dma-channel-mask in its device-tree node",
		    opt->device);
	if (err == -ENOSPC && info->user_mask & ~info->busy_mask)
		die("you hold %u queues of %s, and a user may hold %u; end a program that has one",
		    info->queues, opt->device, info->max_queues);
	if (err == -ENOSPC)
		die("all %u user channels of %s are in use; end a program that has one",
		    count_bits(info->user_mask), opt->device);
	if (err == -EOPNOTSUPP)
		die("%s has no queues that a process can map; its doorbells must lie on pages of their own",
		    opt->device);
	die("cannot create a queue on %s: %s", opt->device, strerror(-err));
}

static struct ferry_buf *open_buffer(struct transfer *transfer,
				     unsigned int flags)
{
	struct ferry_buf *buf;
	int err;

	err = ferry_buf_alloc(transfer->dev, transfer->opt->block, flags, &buf);
	if (!err)
		err = ferry_buf_map(buf);
	if (err == -ENOMEM)
		die("not enough memory for %u operations of %u bytes; use a smaller --block or --depth",
		    transfer->opt->depth, transfer->opt->block);
	if (err)
		die("cannot allocate a buffer of %s: %s", transfer->opt->device,
		    strerror(-err));
	return buf;
}

void transfer_open(struct transfer *transfer, unsigned int op, int buffers)
{
	const struct options *opt = transfer->opt;
	struct ferry_info info;
	struct slot *slot;

	signal(SIGBUS, buffers_lost);
	transfer->dev = open_device(opt->device, &info);
	check_limits(opt, op, buffers & SRC && buffers & DST ? 2 : 1, &info);
	open_ring(transfer, &info);

	transfer->slots = calloc(opt->depth, sizeof(*transfer->slots));
	if (!transfer->slots)
		die("not enough memory for %u operations; use a smaller --depth",
		    opt->depth);
	for (slot = transfer->slots; slot < transfer->slots + opt->depth; slot++) {
		if (buffers & SRC)
			slot->src = open_buffer(transfer, FERRY_BUF_DEV_RO);
		if (buffers & DST)
			slot->dst = open_buffer(transfer, buffers & DST_RO ?
						FERRY_BUF_DEV_RO : 0);
	}
}

void transfer_close(struct transfer *transfer)
{
	unsigned int i;

	ferry_ring_close(transfer->ring);
	for (i = 0; i < transfer->opt->depth; i++) {
		ferry_buf_free(transfer->slots[i].src);
		ferry_buf_free(transfer->slots[i].dst);
	}
	free(transfer->slots);
	ferry_close(transfer->dev);
}

/* Sleeps until the oldest operation in flight has completed. */
static void wait_for_one(struct transfer *transfer)
{
	struct ferry_ring *ring = transfer->ring;
	const char *device = transfer->opt->device;
	int err;

	while (!ferry_ring_ready(ring, 1)) {
		err = ferry_ring_sleep(ring, ring->head, -1);
		transfer->ioctls++;
		if (err == -EIO)
			die("%s halted channel %u; the kernel log and the channel's directory in sysfs say why",
			    device, ring->channel);
		if (err == -ENODEV)
			die("the device behind %s is gone", device);
		if (err && err != -EINTR)
			die("%s: cannot wait: %s", device, strerror(-err));
	}
}

static bool complete(struct transfer *transfer, struct slot *slot,
		     const struct ferry_cqe *cqe)
{
	uint32_t index = transfer->ring->head;
	unsigned int status = ferry_cqe_status(cqe);

	if (ferry_cqe_index(cqe) != index)
		die("%s completed operation %u when it was the turn of %u",
		    transfer->opt->device, ferry_cqe_index(cqe), index);
	if (status != FERRY_OK)
		die("%s: operation failed at byte %ju: %s (%s)",
		    transfer->opt->device,
		    (uintmax_t)(slot->offset + ferry_cqe_len(cqe)),
		    ferry_status_string(status), ferry_status_name(status));
	if (ferry_cqe_len(cqe) != slot->len && !ferry_cqe_mismatch(cqe))
		die("%s processed %u of %u bytes and reported success",
		    transfer->opt->device, ferry_cqe_len(cqe), slot->len);
	transfer->operations++;
	transfer->bytes += ferry_cqe_len(cqe);
	return transfer->ops->done(transfer, slot, cqe);
}

/* Takes what has completed; false ends the work. */
static bool reap(struct transfer *transfer, uint64_t *tail)
{
	const struct ferry_cqe *cqe;
	struct slot *slot;

	while ((cqe = ferry_ring_peek(transfer->ring))) {
		slot = &transfer->slots[(*tail)++ % transfer->opt->depth];
		if (!complete(transfer, slot, cqe))
			return false;
		ferry_ring_seen(transfer->ring, 1);
	}
	return true;
}

/* Submits the next block; false if there is none. */
static bool submit(struct transfer *transfer, struct slot *slot, uint64_t offset)
{
	struct ferry_sqe *sqe;

	slot->offset = offset;
	transfer->ops->load(transfer, slot);
	if (!slot->len)
		return false;
	sqe = ferry_ring_get_sqe(transfer->ring);
	if (!sqe)
		die("%s: no free entry in the queue", transfer->opt->device);
	transfer->ops->prep(transfer, slot, sqe);
	ferry_ring_submit(transfer->ring);
	transfer->doorbells++;
	return true;
}

void transfer_run(struct transfer *transfer)
{
	uint32_t depth = transfer->opt->depth;
	uint64_t head = 0, tail = 0;	/* blocks submitted, completed */
	double start = now();
	uint64_t offset = 0;
	struct slot *slot;
	bool more = true;

	while (more || head != tail) {
		if (more && head - tail < depth) {
			slot = &transfer->slots[head % depth];
			more = submit(transfer, slot, offset);
			offset += slot->len;
			head += more;
		}
		if (head == tail)
			break;
		if (!more || head - tail == depth)
			wait_for_one(transfer);
		if (!reap(transfer, &tail))
			break;
		progress_update(transfer->bytes);
	}
	transfer->seconds += now() - start;
}

void check_crc(const struct slot *slot, const struct ferry_cqe *cqe)
{
	uint32_t crc = ferry_crc32c(0, slot->src->addr, slot->len);

	if (crc != ferry_cqe_result(cqe))
		die("the device's CRC of %u bytes at byte %ju is 0x%08x, the CPU's is 0x%08x",
		    slot->len, (uintmax_t)slot->offset, ferry_cqe_result(cqe),
		    crc);
}

static double mb_per_s(const struct transfer *transfer)
{
	if (transfer->seconds <= 0)
		return 0;
	return (double)transfer->bytes / transfer->seconds / 1e6;
}

void transfer_json(const struct transfer *transfer)
{
	json_string("device", transfer->opt->device);
	json_number("bytes", transfer->bytes);
	json_real("seconds", transfer->seconds);
	json_real("mb_per_s", mb_per_s(transfer));
	json_number("operations", transfer->operations);
	json_number("ioctls", transfer->ioctls);
	json_number("doorbells", transfer->doorbells);
	json_number("block", transfer->opt->block);
	json_number("depth", transfer->opt->depth);
	if (transfer->opt->verify)
		json_bool("verified", true);
	else
		json_null("verified");
}

void transfer_summary(const struct transfer *transfer, const char *verb,
		      const uint32_t *crc)
{
	if (transfer->opt->quiet || transfer->opt->json)
		return;
	fprintf(stderr, "%s %ju bytes in %.3f s, %.1f MB/s, %ju operations",
		verb, (uintmax_t)transfer->bytes, transfer->seconds,
		mb_per_s(transfer), (uintmax_t)transfer->operations);
	if (crc)
		fprintf(stderr, ", crc32c 0x%08x", *crc);
	fprintf(stderr, "%s\n", transfer->opt->verify ? ", verified" : "");
}
