// SPDX-License-Identifier: GPL-2.0-only
/* ferry: what sysfs tells of the ports at one moment. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "progress.h"
#include "sample.h"

/* A port that goes away while it is read has empty attributes. */
static void read_text(const char *sysfs, const char *port, const char *name,
		      char *text, size_t size)
{
	char *path;
	FILE *file;

	if (asprintf(&path, "%s/%s/%s", sysfs, port, name) < 0)
		die("out of memory");
	file = fopen(path, "re");
	free(path);
	*text = '\0';
	if (!file)
		return;
	if (fgets(text, (int)size, file))
		text[strcspn(text, "\n")] = '\0';
	fclose(file);
}

static uint64_t read_number(const char *sysfs, const char *port,
			    const char *name)
{
	char text[32];

	read_text(sysfs, port, name, text, sizeof(text));
	return strtoull(text, NULL, 10);
}

static void read_port(const char *sysfs, struct port_sample *port)
{
	const char *name = port->name;

	read_text(sysfs, name, "opened", port->opened, sizeof(port->opened));
	port->connected = read_number(sysfs, name, "connected");
	port->loopback = read_number(sysfs, name, "loopback");
	port->rx = (struct flow){
		.waiting = read_number(sysfs, name, "rx_waiting"),
		.bytes = read_number(sysfs, name, "statistics/rx_bytes"),
		.packets = read_number(sysfs, name, "statistics/rx_packets"),
		.interrupts = read_number(sysfs, name, "statistics/rx_interrupts"),
		.stalls = read_number(sysfs, name, "statistics/rx_starved"),
		.errors = read_number(sysfs, name, "statistics/rx_errors"),
	};
	port->tx = (struct flow){
		.waiting = read_number(sysfs, name, "tx_waiting"),
		.bytes = read_number(sysfs, name, "statistics/tx_bytes"),
		.packets = read_number(sysfs, name, "statistics/tx_packets"),
		.interrupts = read_number(sysfs, name, "statistics/tx_interrupts"),
		.stalls = read_number(sysfs, name, "statistics/tx_overruns"),
		.errors = read_number(sysfs, name, "statistics/tx_errors"),
	};
	port->refills = read_number(sysfs, name, "statistics/rx_refills");
	port->reserve_refills = read_number(sysfs, name,
					    "statistics/rx_reserve_refills");
}

/* ferryNpK; N and K, or false */
static bool parse_name(const char *name, unsigned int *device,
		       unsigned int *port)
{
	char end;

	return sscanf(name, "ferry%up%u%c", device, port, &end) == 2;
}

static int compare_ports(const void *a, const void *b)
{
	unsigned int devices[2], ports[2];

	parse_name(((const struct port_sample *)a)->name, &devices[0], &ports[0]);
	parse_name(((const struct port_sample *)b)->name, &devices[1], &ports[1]);
	if (devices[0] != devices[1])
		return devices[0] < devices[1] ? -1 : 1;
	return (ports[0] > ports[1]) - (ports[0] < ports[1]);
}

static const char *base_name(const char *node)
{
	const char *slash = strrchr(node, '/');

	return slash ? slash + 1 : node;
}

static bool is_wanted(const char *name, char **names)
{
	if (!names[0])
		return true;
	for (; *names; names++)
		if (!strcmp(base_name(*names), name))
			return true;
	return false;
}

void sample_take(struct sample *sample, const char *sysfs, char **names)
{
	unsigned int device, number;
	struct dirent *entry;
	struct port_sample *port;
	DIR *dir = opendir(sysfs);

	if (!dir)
		die("cannot read %s: %s; load the driver (modprobe ferry)",
		    sysfs, strerror(errno));
	*sample = (struct sample){ .time = now() };
	while ((entry = readdir(dir)) != NULL) {
		if (!parse_name(entry->d_name, &device, &number) ||
		    strlen(entry->d_name) >= sizeof(port->name) ||
		    !is_wanted(entry->d_name, names))
			continue;
		port = reallocarray(sample->ports, sample->count + 1,
				    sizeof(*port));
		if (!port)
			die("out of memory");
		sample->ports = port;
		port += sample->count++;
		*port = (struct port_sample){ 0 };
		memcpy(port->name, entry->d_name, strlen(entry->d_name) + 1);
		read_port(sysfs, port);
	}
	closedir(dir);
	if (sample->count)
		qsort(sample->ports, sample->count, sizeof(*sample->ports),
		      compare_ports);
}

const struct port_sample *sample_port(const struct sample *sample,
				      const char *name)
{
	size_t i;

	name = base_name(name);
	for (i = 0; i < sample->count; i++)
		if (!strcmp(sample->ports[i].name, name))
			return &sample->ports[i];
	return NULL;
}

void sample_free(struct sample *sample)
{
	free(sample->ports);
	sample->ports = NULL;
	sample->count = 0;
}
