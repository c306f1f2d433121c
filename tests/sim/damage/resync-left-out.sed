# file: mini-cluster/node/sweep.c
# An event that was lost is never made up for.
s/loop_timer_start(n->list_timer, RESYNC);/;/
