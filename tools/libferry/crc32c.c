// SPDX-License-Identifier: MIT
/*
 * libferry: CRC-32C on the CPU, what the device's results are checked against.
 *
 * The reflected Castagnoli polynomial, initial value and final XOR all ones.
 * Processors that have instructions for it use them, others eight tables
 * ("slicing by eight").
 */
#include <pthread.h>

#include "internal.h"

#define POLY	0x82f63b78U

static uint32_t tables[8][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void tables_init(void)
{
	unsigned int i, j;
	uint32_t crc;

	for (i = 0; i < 256; i++) {
		crc = i;
		for (j = 0; j < 8; j++)
			crc = crc & 1 ? crc >> 1 ^ POLY : crc >> 1;
		tables[0][i] = crc;
	}
	for (i = 0; i < 256; i++)
		for (j = 1; j < 8; j++)
			tables[j][i] = tables[j - 1][i] >> 8 ^
				       tables[0][tables[j - 1][i] & 0xff];
}

static uint64_t load_le64(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return le64toh(word);
}

uint32_t ferry_crc32c_table(uint32_t crc, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t word;

	pthread_once(&tables_once, tables_init);
	crc = ~crc;
	for (; len >= 8; p += 8, len -= 8) {
		word = load_le64(p) ^ crc;
		crc = tables[7][word & 0xff] ^
		      tables[6][word >> 8 & 0xff] ^
		      tables[5][word >> 16 & 0xff] ^
		      tables[4][word >> 24 & 0xff] ^
		      tables[3][word >> 32 & 0xff] ^
		      tables[2][word >> 40 & 0xff] ^
		      tables[1][word >> 48 & 0xff] ^
		      tables[0][word >> 56];
	}
	for (; len; len--)
		crc = crc >> 8 ^ tables[0][(crc ^ *p++) & 0xff];
	return ~crc;
}

/* How this processor's instructions are asked for, and what they are called. */
#if defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#define CPU_TARGET	__attribute__((target("+crc")))
#define cpu_has_crc()	(getauxval(AT_HWCAP) & HWCAP_CRC32)
#define cpu_crc64	__crc32cd
#define cpu_crc8	__crc32cb
#elif defined(__x86_64__)
#include <nmmintrin.h>
#define CPU_TARGET	__attribute__((target("sse4.2")))
#define cpu_has_crc()	__builtin_cpu_supports("sse4.2")
#define cpu_crc64	(uint32_t)_mm_crc32_u64
#define cpu_crc8	_mm_crc32_u8
#endif

#ifdef CPU_TARGET
CPU_TARGET static uint32_t crc32c_cpu(uint32_t crc, const uint8_t *p, size_t len)
{
	crc = ~crc;
	for (; len >= 8; p += 8, len -= 8)
		crc = cpu_crc64(crc, load_le64(p));
	for (; len; len--)
		crc = cpu_crc8(crc, *p++);
	return ~crc;
}

int ferry_crc32c_cpu(uint32_t *crc, const void *data, size_t len)
{
	if (!cpu_has_crc())
		return 0;
	*crc = crc32c_cpu(*crc, data, len);
	return 1;
}
#else
int ferry_crc32c_cpu(uint32_t *crc, const void *data, size_t len)
{
	return 0;
}
#endif

uint32_t ferry_crc32c(uint32_t crc, const void *data, size_t len)
{
	if (ferry_crc32c_cpu(&crc, data, len))
		return crc;
	return ferry_crc32c_table(crc, data, len);
}

/* Product of two reflected polynomials modulo the CRC's; bit 31 is x^0. */
static uint32_t poly_mul(uint32_t a, uint32_t b)
{
	uint32_t product = 0;

	for (; a; a <<= 1) {
		if (a & 1U << 31)
			product ^= b;
		b = b & 1 ? b >> 1 ^ POLY : b >> 1;
	}
	return product;
}

uint32_t ferry_crc32c_combine(uint32_t crc1, uint32_t crc2, uint64_t len2)
{
	uint32_t power = 1U << 23;	/* x^8: one byte */

	/* A CRC moves up by len2 bytes when it is multiplied by x^(8 * len2). */
	for (; len2; len2 >>= 1) {
		if (len2 & 1)
			crc1 = poly_mul(power, crc1);
		power = poly_mul(power, power);
	}
	return crc1 ^ crc2;
}
