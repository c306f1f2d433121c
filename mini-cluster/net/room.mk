# SPDX-License-Identifier: Apache-2.0
# The wire's code is shared with the guest program.
extra_net := $(call objs,mini-cluster/guest/wire.c mini-cluster/guest/table.c)
