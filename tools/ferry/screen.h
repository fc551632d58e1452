/* SPDX-License-Identifier: GPL-2.0-only */
/* ferry: a terminal that is written over, and left as it was found. */
#ifndef FERRY_SCREEN_H
#define FERRY_SCREEN_H

#include <stdbool.h>

/* screen_open() - take the terminal of standard output, until the process ends */
void screen_open(void);

/* screen_height() - lines of the terminal */
int screen_height(void);

/* screen_begin(), screen_line_end(), screen_end() - around what is drawn */
void screen_begin(void);
void screen_line_end(void);
void screen_end(void);

/*
 * screen_wait() - for @seconds, or until a key is pressed
 *
 * False: that was q. A signal that ends the process does so here, and one that
 * stops it gives the terminal back meanwhile. After either a stop or a change of
 * size it returns early.
 */
bool screen_wait(double seconds);

#endif /* FERRY_SCREEN_H */
