// SPDX-License-Identifier: GPL-2.0-only
/* ferry send: a file into a port. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "port.h"
#include "progress.h"

struct send {
	struct port port;
	const char *path;
	uint64_t limit;
};

static const struct argp_option options[] = {
	{ "bytes", 's', "BYTES", 0, "Send so many bytes at most", 0 },
	{ "size", 0, NULL, OPTION_ALIAS, NULL, 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct send *send = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &send->port;
		return 0;
	case 's':
		send->limit = parse_number(state, "bytes", arg, 0, INT64_MAX);
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_error(state, "there is more than one file: '%s'",
				   arg);
		send->path = arg;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "[FILE]",
	.doc = "Send FILE through a port; - or nothing is standard input.\vWith --packet every block is a packet, and the last may be shorter. The command ends when the port has taken everything.",
	.children = port_children,
};

/* A packet is a whole block; otherwise nothing waits for more than is there. */
static size_t fill_block(const struct send *send, struct file *src, void *block)
{
	if (send->port.packet)
		return file_read(src, block, send->port.opt.block);
	return file_read_some(src, block, send->port.opt.block);
}

int cmd_send(int argc, char **argv)
{
	struct send send = { .path = "-", .limit = NO_SIZE };
	struct port *port = &send.port;
	struct file src;
	void *block;
	size_t len;

	argp_parse(&argp, argc, argv, 0, NULL, &send);
	if (!file_open_source(&src, send.path, send.limit))
		return EXIT_FAILED;
	port_open(port, O_WRONLY);
	block = malloc(port->opt.block);
	if (!block)
		die("not enough memory for --block=%u", port->opt.block);

	progress_start(&port->opt, "send", file_expected(&src));
	port->start = now();
	while ((len = fill_block(&send, &src, block)) != 0) {
		port_write(port, block, len);
		progress_update(port->bytes);
	}
	port_drain(port);
	progress_end(port->bytes);
	port_report(port, "send", "sent", src.name);
	file_close(&src);
	free(block);
	port_close(port);
	return EXIT_SUCCESS;
}
