// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/ferryN: open files.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "ferry.h"

/**
 * DOC: Open files
 *
 * Everything that user space gets belongs to the open file it got it from, and
 * goes with it at the latest: queues first, then buffers, so that no channel
 * uses the window table when the windows are revoked. Unbinding does the same
 * to every open file (ferry_cdev_unplug()) and leaves it an empty shell, which
 * only says ENODEV.
 *
 * Calls run between ferry_dev_enter() and ferry_dev_exit(). Unbinding first
 * says that the device is gone, then wakes everybody who sleeps, then waits
 * until nobody is between the two.
 */

#define FERRY_MAX_DEVICES	64
/* Minors: the devices, then the ports of each. */
#define FERRY_MINORS		(FERRY_MAX_DEVICES * (1 + FERRY_MAX_PORTS))

static dev_t ferry_devt;
static DEFINE_IDA(ferry_ida);

/* devtmpfs makes the node 0600; tools/70-ferry.rules gives it to a group. */
static const struct class ferry_class = {
	.name = "ferry",
};

static const struct device_type ferry_dev_type = {
	.name = "controller",
	.groups = ferry_dev_groups,
};

/* It lends its address space and is never given to anybody. */
static const struct file_operations ferry_anon_fops = {
	.owner = THIS_MODULE,
};

static int ferry_open(struct inode *inode, struct file *filp)
{
	struct ferry_dev *fdev = container_of(inode->i_cdev, struct ferry_dev, cdev);
	struct ferry_file *file;
	int err, idx;

	err = -ENODEV;
	if (!ferry_dev_enter(fdev, &idx))
		goto err_exit;
	err = -ENOMEM;
	file = kzalloc(sizeof(*file), GFP_KERNEL_ACCOUNT);
	if (!file)
		goto err_exit;
	file->fdev = fdev;
	xa_init(&file->bufs);
	init_waitqueue_head(&file->wait);
	spin_lock_init(&file->maps_lock);
	INIT_LIST_HEAD(&file->maps);

	file->anon = anon_inode_create_getfile("[ferry]", &ferry_anon_fops, NULL, O_RDWR, NULL);
	if (IS_ERR(file->anon)) {
		err = PTR_ERR(file->anon);
		goto err_free;
	}
	file->tab = ferry_wintab_create(fdev, min(fdev->caps.rows, FERRY_FILE_ROWS));
	if (IS_ERR(file->tab)) {
		err = PTR_ERR(file->tab);
		goto err_fput;
	}
	filp->f_mapping = file->anon->f_mapping;
	filp->private_data = file;

	mutex_lock(&fdev->files_lock);
	list_add_tail(&file->node, &fdev->files);
	mutex_unlock(&fdev->files_lock);
	ferry_dev_exit(fdev, idx);
	return nonseekable_open(inode, filp);

err_fput:
	fput(file->anon);
err_free:
	kfree(file);
err_exit:
	ferry_dev_exit(fdev, idx);
	return err;
}

/* Give back what an open file has of the device. */
static void ferry_file_down(struct ferry_file *file)
{
	lockdep_assert_held(&file->fdev->files_lock);

	if (file->down)
		return;
	file->down = true;
	ferry_queue_destroy_all(file);
	ferry_buf_free_all(file);
	ferry_wintab_put(file->tab);
}

static int ferry_release(struct inode *inode, struct file *filp)
{
	struct ferry_file *file = filp->private_data;
	struct ferry_dev *fdev = file->fdev;

	/*
	 * Unbinding comes to every file on the list and holds the lock until it
	 * is through. So either the device is still there, or this file is
	 * down.
	 */
	mutex_lock(&fdev->files_lock);
	ferry_file_down(file);
	list_del(&file->node);
	mutex_unlock(&fdev->files_lock);

	xa_destroy(&file->bufs);
	fput(file->anon);
	kfree(file);
	return 0;
}

static ssize_t ferry_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct ferry_file *file = iocb->ki_filp->private_data;
	bool nonblock = iocb->ki_filp->f_flags & O_NONBLOCK || iocb->ki_flags & IOCB_NOWAIT;
	ssize_t ret = -ENODEV;
	int idx;

	if (ferry_dev_enter(file->fdev, &idx))
		ret = ferry_queue_read(file, to, nonblock);
	ferry_dev_exit(file->fdev, idx);
	return ret;
}

static __poll_t ferry_poll(struct file *filp, poll_table *wait)
{
	struct ferry_file *file = filp->private_data;
	__poll_t mask = EPOLLHUP | EPOLLERR;
	int idx;

	poll_wait(filp, &file->wait, wait);
	if (ferry_dev_enter(file->fdev, &idx))
		mask = ferry_queue_poll(file, poll_requested_events(wait) &
					      (EPOLLIN | EPOLLRDNORM));
	ferry_dev_exit(file->fdev, idx);
	return mask;
}

static int ferry_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct ferry_file *file = filp->private_data;
	bool queue = vma->vm_pgoff >> (FERRY_MMAP_SHIFT - PAGE_SHIFT) >= FERRY_MMAP_QUEUES;
	int err = -ENODEV;
	int idx;

	if (ferry_dev_enter(file->fdev, &idx))
		err = queue ? ferry_queue_mmap(file, vma) : ferry_buf_mmap(file, vma);
	ferry_dev_exit(file->fdev, idx);
	return err;
}

static const struct file_operations ferry_fops = {
	.owner = THIS_MODULE,
	/* A handle is in the upper half of an offset. */
	.fop_flags = FOP_UNSIGNED_OFFSET,
	.open = ferry_open,
	.release = ferry_release,
	.read_iter = ferry_read_iter,
	.poll = ferry_poll,
	.unlocked_ioctl = ferry_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = ferry_mmap,
};

