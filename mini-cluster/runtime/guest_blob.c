/* SPDX-License-Identifier: Apache-2.0 */
/* Includes the guest program's bytes; room.mk says which file and rebuilds this when it changes. */
#include "runtime/guest_blob.h"

__asm__(".pushsection .rodata\n"
        ".balign 16\n"
        ".global guest_blob\n"
        ".global guest_blob_end\n"
        "guest_blob:\n"
        ".incbin \"" GUEST_BLOB_FILE "\"\n"
        "guest_blob_end:\n"
        ".popsection\n");
