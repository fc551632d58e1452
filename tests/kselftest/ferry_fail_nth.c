// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every allocation and every access to user memory, on every path that user
 * space can take, fails once. As with iommufd_fail_nth, what is looked for is
 * mostly what the kernel's checkers say: a leak, a use after free, a lock left
 * held. Besides, a call that failed has changed nothing, and works when it is
 * made again.
 *
 * The n-th possible failure from the start of a step is made to happen, n
 * going up until the step gets through without meeting it. The kernel must be
 * the debug guest's; others have no CONFIG_FAULT_INJECTION.
 */
#include "ferry_fail_nth.h"

static int act_open(struct state *s)
{
	return start_file(s);
}

TEST_F(fail_nth, open)
{
	sweep(_metadata, &self->s, &(struct step) { .act = act_open });
}

static int act_info(struct state *s)
{
	struct ferry_info info;

	return ferry_info(s->fd, &info);
}

TEST_F(fail_nth, info)
{
	sweep(_metadata, &self->s, &(struct step) { start_file, act_info });
}

static int act_queue_create(struct state *s)
{
	return queue_create(s->fd, s->info.min_order, &s->queue);
}

/* A failed one keeps no channel: the file closes with it, so look before. */
static int check_queue_create(struct state *s, int ret)
{
	struct ferry_info info;

	if (ferry_info(s->witness, &info))
		return -EPROTO;
	if (info.queues != (ret ? 0 : 1))
		return -EBUSY;
	return ret ? act_queue_create(s) : 0;
}

TEST_F(fail_nth, queue_create)
{
	sweep(_metadata, &self->s,
	      &(struct step) { start_file, act_queue_create, check_queue_create });
}

static int act_queue_destroy(struct state *s)
{
	return queue_destroy(s->fd, s->queue);
}

TEST_F(fail_nth, queue_destroy)
{
	sweep(_metadata, &self->s, &(struct step) { start_queue, act_queue_destroy });
}

static int act_buf_alloc(struct state *s)
{
	return buf_alloc(s->fd, 64 * KiB, 0, &s->buffer, &s->offset);
}

TEST_F(fail_nth, buf_alloc)
{
	sweep(_metadata, &self->s, &(struct step) { start_queue, act_buf_alloc });
}

static int act_buf_alloc_wc(struct state *s)
{
	return buf_alloc(s->fd, 64 * KiB, FERRY_BUF_WC | FERRY_BUF_DEV_RO, &s->buffer, &s->offset);
}

TEST_F(fail_nth, buf_alloc_write_combining)
{
	sweep(_metadata, &self->s, &(struct step) { start_queue, act_buf_alloc_wc });
}

/* In pieces, so that it takes a page list. */
static uint8_t *pieces(void)
{
	static uint8_t *map;
	int fd;

	if (map)
		return map;
	fd = memfd_create("pieces", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 32 * KiB))
		return NULL;
	map = mmap(NULL, 64 * KiB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 2; i++)
		mmap(map + i * 32 * KiB, 32 * KiB, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, 0);
	close(fd);
	return map;
}

static int act_buf_register(struct state *s)
{
	return buf_register(s->fd, pieces(), 64 * KiB, 0, &s->buffer);
}

/* Nothing stays pinned by a failure. */
static int check_buf_register(struct state *s, int ret)
{
	struct ferry_info info;

	if (ferry_info(s->fd, &info))
		return -EPROTO;
	if (info.buffers != (ret ? 0 : 1) || info.pinned != (ret ? 0 : 64 * KiB))
		return -EBUSY;
	return ret ? act_buf_register(s) : buf_free(s->fd, s->buffer);
}

TEST_F(fail_nth, buf_register)
{
	ASSERT_NE(NULL, pieces());
	sweep(_metadata, &self->s,
	      &(struct step) { start_queue, act_buf_register, check_buf_register });
}

static int act_buf_alloc_export(struct state *s)
{
	return buf_alloc(s->fd, 64 * KiB, FERRY_BUF_EXPORT, &s->buffer, &s->offset);
}

/* Nothing stays by a failure. */
static int check_one_buffer(struct state *s, int ret)
{
	struct ferry_info info;

	return ferry_info(s->fd, &info) ? -EPROTO : info.buffers == !ret ? 0 : -EBUSY;
}

TEST_F(fail_nth, buf_alloc_export)
{
	sweep(_metadata, &self->s,
	      &(struct step) { start_queue, act_buf_alloc_export, check_one_buffer });
}

static int start_export(struct state *s)
{
	int ret = start_queue(s);

	return ret ? ret : act_buf_alloc_export(s);
}

