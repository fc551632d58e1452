// SPDX-License-Identifier: GPL-2.0-only
/* What can't be registered, and why: each errno of BUF_REGISTER. */
#include "ferry_register.h"

#include <grp.h>
#include <sys/mount.h>
#include <sys/resource.h>

#ifndef SYS_memfd_secret
#define SYS_memfd_secret	447
#endif

/* Refused, and nothing is pinned by it. */
#define EXPECT_REFUSED(error, addr, length, flags) do { \
	uint32_t _buffer; \
	\
	EXPECT_EQ(-(error), buf_register(self->fd, addr, length, flags, &_buffer)); \
	EXPECT_EQ(0, pinned_bytes()); \
	EXPECT_EQ(0, vm_pin()); \
	EXPECT_EQ(self->pins, pinned_pages()); \
} while (0)

TEST_F(reg, length_that_can_not_be_is_EINVAL)
{
	uint8_t *map = memory(ANONYMOUS, HUGE);

	EXPECT_REFUSED(EINVAL, map, 0, 0);
	EXPECT_REFUSED(EINVAL, map, UINT64_MAX, 0);
	EXPECT_REFUSED(EINVAL, map, -(uintptr_t)map, 0);
	EXPECT_REFUSED(EINVAL, (void *)UINTPTR_MAX, 1, 0);
	EXPECT_REFUSED(EINVAL, (void *)(UINTPTR_MAX - 4095), 4096, 0);
}

TEST_F(reg, memory_that_is_not_there_is_EFAULT)
{
	size_t page = sysconf(_SC_PAGESIZE);
	uint8_t *map = memory(ANONYMOUS, HUGE);

	EXPECT_REFUSED(EFAULT, NULL, 1, 0);
	/* The kernel's. */
	EXPECT_REFUSED(EFAULT, (void *)(UINTPTR_MAX << 40), page, 0);
	ASSERT_EQ(0, munmap(map + 600 * KiB / page * page, page));
	EXPECT_REFUSED(EFAULT, map, HUGE, 0);
	EXPECT_REFUSED(EFAULT, map, HUGE, FERRY_BUF_DEV_RO);
	ASSERT_EQ(0, mprotect(map, page, PROT_NONE));
	EXPECT_REFUSED(EFAULT, map, 2 * page, FERRY_BUF_DEV_RO);
}

TEST_F(reg, memory_that_only_can_be_read_is_EFAULT_unless_the_device_only_reads)
{
	size_t page = sysconf(_SC_PAGESIZE);
	uint8_t *map = memory(ANONYMOUS, HUGE);
	struct ferry_cqe cqe;
	uint32_t buffer;

	pattern(map, 4 * page, 1);
	ASSERT_EQ(0, mprotect(map, 4 * page, PROT_READ));
	EXPECT_REFUSED(EFAULT, map, 4 * page, 0);
	/* Code of this program is a private mapping of a file, and constant. */
	EXPECT_REFUSED(EFAULT, (void *)memory_scattered, 16, 0);
	ASSERT_EQ(0, buf_register(self->fd, (void *)memory_scattered, 16, FERRY_BUF_DEV_RO, &buffer));
	ASSERT_EQ(0, run(self->fd, self->queue,
			 sqe(FERRY_OP_CRC32C, 16, FERRY_ADDR(buffer, 0), 0, 0), &cqe));
	EXPECT_EQ(crc32c(0, (void *)memory_scattered, 16), cqe_result(&cqe));
	ASSERT_EQ(0, buf_register(self->fd, map, 4 * page, FERRY_BUF_DEV_RO, &buffer));
	ASSERT_EQ(0, run(self->fd, self->queue,
			 sqe(FERRY_OP_CRC32C, 4 * page, FERRY_ADDR(buffer, 0), 0, 0), &cqe));
	EXPECT_EQ(crc32c(0, map, 4 * page), cqe_result(&cqe));
}

TEST_F(reg, memory_of_a_device_is_EFAULT)
{
	uint32_t buffer;
	uint8_t *map = buf_new(self->fd, 64 * KiB, 0, &buffer);

	ASSERT_NE(NULL, map);
	EXPECT_REFUSED(EFAULT, map, 64 * KiB, 0);
	EXPECT_REFUSED(EFAULT, map, 64 * KiB, FERRY_BUF_DEV_RO);
}

TEST_F(reg, secret_memory_is_EFAULT)
{
	int fd = syscall(SYS_memfd_secret, 0);
	uint8_t *map;

	if (fd < 0)
		SKIP(return, "no memfd_secret: %s", strerror(errno));
	map = memory_of_fd(fd, 64 * KiB, false);
	ASSERT_NE(MAP_FAILED, map);
	memset(map, 1, 64 * KiB);
	EXPECT_REFUSED(EFAULT, map, 64 * KiB, 0);
	EXPECT_REFUSED(EFAULT, map, 64 * KiB, FERRY_BUF_DEV_RO);
}

