/*
 * Ferry DMA controller: the registers of a port
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * With the BQL, but not with the lock: a flush needs the engine at rest.
 */

#include "qemu/osdep.h"
#include "qemu/log.h"
#include "ferry-internal.h"

static uint32_t ferry_port_status(FerryPort *p)
{
    return p->fixed |
           (qatomic_read(&p->connected) ? FERRY_PORT_STATUS_CONNECTED : 0) |
           (qatomic_read(&p->rx_hup) ? FERRY_PORT_STATUS_HUP : 0);
}

bool ferry_port_read(FerryPort *p, uint32_t reg, uint32_t *value)
{
    switch (reg) {
    case FERRY_PORT_CMD:
        *value = 0;
        return true;
    case FERRY_PORT_STATUS:
        *value = ferry_port_status(p);
        return true;
    case FERRY_PORT_CHANNELS:
        *value = ferry_put(p->tx_chan->index, FERRY_PORT_CHANNELS_TX) |
                 ferry_put(p->rx_chan->index, FERRY_PORT_CHANNELS_RX);
        return true;
    case FERRY_PORT_IDLE:
        *value = p->idle;
        return true;
    case FERRY_PORT_TX_LEVEL:
        *value = ferry_fifo_used(&p->tx);
        return true;
    case FERRY_PORT_RX_LEVEL:
        *value = ferry_fifo_used(&p->rx);
        return true;
    case FERRY_PORT_TX_BYTES_LO:
        *value = ferry_half(qatomic_read_u64(&p->tx_bytes), false);
        return true;
    case FERRY_PORT_TX_BYTES_HI:
        *value = ferry_half(qatomic_read_u64(&p->tx_bytes), true);
        return true;
    case FERRY_PORT_RX_BYTES_LO:
        *value = ferry_half(qatomic_read_u64(&p->rx_bytes), false);
        return true;
    case FERRY_PORT_RX_BYTES_HI:
        *value = ferry_half(qatomic_read_u64(&p->rx_bytes), true);
        return true;
    case FERRY_PORT_TX_PACKETS:
        *value = qatomic_read(&p->tx_packets);
        return true;
    case FERRY_PORT_RX_PACKETS:
        *value = qatomic_read(&p->rx_packets);
        return true;
    case FERRY_PORT_HANGUPS:
        *value = qatomic_read(&p->hangups);
        return true;
    case FERRY_PORT_TX_DROPPED:
        *value = qatomic_read(&p->tx_dropped);
        return true;
    default:
        return false;
    }
}

void ferry_port_write(FerryPort *p, uint32_t reg, uint32_t value)
{
    FerryState *s = p->ferry;

    switch (reg) {
    case FERRY_PORT_CMD:
        ferry_iothread_pause(s);
        ferry_port_flush(p, value & FERRY_PORT_CMD_FLUSH_TX,
                         value & FERRY_PORT_CMD_FLUSH_RX);
        ferry_iothread_unpause(s);
        break;
    case FERRY_PORT_IDLE:
        qatomic_set(&p->idle, value & (FERRY_PORT_IDLE_TIME_US |
                                       FERRY_PORT_IDLE_NEVER));
        qatomic_set(&p->idle_changed, true);
        break;
    }
}
