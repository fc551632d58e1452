// SPDX-License-Identifier: GPL-2.0-only
/* crc32c FILE: the CRC-32C of a file, computed on the host, as 0x and eight digits. */
#include <stdio.h>
#include <stdlib.h>

#include "libferry.h"

int main(int argc, char **argv)
{
	static unsigned char block[1 << 20];
	FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
	uint32_t crc = 0;
	size_t n;

	if (!file) {
		perror(argc == 2 ? argv[1] : "usage: crc32c FILE");
		return EXIT_FAILURE;
	}
	while ((n = fread(block, 1, sizeof(block), file)) > 0)
		crc = ferry_crc32c(crc, block, n);
	if (ferror(file)) {
		perror(argv[1]);
		return EXIT_FAILURE;
	}
	printf("0x%08x\n", crc);
	return EXIT_SUCCESS;
}
