/* SPDX-License-Identifier: GPL-2.0-only */
/* ferry: a port of the device, as an open file. */
#ifndef FERRY_PORT_H
#define FERRY_PORT_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd.h"

/**
 * struct port - a port, and what went through it
 * @opt: options that all commands have
 * @node: as given: a node, or the number of a port of opt.device
 * @name: the node
 * @packet: keep packets apart
 * @fd: descriptor
 * @bytes: bytes read or written
 * @packets: packets read or written
 * @calls: read() and write() calls
 * @start: when it began
 */
struct port {
	struct options opt;
	const char *node;
	char *name;
	bool packet;
	int fd;
	uint64_t bytes;
	uint64_t packets;
	uint64_t calls;
	double start;
};

/* Options of the commands that use a port; their input is a struct port. */
extern const struct argp_child port_children[];

/* port_open() - for O_RDONLY or O_WRONLY, or die with the remedy */
void port_open(struct port *port, int flags);

/* port_write() - all of it, as one packet if they are kept apart; or dies */
void port_write(struct port *port, const void *data, size_t len);

/* port_wait() - until there is something to read; the time counts from then */
void port_wait(struct port *port);

/*
 * port_read() - what is there, or one packet; waits for some
 *
 * False at the end of what the other side has sent. An empty packet is true
 * with @len 0. Dies if a packet does not fit.
 */
bool port_read(struct port *port, void *data, size_t room, size_t *len);

/* port_drain() - wait until the port has taken everything */
void port_drain(struct port *port);

void port_close(struct port *port);

/* port_report() - summary or JSON of what was done; @file is its other end */
void port_report(const struct port *port, const char *command,
		 const char *verb, const char *file);

#endif /* FERRY_PORT_H */
