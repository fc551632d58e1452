// SPDX-License-Identifier: GPL-2.0-only
/*
 * bulk PATH BYTES host|guest: so many bytes each way at the same time, all checked.
 *
 * Runs on both ends of a port, whose end PATH is: the node in the guest, the
 * socket on the host. The data are pseudo-random and never the same again, each
 * end knows what the other one sends, and reads and writes are of random sizes.
 * Each end prints a hash of what it sent and of what it received.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST	(256 << 10)		/* bytes of a read or write */

static const char *who;

static void fail(const char *what)
{
	fprintf(stderr, "bulk: %s: %s: %s\n", who, what, strerror(errno));
	_exit(1);
}

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* From 1 to MOST, and small ones as often as large ones. */
static size_t random_size(uint64_t *state)
{
	size_t order = next(state) >> 32;

	return 1 + (next(state) >> 32) % (1U << order % 19);
}

/* A stream of data: how far it got, and the words of it that are not used up. */
struct data {
	uint64_t state;
	uint64_t hash;
	size_t used;			/* of @words, in bytes */
	uint64_t words[MOST / 8];
};

static void data_init(struct data *data, uint64_t seed)
{
	data->state = seed;
	data->hash = seed;
	data->used = sizeof(data->words);
}

/* The next bytes, at most @len of them. */
static const void *data_next(struct data *data, size_t *len)
{
	const char *bytes;

	if (data->used == sizeof(data->words)) {
		for (size_t i = 0; i < MOST / 8; i++) {
			data->words[i] = next(&data->state);
			data->hash = (data->hash ^ data->words[i]) * 0x9e3779b97f4a7c15;
		}
		data->used = 0;
	}
	bytes = (const char *)data->words + data->used;
	if (*len > sizeof(data->words) - data->used)
		*len = sizeof(data->words) - data->used;
	data->used += *len;
	return bytes;
}

static void send_all(int fd, uint64_t bytes, uint64_t seed)
{
	static struct data data;
	uint64_t sizes = seed * 3, left = bytes;

	data_init(&data, seed);
	while (left) {
		size_t len = random_size(&sizes);
		const char *from;

		if (len > left)
			len = left;
		from = data_next(&data, &len);
		left -= len;
		while (len) {
			ssize_t n = write(fd, from, len);

			if (n < 0 && errno != EINTR)
				fail("write");
			if (n > 0) {
				from += n;
				len -= n;
			}
		}
	}
	printf("%s sent %" PRIu64 " bytes, hash %016" PRIx64 "\n", who, bytes, data.hash);
}

static void receive_all(int fd, uint64_t bytes, uint64_t seed)
{
	static char buffer[MOST];
	static struct data data;
	uint64_t sizes = seed * 5, left = bytes;

	data_init(&data, seed);
	while (left) {
		size_t room = random_size(&sizes);
		char *at = buffer;
		ssize_t n;

		n = read(fd, buffer, room < left ? room : left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			fail("read");
		if (!n) {
			fprintf(stderr, "bulk: %s: end of file, %" PRIu64 " of %" PRIu64 " bytes early\n",
				who, left, bytes);
			_exit(1);
		}
		left -= n;
		while (n) {
			size_t len = n;
			const void *expected = data_next(&data, &len);

			if (memcmp(at, expected, len)) {
				fprintf(stderr, "bulk: %s: wrong data in the %zd bytes before byte %" PRIu64 "\n",
					who, n, bytes - left);
				_exit(1);
			}
			at += len;
			n -= len;
		}
	}
	printf("%s received %" PRIu64 " bytes, hash %016" PRIx64 "\n", who, bytes, data.hash);
}

static int open_end(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat st;
	int fd;

	if (stat(path, &st) < 0 || !S_ISSOCK(st.st_mode)) {
		fd = open(path, O_RDWR);
	} else {
		strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
			fail(path);
	}
	if (fd < 0)
		fail(path);
	return fd;
}

int main(int argc, char **argv)
{
	static const uint64_t seeds[] = { 0x0123456789abcdef, 0xfedcba9876543210 };
	uint64_t bytes;
	bool guest;
	int fd, status = 0;
	pid_t sender;

	if (argc != 4) {
		fprintf(stderr, "usage: bulk PATH BYTES host|guest\n");
		return 2;
	}
	who = argv[3];
	guest = !strcmp(who, "guest");
	bytes = strtoull(argv[2], NULL, 0);
	fd = open_end(argv[1]);
	sender = fork();
	if (sender < 0)
		fail("fork");
	if (!sender) {
		send_all(fd, bytes, seeds[guest]);
		return 0;
	}
	receive_all(fd, bytes, seeds[!guest]);
	if (waitpid(sender, &status, 0) != sender)
		fail("wait");
	/* What this end has to say is said before the other one finds it closed. */
	return status != 0;
}
