// SPDX-License-Identifier: GPL-2.0-only
/* ferry copy: a file or block device through the device to another. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "file.h"
#include "json.h"
#include "progress.h"
#include "transfer.h"

struct copy {
	struct options opt;
	bool want_crc;
	char *paths[2];
	struct file src;
	struct file dst;
	uint32_t crc;		/* of all blocks, as the device computed it */
};

static const struct argp_option options[] = {
	{ "crc32c", 'c', NULL, 0,
	  "Let the device compute the CRC-32C of the data; --verify implies it",
	  0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct copy *copy = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &copy->opt;
		return 0;
	case 'c':
		copy->want_crc = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num >= 2)
			argp_error(state, "there is more than SRC and DST: '%s'",
				   arg);
		copy->paths[state->arg_num] = arg;
		return 0;
	case ARGP_KEY_END:
		if (state->arg_num < 2)
			argp_error(state, "copy needs SRC and DST");
		if (!strcmp(copy->paths[1], "-") && copy->opt.json)
			argp_error(state, "--json and the data cannot both go to standard output");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_child children[] = {
	{ &transfer_argp, 0, NULL, 0 },
	{ 0 }
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "SRC DST",
	.doc = "Copy SRC to DST, files or block devices; - is standard input or output.\vWhat was copied before a failure or a signal stays in DST.",
	.children = children,
};

static void load(struct transfer *transfer, struct slot *slot)
{
	struct copy *copy = transfer->data;

	slot->len = (uint32_t)file_read(&copy->src, slot->src->addr,
					transfer->opt->block);
}

static void prep(struct transfer *transfer, struct slot *slot,
		 struct ferry_sqe *sqe)
{
	struct copy *copy = transfer->data;
	uint64_t src = ferry_buf_ref(slot->src, 0);
	uint64_t dst = ferry_buf_ref(slot->dst, 0);

	if (copy->want_crc)
		ferry_prep_copy_crc32c(sqe, dst, src, slot->len, 0);
	else
		ferry_prep_copy(sqe, dst, src, slot->len);
}

static bool done(struct transfer *transfer, struct slot *slot,
		 const struct ferry_cqe *cqe)
{
	struct copy *copy = transfer->data;
	uint32_t crc = ferry_cqe_result(cqe);
	uint32_t soft;

	if (transfer->opt->verify) {
		soft = ferry_crc32c(0, slot->src->addr, slot->len);
		if (soft != crc)
			die("%s: the device's CRC of %u bytes at byte %ju is 0x%08x, the CPU's is 0x%08x",
			    copy->src.name, slot->len,
			    (uintmax_t)slot->offset, crc, soft);
	}
	if (copy->want_crc)
		copy->crc = ferry_crc32c_combine(copy->crc, crc, slot->len);
	file_write(&copy->dst, slot->dst->addr, slot->len);
	return true;
}

static const struct transfer_ops copy_ops = { load, prep, done };

/* DST, read again, has the device's CRC, and SRC's bytes if it has them still. */
static void read_back(struct copy *copy)
{
	bool both = file_can_reread(&copy->src);
	size_t block = 1 << 20, n;
	struct file src, dst;
	uint32_t crc = 0;
	uint64_t at = 0;
	char *a, *b;

	a = malloc(block);
	b = malloc(block);
	if (!a || !b)
		die("not enough memory to verify");
	file_read_back(&dst, copy->paths[1], &copy->dst);
	if (both && !file_open_source(&src, copy->paths[0], copy->dst.done))
		die("cannot verify %s without reading %s again", dst.name,
		    copy->src.name);
	progress_start(&copy->opt, "verify", copy->dst.done);
	while ((n = file_read(&dst, b, block)) != 0) {
		crc = ferry_crc32c(crc, b, n);
		if (both && (file_read(&src, a, n) != n || memcmp(a, b, n)))
			die("%s differs from %s between byte %ju and %ju",
			    dst.name, src.name, (uintmax_t)at,
			    (uintmax_t)(at + n));
		at += n;
		progress_update(at);
	}
	progress_end(at);
	if (at != copy->dst.done)
		die("%s has only %ju of the %ju bytes that were written to it",
		    dst.name, (uintmax_t)at, (uintmax_t)copy->dst.done);
	if (crc != copy->crc)
		die("the CRC of %s is 0x%08x, and that of what was copied is 0x%08x",
		    dst.name, crc, copy->crc);
	file_close(&dst);
	if (both)
		file_close(&src);
	free(a);
	free(b);
}

static void report(const struct copy *copy, const struct transfer *transfer)
{
	transfer_summary(transfer, "copied",
			 copy->want_crc ? &copy->crc : NULL);
	if (!copy->opt.json)
		return;
	json_open(NULL, '{');
	json_string("command", "copy");
	json_string("source", copy->src.name);
	json_string("destination", copy->dst.name);
	transfer_json(transfer);
	if (copy->want_crc)
		json_crc("crc32c", copy->crc);
	else
		json_null("crc32c");
	json_close('}');
	putchar('\n');
	finish_output();
}

int cmd_copy(int argc, char **argv)
{
	struct copy copy = { .opt = OPTIONS_DEFAULT };
	struct transfer transfer = {
		.opt = &copy.opt, .ops = &copy_ops, .data = &copy
	};

	argp_parse(&argp, argc, argv, 0, NULL, &copy);
	copy.want_crc |= copy.opt.verify;

	/* Nothing is created or truncated that could not be copied to. */
	if (!file_open_source(&copy.src, copy.paths[0], copy.opt.size))
		return EXIT_FAILED;
	transfer_open(&transfer,
		      copy.want_crc ? FERRY_OP_COPY_CRC32C : FERRY_OP_COPY,
		      SRC | DST);
	file_open_dest(&copy.dst, copy.paths[1], &copy.src);
	if (copy.opt.verify && !file_can_reread(&copy.dst))
		die("%s cannot be read back; --verify needs a file or a block device",
		    copy.dst.name);

	progress_start(&copy.opt, "copy", file_expected(&copy.src));
	transfer_run(&transfer);
	progress_end(transfer.bytes);
	if (copy.opt.verify)
		read_back(&copy);
	file_close(&copy.dst);
	file_close(&copy.src);
	transfer_close(&transfer);
	report(&copy, &transfer);
	return EXIT_SUCCESS;
}
