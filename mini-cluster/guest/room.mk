# SPDX-License-Identifier: Apache-2.0
# The guest travels in every image and runs in every pod: nothing in it that is not called.
build/guest/podlab-guest: MUSL_CC += -fno-asynchronous-unwind-tables -ffunction-sections \
  -fdata-sections -Wl,--gc-sections -Wl,-z,noseparate-code -Wl,-z,norelro -Wl,--build-id=none
