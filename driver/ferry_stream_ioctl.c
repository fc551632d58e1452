// SPDX-License-Identifier: GPL-2.0-only
/*
 * Streams: ioctls of an open /dev/ferryNpK.
 */
#include <asm/ioctls.h>
#include <linux/uaccess.h>

#include "ferry_port.h"

/* As ferry_get_arg() of ferry_ioctl.c, without the shortcut. */
static int ferry_stream_get_arg(void *to, size_t size, const void __user *arg)
{
	u32 user_size;
	int err;

	if (get_user(user_size, (const u32 __user *)arg))
		return -EFAULT;
	if (user_size < size)
		return -EINVAL;
	if (user_size > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(to, size, arg, user_size);
	*(u32 *)to = user_size;
	return err;
}

static long ferry_stream_info(struct ferry_port *port, struct file *filp, void __user *arg)
{
	struct ferry_port_info info;
	struct ferry_rx *rx = &port->rx;
	struct ferry_tx *tx = &port->tx;
	bool reads, writes;
	u32 size;
	int err;

	if (get_user(size, (u32 __user *)arg))
		return -EFAULT;
	if (size < offsetofend(struct ferry_port_info, queued))
		return -EINVAL;
	err = mutex_lock_interruptible(&port->lock);
	if (err)
		return -ERESTARTSYS;
	info = (struct ferry_port_info){
		.size = size,
		.port = port->nr,
		.tx_channel = tx->chan->nr,
		.rx_channel = rx->chan->nr,
		.buffer_size = port->config.buffer_size,
		.entries = port->config.entries,
		.max_packet = port->config.buffer_size * port->config.entries,
		.last_packet = port->reader == filp ? READ_ONCE(rx->last_packet) : 0,
	};
	BUILD_BUG_ON(FERRY_PORT_CONNECTED != FERRY_PORT_STATUS_CONNECTED);
	BUILD_BUG_ON(FERRY_PORT_LOOPBACK != FERRY_PORT_STATUS_LOOPBACK);
	BUILD_BUG_ON(FERRY_PORT_PACKETS != FERRY_PORT_STATUS_PACKETS);
	info.flags = ferry_port_status(port) & (FERRY_PORT_CONNECTED | FERRY_PORT_LOOPBACK |
						FERRY_PORT_PACKETS);
	reads = port->reader == filp;
	writes = port->writer == filp;
	if (reads)
		info.flags |= FERRY_PORT_READER;
	if (writes)
		info.flags |= FERRY_PORT_WRITER;
	/* What the last read was, and not what there is now. */
	if (reads && READ_ONCE(rx->eof))
		info.flags |= FERRY_PORT_EOF;
	if ((reads && READ_ONCE(rx->packets)) || (writes && READ_ONCE(tx->packets)))
		info.mode = FERRY_PORT_MODE_PACKET;
	mutex_unlock(&port->lock);
	/* This may have to wait for a call in progress; nobody waits for it. */
	err = reads ? ferry_rx_readable(rx) : 0;
	if (err < 0)
		return err;
	info.readable = err;
	err = writes ? ferry_tx_queued(tx) : 0;
	if (err < 0)
		return err;
	info.queued = err;
	return ferry_put_arg(arg, &info, sizeof(info), size);
}

static long ferry_stream_set_mode(struct ferry_port *port, struct file *filp, u32 mode)
{
	bool packets = mode & FERRY_PORT_MODE_PACKET;
	bool writes = port->writer == filp;
	bool reads = port->reader == filp;
	struct ferry_rx *rx = &port->rx;
	struct ferry_tx *tx = &port->tx;
	long ret = 0;

	if (mode & ~FERRY_PORT_MODE_PACKET)
		return -EOPNOTSUPP;
	if (!reads && !writes)
		return -EPIPE;
	if (packets && !(ferry_port_status(port) & FERRY_PORT_STATUS_PACKETS))
		return -EOPNOTSUPP;
	/* Both directions, or none. */
	if (reads && mutex_lock_interruptible(&rx->mutex))
		return -ERESTARTSYS;
	if (writes && mutex_lock_interruptible(&tx->mutex)) {
		ret = -ERESTARTSYS;
		goto out_unlock_rx;
	}
	if (reads) {
		spin_lock_irq(&rx->chan->lock);
		WRITE_ONCE(rx->packets, packets);
		/* Who reads bytes wants the rest of a packet that was cut, too. */
		if (!packets)
			rx->skip = false;
		spin_unlock_irq(&rx->chan->lock);
		ferry_port_set_idle(port, packets);
		/* What was no packet may be bytes. */
		wake_up_all(&rx->wait);
	}
	if (writes) {
		WRITE_ONCE(tx->packets, packets);
		WRITE_ONCE(tx->need, 1);
		mutex_unlock(&tx->mutex);
	}
out_unlock_rx:
	if (reads)
		mutex_unlock(&rx->mutex);
	return ret;
}

/* FMODE_* of the directions that an argument names, 0: there is none such. */
static fmode_t ferry_stream_dirs(u32 dirs)
{
	return (dirs & FERRY_PORT_RX ? FMODE_READ : 0) | (dirs & FERRY_PORT_TX ? FMODE_WRITE : 0);
}

static bool ferry_stream_has(struct ferry_port *port, struct file *filp, fmode_t dirs)
{
	return (!(dirs & FMODE_READ) || port->reader == filp) &&
	       (!(dirs & FMODE_WRITE) || port->writer == filp);
}

static long ferry_stream_control(struct ferry_port *port, struct file *filp, unsigned int cmd,
				 void __user *arg)
{
	struct ferry_port_control ctl;
	long ret;

	ret = ferry_stream_get_arg(&ctl, sizeof(ctl), arg);
	if (ret)
		return ret;
	if (cmd != FERRY_PORT_IOC_MODE && !ctl.flags)
		return -EINVAL;
	if (cmd != FERRY_PORT_IOC_MODE && ctl.flags & ~(FERRY_PORT_RX | FERRY_PORT_TX))
		return -EOPNOTSUPP;
	if (mutex_lock_interruptible(&port->lock))
		return -ERESTARTSYS;
	if (cmd == FERRY_PORT_IOC_MODE)
		ret = ferry_stream_set_mode(port, filp, ctl.flags);
	else if (!ferry_stream_has(port, filp, ferry_stream_dirs(ctl.flags)))
		ret = -EPIPE;
	else if (cmd == FERRY_PORT_IOC_FLUSH)
		ret = ferry_port_flush(port, ferry_stream_dirs(ctl.flags));
	else
		ferry_port_close(port, filp, ferry_stream_dirs(ctl.flags));
	mutex_unlock(&port->lock);
	return ret;
}

static long ferry_stream_call(struct ferry_port *port, struct file *filp, unsigned int cmd,
			      void __user *arg)
{
	int bytes;

	switch (cmd) {
	case FIONREAD:
		bytes = READ_ONCE(port->reader) == filp ? ferry_rx_readable(&port->rx) : 0;
		return bytes < 0 ? bytes : put_user(bytes, (int __user *)arg);
	case TIOCOUTQ:
		bytes = READ_ONCE(port->writer) == filp ? ferry_tx_queued(&port->tx) : 0;
		return bytes < 0 ? bytes : put_user(bytes, (int __user *)arg);
	case FERRY_PORT_IOC_INFO:
		return ferry_stream_info(port, filp, arg);
	case FERRY_PORT_IOC_MODE:
	case FERRY_PORT_IOC_SHUTDOWN:
	case FERRY_PORT_IOC_FLUSH:
		return ferry_stream_control(port, filp, cmd, arg);
	}
	return -ENOTTY;
}

/**
 * ferry_stream_ioctl() - ioctl(2)
 * @filp: open file
 * @cmd: command
 * @arg: argument
 *
 * Return: 0 or the errno of the header.
 */
long ferry_stream_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	struct ferry_port *port = filp->private_data;
	long ret = -ENODEV;
	int idx;

	if (ferry_dev_enter(port->fdev, &idx))
		ret = ferry_stream_call(port, filp, cmd, (void __user *)arg);
	ferry_dev_exit(port->fdev, idx);
	return ret;
}
