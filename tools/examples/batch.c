// SPDX-License-Identifier: MIT
/* Copies memory of its own in one batch: no system call, no interrupt for an operation. */
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <libferry-ring.h>

enum { PIECES = 32, PIECE = 16384, BYTES = PIECES * PIECE };

int main(void)
{
	static char from[BYTES], to[BYTES];
	struct ferry_buf *source, *target;
	struct ferry_ring *ring;
	struct ferry_sqe *sqe;
	unsigned int i, status;
	struct ferry *dev;
	int err;

	err = ferry_open(NULL, &dev) ?: ferry_ring_open(dev, PIECES, 0, &ring);
	if (err)
		errx(1, "no device with a queue to map: %s", strerror(-err));
	for (i = 0; i < BYTES; i++)
		from[i] = (char)(i * 31 + (i >> 8));
	err = ferry_buf_register(dev, from, BYTES, FERRY_BUF_DEV_RO, &source) ?:
	      ferry_buf_register(dev, to, BYTES, 0, &target);
	if (err)
		errx(1, "cannot register memory: %s", strerror(-err));
	for (i = 0; i < PIECES && (sqe = ferry_ring_get_sqe(ring)); i++)
		ferry_prep_copy(sqe, ferry_buf_ref(target, i * PIECE),
				ferry_buf_ref(source, i * PIECE), PIECE);
	ferry_ring_submit(ring);
	err = ferry_ring_wait(ring, PIECES, -1);
	if (err)
		errx(1, "cannot wait: %s", strerror(-err));
	for (i = 0; i < PIECES; i++) {
		status = ferry_cqe_status(ferry_ring_cqe(ring, i));
		if (status != FERRY_OK)
			errx(1, "piece %u: %s", i, ferry_status_string(status));
	}
	ferry_ring_seen(ring, PIECES);
	printf("%d bytes, %s\n", BYTES, memcmp(from, to, BYTES) ? "different" : "equal");
	ferry_close(dev);	/* and with it everything else */
}
