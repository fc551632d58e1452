// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls of /dev/ferryN, and their arguments, which may be of another release.
 */
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/uaccess.h>

#include "ferry.h"

/**
 * ferry_put_arg() - give an argument back to user space
 * @arg: where it came from
 * @from: argument
 * @size: its size in this kernel
 * @user_size: its size for the caller, who gets no more than they know
 *
 * Return: 0 or -EFAULT.
 */
int ferry_put_arg(void __user *arg, const void *from, size_t size, size_t user_size)
{
	return copy_to_user(arg, from, min(size, user_size)) ? -EFAULT : 0;
}

static long ferry_info(struct ferry_file *file, struct ferry_info *cmd, void __user *arg)
{
	struct ferry_dev *fdev = file->fdev;
	u32 size = cmd->size;

	*cmd = (struct ferry_info){
		.size = size,
		.version = fdev->caps.version,
		.channels = fdev->caps.channels,
		.ports = fdev->caps.ports,
		.lines = fdev->caps.lines,
		.ops = fdev->caps.ops,
		.max_len = fdev->caps.max_len,
		.min_order = fdev->caps.min_order,
		.max_order = fdev->caps.max_order,
		.max_buffers = file->tab->count - 1,
		.max_queues = READ_ONCE(fdev->max_queues),
		.queues = ferry_chan_held(fdev, current_uid()),
		.user_mask = fdev->role_mask[FERRY_ROLE_USER],
		.port_mask = fdev->role_mask[FERRY_ROLE_PORT],
	};
	cmd->buffers = ferry_buf_count(file, &cmd->pinned);
	bitmap_to_arr64(&cmd->busy_mask, fdev->claimed, FERRY_MAX_CHANNELS);
	return ferry_put_arg(arg, cmd, sizeof(*cmd), size);
}

