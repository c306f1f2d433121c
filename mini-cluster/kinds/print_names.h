/* SPDX-License-Identifier: Apache-2.0 */
/* Every column printer that the kinds' data may name, so that the generator can refuse the others;
 * in alphabetical order, which print_find() relies on. */
#ifndef KINDS_PRINT_NAMES_H
#define KINDS_PRINT_NAMES_H

/* X(name in the data, function) */
#define PRINT_NAMES(X)                                                                             \
    X("age", print_age)                                                                            \
    X("bool", print_bool)                                                                          \
    X("config-map-data", print_config_map_data)                                                    \
    X("container-images", print_container_images)                                                  \
    X("container-names", print_container_names)                                                    \
    X("count", print_count)                                                                        \
    X("endpoints", print_endpoints)                                                                \
    X("event-count", print_event_count)                                                            \
    X("event-first-seen", print_event_first_seen)                                                  \
    X("event-last-seen", print_event_last_seen)                                                    \
    X("event-message", print_event_message)                                                        \
    X("event-object", print_event_object)                                                          \
    X("event-source", print_event_source)                                                          \
    X("ingress-address", print_ingress_address)                                                    \
    X("ingress-ports", print_ingress_ports)                                                        \
    X("job-completions", print_job_completions)                                                    \
    X("job-duration", print_job_duration)                                                          \
    X("job-status", print_job_status)                                                              \
    X("join", print_join)                                                                          \
    X("labels", print_labels)                                                                      \
    X("node-external-ip", print_node_external_ip)                                                  \
    X("node-internal-ip", print_node_internal_ip)                                                  \
    X("node-roles", print_node_roles)                                                              \
    X("node-status", print_node_status)                                                            \
    X("owner-ref", print_owner_ref)                                                                \
    X("path", print_path)                                                                          \
    X("pod-readiness-gates", print_pod_readiness_gates)                                            \
    X("pod-ready", print_pod_ready)                                                                \
    X("pod-restarts", print_pod_restarts)                                                          \
    X("pod-status", print_pod_status)                                                              \
    X("ready-of-desired", print_ready_of_desired)                                                  \
    X("selector", print_selector)                                                                  \
    X("service-external-ip", print_service_external_ip)                                            \
    X("service-ports", print_service_ports)                                                        \
    X("slice-endpoints", print_slice_endpoints)                                                    \
    X("slice-ports", print_slice_ports)

#endif
