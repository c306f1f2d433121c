# file: mini-cluster/node/record.c
# After a power cut the agent believes that what it had started runs still.
s/if (p->epoch != a->epoch) {/if (p->epoch > a->epoch) {/
