// SPDX-License-Identifier: MIT
/* libferry: memory that the device may touch. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

int ferry_buf_alloc(struct ferry *dev, size_t length, unsigned int flags,
		    struct ferry_buf **buf)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct ferry_buf_alloc arg = {
		.size = sizeof(arg),
		.flags = flags,
		.length = length,
	};
	struct ferry_buf *new;
	int err;

	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	err = ferry_ioctl(dev, FERRY_IOC_BUF_ALLOC, &arg);
	if (err) {
		free(new);
		return err;
	}
	new->dev = dev;
	new->length = (length + page - 1) & ~(page - 1);
	new->mmap_offset = arg.mmap_offset;
	new->handle = arg.buffer;
	new->flags = flags;
	*buf = new;
	return 0;
}

int ferry_buf_register(struct ferry *dev, void *addr, size_t length,
		       unsigned int flags, struct ferry_buf **buf)
{
	struct ferry_buf_register arg = {
		.size = sizeof(arg),
		.flags = flags,
		.addr = (uintptr_t)addr,
		.length = length,
	};
	struct ferry_buf *new;
	int err;

	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	err = ferry_ioctl(dev, FERRY_IOC_BUF_REGISTER, &arg);
	if (err) {
		free(new);
		return err;
	}
	new->registered = 1;
	new->dev = dev;
	new->addr = addr;
	new->length = length;
	new->handle = arg.buffer;
	new->flags = flags;
	*buf = new;
	return 0;
}

int ferry_buf_import(struct ferry *dev, int fd, uint64_t offset, size_t length,
		     unsigned int flags, struct ferry_buf **buf)
{
	struct ferry_buf_import arg = {
		.size = sizeof(arg),
		.flags = flags,
		.fd = fd,
		.offset = offset,
		.length = length,
	};
	struct ferry_buf *new;
	int err;

	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	err = ferry_ioctl(dev, FERRY_IOC_BUF_IMPORT, &arg);
	if (err) {
		free(new);
		return err;
	}
	new->imported = 1;
	new->dev = dev;
	new->length = (size_t)arg.length;
	new->handle = arg.buffer;
	new->flags = flags;
	*buf = new;
	return 0;
}

int ferry_buf_export(const struct ferry_buf *buf)
{
	struct ferry_buf_export arg = {
		.size = sizeof(arg),
		.buffer = buf->handle,
	};
	int err = ferry_ioctl(buf->dev, FERRY_IOC_BUF_EXPORT, &arg);

	return err ? err : arg.fd;
}

int ferry_buf_map(struct ferry_buf *buf)
{
	void *addr;

	if (buf->addr)
		return 0;
	if (buf->imported)
		return -EINVAL;
	addr = mmap(NULL, buf->length, PROT_READ | PROT_WRITE, MAP_SHARED,
		    buf->dev->fd, (off_t)buf->mmap_offset);
	if (addr == MAP_FAILED)
		return -errno;
	buf->addr = addr;
	return 0;
}

int ferry_buf_free(struct ferry_buf *buf)
{
	struct ferry_buf_free arg = { .size = sizeof(arg) };
	int err;

	if (!buf)
		return 0;
	if (buf->addr && !buf->registered)
		munmap(buf->addr, buf->length);
	arg.buffer = buf->handle;
	err = ferry_ioctl(buf->dev, FERRY_IOC_BUF_FREE, &arg);
	free(buf);
	return err;
}
