/* SPDX-License-Identifier: MIT */
/*
 * libferry: queues and buffers of a Ferry DMA controller, /dev/ferryN.
 *
 * A program opens the device, creates a queue (which claims a channel of the
 * device), allocates buffers, and then goes round this loop: take a free entry
 * with ferry_queue_get_sqe(), fill it in with a ferry_prep_*() call, submit
 * what was taken, reap the completions. Entries of one queue complete in the
 * order in which they were taken.
 *
 * Errors. A function that can fail returns a negative errno, never -1 and errno
 * (as in liburing). What an entry came to is in the status of its completion.
 *
 * Threads. Calls on a struct ferry and on different queues may run at the same
 * time. Calls on one queue need a lock of the caller's, but for
 * ferry_queue_flush() and ferry_queue_cancel(), which any thread may call while
 * another waits. Nothing may run while its object is destroyed, freed or closed.
 *
 * fork(). The child shares the open file: it can use the buffers that the
 * parent mapped, and must leave the parent's queues alone.
 */
#ifndef LIBFERRY_H
#define LIBFERRY_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <linux/ferry.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FERRY_DEFAULT_DEVICE	"/dev/ferry0"

/* An open device, and a queue of it */
struct ferry;
struct ferry_queue;

/**
 * struct ferry_buf - memory that the device may touch; read only for the caller
 * @dev: device it belongs to
 * @addr: where it is mapped; NULL before ferry_buf_map()
 * @length: bytes; whole pages, if it was allocated
 * @mmap_offset: where mmap(2) of ferry_fd() finds it, to map less than all of it,
 *	if it was allocated
 * @handle: the window in FERRY_ADDR()
 * @flags: FERRY_BUF_* it was made with
 * @registered: whether it was registered, so that the memory is the caller's
 * @imported: whether it was imported, so that the memory is a dma-buf's
 */
struct ferry_buf {
	struct ferry *dev;
	void *addr;
	size_t length;
	uint64_t mmap_offset;
	uint32_t handle;
	uint32_t flags;
	uint32_t registered;
	uint32_t imported;
};

/**
 * ferry_open() - open a device
 * @path: device node; NULL for FERRY_DEFAULT_DEVICE
 * @dev: out: the device
 *
 * Return: 0; -ENOENT, -EACCES or what else open(2) says; -ENODEV if the device
 * is gone; -ENOTTY if the node is not a Ferry device.
 */
int ferry_open(const char *path, struct ferry **dev);

/**
 * ferry_close() - close a device
 * @dev: device, with its queues destroyed and its buffers freed; or NULL
 */
void ferry_close(struct ferry *dev);

/**
 * ferry_fd() - the file descriptor, for poll(2)
 * @dev: device
 *
 * POLLIN: a completion of some queue waits; POLLERR: a queue is dead; POLLHUP:
 * the device is gone. Completions that read(2) takes are missed by the
 * library, so read nothing from it while a queue of the library is in use.
 *
 * Return: the descriptor, which ferry_close() closes.
 */
int ferry_fd(const struct ferry *dev);

/**
 * ferry_get_info() - what the device is and allows
 * @dev: device
 * @info: out: see <linux/ferry.h>
 *
 * Return: 0 or -ENODEV.
 */
int ferry_get_info(struct ferry *dev, struct ferry_info *info);

/**
 * ferry_queue_create() - claim a channel
 * @dev: device
 * @entries: operations to have outstanding; rounded up to a power of two and
 *	to the least that the device can do
 * @weight: share of the device, 1 to 255 quanta in a turn; 0 for 1
 * @queue: out: the queue
 *
 * Return: 0; -EINVAL if @entries is 0 or more than the device can do, or for
 * @weight; -ENOSPC if every user channel is claimed or this user's share is
 * used up; -EIO if the device does not start; -ENOMEM; -ENODEV.
 */
int ferry_queue_create(struct ferry *dev, unsigned int entries,
		       unsigned int weight, struct ferry_queue **queue);

/**
 * ferry_queue_destroy() - cancel what runs, and give the channel back
 * @queue: queue; or NULL
 */
void ferry_queue_destroy(struct ferry_queue *queue);