static void ferry_dev_release(struct device *dev)
{
	struct ferry_dev *fdev = container_of(dev, struct ferry_dev, dev);

	if (!fdev->unplugged)
		ida_free(&ferry_ida, fdev->id);
	cleanup_srcu_struct(&fdev->srcu);
	kfree(fdev->chans);
	kfree(fdev);
}

/**
 * ferry_cdev_alloc() - allocate a device structure with its number
 * @parent: platform device
 *
 * The last put_device() of its class device frees it.
 *
 * Return: device, or ERR_PTR().
 */
struct ferry_dev *ferry_cdev_alloc(struct device *parent)
{
	struct ferry_dev *fdev;
	int err;

	fdev = kzalloc(sizeof(*fdev), GFP_KERNEL);
	if (!fdev)
		return ERR_PTR(-ENOMEM);
	err = init_srcu_struct(&fdev->srcu);
	if (err)
		goto err_free;
	fdev->id = ida_alloc_max(&ferry_ida, FERRY_MAX_DEVICES - 1, GFP_KERNEL);
	if (fdev->id < 0) {
		err = fdev->id;
		goto err_cleanup_srcu;
	}
	fdev->parent = parent;
	mutex_init(&fdev->files_lock);
	INIT_LIST_HEAD(&fdev->files);
	INIT_LIST_HEAD(&fdev->ports);
	mutex_init(&fdev->bufs_lock);
	INIT_LIST_HEAD(&fdev->bufs);
	mutex_init(&fdev->share_lock);

	device_initialize(&fdev->dev);
	fdev->dev.class = &ferry_class;
	fdev->dev.type = &ferry_dev_type;
	fdev->dev.parent = parent;
	fdev->dev.devt = MKDEV(MAJOR(ferry_devt), fdev->id);
	fdev->dev.release = ferry_dev_release;
	err = dev_set_name(&fdev->dev, "ferry%d", fdev->id);
	if (err) {
		put_device(&fdev->dev);
		return ERR_PTR(err);
	}
	cdev_init(&fdev->cdev, &ferry_fops);
	fdev->cdev.owner = THIS_MODULE;
	return fdev;

err_cleanup_srcu:
	cleanup_srcu_struct(&fdev->srcu);
err_free:
	kfree(fdev);
	return ERR_PTR(err);
}

/**
 * ferry_cdev_set_node() - make a device of a port one of this class
 * @dev: device, initialised
 * @fdev: whose port it is
 * @port: number of the port
 */
void ferry_cdev_set_node(struct device *dev, const struct ferry_dev *fdev, u32 port)
{
	dev->class = &ferry_class;
	dev->devt = MKDEV(MAJOR(ferry_devt),
			  FERRY_MAX_DEVICES + fdev->id * FERRY_MAX_PORTS + port);
}

/**
 * ferry_cdev_add() - publish a device
 * @fdev: device, ready to be used
 *
 * Who listens is told by ferry_cdev_announce(), when its sysfs is complete.
 *
 * Return: 0 or an errno.
 */
int ferry_cdev_add(struct ferry_dev *fdev)
{
	dev_set_uevent_suppress(&fdev->dev, true);
	return cdev_device_add(&fdev->cdev, &fdev->dev);
}

/**
 * ferry_cdev_announce() - send the uevent of a published device
 * @fdev: device
 */
void ferry_cdev_announce(struct ferry_dev *fdev)
{
	dev_set_uevent_suppress(&fdev->dev, false);
	kobject_uevent(&fdev->dev.kobj, KOBJ_ADD);
}

/**
 * ferry_cdev_shutdown() - every call of user space fails from now on
 * @fdev: published device
 *
 * Whoever sleeps in one is woken. Calls that are under way may go on for a
 * while, but start no channel. May sleep.
 */
void ferry_cdev_shutdown(struct ferry_dev *fdev)
{
	struct ferry_file *file;

	WRITE_ONCE(fdev->unplugged, true);
	mutex_lock(&fdev->files_lock);
	list_for_each_entry(file, &fdev->files, node)
		ferry_queue_wake_all(file);
	mutex_unlock(&fdev->files_lock);
	ferry_ports_wake(fdev);
}

/**
 * ferry_cdev_unplug() - take a published device away from user space
 * @fdev: device
 *
 * When it returns nobody is in a call, no open file has a queue or buffer, and
 * every mapping is SIGBUS. May sleep.
 */
void ferry_cdev_unplug(struct ferry_dev *fdev)
{
	struct ferry_file *file;

	cdev_device_del(&fdev->cdev, &fdev->dev);
	/* If it comes back it has its name again, whoever holds on to the old one. */
	ida_free(&ferry_ida, fdev->id);

	ferry_cdev_shutdown(fdev);
	synchronize_srcu(&fdev->srcu);

	mutex_lock(&fdev->files_lock);
	list_for_each_entry(file, &fdev->files, node) {
		ferry_file_down(file);
		/* Until here the rings said what was true. */
		ferry_mem_zap(file);
	}
	mutex_unlock(&fdev->files_lock);
}

/**
 * ferry_cdev_init() - what all devices share, at module load
 *
 * Return: 0 or an errno.
 */
int ferry_cdev_init(void)
{
	int err;

	err = alloc_chrdev_region(&ferry_devt, 0, FERRY_MINORS, "ferry");
	if (err)
		return err;
	err = class_register(&ferry_class);
	if (err)
		unregister_chrdev_region(ferry_devt, FERRY_MINORS);
	return err;
}

/**
 * ferry_cdev_exit() - undo ferry_cdev_init()
 */
void ferry_cdev_exit(void)
{
	class_unregister(&ferry_class);
	unregister_chrdev_region(ferry_devt, FERRY_MINORS);
	ida_destroy(&ferry_ida);
}
