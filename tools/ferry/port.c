// SPDX-License-Identifier: GPL-2.0-only
/* ferry: a port of the device, as an open file. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/ferry.h>

#include "json.h"
#include "port.h"
#include "progress.h"

enum { KEY_PROGRESS = 0x200, KEY_PACKET };

static const struct argp_option port_options[] = {
	{ "port", 'p', "PORT", 0,
	  "Port to use, its node or its number (0)", 0 },
	{ "packet", KEY_PACKET, NULL, 0, "Keep packets apart", 0 },
	{ "block", 'b', "BYTES", 0, "Bytes in a read or write (64K)", 0 },
	{ "progress", KEY_PROGRESS, NULL, 0,
	  "Show progress though standard error is not a terminal", 0 },
	{ "quiet", 'q', NULL, 0, "Print neither summary nor progress", 0 },
	{ 0 }
};

static error_t parse_port(int key, char *arg, struct argp_state *state)
{
	struct port *port = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &port->opt;
		port->opt = OPTIONS_DEFAULT;
		port->opt.block = 64 << 10;
		port->node = "0";
		return 0;
	case 'p':
		port->node = arg;
		return 0;
	case KEY_PACKET:
		port->packet = true;
		return 0;
	case 'b':
		port->opt.block = (uint32_t)parse_number(state, "block", arg, 1,
							 1 << 30);
		return 0;
	case KEY_PROGRESS:
		port->opt.progress = true;
		return 0;
	case 'q':
		port->opt.quiet = true;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp port_argp = {
	.options = port_options,
	.parser = parse_port,
	.children = device_children,
};

const struct argp_child port_children[] = {
	{ &port_argp, 0, NULL, 0 },
	{ 0 }
};

/* A number is a port of the device; anything else is the node itself. */
static bool is_number(const char *node)
{
	return *node && !node[strspn(node, "0123456789")];
}

static char *port_name(const struct port *port)
{
	char *name;

	if (!is_number(port->node))
		name = strdup(port->node);
	else if (asprintf(&name, "%sp%s", port->opt.device, port->node) < 0)
		name = NULL;
	if (!name)
		die("out of memory");
	return name;
}

static void die_gone(const struct port *port)
{
	die("the device behind %s is gone; bind the driver to it again",
	    port->name);
}

static void keep_packets(const struct port *port)
{
	struct ferry_port_control mode = {
		.size = sizeof(mode), .flags = FERRY_PORT_MODE_PACKET,
	};

	if (ioctl(port->fd, FERRY_PORT_IOC_MODE, &mode) == 0)
		return;
	if (errno == EOPNOTSUPP)
		die("%s has no packets, since what is behind it has only bytes; for the model in QEMU, framing=len32 makes frames of them",
		    port->name);
	if (errno == ENOTTY)
		die("%s is not a port of a Ferry device; --packet needs one",
		    port->name);
	if (errno == ENODEV)
		die_gone(port);
	die("cannot keep packets of %s apart: %s", port->name, strerror(errno));
}

/* A pipe will do for bytes. Nothing else would: a file keeps them. */
static void check_kind(const struct port *port)
{
	struct ferry_port_info info = { .size = sizeof(info) };
	struct stat st;

	if (ioctl(port->fd, FERRY_PORT_IOC_INFO, &info) == 0)
		return;
	if (errno == ENODEV)
		die_gone(port);
	if (fstat(port->fd, &st) < 0 || !S_ISFIFO(st.st_mode))
		die("%s is not a port of a Ferry device; name one with --port",
		    port->name);
}

static void die_missing(const struct port *port)
{
	if (is_number(port->node))
		die("there is no port %s; 'ferry info' tells how many %s has, and where it has none the driver is not loaded (modprobe ferry)",
		    port->name, port->opt.device);
	die("there is no port %s; name one with --port, by its node, /dev/ferry0p0, or its number",
	    port->name);
}

