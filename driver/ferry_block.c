// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blocks: the memory of a port's entries.
 */
#include <linux/dma-mapping.h>
#include <linux/gfp.h>

#include "ferry_port.h"

/**
 * DOC: Blocks
 *
 * A block is copied to or from user space, so it comes from a cache that says
 * which part of it may be (plain slab memory must not be copied under
 * CONFIG_HARDENED_USERCOPY). Each port has a cache of its own, since the size
 * is a setting; its name is that of the port, and a number.
 *
 * A block stays mapped as long as it lives; between device and CPU it only
 * changes hands, by dma_sync_single_for_*(), which costs next to nothing where
 * the device is coherent. Bounce buffers are no trouble.
 *
 * Behind the cache is a mempool, for the interrupt handler. It asks the cache
 * first, and gives of its reserve when that has nothing.
 */

static void *ferry_block_alloc(gfp_t gfp, void *data)
{
	struct ferry_pool *pool = data;
	void *block = kmem_cache_alloc(pool->port->cache, gfp);

	if (!block)
		pool->refused++;
	return block;
}

static void ferry_block_free(void *block, void *data)
{
	struct ferry_pool *pool = data;

	kmem_cache_free(pool->port->cache, block);
}

/**
 * ferry_block_cache() - make the cache of a port, if it has none
 * @port: port; &ferry_port.lock is held
 *
 * Return: 0 or -ENOMEM.
 */
int ferry_block_cache(struct ferry_port *port)
{
	static atomic_t caches = ATOMIC_INIT(0);
	u32 size = port->config.buffer_size;
	char name[32];

	lockdep_assert_held(&port->lock);

	if (!port->cache) {
		/* One that was lost has its name for good, and a port may be made again. */
		snprintf(name, sizeof(name), "%s-%d", dev_name(&port->dev),
			 atomic_inc_return(&caches));
		port->cache = kmem_cache_create_usercopy(name,
							 struct_size_t(struct ferry_block, data,
								       size),
							 __alignof__(struct ferry_block), 0,
							 offsetof(struct ferry_block, data), size,
							 NULL);
	}
	return port->cache ? 0 : -ENOMEM;
}

/**
 * ferry_block_uncache() - undo ferry_block_cache()
 * @port: port; &ferry_port.lock is held
 *
 * What a channel that does not answer still has is lost together with the cache.
 */
void ferry_block_uncache(struct ferry_port *port)
{
	lockdep_assert_held(&port->lock);

	if (!atomic_read(&port->pools))
		kmem_cache_destroy(port->cache);
	port->cache = NULL;
}

/* Make a block the device's to use. NULL: it can't be mapped, and is freed. */
static struct ferry_block *ferry_pool_map(struct ferry_pool *pool, struct ferry_block *block)
{
	struct device *parent = pool->port->fdev->parent;

	block->dma = dma_map_single(parent, block->data, pool->size, pool->dir);
	if (dma_mapping_error(parent, block->dma)) {
		mempool_free(block, pool->reserve);
		return NULL;
	}
	list_add_tail(&block->all, &pool->blocks);
	pool->count++;
	return block;
}

/**
 * ferry_pool_add() - one more block
 * @pool: pool
 *
 * May sleep; for who opens, and is charged for it.
 *
 * Return: block, or NULL.
 */
struct ferry_block *ferry_pool_add(struct ferry_pool *pool)
{
	struct ferry_block *block = kmem_cache_alloc(pool->port->cache,
						     GFP_KERNEL_ACCOUNT | __GFP_NOWARN);

	return block ? ferry_pool_map(pool, block) : NULL;
}

/**
 * ferry_pool_get() - one more block, at once
 * @pool: pool
 * @reserved: out: it came from the reserve
 *
 * Any context.
 *
 * Return: block, or NULL.
 */
struct ferry_block *ferry_pool_get(struct ferry_pool *pool, bool *reserved)
{
	u32 refused = pool->refused;
	struct ferry_block *block = mempool_alloc(pool->reserve, GFP_ATOMIC | __GFP_NOWARN);

	*reserved = pool->refused != refused;
	return block ? ferry_pool_map(pool, block) : NULL;
}

/**
 * ferry_pool_put() - give a block back
 * @pool: pool
 * @block: block, in no list but that of all
 *
 * To the reserve, if that has given some away. Any context.
 */
void ferry_pool_put(struct ferry_pool *pool, struct ferry_block *block)
{
	list_del(&block->all);
	pool->count--;
	dma_unmap_single(pool->port->fdev->parent, block->dma, pool->size, pool->dir);
	mempool_free(block, pool->reserve);
}

/**
 * ferry_pool_create() - blocks for a channel that is about to be started
 * @port: port; &ferry_port.lock is held
 * @dir: who will write them
 * @reserve: blocks to keep back
 *
 * Return: pool without a block, or NULL.
 */
struct ferry_pool *ferry_pool_create(struct ferry_port *port, enum dma_data_direction dir,
				     u32 reserve)
{
	struct ferry_pool *pool;

	if (ferry_block_cache(port))
		return NULL;
	pool = kzalloc(sizeof(*pool), GFP_KERNEL_ACCOUNT);
	if (!pool)
		return NULL;
	pool->port = port;
	pool->dir = dir;
	pool->size = port->config.buffer_size;
	INIT_LIST_HEAD(&pool->blocks);
	pool->reserve = mempool_create(reserve, ferry_block_alloc, ferry_block_free, pool);
	if (!pool->reserve) {
		kfree(pool);
		return NULL;
	}
	atomic_inc(&port->pools);
	return pool;
}

/**
 * ferry_pool_destroy() - free a pool and all of its blocks
 * @data: pool; the device is out of the blocks
 *
 * &ferry_chan_config.let_go of a port's channels. May sleep.
 */
void ferry_pool_destroy(void *data)
{
	struct ferry_pool *pool = data;
	struct ferry_port *port = pool->port;
	struct ferry_block *block, *next;

	list_for_each_entry_safe(block, next, &pool->blocks, all)
		ferry_pool_put(pool, block);
	mempool_destroy(pool->reserve);
	kfree(pool);
	atomic_dec(&port->pools);
}
