// SPDX-License-Identifier: GPL-2.0-only
/* However it ends, nothing stays pinned, and the device is out of it before. */
#include "ferry_register.h"

/* What is given back when a task ends may be so a little after it was seen to. */
static bool nothing_is_pinned(FIXTURE_DATA(reg) *self)
{
	int64_t end = now_ns() + 60 * NSEC_PER_SEC;
	struct ferry_info info;

	while (pinned_bytes() && now_ns() < end)
		sched_yield();
	return !pinned_bytes() && pinned_pages() == self->pins && !vm_pin() &&
	       !ferry_info(self->fd, &info) && !info.pinned && !info.buffers;
}

/* Registered, in use, and nobody will ever free it. */
static int start_registered(int fd, const struct ferry_info *info, enum kind kind, uint8_t **map)
{
	uint32_t queue, buffer;

	*map = memory(kind, HUGE);
	if (*map == MAP_FAILED)
		return -ENOMEM;
	if (queue_create(fd, info->min_order, &queue))
		return -ENOSPC;
	if (buf_register(fd, *map, HUGE, 0, &buffer))
		return -EIO;
	return make_busy(fd, queue, buffer, HUGE, 1u << info->min_order) < 0 ? -EIO : 0;
}

TEST_F(reg, close_with_work_in_flight_unpins)
{
	for (int i = 0; i < 2; i++) {
		int fd = ferry_open();
		uint8_t *map;

		ASSERT_LE(0, fd);
		ASSERT_EQ(0, start_registered(fd, &self->info, i % 2 ? SCATTERED : THP, &map));
		EXPECT_EQ((long)HUGE, pinned_bytes());
		ASSERT_EQ(0, close(fd));
		memset(map, i, HUGE);
		EXPECT_EQ(0, pinned_bytes());
		EXPECT_EQ(0, vm_pin());
		EXPECT_TRUE(all_bytes(map, HUGE, i));
		munmap(map, HUGE);
	}
}

/* A child that has the file keeps it, and what it has registered. */
TEST_F(reg, last_close_unpins_not_the_first)
{
	int fd = ferry_open(), go[2], status;
	uint8_t *map;
	pid_t pid;
	char c;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, pipe(go));
	ASSERT_EQ(0, start_registered(fd, &self->info, ANONYMOUS, &map));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(go[1]);
		_exit(read(go[0], &c, 1) == 1 ? 0 : 1);
	}
	ASSERT_EQ(0, close(fd));
	EXPECT_EQ((long)HUGE, pinned_bytes());
	EXPECT_EQ((long)HUGE, vm_pin());
	ASSERT_EQ(1, write(go[1], "x", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(nothing_is_pinned(self));
	EXPECT_EQ(0, vm_pin());
}

TEST_F(reg, exit_unpins)
{
	static const enum kind kinds[] = { ANONYMOUS, THP, SCATTERED };
	int status;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		pid_t pid = fork();
		uint8_t *map;

		ASSERT_LE(0, pid);
		if (!pid) {
			int fd = ferry_open();

			_exit(start_registered(fd, &self->info, kinds[i], &map) ? 1 : 0);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status);
		EXPECT_TRUE(nothing_is_pinned(self));
	}
}

TEST_F(reg, exec_unpins)
{
	int status, go[2], begun[2];
	uint8_t *map;
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(go));
	ASSERT_EQ(0, pipe(begun));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int fd = ferry_open();

		if (start_registered(fd, &self->info, ANONYMOUS, &map) ||
		    pinned_bytes() != (long)HUGE || write(begun[1], "x", 1) != 1)
			_exit(1);
		/* Another program, that stays until we say so. */
		dup2(go[0], 0);
		close(go[0]);
		close(go[1]);
		execl("/bin/busybox", "cat", NULL);
		_exit(2);
	}
	close(go[0]);
	ASSERT_EQ(1, read(begun[0], &c, 1));
	EXPECT_TRUE(nothing_is_pinned(self));
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	close(go[1]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

enum end { EXITS, IS_KILLED, EXECS };

/* A program that stays until there is nothing more to read. */
static void exec_cat(int from)
{
	dup2(from, 0);
	execl("/bin/busybox", "cat", NULL);
	_exit(99);
}

static void end_as(enum end how)
{
	if (how == IS_KILLED)
		kill(getpid(), SIGKILL);
	if (how == EXECS)
		execl("/bin/busybox", "true", NULL);
	_exit(how == EXITS ? 0 : 99);
}

/* As for any file: what is open in the new program keeps what it has. */
TEST_F(reg, exec_with_the_file_open_keeps_it_pinned_until_that_ends)
{
	int go[2], done[2], status;
	uint8_t *map;
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe2(go, O_CLOEXEC));
	ASSERT_EQ(0, pipe2(done, O_CLOEXEC));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int fd = open(ferry_path(), O_RDWR);

		if (start_registered(fd, &self->info, SCATTERED, &map))
			_exit(1);
		exec_cat(go[0]);
	}
	close(go[0]);
	close(done[1]);
	/* The other end closes when the old program has gone, with the memory that was registered. */
	ASSERT_EQ(0, read(done[0], &c, 1));
	EXPECT_EQ((long)HUGE, pinned_bytes());
	EXPECT_EQ(self->pins + (long)HUGE / sysconf(_SC_PAGESIZE), pinned_pages());
	close(go[1]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(nothing_is_pinned(self));
	close(done[0]);
}

