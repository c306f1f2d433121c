# file: mini-cluster/controllers/node_eviction.c
# Pods of a silent node stay ready, so that services lead to them.
s/pod = w->ready ? pod : mark_not_ready(w->c, pod);/(void)mark_not_ready;/
