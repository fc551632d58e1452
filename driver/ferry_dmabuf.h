/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that others can use, too: an exporter of dma-bufs.
 */
#ifndef FERRY_DMABUF_H
#define FERRY_DMABUF_H

#include <linux/gfp_types.h>
#include <linux/types.h>

struct dma_buf;

struct dma_buf *ferry_dmabuf_create(size_t size, gfp_t gfp);

#endif /* FERRY_DMABUF_H */
