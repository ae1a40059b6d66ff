// The parts that several endpoint mapper stubs share: towers and arrays of entries (C706
// appendix O, twr_t and ept_entry_t). Private to ndr/. All functions: any thread.
#pragma once

#include "ndr/epm.h"

// twr_t (C706 appendix L): conformance, length, octets. Fails the reader when conformance and
// length disagree or the length is over NDR_TOWER_MAX.
struct ndr_epm_tower_span ndr_epm_read_tower(struct ndr_reader *r);
void ndr_epm_write_tower(struct ndr_writer *w, const uint8_t *octets, uint32_t size);

// `count` (at most NDR_EPM_ENTRIES_MAX) referent ids already read, then their towers: a null
// pointer gives a NULL span, an id seen before gives the span of that one (C706 14.3.11: a full
// pointer's referent is transmitted once).
void ndr_epm_read_towers(struct ndr_reader *r, const uint32_t *referents, uint32_t count,
                         struct ndr_epm_tower_span *ret_spans);

// The elements of an array of ept_entry_t and the towers deferred behind them. `count` is at most
// NDR_EPM_ENTRIES_MAX.
void ndr_epm_read_entries(struct ndr_reader *r, struct ndr_epm_entry *ret_entries, uint32_t count);
void ndr_epm_write_entries(struct ndr_writer *w, const struct ndr_epm_entry *entries,
                           uint32_t count, uint32_t first_referent);

// offset and actual count of a varying array whose conformance has been read. Fails the reader
// unless the offset is 0 and the actual count is `count`, which the conformance holds.
void ndr_epm_read_variance(struct ndr_reader *r, uint32_t conformance, uint32_t count);

// A referent id, and the step to the next: never 0, also when the numbers wrap.
uint32_t ndr_epm_next_referent(uint32_t *next);

// A pointer to a UUID or an interface id, and what it points to when it is not null.
// Returns the referent id.
uint32_t ndr_epm_read_object(struct ndr_reader *r, struct base_uuid *ret_object);
uint32_t ndr_epm_read_interface(struct ndr_reader *r, struct ndr_syntax_id *ret_interface);