/* The fd is closed at once, so that what is swept is only how it is made. */
static int act_buf_export(struct state *s)
{
	int fd = buf_export(s->fd, s->buffer);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

TEST_F(fail_nth, buf_export)
{
	sweep(_metadata, &self->s, &(struct step) { start_export, act_buf_export });
}

static int act_mmap_export(struct state *s)
{
	s->map = buf_map(s->fd, s->offset, 64 * KiB);
	return s->map == MAP_FAILED ? -errno : 0;
}

TEST_F(fail_nth, mmap_export)
{
	sweep(_metadata, &self->s, &(struct step) { start_export, act_mmap_export });
}

/* Of another file, and in pieces. */
static int dmabuf = -1;

static int act_buf_import(struct state *s)
{
	return buf_import(s->fd, dmabuf, 0, 0, 0, &s->buffer);
}

TEST_F(fail_nth, buf_import)
{
	struct state *s = &self->s;

	ASSERT_EQ(0, buf_alloc(s->witness, 4 * MiB + 64 * KiB, FERRY_BUF_EXPORT, &s->buffer,
			       &s->offset));
	dmabuf = buf_export(s->witness, s->buffer);
	ASSERT_LE(0, dmabuf);
	sweep(_metadata, s, &(struct step) { start_queue, act_buf_import, check_one_buffer });
}

static int act_buf_free(struct state *s)
{
	return buf_free(s->fd, s->buffer);
}

TEST_F(fail_nth, buf_free)
{
	sweep(_metadata, &self->s, &(struct step) { start_mapping, act_buf_free });
}

static int act_mmap(struct state *s)
{
	s->map = buf_map(s->fd, s->offset, 64 * KiB);
	return s->map == MAP_FAILED ? -errno : 0;
}

TEST_F(fail_nth, mmap)
{
	sweep(_metadata, &self->s, &(struct step) { start_buffer, act_mmap });
}

static int act_submit_and_wait(struct state *s)
{
	struct ferry_cqe cqe;
	int ret = run(s->fd, s->queue,
		      sqe(FERRY_OP_COPY_CRC32C, 4096, FERRY_ADDR(s->buffer, 0),
			  FERRY_ADDR(s->buffer, 4096), 0), &cqe);

	/* Submitted but not reaped is a success that says so. */
	if (ret == -EPROTO)
		return 0;
	return ret ? ret : cqe_status(&cqe) ? -EIO : 0;
}

/* What is still on its way comes, and then one more does. */
static int check_queue_works(struct state *s, int ret)
{
	struct ferry_cqe cqe;
	int n;

	if (queue_flush(s->fd, s->queue, FOREVER))
		return -EBUSY;
	while ((n = reap(s->fd, s->queue, &cqe, 1, 0, 0)) == 1)
		if (cqe_status(&cqe))
			return -EIO;
	if (n)
		return n;
	return act_submit_and_wait(s);
}

/* One that failed has submitted nothing, or, if only its result got lost, all of it. */
static int check_submitted(struct state *s, int ret)
{
	struct ferry_cqe cqe;

	if (queue_flush(s->fd, s->queue, FOREVER))
		return -EBUSY;
	if (ret && ret != -EFAULT && reap(s->fd, s->queue, &cqe, 1, 0, 0))
		return -EPROTO;
	return check_queue_works(s, ret);
}

TEST_F(fail_nth, submit_and_wait)
{
	sweep(_metadata, &self->s,
	      &(struct step) { start_mapping, act_submit_and_wait, check_submitted });
}

static int start_completion(struct state *s)
{
	struct ferry_sqe nop = {};
	int ret = start_mapping(s);

	if (!ret)
		ret = submit(s->fd, s->queue, &nop, 1) == 1 ? 0 : -EPROTO;
	return ret ? ret : queue_flush(s->fd, s->queue, FOREVER);
}

static int act_wait(struct state *s)
{
	int ret;

	memset(&s->cqe, 0, sizeof(s->cqe));
	ret = reap(s->fd, s->queue, &s->cqe, 1, 1, FOREVER);
	return ret < 0 ? ret : cqe_seq(&s->cqe) == 1 ? 0 : -EPROTO;
}

/* A completion that was not delivered is still there; once it was, only the count is missing. */
static int check_waited(struct state *s, int ret)
{
	return ret && cqe_seq(&s->cqe) != 1 ? act_wait(s) : 0;
}

TEST_F(fail_nth, wait)
{
	sweep(_metadata, &self->s, &(struct step) { start_completion, act_wait, check_waited });
}

static int act_read(struct state *s)
{
	struct ferry_event event;
	ssize_t n = read(s->fd, &event, sizeof(event));

	return n < 0 ? -errno : n == sizeof(event) && cqe_seq(&event.cqe) == 1 ? 0 : -EPROTO;
}

/* A completion that could not be delivered is still there. */
TEST_F(fail_nth, read)
{
	sweep(_metadata, &self->s, &(struct step) { start_completion, act_read });
}

static int act_poll(struct state *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };
	int n = poll(&p, 1, -1);

	return n < 0 ? -errno : p.revents == POLLIN ? 0 : -EPROTO;
}

