// SPDX-License-Identifier: GPL-2.0-only
/*
 * Streams: the operations of an open /dev/ferryNpK.
 */
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/splice.h>
#include <linux/uio.h>

#include "ferry_port.h"

/**
 * DOC: Streams
 *
 * An open file has no state of its own, but for being the port's reader, writer,
 * both, or neither any more. Calls run between ferry_dev_enter() and
 * ferry_dev_exit(); after unbind they say ENODEV, and the file can only be closed.
 */

static struct ferry_port *ferry_stream_port(struct file *filp)
{
	return filp->private_data;
}

static int ferry_stream_open(struct inode *inode, struct file *filp)
{
	struct ferry_port *port = container_of(inode->i_cdev, struct ferry_port, cdev);
	int err = -ENODEV;
	int idx;

	if (!ferry_dev_enter(port->fdev, &idx))
		goto out_exit;
	err = -ERESTARTSYS;
	if (mutex_lock_interruptible(&port->lock))
		goto out_exit;
	err = ferry_port_open(port, filp);
	mutex_unlock(&port->lock);
	filp->private_data = port;
	/* Reading and writing do not wait for each other. */
	filp->f_mode |= FMODE_NOWAIT;
	err = err ?: stream_open(inode, filp);
out_exit:
	ferry_dev_exit(port->fdev, idx);
	return err;
}

static int ferry_stream_release(struct inode *inode, struct file *filp)
{
	struct ferry_port *port = ferry_stream_port(filp);

	mutex_lock(&port->lock);
	ferry_port_close(port, filp, FMODE_READ | FMODE_WRITE);
	mutex_unlock(&port->lock);
	return 0;
}

static bool ferry_stream_nonblock(const struct kiocb *iocb)
{
	return iocb->ki_filp->f_flags & O_NONBLOCK || iocb->ki_flags & IOCB_NOWAIT;
}

static ssize_t ferry_stream_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct ferry_port *port = ferry_stream_port(iocb->ki_filp);
	ssize_t ret = -ENODEV;
	int idx;

	if (ferry_dev_enter(port->fdev, &idx))
		ret = ferry_rx_read(&port->rx, iocb->ki_filp, to, ferry_stream_nonblock(iocb),
				    iocb->ki_flags & IOCB_NOWAIT);
	ferry_dev_exit(port->fdev, idx);
	return ret;
}

static ssize_t ferry_stream_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct ferry_port *port = ferry_stream_port(iocb->ki_filp);
	ssize_t ret = -ENODEV;
	int idx;

	if (ferry_dev_enter(port->fdev, &idx))
		ret = ferry_tx_write(&port->tx, iocb->ki_filp, from, ferry_stream_nonblock(iocb),
				     iocb->ki_flags & IOCB_NOWAIT);
	ferry_dev_exit(port->fdev, idx);
	return ret;
}

static int ferry_stream_fsync(struct file *filp, loff_t start, loff_t end, int datasync)
{
	struct ferry_port *port = ferry_stream_port(filp);
	int err = -ENODEV;
	int idx;

	if (ferry_dev_enter(port->fdev, &idx))
		err = filp->f_mode & FMODE_WRITE ? ferry_tx_sync(&port->tx, filp) : -EINVAL;
	ferry_dev_exit(port->fdev, idx);
	return err;
}

/* Of a direction that was shut down, a call returns at once. */
static __poll_t ferry_stream_poll_open(struct ferry_port *port, struct file *filp, __poll_t wanted)
{
	__poll_t mask = 0;

	if (filp->f_mode & FMODE_READ) {
		if (READ_ONCE(port->reader) == filp)
			mask |= ferry_rx_poll(&port->rx, wanted & (EPOLLIN | EPOLLRDNORM |
								   EPOLLRDHUP));
		else
			mask |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
	}
	if (filp->f_mode & FMODE_WRITE) {
		if (READ_ONCE(port->writer) == filp)
			mask |= ferry_tx_poll(&port->tx, wanted & (EPOLLOUT | EPOLLWRNORM));
		else
			mask |= EPOLLOUT | EPOLLWRNORM;
	}
	return mask;
}

static __poll_t ferry_stream_poll(struct file *filp, poll_table *wait)
{
	struct ferry_port *port = ferry_stream_port(filp);
	__poll_t mask = EPOLLHUP | EPOLLERR;
	int idx;

	if (filp->f_mode & FMODE_READ)
		poll_wait(filp, &port->rx.wait, wait);
	if (filp->f_mode & FMODE_WRITE)
		poll_wait(filp, &port->tx.wait, wait);
	if (ferry_dev_enter(port->fdev, &idx))
		mask = ferry_stream_poll_open(port, filp, poll_requested_events(wait));
	ferry_dev_exit(port->fdev, idx);
	return mask;
}

static int ferry_stream_fasync(int fd, struct file *filp, int on)
{
	struct ferry_port *port = ferry_stream_port(filp);
	int ret = 0;

	mutex_lock(&port->lock);
	if (port->reader == filp)
		ret = fasync_helper(fd, filp, on, &port->rx.fasync);
	if (port->writer == filp && ret >= 0)
		ret = fasync_helper(fd, filp, on, &port->tx.fasync);
	mutex_unlock(&port->lock);
	if (ret < 0 || !on)
		return ret;
	/* What comes from now on signals: somebody wants to know of it. */
	ferry_stream_poll(filp, NULL);
	return ret;
}

const struct file_operations ferry_stream_fops = {
	.owner = THIS_MODULE,
	.open = ferry_stream_open,
	.release = ferry_stream_release,
	.read_iter = ferry_stream_read_iter,
	.write_iter = ferry_stream_write_iter,
	.splice_read = copy_splice_read,
	.splice_write = iter_file_splice_write,
	.poll = ferry_stream_poll,
	.fasync = ferry_stream_fasync,
	.fsync = ferry_stream_fsync,
	.unlocked_ioctl = ferry_stream_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};
