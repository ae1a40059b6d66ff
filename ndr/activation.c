#include "ndr/activation.h"

#include "ndr/oxid.h"

// [unique, string]: skipped.
static void skip_string(struct ndr_reader *r)
{
    if (ndr_read_pointer(r) == 0)
        return;
    uint32_t max = ndr_read_count(r);
    ndr_read_count(r); // offset
    uint32_t count = ndr_read_count(r);
    r->failed |= count > max || count > UINT32_MAX / 2;
    ndr_read_bytes(r, r->failed ? 0 : count * 2);
}

// [unique] MInterfacePointer ([MS-DCOM] 2.2.14): skipped.
static void skip_interface_pointer(struct ndr_reader *r)
{
    if (ndr_read_pointer(r) == 0)
        return;
    uint32_t max = ndr_read_count(r);
    r->failed |= ndr_read_u32(r) != max;
    ndr_read_bytes(r, r->failed ? 0 : max);
}

// ORPCTHIS ([MS-DCOM] 2.2.13.3).
static void read_this(struct ndr_reader *r, struct ndr_activation *activation)
{
    struct base_uuid causality;
    activation->com_major = ndr_read_u16(r);
    ndr_read_u16(r); // minor
    ndr_read_u32(r); // flags
    ndr_read_u32(r); // reserved
    ndr_read_uuid(r, &causality);
    activation->extended = ndr_read_pointer(r) != 0;
}

bool ndr_activation_decode(const struct ndr_stub *stub, struct ndr_activation *ret_activation)
{
    struct ndr_reader r = ndr_reader_init(stub);
    struct ndr_activation activation = {0};
    read_this(&r, &activation);
    if (!activation.extended) {
        struct base_uuid class_id;
        ndr_read_uuid(&r, &class_id);
        skip_string(&r);
        skip_interface_pointer(&r);
        ndr_read_u32(&r); // ClientImpLevel
        ndr_read_u32(&r); // Mode
        activation.interfaces = ndr_read_u32(&r);
        r.failed |= activation.interfaces == 0;
        r.failed |= activation.interfaces > NDR_ACTIVATION_INTERFACES_MAX;
    }
    if (r.failed)
        return false;
    *ret_activation = activation;
    return true;
}

// ORPCTHAT ([MS-DCOM] 2.2.13.4): no flags, no extensions.
static void write_that(struct ndr_writer *w)
{
    ndr_write_u32(w, 0);
    ndr_write_pointer(w, 0);
}

void ndr_activation_encode_failure(struct ndr_writer *w, uint32_t interfaces,
                                   enum ndr_activation_hresult hresult)
{
    static const struct base_uuid nil;
    write_that(w);
    ndr_write_u64(w, 0);     // OXID
    ndr_write_pointer(w, 0); // its bindings
    ndr_write_uuid(w, &nil); // IPID of IRemUnknown
    ndr_write_u32(w, 0);     // authentication hint
    ndr_write_u16(w, NDR_COM_MAJOR);
    ndr_write_u16(w, NDR_COM_MINOR);
    ndr_write_u32(w, (uint32_t)hresult);
    ndr_write_count(w, interfaces);
    for (uint32_t i = 0; i < interfaces && !w->failed; i++)
        ndr_write_pointer(w, 0);
    ndr_write_count(w, interfaces);
    for (uint32_t i = 0; i < interfaces && !w->failed; i++)
        ndr_write_u32(w, 0);
    ndr_write_u32(w, 0); // error_status_t
}

void ndr_activator_encode_failure(struct ndr_writer *w, enum ndr_activation_hresult hresult)
{
    write_that(w);
    ndr_write_pointer(w, 0); // the activation properties
    ndr_write_u32(w, (uint32_t)hresult);
}
