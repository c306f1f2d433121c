# SPDX-License-Identifier: Apache-2.0
# The guest program is carried inside the archive of this room.
GUEST_BLOB ?= build/guest/podlab-guest
$(B)/obj/mini-cluster/runtime/guest_blob.o: $(GUEST_BLOB)
$(B)/obj/mini-cluster/runtime/guest_blob.o: CFLAGS_ALL += -DGUEST_BLOB_FILE='"$(GUEST_BLOB)"'
