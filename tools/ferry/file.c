// SPDX-License-Identifier: GPL-2.0-only
/* ferry: the files that data comes from and goes to. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "file.h"
#include "progress.h"

static bool is_dash(const char *path)
{
	return !strcmp(path, "-");
}

bool file_open_source(struct file *file, const char *path, uint64_t limit)
{
	*file = (struct file){
		.name = is_dash(path) ? "standard input" : path,
		.fd = is_dash(path) ? STDIN_FILENO :
				      open(path, O_RDONLY | O_CLOEXEC),
		.left = limit,
	};
	if (file->fd < 0 || fstat(file->fd, &file->st) < 0) {
		complain("cannot open %s: %s", file->name, strerror(errno));
		return false;
	}
	if (S_ISDIR(file->st.st_mode)) {
		complain("%s is a directory; name a file in it", file->name);
		close(file->fd);
		return false;
	}
	return true;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	if (S_ISBLK(a->st_mode) && S_ISBLK(b->st_mode))
		return a->st_rdev == b->st_rdev;
	return (S_ISREG(a->st_mode) || S_ISFIFO(a->st_mode)) &&
	       a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

void file_open_dest(struct file *file, const char *path,
		    const struct file *source)
{
	*file = (struct file){
		.name = is_dash(path) ? "standard output" : path,
		.fd = is_dash(path) ? STDOUT_FILENO :
				      open(path, O_WRONLY | O_CREAT | O_CLOEXEC,
					   0666),
	};
	if (file->fd < 0 || fstat(file->fd, &file->st) < 0)
		die("cannot write %s: %s", file->name, strerror(errno));
	if (source && same_file(&source->st, &file->st))
		die("%s and %s are the same file", source->name, file->name);
	if (!is_dash(path) && S_ISREG(file->st.st_mode) &&
	    ftruncate(file->fd, 0) < 0)
		die("cannot truncate %s: %s", file->name, strerror(errno));
}

bool file_can_reread(const struct file *file)
{
	return file->fd > STDERR_FILENO &&
	       (S_ISREG(file->st.st_mode) || S_ISBLK(file->st.st_mode));
}

uint64_t file_expected(const struct file *file)
{
	uint64_t size = NO_SIZE;
	off_t end;

	if (S_ISREG(file->st.st_mode)) {
		size = (uint64_t)file->st.st_size;
	} else if (S_ISBLK(file->st.st_mode)) {
		end = lseek(file->fd, 0, SEEK_END);
		if (end >= 0 && lseek(file->fd, 0, SEEK_SET) == 0)
			size = (uint64_t)end;
	}
	return size < file->left ? size : file->left;
}

/* From @least to @len bytes, or fewer at the end of the file. */
static size_t read_bytes(struct file *file, void *data, size_t least,
			 size_t len)
{
	size_t got = 0;
	ssize_t n;

	if (len > file->left)
		len = (size_t)file->left;
	while (got < len && got < least) {
		n = read(file->fd, (char *)data + got, len - got);
		if (n == 0)
			break;
		if (n > 0)
			got += (size_t)n;
		else if (errno == EFAULT)
			buffers_lost(0);
		else if (errno != EINTR)
			die("cannot read %s after %ju bytes: %s", file->name,
			    (uintmax_t)(file->done + got), strerror(errno));
	}
	if (file->left != NO_SIZE)
		file->left -= got;
	file->done += got;
	return got;
}

size_t file_read(struct file *file, void *data, size_t len)
{
	return read_bytes(file, data, len, len);
}

size_t file_read_some(struct file *file, void *data, size_t len)
{
	return read_bytes(file, data, 1, len);
}

void file_write(struct file *file, const void *data, size_t len)
{
	size_t put = 0;
	ssize_t n;

	while (put < len) {
		n = write(file->fd, (const char *)data + put, len - put);
		if (n >= 0)
			put += (size_t)n;
		else if (errno == EFAULT)
			buffers_lost(0);
		else if (errno == ENOSPC)
			die("%s is full after %ju bytes; make room, or bound the work with --size",
			    file->name, (uintmax_t)(file->done + put));
		else if (errno != EINTR)
			die("cannot write %s after %ju bytes: %s", file->name,
			    (uintmax_t)(file->done + put), strerror(errno));
	}
	file->done += len;
}

void file_read_back(const struct options *opt, const char *path,
		    const struct file *written,
		    void (*check)(void *data, const struct file *file,
				  const uint8_t *bytes, size_t len),
		    void *data)
{
	static uint8_t block[READ_BACK_BLOCK];
	struct file file;
	size_t n;

	/* Only clean pages can be dropped; the medium is read where they are. */
	if (fsync(written->fd) < 0 && errno != EINVAL)
		die("cannot write %s: %s", written->name, strerror(errno));
	posix_fadvise(written->fd, 0, 0, POSIX_FADV_DONTNEED);
	if (!file_open_source(&file, path, written->done))
		die("cannot verify %s without reading it", written->name);
	progress_start(opt, "verify", written->done);
	while ((n = file_read(&file, block, sizeof(block))) != 0) {
		check(data, &file, block, n);
		progress_update(file.done);
	}
	progress_end(file.done);
	if (file.done != written->done)
		die("%s has only %ju of the %ju bytes that were written to it",
		    file.name, (uintmax_t)file.done, (uintmax_t)written->done);
	file_close(&file);
}

void file_close(struct file *file)
{
	if (close(file->fd) < 0)
		die("cannot write %s: %s", file->name, strerror(errno));
}
