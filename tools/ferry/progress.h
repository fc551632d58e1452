/* SPDX-License-Identifier: GPL-2.0-only */
/* ferry: progress of long work, on standard error. */
#ifndef FERRY_PROGRESS_H
#define FERRY_PROGRESS_H

#include <stdint.h>

struct options;

/* now() - seconds of a clock that only goes forward */
double now(void);

/* progress_start() - work begins, on @total bytes or NO_SIZE */
void progress_start(const struct options *opt, const char *what,
		    uint64_t total);

/* progress_update() - @bytes are done; shows it once a second */
void progress_update(uint64_t bytes);

/* progress_end() - all @bytes are done */
void progress_end(uint64_t bytes);

/* progress_clear() - make the line free for something else */
void progress_clear(void);

#endif /* FERRY_PROGRESS_H */
