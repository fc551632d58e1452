// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of exported memory: what other drivers do with it, of which the
 * selftests have none at hand.
 */
#include <kunit/device.h>
#include <kunit/test.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/iosys-map.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "ferry_compat.h"
#include "ferry_dmabuf.h"

/* No multiple of a large page, so that there are several pieces. */
#define TEST_SIZE	(SZ_1M + SZ_64K + PAGE_SIZE)

static struct dma_buf *dmabuf_test_new(struct kunit *test)
{
	struct dma_buf *dmabuf = ferry_dmabuf_create(PAGE_ALIGN(TEST_SIZE), 0);

	KUNIT_ASSERT_FALSE(test, IS_ERR(dmabuf));
	return dmabuf;
}

static struct device *dmabuf_test_device(struct kunit *test, const char *name)
{
	struct device *dev = kunit_device_register(test, name);

	KUNIT_ASSERT_FALSE(test, IS_ERR(dev));
	dev->dma_parms = kunit_kzalloc(test, sizeof(*dev->dma_parms), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, dev->dma_parms);
	dev->dma_mask = &dev->coherent_dma_mask;
	KUNIT_ASSERT_EQ(test, dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64)), 0);
	dma_set_max_seg_size(dev, UINT_MAX);
	return dev;
}

static u64 dmabuf_test_length(const struct sg_table *sgt)
{
	struct scatterlist *sg;
	u64 length = 0;
	u32 i;

	for_each_sgtable_dma_sg(sgt, sg, i)
		length += sg_dma_len(sg);
	return length;
}

static void dmabuf_is_zeroed_and_the_same_for_every_vmap(struct kunit *test)
{
	struct dma_buf *dmabuf = dmabuf_test_new(test);
	struct iosys_map map, again;

	KUNIT_ASSERT_EQ(test, dma_buf_vmap_unlocked(dmabuf, &map), 0);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(map.vaddr, 0, dmabuf->size), NULL);
	memset(map.vaddr, 0x5a, dmabuf->size);
	KUNIT_ASSERT_EQ(test, dma_buf_vmap_unlocked(dmabuf, &again), 0);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(again.vaddr, 0x5a, dmabuf->size), NULL);
	dma_buf_vunmap_unlocked(dmabuf, &again);
	dma_buf_vunmap_unlocked(dmabuf, &map);
	/* It is the memory that keeps what was written, not the mapping. */
	KUNIT_ASSERT_EQ(test, dma_buf_vmap_unlocked(dmabuf, &map), 0);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(map.vaddr, 0x5a, dmabuf->size), NULL);
	dma_buf_vunmap_unlocked(dmabuf, &map);
	dma_buf_put(dmabuf);
}

/* The DMA API complains about a synchronisation in a direction that is not the mapping's. */
static void dmabuf_is_synchronised_for_several_devices(struct kunit *test)
{
	struct dma_buf_attachment *attach[DMA_NONE];
	struct dma_buf *dmabuf = dmabuf_test_new(test);
	struct sg_table *sgt[DMA_NONE];
	enum dma_data_direction dir;

	for (dir = 0; dir < DMA_NONE; dir++) {
		char name[] = "ferry_dmabuf_0";

		name[sizeof(name) - 2] += dir;
		attach[dir] = dma_buf_attach(dmabuf, dmabuf_test_device(test, name));
		KUNIT_ASSERT_FALSE(test, IS_ERR(attach[dir]));
		sgt[dir] = dma_buf_map_attachment_unlocked(attach[dir], dir);
		KUNIT_ASSERT_FALSE(test, IS_ERR(sgt[dir]));
		KUNIT_EXPECT_EQ(test, dmabuf_test_length(sgt[dir]), dmabuf->size);
	}
	for (dir = 0; dir < DMA_NONE; dir++) {
		KUNIT_EXPECT_EQ(test, dma_buf_begin_cpu_access(dmabuf, dir), 0);
		KUNIT_EXPECT_EQ(test, dma_buf_end_cpu_access(dmabuf, dir), 0);
	}
	for (dir = 0; dir < DMA_NONE; dir++) {
		dma_buf_unmap_attachment_unlocked(attach[dir], sgt[dir], dir);
		dma_buf_detach(dmabuf, attach[dir]);
	}
	dma_buf_put(dmabuf);
}

static void dmabuf_of_more_than_there_is_is_ENOMEM(struct kunit *test)
{
	struct dma_buf *dmabuf = ferry_dmabuf_create((SIZE_MAX / 2) & PAGE_MASK, 0);

	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(dmabuf), -ENOMEM);
}

static struct kunit_case dmabuf_cases[] = {
	KUNIT_CASE(dmabuf_is_zeroed_and_the_same_for_every_vmap),
	KUNIT_CASE(dmabuf_is_synchronised_for_several_devices),
	KUNIT_CASE(dmabuf_of_more_than_there_is_is_ENOMEM),
	{ }
};

static struct kunit_suite dmabuf_suite = {
	.name = "ferry_dmabuf",
	.test_cases = dmabuf_cases,
};

kunit_test_suite(dmabuf_suite);

FERRY_IMPORT_NS(DMA_BUF);
