# file: mini-cluster/controllers/node_eviction.c
# Pods are given up the moment their node is not Ready.
s/uint64_t left = wait > waited ? wait - waited : 0;/uint64_t left = 0 * (wait > waited);/
