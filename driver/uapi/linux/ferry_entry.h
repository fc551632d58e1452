/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * Ferry DMA controller: queue entries.
 *
 * Constants only, shared by user space, the driver, the QEMU model and the
 * tests; Documentation/ferry/hardware.rst gives each its meaning.
 */
#ifndef _UAPI_LINUX_FERRY_ENTRY_H
#define _UAPI_LINUX_FERRY_ENTRY_H

/* Operations: the op of a submission entry, and bit numbers of CAP_OPS */
#define FERRY_OP_NOP			0
#define FERRY_OP_COPY			1
#define FERRY_OP_FILL			2
#define FERRY_OP_CRC32C			3
#define FERRY_OP_COPY_CRC32C		4
#define FERRY_OP_COMPARE		5
#define FERRY_OP_SEND			6
#define FERRY_OP_RECV			7

/* Sizes of the entries and offsets of their fields */
#define FERRY_SQE_SIZE			32
#define FERRY_SQE_OP			0
#define FERRY_SQE_FLAGS			1
#define FERRY_SQE_RESERVED		2
#define FERRY_SQE_LEN			4
#define FERRY_SQE_SRC			8
#define FERRY_SQE_DST			16
#define FERRY_SQE_ARG			24

/* Flags of a submission entry */
#define FERRY_SQE_EOP			0x01	/* SEND */

#define FERRY_CQE_SIZE			16
#define FERRY_CQE_RESULT		0
#define FERRY_CQE_LEN			4
#define FERRY_CQE_STATUS		8
#define FERRY_CQE_FLAGS			10
#define FERRY_CQE_SEQ			12

/* Flags of a completion entry */
#define FERRY_CQE_MISMATCH		0x0001
#define FERRY_CQE_EOP			0x0002
#define FERRY_CQE_IDLE			0x0004
#define FERRY_CQE_HUP			0x0008

/* Addresses: window in the upper 16 bits, offset in the lower 48 */
#define FERRY_ADDR_WINDOW_SHIFT		48

/* Status of a completion entry and code of a channel's ERR_STATUS */
#define FERRY_OK			0
#define FERRY_ERR_BAD_OP		1
#define FERRY_ERR_BAD_FIELD		2
#define FERRY_ERR_BAD_LEN		3
#define FERRY_ERR_BAD_WINDOW		4
#define FERRY_ERR_WINDOW_REVOKED	5
#define FERRY_ERR_WINDOW_MALFORMED	6
#define FERRY_ERR_WINDOW_PERM		7
#define FERRY_ERR_WINDOW_BOUNDS		8
#define FERRY_ERR_DMA_ABORT		9
#define FERRY_ERR_CANCELLED		10
/* These halt the channel and never stand in a completion */
#define FERRY_ERR_BAD_CONFIG		16
#define FERRY_ERR_BAD_TAIL		17
#define FERRY_ERR_SQ_FETCH		18
#define FERRY_ERR_CQ_WRITE		19

#endif /* _UAPI_LINUX_FERRY_ENTRY_H */
