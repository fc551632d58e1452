// SPDX-License-Identifier: GPL-2.0-only
/*
 * ferry: work that goes through the device block by block.
 *
 * There are as many slots as operations in flight; block n uses slot n modulo
 * that. The loop loads a block, submits it, and takes what has completed by
 * then, in one system call; it waits only if every slot is in flight or there
 * is nothing left to load.
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

static void open_queue(struct transfer *transfer, const struct ferry_info *info)
{
	const struct options *opt = transfer->opt;
	int err;

	err = ferry_queue_create(transfer->dev, opt->depth, 0,
				 &transfer->queue);
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
	open_queue(transfer, &info);

	transfer->slots = calloc(opt->depth, sizeof(*transfer->slots));
	transfer->cqes = calloc(opt->depth, sizeof(*transfer->cqes));
	if (!transfer->slots || !transfer->cqes)
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

	ferry_queue_destroy(transfer->queue);
	for (i = 0; i < transfer->opt->depth; i++) {
		ferry_buf_free(transfer->slots[i].src);
		ferry_buf_free(transfer->slots[i].dst);
	}
	free(transfer->slots);
	free(transfer->cqes);
	ferry_close(transfer->dev);
}

/* Submits what was prepared, and takes what has completed, at least @min. */
static unsigned int enter(struct transfer *transfer, bool submits,
			  unsigned int min)
{
	const char *device = transfer->opt->device;
	int n;

	do {
		n = ferry_queue_submit_and_wait(transfer->queue, transfer->cqes,
						transfer->opt->depth, min,
						min ? -1 : 0);
		transfer->ioctls++;
	} while (n == -EINTR);
	if (n == -EIO)
		die("%s halted channel %u; the kernel log and the channel's directory in sysfs say why",
		    device, ferry_queue_channel(transfer->queue));
	if (n == -ENODEV)
		die("the device behind %s is gone", device);
	if (n < 0)
		die("%s: cannot submit: %s", device, strerror(-n));
	transfer->doorbells += submits;
	return (unsigned int)n;
}

static bool complete(struct transfer *transfer, struct slot *slot,
		     uint32_t index, const struct ferry_cqe *cqe)
{
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

void transfer_run(struct transfer *transfer)
{
	uint32_t depth = transfer->opt->depth;
	uint64_t head = 0, tail = 0;	/* blocks submitted, completed */
	double start = now();
	uint64_t offset = 0;
	struct ferry_sqe *sqe;
	bool more = true, loaded;
	struct slot *slot;
	uint32_t index = 0, base = 0;
	unsigned int i, n;

	while (more || head != tail) {
		loaded = false;
		if (more && head - tail < depth) {
			slot = &transfer->slots[head % depth];
			slot->offset = offset;
			transfer->ops->load(transfer, slot);
			more = loaded = slot->len != 0;
		}
		if (loaded) {
			offset += slot->len;
			sqe = ferry_queue_get_sqe(transfer->queue, &index);
			if (!sqe)
				die("%s: no free entry in the queue",
				    transfer->opt->device);
			if (!head)
				base = index;
			transfer->ops->prep(transfer, slot, sqe);
			head++;
		}
		if (head == tail)
			break;
		n = enter(transfer, loaded, !more || head - tail == depth);
		for (i = 0; i < n; i++, tail++) {
			slot = &transfer->slots[tail % depth];
			if (!complete(transfer, slot, base + (uint32_t)tail,
				      &transfer->cqes[i]))
				goto out;
		}
		progress_update(transfer->bytes);
	}
out:
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
