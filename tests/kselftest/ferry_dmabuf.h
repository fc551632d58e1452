/* SPDX-License-Identifier: GPL-2.0-only */
/* dma-bufs of several exporters, and who is attached to them. */
#ifndef FERRY_DMABUF_H
#define FERRY_DMABUF_H

#include "ferry_register.h"

#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>

enum exporter {
	UDMABUF,	/* a memfd, each page a piece of its own */
	HEAP,		/* the system heap of DMABUF_HEAPS */
	OURS,		/* BUF_EXPORT, of a file that is closed */
};

static inline int dmabuf_of_memfd(size_t length)
{
	int dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = length };
	int memfd, fd = -1;

	if (dev < 0)
		return -errno;
	memfd = memfd_create("udmabuf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	create.memfd = memfd;
	if (memfd >= 0 && !ftruncate(memfd, length) && !fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		fd = ioctl(dev, UDMABUF_CREATE, &create);
	if (fd < 0)
		fd = -errno;
	close(memfd);
	close(dev);
	return fd;
}

static inline int dmabuf_of_heap(size_t length, uint32_t mode)
{
	int dev = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);
	struct dma_heap_allocation_data data = { .len = length, .fd_flags = mode | O_CLOEXEC };
	int ret;

	if (dev < 0)
		return -errno;
	ret = ioctl(dev, DMA_HEAP_IOCTL_ALLOC, &data) ? -errno : (int)data.fd;
	close(dev);
	return ret;
}

static inline int dmabuf_of_ours(size_t length)
{
	int fd = ferry_open(), ret;
	uint64_t offset;
	uint32_t buffer;

	if (fd < 0)
		return fd;
	ret = buf_alloc(fd, length, FERRY_BUF_EXPORT, &buffer, &offset);
	if (!ret)
		ret = buf_export(fd, buffer);
	close(fd);
	return ret;
}

/* A dma-buf, zeroed, or -errno. */
static inline int dmabuf_new(enum exporter exporter, size_t length)
{
	switch (exporter) {
	case UDMABUF:
		return dmabuf_of_memfd(length);
	case HEAP:
		return dmabuf_of_heap(length, O_RDWR);
	case OURS:
		return dmabuf_of_ours(length);
	}
	return -EINVAL;
}

static inline uint8_t *dmabuf_map(int fd, size_t length)
{
	return mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

/* How many attachments or objects there are, of all dma-bufs: -1 if nobody can say. */
static inline int dmabuf_count(bool attachments)
{
	FILE *file = fopen("/sys/kernel/debug/dma_buf/bufinfo", "re");
	const char *what = attachments ? " devices attached" : " objects,";
	int n, count = file ? 0 : -1;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (strstr(line, what) && sscanf(line, "Total %d", &n) == 1)
			count += n;
	if (file)
		fclose(file);
	return count;
}

FIXTURE(dmabuf)
{
	int fd;
	uint32_t queue;
	struct ferry_info info;
	size_t page;
	int objects;
};

FIXTURE_SETUP(dmabuf)
{
	self->page = sysconf(_SC_PAGESIZE);
	self->objects = dmabuf_count(false);
	self->fd = ferry_open();
	ASSERT_LE(0, self->fd) TH_LOG("%s: %s", ferry_path(), strerror(-self->fd));
	ASSERT_EQ(0, ferry_info(self->fd, &self->info));
	ASSERT_EQ(0, queue_create(self->fd, self->info.min_order, &self->queue));
}

/* Whatever a test leaves, close(2) gives it back. */
FIXTURE_TEARDOWN(dmabuf)
{
	close(self->fd);
	EXPECT_GE(0, dmabuf_count(true));
}

#endif /* FERRY_DMABUF_H */
