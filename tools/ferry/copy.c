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

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "SRC DST",
	.doc = "Copy SRC to DST, files or block devices; - is standard input or output.\vWhat was copied before a failure or a signal stays in DST.",
	.children = transfer_children,
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

	if (transfer->opt->verify)
		check_crc(slot, cqe);
	if (copy->want_crc)
		copy->crc = ferry_crc32c_combine(copy->crc,
						 ferry_cqe_result(cqe),
						 slot->len);
	file_write(&copy->dst, slot->dst->addr, slot->len);
	return true;
}

static const struct transfer_ops copy_ops = { load, prep, done };

/* What DST is checked against as it is read back. */
struct check {
	bool bytes;		/* SRC can be read again */
	struct file src;
	uint32_t crc;
	char block[READ_BACK_BLOCK];
};

static void check_block(void *data, const struct file *dst,
			const uint8_t *bytes, size_t len)
{
	struct check *check = data;

	check->crc = ferry_crc32c(check->crc, bytes, len);
	if (!check->bytes)
		return;
	if (file_read(&check->src, check->block, len) != len ||
	    memcmp(check->block, bytes, len))
		die("%s differs from %s between byte %ju and %ju", dst->name,
		    check->src.name, (uintmax_t)(dst->done - len),
		    (uintmax_t)dst->done);
}

/* DST has the device's CRC, and SRC's bytes if it still has them. */
static void verify_dst(struct copy *copy)
{
	static struct check check;

	check.bytes = file_can_reread(&copy->src);
	if (check.bytes && !file_open_source(&check.src, copy->paths[0],
					     copy->dst.done))
		die("cannot verify %s without reading %s again",
		    copy->dst.name, copy->src.name);
	file_read_back(&copy->opt, copy->paths[1], &copy->dst, check_block,
		       &check);
	if (check.crc != copy->crc)
		die("the CRC of %s is 0x%08x, and that of what was copied is 0x%08x",
		    copy->dst.name, check.crc, copy->crc);
	if (check.bytes)
		file_close(&check.src);
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
		verify_dst(&copy);
	file_close(&copy.dst);
	file_close(&copy.src);
	transfer_close(&transfer);
	report(&copy, &transfer);
	return EXIT_SUCCESS;
}
