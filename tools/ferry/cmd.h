/* SPDX-License-Identifier: GPL-2.0-only */
/* ferry: what its subcommands share. */
#ifndef FERRY_CMD_H
#define FERRY_CMD_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "libferry.h"

#define NO_SIZE	UINT64_MAX

enum {
	EXIT_FAILED = 1,	/* of compare: the files differ */
	EXIT_USAGE = 2,		/* of compare: any trouble */
};

/**
 * struct options - what the command line says, beside the names of files
 * @device: device node
 * @json: one JSON object on standard output instead of text
 * @verify: compute everything on the CPU too
 * @quiet: no summary
 * @progress: progress lines even where standard error is not a terminal
 * @depth: operations in flight
 * @block: bytes in an operation
 * @size: bytes to process at most, or NO_SIZE
 */
struct options {
	const char *device;
	bool json;
	bool verify;
	bool quiet;
	bool progress;
	unsigned int depth;
	uint32_t block;
	uint64_t size;
};

#define OPTIONS_DEFAULT ((struct options){	\
	.device = FERRY_DEFAULT_DEVICE,		\
	.depth = 8,				\
	.block = 256 << 10,			\
	.size = NO_SIZE,			\
})

/* Common options, as .children of an argp; their input is a struct options. */
extern const struct argp_child device_children[];
extern const struct argp_child transfer_children[];

/* parse_number() - a number from @min to @max; a usage error if it is not */
uint64_t parse_number(struct argp_state *state, const char *option,
		      const char *text, uint64_t min, uint64_t max);

int cmd_info(int argc, char **argv);
int cmd_copy(int argc, char **argv);
int cmd_fill(int argc, char **argv);
int cmd_crc32c(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_send(int argc, char **argv);
int cmd_recv(int argc, char **argv);
int cmd_top(int argc, char **argv);

/* Exit status of die(): EXIT_FAILED, but in compare */
extern int trouble_status;

/* complain() - one line on standard error; die() - and that was it */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
void die(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));

/* open_device() - open it, or die with the remedy */
struct ferry *open_device(const char *path, struct ferry_info *info);

/*
 * buffers_lost() - what to say when the memory of a buffer is not there any more
 *
 * After an unbind the CPU gets SIGBUS for it, and a system call EFAULT.
 */
void buffers_lost(int signal) __attribute__((noreturn));

/* finish_output() - die if standard output could not take what was printed */
void finish_output(void);

#endif /* FERRY_CMD_H */
