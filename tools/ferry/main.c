// SPDX-License-Identifier: GPL-2.0-only
/* ferry: what a Ferry DMA controller can do, for files and streams. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "progress.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "info", cmd_info },
	{ "copy", cmd_copy },
	{ "fill", cmd_fill },
	{ "crc32c", cmd_crc32c },
	{ "compare", cmd_compare },
	{ "send", cmd_send },
	{ "recv", cmd_recv },
	{ "top", cmd_top },
};

const char *argp_program_version = "ferry " VERSION;
int trouble_status = EXIT_FAILED;

static void vcomplain(const char *format, va_list args)
{
	progress_clear();
	fputs("ferry: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vcomplain(format, args);
	va_end(args);
}

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vcomplain(format, args);
	va_end(args);
	exit(trouble_status);
}

void finish_output(void)
{
	if (fflush(stdout) || ferror(stdout))
		die("cannot write standard output: %s", strerror(errno));
}

void buffers_lost(int signal)
{
	static const char line[] =
		"ferry: the device is gone, and its buffers with it\n";

	/* A signal handler: nothing but system calls. */
	(void)signal;
	_exit(write(STDERR_FILENO, line, sizeof(line) - 1) < 0 ?
	      EXIT_USAGE : trouble_status);
}

struct ferry *open_device(const char *path, struct ferry_info *info)
{
	struct ferry *dev;
	int err;

	err = ferry_open(path, &dev);
	if (!err)
		err = ferry_get_info(dev, info);
	switch (err) {
	case 0:
		return dev;
	case -ENOENT:
		die("there is no %s; load the driver (modprobe ferry), then see what the kernel log says of it",
		    path);
	case -EACCES:
	case -EPERM:
		die("no permission to use %s; run as root, or join the group ferry (udev rule 70-ferry.rules)",
		    path);
	case -ENODEV:
	case -ENXIO:
		die("the device behind %s is gone; bind the driver to it again",
		    path);
	case -ENOTTY:
		die("%s is not a Ferry device; give one with --device", path);
	default:
		die("cannot open %s: %s", path, strerror(-err));
	}
}

/* The command is the first argument; what follows is for its own parser. */
static error_t parse(int key, char *arg, struct argp_state *state)
{
	const struct command **command = state->input;
	size_t i;

	switch (key) {
	case ARGP_KEY_ARG:
		for (i = 0; i < ARRAY_SIZE(commands); i++)
			if (!strcmp(arg, commands[i].name))
				*command = &commands[i];
		if (!*command)
			argp_error(state, "there is no command '%s'", arg);
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which command?");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.parser = parse,
	.args_doc = "COMMAND [OPTION...] [FILE...]",
	.doc = "Move, fill, checksum and compare files by a Ferry DMA controller, and stream through its ports.\vCommands:\n"
	       "  info            what the device is and allows\n"
	       "  copy SRC DST    copy a file or block device\n"
	       "  fill DST        write a pattern\n"
	       "  crc32c FILE...  print CRC-32C checksums\n"
	       "  compare A B     find the first difference\n"
	       "  send [FILE]     into a port\n"
	       "  recv            from a port, into a file\n"
	       "  top             what the ports do, live\n\n"
	       "'ferry COMMAND --help' lists the options of each; see also ferry(1).",
};

int main(int argc, char **argv)
{
	const struct command *command = NULL;
	char name[32];
	int i;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &command);

	for (i = 1; argv[i] && strcmp(argv[i], command->name); i++)
		;
	snprintf(name, sizeof(name), "ferry %s", command->name);
	argv[i] = name;
	return command->run(argc - i, argv + i);
}
