/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory of every kind that can be registered, and what is pinned. */
#ifndef FERRY_REGISTER_H
#define FERRY_REGISTER_H

#include "ferry_utils.h"

#ifndef MFD_HUGETLB
#define MFD_HUGETLB	0x0004U
#endif

#define HUGE	(2 * MiB)

enum kind {
	ANONYMOUS,	/* small pages, as they come */
	THP,		/* transparent huge pages, if there are some */
	SHARED,
	MEMFD,
	MEMFD_PRIVATE,
	SCATTERED,	/* a memfd, its pages mapped in opposite order */
	TMPFS,
	HUGETLB,
};

static inline void *memory_of_fd(int fd, size_t length, bool private)
{
	void *map = MAP_FAILED;

	if (fd >= 0 && !ftruncate(fd, length))
		map = mmap(NULL, length, PROT_READ | PROT_WRITE,
			   private ? MAP_PRIVATE : MAP_SHARED, fd, 0);
	close(fd);
	return map;
}

/* No two pages of the result are neighbours in the file. */
static inline void *memory_scattered(size_t length)
{
	size_t page = sysconf(_SC_PAGESIZE);
	int fd = memfd_create("scattered", MFD_CLOEXEC);
	char *map;

	if (fd < 0 || ftruncate(fd, length))
		return MAP_FAILED;
	map = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (size_t at = 0; map != MAP_FAILED && at < length; at += page)
		if (mmap(map + at, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
			 length - page - at) == MAP_FAILED)
			return MAP_FAILED;
	close(fd);
	return map;
}

/* Length is a multiple of HUGE where pages are. MAP_FAILED: there is none of that kind here. */
static inline uint8_t *memory(enum kind kind, size_t length)
{
	char path[] = "/tmp/ferry.XXXXXX";
	const int rw = PROT_READ | PROT_WRITE;
	uint8_t *map;
	int fd;

	switch (kind) {
	case ANONYMOUS:
		map = mmap(NULL, length, rw, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		madvise(map, length, MADV_NOHUGEPAGE);
		return map;
	case THP:
		map = mmap(NULL, length + HUGE, rw, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (map == MAP_FAILED)
			return map;
		map += -(uintptr_t)map % HUGE;
		madvise(map, length, MADV_HUGEPAGE);
		return map;
	case SHARED:
		return mmap(NULL, length, rw, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	case MEMFD:
		return memory_of_fd(memfd_create("shared", MFD_CLOEXEC), length, false);
	case MEMFD_PRIVATE:
		return memory_of_fd(memfd_create("private", MFD_CLOEXEC), length, true);
	case SCATTERED:
		return memory_scattered(length);
	case TMPFS:
		fd = mkstemp(path);
		unlink(path);
		return memory_of_fd(fd, length, false);
	case HUGETLB:
		write_file("/proc/sys/vm/nr_hugepages", "8");
		return memory_of_fd(memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB), length, false);
	}
	return MAP_FAILED;
}

/* Eight bytes at a time: an emulator has better things to do than pattern(). */
static inline void fill_words(void *buf, size_t length, uint64_t seed)
{
	uint64_t *words = buf;

	for (size_t i = 0; i < length / 8; i++)
		words[i] = (i + seed) * 0x9e3779b97f4a7c15ULL;
}

static inline bool has_words(const void *buf, size_t length, uint64_t seed)
{
	const uint64_t *words = buf;

	for (size_t i = 0; i < length / 8; i++)
		if (words[i] != (i + seed) * 0x9e3779b97f4a7c15ULL)
			return false;
	return true;
}

/* Bytes that the device's attribute tells, of all files. */
static inline long pinned_bytes(void)
{
	char path[PATH_MAX], text[32];

	if (find_device())
		return -ENODEV;
	snprintf(path, sizeof(path), "%s/%s", device_class, "pinned_bytes");
	return read_file(path, text, sizeof(text)) ? -EIO : atol(text);
}

/* Bytes that are pinned of this process's address space. */
static inline long vm_pin(void)
{
	char text[4096], *line;

	if (read_file("/proc/self/status", text, sizeof(text)))
		return -EIO;
	line = strstr(text, "VmPin:");
	return line ? atol(line + 6) * (long)KiB : -EIO;
}

/* Pages that are pinned in the whole system; the counts of all processors are added up first. */
static inline long pinned_pages(void)
{
	FILE *file;
	char name[64];
	long value, acquired = 0, released = 0;

	/* Who is not root gets the same each time. */
	if (write_file("/proc/sys/vm/stat_refresh", "1"))
		return 0;
	file = fopen("/proc/vmstat", "r");
	while (file && fscanf(file, "%63s %ld", name, &value) == 2) {
		if (!strcmp(name, "nr_foll_pin_acquired"))
			acquired = value;
		if (!strcmp(name, "nr_foll_pin_released"))
			released = value;
	}
	if (file)
		fclose(file);
	return acquired - released;
}

FIXTURE(reg)
{
	int fd;
	long pins;
	uint32_t queue;
	struct ferry_info info;
};

FIXTURE_SETUP(reg)
{
	self->pins = pinned_pages();
	self->fd = ferry_open();
	ASSERT_LE(0, self->fd) TH_LOG("%s: %s", ferry_path(), strerror(-self->fd));
	ASSERT_EQ(0, ferry_info(self->fd, &self->info));
	ASSERT_EQ(0, queue_create(self->fd, self->info.min_order, &self->queue));
}

/* Whatever a test leaves, close(2) gives it back. */
FIXTURE_TEARDOWN(reg)
{
	close(self->fd);
	EXPECT_EQ(0, pinned_bytes());
	EXPECT_EQ(0, vm_pin());
	EXPECT_EQ(self->pins, pinned_pages());
}

#endif /* FERRY_REGISTER_H */
