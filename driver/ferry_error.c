// SPDX-License-Identifier: GPL-2.0-only
/*
 * A channel's error registers: names and decoding.
 */
#include <kunit/visibility.h>
#include <linux/array_size.h>
#include <linux/bitfield.h>

#include "ferry.h"

static const char * const ferry_error_names[] = {
	[FERRY_OK]			= "OK",
	[FERRY_ERR_BAD_OP]		= "BAD_OP",
	[FERRY_ERR_BAD_FIELD]		= "BAD_FIELD",
	[FERRY_ERR_BAD_LEN]		= "BAD_LEN",
	[FERRY_ERR_BAD_WINDOW]		= "BAD_WINDOW",
	[FERRY_ERR_WINDOW_REVOKED]	= "WINDOW_REVOKED",
	[FERRY_ERR_WINDOW_MALFORMED]	= "WINDOW_MALFORMED",
	[FERRY_ERR_WINDOW_PERM]		= "WINDOW_PERM",
	[FERRY_ERR_WINDOW_BOUNDS]	= "WINDOW_BOUNDS",
	[FERRY_ERR_DMA_ABORT]		= "DMA_ABORT",
	[FERRY_ERR_CANCELLED]		= "CANCELLED",
	[FERRY_ERR_BAD_CONFIG]		= "BAD_CONFIG",
	[FERRY_ERR_BAD_TAIL]		= "BAD_TAIL",
	[FERRY_ERR_SQ_FETCH]		= "SQ_FETCH",
	[FERRY_ERR_CQ_WRITE]		= "CQ_WRITE",
};

/**
 * ferry_error_name() - name of an error code
 * @code: any number
 *
 * Return: the name of hardware.rst, "UNKNOWN" if it has none. Any context.
 */
const char *ferry_error_name(u32 code)
{
	if (code >= ARRAY_SIZE(ferry_error_names) || !ferry_error_names[code])
		return "UNKNOWN";
	return ferry_error_names[code];
}
EXPORT_SYMBOL_IF_KUNIT(ferry_error_name);

/**
 * ferry_error_decode() - take a channel's error registers apart
 * @error: out
 * @status: ERR_STATUS
 * @index: ERR_INDEX
 * @lo: ERR_ADDR_LO
 * @hi: ERR_ADDR_HI
 *
 * Any context.
 */
void ferry_error_decode(struct ferry_error *error, u32 status, u32 index, u32 lo, u32 hi)
{
	*error = (struct ferry_error){};
	if (!(status & FERRY_CHAN_ERR_STATUS_VALID))
		return;
	error->code = FIELD_GET(FERRY_CHAN_ERR_STATUS_CODE, status);
	error->halt = status & FERRY_CHAN_ERR_STATUS_HALT;
	error->index = index;
	error->addr = (u64)hi << 32 | lo;
}
EXPORT_SYMBOL_IF_KUNIT(ferry_error_decode);

/**
 * ferry_error_read() - what a channel has latched
 * @chan: channel; the device is powered
 * @error: out
 *
 * Any context. The four registers are no snapshot unless the channel is halted.
 */
void ferry_error_read(struct ferry_chan *chan, struct ferry_error *error)
{
	ferry_error_decode(error, readl(chan->regs + FERRY_CHAN_ERR_STATUS),
			   readl(chan->regs + FERRY_CHAN_ERR_INDEX),
			   readl(chan->regs + FERRY_CHAN_ERR_ADDR_LO),
			   readl(chan->regs + FERRY_CHAN_ERR_ADDR_HI));
}