/**
 * ferry_queue_entries() - how many operations can be outstanding
 * @queue: queue
 *
 * Return: a power of two.
 */
unsigned int ferry_queue_entries(const struct ferry_queue *queue);

/**
 * ferry_queue_channel() - which channel of the device the queue has
 * @queue: queue
 *
 * Return: its number, that of the channel's directory in sysfs.
 */
unsigned int ferry_queue_channel(const struct ferry_queue *queue);

/**
 * ferry_queue_get_sqe() - take the next free entry
 * @queue: queue
 * @index: out: its index, what ferry_cqe_index() of the completion will be;
 *	or NULL
 *
 * An entry is free from when its last completion was reaped. What was taken is
 * submitted in the order in which it was taken, so prepare each one.
 *
 * Return: an entry to prepare, or NULL when none is free.
 */
struct ferry_sqe *ferry_queue_get_sqe(struct ferry_queue *queue,
				      uint32_t *index);

/**
 * ferry_queue_submit() - submit the entries that were taken
 * @queue: queue
 *
 * Return: how many the device has taken, 0 if there were none; -EIO if the
 * queue is dead; -ENODEV. After an error all of them are still to be submitted.
 */
int ferry_queue_submit(struct ferry_queue *queue);

/**
 * ferry_queue_submit_and_wait() - submit, then reap, in one system call
 * @queue: queue
 * @cqes: out: completions
 * @nr_cqes: room at @cqes
 * @min_cqes: completions to wait for, at most @nr_cqes
 * @timeout_ns: how long to wait, nanoseconds; 0: not; negative: no limit
 *
 * Return: completions written to @cqes. They can be fewer than @min_cqes, and
 * none, if the time ran out or a signal came after something was submitted or
 * reaped; call again. Without that: -ETIME, -EINTR, and -EAGAIN where
 * @timeout_ns is 0. -EINVAL for @min_cqes; -EIO if the queue is dead; -ENODEV.
 */
int ferry_queue_submit_and_wait(struct ferry_queue *queue,
				struct ferry_cqe *cqes, unsigned int nr_cqes,
				unsigned int min_cqes, int64_t timeout_ns);

/**
 * ferry_queue_wait() - reap, and wait until there is enough to reap
 * @queue: queue
 * @cqes: out: completions
 * @nr_cqes: room at @cqes
 * @min_cqes: completions to wait for, at most @nr_cqes
 * @timeout_ns: how long to wait, nanoseconds; 0: not; negative: no limit
 *
 * Submits nothing. With @min_cqes 0 it takes what is there and never waits.
 * Waiting for more than was submitted ends only by the time-out or a signal.
 *
 * Return: as ferry_queue_submit_and_wait().
 */
int ferry_queue_wait(struct ferry_queue *queue, struct ferry_cqe *cqes,
		     unsigned int nr_cqes, unsigned int min_cqes,
		     int64_t timeout_ns);

/**
 * ferry_queue_flush() - wait until what was submitted has completed
 * @queue: queue
 * @timeout_ns: how long to wait, nanoseconds; negative: no limit
 *
 * Reaps nothing.
 *
 * Return: 0, -ETIME, -EINTR, -EIO or -ENODEV.
 */
int ferry_queue_flush(struct ferry_queue *queue, int64_t timeout_ns);

/**
 * ferry_queue_cancel() - drop what has not completed
 * @queue: queue
 *
 * The dropped entries complete with FERRY_ERR_CANCELLED and the true count of
 * bytes; the queue goes on.
 *
 * Return: 0, -EINTR, -EIO or -ENODEV.
 */
int ferry_queue_cancel(struct ferry_queue *queue);

/**
 * ferry_buf_alloc() - allocate memory that the device may touch
 * @dev: device
 * @length: bytes; rounded up to whole pages
 * @flags: FERRY_BUF_WC, FERRY_BUF_DEV_RO, FERRY_BUF_EXPORT
 * @buf: out: the buffer, zeroed, not mapped
 *
 * Return: 0; -EINVAL for @length; -EOPNOTSUPP for @flags; -ENOSPC if the file
 * has as many buffers as it can have; -ENOMEM; -ENODEV. With FERRY_BUF_EXPORT also
 * -EOPNOTSUPP, -EADDRNOTAVAIL, -EFBIG and -EINTR as of ferry_buf_register().
 */
