// SPDX-License-Identifier: GPL-2.0-only
/* ferry top: what the ports do, live. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "json.h"
#include "sample.h"
#include "screen.h"

#define SYSFS	"/sys/class/ferry"

enum { KEY_JSON = 0x300, KEY_ONCE, KEY_SYSFS };

struct top {
	bool json;
	bool once;
	double interval;
	const char *sysfs;
	char **names;
};

static const struct argp_option options[] = {
	{ "interval", 'i', "SECONDS", 0, "Time between two lines of rates (1)", 0 },
	{ "once", KEY_ONCE, NULL, 0, "Print the rates of one interval", 0 },
	{ "json", KEY_JSON, NULL, 0,
	  "Print a JSON object, on a line of its own, each interval", 0 },
	{ "sysfs", KEY_SYSFS, "DIR", 0, "Read this instead of " SYSFS, 0 },
	{ 0 }
};

static double parse_interval(struct argp_state *state, const char *text)
{
	double seconds;
	char *end;

	seconds = strtod(text, &end);
	/* What is no number is not in the range either. */
	if (end == text || *end || !(seconds >= 0.1 && seconds <= 3600))
		argp_error(state, "--interval=%s is not a number from 0.1 to 3600",
			   text);
	return seconds;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct top *top = state->input;

	switch (key) {
	case 'i':
		top->interval = parse_interval(state, arg);
		return 0;
	case KEY_ONCE:
		top->once = true;
		return 0;
	case KEY_JSON:
		top->json = true;
		return 0;
	case KEY_SYSFS:
		top->sysfs = arg;
		return 0;
	case ARGP_KEY_ARGS:
		top->names = state->argv + state->next;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "[PORT...]",
	.doc = "Show what the ports do, all of them or those that are named: ferry0p0.\vOn a terminal the table is written over; q ends it. Otherwise there is a table for each interval, until the command is stopped.",
};

/**
 * struct rates - what a direction did in an interval
 * @bytes: bytes per second
 * @packets: ends of packet per second
 * @interrupts: interrupts per second
 * @stalls: stalls per second
 */
struct rates {
	double bytes;
	double packets;
	double interrupts;
	double stalls;
};

/* Counters that have become less began anew: the device was bound again. */
static double rate(uint64_t before, uint64_t after, double seconds)
{
	if (after < before || seconds <= 0)
		return 0;
	return (double)(after - before) / seconds;
}

static struct rates get_rates(const struct flow *before,
			      const struct flow *after, double seconds)
{
	return (struct rates){
		.bytes = rate(before->bytes, after->bytes, seconds),
		.packets = rate(before->packets, after->packets, seconds),
		.interrupts = rate(before->interrupts, after->interrupts,
				   seconds),
		.stalls = rate(before->stalls, after->stalls, seconds),
	};
}

/* 999, 1.2K, 34M: four characters at most */
static const char *short_number(uint64_t value, char text[8])
{
	static const char units[] = " KMGTPE";
	double number = (double)value;
	int unit = 0;

	for (; number >= 999.5; number /= 1024)
		unit++;
	if (!unit)
		snprintf(text, 8, "%u", (unsigned int)value);
	else
		snprintf(text, 8, "%.*f%c", number < 9.95, number, units[unit]);
	return text;
}

static const char *peer(const struct port_sample *port)
{
	if (port->loopback)
		return "loop";
	return port->connected ? "up" : "down";
}

static void end_line(bool on_screen)
{
	if (on_screen)
		screen_line_end();
	else
		putchar('\n');
}

static void print_flow(const struct port_sample *port, bool rx,
		       const struct flow *flow, const struct rates *rates)
{
	char waiting[8], total[8];
	const char *user = strchr(port->opened, rx ? 'r' : 'w') ? "open" :
			   strchr(port->opened, rx ? 'R' : 'W') ? "queue" :
			   !rx && strchr(port->opened, 'l') ? "sends" : "-";

	printf("%-10s %-3s %-5s %-5s %9.2f %8.0f %8.0f %8s %8.0f %6s",
	       port->name, rx ? "rx" : "tx", peer(port),
	       user, rates->bytes / 1e6, rates->packets, rates->interrupts,
	       short_number(flow->waiting, waiting), rates->stalls,
	       short_number(flow->bytes, total));
}

/* Ports that there is room for, between the header and what counts the others. */
static size_t ports_shown(size_t count, bool on_screen)
{
	int room = screen_height() - 2;

	if (!on_screen || 2 * count <= (size_t)(room > 0 ? room : 0))
		return count;
	return room > 1 ? (size_t)(room - 1) / 2 : 0;
}

