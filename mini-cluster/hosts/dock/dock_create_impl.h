/* SPDX-License-Identifier: Apache-2.0 */
/* The readers of single fields, which the tables of more than one body use. */
#ifndef HOSTS_DOCK_DOCK_CREATE_IMPL_H
#define HOSTS_DOCK_DOCK_CREATE_IMPL_H

#include "hosts/dock/dock_create.h"
#include "hosts/dock/dock_fields.h"

#define DOCK_PIDS 2048 /* a fork bomb ends at its own container */
#define DOCK_ANY_INT .min = 0, .max = INT64_MAX
#define DOCK_OUTSIDE(what) what " would reach the machine below this host"

/* ---- dock_bodies.c ---- */
dock_field_fn dock_create_labels_read;
dock_field_fn dock_create_nano_cpus;
dock_field_fn dock_create_swappiness;
dock_field_fn dock_create_pids;

/* ---- dock_hostconfig.c ---- */
dock_field_fn dock_create_host; /* HostConfig */

/* ---- dock_mounts.c ---- */
dock_field_fn dock_mounts_binds;
dock_field_fn dock_mounts_mounts;
dock_field_fn dock_mounts_volumes;
dock_field_fn dock_mounts_tmpfs;

/* Rows of a table: what limits a container, in a body of its own or in HostConfig. */
#define DOCK_LIMITS                                                                                \
    DOCK_TAKE("CpuShares", DOCK_INT, .min = 0, .max = 262144),                                     \
        DOCK_TAKE("Memory", DOCK_INT, DOCK_ANY_INT),                                               \
        DOCK_TAKE("MemoryReservation", DOCK_INT, DOCK_ANY_INT),                                    \
        DOCK_TAKE("MemorySwap", DOCK_INT, .min = -1, .max = INT64_MAX),                            \
        DOCK_TAKE("MemorySwappiness", DOCK_OWN, .fn = dock_create_swappiness),                     \
        DOCK_TAKE("CpuPeriod", DOCK_INT, .min = 0, .max = 1000000),                                \
        DOCK_TAKE("CpuQuota", DOCK_INT, .min = -1, .max = INT64_MAX),                              \
        DOCK_TAKE("PidsLimit", DOCK_OWN, .fn = dock_create_pids),                                  \
        DOCK_REFUSE("CgroupParent", DOCK_OUTSIDE("a cgroup parent")),                              \
        DOCK_REFUSE("BlkioWeight", "a podlab host has no disk of its own"),                        \
        DOCK_REFUSE("BlkioWeightDevice", "a podlab host has no disk of its own"),                  \
        DOCK_REFUSE("BlkioDeviceReadBps", "a podlab host has no disk of its own"),                 \
        DOCK_REFUSE("BlkioDeviceWriteBps", "a podlab host has no disk of its own"),                \
        DOCK_REFUSE("BlkioDeviceReadIOps", "a podlab host has no disk of its own"),                \
        DOCK_REFUSE("BlkioDeviceWriteIOps", "a podlab host has no disk of its own"),               \
        DOCK_REFUSE("CpuRealtimePeriod", DOCK_OUTSIDE("real-time scheduling")),                    \
        DOCK_REFUSE("CpuRealtimeRuntime", DOCK_OUTSIDE("real-time scheduling")),                   \
        DOCK_REFUSE("CpusetCpus", DOCK_OUTSIDE("choosing processors")),                            \
        DOCK_REFUSE("CpusetMems", DOCK_OUTSIDE("choosing memory nodes")),                          \
        DOCK_REFUSE("Devices", DOCK_OUTSIDE("a device")),                                          \
        DOCK_REFUSE("DeviceCgroupRules", DOCK_OUTSIDE("a device")),                                \
        DOCK_REFUSE("DeviceRequests", DOCK_OUTSIDE("a device")),                                   \
        DOCK_REFUSE("KernelMemory", "kernel memory is not limited apart"),                         \
        DOCK_REFUSE("KernelMemoryTCP", "kernel memory is not limited apart"),                      \
        DOCK_REFUSE("OomKillDisable", "a container that takes too much memory is killed here"),    \
        DOCK_REFUSE("Ulimits", "limits are --memory, --cpus and --pids-limit here"),               \
        DOCK_REFUSE("CpuCount", "this is not Windows"),                                            \
        DOCK_REFUSE("CpuPercent", "this is not Windows"),                                          \
        DOCK_REFUSE("IOMaximumIOps", "this is not Windows"),                                       \
        DOCK_REFUSE("IOMaximumBandwidth", "this is not Windows")

#endif