int ferry_buf_alloc(struct ferry *dev, size_t length, unsigned int flags,
		    struct ferry_buf **buf);

/**
 * ferry_buf_register() - let the device touch memory that is there already
 * @dev: device
 * @addr: where it begins, any byte
 * @length: bytes, any number but 0
 * @flags: FERRY_BUF_DEV_RO
 * @buf: out: the buffer
 *
 * The pages stay pinned until ferry_buf_free(), which leaves the memory to the
 * caller: free the buffer first, then the memory. Registering costs what some
 * hundred operations do; using what is registered costs nothing.
 *
 * Return: 0; -EINVAL for @length; -EFAULT if some of it can't be used so;
 * -ENOMEM: RLIMIT_MEMLOCK, or out of memory; -EOPNOTSUPP if the device or the
 * kernel can't, or for @flags; -EADDRNOTAVAIL if the device does not reach it;
 * -EFBIG if it is too scattered; -ENOSPC if the file has as many buffers as it
 * can have; -EINTR; -ENODEV.
 */
int ferry_buf_register(struct ferry *dev, void *addr, size_t length,
		       unsigned int flags, struct ferry_buf **buf);

/**
 * ferry_buf_import() - let the device touch memory of a dma-buf
 * @dev: device
 * @fd: the dma-buf; it may be closed afterwards
 * @offset: where in it the buffer begins, any byte
 * @length: bytes; 0: to its end
 * @flags: FERRY_BUF_DEV_RO
 * @buf: out: the buffer
 *
 * The memory stays in its place until ferry_buf_free(). The dma-buf can be mapped,
 * by mmap(2) of @fd; the buffer can't.
 *
 * Return: 0; -EBADF or -EINVAL if @fd is no dma-buf; -EINVAL for @offset and @length;
 * -EACCES if @fd is not open for what the device is to do; -ENOMEM; -EOPNOTSUPP,
 * -EADDRNOTAVAIL, -EFBIG, -ENOSPC, -EINTR and -ENODEV as of ferry_buf_register(); or
 * what the exporter of the dma-buf says.
 */
int ferry_buf_import(struct ferry *dev, int fd, uint64_t offset, size_t length,
		     unsigned int flags, struct ferry_buf **buf);

/**
 * ferry_buf_export() - give a buffer to others, as a dma-buf
 * @buf: buffer that was allocated with FERRY_BUF_EXPORT
 *
 * The memory stays as long as anybody has the dma-buf or a mapping of it, whatever
 * becomes of the buffer, of @dev and of the device itself.
 *
 * Return: a new file descriptor, with O_CLOEXEC, the caller's to close; -EINVAL for
 * another kind of buffer; -EMFILE; -ENFILE; -EOPNOTSUPP; -ENODEV.
 */
int ferry_buf_export(const struct ferry_buf *buf);

/**
 * ferry_buf_map() - map a buffer for reading and writing
 * @buf: buffer
 *
 * Mapping it again changes nothing, nor does it for one that was registered. If the
 * device goes away while an allocated one is mapped, touching it raises SIGBUS,
 * unless it can be exported.
 *
 * Return: 0; -EINVAL for one that was imported; or what mmap(2) says.
 */
int ferry_buf_map(struct ferry_buf *buf);

/**
 * ferry_buf_free() - unmap, unpin or detach a buffer and give it back
 * @buf: buffer; or NULL
 *
 * The device no longer touches the memory. Operations that did have completed
 * with FERRY_ERR_WINDOW_REVOKED. @buf is gone whatever this returns.
 *
 * Return: 0; -EIO if the device did not let go of the memory, and did not reset
 * either: the kernel keeps it from everybody, and the queues that used it are
 * dead; -ENODEV if the device is gone, and with it what it had.
 */
int ferry_buf_free(struct ferry_buf *buf);

/**
 * ferry_buf_ref() - how an entry names a place in a buffer
 * @buf: buffer
 * @offset: bytes from its start
 *
 * Return: an address for ferry_prep_*().
 */
