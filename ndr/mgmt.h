// The stubs of the remote management interface, afa8bd80-7d8a-11c9-bef4-08002b102989 1.0
// (C706 appendix Q): server half. All functions: any thread, no allocation.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ndr/ndr.h"
#include "ndr/tower.h"

enum {
    NDR_MGMT_INQ_IF_IDS = 0,
    NDR_MGMT_INQ_STATS = 1,
    NDR_MGMT_IS_SERVER_LISTENING = 2,
    NDR_MGMT_STOP_SERVER_LISTENING = 3,
    NDR_MGMT_INQ_PRINC_NAME = 4,
    NDR_MGMT_OPERATION_COUNT = 5,

    NDR_MGMT_STATS_MAX = 50,        // [range] of count
    NDR_MGMT_PRINC_NAME_MAX = 4096, // [range] of princ_name_size
};

// inq_stats: count u32; Samba sends a second u32, which is ignored. False: fault 6f7 (also by
// range).
bool ndr_mgmt_decode_inq_stats(const struct ndr_stub *stub, uint32_t *ret_count);
// inq_princ_name: authn_svc u32, princ_name_size u32. False: fault 6f7 (also by range, and size 0).
bool ndr_mgmt_decode_inq_princ_name(const struct ndr_stub *stub, uint32_t *ret_service,
                                    uint32_t *ret_size);

// inq_if_ids: the vector of interface ids and status. An empty list is a NULL pointer.
void ndr_mgmt_encode_if_ids(struct ndr_writer *w, const struct ndr_syntax_id *ids, uint32_t count,
                            uint32_t status);
void ndr_mgmt_encode_stats(struct ndr_writer *w, const uint32_t *values, uint32_t count,
                           uint32_t status);
void ndr_mgmt_encode_listening(struct ndr_writer *w, bool listening);
// inq_princ_name: empty name and `status`, in `size` octets of room as the client offered.
void ndr_mgmt_encode_princ_name(struct ndr_writer *w, uint32_t size, uint32_t status);
