// What makes an ept_entry_t acceptable, and the entry made of it. Private to mapper/; called by
// the control thread.
#pragma once

#include <stdbool.h>

#include "mapper/entry.h"

// Checks a registration (C706 ept_insert) and takes its tower apart. NDR_EPM_STATUS_OK, or
// INVALID_ENTRY with *ret_tower untouched.
uint32_t mapper_registration_check(const struct ndr_epm_entry *registration,
                                   bool allow_nil_interface, struct ndr_tower *ret_tower);

// An entry in its own allocation, not in a slot yet; the registration has been checked and `tower`
// is its own. NULL: no memory. Free with mapper_entry_destroy.
struct mapper_entry *mapper_entry_create(const struct ndr_epm_entry *registration,
                                         const struct ndr_tower *tower, enum mapper_origin origin);
void mapper_entry_destroy(const struct mapper_entry *entry);
