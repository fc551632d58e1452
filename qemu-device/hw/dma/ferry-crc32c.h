/*
 * Ferry DMA controller: CRC-32C
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_DMA_FERRY_CRC32C_H
#define HW_DMA_FERRY_CRC32C_H

uint32_t ferry_crc32c(uint32_t crc, const void *buf, uint32_t len);
uint32_t ferry_crc32c_combine(uint32_t a, uint32_t b, uint32_t b_len);

#endif
