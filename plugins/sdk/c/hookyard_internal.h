// What the files of the SDK share. Plugins do not include this file.
#ifndef HOOKYARD_INTERNAL_H
#define HOOKYARD_INTERNAL_H

#include <stdarg.h>

#include "hookyard.h"

hy_string hy_vformat(const char *format, va_list arguments);
// Appends to a text that only this function writes. It is empty at first.
void hy_join(hy_string *text, hy_string more);
bool hy_parse_int(hy_string text, int64_t *value);
// Keeps a host's error that a function cannot return. The attempt ends with it.
void hy_pend(hy_outcome outcome);
// Returns the outcome of the attempt: the kept error if there is one.
hy_outcome hy_settle(hy_outcome outcome);

// Why the host does not accept an answer.
#define HY_NOT_ASKED "the source does not ask this plugin for a response"
#define HY_ALREADY "this attempt has responded already"

#endif
