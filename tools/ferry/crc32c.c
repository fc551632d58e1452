// SPDX-License-Identifier: GPL-2.0-only
/* ferry crc32c: checksums of files, computed by the device. */
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "file.h"
#include "json.h"
#include "progress.h"
#include "transfer.h"

struct crc {
	struct options opt;
	char **paths;
	unsigned int nr_paths;
	struct file file;	/* the one being read */
	uint32_t crc;		/* of its blocks so far */
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct crc *crc = state->input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &crc->opt;
		return 0;
	case ARGP_KEY_ARGS:
		crc->paths = state->argv + state->next;
		crc->nr_paths = (unsigned int)(state->argc - state->next);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "crc32c needs a file");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.parser = parse,
	.args_doc = "FILE...",
	.doc = "Print the CRC-32C of each FILE; - is standard input.",
	.children = transfer_children,
};

static void load(struct transfer *transfer, struct slot *slot)
{
	struct crc *crc = transfer->data;

	slot->len = (uint32_t)file_read(&crc->file, slot->src->addr,
					transfer->opt->block);
}

static void prep(struct transfer *transfer, struct slot *slot,
		 struct ferry_sqe *sqe)
{
	(void)transfer;
	ferry_prep_crc32c(sqe, ferry_buf_ref(slot->src, 0), slot->len, 0);
}

static bool done(struct transfer *transfer, struct slot *slot,
		 const struct ferry_cqe *cqe)
{
	struct crc *crc = transfer->data;

	if (transfer->opt->verify)
		check_crc(slot, cqe);
	crc->crc = ferry_crc32c_combine(crc->crc, ferry_cqe_result(cqe),
					slot->len);
	return true;
}

static const struct transfer_ops crc_ops = { load, prep, done };

/* One file; false if it could not be opened. */
static bool checksum(struct crc *crc, struct transfer *transfer,
		     const char *path)
{
	if (!file_open_source(&crc->file, path, crc->opt.size))
		return false;
	crc->crc = 0;
	progress_start(&crc->opt, path, file_expected(&crc->file));
	transfer_run(transfer);
	progress_end(transfer->bytes);
	if (crc->opt.json) {
		json_open(NULL, '{');
		json_string("file", crc->file.name);
		json_number("bytes", crc->file.done);
		json_crc("crc32c", crc->crc);
		json_close('}');
	} else {
		printf("0x%08x  %s\n", crc->crc, path);
	}
	file_close(&crc->file);
	return true;
}

int cmd_crc32c(int argc, char **argv)
{
	struct crc crc = { .opt = OPTIONS_DEFAULT };
	struct transfer transfer = {
		.opt = &crc.opt, .ops = &crc_ops, .data = &crc
	};
	bool all = true;
	unsigned int i;

	argp_parse(&argp, argc, argv, 0, NULL, &crc);
	transfer_open(&transfer, FERRY_OP_CRC32C, SRC);

	if (crc.opt.json) {
		json_open(NULL, '{');
		json_string("command", "crc32c");
		json_open("files", '[');
	}
	for (i = 0; i < crc.nr_paths; i++)
		all &= checksum(&crc, &transfer, crc.paths[i]);
	transfer_close(&transfer);
	if (crc.opt.json) {
		json_close(']');
		transfer_json(&transfer);
		json_close('}');
		putchar('\n');
	}
	finish_output();
	transfer_summary(&transfer, "checksummed", NULL);
	return all ? EXIT_SUCCESS : EXIT_FAILED;
}
