// SPDX-License-Identifier: GPL-2.0-only
/* ferry fill: a pattern, made by the device, to a file. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "file.h"
#include "json.h"
#include "progress.h"
#include "transfer.h"

struct fill {
	struct options opt;
	char *path;
	const char *hex;	/* the pattern as it was given */
	uint8_t pattern[8];	/* repeated to eight bytes */
	struct file dst;
};

static const struct argp_option options[] = {
	{ "pattern", 'p', "HEX", 0,
	  "1, 2, 4 or 8 bytes in hexadecimal, in the order of the file (00)",
	  0 },
	{ 0 }
};

static void parse_pattern(struct argp_state *state, struct fill *fill,
			  const char *hex)
{
	size_t len = strlen(hex), i;
	char digits[3] = "";

	if (len < 2 || len > 16 || len & (len - 1) ||
	    strspn(hex, "0123456789abcdefABCDEF") != len)
		argp_error(state, "--pattern=%s is not 1, 2, 4 or 8 bytes in hexadecimal, such as 00 or deadbeef",
			   hex);
	for (i = 0; i < sizeof(fill->pattern); i++) {
		memcpy(digits, hex + 2 * i % len, 2);
		fill->pattern[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	fill->hex = hex;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct fill *fill = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &fill->opt;
		return 0;
	case 'p':
		parse_pattern(state, fill, arg);
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num >= 1)
			argp_error(state, "there is more than DST: '%s'", arg);
		fill->path = arg;
		return 0;
	case ARGP_KEY_END:
		if (!fill->path)
			argp_error(state, "fill needs DST");
		else if (fill->opt.size == NO_SIZE)
			argp_error(state, "fill needs --size");
		else if (!strcmp(fill->path, "-") && fill->opt.json)
			argp_error(state, "--json and the data cannot both go to standard output");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "DST",
	.doc = "Write --size bytes of a pattern to DST, a file or block device; - is standard output.\vWhat was written before a failure or a signal stays in DST.",
	.children = transfer_children,
};

static void load(struct transfer *transfer, struct slot *slot)
{
	uint64_t left = transfer->opt->size - slot->offset;

	slot->len = left < transfer->opt->block ? (uint32_t)left :
						  transfer->opt->block;
}

/* The pattern goes on across blocks whose size is not a multiple of it. */
static void prep(struct transfer *transfer, struct slot *slot,
		 struct ferry_sqe *sqe)
{
	struct fill *fill = transfer->data;
	uint64_t pattern = 0;
	unsigned int i;

	for (i = 0; i < 8; i++)
		pattern |= (uint64_t)fill->pattern[(slot->offset + i) % 8]
			   << 8 * i;
	ferry_prep_fill(sqe, ferry_buf_ref(slot->dst, 0), slot->len, pattern);
}

static void check(const struct fill *fill, const char *what,
		  const uint8_t *data, size_t len, uint64_t offset)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (data[i] != fill->pattern[(offset + i) % 8])
			die("byte %ju of %s is %02x and should be %02x",
			    (uintmax_t)(offset + i), what, data[i],
			    fill->pattern[(offset + i) % 8]);
}

static bool done(struct transfer *transfer, struct slot *slot,
		 const struct ferry_cqe *cqe)
{
	struct fill *fill = transfer->data;

	(void)cqe;
	if (transfer->opt->verify)
		check(fill, "what the device wrote", slot->dst->addr, slot->len,
		      slot->offset);
	file_write(&fill->dst, slot->dst->addr, slot->len);
	return true;
}

static const struct transfer_ops fill_ops = { load, prep, done };

static void check_block(void *data, const struct file *dst,
			const uint8_t *bytes, size_t len)
{
	check(data, dst->name, bytes, len, dst->done - len);
}

int cmd_fill(int argc, char **argv)
{
	struct fill fill = { .opt = OPTIONS_DEFAULT, .hex = "00" };
	struct transfer transfer = {
		.opt = &fill.opt, .ops = &fill_ops, .data = &fill
	};

	argp_parse(&argp, argc, argv, 0, NULL, &fill);
	transfer_open(&transfer, FERRY_OP_FILL, DST);
	file_open_dest(&fill.dst, fill.path, NULL);
	if (fill.opt.verify && !file_can_reread(&fill.dst))
		die("%s cannot be read back; --verify needs a file or a block device",
		    fill.dst.name);

	progress_start(&fill.opt, "fill", fill.opt.size);
	transfer_run(&transfer);
	progress_end(transfer.bytes);
	if (fill.opt.verify)
		file_read_back(&fill.opt, fill.path, &fill.dst, check_block,
			       &fill);
	file_close(&fill.dst);
	transfer_close(&transfer);

	transfer_summary(&transfer, "filled", NULL);
	if (fill.opt.json) {
		json_open(NULL, '{');
		json_string("command", "fill");
		json_string("destination", fill.dst.name);
		json_string("pattern", fill.hex);
		transfer_json(&transfer);
		json_close('}');
		putchar('\n');
		finish_output();
	}
	return EXIT_SUCCESS;
}