static inline uint64_t ferry_buf_ref(const struct ferry_buf *buf,
				     uint64_t offset)
{
	return FERRY_ADDR(buf->handle, offset);
}

static inline void ferry_prep(struct ferry_sqe *sqe, unsigned int op,
			      uint64_t dst, uint64_t src, uint32_t len,
			      uint64_t arg)
{
	/* Each byte once: it may be the slot that the device reads. */
	sqe->op = (uint8_t)op;
	sqe->flags = 0;
	sqe->reserved = 0;
	sqe->len = htole32(len);
	sqe->src = htole64(src);
	sqe->dst = htole64(dst);
	sqe->arg = htole64(arg);
}

/**
 * ferry_prep_nop() - prepare an entry that does nothing
 * @sqe: entry
 */
static inline void ferry_prep_nop(struct ferry_sqe *sqe)
{
	ferry_prep(sqe, FERRY_OP_NOP, 0, 0, 0, 0);
}

/**
 * ferry_prep_copy() - prepare a copy, as memmove() within one buffer
 * @sqe: entry
 * @dst: address to copy to
 * @src: address to copy from
 * @len: bytes
 */
static inline void ferry_prep_copy(struct ferry_sqe *sqe, uint64_t dst,
				   uint64_t src, uint32_t len)
{
	ferry_prep(sqe, FERRY_OP_COPY, dst, src, len, 0);
}

/**
 * ferry_prep_fill() - prepare a fill: byte k becomes byte k mod 8 of a pattern
 * @sqe: entry
 * @dst: address to fill
 * @len: bytes
 * @pattern: byte 0 is the least significant one
 */
static inline void ferry_prep_fill(struct ferry_sqe *sqe, uint64_t dst,
				   uint32_t len, uint64_t pattern)
{
	ferry_prep(sqe, FERRY_OP_FILL, dst, 0, len, pattern);
}

/**
 * ferry_prep_crc32c() - prepare a CRC, for ferry_cqe_result()
 * @sqe: entry
 * @src: address of the data
 * @len: bytes
 * @crc: CRC of what goes before the data, 0 for nothing
 */
static inline void ferry_prep_crc32c(struct ferry_sqe *sqe, uint64_t src,
				     uint32_t len, uint32_t crc)
{
	ferry_prep(sqe, FERRY_OP_CRC32C, 0, src, len, crc);
}

/**
 * ferry_prep_copy_crc32c() - prepare a copy with the CRC of what is copied
 * @sqe: entry
 * @dst: address to copy to
 * @src: address to copy from
 * @len: bytes
 * @crc: CRC of what goes before the data, 0 for nothing
 */
static inline void ferry_prep_copy_crc32c(struct ferry_sqe *sqe, uint64_t dst,
					  uint64_t src, uint32_t len,
					  uint32_t crc)
{
	ferry_prep(sqe, FERRY_OP_COPY_CRC32C, dst, src, len, crc);
}

/**
 * ferry_prep_compare() - prepare a comparison
 * @sqe: entry
 * @dst: address of the one
 * @src: address of the other
 * @len: bytes
 *
 * See ferry_cqe_mismatch().
 */
static inline void ferry_prep_compare(struct ferry_sqe *sqe, uint64_t dst,
				      uint64_t src, uint32_t len)
{
	ferry_prep(sqe, FERRY_OP_COMPARE, dst, src, len, 0);
}

/**
 * ferry_prep_send() - prepare sending to a port
 * @sqe: entry of a ring that ferry_ring_open_port() has opened to send
 * @src: address of the data
 * @len: bytes
 * @eop: not 0: a packet ends behind them
 *
 * It completes when the port has taken all, and the memory can be used again.
 */
static inline void ferry_prep_send(struct ferry_sqe *sqe, uint64_t src,
				   uint32_t len, int eop)
{
	ferry_prep(sqe, FERRY_OP_SEND, 0, src, len, 0);
	if (eop)
		sqe->flags = FERRY_SQE_EOP;
}

