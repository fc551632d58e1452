// SPDX-License-Identifier: MIT
/* libferry: memory that the device may touch. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

struct buf {
	struct ferry_buf pub;	/* what the caller sees; must be first */
	struct ferry *dev;
	uint64_t mmap_offset;
};

int ferry_buf_alloc(struct ferry *dev, size_t length, unsigned int flags,
		    struct ferry_buf **buf)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct ferry_buf_alloc arg = {
		.size = sizeof(arg),
		.flags = flags,
		.length = length,
	};
	struct buf *new;
	int err;

	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	err = ferry_ioctl(dev, FERRY_IOC_BUF_ALLOC, &arg);
	if (err) {
		free(new);
		return err;
	}
	new->pub.length = (length + page - 1) & ~(page - 1);
	new->pub.handle = arg.buffer;
	new->pub.flags = flags;
	new->dev = dev;
	new->mmap_offset = arg.mmap_offset;
	*buf = &new->pub;
	return 0;
}

int ferry_buf_map(struct ferry_buf *pub)
{
	struct buf *buf = (struct buf *)pub;
	void *addr;

	if (pub->addr)
		return 0;
	addr = mmap(NULL, pub->length, PROT_READ | PROT_WRITE, MAP_SHARED,
		    buf->dev->fd, (off_t)buf->mmap_offset);
	if (addr == MAP_FAILED)
		return -errno;
	pub->addr = addr;
	return 0;
}

void ferry_buf_free(struct ferry_buf *pub)
{
	struct buf *buf = (struct buf *)pub;
	struct ferry_buf_free arg = { .size = sizeof(arg) };

	if (!pub)
		return;
	if (pub->addr)
		munmap(pub->addr, pub->length);
	/* Fails only when the device is gone, and the buffer with it. */
	arg.buffer = pub->handle;
	ferry_ioctl(buf->dev, FERRY_IOC_BUF_FREE, &arg);
	free(buf);
}