/* It has the file, and a copy of the memory; neither is worth anything to it. */
TEST_F(reg, child_that_ends_first_takes_nothing_along)
{
	uint8_t *map = memory(ANONYMOUS, HUGE);
	struct ferry_cqe cqe;
	uint32_t buffer;
	int status;

	memset(map, 1, HUGE);
	ASSERT_EQ(0, buf_register(self->fd, map, HUGE, 0, &buffer));
	for (int how = EXITS; how <= EXECS; how++) {
		pid_t pid = fork();

		ASSERT_LE(0, pid);
		if (!pid) {
			/* A page that was pinned is the parent's; the child has had its copy. */
			memset(map, 2, HUGE / 2);
			end_as(how);
		}
		ASSERT_EQ(0, run(self->fd, self->queue,
				 sqe(FERRY_OP_FILL, HUGE, 0, FERRY_ADDR(buffer, 0),
				     0x0303030303030303ULL + how), &cqe));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(how == IS_KILLED ? SIGKILL : 0, status);
		EXPECT_EQ(FERRY_OK, cqe_status(&cqe));
		EXPECT_EQ(3 + how, map[0]);
		EXPECT_EQ(3, map[HUGE - 1]);
		EXPECT_EQ((long)HUGE, pinned_bytes());
		EXPECT_EQ((long)HUGE, vm_pin());
	}
	ASSERT_EQ(0, buf_free(self->fd, buffer));
	EXPECT_TRUE(nothing_is_pinned(self));
}

/* Its memory stays with the parent's file, which is where it is freed. */
TEST_F(reg, memory_of_a_child_that_has_ended_can_be_used_and_freed)
{
	struct ferry_cqe cqe;
	int status, tell[2];
	uint32_t buffer;
	uint8_t *map;

	ASSERT_EQ(0, pipe2(tell, O_CLOEXEC));
	for (int how = EXITS; how <= EXECS; how++) {
		pid_t pid = fork();

		ASSERT_LE(0, pid);
		if (!pid) {
			map = memory(THP, HUGE);
			memset(map, 5, HUGE);
			if (buf_register(self->fd, map, HUGE, 0, &buffer) ||
			    write(tell[1], &buffer, sizeof(buffer)) != sizeof(buffer))
				_exit(1);
			end_as(how);
		}
		ASSERT_EQ(sizeof(buffer), read(tell[0], &buffer, sizeof(buffer)));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(how == IS_KILLED ? SIGKILL : 0, status);
		EXPECT_EQ((long)HUGE, pinned_bytes());
		/* It is counted where it was registered. */
		EXPECT_EQ(0, vm_pin());
		ASSERT_EQ(0, run(self->fd, self->queue, sqe(FERRY_OP_COMPARE, HUGE / 2,
							     FERRY_ADDR(buffer, 0),
							     FERRY_ADDR(buffer, HUGE / 2), 0), &cqe));
		EXPECT_EQ(FERRY_OK, cqe_status(&cqe));
		EXPECT_EQ(0, cqe_flags(&cqe) & FERRY_CQE_MISMATCH);
		ASSERT_EQ(0, buf_free(self->fd, buffer));
		EXPECT_TRUE(nothing_is_pinned(self));
	}
	close(tell[0]);
	close(tell[1]);
}

