/*
 * Ferry DMA controller: CRC-32C
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Values are as the datasheet has them: zero for no bytes, and 0xe3069283 for
 * "123456789". ISA-L and QEMU's own function take the inverse of that, and
 * ISA-L gives the inverse, too.
 */

#include "qemu/osdep.h"
#ifdef CONFIG_ISAL
#include <isa-l/crc.h>
#else
#include "qemu/crc32c.h"
#endif
#include "ferry-crc32c.h"

#define FERRY_CRC32C_POLY       0x82f63b78u

/* The CRC of what had @crc, followed by @buf */
uint32_t ferry_crc32c(uint32_t crc, const void *buf, uint32_t len)
{
#ifdef CONFIG_ISAL
    return ~crc32_iscsi((unsigned char *)buf, len, ~crc);
#else
    return crc32c(~crc, buf, len);
#endif
}

/* a * b modulo the polynomial; bit 31 is the coefficient of x^0 */
static uint32_t ferry_crc32c_multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;

    for (; a; a <<= 1) {
        if (a & 0x80000000u) {
            product ^= b;
        }
        b = (b >> 1) ^ (b & 1 ? FERRY_CRC32C_POLY : 0);
    }
    return product;
}

/* The CRC of what had @a, followed by @b_len bytes that by themselves had @b */
uint32_t ferry_crc32c_combine(uint32_t a, uint32_t b, uint32_t b_len)
{
    uint32_t power = 0x00800000u;       /* x^8: one byte */

    for (; b_len; b_len >>= 1) {
        if (b_len & 1) {
            a = ferry_crc32c_multiply(a, power);
        }
        power = ferry_crc32c_multiply(power, power);
    }
    return a ^ b;
}
