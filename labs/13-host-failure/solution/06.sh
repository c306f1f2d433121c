# First the pods leave ...
kubectl drain worker-1 --ignore-daemonsets
# ... then the power.
kubectl patch host worker-1 --type merge -p '{"spec":{"power":"Off"}}'