/* ramfs does not care who dirties its pages, but its mappings say that it does. */
TEST_F(reg, shared_mapping_of_a_file_with_dirty_tracking_is_EFAULT)
{
	char dir[] = "/tmp/ferry.XXXXXX", path[64];
	uint8_t *shared, *private;
	uint32_t buffer;
	int fd;

	ASSERT_NE(NULL, mkdtemp(dir));
	if (mount("none", dir, "ramfs", 0, NULL))
		SKIP(return, "no ramfs, or not root: %s", strerror(errno));
	snprintf(path, sizeof(path), "%s/file", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, 64 * KiB));
	shared = mmap(NULL, 64 * KiB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	private = mmap(NULL, 64 * KiB, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	ASSERT_NE(MAP_FAILED, shared);
	ASSERT_NE(MAP_FAILED, private);
	memset(shared, 1, 64 * KiB);
	EXPECT_REFUSED(EFAULT, shared, 64 * KiB, 0);
	EXPECT_EQ(0, buf_register(self->fd, shared, 64 * KiB, FERRY_BUF_DEV_RO, &buffer));
	EXPECT_EQ(0, buf_register(self->fd, private, 64 * KiB, 0, &buffer));
	close(self->fd);
	self->fd = -1;
	munmap(shared, 64 * KiB);
	munmap(private, 64 * KiB);
	close(fd);
	umount2(dir, MNT_DETACH);
	rmdir(dir);
}

TEST_F(reg, buffers_beyond_max_buffers_are_ENOSPC)
{
	size_t page = sysconf(_SC_PAGESIZE);
	uint8_t *map = memory(ANONYMOUS, HUGE);
	uint32_t buffer;
	struct ferry_info info;

	for (uint32_t i = 0; i < self->info.max_buffers; i++)
		ASSERT_EQ(0, buf_register(self->fd, map + i % 256 * page, page, 0, &buffer));
	EXPECT_EQ(-ENOSPC, buf_register(self->fd, map, page, 0, &buffer));
	ASSERT_EQ(0, ferry_info(self->fd, &info));
	EXPECT_EQ(self->info.max_buffers, info.buffers);
	EXPECT_EQ((uint64_t)self->info.max_buffers * page, info.pinned);
	EXPECT_EQ((long)info.pinned, pinned_bytes());
	EXPECT_EQ((long)info.pinned, vm_pin());
	ASSERT_EQ(0, buf_free(self->fd, 1));
	EXPECT_EQ(0, buf_register(self->fd, map, page, 0, &buffer));
}

/* Pieces of an odd number of pages leave no larger page to make a list of. */
TEST_F(reg, memory_in_too_many_pieces_is_EFBIG)
{
	enum { PIECE = 4095, LIST = 1 << 18 };
	size_t page = sysconf(_SC_PAGESIZE), length = (LIST / PIECE + 1) * PIECE * page;
	int fd = memfd_create("piece", MFD_CLOEXEC);
	uint32_t buffer;
	uint8_t *map;

	if (page != 4096)
		SKIP(return, "what a list of larger pages has room for is too much here");
	if (!access("/sys/kernel/debug/dma-api", F_OK))
		SKIP(return, "debugging of the DMA API counts no more than seven mappings of a page");
	ASSERT_EQ(0, ftruncate(fd, PIECE * page));
	map = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, map);
	for (size_t at = 0; at < length; at += PIECE * page)
		ASSERT_NE(MAP_FAILED, mmap(map + at, PIECE * page, PROT_READ | PROT_WRITE,
					   MAP_SHARED | MAP_FIXED, fd, 0));
	EXPECT_REFUSED(EFBIG, map + 1, LIST * page, 0);
	/* One list can be full. */
	EXPECT_EQ(0, buf_register(self->fd, map, LIST * page, 0, &buffer));
	close(fd);
	munmap(map, length);
}

TEST_F(reg, length_beyond_what_can_be_counted_is_EFBIG)
{
	EXPECT_REFUSED(EFBIG, (void *)4096, (1ULL << 31) * sysconf(_SC_PAGESIZE), 0);
}

