/* SPDX-License-Identifier: MIT */
/* libferry: what its files share. */
#ifndef LIBFERRY_INTERNAL_H
#define LIBFERRY_INTERNAL_H

#include "libferry.h"

struct ferry {
	int fd;
	struct ferry_info info;	/* as it was at open: for the limits only */
};

/* ioctl(2) with a negative errno. */
int ferry_ioctl(const struct ferry *dev, unsigned long request, void *arg);

/* The two ways to a CRC; exposed for the tests. */
uint32_t ferry_crc32c_table(uint32_t crc, const void *data, size_t len);
int ferry_crc32c_cpu(uint32_t *crc, const void *data, size_t len);

#endif /* LIBFERRY_INTERNAL_H */
