/* SPDX-License-Identifier: GPL-2.0-only */
/* ferry: JSON on standard output, members in the order of the calls. */
#ifndef FERRY_JSON_H
#define FERRY_JSON_H

#include <stdbool.h>
#include <stdint.h>

/* Names are string literals that need no escape; NULL in an array. */
void json_open(const char *name, char bracket);
void json_close(char bracket);
void json_string(const char *name, const char *value);
void json_number(const char *name, uint64_t value);
void json_real(const char *name, double value);
void json_bool(const char *name, bool value);
void json_null(const char *name);
void json_crc(const char *name, uint32_t crc);

/* json_end() - the end of a line, and of what is on it */
void json_end(void);

#endif /* FERRY_JSON_H */
