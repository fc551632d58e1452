// SPDX-License-Identifier: MIT
/* libferry: the open device. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "internal.h"

int ferry_ioctl(const struct ferry *dev, unsigned long request, void *arg)
{
	return ioctl(dev->fd, request, arg) < 0 ? -errno : 0;
}

int ferry_open(const char *path, struct ferry **dev)
{
	struct ferry *new;
	int err;

	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	new->fd = open(path ? path : FERRY_DEFAULT_DEVICE, O_RDWR | O_CLOEXEC);
	if (new->fd < 0) {
		err = -errno;
		goto err_free;
	}
	err = ferry_get_info(new, &new->info);
	if (err)
		goto err_close;
	*dev = new;
	return 0;

err_close:
	close(new->fd);
err_free:
	free(new);
	return err;
}

void ferry_close(struct ferry *dev)
{
	if (!dev)
		return;
	close(dev->fd);
	free(dev);
}

int ferry_fd(const struct ferry *dev)
{
	return dev->fd;
}

int ferry_get_info(struct ferry *dev, struct ferry_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	return ferry_ioctl(dev, FERRY_IOC_INFO, info);
}
