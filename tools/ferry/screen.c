// SPDX-License-Identifier: GPL-2.0-only
/*
 * ferry: a terminal that is written over, and left as it was found.
 *
 * Signals are blocked but while screen_wait() sleeps, and their handler only
 * takes a note. So the terminal is never left in the middle of something, and
 * whatever ends the process puts it back first.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "screen.h"

#define HOME		"\033[H"
#define CLEAR_LINE	"\033[K"
#define CLEAR_BELOW	"\033[J"
#define HIDE_CURSOR	"\033[?25l"
#define SHOW_CURSOR	"\033[?25h"
#define CUT_LINES	"\033[?7l"	/* where the terminal ends */
#define WRAP_LINES	"\033[?7h"

static const int signals[] = {
	SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGALRM, SIGUSR1, SIGUSR2,
	SIGTSTP, SIGWINCH, 0
};

static struct {
	struct termios saved;
	bool has_keys;		/* standard input is a terminal, too */
	bool taken;
	sigset_t waiting;	/* mask of screen_wait() */
} screen;

static atomic_int caught;

static void note(int signal)
{
	caught = signal;
}

static void take(void)
{
	struct termios raw;

	if (screen.has_keys) {
		raw = screen.saved;
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		raw.c_cc[VMIN] = 1;
		raw.c_cc[VTIME] = 0;
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	fputs(CUT_LINES HIDE_CURSOR HOME CLEAR_BELOW, stdout);
	fflush(stdout);
	screen.taken = true;
}

static void give_back(void)
{
	if (!screen.taken)
		return;
	screen.taken = false;
	if (screen.has_keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &screen.saved);
	fputs(WRAP_LINES SHOW_CURSOR, stdout);
	fflush(stdout);
}

void screen_open(void)
{
	struct sigaction action = { .sa_handler = note };
	sigset_t blocked;
	size_t i;

	sigemptyset(&blocked);
	for (i = 0; signals[i]; i++)
		sigaddset(&blocked, signals[i]);
	sigprocmask(SIG_BLOCK, &blocked, &screen.waiting);
	for (i = 0; signals[i]; i++) {
		sigdelset(&screen.waiting, signals[i]);
		sigaction(signals[i], &action, NULL);
	}
	screen.has_keys = isatty(STDIN_FILENO) &&
			  tcgetattr(STDIN_FILENO, &screen.saved) == 0;
	atexit(give_back);
	take();
}

int screen_height(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_row)
		return 24;
	return size.ws_row;
}

void screen_begin(void)
{
	fputs(HOME, stdout);
}

void screen_line_end(void)
{
	fputs(CLEAR_LINE "\n", stdout);
}

void screen_end(void)
{
	fputs(CLEAR_BELOW, stdout);
	fflush(stdout);
}

/* The signal does what it would have done, with the terminal as it was. */
static void obey(int number)
{
	sigset_t set;

	caught = 0;
	if (number == SIGWINCH)
		return;
	give_back();
	signal(number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, number);
	raise(number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	/* Only from a stop does it come back. */
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(number, note);
	take();
}

bool screen_wait(double seconds)
{
	struct pollfd keys = { .fd = STDIN_FILENO, .events = POLLIN };
	struct timespec time = {
		.tv_sec = (time_t)seconds,
		.tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9),
	};
	char key;
	int n;

	n = ppoll(&keys, screen.has_keys, &time, &screen.waiting);
	if (n < 0 && errno == EINTR && caught)
		obey(caught);
	if (n > 0 && read(STDIN_FILENO, &key, 1) != 1)
		screen.has_keys = false;
	return n <= 0 || !screen.has_keys || (key != 'q' && key != 'Q');
}
