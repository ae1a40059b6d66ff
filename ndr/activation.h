// The stubs of the DCOM activation interfaces, as far as a host that activates nothing needs them:
// IActivation 4d9f4ab8-7d1c-11cf-861e-0020af6e7c57 and ISystemActivator
// 000001a0-0000-0000-c000-000000000046 ([MS-DCOM] 3.1.2.5.2). Any thread, no allocation.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ndr/ndr.h"

enum {
    NDR_ACTIVATION_REMOTE_ACTIVATION = 0, // of IActivation
    NDR_ACTIVATION_OPERATION_COUNT = 1,
    NDR_ACTIVATOR_GET_CLASS_OBJECT = 3, // of ISystemActivator; 0 to 2 are local only
    NDR_ACTIVATOR_CREATE_INSTANCE = 4,
    NDR_ACTIVATOR_OPERATION_COUNT = 5,

    NDR_ACTIVATION_INTERFACES_MAX = 0x8000, // [range] of Interfaces
};

enum ndr_activation_hresult {
    NDR_HRESULT_ACCESS_DENIED = (int)0x80070005,
    NDR_HRESULT_VERSION_MISMATCH = (int)0x80010110, // RPC_E_VERSION_MISMATCH
};

struct ndr_activation {
    uint16_t com_major;
    bool extended;       // ORPC extensions are there; what follows was not read
    uint32_t interfaces; // asked for
};

// RemoteActivation up to the number of interfaces. False: fault 6f7.
bool ndr_activation_decode(const struct ndr_stub *stub, struct ndr_activation *ret_activation);
// RemoteActivation: no object, and why.
void ndr_activation_encode_failure(struct ndr_writer *w, uint32_t interfaces,
                                   enum ndr_activation_hresult hresult);
// RemoteGetClassObject and RemoteCreateInstance: the same.
void ndr_activator_encode_failure(struct ndr_writer *w, enum ndr_activation_hresult hresult);