TEST_F(fail_nth, poll)
{
	sweep(_metadata, &self->s, &(struct step) { start_completion, act_poll });
}

static int act_flush(struct state *s)
{
	return queue_flush(s->fd, s->queue, FOREVER);
}

TEST_F(fail_nth, flush)
{
	sweep(_metadata, &self->s, &(struct step) { start_completion, act_flush, check_queue_works });
}

static int start_busy(struct state *s)
{
	int ret = start_mapping(s);

	if (!ret)
		ret = make_busy(s->fd, s->queue, s->buffer, 64 * KiB, 1u << s->info.min_order);
	return ret < 0 ? ret : 0;
}

static int act_cancel(struct state *s)
{
	return queue_cancel(s->fd, s->queue);
}

/* They end, cancelled or not, in order, and the queue goes on. */
static int check_cancelled(struct state *s, int ret)
{
	struct ferry_cqe cqe;

	if (queue_flush(s->fd, s->queue, FOREVER))
		return -EBUSY;
	for (uint32_t seq = 1; seq <= 1u << s->info.min_order; seq++) {
		if (reap(s->fd, s->queue, &cqe, 1, 1, 0) != 1 || cqe_seq(&cqe) != seq)
			return -EPROTO;
		if (cqe_status(&cqe) && cqe_status(&cqe) != FERRY_ERR_CANCELLED)
			return -EIO;
	}
	return act_submit_and_wait(s);
}

TEST_F(fail_nth, cancel)
{
	sweep(_metadata, &self->s, &(struct step) { start_busy, act_cancel, check_cancelled });
}

static int act_close(struct state *s)
{
	/* Whatever fails inside, a file closes. */
	finish(s);
	return 0;
}

static int check_closed(struct state *s, int ret)
{
	return all_given_back(s) ? 0 : -EBUSY;
}

TEST_F(fail_nth, close_with_work_in_flight)
{
	sweep(_metadata, &self->s, &(struct step) { start_busy, act_close, check_closed });
}

static bool class_is_empty(void)
{
	DIR *dir = opendir(FERRY_CLASS);
	struct dirent *entry;
	bool empty = true;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			empty = false;
	if (dir)
		closedir(dir);
	return empty;
}

/*
 * A probe that fails leaves nothing behind, and the next one works. There are
 * about a thousand places, most of them in sysfs, where they look the same: all
 * of them are taken when FERRY_EVERY_NTH is set.
 */
TEST_F_TIMEOUT(fail_nth, probe, 7000)
{
	const unsigned int stride = getenv("FERRY_EVERY_NTH") ? 1 : 29;
	struct state *s = &self->s;
	unsigned int nth, failed = 0;
	bool left = false;
	int fd, ret;

	ASSERT_EQ(0, find_device());
	close(s->witness);
	ASSERT_EQ(0, unbind_device());
	fd = open(FERRY_DRIVER "/bind", O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	for (nth = 1; !left; nth += nth < 60 ? 1 : stride) {
		ASSERT_GT(MAX_NTH, nth);
		ASSERT_EQ(0, set_nth(s, nth));
		ret = write(fd, device_name, strlen(device_name)) < 0 ? -errno : 0;
		left = nth_is_left(s);
		if (left)
			ASSERT_EQ(0, ret);
		if (ret) {
			failed++;
			/* Other layers make all kinds of errors of an allocation that failed. */
			ASSERT_TRUE(class_is_empty());
			ASSERT_EQ(-1, access(ferry_path(), F_OK));
		} else {
			s->witness = ferry_open();
			if (s->witness >= 0)
				close(s->witness);
			ASSERT_EQ(0, unbind_device());
		}
	}
	ASSERT_EQ(0, rebind_device());
	s->witness = ferry_open();
	ASSERT_LE(0, s->witness);
	TH_LOG("about %u places to fail, %u failures seen", nth, failed);
}

TEST_HARNESS_MAIN
