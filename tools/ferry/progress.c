// SPDX-License-Identifier: GPL-2.0-only
/*
 * ferry: progress of long work, on standard error.
 *
 * On a terminal, one line that is written over, from the first second on. With
 * --progress elsewhere, a line for every second and one at the end.
 */
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "progress.h"

static struct {
	const char *what;
	uint64_t total;
	double start;
	double next;
	bool active;
	bool terminal;
	bool drawn;
} progress;

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void progress_start(const struct options *opt, const char *what,
		    uint64_t total)
{
	progress.what = what;
	progress.total = total;
	progress.start = now();
	progress.next = progress.start + 1;
	progress.terminal = isatty(STDERR_FILENO);
	progress.active = !opt->quiet && (opt->progress || progress.terminal);
}

void progress_clear(void)
{
	if (progress.drawn)
		fputs("\r\033[K", stderr);
	progress.drawn = false;
}

static void draw(uint64_t bytes, double seconds)
{
	double mib = (double)bytes / (1 << 20);

	progress_clear();
	fprintf(stderr, "%s: %.1f MiB", progress.what, mib);
	if (progress.total != NO_SIZE && progress.total)
		fprintf(stderr, " of %.1f, %.0f %%",
			(double)progress.total / (1 << 20),
			100.0 * (double)bytes / (double)progress.total);
	if (seconds > 0)
		fprintf(stderr, ", %.1f MB/s", (double)bytes / seconds / 1e6);
	if (progress.terminal)
		progress.drawn = true;
	else
		fputc('\n', stderr);
}

void progress_update(uint64_t bytes)
{
	double time;

	if (!progress.active)
		return;
	time = now();
	if (time < progress.next)
		return;
	progress.next = time + 1;
	draw(bytes, time - progress.start);
}

void progress_end(uint64_t bytes)
{
	if (progress.active && !progress.terminal)
		draw(bytes, now() - progress.start);
	progress_clear();
	progress.active = false;
}
