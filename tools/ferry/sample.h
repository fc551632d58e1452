/* SPDX-License-Identifier: GPL-2.0-only */
/* ferry: what sysfs tells of the ports at one moment. */
#ifndef FERRY_SAMPLE_H
#define FERRY_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct flow - one direction of a port; totals since the driver was bound
 * @waiting: bytes that wait for the reader, or that the port has not taken
 * @bytes: bytes
 * @packets: ends of packet
 * @interrupts: interrupts
 * @stalls: times that there was no buffer for what came, or no room for what
 *	was written
 * @errors: operations that failed
 */
struct flow {
	uint64_t waiting;
	uint64_t bytes;
	uint64_t packets;
	uint64_t interrupts;
	uint64_t stalls;
	uint64_t errors;
};

/**
 * struct port_sample - a port
 * @name: ferryNpK
 * @opened: who has it: r, w, l (sends on after close), R and W (a mapped queue)
 * @connected: there is a peer
 * @loopback: what is written is read
 * @rx: receiving direction
 * @tx: sending direction
 * @refills: buffers that took the place of one that waits for the reader
 * @reserve_refills: of these, the ones that no memory was found for
 */
struct port_sample {
	char name[32];
	char opened[8];
	bool connected;
	bool loopback;
	struct flow rx;
	struct flow tx;
	uint64_t refills;
	uint64_t reserve_refills;
};

/**
 * struct sample - all ports, by device and number
 * @time: when
 * @count: number of ports
 * @ports: ports
 */
struct sample {
	double time;
	size_t count;
	struct port_sample *ports;
};

/* sample_take() - of @names, or of all if there are none; or dies */
void sample_take(struct sample *sample, const char *sysfs, char **names);

/* sample_port() - the port of that name or node in a sample, or NULL */
const struct port_sample *sample_port(const struct sample *sample,
				      const char *name);

void sample_free(struct sample *sample);

#endif /* FERRY_SAMPLE_H */
