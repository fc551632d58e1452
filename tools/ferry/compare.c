// SPDX-License-Identifier: GPL-2.0-only
/* ferry compare: the first difference of two files, found by the device. */
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "file.h"
#include "json.h"
#include "progress.h"
#include "transfer.h"

struct compare {
	struct options opt;
	char *paths[2];
	struct file a;
	struct file b;
	const struct file *shorter;	/* the one that ended first, or NULL */
	bool differ;			/* found at .. */
	uint64_t at;
	uint8_t bytes[2];		/* .. with these in a and b */
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct compare *compare = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &compare->opt;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num >= 2)
			argp_error(state, "there is more than A and B: '%s'",
				   arg);
		compare->paths[state->arg_num] = arg;
		return 0;
	case ARGP_KEY_END:
		if (state->arg_num < 2)
			argp_error(state, "compare needs A and B");
		if (!strcmp(compare->paths[0], "-") &&
		    !strcmp(compare->paths[1], "-"))
			argp_error(state, "only one of A and B can be standard input");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.parser = parse,
	.args_doc = "A B",
	.doc = "Find the first difference of A and B, files or block devices; - is standard input.\vThe exit status is 0 if they are the same, 1 if they differ, 2 in trouble.",
	.children = transfer_children,
};

static void load(struct transfer *transfer, struct slot *slot)
{
	struct compare *compare = transfer->data;
	size_t a, b;

	slot->len = 0;
	if (compare->shorter)
		return;
	a = file_read(&compare->a, slot->src->addr, transfer->opt->block);
	b = file_read(&compare->b, slot->dst->addr, transfer->opt->block);
	if (a < b)
		compare->shorter = &compare->a;
	else if (b < a)
		compare->shorter = &compare->b;
	slot->len = (uint32_t)(a < b ? a : b);
}

static void prep(struct transfer *transfer, struct slot *slot,
		 struct ferry_sqe *sqe)
{
	(void)transfer;
	ferry_prep_compare(sqe, ferry_buf_ref(slot->dst, 0),
			   ferry_buf_ref(slot->src, 0), slot->len);
}

/* The CPU comes to the same length and bytes. */
static void verify(const struct slot *slot, const struct ferry_cqe *cqe)
{
	const uint8_t *a = slot->src->addr, *b = slot->dst->addr;
	uint32_t result = 0, i = 0;

	while (i < slot->len && a[i] == b[i])
		i++;
	if (i < slot->len)
		result = (uint32_t)b[i] << 8 | a[i];
	if (i != ferry_cqe_len(cqe) ||
	    ferry_cqe_mismatch(cqe) != (i < slot->len) ||
	    ferry_cqe_result(cqe) != result)
		die("at byte %ju the device finds %u equal bytes of %u, then %04x; the CPU finds %u, then %04x",
		    (uintmax_t)slot->offset, ferry_cqe_len(cqe), slot->len,
		    ferry_cqe_result(cqe), i, result);
}

static bool done(struct transfer *transfer, struct slot *slot,
		 const struct ferry_cqe *cqe)
{
	struct compare *compare = transfer->data;

	if (transfer->opt->verify)
		verify(slot, cqe);
	if (!ferry_cqe_mismatch(cqe))
		return true;
	compare->differ = true;
	compare->at = slot->offset + ferry_cqe_len(cqe);
	compare->bytes[0] = ferry_cqe_result(cqe) & 0xff;
	compare->bytes[1] = ferry_cqe_result(cqe) >> 8 & 0xff;
	return false;
}

static const struct transfer_ops compare_ops = { load, prep, done };

static void report_text(const struct compare *compare,
			const struct transfer *transfer)
{
	if (compare->opt.quiet)
		return;
	if (compare->differ)
		printf("%s %s differ: byte %ju, %02x and %02x\n",
		       compare->a.name, compare->b.name,
		       (uintmax_t)compare->at + 1, compare->bytes[0],
		       compare->bytes[1]);
	else if (compare->shorter)
		printf("%s %s differ: %s ends after byte %ju\n",
		       compare->a.name, compare->b.name, compare->shorter->name,
		       (uintmax_t)transfer->bytes);
	transfer_summary(transfer, "compared", NULL);
}

static void report_json(const struct compare *compare,
			const struct transfer *transfer)
{
	bool same = !compare->differ && !compare->shorter;

	json_open(NULL, '{');
	json_string("command", "compare");
	json_string("a", compare->a.name);
	json_string("b", compare->b.name);
	json_bool("same", same);
	if (same)
		json_null("offset");
	else
		json_number("offset", compare->differ ? compare->at :
							transfer->bytes);
	if (compare->differ) {
		json_number("byte_a", compare->bytes[0]);
		json_number("byte_b", compare->bytes[1]);
	} else {
		json_null("byte_a");
		json_null("byte_b");
	}
	transfer_json(transfer);
	json_close('}');
	putchar('\n');
}

static uint64_t expected(const struct compare *compare)
{
	uint64_t a = file_expected(&compare->a);
	uint64_t b = file_expected(&compare->b);

	return a < b ? a : b;
}

int cmd_compare(int argc, char **argv)
{
	struct compare compare = { .opt = OPTIONS_DEFAULT };
	struct transfer transfer = {
		.opt = &compare.opt, .ops = &compare_ops, .data = &compare
	};

	trouble_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &compare);
	if (!file_open_source(&compare.a, compare.paths[0], compare.opt.size) ||
	    !file_open_source(&compare.b, compare.paths[1], compare.opt.size))
		return trouble_status;
	transfer_open(&transfer, FERRY_OP_COMPARE, SRC | DST | DST_RO);

	progress_start(&compare.opt, "compare", expected(&compare));
	transfer_run(&transfer);
	progress_end(transfer.bytes);
	transfer_close(&transfer);

	if (compare.opt.json)
		report_json(&compare, &transfer);
	else
		report_text(&compare, &transfer);
	finish_output();
	return compare.differ || compare.shorter ? EXIT_FAILED : EXIT_SUCCESS;
}
