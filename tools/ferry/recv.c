// SPDX-License-Identifier: GPL-2.0-only
/* ferry recv: what comes out of a port, into a file. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "port.h"
#include "progress.h"

struct recv {
	struct port port;
	const char *path;
	uint64_t wanted;
};

static const struct argp_option options[] = {
	{ "output", 'o', "FILE", 0,
	  "Write to FILE; - or nothing is standard output", 0 },
	{ "bytes", 's', "BYTES", 0, "Receive exactly so many bytes; with --packet, whole packets until there are at least so many", 0 },
	{ "size", 0, NULL, OPTION_ALIAS, NULL, 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct recv *recv = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &recv->port;
		return 0;
	case 'o':
		recv->path = arg;
		return 0;
	case 's':
		recv->wanted = parse_number(state, "bytes", arg, 0, INT64_MAX);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'; name a file with --output",
			   arg);
		return 0;
	case ARGP_KEY_END:
		if (!strcmp(recv->path, "-") && recv->port.opt.json)
			argp_error(state, "--json and the data cannot both go to standard output");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Receive from a port until the other side closes.\vWhat came is written at once, in whatever pieces it comes. With --packet a packet can have --block bytes at most. --json needs an --output.",
	.children = port_children,
};

/* No more is read than is wanted: the rest is for who reads next. */
static size_t room(const struct recv *recv)
{
	uint64_t left = recv->wanted - recv->port.bytes;

	/* A packet comes whole, or not at all. */
	if (recv->port.packet || left > recv->port.opt.block)
		return recv->port.opt.block;
	return (size_t)left;
}

int cmd_recv(int argc, char **argv)
{
	struct recv recv = { .path = "-", .wanted = NO_SIZE };
	struct port *port = &recv.port;
	struct file dst;
	void *block;
	size_t len;

	argp_parse(&argp, argc, argv, 0, NULL, &recv);
	port_open(port, O_RDONLY);
	block = malloc(port->opt.block);
	if (!block)
		die("not enough memory for --block=%u", port->opt.block);
	file_open_dest(&dst, recv.path, NULL);

	progress_start(&port->opt, "receive", recv.wanted);
	port->start = now();
	if (recv.wanted)
		port_wait(port);
	while (port->bytes < recv.wanted &&
	       port_read(port, block, room(&recv), &len)) {
		file_write(&dst, block, len);
		progress_update(port->bytes);
	}
	progress_end(port->bytes);
	file_close(&dst);
	if (recv.wanted != NO_SIZE && port->bytes < recv.wanted)
		die("the other side of %s closed after %ju of %ju bytes",
		    port->name, (uintmax_t)port->bytes,
		    (uintmax_t)recv.wanted);
	port_report(port, "recv", "received", dst.name);
	free(block);
	port_close(port);
	return EXIT_SUCCESS;
}
