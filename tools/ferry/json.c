// SPDX-License-Identifier: GPL-2.0-only
/* ferry: JSON on standard output. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json.h"

static bool need_comma;

static void begin(const char *name)
{
	if (need_comma)
		putchar(',');
	need_comma = true;
	if (name)
		printf("\"%s\":", name);
}

/* Bytes of the UTF-8 character at @s, or 0 if there is none. */
static size_t utf8_len(const unsigned char *s)
{
	size_t len, i;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	for (i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, and what is beyond the last code point */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

void json_open(const char *name, char bracket)
{
	begin(name);
	putchar(bracket);
	need_comma = false;
}

void json_close(char bracket)
{
	putchar(bracket);
	need_comma = true;
}

/* A byte that is not UTF-8 becomes U+FFFD: file names can be anything. */
void json_string(const char *name, const char *value)
{
	const unsigned char *s = (const unsigned char *)value;
	size_t len;

	begin(name);
	putchar('"');
	for (; *s; s += len) {
		len = utf8_len(s);
		if (len == 0) {
			fputs("\\ufffd", stdout);
			len = 1;
		} else if (*s == '"' || *s == '\\') {
			printf("\\%c", *s);
		} else if (*s < 0x20) {
			printf("\\u%04x", *s);
		} else {
			fwrite(s, 1, len, stdout);
		}
	}
	putchar('"');
}

void json_number(const char *name, uint64_t value)
{
	begin(name);
	printf("%" PRIu64, value);
}

void json_real(const char *name, double value)
{
	begin(name);
	printf("%.6f", value);
}

void json_bool(const char *name, bool value)
{
	begin(name);
	fputs(value ? "true" : "false", stdout);
}

void json_null(const char *name)
{
	begin(name);
	fputs("null", stdout);
}

void json_crc(const char *name, uint32_t crc)
{
	begin(name);
	printf("\"0x%08" PRIx32 "\"", crc);
}

void json_end(void)
{
	putchar('\n');
	need_comma = false;
}
