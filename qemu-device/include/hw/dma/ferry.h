/*
 * Ferry DMA controller
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A DMA controller whose channels can be given to untrusting owners: each has
 * a submission and a completion queue in memory, a doorbell page of its own
 * and a table of the memory windows that it may name. The datasheet is
 * Documentation/ferry/hardware.rst in the driver's sources; the model is
 * described in docs/specs/ferry.rst.
 *
 * QEMU interface:
 *  + sysbus MMIO region 0: "ctrl", 64 KiB, the privileged registers
 *  + sysbus MMIO region 1: "doorbell", 64 KiB for each channel
 *  + sysbus IRQs 0 to num-irqs - 1: channel c uses line c % num-irqs
 *  + QOM property "channels": number of channels, 1 to 64
 *  + QOM property "ports": number of ports, 0 to 32; each takes two channels
 *  + QOM properties "port0" to "port31": the character device behind a port;
 *    one without is in loopback
 *  + QOM properties "framing0" to "framing31": how packets are carried on it,
 *    "none" or "len32"
 *  + QOM property "num-irqs": number of interrupt lines, 1 to 32; 0, the
 *    default, is one for each channel but at most 16
 *  + QOM property "addr-width": bits of a bus address, 32 to 64
 *  + QOM properties "min-ring-order", "max-ring-order": log2 of the least and
 *    the greatest ring size, 1 to 16
 *  + QOM property "windows": most rows of a window table, 1 to 65536
 *  + QOM property "latency-ns": virtual time from the doorbell of an idle
 *    channel to its first quantum
 *  + QOM property "bandwidth": bytes per second of virtual time, 0 is
 *    unlimited
 *  + QOM property "iothread": run the engine in this IOThread, in host time
 *  + QOM property "x-fault": faults to inject, see hw/dma/ferry-fault.c
 *
 * DMA goes to the system's memory.
 */

#ifndef HW_DMA_FERRY_H
#define HW_DMA_FERRY_H

#include "qom/object.h"

#define TYPE_FERRY "ferry"
OBJECT_DECLARE_SIMPLE_TYPE(FerryState, FERRY)

#endif
