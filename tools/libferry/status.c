// SPDX-License-Identifier: MIT
/* libferry: names of operations and statuses. */
#include "internal.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static const char * const op_names[] = {
	[FERRY_OP_NOP]		= "NOP",
	[FERRY_OP_COPY]		= "COPY",
	[FERRY_OP_FILL]		= "FILL",
	[FERRY_OP_CRC32C]	= "CRC32C",
	[FERRY_OP_COPY_CRC32C]	= "COPY_CRC32C",
	[FERRY_OP_COMPARE]	= "COMPARE",
	[FERRY_OP_SEND]		= "SEND",
	[FERRY_OP_RECV]		= "RECV",
};

static const struct {
	const char *name;
	const char *string;
} statuses[] = {
	[FERRY_OK] = { "OK", "success" },
	[FERRY_ERR_BAD_OP] = { "BAD_OP",
		"the device does not have this operation" },
	[FERRY_ERR_BAD_FIELD] = { "BAD_FIELD",
		"a reserved flag or field is not zero" },
	[FERRY_ERR_BAD_LEN] = { "BAD_LEN",
		"the length is more than the device's limit" },
	[FERRY_ERR_BAD_WINDOW] = { "BAD_WINDOW",
		"there is no window of this number" },
	[FERRY_ERR_WINDOW_REVOKED] = { "WINDOW_REVOKED",
		"the buffer is not, or no longer, the device's to use" },
	[FERRY_ERR_WINDOW_MALFORMED] = { "WINDOW_MALFORMED",
		"the window's description breaks its rules" },
	[FERRY_ERR_WINDOW_PERM] = { "WINDOW_PERM",
		"the window does not permit this access" },
	[FERRY_ERR_WINDOW_BOUNDS] = { "WINDOW_BOUNDS",
		"the range goes past the window's end" },
	[FERRY_ERR_DMA_ABORT] = { "DMA_ABORT",
		"the bus refused an access" },
	[FERRY_ERR_CANCELLED] = { "CANCELLED", "cancelled" },
	[FERRY_ERR_BAD_CONFIG] = { "BAD_CONFIG",
		"the channel's configuration was refused" },
	[FERRY_ERR_BAD_TAIL] = { "BAD_TAIL",
		"the doorbell's index is out of range" },
	[FERRY_ERR_SQ_FETCH] = { "SQ_FETCH",
		"the submission queue could not be read" },
	[FERRY_ERR_CQ_WRITE] = { "CQ_WRITE",
		"the completion queue could not be written" },
};

const char *ferry_op_name(unsigned int op)
{
	return op < ARRAY_SIZE(op_names) ? op_names[op] : NULL;
}

const char *ferry_status_name(unsigned int status)
{
	if (status >= ARRAY_SIZE(statuses) || !statuses[status].name)
		return "UNKNOWN";
	return statuses[status].name;
}

const char *ferry_status_string(unsigned int status)
{
	if (status >= ARRAY_SIZE(statuses) || !statuses[status].string)
		return "a status that this library does not know";
	return statuses[status].string;
}
