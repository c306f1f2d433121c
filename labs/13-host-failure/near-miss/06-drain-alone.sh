# why: host-on
kubectl drain worker-1 --ignore-daemonsets
