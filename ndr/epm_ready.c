#include "ndr/epm_ready.h"

#include "base/bytes.h"

void ndr_epm_ready_write(uint8_t *stub, const uint8_t *tower, uint32_t tower_size)
{
    static const struct ndr_context_handle null_handle;
    const struct ndr_epm_tower_span span = {tower, tower_size};
    struct ndr_writer w =
        ndr_writer_init(stub, ndr_epm_ready_size(tower_size), NDR_SYNTAX_20, false);
    ndr_epm_encode_map_reply(&w, &null_handle, 0, 1, &span, 1, NDR_EPM_STATUS_OK);
    base_store_le32(stub + NDR_EPM_READY_REFERENT, 0);
}
