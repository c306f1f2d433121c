# why: host-on
kubectl drain worker-3 --ignore-daemonsets
