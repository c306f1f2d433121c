# file: mini-cluster/controllers/node_lifecycle.c
# A closed lid counts as silence.
s/^    loop_on_gap(c->loop, on_gap, c);/    (void)on_gap;/
s/^    loop_off_gap(c->loop, on_gap, c);//