void port_open(struct port *port, int flags)
{
	port->name = port_name(port);
	port->fd = open(port->name, flags | O_CLOEXEC);
	if (port->fd >= 0) {
		check_kind(port);
		if (port->packet)
			keep_packets(port);
		return;
	}
	switch (errno) {
	case ENOENT:
		die_missing(port);
		break;
	case EACCES:
	case EPERM:
		die("no permission to use %s; run as root, or join the group ferry (udev rule 70-ferry.rules)",
		    port->name);
	case EBUSY:
		die("somebody else %s %s already; end that program, or take another port with --port",
		    flags == O_RDONLY ? "reads from" : "writes to", port->name);
	case ENODEV:
	case ENXIO:
		die_gone(port);
		break;
	case EIO:
		die("%s does not answer; the driver tries it every five seconds, and the kernel log says what became of it",
		    port->name);
	default:
		die("cannot open %s: %s", port->name, strerror(errno));
	}
}

/* What the port says of itself; all zero if it is no port. */
static struct ferry_port_info get_info(const struct port *port)
{
	struct ferry_port_info info = { .size = sizeof(info) };

	if (ioctl(port->fd, FERRY_PORT_IOC_INFO, &info) < 0)
		memset(&info, 0, sizeof(info));
	return info;
}

static void port_die(const struct port *port, const char *verb)
{
	switch (errno) {
	case ENODEV:
		die("the device behind %s is gone after %ju bytes", port->name,
		    (uintmax_t)port->bytes);
	case EMSGSIZE:
		die("%s takes packets of %u bytes at most; use --block=%u or less",
		    port->name, get_info(port).max_packet,
		    get_info(port).max_packet);
	case EIO:
		die("%s has failed after %ju bytes; the kernel log says why, and closing and opening it starts anew",
		    port->name, (uintmax_t)port->bytes);
	default:
		die("cannot %s %s after %ju bytes: %s", verb, port->name,
		    (uintmax_t)port->bytes, strerror(errno));
	}
}

void port_write(struct port *port, const void *data, size_t len)
{
	size_t put = 0;
	ssize_t n;

	do {
		n = write(port->fd, (const char *)data + put, len - put);
		port->calls++;
		if (n >= 0) {
			put += (size_t)n;
			port->bytes += (uint64_t)n;
		} else if (errno != EINTR) {
			port_die(port, "write");
		}
	} while (put < len);
	port->packets++;
}

void port_wait(struct port *port)
{
	struct pollfd fd = { .fd = port->fd, .events = POLLIN };

	while (poll(&fd, 1, -1) < 0)
		if (errno != EINTR)
			die("cannot poll %s: %s", port->name, strerror(errno));
	port->start = now();
}

bool port_read(struct port *port, void *data, size_t room, size_t *len)
{
	ssize_t n;

	do {
		n = read(port->fd, data, room);
		port->calls++;
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		port_die(port, "read");
	*len = (size_t)n;
	/* Nothing may be an empty packet. */
	if (n == 0 && (!port->packet ||
		       get_info(port).flags & FERRY_PORT_EOF))
		return false;
	port->bytes += *len;
	port->packets++;
	if (port->packet && *len == room && get_info(port).last_packet > room)
		die("%s: a packet of %u bytes does not fit into --block=%zu, and its rest is lost",
		    port->name, get_info(port).last_packet, room);
	return true;
}

void port_drain(struct port *port)
{
	/* What knows nothing of this, a pipe for instance, has it already. */
	while (fsync(port->fd) < 0 && errno != EINVAL)
		if (errno != EINTR)
			port_die(port, "drain");
}

void port_close(struct port *port)
{
	close(port->fd);
	free(port->name);
}

void port_report(const struct port *port, const char *command,
		 const char *verb, const char *file)
{
	bool sends = !strcmp(command, "send");
	double seconds = now() - port->start;
	double rate = seconds > 0 ? (double)port->bytes / seconds / 1e6 : 0;

	if (!port->opt.quiet && !port->opt.json) {
		fprintf(stderr, "%s %ju bytes in %.3f s, %.1f MB/s", verb,
			(uintmax_t)port->bytes, seconds, rate);
		if (port->packet)
			fprintf(stderr, ", %ju packets",
				(uintmax_t)port->packets);
		fputc('\n', stderr);
	}
	if (!port->opt.json)
		return;
	json_open(NULL, '{');
	json_string("command", command);
	json_string("port", port->name);
	json_string(sends ? "source" : "destination", file);
	json_number("bytes", port->bytes);
	if (port->packet)
		json_number("packets", port->packets);
	else
		json_null("packets");
	json_real("seconds", seconds);
	json_real("mb_per_s", rate);
	json_number("calls", port->calls);
	json_number("block", port->opt.block);
	json_close('}');
	json_end();
	finish_output();
}
