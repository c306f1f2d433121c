# file: mini-cluster/controllers/node_lifecycle.c
# A node is doubted when one heartbeat did not come.
s/uint64_t grace = (\*c->clock)->grace;/uint64_t grace = (*c->clock)->heartbeat;/