/**
 * ferry_prep_recv() - prepare receiving from a port
 * @sqe: entry of a ring that ferry_ring_open_port() has opened to receive
 * @dst: address for the data
 * @len: bytes, at most
 *
 * It completes when it is full, a packet ends, the peer has closed, or, with
 * some bytes, nothing more came for the ring's idle time. See ferry_cqe_flags().
 */
static inline void ferry_prep_recv(struct ferry_sqe *sqe, uint64_t dst,
				   uint32_t len)
{
	ferry_prep(sqe, FERRY_OP_RECV, dst, 0, len, 0);
}

/**
 * ferry_cqe_index() - which entry has completed
 * @cqe: completion
 *
 * Return: the index that ferry_queue_get_sqe() gave.
 */
static inline uint32_t ferry_cqe_index(const struct ferry_cqe *cqe)
{
	return le32toh(cqe->seq) - 1;
}

/**
 * ferry_cqe_status() - what became of an entry
 * @cqe: completion
 *
 * Return: FERRY_OK or FERRY_ERR_*.
 */
static inline unsigned int ferry_cqe_status(const struct ferry_cqe *cqe)
{
	return le16toh(cqe->status);
}

/**
 * ferry_cqe_len() - how far it got
 * @cqe: completion
 *
 * Return: bytes processed; of a comparison, the equal bytes before the first
 * difference.
 */
static inline uint32_t ferry_cqe_len(const struct ferry_cqe *cqe)
{
	return le32toh(cqe->len);
}

/**
 * ferry_cqe_result() - CRC, or the two bytes that differ
 * @cqe: completion
 *
 * Return: the CRC, or dst_byte << 8 | src_byte.
 */
static inline uint32_t ferry_cqe_result(const struct ferry_cqe *cqe)
{
	return le32toh(cqe->result);
}

/**
 * ferry_cqe_mismatch() - whether a comparison found a difference
 * @cqe: completion
 *
 * Return: not 0 if it did.
 */
static inline int ferry_cqe_mismatch(const struct ferry_cqe *cqe)
{
	return !!(le16toh(cqe->flags) & FERRY_CQE_MISMATCH);
}

/**
 * ferry_cqe_flags() - why a RECV is over
 * @cqe: completion
 *
 * Return: FERRY_CQE_EOP: a packet ends behind its bytes; FERRY_CQE_HUP: the peer
 * has closed behind them; FERRY_CQE_IDLE: no more came for a while; 0: it is full.
 */
static inline unsigned int ferry_cqe_flags(const struct ferry_cqe *cqe)
{
	return le16toh(cqe->flags);
}

/**
 * ferry_op_name() - name of an operation
 * @op: FERRY_OP_*
 *
 * Return: such as "COPY"; NULL if there is no such operation.
 */
const char *ferry_op_name(unsigned int op);

/**
 * ferry_status_name() - name of a status
 * @status: FERRY_OK or FERRY_ERR_*
 *
 * Return: such as "WINDOW_BOUNDS"; "UNKNOWN" if it is none.
 */
const char *ferry_status_name(unsigned int status);

/**
 * ferry_status_string() - what a status means
 * @status: FERRY_OK or FERRY_ERR_*
 *
 * Return: a phrase without a full stop.
 */
const char *ferry_status_string(unsigned int status);

/**
 * ferry_crc32c() - compute a CRC-32C on the CPU
 * @crc: CRC of what goes before the data, 0 for nothing
 * @data: data
 * @len: bytes
 *
 * Uses the processor's instructions where it has them. The same numbers as
 * the device's: "123456789" gives 0xe3069283.
 *
 * Return: the CRC.
 */
uint32_t ferry_crc32c(uint32_t crc, const void *data, size_t len);

/**
 * ferry_crc32c_combine() - CRC of two pieces from the CRC of each
 * @crc1: CRC of the first piece
 * @crc2: CRC of the second piece alone
 * @len2: bytes of the second piece
 *
 * For operations in flight together: none of them can be given the CRC of the
 * one before it.
 *
 * Return: the CRC of the first piece with the second behind it.
 */
uint32_t ferry_crc32c_combine(uint32_t crc1, uint32_t crc2, uint64_t len2);

#ifdef __cplusplus
}
#endif

#endif /* LIBFERRY_H */
