/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * Ferry DMA controller: the user interface of /dev/ferryN.
 *
 * Rules that hold for every ioctl:
 *
 * - The argument points to a structure whose first field, @size, is set by the
 *   caller to sizeof(structure). A newer, larger structure is taken if what
 *   this kernel does not know is zero (else E2BIG); an older, smaller one is taken as
 *   if the rest were zero, down to the size of its first release (else EINVAL).
 *   More than a page is E2BIG, whatever is there. The kernel writes back at
 *   most @size bytes, and leaves alone what it does not know.
 * - Unknown flags and reserved fields that are not zero: EOPNOTSUPP.
 * - A handle (queue, buffer) belongs to the open file that made it and is
 *   invalid in any other: ENOENT, as for one that was destroyed.
 * - A call that fails has changed nothing, unless its text says otherwise.
 * - A signal restarts a call without a time limit when its handler allows it
 *   (SA_RESTART), or there is none to call; otherwise it is EINTR. A wait with
 *   a limit ends with EINTR, since it would begin anew.
 * - After the device was unbound every call fails with ENODEV.
 *
 * errno, where a call's own text adds nothing:
 *
 * EFAULT      a pointer is not accessible
 * EINVAL      a length, offset or count is out of range
 * ENOENT      no such handle in this file
 * ENOMEM      out of memory
 * ENOSPC      the device or this user has no more of what was asked for
 * EOPNOTSUPP  a flag, field or feature that this kernel or device lacks, or that
 *             a mapped queue has no use for
 * E2BIG       @size is too large, or what lies behind is not zero
 * EINTR       a signal came before anything was done
 * ENODEV      the device is gone
 * EIO         the queue is dead: the device halted it or did not answer (the
 *             kernel log and the channel's sysfs directory say why); destroy it
 * ENOTTY      no such ioctl
 */
#ifndef _UAPI_LINUX_FERRY_H
#define _UAPI_LINUX_FERRY_H

#include <linux/types.h>
#include <linux/ioctl.h>
#include <linux/ferry_entry.h>

/**
 * struct ferry_sqe - submission entry, as the device reads it
 * @op: FERRY_OP_*
 * @flags: FERRY_SQE_EOP, for SEND; else zero
 * @reserved: must be zero
 * @len: bytes, at most the max_len of FERRY_INFO
 * @src: source, FERRY_ADDR(buffer, offset)
 * @dst: destination, FERRY_ADDR(buffer, offset)
 * @arg: pattern of FILL; CRC so far of CRC32C and COPY_CRC32C
 */
struct ferry_sqe {
	__u8	op;
	__u8	flags;
	__le16	reserved;
	__le32	len;
	__le64	src;
	__le64	dst;
	__le64	arg;
};

/**
 * struct ferry_cqe - completion entry, as the device writes it
 * @result: CRC, or the bytes that differ (dst << 8 | src)
 * @len: bytes processed
 * @status: FERRY_OK or FERRY_ERR_*
 * @flags: FERRY_CQE_*
 * @seq: index of the submission, plus one
 */
struct ferry_cqe {
	__le32	result;
	__le32	len;
	__le16	status;
	__le16	flags;
	__le32	seq;
};

/**
 * struct ferry_event - what read(2) returns, any number at a time
 * @queue: handle of the queue
 * @reserved: zero
 * @cqe: the completion
 */
struct ferry_event {
	__u32	queue;
	__u32	reserved;
	struct ferry_cqe cqe;
};

#define FERRY_ADDR(buffer, offset) \
	(((__u64)(buffer) << FERRY_ADDR_WINDOW_SHIFT) | (offset))

/**
 * struct ferry_info - FERRY_IOC_INFO: what the device is and allows
 * @size: sizeof(struct ferry_info)
 * @version: VERSION register
 * @channels: number of channels
 * @ports: number of ports
 * @lines: number of interrupt lines
 * @ops: bit n is set where FERRY_OP n is there
 * @max_len: greatest len of an entry, bytes
 * @min_order: least log2 of a queue's entries
 * @max_order: greatest log2 of a queue's entries
 * @max_buffers: buffers that one open file can hold at once
 * @max_queues: queues that one user (uid) can hold at once
 * @queues: queues that this user holds now
 * @user_mask: channels that QUEUE_CREATE may claim, but for those of ports
 * @port_mask: channels that belong to ports
 * @kernel_mask: channels kept for the kernel
 * @busy_mask: channels that are claimed now
 * @pinned: bytes of memory that this file has registered, whole pages
 * @buffers: buffers that this file holds now
 * @reserved: zero
 */
struct ferry_info {
	__u32	size;
	__u32	version;
	__u32	channels;
	__u32	ports;
	__u32	lines;
	__u32	ops;
	__u32	max_len;
	__u32	min_order;
	__u32	max_order;
	__u32	max_buffers;
	__u32	max_queues;
	__u32	queues;
	__aligned_u64 user_mask;
	__aligned_u64 port_mask;
	__aligned_u64 kernel_mask;
	__aligned_u64 busy_mask;
	__aligned_u64 pinned;
	__u32	buffers;
	__u32	reserved;
};

/* Flags of QUEUE_CREATE */
#define FERRY_QUEUE_MAPPED	0x0001	/* rings and doorbell are the caller's, by mmap(2) */
#define FERRY_QUEUE_SEND	0x0002	/* the channel that feeds a port */
#define FERRY_QUEUE_RECV	0x0004	/* the channel that drains one */

/* idle_usecs of QUEUE_CREATE: a RECV completes when it is full, or at an end */
#define FERRY_QUEUE_IDLE_NEVER	0xffffffff

/**
 * struct ferry_queue_create - FERRY_IOC_QUEUE_CREATE: claim a channel
 * @size: sizeof(struct ferry_queue_create)
 * @flags: FERRY_QUEUE_*
 * @order: log2 of the number of entries
 * @weight: quanta in a turn, 1 to 255; 0 for the default, 1
 * @queue: out: handle, any number, 0 too; another one each time, until there
 *	are no more
 * @channel: out: number of the channel
 * @sq_offset: out: offset for mmap(2) of the SQ: struct ferry_sqe[1 << @order]
 * @cq_offset: out: offset for mmap(2) of struct ferry_queue_state and the CQ
 * @doorbell_offset: out: offset for mmap(2) of the doorbell
 * @cq_start: out: bytes from the beginning of the mapping at @cq_offset to
 *	struct ferry_cqe[1 << @order]
 * @port_fd: FERRY_QUEUE_SEND or _RECV: descriptor of a file of the port; else 0
 * @idle_usecs: FERRY_QUEUE_RECV: a RECV that has some bytes completes when no more
 *	have come for so long; 0: at once; FERRY_QUEUE_IDLE_NEVER. Else 0
 *
 * The first submission of a queue has the index 0, its completion @seq 1.
 *
 * FERRY_QUEUE_MAPPED: the caller writes entries into the SQ, rings the doorbell
 * (the first 32 bits of its mapping: the index behind the last entry) and reads
 * the CQ, as hardware.rst says, without a system call. SUBMIT, WAIT and FLUSH
 * are EOPNOTSUPP, and read(2) passes the queue by; QUEUE_WAIT and QUEUE_ARM wait.
 * Entries are owed from the doorbell on: one that is rung while the queue is being
 * cancelled or the system falls asleep is not lost. A doorbell out of range kills
 * the queue, and nothing else. Without the flag the offsets and @cq_start are 0.
 *
 * FERRY_QUEUE_SEND or FERRY_QUEUE_RECV, with FERRY_QUEUE_MAPPED: not any channel,
 * but the one that sends to, or receives from, the port of which @port_fd is an open
 * file: SEND or RECV from and to buffers of this file, without a copy. The port's
 * file has to be opened for reading to receive, for writing to send, or with
 * the mode 3 for either, which takes no direction; it is not used any more, and can
 * be closed. Until the queue is destroyed the direction is its own: who opens the
 * port for it gets EBUSY. An entry that waits for the port when the system is
 * suspended or the queue destroyed completes with FERRY_ERR_CANCELLED and its true
 * count. Such a queue counts for nobody's share.
 *
 * ENOSPC: every user channel is claimed, or this user's share is used up
 * (max_queues of FERRY_INFO; CAP_SYS_RESOURCE lifts it). EINVAL: order or
 * weight; FERRY_QUEUE_MAPPED and a @size without the offsets; @idle_usecs is
 * more than 1048575; FERRY_QUEUE_SEND and _RECV at once, or without FERRY_QUEUE_MAPPED;
 * @port_fd is no file of a port of this device. EBADF: it is none at all. EACCES: it
 * was not opened for that. EBUSY: somebody has the direction, or the driver has
 * something that was received and not read, or written and not sent. EIO: the device
 * could not be powered, or does not start; the port's channel does not answer.
 */
struct ferry_queue_create {
	__u32	size;
	__u32	flags;
	__u32	order;
	__u32	weight;
	__u32	queue;
	__u32	channel;
	__aligned_u64 sq_offset;
	__aligned_u64 cq_offset;
	__aligned_u64 doorbell_offset;
	__aligned_u64 cq_start;
	__s32	port_fd;
	__u32	idle_usecs;
};

/* dead of struct ferry_queue_state */
#define FERRY_QUEUE_ALIVE	0
#define FERRY_QUEUE_HALTED	1	/* as EIO: see the kernel log and sysfs */
#define FERRY_QUEUE_DESTROYED	2	/* QUEUE_DESTROY */
#define FERRY_QUEUE_GONE	3	/* as ENODEV: the device is gone */

/**
 * struct ferry_queue_state - what a mapped queue tells who polls it
 * @dead: FERRY_QUEUE_*; once it is not 0, it never becomes 0 again, no completion
 *	comes any more, and the device has let go of what has none
 * @reserved: zero
 *
 * At the beginning of the mapping at cq_offset, which can only be read.
 */
struct ferry_queue_state {
	__u32	dead;
	__u32	reserved[15];
};

/**
 * struct ferry_queue_wait - FERRY_IOC_QUEUE_WAIT: wait for a completion
 * @size: sizeof(struct ferry_queue_wait)
 * @queue: handle
 * @seq: wait until the completion with this @seq, or a later one, is in the CQ
 * @flags: must be zero
 * @timeout_ns: how long to wait, nanoseconds; negative: no limit
 *
 * Reaps nothing. Any number of threads may wait, each for its own. A @seq of the
 * past, by signed difference, returns at once; one that is never submitted does
 * not. ETIME: @timeout_ns has passed. EIO: the queue is dead, and what @seq names
 * did not complete. ENOENT: also if the queue is destroyed meanwhile.
 */
struct ferry_queue_wait {
	__u32	size;
	__u32	queue;
	__u32	seq;
	__u32	flags;
	__s64	timeout_ns;
};

/**
 * struct ferry_queue_arm - FERRY_IOC_QUEUE_ARM: be told of a completion
 * @size: sizeof(struct ferry_queue_arm)
 * @queue: handle
 * @seq: as for QUEUE_WAIT
 * @flags: must be zero
 * @eventfd: 1 is added to its count, once, when the completion is there, or when
 *	the queue is dead, destroyed, or its device gone; -1: none
 * @reserved: must be zero
 *
 * Takes the place of what the queue was armed with before, and does not wait. From
 * now on poll(2) on this file also says POLLIN while the completion is there, if
 * the queue is mapped: until it is armed with a later @seq. EBADF, EINVAL:
 * @eventfd is no eventfd. EIO: the queue is dead.
 */
struct ferry_queue_arm {
	__u32	size;
	__u32	queue;
	__u32	seq;
	__u32	flags;
	__s32	eventfd;
	__u32	reserved;
};

/**
 * struct ferry_queue_handle - FERRY_IOC_QUEUE_DESTROY, _FLUSH, _CANCEL
 * @size: sizeof(struct ferry_queue_handle)
 * @queue: handle
 * @timeout_ns: FLUSH: how long to wait, nanoseconds; negative: no limit.
 *	Others: must be zero
 *
 * DESTROY cancels what is running and gives the channel back. Threads that wait
 * on the queue return ENOENT. FLUSH returns when everything submitted before it
 * has completed (it reaps nothing): ETIME after @timeout_ns. CANCEL drops what
 * has not completed: the running entry completes with FERRY_ERR_CANCELLED and
 * its true count, as do the entries behind it, with count 0; the queue goes on.
 */
struct ferry_queue_handle {
	__u32	size;
	__u32	queue;
	__s64	timeout_ns;
};

/* Flags of BUF_ALLOC; BUF_REGISTER and BUF_IMPORT have FERRY_BUF_DEV_RO */
#define FERRY_BUF_WC		0x0001	/* write-combining, where the device is not coherent */
#define FERRY_BUF_DEV_RO	0x0002	/* the device may only read */
#define FERRY_BUF_EXPORT	0x0004	/* BUF_EXPORT can give it to others */

/**
 * struct ferry_buf_alloc - FERRY_IOC_BUF_ALLOC: memory for the device
 * @size: sizeof(struct ferry_buf_alloc)
 * @flags: FERRY_BUF_*
 * @length: bytes, not zero; rounded up to whole pages
 * @buffer: out: handle, the window in FERRY_ADDR()
 * @reserved: must be zero
 * @mmap_offset: out: offset for mmap(2) of this buffer on this file
 *
 * FERRY_BUF_WC is a hint: where the device is coherent with the caches, and so
 * gains nothing from it, the memory is cached as it is without.
 *
 * The memory is zeroed and serves every queue of this file. It is contiguous,
 * so a long buffer may be ENOMEM where several short ones are not. EINVAL:
 * length is 0, or more than 4 GiB, or than the device can address. ENOSPC:
 * max_buffers are in use. A handle that was freed is used again as late as possible.
 *
 * FERRY_BUF_EXPORT: the memory is a dma-buf, of pages that need no device. So it may
 * be in pieces, and longer than 4 GiB, and mappings of it stay when the device goes.
 * EOPNOTSUPP: the device is not coherent with the caches, or has no page lists and
 * needs one. EADDRNOTAVAIL, EFBIG: as for BUF_REGISTER. EINTR: only if the process is
 * being killed.
 */
struct ferry_buf_alloc {
	__u32	size;
	__u32	flags;
	__aligned_u64 length;
	__u32	buffer;
	__u32	reserved;
	__aligned_u64 mmap_offset;
};

/**
 * struct ferry_buf_register - FERRY_IOC_BUF_REGISTER: memory of the caller
 * @size: sizeof(struct ferry_buf_register)
 * @flags: FERRY_BUF_DEV_RO
 * @addr: where it begins, any byte
 * @length: bytes, any number but zero
 * @buffer: out: handle, the window in FERRY_ADDR()
 * @reserved: must be zero
 *
 * The device may touch these bytes, and none around them, until BUF_FREE or the
 * last close. The pages are pinned: the handle stands for those that are there
 * now, whatever becomes of the mapping, and unmapping, mremap() or
 * madvise(MADV_DONTNEED) take none away from the device. After fork() they are the
 * parent's; private ones are copied for the child. The handle serves every queue
 * of this file; it can't be mapped (EINVAL).
 *
 * The memory has to be mapped with write permission, unless FERRY_BUF_DEV_RO says
 * that the device only reads. It may be anonymous, of a memfd, tmpfs or hugetlbfs,
 * or a private mapping of any file.
 *
 * EINVAL: @length is 0, or @addr + @length is beyond all addresses. EFAULT: some
 * of it is not mapped, or lacks the permission; or it can't be pinned: device
 * memory, mappings of BUF_ALLOC, memfd_secret(), and, where the device is to write,
 * shared mappings of files whose file system must know who dirties their pages.
 * ENOMEM: RLIMIT_MEMLOCK (it bounds what all processes of the user have pinned
 * here and elsewhere; CAP_IPC_LOCK lifts it), or out of memory. ENOSPC: max_buffers
 * are in use. EFBIG: too scattered: more than 2^18 pieces of the largest size that
 * all boundaries in it are aligned to, that is 1 GiB of scattered 4 KiB pages, or
 * 2^31 pages in all; huge pages help, and so do several buffers. EADDRNOTAVAIL:
 * the device does not reach some of it without bouncing it through other memory.
 * EOPNOTSUPP: the device is not coherent with the caches, or has no page lists and
 * needs one. BUF_ALLOC serves in the last two cases. EINTR: only if the process is
 * being killed.
 */
struct ferry_buf_register {
	__u32	size;
	__u32	flags;
	__aligned_u64 addr;
	__aligned_u64 length;
	__u32	buffer;
	__u32	reserved;
};

/**
 * struct ferry_buf_import - FERRY_IOC_BUF_IMPORT: memory of a dma-buf
 * @size: sizeof(struct ferry_buf_import)
 * @flags: FERRY_BUF_DEV_RO
 * @fd: the dma-buf; it may be closed afterwards
 * @buffer: out: handle, the window in FERRY_ADDR()
 * @offset: where in the dma-buf the window begins, any byte
 * @length: bytes; 0: to its end. out: bytes
 * @reserved: must be zero
 *
 * The dma-buf is attached and mapped, so pinned, until BUF_FREE or the last close.
 * It is its exporter's: RLIMIT_MEMLOCK counts none of it here. The handle serves every
 * queue of this file; it can't be mapped (EINVAL), but the dma-buf can. Of fences the
 * call waits for those of an exporter that is moving the memory; no others are looked
 * at, and operations have none.
 *
 * EBADF: @fd is not open. EINVAL: it is no dma-buf, or @offset and @length are not
 * within it. EACCES: @fd is not open for reading, or the device is to write, and it
 * is not open for writing. ENOSPC: max_buffers are in use. EADDRNOTAVAIL: the device
 * does not reach some of it without bouncing it through other memory. EFBIG: as for
 * BUF_REGISTER. EOPNOTSUPP: the device is not coherent with the caches, or has no
 * page lists and needs one, or the pieces are no whole pages. Other errnos are the
 * exporter's.
 */
struct ferry_buf_import {
	__u32	size;
	__u32	flags;
	__s32	fd;
	__u32	buffer;
	__aligned_u64 offset;
	__aligned_u64 length;
	__aligned_u64 reserved;
};

/**
 * struct ferry_buf_export - FERRY_IOC_BUF_EXPORT: give a buffer to others
 * @size: sizeof(struct ferry_buf_export)
 * @flags: must be zero
 * @buffer: handle of a buffer of BUF_ALLOC with FERRY_BUF_EXPORT
 * @fd: out: a descriptor of its dma-buf, with O_CLOEXEC; a new one each time
 *
 * Whoever has it can map the dma-buf, and import it into other devices or files. The
 * memory stays when the buffer is freed, the file closed, or the device gone; it is
 * freed with the last descriptor, mapping and attachment. The module stays as long.
 *
 * EINVAL: the buffer is of another kind. EMFILE, ENFILE: too many open files.
 */
struct ferry_buf_export {
	__u32	size;
	__u32	flags;
	__u32	buffer;
	__s32	fd;
};

/**
 * struct ferry_buf_free - FERRY_IOC_BUF_FREE: give a buffer back
 * @size: sizeof(struct ferry_buf_free)
 * @buffer: handle
 *
 * When it returns, the device no longer touches the memory; operations that
 * did complete with FERRY_ERR_WINDOW_REVOKED. Mappings of BUF_ALLOC stay valid until
 * they are unmapped; the memory is freed with the last of them. Registered memory
 * is no longer pinned, and a dma-buf no longer attached.
 *
 * EIO: the device did not let go of the buffer in time, and did not reset
 * either: it may go on using the memory, which the kernel keeps until it can't.
 * The handle is gone, and the queues of this file that used it are dead.
 */
struct ferry_buf_free {
	__u32	size;
	__u32	buffer;
};

/**
 * struct ferry_submit - FERRY_IOC_SUBMIT, FERRY_IOC_WAIT
 * @size: sizeof(struct ferry_submit)
 * @queue: handle
 * @flags: must be zero
 * @nr_sqes: SUBMIT: entries at @sqes; WAIT: must be zero
 * @sqes: user pointer to struct ferry_sqe[@nr_sqes]
 * @cqes: user pointer to struct ferry_cqe[@nr_cqes]
 * @nr_cqes: room at @cqes; 0: reap nothing
 * @min_cqes: wait until so many completions were reaped; at most @nr_cqes
 * @timeout_ns: how long to wait, nanoseconds; 0: do not; negative: no limit
 * @submitted: out: entries taken, from the first on
 * @reaped: out: completions written to @cqes
 * @first: out: index of the first entry taken; its completion has seq @first + 1
 * @reserved: must be zero
 *
 * SUBMIT takes as many entries as there are free slots (a slot is free when
 * its completion has been reaped), rings the doorbell once, then reaps as WAIT
 * does. WAIT reaps what has completed, up to @nr_cqes, and waits
 * while it is less than @min_cqes.
 *
 * Both succeed once anything was submitted or reaped, and say how much.
 * Otherwise: EAGAIN: the queue is full (SUBMIT with @nr_sqes not 0), or nothing
 * had completed and @timeout_ns is 0 while @min_cqes is not; ETIME: @timeout_ns
 * has passed; EINTR; EIO. Of a dead queue, what has completed can still be
 * reaped. EFAULT: if @sqes is bad, nothing was submitted; if @cqes is, what
 * could not be written stays in the queue; if it is this structure that can't be
 * written, entries may have been submitted, and run, and completions reaped,
 * which are in @cqes and in no queue any more.
 */
struct ferry_submit {
	__u32	size;
	__u32	queue;
	__u32	flags;
	__u32	nr_sqes;
	__aligned_u64 sqes;
	__aligned_u64 cqes;
	__u32	nr_cqes;
	__u32	min_cqes;
	__s64	timeout_ns;
	__u32	submitted;
	__u32	reaped;
	__u32	first;
	__u32	reserved;
};

/*
 * Besides: read(2) returns struct ferry_event records of any queue of the file
 * (EINVAL when the buffer is too small for one; blocks unless O_NONBLOCK, then
 * EAGAIN). poll(2): POLLIN when a completion waits, POLLOUT when a queue has a
 * free slot, POLLERR when a queue is dead, POLLHUP when the device is gone. Of a
 * mapped queue only POLLERR, and POLLIN as QUEUE_ARM says. mmap(2) takes the
 * mmap_offset of a buffer, MAP_SHARED, and a length up to the buffer's; or an offset
 * of a mapped queue, while that is not destroyed (ENOENT). The doorbell is 64 KiB
 * long. EACCES: the CQ is not mapped for writing. A child of fork(2) does not get
 * the mappings of a queue.
 */
#define FERRY_IOC_MAGIC		0xfb

#define FERRY_IOC_INFO		_IO(FERRY_IOC_MAGIC, 0x00)
#define FERRY_IOC_QUEUE_CREATE	_IO(FERRY_IOC_MAGIC, 0x01)
#define FERRY_IOC_QUEUE_DESTROY	_IO(FERRY_IOC_MAGIC, 0x02)
#define FERRY_IOC_QUEUE_FLUSH	_IO(FERRY_IOC_MAGIC, 0x03)
#define FERRY_IOC_QUEUE_CANCEL	_IO(FERRY_IOC_MAGIC, 0x04)
#define FERRY_IOC_BUF_ALLOC	_IO(FERRY_IOC_MAGIC, 0x05)
#define FERRY_IOC_BUF_FREE	_IO(FERRY_IOC_MAGIC, 0x06)
#define FERRY_IOC_SUBMIT	_IO(FERRY_IOC_MAGIC, 0x07)
#define FERRY_IOC_WAIT		_IO(FERRY_IOC_MAGIC, 0x08)
#define FERRY_IOC_QUEUE_WAIT	_IO(FERRY_IOC_MAGIC, 0x09)
#define FERRY_IOC_QUEUE_ARM	_IO(FERRY_IOC_MAGIC, 0x0a)
#define FERRY_IOC_BUF_REGISTER	_IO(FERRY_IOC_MAGIC, 0x0b)
#define FERRY_IOC_BUF_IMPORT	_IO(FERRY_IOC_MAGIC, 0x0c)
#define FERRY_IOC_BUF_EXPORT	_IO(FERRY_IOC_MAGIC, 0x0d)

/*
 * /dev/ferryNpK is port K of the device: a stream of bytes in each direction, to
 * and from what is outside. Each direction is one open file's at a time: open(2)
 * for reading takes the one, for writing the other, O_RDWR both; EBUSY: somebody
 * has it, or a queue with FERRY_QUEUE_SEND or _RECV. Mode 3 takes none, for
 * FERRY_PORT_IOC_INFO and QUEUE_CREATE. ENODEV, ENOMEM, EIO.
 *
 * read(2)    waits for the first byte, and returns what is there. 0: the peer has
 *	      closed. It stays so, as with a FIFO, until another peer comes, or
 *	      something from one; who opens the port anew waits for that. Also 0
 *	      after SHUTDOWN. EAGAIN (O_NONBLOCK), EIO: the channel is dead,
 *	      and what it had received has been read; open the port again
 * write(2)   waits for room, and returns when all is with the port, or, on a
 *	      signal, a part. With O_NONBLOCK a part, or EAGAIN. EPIPE (without a
 *	      signal): after SHUTDOWN. EIO: the channel is dead, or a SEND failed
 * fsync(2)   waits until the port has taken what was written: it is in the
 *	      device, or further. EIO, also if FLUSH has dropped it meanwhile.
 *	      EPIPE: after SHUTDOWN. EINVAL: not open for writing
 * poll(2)    POLLIN: read does not wait. POLLOUT: write takes something, in packet
 *	      mode a packet as long as the last that found no room. POLLRDHUP: the
 *	      peer has closed, behind what can be read, and with POLLIN as long as
 *	      read returns 0; also after SHUTDOWN.
 *	      POLLERR: the channel is dead. POLLHUP: the device is gone
 * close(2)   What was not read stays for who opens next. What was written is sent,
 *	      long after the file is gone if need be; who opens next goes on behind it
 * ioctl(2)   FIONREAD: bytes that read can have now, before the end of file; in
 *	      packet mode those of the next packet. TIOCOUTQ: bytes that were
 *	      written, also before this open, and that the port has not taken yet
 *
 * readv, writev, splice, sendfile to a port, O_ASYNC (SIGIO) and RWF_NOWAIT work.
 * Calls that a signal interrupts before anything was done are restarted with
 * SA_RESTART, as with a pipe.
 *
 * In packet mode (FERRY_PORT_IOC_MODE) a write is a packet, and a read returns
 * one, when all of it is there: as much as there is room for; the rest is
 * dropped, as by recv(2) (last_packet tells how long it was, and FIONREAD how
 * long the next one is). 0 may be an empty packet, too: FERRY_PORT_EOF tells, or
 * POLLRDHUP before. A packet that does not fit into the port's buffers
 * (max_packet): EMSGSIZE for the writer; to the reader it comes cut. A packet that
 * the peer has not finished when it closed is dropped, and what the read that
 * returned 0 for it has left in the reader's memory is undefined.
 *
 * A packet is whatever was sent up to its end. What is written in byte mode ends
 * none: where the port has packets (FERRY_PORT_PACKETS) it is the beginning of the
 * next one that anybody writes in packet mode.
 */

/* Flags of struct ferry_port_info */
#define FERRY_PORT_CONNECTED	0x0001	/* there is a peer */
#define FERRY_PORT_LOOPBACK	0x0002	/* what is written is read */
#define FERRY_PORT_PACKETS	0x0004	/* ends of packet reach the peer */
#define FERRY_PORT_READER	0x0100	/* this file has the receiving direction */
#define FERRY_PORT_WRITER	0x0200	/* and the sending one */
#define FERRY_PORT_EOF		0x0400	/* its last read was the end of file */

/* mode of FERRY_PORT_IOC_MODE */
#define FERRY_PORT_MODE_PACKET	0x0001	/* a read or write is one packet */

/* Directions */
#define FERRY_PORT_RX		0x0001
#define FERRY_PORT_TX		0x0002

/**
 * struct ferry_port_info - FERRY_PORT_IOC_INFO: what the port is and does
 * @size: sizeof(struct ferry_port_info)
 * @flags: FERRY_PORT_*
 * @mode: FERRY_PORT_MODE_*
 * @port: number of the port
 * @rx_channel: number of the channel that receives
 * @tx_channel: number of the channel that sends
 * @buffer_size: bytes in a buffer
 * @entries: buffers that wait for what comes; as many can be waiting to be sent
 * @max_packet: longest packet that can be sent; at least so much can be received, if
 *	the mode was set before it came
 * @last_packet: length of the last packet read, before it was cut
 * @readable: as FIONREAD
 * @queued: as TIOCOUTQ
 */
struct ferry_port_info {
	__u32	size;
	__u32	flags;
	__u32	mode;
	__u32	port;
	__u32	rx_channel;
	__u32	tx_channel;
	__u32	buffer_size;
	__u32	entries;
	__u32	max_packet;
	__u32	last_packet;
	__u32	readable;
	__u32	queued;
};

/**
 * struct ferry_port_control - FERRY_PORT_IOC_MODE, _SHUTDOWN, _FLUSH
 * @size: sizeof(struct ferry_port_control)
 * @flags: MODE: FERRY_PORT_MODE_*; others: directions, FERRY_PORT_RX and _TX
 *
 * MODE sets the mode of the directions that this file has; EOPNOTSUPP: packets on
 * a port that has none (FERRY_PORT_PACKETS). To be called before anything is
 * read; what is left of a packet then counts as one. The mode goes with the file.
 *
 * SHUTDOWN gives directions back, as close(2) would, and somebody else may open
 * them: read returns 0 from then on, write EPIPE. The peer is not told.
 *
 * FLUSH drops what was received and not read, or written and not passed on, in
 * the driver and in the device; in loopback, what is in the device either way.
 * What was received takes the end of file along.
 *
 * EPIPE: the file does not have (all of) these directions. EINVAL: none.
 */
struct ferry_port_control {
	__u32	size;
	__u32	flags;
};

#define FERRY_PORT_IOC_INFO	_IO(FERRY_IOC_MAGIC, 0x20)
#define FERRY_PORT_IOC_MODE	_IO(FERRY_IOC_MAGIC, 0x21)
#define FERRY_PORT_IOC_SHUTDOWN	_IO(FERRY_IOC_MAGIC, 0x22)
#define FERRY_PORT_IOC_FLUSH	_IO(FERRY_IOC_MAGIC, 0x23)

#endif /* _UAPI_LINUX_FERRY_H */