/* In each round another kind of memory, until somebody comes with SIGKILL. */
static void register_forever(int fd, const struct ferry_info *info, unsigned int seed)
{
	struct ferry_cqe cqes[64];
	uint32_t queue, buffer;
	uint8_t *map;

	if (queue_create(fd, info->min_order, &queue))
		_exit(1);
	for (;; seed++) {
		map = memory(seed % HUGETLB, HUGE);
		if (map == MAP_FAILED)
			_exit(2);
		if (seed % 3)
			memset(map, 1, HUGE);
		if (buf_register(fd, map, HUGE, 0, &buffer))
			_exit(3);
		make_busy(fd, queue, buffer, HUGE, 1u << info->min_order);
		reap(fd, queue, cqes, ARRAY_SIZE(cqes), seed % 2, NSEC_PER_MSEC);
		if (seed % 4 == 0)
			munmap(map, HUGE);
		if (buf_free(fd, buffer))
			_exit(4);
		if (seed % 4)
			munmap(map, HUGE);
		while (reap(fd, queue, cqes, ARRAY_SIZE(cqes), 0, 0) > 0)
			;
	}
}

TEST_F(reg, killed_at_any_point_unpins)
{
	unsigned int seed = 1;

	for (int i = 0; i < 30; i++) {
		struct timespec random = {};
		pid_t pid = fork();
		int status;

		ASSERT_LE(0, pid);
		if (!pid) {
			int fd = ferry_open();

			setpgid(0, 0);
			/* Now and then two of them share a file. */
			register_forever(fd, &self->info, i % 3 || fork() ? i : i + 5);
		}
		setpgid(pid, pid);
		seed = seed * 1103515245 + 12345;
		/* Whatever the point is that this hits, all of them must be survived. */
		random.tv_nsec = (seed >> 8) % (40 * NSEC_PER_MSEC);
		nanosleep(&random, NULL);
		ASSERT_EQ(0, kill(-pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status)) TH_LOG("exit status %d", WEXITSTATUS(status));
		EXPECT_TRUE(nothing_is_pinned(self));
	}
}

static void *free_any(void *data)
{
	int fd = *(int *)data;

	for (int i = 0; i < 1000; i++)
		buf_free(fd, 1 + i % 511);
	return NULL;
}

/* Handles that are guessed while they are made are freed once, and wholly. */
TEST_F(reg, handles_freed_by_others_at_any_time_unpin)
{
	uint8_t *map = memory(SCATTERED, HUGE);
	pthread_t threads[2];
	struct ferry_info info;
	uint32_t buffer;

	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, free_any, &self->fd));
	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(0, buf_register(self->fd, map + i, 32 * KiB, 0, &buffer));
		buf_free(self->fd, buffer);
	}
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	ASSERT_EQ(0, ferry_info(self->fd, &info));
	EXPECT_EQ(0, info.buffers);
	EXPECT_EQ(0, info.pinned);
	EXPECT_EQ(0, pinned_bytes());
}

/* The pages go on being the device's; the process has got others. */
TEST_F(reg, memory_that_was_dropped_stays_with_the_device)
{
	uint8_t *map = memory(ANONYMOUS, HUGE);
	struct ferry_cqe cqe;
	uint32_t buffer;

	memset(map, 1, HUGE);
	ASSERT_EQ(0, buf_register(self->fd, map, HUGE, 0, &buffer));
	ASSERT_EQ(0, madvise(map, HUGE, MADV_DONTNEED));
	ASSERT_EQ(0, run(self->fd, self->queue,
			 sqe(FERRY_OP_FILL, HUGE, 0, FERRY_ADDR(buffer, 0), ~0ULL), &cqe));
	EXPECT_EQ(FERRY_OK, cqe_status(&cqe));
	EXPECT_TRUE(all_bytes(map, HUGE, 0));
}

TEST_F(reg, unbinding_unpins)
{
	uint8_t *map;
	uint32_t buffer;

	ASSERT_EQ(0, find_device());
	ASSERT_EQ(0, start_registered(self->fd, &self->info, SCATTERED, &map));
	EXPECT_EQ((long)HUGE, vm_pin());
	ASSERT_EQ(0, unbind_device());
	EXPECT_EQ(0, vm_pin());
	/* It is still the process's. */
	memset(map, 0x42, HUGE);
	EXPECT_TRUE(all_bytes(map, HUGE, 0x42));
	EXPECT_EQ(-ENODEV, buf_register(self->fd, map, HUGE, 0, &buffer));
	ASSERT_EQ(0, rebind_device());
}

TEST_HARNESS_MAIN