TEST_F(reg, registered_memory_has_no_mapping_of_its_own)
{
	uint8_t *map = memory(ANONYMOUS, HUGE);
	uint32_t buffer;

	ASSERT_EQ(0, buf_register(self->fd, map, 4096, 0, &buffer));
	EXPECT_EQ(MAP_FAILED, buf_map(self->fd, (uint64_t)buffer << 32, 4096));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(reg, info_and_proc_tell_what_is_pinned)
{
	size_t page = sysconf(_SC_PAGESIZE);
	uint8_t *map = memory(MEMFD, HUGE);
	struct ferry_info info;
	uint32_t a, b;
	uint64_t offset;

	ASSERT_EQ(0, buf_register(self->fd, map + 1, page, 0, &a));
	ASSERT_EQ(0, buf_alloc(self->fd, 4 * page, 0, &b, &offset));
	ASSERT_EQ(0, ferry_info(self->fd, &info));
	EXPECT_EQ(2, info.buffers);
	EXPECT_EQ(2 * page, info.pinned);
	EXPECT_EQ(2 * (long)page, vm_pin());
	EXPECT_EQ(2 * (long)page, pinned_bytes());
	ASSERT_EQ(0, buf_free(self->fd, a));
	ASSERT_EQ(0, ferry_info(self->fd, &info));
	EXPECT_EQ(1, info.buffers);
	EXPECT_EQ(0, info.pinned);
	EXPECT_EQ(0, vm_pin());
}

/* Become a user whom limits bind, and who may pin so many pages. */
static void be_limited(rlim_t pages)
{
	struct rlimit limit = { pages * sysconf(_SC_PAGESIZE), pages * sysconf(_SC_PAGESIZE) };

	if (setrlimit(RLIMIT_MEMLOCK, &limit) || setgroups(0, NULL) || setgid(65534) ||
	    setuid(65534))
		_exit(100);
}

#define REQUIRE(condition) do { \
	if (!(condition)) \
		_exit(__COUNTER__ + 1); \
} while (0)

TEST_F(reg, limit_is_the_users_over_all_processes_and_is_given_back)
{
	size_t page = sysconf(_SC_PAGESIZE);
	uint8_t *map = memory(ANONYMOUS, HUGE);
	uint32_t a, b;
	int status;
	pid_t pid;

	for (int round = 0; round < 2; round++) {
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			be_limited(16);
			REQUIRE(buf_register(self->fd, map, 17 * page, 0, &a) == -ENOMEM);
			/* 16 pages of bytes, but on 17 pages. */
			REQUIRE(buf_register(self->fd, map + 1, 16 * page, 0, &a) == -ENOMEM);
			REQUIRE(buf_register(self->fd, map, 16 * page, 0, &a) == 0);
			REQUIRE(buf_register(self->fd, map, 1, 0, &b) == -ENOMEM);
			REQUIRE(buf_free(self->fd, a) == 0);
			REQUIRE(buf_register(self->fd, map, 9 * page, 0, &a) == 0);
			/* Nor does a child have a limit of its own. */
			pid = fork();
			REQUIRE(pid >= 0);
			if (!pid) {
				REQUIRE(buf_register(self->fd, map, 8 * page, 0, &b) == -ENOMEM);
				REQUIRE(buf_register(self->fd, map, 7 * page, 0, &b) == 0);
				/* It is charged to who registers, and goes when it is freed. */
				REQUIRE(buf_free(self->fd, b) == 0);
				_exit(0);
			}
			REQUIRE(waitpid(pid, &status, 0) == pid && !status);
			/* What failed is not charged either. */
			REQUIRE(buf_register(self->fd, NULL, page, 0, &b) == -EFAULT);
			REQUIRE(buf_register(self->fd, map, 7 * page, 0, &b) == 0);
			if (!round) {
				buf_free(self->fd, b);
				buf_free(self->fd, a);
			}
			_exit(0);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status) TH_LOG("step %d", WEXITSTATUS(status));
		/* The file is ours, and so outlives who registered. */
		EXPECT_EQ(round ? 16 * (long)page : 0, pinned_bytes());
	}
	/* CAP_IPC_LOCK knows no limit. */
	EXPECT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){ 0, 0 }));
	EXPECT_EQ(0, buf_register(self->fd, map, HUGE, 0, &a));
	close(self->fd);
	self->fd = -1;
	/* Now that the file is closed the other user has all of theirs again. */
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int fd = ferry_open();

		setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){ RLIM_INFINITY, RLIM_INFINITY });
		be_limited(16);
		REQUIRE(buf_register(fd, map, 16 * page, 0, &a) == 0);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status) TH_LOG("step %d", WEXITSTATUS(status));
}

/* For boots in which nothing can be registered: FERRY_REGISTER is the errno. */
TEST_F(reg, memory_that_the_device_does_not_see_is_refused)
{
	const char *expected = getenv("FERRY_REGISTER");
	enum kind kinds[] = { ANONYMOUS, THP, MEMFD, SCATTERED };
	uint32_t buffer;
	uint8_t *map;

	if (!expected)
		SKIP(return, "for a device that bounces, or is not coherent");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		map = memory(kinds[i], HUGE);
		ASSERT_NE(MAP_FAILED, map);
		memset(map, 0x33, HUGE);
		EXPECT_REFUSED(atoi(expected), map, HUGE, 0);
		EXPECT_REFUSED(atoi(expected), map + 5, 4096, FERRY_BUF_DEV_RO);
		EXPECT_TRUE(all_bytes(map, HUGE, 0x33));
	}
	/* What the message names as the remedy is one. */
	EXPECT_NE(NULL, buf_new(self->fd, HUGE, 0, &buffer));
}

TEST_HARNESS_MAIN
