// SPDX-License-Identifier: GPL-2.0-only
/* ferry info: what the device is and allows. */
#include <stdlib.h>

#include "cmd.h"
#include "json.h"

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->input;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'; name a device with --device",
			   arg);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.parser = parse,
	.doc = "Show what the device is and allows.",
	.children = device_children,
};

/* Channels as ranges, 0-3,6; "none" if there are none. */
static void print_channels(const char *role, uint64_t mask)
{
	const char *separator = "";
	unsigned int first, last;

	printf("%-12s", role);
	if (!mask)
		printf("none");
	for (first = 0; first < 64; first = last + 1) {
		last = first;
		if (!(mask >> first & 1))
			continue;
		while (last < 63 && mask >> (last + 1) & 1)
			last++;
		printf("%s%u", separator, first);
		if (last != first)
			printf("-%u", last);
		separator = ",";
	}
	putchar('\n');
}

static void print_text(const struct options *opt,
		       const struct ferry_info *info)
{
	unsigned int op;

	printf("%-12s%s\n", "device", opt->device);
	printf("%-12s%u.%u\n", "version", info->version >> 16,
	       info->version & 0xffff);
	printf("%-11s", "operations");
	for (op = 0; op < 32; op++)
		if (info->ops & 1U << op && ferry_op_name(op))
			printf(" %s", ferry_op_name(op));
	putchar('\n');
	printf("%-12s%u, on %u interrupt line%s, %u port%s\n", "channels",
	       info->channels, info->lines, info->lines == 1 ? "" : "s",
	       info->ports, info->ports == 1 ? "" : "s");
	print_channels("  user", info->user_mask);
	print_channels("  port", info->port_mask);
	print_channels("  kernel", info->kernel_mask);
	print_channels("  busy", info->busy_mask);
	printf("%-12s%u of %u that this user may hold\n", "queues",
	       info->queues, info->max_queues);
	printf("%-12s%u to %u in a queue\n", "entries", 1U << info->min_order,
	       1U << info->max_order);
	printf("%-12s%u bytes at most in an operation\n", "length",
	       info->max_len);
	printf("%-12s%u at most in an open file\n", "buffers",
	       info->max_buffers);
}

static void json_channels(const char *name, uint64_t mask)
{
	unsigned int channel;

	json_open(name, '[');
	for (channel = 0; channel < 64; channel++)
		if (mask >> channel & 1)
			json_number(NULL, channel);
	json_close(']');
}

static void print_json(const struct options *opt,
		       const struct ferry_info *info)
{
	char version[24];
	unsigned int op;

	snprintf(version, sizeof(version), "%u.%u", info->version >> 16,
		 info->version & 0xffff);
	json_open(NULL, '{');
	json_string("command", "info");
	json_string("device", opt->device);
	json_string("version", version);
	json_open("operations", '[');
	for (op = 0; op < 32; op++)
		if (info->ops & 1U << op && ferry_op_name(op))
			json_string(NULL, ferry_op_name(op));
	json_close(']');
	json_number("channels", info->channels);
	json_number("ports", info->ports);
	json_number("lines", info->lines);
	json_channels("user_channels", info->user_mask);
	json_channels("port_channels", info->port_mask);
	json_channels("kernel_channels", info->kernel_mask);
	json_channels("busy_channels", info->busy_mask);
	json_number("queues", info->queues);
	json_number("max_queues", info->max_queues);
	json_number("min_entries", UINT64_C(1) << info->min_order);
	json_number("max_entries", UINT64_C(1) << info->max_order);
	json_number("max_len", info->max_len);
	json_number("max_buffers", info->max_buffers);
	json_close('}');
	putchar('\n');
}

int cmd_info(int argc, char **argv)
{
	struct options opt = OPTIONS_DEFAULT;
	struct ferry_info info;

	argp_parse(&argp, argc, argv, 0, NULL, &opt);
	ferry_close(open_device(opt.device, &info));
	if (opt.json)
		print_json(&opt, &info);
	else
		print_text(&opt, &info);
	finish_output();
	return EXIT_SUCCESS;
}
