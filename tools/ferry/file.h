/* SPDX-License-Identifier: GPL-2.0-only */
/* ferry: the files that data comes from and goes to. */
#ifndef FERRY_FILE_H
#define FERRY_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct options;

/**
 * struct file - an open file
 * @name: for messages
 * @fd: descriptor
 * @st: as it was at open
 * @left: source: bytes that may still be read; NO_SIZE for no bound
 * @done: bytes read or written
 */
struct file {
	const char *name;
	int fd;
	struct stat st;
	uint64_t left;
	uint64_t done;
};

/* file_open_source() - to read @limit bytes at most; complains if it fails */
bool file_open_source(struct file *file, const char *path, uint64_t limit);

/* file_open_dest() - to write from the start, but not onto @source; or dies */
void file_open_dest(struct file *file, const char *path,
		    const struct file *source);

/* file_expected() - bytes that a source will give, or NO_SIZE */
uint64_t file_expected(const struct file *file);

/* file_can_reread() - whether what was read or written can be read again */
bool file_can_reread(const struct file *file);

/* file_read() - @len bytes, or fewer at the end of the file; or dies */
size_t file_read(struct file *file, void *data, size_t len);

/* file_read_some() - what is at hand, @len bytes at most; 0 at the end; or dies */
size_t file_read_some(struct file *file, void *data, size_t len);

/* file_write() - all of it; or dies */
void file_write(struct file *file, const void *data, size_t len);

/*
 * file_read_back() - read all of @written again, from the medium if it can be
 *
 * @check gets it in pieces of READ_BACK_BLOCK bytes at most; the done of its
 * file counts them. Dies if less is there than was written.
 */
#define READ_BACK_BLOCK	(1 << 20)
void file_read_back(const struct options *opt, const char *path,
		    const struct file *written,
		    void (*check)(void *data, const struct file *file,
				  const uint8_t *bytes, size_t len),
		    void *data);

/* file_close() - dies if that shows that data were lost */
void file_close(struct file *file);

#endif /* FERRY_FILE_H */
