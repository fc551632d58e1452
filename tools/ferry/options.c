// SPDX-License-Identifier: GPL-2.0-only
/* ferry: the options that commands have in common. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"

enum { KEY_PROGRESS = 0x100, KEY_JSON, KEY_VERIFY };

uint64_t parse_number(struct argp_state *state, const char *option,
		      const char *text, uint64_t min, uint64_t max)
{
	static const char units[] = "KMGT";
	const char *unit;
	uint64_t value;
	char *end;
	int shift = 0;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (isdigit((unsigned char)text[0]) && !errno && *end) {
		unit = strchr(units, toupper((unsigned char)*end));
		if (unit && !end[1]) {
			shift = 10 * (int)(unit - units + 1);
			end++;
		}
	}
	if (!isdigit((unsigned char)text[0]) || *end)
		argp_error(state, "--%s=%s is not a number; give one, with K, M, G or T behind it if you like",
			   option, text);
	if (errno || value > UINT64_MAX >> shift || value << shift < min ||
	    value << shift > max)
		argp_error(state, "--%s=%s is out of range; it goes from %ju to %ju",
			   option, text, (uintmax_t)min, (uintmax_t)max);
	return value << shift;
}

static const struct argp_option device_options[] = {
	{ "device", 'd', "NODE", 0,
	  "Device to use (" FERRY_DEFAULT_DEVICE ")", 0 },
	{ "json", KEY_JSON, NULL, 0, "Print one JSON object", 0 },
	{ 0 }
};

static error_t parse_device(int key, char *arg, struct argp_state *state)
{
	struct options *opt = state->input;

	switch (key) {
	case 'd':
		opt->device = arg;
		return 0;
	case KEY_JSON:
		opt->json = true;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp device_argp = {
	.options = device_options,
	.parser = parse_device,
};

const struct argp_child device_children[] = {
	{ &device_argp, 0, NULL, 0 },
	{ 0 }
};

static const struct argp_option transfer_options[] = {
	{ "block", 'b', "BYTES", 0, "Bytes in an operation (256K)", 0 },
	{ "depth", 'n', "NUMBER", 0, "Operations in flight (8)", 0 },
	{ "size", 's', "BYTES", 0, "Process so many bytes at most", 0 },
	{ "verify", KEY_VERIFY, NULL, 0, "Check everything on the CPU", 0 },
	{ "progress", KEY_PROGRESS, NULL, 0,
	  "Show progress though standard error is not a terminal", 0 },
	{ "quiet", 'q', NULL, 0, "Print neither summary nor progress", 0 },
	{ 0 }
};

static error_t parse_transfer(int key, char *arg, struct argp_state *state)
{
	struct options *opt = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = opt;
		return 0;
	case 'b':
		opt->block = (uint32_t)parse_number(state, "block", arg, 1,
						    UINT32_MAX);
		return 0;
	case 'n':
		opt->depth = (unsigned int)parse_number(state, "depth", arg, 1,
							1U << 20);
		return 0;
	case 's':
		opt->size = parse_number(state, "size", arg, 0, INT64_MAX);
		return 0;
	case KEY_VERIFY:
		opt->verify = true;
		return 0;
	case KEY_PROGRESS:
		opt->progress = true;
		return 0;
	case 'q':
		opt->quiet = true;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp transfer_argp = {
	.options = transfer_options,
	.parser = parse_transfer,
	.children = device_children,
};

const struct argp_child transfer_children[] = {
	{ &transfer_argp, 0, NULL, 0 },
	{ 0 }
};