static void print_table(const struct sample *before, const struct sample *after,
			bool on_screen)
{
	double seconds = after->time - before->time;
	size_t shown = ports_shown(after->count, on_screen);
	const struct port_sample *port, *was;
	struct rates rates;
	size_t i;

	if (on_screen)
		screen_begin();
	printf("%-10s %-3s %-5s %-5s %9s %8s %8s %8s %8s %6s", "PORT", "", "PEER",
	       "FILE", "MB/s", "pkt/s", "irq/s", "waiting", "stall/s", "bytes");
	end_line(on_screen);
	for (i = 0; i < shown; i++) {
		port = &after->ports[i];
		was = sample_port(before, port->name);
		if (!was)
			was = port;
		rates = get_rates(&was->rx, &port->rx, seconds);
		print_flow(port, true, &port->rx, &rates);
		end_line(on_screen);
		rates = get_rates(&was->tx, &port->tx, seconds);
		print_flow(port, false, &port->tx, &rates);
		end_line(on_screen);
	}
	if (shown < after->count) {
		printf("%zu more; name those to see", after->count - shown);
		end_line(on_screen);
	}
	if (on_screen)
		screen_end();
	else
		finish_output();
}

static void json_flow(const char *name, const struct flow *flow,
		      const struct rates *rates)
{
	json_open(name, '{');
	json_number("bytes", flow->bytes);
	json_number("packets", flow->packets);
	json_number("interrupts", flow->interrupts);
	json_number("stalls", flow->stalls);
	json_number("errors", flow->errors);
	json_number("waiting", flow->waiting);
	json_real("mb_per_s", rates->bytes / 1e6);
	json_real("packets_per_s", rates->packets);
	json_real("interrupts_per_s", rates->interrupts);
	json_real("stalls_per_s", rates->stalls);
	json_close('}');
}

static void print_json(const struct sample *before, const struct sample *after)
{
	double seconds = after->time - before->time;
	const struct port_sample *port, *was;
	struct rates rates;
	size_t i;

	json_open(NULL, '{');
	json_string("command", "top");
	json_real("seconds", seconds);
	json_open("ports", '[');
	for (i = 0; i < after->count; i++) {
		port = &after->ports[i];
		was = sample_port(before, port->name);
		if (!was)
			was = port;
		json_open(NULL, '{');
		json_string("port", port->name);
		json_string("opened", port->opened);
		json_bool("connected", port->connected);
		json_bool("loopback", port->loopback);
		json_number("refills", port->refills);
		json_number("reserve_refills", port->reserve_refills);
		rates = get_rates(&was->rx, &port->rx, seconds);
		json_flow("rx", &port->rx, &rates);
		rates = get_rates(&was->tx, &port->tx, seconds);
		json_flow("tx", &port->tx, &rates);
		json_close('}');
	}
	json_close(']');
	json_close('}');
	json_end();
	finish_output();
}

static bool wait_interval(const struct top *top, bool on_screen)
{
	struct timespec time = {
		.tv_sec = (time_t)top->interval,
		.tv_nsec = (long)((top->interval -
				   (double)(time_t)top->interval) * 1e9),
	};

	if (on_screen)
		return screen_wait(top->interval);
	nanosleep(&time, NULL);
	return true;
}

int cmd_top(int argc, char **argv)
{
	struct top top = {
		.interval = 1, .sysfs = SYSFS, .names = (char *[]){ NULL }
	};
	struct sample before, after;
	bool on_screen;
	char **name;

	argp_parse(&argp, argc, argv, 0, NULL, &top);
	sample_take(&before, top.sysfs, top.names);
	for (name = top.names; *name; name++)
		if (!sample_port(&before, *name))
			die("there is no port %s in %s; the name of one is like ferry0p0",
			    *name, top.sysfs);
	if (!before.count)
		die("%s has no port; 'ferry info' tells how many the device has, and where it has none the driver is not loaded (modprobe ferry)",
		    top.sysfs);
	on_screen = !top.once && !top.json && isatty(STDOUT_FILENO);
	if (on_screen) {
		screen_open();
		print_table(&before, &before, on_screen);
	}
	while (wait_interval(&top, on_screen)) {
		sample_take(&after, top.sysfs, top.names);
		if (top.json)
			print_json(&before, &after);
		else
			print_table(&before, &after, on_screen);
		sample_free(&before);
		before = after;
		if (top.once)
			break;
	}
	sample_free(&before);
	return EXIT_SUCCESS;
}
