// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loans: the channel of a port in the hands of a mapped queue.
 */
#include <linux/cred.h>
#include <linux/fcntl.h>
#include <linux/file.h>

#include "ferry_port.h"

/**
 * DOC: Loans
 *
 * A direction of a port that nobody has can be a mapped queue's: user space posts
 * SENDs from, or RECVs to, buffers of its own, and nothing is copied. The channel
 * has the window table of the queue's file then, and no BYPASS.
 *
 * Who may use a port is up to the port's node all the same: whoever asks shows a
 * file of the port that was opened for that direction. The file itself must not have
 * the direction; mode 3 of open(2) is made for that. From then on the file is of
 * no concern: the loan ends with the queue.
 *
 * What keeps the two uses apart is the claim of the channel. A direction that the
 * driver has, or still has something of, holds the claim and has blocks; a
 * claim without blocks is a loan. Taking one is under &ferry_port.lock, since who
 * closes gives the channel back before the works and timers of the direction have
 * ended; giving it back needs no lock, as there is nothing of the kind.
 */

/**
 * ferry_port_is_lent() - has a mapped queue one of the directions?
 * @chan: channel of the direction
 * @pool: its blocks
 *
 * Without &ferry_port.lock it is a hint.
 *
 * Return: true if it has. Not while the channel does not answer, which is an error.
 */
bool ferry_port_is_lent(const struct ferry_chan *chan, const struct ferry_pool *pool)
{
	return !pool && test_bit(chan->nr, chan->fdev->claimed) && !READ_ONCE(chan->broken);
}

static int ferry_port_lend_locked(struct ferry_port *port, struct ferry_chan *chan, fmode_t dir)
{
	const u32 count = 1, usecs = 0;
	int err;

	lockdep_assert_held(&port->lock);

	/* Who failed to start again after a flush has it without a channel. */
	if (dir & FMODE_READ ? port->reader : port->writer)
		return -EBUSY;
	/* The driver has it as long as something is to be read, or sent. */
	err = ferry_chan_claim_port(chan, current_uid());
	if (err)
		return err;
	/* What it was for the stream is not for who sleeps until one completion. */
	ferry_chan_set_coalesce(chan, &count, &usecs);
	if (dir & FMODE_READ)
		ferry_port_forget_hangup(port);
	return 0;
}

/**
 * ferry_port_lend() - take a channel of a port for a mapped queue
 * @fdev: device of the queue
 * @fd: descriptor of a file of the port
 * @dir: direction: FMODE_READ or FMODE_WRITE
 * @portp: out: the port, which stays at least as long as the channel is claimed
 *
 * As ferry_chan_claim(). May sleep.
 *
 * Return: channel, or ERR_PTR(): -EBADF, -EINVAL for a file of anything else, -EACCES
 * if it was not opened for @dir, -EBUSY if somebody has the direction, -EIO,
 * -ERESTARTSYS.
 */
struct ferry_chan *ferry_port_lend(struct ferry_dev *fdev, int fd, fmode_t dir,
				   struct ferry_port **portp)
{
	struct ferry_port *port;
	struct ferry_chan *chan;
	struct file *filp;
	int err;

	filp = fget(fd);
	if (!filp)
		return ERR_PTR(-EBADF);
	err = -EINVAL;
	if (filp->f_op != &ferry_stream_fops)
		goto out_fput;
	port = filp->private_data;
	if (port->fdev != fdev)
		goto out_fput;
	/* Mode 3 needs the permission to do both, and takes neither. */
	err = -EACCES;
	if (!(filp->f_mode & dir) && (filp->f_flags & O_ACCMODE) != O_ACCMODE)
		goto out_fput;
	chan = dir & FMODE_READ ? port->rx.chan : port->tx.chan;
	err = -ERESTARTSYS;
	if (mutex_lock_interruptible(&port->lock))
		goto out_fput;
	err = ferry_port_lend_locked(port, chan, dir);
	mutex_unlock(&port->lock);
	*portp = port;
out_fput:
	fput(filp);
	return err ? ERR_PTR(err) : chan;
}