/* Copy an argument of another release than this kernel's. */
static noinline int ferry_get_other_arg(void *to, size_t size, size_t min_size,
					const void __user *arg)
{
	u32 user_size;
	int err;

	if (get_user(user_size, (const u32 __user *)arg))
		return -EFAULT;
	if (user_size < min_size)
		return -EINVAL;
	/* Nothing is that large; don't look whether all of it is zero. */
	if (user_size > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(to, size, arg, user_size);
	/* What was checked counts, not what is there by now. */
	*(u32 *)to = user_size;
	return err;
}

/*
 * Copy an argument of any release: what this kernel does not know must be zero,
 * what the caller did not know becomes zero. @min_size ends with the last
 * member of the first release. Inline, so that the ordinary case, that both
 * know the same, is one copy of constant size.
 */
static __always_inline int ferry_get_arg(void *to, size_t size, size_t min_size,
					 const void __user *arg)
{
	if (likely(!copy_from_user(to, arg, size) && *(u32 *)to == size))
		return 0;
	return ferry_get_other_arg(to, size, min_size, arg);
}

static long ferry_do_info(struct ferry_file *file, void __user *arg)
{
	struct ferry_info cmd;

	return ferry_get_arg(&cmd, sizeof(cmd), offsetofend(typeof(cmd), busy_mask), arg) ?:
	       ferry_info(file, &cmd, arg);
}

static long ferry_do_queue_create(struct ferry_file *file, void __user *arg)
{
	struct ferry_queue_create cmd;

	return ferry_get_arg(&cmd, sizeof(cmd), offsetofend(typeof(cmd), channel), arg) ?:
	       ferry_queue_create(file, &cmd, arg);
}

static long ferry_do_queue_destroy(struct ferry_file *file, void __user *arg)
{
	struct ferry_queue_handle cmd;

	return ferry_get_arg(&cmd, sizeof(cmd), offsetofend(typeof(cmd), timeout_ns), arg) ?:
	       ferry_queue_destroy(file, &cmd);
}

static long ferry_do_queue_flush(struct ferry_file *file, void __user *arg)
{
	struct ferry_queue_handle cmd;

	return ferry_get_arg(&cmd, sizeof(cmd), offsetofend(typeof(cmd), timeout_ns), arg) ?:
	       ferry_queue_flush(file, &cmd);
}

static long ferry_do_queue_cancel(struct ferry_file *file, void __user *arg)
{
	struct ferry_queue_handle cmd;

	return ferry_get_arg(&cmd, sizeof(cmd), offsetofend(typeof(cmd), timeout_ns), arg) ?:
	       ferry_queue_cancel(file, &cmd);
}

static long ferry_do_buf_alloc(struct ferry_file *file, void __user *arg)
{
	struct ferry_buf_alloc cmd;

	return ferry_get_arg(&cmd, sizeof(cmd), offsetofend(typeof(cmd), mmap_offset), arg) ?:
	       ferry_buf_alloc(file, &cmd, arg);
}

static long ferry_do_buf_free(struct ferry_file *file, void __user *arg)
{
	struct ferry_buf_free cmd;

	return ferry_get_arg(&cmd, sizeof(cmd), offsetofend(typeof(cmd), buffer), arg) ?:
	       ferry_buf_free(file, &cmd);
}

static long ferry_do_buf_register(struct ferry_file *file, void __user *arg)
{
	struct ferry_buf_register cmd;

	return ferry_get_arg(&cmd, sizeof(cmd), offsetofend(typeof(cmd), reserved), arg) ?:
	       ferry_buf_register(file, &cmd, arg);
}

static long ferry_do_buf_import(struct ferry_file *file, void __user *arg)
{
	struct ferry_buf_import cmd;

	return ferry_get_arg(&cmd, sizeof(cmd), offsetofend(typeof(cmd), reserved), arg) ?:
	       ferry_buf_import(file, &cmd, arg);
}

static long ferry_do_buf_export(struct ferry_file *file, void __user *arg)
{
	struct ferry_buf_export cmd;

	return ferry_get_arg(&cmd, sizeof(cmd), offsetofend(typeof(cmd), fd), arg) ?:
	       ferry_buf_export(file, &cmd, arg);
}

static long ferry_do_submit(struct ferry_file *file, void __user *arg)
{
	struct ferry_submit cmd;

	return ferry_get_arg(&cmd, sizeof(cmd), offsetofend(typeof(cmd), reserved), arg) ?:
	       ferry_queue_submit(file, &cmd, arg);
}

static long ferry_do_wait(struct ferry_file *file, void __user *arg)
{
	struct ferry_submit cmd;

	return ferry_get_arg(&cmd, sizeof(cmd), offsetofend(typeof(cmd), reserved), arg) ?:
	       ferry_queue_wait(file, &cmd, arg);
}

static long ferry_do_queue_wait(struct ferry_file *file, void __user *arg)
{
	struct ferry_queue_wait cmd;

	return ferry_get_arg(&cmd, sizeof(cmd), offsetofend(typeof(cmd), timeout_ns), arg) ?:
	       ferry_queue_wait_seq(file, &cmd);
}

static long ferry_do_queue_arm(struct ferry_file *file, void __user *arg)
{
	struct ferry_queue_arm cmd;

	return ferry_get_arg(&cmd, sizeof(cmd), offsetofend(typeof(cmd), reserved), arg) ?:
	       ferry_queue_arm(file, &cmd);
}

static long (* const ferry_ioctls[])(struct ferry_file *file, void __user *arg) = {
	[_IOC_NR(FERRY_IOC_INFO)]		= ferry_do_info,
	[_IOC_NR(FERRY_IOC_QUEUE_CREATE)]	= ferry_do_queue_create,
	[_IOC_NR(FERRY_IOC_QUEUE_DESTROY)]	= ferry_do_queue_destroy,
	[_IOC_NR(FERRY_IOC_QUEUE_FLUSH)]	= ferry_do_queue_flush,
	[_IOC_NR(FERRY_IOC_QUEUE_CANCEL)]	= ferry_do_queue_cancel,
	[_IOC_NR(FERRY_IOC_BUF_ALLOC)]		= ferry_do_buf_alloc,
	[_IOC_NR(FERRY_IOC_BUF_FREE)]		= ferry_do_buf_free,
	[_IOC_NR(FERRY_IOC_SUBMIT)]		= ferry_do_submit,
	[_IOC_NR(FERRY_IOC_WAIT)]		= ferry_do_wait,
	[_IOC_NR(FERRY_IOC_QUEUE_WAIT)]		= ferry_do_queue_wait,
	[_IOC_NR(FERRY_IOC_QUEUE_ARM)]		= ferry_do_queue_arm,
	[_IOC_NR(FERRY_IOC_BUF_REGISTER)]	= ferry_do_buf_register,
	[_IOC_NR(FERRY_IOC_BUF_IMPORT)]		= ferry_do_buf_import,
	[_IOC_NR(FERRY_IOC_BUF_EXPORT)]		= ferry_do_buf_export,
};

static long ferry_ioctl_call(struct ferry_file *file, unsigned int cmd, void __user *arg)
{
	unsigned int nr = _IOC_NR(cmd);

	if (cmd != _IO(FERRY_IOC_MAGIC, nr) || nr >= ARRAY_SIZE(ferry_ioctls))
		return -ENOTTY;
	return ferry_ioctls[array_index_nospec(nr, ARRAY_SIZE(ferry_ioctls))](file, arg);
}

/**
 * ferry_ioctl() - ioctl(2) of /dev/ferryN
 * @filp: open file
 * @cmd: FERRY_IOC_*
 * @arg: address of its argument
 *
 * Return: 0 or the errno of the header.
 */
long ferry_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct ferry_file *file = filp->private_data;
	long ret = -ENODEV;
	int idx;

	if (ferry_dev_enter(file->fdev, &idx))
		ret = ferry_ioctl_call(file, cmd, (void __user *)arg);
	ferry_dev_exit(file->fdev, idx);
	return ret;
}
