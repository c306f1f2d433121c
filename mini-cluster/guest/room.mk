# SPDX-License-Identifier: Apache-2.0
# The guest travels in every image and runs in every pod: nothing in it that is not called.
build/guest/podlab-guest: MUSL_CC += -fno-asynchronous-unwind-tables -ffunction-sections \
  -fdata-sections -Wl,--gc-sections -Wl,-z,noseparate-code -Wl,-z,norelro -Wl,--build-id=none

# The same code for this machine: tests run it in their own process.
$(B)/lib/guest.a: $(call objs,$(filter-out mini-cluster/guest/main.c,$(wildcard mini-cluster/guest/*.c)))
	@mkdir -p $(@D)
	@rm -f $@
	@$(AR) rcs $@ $^
$(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/net/guest_*_test.c)): $(B)/lib/guest.a
