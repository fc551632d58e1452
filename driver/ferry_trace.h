/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace events: what a channel was given, what it gave back, and its troubles.
 * Each carries the device and channel, and sequence numbers where there are
 * any: the entry with index i of a submit has seq i + 1 in its complete.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ferry

#if !defined(FERRY_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define FERRY_TRACE_H

#include <linux/tracepoint.h>

#include "ferry.h"

DECLARE_EVENT_CLASS(ferry_run,
	TP_PROTO(const struct ferry_chan *chan, u32 first, u32 count),
	TP_ARGS(chan, first, count),
	TP_STRUCT__entry(
		__field(int, dev)
		__field(u32, chan)
		__field(u32, seq)
		__field(u32, count)
	),
	TP_fast_assign(
		__entry->dev = chan->fdev->id;
		__entry->chan = chan->nr;
		__entry->seq = first + 1;
		__entry->count = count;
	),
	TP_printk("ferry%d channel=%u seq=%u count=%u",
		  __entry->dev, __entry->chan, __entry->seq, __entry->count)
);

DEFINE_EVENT(ferry_run, ferry_submit,
	TP_PROTO(const struct ferry_chan *chan, u32 first, u32 count),
	TP_ARGS(chan, first, count)
);

DEFINE_EVENT(ferry_run, ferry_complete,
	TP_PROTO(const struct ferry_chan *chan, u32 first, u32 count),
	TP_ARGS(chan, first, count)
);

TRACE_EVENT(ferry_irq,
	TP_PROTO(const struct ferry_chan *chan, u32 status),
	TP_ARGS(chan, status),
	TP_STRUCT__entry(
		__field(int, dev)
		__field(u32, chan)
		__field(u32, status)
		__field(u32, seq)
	),
	TP_fast_assign(
		__entry->dev = chan->fdev->id;
		__entry->chan = chan->nr;
		__entry->status = status;
		__entry->seq = chan->armed_index;
	),
	TP_printk("ferry%d channel=%u status=%s%s armed_seq=%u",
		  __entry->dev, __entry->chan,
		  __entry->status & FERRY_CHAN_IRQ_CQ ? "C" : "-",
		  __entry->status & FERRY_CHAN_IRQ_ERROR ? "E" : "-", __entry->seq)
);

TRACE_EVENT(ferry_window,
	TP_PROTO(const struct ferry_wintab *tab, u32 row, u64 base, u64 size, u32 flags,
		 const char *what),
	TP_ARGS(tab, row, base, size, flags, what),
	TP_STRUCT__entry(
		__field(u64, table)
		__field(u64, base)
		__field(u64, size)
		__field(u32, row)
		__field(u32, flags)
		__string(what, what)
	),
	TP_fast_assign(
		__entry->table = tab->dma;
		__entry->base = base;
		__entry->size = size;
		__entry->row = row;
		__entry->flags = flags;
		__assign_str(what);
	),
	TP_printk("table=%#llx row=%u %s base=%#llx size=%#llx %s%s",
		  __entry->table, __entry->row, __get_str(what), __entry->base, __entry->size,
		  __entry->flags & FERRY_ROW_FLAGS_READ ? "R" : "-",
		  __entry->flags & FERRY_ROW_FLAGS_WRITE ? "W" : "-")
);

TRACE_EVENT(ferry_reset,
	TP_PROTO(const struct ferry_chan *chan, int err),
	TP_ARGS(chan, err),
	TP_STRUCT__entry(
		__field(int, dev)
		__field(u32, chan)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->dev = chan->fdev->id;
		__entry->chan = chan->nr;
		__entry->err = err;
	),
	TP_printk("ferry%d channel=%u err=%d", __entry->dev, __entry->chan, __entry->err)
);

TRACE_EVENT(ferry_halt,
	TP_PROTO(const struct ferry_chan *chan, const struct ferry_error *error),
	TP_ARGS(chan, error),
	TP_STRUCT__entry(
		__field(int, dev)
		__field(u32, chan)
		__field(u32, code)
		__field(u32, index)
		__field(u64, addr)
	),
	TP_fast_assign(
		__entry->dev = chan->fdev->id;
		__entry->chan = chan->nr;
		__entry->code = error->code;
		__entry->index = error->index;
		__entry->addr = error->addr;
	),
	TP_printk("ferry%d channel=%u code=%u seq=%u addr=%#llx",
		  __entry->dev, __entry->chan, __entry->code, __entry->index + 1, __entry->addr)
);

#endif /* FERRY_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE ferry_trace
#include <trace/define_trace.h>
